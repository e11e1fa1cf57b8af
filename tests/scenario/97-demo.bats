#!/usr/bin/env bats
# The README's first command does what it says and leaves nothing behind. Installation too.
load ../lib/common

@test "./run demo: ten containers from this host in well under a minute, offline, nothing left" {
	local before after t0=$SECONDS
	[[ $COPPICE_BUILD != *asan* ]] || skip "once is enough"
	before=$(ls -A /var/tmp | grep -v '^ct\.' | sort)
	T=120 run timeout 120 "$T_LIB/../../tools/demo" 3>&- </dev/null
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	[ $((SECONDS - t0)) -lt 60 ]
	[[ $output == *"coppice base build"* && $output == *"coppice launch"* && $output == *"coppice exec"* && $output == *"coppice list"* && $output == *"coppice df"* ]]
	[[ $output == *"nothing is left"* ]]
	after=$(ls -A /var/tmp | grep -v '^ct\.' | sort)
	same "$after" "$before"
}

@test "an installed tree works from its prefix" {
	[[ $COPPICE_BUILD != *asan* && $COPPICE_BUILD != *clang* ]] || skip "once is enough"
	command -v meson >/dev/null || skip "meson is not installed"
	DESTDIR=$T_TMP/dest run timeout 120 meson install -C "$COPPICE_BUILD" --no-rebuild --quiet 3>&-
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	local bin
	bin=$(find "$T_TMP/dest" -name coppice -type f -perm -u+x | grep /bin/ | head -n 1)
	[ -n "$bin" ]
	"$bin" version
	find "$T_TMP/dest" -name coppice.1 -o -name 'coppice.1.gz' | grep -q .
}
