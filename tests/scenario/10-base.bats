#!/usr/bin/env bats
# Bases: made from every source, listed, verified, never changed, refused while used.
load ../lib/common

version_of() { c base list -f json | jq -r ".bases[] | select(.name == \"$1\" and .current) | .version"; }

# A small tree of its own for each test that changes one.
tree() {
	rm -rf "$T_TMP/tree"
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/tree"
}

@test "the bases built for this run are listed, with version, sizes and seal" {
	ok base list
	has bb
	has host
	ok base list -f json
	same "$(jq -r .schema <<<"$output")" coppice.base/1
	jq -e '.bases[] | select(.name == "bb") | .version and .common_bytes > 0 and .common_files > 0 and .current == true' <<<"$output" || show_run
}

@test "the small base of this host was made of the essential packages and runs" {
	ok run host -- /bin/sh -c 'ls /usr/bin | wc -l; cat /etc/os-release'
	has ID=
}

@test "base show tells source, digest, seal level and users" {
	ok create bb user1
	ok base show bb
	has bb
	has user1
	ok -f json base show bb
	jq -e '.base.digest | length == 64' <<<"$output" || show_run
	ok delete --purge user1
}

@test "the same input twice gives the same version" {
	local one two
	one=$(version_of bb)
	ok base build bb2 --from "$COPPICE_TEST_DIR/bb.tar"
	two=$(version_of bb2)
	same "$two" "$one"
	ok base delete bb2
}

@test "a directory and a tar of it give the same version" {
	ok base build fromdir --from "$COPPICE_TEST_DIR/bb"
	same "$(version_of fromdir)" "$(version_of bb)"
	ok base delete fromdir
}

@test "tar.gz, tar.xz and tar.zst are read" {
	local f
	gzip -c "$COPPICE_TEST_DIR/bb.tar" >"$T_TMP/b.tar.gz"
	xz -0 -c "$COPPICE_TEST_DIR/bb.tar" >"$T_TMP/b.tar.xz"
	zstd -q -c "$COPPICE_TEST_DIR/bb.tar" >"$T_TMP/b.tar.zst"
	for f in gz xz zst; do
		ok base build "c$f" --from "$T_TMP/b.tar.$f"
		same "$(version_of "c$f")" "$(version_of bb)"
		ok base delete "c$f"
	done
}

@test "a changed input gives a new version beside the old, and current moves" {
	tree
	ok base build ch --from "$T_TMP/tree"
	local old
	old=$(version_of ch)
	echo changed >"$T_TMP/tree/usr/lib/changed"
	ok base build ch --from "$T_TMP/tree"
	[ "$(version_of ch)" != "$old" ]
	same "$(c base list -f json | jq '[.bases[] | select(.name == "ch")] | length')" 2
	ok base delete "ch@$old"
	ok base delete ch
}

@test "secrets and identity do not survive into a base" {
	local dir
	dir=$T_ROOT/bases/bb/current/skel
	[ -d "$dir" ]
	run ! grep -rq SECRET-HOST-KEY "$dir"
	[ ! -e "$dir/etc/ssh/ssh_host_ed25519_key" ]
	run ! grep -rq 0123456789abcdef0123456789abcdef "$dir"
	run ! grep -rq old-name "$dir"
	run ! grep -q /dev/vda "$dir/etc/fstab"
	run ! grep -rqa SECRET-HOST-KEY "$T_ROOT"/bases/bb/*/
}

@test "the build reports what was scrubbed and how big the parts are" {
	run --separate-stderr c base build rep --from "$COPPICE_TEST_DIR/bb"
	[ "$status" = 0 ] || show_run
	[[ $output$stderr == *ssh_host_ed25519_key* ]] || show_run
	[[ $output$stderr == *machine-id* ]] || show_run
	ok base delete rep
}

@test "host secrets are not in the base of this host" {
	local f dir=$T_ROOT/bases/host/current/skel
	[ ! -s "$dir/etc/machine-id" ] || run ! cmp -s /etc/machine-id "$dir/etc/machine-id"
	for f in "$dir"/etc/ssh/ssh_host_*; do [ ! -e "$f" ] || { echo "host key in the base: $f"; return 1; }; done
	run ! grep -qE '^[^:]+:\$' "$dir/etc/shadow"
}

@test "never in a base: content of dev, proc, sys, run, tmp" {
	tree
	echo x >"$T_TMP/tree/run/secret"
	echo x >"$T_TMP/tree/tmp/secret"
	mknod "$T_TMP/tree/dev/null" c 1 3 || skip "cannot make device nodes here"
	ok base build nev --from "$T_TMP/tree"
	[ -z "$(find "$T_ROOT/bases/nev/" -name secret)" ]
	ok run nev -- /bin/sh -c 'ls /run/secret /tmp/secret 2>/dev/null; true'
	is ""
	ok base delete nev
}

@test "set-id bits, file capabilities and extended attributes survive" {
	needs setfattr setcap
	tree
	chmod 4755 "$T_TMP/tree/usr/bin/guest"
	setfattr -n user.coppice -v kept "$T_TMP/tree/usr/bin/probe" || skip "this file system has no user attributes"
	setcap cap_net_bind_service=ep "$T_TMP/tree/usr/bin/probe"
	ok base build xat --from "$T_TMP/tree"
	ok run xat -- /usr/bin/guest stat /usr/bin/guest
	is "0 0 4755"
	ok base delete xat
}

@test "a tree without merged usr is accepted" {
	tree
	local d
	for d in bin sbin lib; do
		rm "$T_TMP/tree/$d"
		mv "$T_TMP/tree/usr/$d" "$T_TMP/tree/$d"
		mkdir "$T_TMP/tree/usr/$d"
	done
	ok base build split --from "$T_TMP/tree"
	ok run split -- /bin/sh -c 'echo lives; touch /bin/x 2>&1; true'
	has lives
	[[ $output == *"Read-only"* ]] || show_run
	ok base delete split
}

@test "the recipe's own layout, common/ with links into it, is accepted" {
	tree
	mkdir "$T_TMP/tree/common"
	rm "$T_TMP/tree"/{bin,sbin,lib}
	local d
	for d in bin sbin lib; do mv "$T_TMP/tree/usr/$d" "$T_TMP/tree/common/$d"; ln -s "common/$d" "$T_TMP/tree/$d"; done
	mv "$T_TMP/tree/usr" "$T_TMP/tree/common/usr"
	ln -s common/usr "$T_TMP/tree/usr"
	mkdir -p "$T_TMP/tree/common/usr/bin"
	cp "$T_TMP/tree/common/bin/guest" "$T_TMP/tree/common/bin/probe" "$T_TMP/tree/common/usr/bin/"
	ok base build recipe --from "$T_TMP/tree"
	ok run recipe -- /bin/sh -c 'echo lives'
	is lives
	ok base delete recipe
}

@test "verify accepts what is whole and names what was changed" {
	ok base verify bb
	tree
	ok base build bad --seal tree --from "$T_TMP/tree"
	ok base verify bad
	local f
	f=$(find "$T_ROOT"/bases/bad -name probe -type f | head -n 1)
	[ -n "$f" ]
	chattr -i "$f" 2>/dev/null || true
	printf 'X' | dd of="$f" bs=1 seek=1000 conv=notrunc 2>/dev/null
	fails 1 base verify bad
	err_has probe
	ok base delete bad
}

@test "verify notices a changed image" {
	needs erofs
	local f
	ok base build img --from "$COPPICE_TEST_DIR/bb"
	f=$(find "$T_ROOT"/bases/img -name image.erofs | head -n 1)
	[ -n "$f" ] || skip "no image here: $(c base list -f json | jq -c '.bases[] | select(.name == "img") | .seal')"
	chmod u+w "$f"
	printf 'XXXXXXXXXXXXXXXX' | dd of="$f" bs=1 seek=$(($(stat -c %s "$f") / 2)) conv=notrunc 2>/dev/null
	fails 1 base verify img
	ok base delete img
}

@test "delete is refused while a container is pinned to it, and names it" {
	ok base build pin --from "$COPPICE_TEST_DIR/bb"
	ok create pin holder
	fails 4 base delete pin
	err_has holder
	ok delete --purge holder
	ok base delete pin
	fails 3 base show pin
	ok base delete --if-exists pin
}

@test "delete is refused while a build or a container runs from it" {
	ok base build pin2 --from "$COPPICE_TEST_DIR/bb"
	ok launch pin2 runner -- /bin/sleep 1000
	fails 4 base delete pin2
	ok delete --force --purge runner
	ok base delete pin2
}

@test "a plain tree works as the last resort, sealed by a locked mount" {
	ok base build plain --seal tree --from "$COPPICE_TEST_DIR/bb"
	ok launch plain pt -- /bin/sleep 1000
	same "$(field pt base_level)" tree
	ok exec pt -- /usr/bin/probe base_write base_unmount
	has "0 of 27 open"
	ok delete --force --purge pt
	ok base delete plain
}

@test "a loop device carries the image where files cannot be mounted" {
	needs loop erofs
	COPPICE_DISABLE=erofs-file ok launch bb lo1 -- /bin/sleep 1000
	case $(field lo1 base_level) in
	erofs-loop) ok exec lo1 -- /bin/true ;;
	*) ok delete --force --purge lo1; skip "this build cannot be told to use a loop device" ;;
	esac
	ok delete --force --purge lo1
	run ! grep -q . <(losetup -l -n -O BACK-FILE | grep "$T_ROOT")
}

@test "the level of the seal that was reached is told" {
	up lev
	ok -f json show lev
	jq -e '[.. | .base_level? // empty][0] | IN("erofs-file", "erofs-loop", "tree")' <<<"$output" || show_run
	ok delete --force --purge lev
}

@test "a source that is not there, is empty, or is no archive: told, nothing left" {
	fails 3 base build x1 --from "$T_TMP/nowhere"
	mkdir -p "$T_TMP/empty"
	run --separate-stderr c base build x2 --from "$T_TMP/empty"
	[ "$status" != 0 ] || show_run
	head -c 100000 /dev/urandom >"$T_TMP/noise.tar"
	run --separate-stderr c base build x3 --from "$T_TMP/noise.tar"
	[ "$status" != 0 ] || show_run
	three_lines
	head -c 500000 "$COPPICE_TEST_DIR/bb.tar" >"$T_TMP/cut.tar"
	run --separate-stderr c base build x4 --from "$T_TMP/cut.tar"
	[ "$status" != 0 ] || show_run
	three_lines
	ok base list
	hasnt x1
	hasnt x2
	hasnt x3
	hasnt x4
	[ -z "$(ls -A "$T_ROOT/staging" 2>/dev/null)" ]
}

@test "a build that is killed leaves no base, and the next one sweeps up" {
	local i
	for i in 1 2 3 4 5 6; do
		timeout -s KILL "0.0$((i * 3))" "$COPPICE" base build killed --from "$COPPICE_TEST_DIR/bb" >/dev/null 2>&1 3>&- </dev/null || true
	done
	ok base build killed --from "$COPPICE_TEST_DIR/bb"
	same "$(version_of killed)" "$(version_of bb)"
	[ -z "$(ls -A "$T_ROOT/staging" 2>/dev/null)" ]
	ok base delete killed
}

@test "two builds of one name at once both end well or one says busy" {
	local a b
	c base build twin --from "$COPPICE_TEST_DIR/bb" >/dev/null 2>"$T_TMP/a" & a=$!
	c base build twin --from "$COPPICE_TEST_DIR/bb" >/dev/null 2>"$T_TMP/b" & b=$!
	local ra=0 rb=0
	wait $a || ra=$?
	wait $b || rb=$?
	[ $ra = 0 ] || [ $rb = 0 ]
	[ $ra = 0 ] || [ $ra = 4 ] || { cat "$T_TMP/a"; return 1; }
	[ $rb = 0 ] || [ $rb = 4 ] || { cat "$T_TMP/b"; return 1; }
	same "$(c base list -f json | jq '[.bases[] | select(.name == "twin")] | length')" 1
	ok base delete twin
}
