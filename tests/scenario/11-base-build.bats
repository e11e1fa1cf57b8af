#!/usr/bin/env bats
# The program that builds and verifies bases, asked directly: its JSON lines, what it puts into the store, what it refuses, and that nothing of a failed
# build stays.
load ../lib/common

setup_file() {
	export IMG=${COPPICE_IMAGE:-$COPPICE_BUILD/src/image/coppice-image}
	[ -x "$IMG" ] || skip "no $IMG"
	[ "$(id -u)" = 0 ] || skip "needs root"
	# A small system that runs nothing: enough of everything the pipeline looks at.
	export SRC=$BATS_FILE_TMPDIR/src
	mkdir -p "$SRC"/{usr/{bin,lib,share,local/bin},etc/{ssh,ssl/private},var/{lib/dpkg/{info,updates},log/app,cache/app,tmp},root/.ssh,dev,proc,sys,run,tmp,home}
	ln -s usr/bin "$SRC/bin"
	ln -s usr/lib "$SRC/lib"
	echo program >"$SRC/usr/bin/tool"
	echo local >"$SRC/usr/local/bin/mine"
	printf 'ID=test\nVERSION_ID="7"\n' >"$SRC/usr/lib/os-release"
	ln -s ../usr/lib/os-release "$SRC/etc/os-release"
	printf '%s\n' "Package: tool" "Status: install ok installed" "Maintainer: nobody" "Architecture: all" "Version: 1" "Description: a tool" >"$SRC/var/lib/dpkg/status"
	printf '/.\n/usr\n/usr/bin\n/usr/bin/tool\n' >"$SRC/var/lib/dpkg/info/tool.list"
	: >"$SRC/var/lib/dpkg/lock"
	echo log >"$SRC/var/log/app/app.log"
	echo cache >"$SRC/var/cache/app/blob"
	printf 'root:x:0:0:root:/root:/bin/sh\n' >"$SRC/etc/passwd"
}

setup() {
	S=$T_TMP/s$BATS_TEST_NUMBER
	rm -rf "$S"
}

teardown() {
	# Whatever a test did: no build of ours is left half-way in its store.
	[ ! -d "$S/staging" ] || [ -z "$(ls -A "$S/staging")" ] || { ls -A "$S/staging"; return 1; }
	rm -rf --one-file-system "$S" "$T_TMP/tree" "$T_TMP/in.tar"
}

build() { # NAME SOURCE [OPTION...]: last line in $last, its members with r FILTER
	local name=$1 from=$2
	shift 2
	run --separate-stderr timeout -k 5 300 "$IMG" build --store "$S" --name "$name" --from "$from" "$@" 3>&- 4>&-
	last=${lines[-1]:-}
	ran="build $name --from $from $*"
}
built() { build "$@" && [ "$status" = 0 ] || show_run; }
refused() { # KIND TEXT NAME SOURCE...: fails with that kind, says TEXT
	local kind=$1 text=$2
	shift 2
	build "$@"
	[ "$status" = 1 ] || { echo "wanted exit status 1"; show_run; return 1; }
	same "$(e .kind)" "$kind" || show_run
	[[ $(e .why) == *"$text"* ]] || { echo "wanted: $text"; show_run; return 1; }
	[ -n "$(e .try)" ] || { echo "no command to try"; show_run; return 1; }
	[ ! -e "$S/bases/$3" ] || [ -z "$(ls -A "$S/bases/$3")" ] || { echo "something of it is in the store"; return 1; }
}
r() { jq -r ".result$1" <<<"$last"; }
e() { jq -r ".error$1" <<<"$last"; }
verify() {
	run --separate-stderr timeout 120 "$IMG" verify --store "$S" --ref "$1" 3>&- 4>&-
	last=${lines[-1]:-}
	ran="verify $1"
}
dir_of() { echo "$S/bases/$1/$(readlink "$S/bases/$1/current")"; }
line_of() { grep -E " $2( |\$)" "$(dir_of "$1")/manifest"; } # NAME PATH-AS-ESCAPED-REGEX
tree() { rm -rf "$T_TMP/tree"; cp -a "$SRC" "$T_TMP/tree"; T=$T_TMP/tree; }
# in_image NAME COMMAND: runs it in a private mount namespace with the image at $M
in_image() {
	needs erofs
	local image
	image=$(dir_of "$1")/image.erofs
	mkdir -p "$T_TMP/m"
	M=$T_TMP/m unshare -m --propagation private -- bash -c 'mount -t erofs -o ro,loop "$1" "$M" 2>/dev/null || mount -t erofs -o ro "$1" "$M" || exit 99; eval "$2"' - "$image" "$2"
}

# ---------------------------------------------------------------- what is said

@test "stdout is JSON lines: progress with a phase, then one result" {
	built a "$SRC"
	local line
	for line in "${lines[@]}"; do jq -e 'type == "object"' <<<"$line" >/dev/null || show_run; done
	[ "${#lines[@]}" -ge 3 ]
	jq -e '.phase | length > 0' <<<"${lines[0]}" >/dev/null
	[ -z "$stderr" ] || show_run
}

@test "the result says what the meta file says" {
	built a "$SRC"
	same "$(r .name)" a
	same "$(r .os)" "test 7"
	same "$(r .source)" "$SRC"
	same "$(r .existing)" false
	same "$(r .merged_usr)" true
	same "$(r .common)" usr
	local key
	for key in version digest seal common_bytes common_files skel_bytes skel_files image_bytes created; do
		same "$(sed -n "s/^$key = //p" "$(dir_of a)/meta")" "$(r ".$key")"
	done
	same "$(head -n 1 "$(dir_of a)/meta")" "format = 1"
}

@test "a failure ends with one error line and exit status 1" {
	refused missing "No such file" a "$T_TMP/nowhere"
	same "$(e .code)" 2
	refused input "is no name" "../a" "$SRC"
	refused input "does not know" a "$SRC" --seal wax
	refused input "--packages" a "$SRC" --packages essential
	refused input "no name of a release" a "mmdebstrap:../x"
}

@test "the version is the beginning of the manifest's sha256" {
	built a "$SRC"
	local sum
	sum=$(sha256sum "$(dir_of a)/manifest" | cut -d' ' -f1)
	same "$(r .digest)" "$sum"
	same "$(r .version)" "${sum:0:16}"
	same "$(readlink "$S/bases/a/current")" "${sum:0:16}"
}

@test "bases and image are for their owner alone" {
	built a "$SRC"
	same "$(stat -c %a "$S")" 700
	same "$(stat -c %a "$(dir_of a)")" 700
	[ "$(r .seal)" != erofs ] || same "$(stat -c %a "$(dir_of a)/image.erofs")" 400
}

# ---------------------------------------------------------------- same in, same out

@test "the same input twice gives the same version, and nothing new" {
	built a "$SRC"
	local v
	v=$(r .version)
	built a "$SRC"
	same "$(r .version)" "$v"
	same "$(r .existing)" true
	same "$(ls "$S/bases/a" | wc -l)" 2
}

@test "images of the same input are equal byte for byte, wherever and whenever they are made" {
	needs erofs
	tree
	built a "$T"
	cp "$(dir_of a)/image.erofs" "$T_TMP/one"
	rm -rf "$S"
	S=$S/elsewhere
	mkdir -p "${S%/*}"
	chmod 700 "${S%/*}"
	built b "$T"
	cmp "$T_TMP/one" "$(dir_of b)/image.erofs"
	rm -f "$T_TMP/one"
}

@test "times are no part of the version, but files keep theirs" {
	tree
	touch -d '2001-02-03 04:05:06.789' "$T/usr/bin/tool"
	built a "$T"
	local v
	v=$(r .version)
	[ "$(r .seal)" != erofs ] || same "$(in_image a 'stat -c %.9Y "$M/usr/bin/tool"')" "$(stat -c %.9Y "$T/usr/bin/tool")"
	touch "$T/usr/bin/tool"
	built a "$T"
	same "$(r .version)" "$v"
}

@test "a mode, an owner, an attribute or a byte more is another version" {
	tree
	built a "$T"
	local v0 v1 v2 v3
	v0=$(r .version)
	chmod 700 "$T/usr/bin/tool"; built a "$T"; v1=$(r .version)
	chown 7 "$T/usr/bin/tool"; built a "$T"; v2=$(r .version)
	echo >>"$T/usr/bin/tool"; built a "$T"; v3=$(r .version)
	same "$(printf '%s\n' "$v0" "$v1" "$v2" "$v3" | sort -u | wc -l)" 4
	same "$(readlink "$S/bases/a/current")" "$v3"
}

@test "a directory and its tar, plain and compressed, are the same base" {
	built a "$SRC"
	local v z
	v=$(r .version)
	tar -C "$SRC" -cf "$T_TMP/in.tar" .
	for z in "cat" "gzip -c" "xz -0 -c" "zstd -q -c" "bzip2 -c"; do
		command -v "${z%% *}" >/dev/null || continue
		$z <"$T_TMP/in.tar" >"$T_TMP/z.tar"
		built "t${z%% *}" "$T_TMP/z.tar"
		same "$(r .version)" "$v"
	done
	rm -f "$T_TMP/z.tar"
}

# ---------------------------------------------------------------- what is in it

@test "identity and secrets are in neither image nor skel, and each is reported" {
	tree
	echo SECRET-marker >"$T/etc/ssh/ssh_host_ed25519_key"
	echo SECRET-marker >"$T/etc/ssh/ssh_host_ed25519_key.pub"
	echo SECRET-marker >"$T/etc/ssl/private/site.key"
	printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nSECRET-marker\n' >"$T/root/.ssh/id_ed25519"
	printf 'x\n-----BEGIN RSA PRIVATE KEY-----\nSECRET-marker\n' >"$T/etc/odd-name"
	echo 0123456789abcdef0123456789abcdef >"$T/etc/machine-id"
	echo SECRET-marker >"$T/etc/hostname"
	echo "nameserver SECRET-marker" >"$T/etc/resolv.conf"
	echo "/dev/SECRET-marker / ext4" >"$T/etc/fstab"
	mkdir -p "$T/var/lib/systemd"
	echo SECRET-marker >"$T/var/lib/systemd/random-seed"
	printf '#!/bin/sh\necho "-----BEGIN PRIVATE KEY-----"\n' >"$T/etc/talks-about-keys"
	built a "$T"
	run ! grep -rqa -e SECRET-marker -e 0123456789abcdef0123456789abcdef "$(dir_of a)"
	local p
	for p in etc/ssh/ssh_host_ed25519_key etc/ssl/private/site.key root/.ssh/id_ed25519 etc/odd-name etc/machine-id etc/hostname etc/resolv.conf etc/fstab \
		var/lib/systemd/random-seed; do
		jq -e --arg p "$p" '.result.scrubbed[] | select(.path == $p) | .why | length > 0' <<<"$last" >/dev/null || { echo "not reported: $p"; show_run; }
	done
	[ -e "$(dir_of a)/skel/etc/machine-id" ] && [ ! -s "$(dir_of a)/skel/etc/machine-id" ]
	[ -e "$(dir_of a)/skel/etc/talks-about-keys" ]
}

@test "content of dev, proc, sys, run and tmp stays out; the places are there, empty" {
	tree
	echo x >"$T/run/secret"
	echo x >"$T/tmp/secret"
	mknod "$T/dev/sda" b 8 0 || skip "cannot make device nodes here"
	rm -rf "$T/proc"
	ln -s /etc "$T/sys/link"
	built a "$T"
	local d
	for d in dev proc sys run tmp; do
		[ -d "$(dir_of a)/skel/$d" ] && [ -z "$(ls -A "$(dir_of a)/skel/$d")" ] || { echo "$d is not an empty directory"; return 1; }
		same "$(line_of a "$d" | cut -c1-3)" "b d"
	done
	same "$(stat -c %a "$(dir_of a)/skel/tmp")" 1777
	run ! grep -q secret "$(dir_of a)/manifest"
}

@test "caches and logs stay out, their directories remain" {
	built a "$SRC"
	[ -d "$(dir_of a)/skel/var/log/app" ] && [ -d "$(dir_of a)/skel/var/cache/app" ]
	run ! grep -qE 'app.log|app/blob' "$(dir_of a)/manifest"
}

@test "skel is the private part: no /usr, but usr/local, and the package database behind a link" {
	built a "$SRC"
	local k
	k=$(dir_of a)/skel
	same "$(ls -A "$k/usr")" local
	same "$(cat "$k/usr/local/bin/mine")" local
	same "$(readlink "$k/var/lib/dpkg")" ../../usr/lib/sysimage/dpkg
	same "$(readlink "$k/bin")" usr/bin
	line_of a usr/lib/sysimage/dpkg/status | grep -q '^i f'
	run ! grep -q 'sysimage/dpkg/lock' "$(dir_of a)/manifest"
	same "$(find "$k" -mindepth 1 | wc -l)" "$(($(r .skel_files) - 1))"
}

@test "dpkg works on the moved database" {
	command -v dpkg-query >/dev/null || skip "this host has no dpkg"
	built a "$SRC" --seal tree
	run dpkg-query --admindir="$(dir_of a)/tree/var/lib/dpkg" -W -f '${Package} ${Version} ${Status}\n'
	is "tool 1 install ok installed"
	run dpkg-query --admindir="$(dir_of a)/tree/var/lib/dpkg" -S /usr/bin/tool
	is "tool: /usr/bin/tool"
}

@test "modes, set-id bits, capabilities, ACLs, attributes, fifos, holes and hard links survive" {
	needs python3
	tree
	chmod 4751 "$T/usr/bin/tool"
	chown 12:34 "$T/usr/bin/tool"
	chmod 4751 "$T/usr/bin/tool"
	ln "$T/usr/bin/tool" "$T/usr/bin/zz-same"
	mkfifo -m 600 "$T/var/pipe"
	truncate -s 8M "$T/usr/lib/hole"
	python3 - "$T" <<-'P' || skip "this file system keeps no extended attributes"
		import os, struct, sys
		t = sys.argv[1]
		os.setxattr(t + "/usr/bin/tool", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
		os.setxattr(t + "/usr/lib/os-release", "user.k", b"v")
		acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in ((1, 6, 0xffffffff), (2, 4, 99), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 4, 0xffffffff)))
		os.setxattr(t + "/etc/passwd", "system.posix_acl_access", acl)
	P
	built a "$T"
	verify a
	[ "$status" = 0 ] || show_run
	line_of a usr/bin/tool | grep -q '^i f 4751 12 34 8 .* [0-9a-f]\{64\} usr/bin/tool$'
	line_of a usr/bin/zz-same | grep -q '^i h 4751 .* usr/bin/zz-same usr/bin/tool$'
	line_of a var/pipe | grep -q '^b p 600'
	line_of a etc/passwd | grep -qv ' - etc/passwd$'
	[ "$(r .seal)" = erofs ] || return 0
	same "$(in_image a 'python3 -c "import os,sys; m=sys.argv[1]; print(len(os.getxattr(m+\"/usr/bin/tool\",\"security.capability\")), os.getxattr(m+\"/usr/lib/os-release\",\"user.k\").decode(), len(os.getxattr(m+\"/etc/passwd\",\"system.posix_acl_access\")))" "$M"')" "20 v 44"
	same "$(in_image a 'stat -c %h "$M/usr/bin/tool"')" 2
}

@test "what deserves a look is warned about: set-id, links into the private part, links across the split" {
	tree
	chmod 4755 "$T/usr/bin/tool"
	ln -s /etc/alternatives/x "$T/usr/bin/x"
	ln "$T/usr/bin/tool" "$T/etc/tool"
	built a "$T"
	local w
	w=$(r .warnings)
	[[ $w == *"set-id"*"usr/bin/tool"* && $w == *"absolute links"*"usr/bin/x"* && $w == *"hard links"* ]] || show_run
	[[ $w == *"no /sbin/init"* && $(r .no_init) = true ]] || show_run
	mkdir -p "$T/usr/sbin"
	ln -s /usr/bin/tool "$T/usr/sbin/init" # as it leads in the tree
	[ -e "$T/sbin" ] || ln -s usr/sbin "$T/sbin"
	built b "$T"
	[[ $(r .warnings) != *"no /sbin/init"* && $(r .no_init) = false ]] || show_run
	verify a
	[ "$status" = 0 ] || show_run
}

@test "a tree without merged usr: each system directory is shared" {
	tree
	rm "$T/bin" "$T/lib"
	mkdir "$T/bin" "$T/lib" "$T/sbin"
	echo sh >"$T/bin/sh"
	built a "$T"
	same "$(r .merged_usr)" false
	same "$(r .common)" "usr bin lib sbin"
	[ -d "$(dir_of a)/skel/bin" ] && [ -z "$(ls -A "$(dir_of a)/skel/bin")" ]
	line_of a bin/sh | grep -q '^i f'
}

@test "a tree in the layout common/ with links to it is unfolded" {
	built plain "$SRC"
	local v link
	v=$(r .version)
	for link in "" /; do
		tree
		mkdir "$T/common"
		local d
		for d in bin lib usr; do mv "$T/$d" "$T/common/$d"; ln -s "${link}common/$d" "$T/$d"; done
		built a "$T"
		same "$(r .version)" "$v"
	done
}

@test "links in place of system directories are refused" {
	tree
	mv "$T/etc" "$T/usr/etc"
	ln -s usr/etc "$T/etc"
	refused input "'etc' is not a directory" a "$T"
	tree
	rm -r "${T:?}/usr"
	ln -s / "$T/usr"
	refused input "'usr' is not a directory" b "$T"
}

@test "an empty directory, and one that holds the system one level down, are told apart" {
	mkdir -p "$T_TMP/tree/rootfs"
	refused input "only 'rootfs'" a "$T_TMP/tree"
	rmdir "$T_TMP/tree/rootfs"
	refused input "it is empty" a "$T_TMP/tree"
}

@test "what is mounted below the source stays out" {
	tree
	mkdir "$T/usr/mnt"
	echo file >"$T/usr/bind"
	# shellcheck disable=SC2016
	unshare -m --propagation private -- bash -c 'mount -t tmpfs t "$1/usr/mnt" && echo x >"$1/usr/mnt/inner" && mount --bind "$1/usr/bin/tool" "$1/usr/bind" && shift && exec "$@"' - "$T" "$IMG" build --store "$S" --name a --from "$T" >"$T_TMP/out"
	run ! grep -qE 'usr/mnt/inner|usr/bind' "$(dir_of a)/manifest"
	grep -q '2 directories and files that are mount points' "$T_TMP/out"
}

@test "links in the source that lead outside are copied as links, never followed" {
	tree
	mkdir -p "$T_TMP/victim"
	echo original >"$T_TMP/victim/machine-id"
	echo original >"$T_TMP/victim/status"
	ln -s "$T_TMP/victim/machine-id" "$T/etc/machine-id"
	rm -r "$T/var/lib/dpkg" "$T/var/log"
	ln -s "$T_TMP/victim" "$T/var/lib/dpkg"
	ln -s "$T_TMP/victim" "$T/var/log"
	ln -s "$T_TMP/victim" "$T/etc/ssh/ssh_host_x"
	ln -s loop2 "$T/etc/loop1"
	ln -s loop1 "$T/etc/loop2"
	built a "$T"
	same "$(cat "$T_TMP/victim/machine-id" "$T_TMP/victim/status")" "original
original"
	line_of a etc/machine-id | grep -q '^b l'
	rm -r "$T_TMP/victim"
}

# ---------------------------------------------------------------- seals

@test "a plain tree on request, and verified as such" {
	built a "$SRC" --seal tree
	same "$(r .seal)" tree
	same "$(r .image_sha256)" ""
	[ -f "$(dir_of a)/tree/usr/bin/tool" ] && [ ! -e "$(dir_of a)/image.erofs" ]
	verify a
	[ "$status" = 0 ] || show_run
}

@test "without mkfs.erofs an image is refused with a command, and auto falls back to a tree and says so" {
	local m
	m=$(command -v mkfs.erofs) || skip "mkfs.erofs is not installed"
	# shellcheck disable=SC2016
	local hide='mount --bind /dev/null "$0" && exec "$@"'
	run unshare -m --propagation private -- bash -c "$hide" "$m" "$IMG" build --store "$S" --name a --from "$SRC" --seal erofs
	[ "$status" = 1 ]
	last=${lines[-1]}
	same "$(e .kind)" unsupported
	same "$(e .try)" "apt-get install erofs-utils"
	run unshare -m --propagation private -- bash -c "$hide" "$m" "$IMG" build --store "$S" --name a --from "$SRC"
	[ "$status" = 0 ]
	last=${lines[-1]}
	same "$(r .seal)" tree
	[[ $(r .warnings) == *"plain tree"* ]]
}

@test "an image that cannot be mounted is never published: refused, or with auto a tree instead" {
	local m
	m=$(command -v mkfs.erofs) || skip "mkfs.erofs is not installed"
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' 'for a; do case $a in out/*) head -c 65536 /dev/zero >"$a" ;; esac; done' >"$T_TMP/fake"
	chmod 755 "$T_TMP/fake"
	# shellcheck disable=SC2016
	local fake='mount --bind "$0" "$1" && shift && exec "$@"'
	run unshare -m --propagation private -- bash -c "$fake" "$T_TMP/fake" "$m" "$IMG" build --store "$S" --name a --from "$SRC" --seal erofs
	[ "$status" = 1 ] || show_run
	last=${lines[-1]}
	[[ $(e .why) == *"mount 'image.erofs'"* ]] || show_run
	run unshare -m --propagation private -- bash -c "$fake" "$T_TMP/fake" "$m" "$IMG" build --store "$S" --name a --from "$SRC"
	[ "$status" = 0 ] || show_run
	last=${lines[-1]}
	same "$(r .seal)" tree
	rm "$T_TMP/fake"
	verify a
	[ "$status" = 0 ] || show_run
}

@test "a compressed image is smaller and verifies" {
	needs erofs
	tree
	yes | head -c 4000000 >"$T/usr/lib/big"
	built a "$T" --compress lz4hc --seal erofs
	[ "$(r .image_bytes)" -lt 1000000 ] || show_run
	verify a
	[ "$status" = 0 ] || show_run
}

# ---------------------------------------------------------------- verifying

@test "verify counts what it read" {
	built a "$SRC"
	verify "a@$(r .version)"
	[ "$status" = 0 ] || show_run
	same "$(r .ok)" true
	[ "$(r .files)" -gt 10 ] && [ "$(r .bytes)" -gt 10 ]
}

@test "verify names a changed file, how it changed, and its package" {
	built a "$SRC" --seal tree
	local f
	f=$(dir_of a)/tree/usr/bin/tool
	printf PROGRAM | dd of="$f" conv=notrunc status=none
	verify a
	[ "$status" = 1 ] || show_run
	same "$(e .kind)" damaged
	[[ $(e .why) == *"'usr/bin/tool' content differs (package tool)"* ]] || show_run
	printf program | dd of="$f" conv=notrunc status=none
	chmod 4755 "$f"
	verify a
	[[ $(e .why) == *"mode differs"* ]] || show_run
	chmod 644 "$f"
	verify a
	[ "$status" = 0 ] || show_run
}

@test "verify notices what is missing, what is new, and changes in skel" {
	built a "$SRC" --seal tree
	rm "$(dir_of a)/tree/usr/bin/tool"
	echo x >"$(dir_of a)/tree/usr/bin/new"
	echo x >"$(dir_of a)/skel/etc/passwd"
	verify a
	[ "$status" = 1 ] || show_run
	[[ $(e .why) == *"'usr/bin/tool' is missing"* && $(e .why) == *"'usr/bin/new' was not sealed"* && $(e .why) == *"'skel/etc/passwd' content differs"* ]] || show_run
}

@test "verify notices one changed byte anywhere in an image" {
	needs erofs
	tree
	head -c 3000000 /dev/urandom >"$T/usr/lib/noise"
	built a "$T" --seal erofs
	local f size at
	f=$(dir_of a)/image.erofs
	size=$(stat -c %s "$f")
	for at in 1100 $((size / 2)) $((size - 5000)); do
		cp "$f" "$T_TMP/keep"
		printf '\xa5\x5a\xa5' | dd of="$f" bs=1 seek="$at" conv=notrunc status=none
		verify a
		[ "$status" = 1 ] || show_run
		same "$(e .kind)" damaged
		cp "$T_TMP/keep" "$f"
	done
	truncate -s $((size / 2)) "$f"
	verify a
	same "$(e .kind)" damaged
	rm "$f" "$T_TMP/keep"
	verify a
	same "$(e .kind)" damaged
}

@test "verify does not believe a changed manifest or meta" {
	built a "$SRC" --seal tree
	local d
	d=$(dir_of a)
	cp "$d/manifest" "$T_TMP/keep"
	sed -i 's/ 755 0 0 0 - - etc$/ 777 0 0 0 - - etc/' "$d/manifest"
	chmod 777 "$d/tree/etc"
	verify a
	[[ $(e .kind) == damaged && $(e .why) == *manifest* ]] || show_run
	sed -i "s/^digest = .*/digest = $(sha256sum "$d/manifest" | cut -d' ' -f1)/" "$d/meta"
	verify a
	[[ $(e .kind) == damaged ]] || show_run
	cp "$T_TMP/keep" "$d/manifest"
	echo garbage >"$d/meta"
	verify a
	[[ $(e .kind) == damaged ]] || show_run
	rm "$T_TMP/keep"
}

@test "verify of what is not there" {
	built a "$SRC"
	verify nothing
	[[ $status = 1 && $(e .kind) == missing ]] || show_run
	verify a@0000000000000000
	[[ $status = 1 && $(e .kind) == missing ]] || show_run
	verify ../a
	[[ $status = 1 && $(e .kind) == input ]] || show_run
}

# ---------------------------------------------------------------- hostile archives

# python lines on stdin: add(name, data, **fields), d(name), link(name, target), hard(name, target)
archive() {
	needs python3
	{
		cat <<-'P'
			import tarfile, io, os, sys
			t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
			victim = sys.argv[2]
			def add(name, data=b"", **f):
			    i = tarfile.TarInfo(name); i.size = len(data)
			    for k, v in f.items(): setattr(i, k, v)
			    t.addfile(i, io.BytesIO(data))
			def d(name): add(name, type=tarfile.DIRTYPE, mode=0o755)
			def link(name, target): add(name, type=tarfile.SYMTYPE, linkname=target)
			def hard(name, target): add(name, type=tarfile.LNKTYPE, linkname=target)
			d("usr"); d("usr/bin"); d("etc"); add("usr/bin/tool", b"program")
		P
		cat
		echo 't.close()'
	} >"$T_TMP/make.py"
	mkdir -p "$T_TMP/victim"
	echo original >"$T_TMP/victim/file"
	python3 "$T_TMP/make.py" "$T_TMP/in.tar" "$T_TMP/victim"
}
victim_is_whole() { same "$(cat "$T_TMP/victim/file")" original && same "$(ls -A "$T_TMP/victim")" file && rm -r "$T_TMP/victim" "$T_TMP/make.py"; }

@test "tar: names with .. are refused" {
	archive <<-'P'
		add("usr/../../../../../../../../" + victim + "/new", b"evil")
	P
	refused input "has '..' in its name" a "$T_TMP/in.tar"
	victim_is_whole
}

@test "tar: an absolute name lands inside the tree" {
	archive <<-'P'
		add("/etc/inside", b"x"); add("./etc/./dotted", b"x")
	P
	built a "$T_TMP/in.tar"
	line_of a etc/inside && line_of a etc/dotted
	victim_is_whole
}

@test "tar: nothing is written through a link, absolute or relative" {
	archive <<-'P'
		link("usr/lnk", victim); add("usr/lnk/new", b"evil")
	P
	refused input "goes through a symbolic link" a "$T_TMP/in.tar"
	archive <<-'P'
		link("usr/lnk", "../../../../../../../.." + victim); d("usr/lnk/sub")
	P
	refused input "goes through a symbolic link" a "$T_TMP/in.tar"
	archive <<-'P'
		link("usr/f", victim + "/file"); add("usr/f", b"evil")
	P
	built a "$T_TMP/in.tar"
	line_of a usr/f | grep -q '^i f'
	victim_is_whole
}

@test "tar: hard links lead to files of the archive or nowhere" {
	archive <<-'P'
		hard("usr/h", "/etc/passwd")
	P
	refused input "not in the archive before it" a "$T_TMP/in.tar"
	archive <<-'P'
		hard("usr/h", "../../../../../../../../" + victim + "/file")
	P
	refused input "'..'" a "$T_TMP/in.tar"
	archive <<-'P'
		link("usr/d", victim); hard("usr/h", "usr/d/file")
	P
	refused input "through a symbolic link" a "$T_TMP/in.tar"
	archive <<-'P'
		hard("usr/h", "usr/bin")
	P
	refused input "not a file" a "$T_TMP/in.tar"
	archive <<-'P'
		hard("usr/zz", "./usr/bin/tool"); hard("usr/bin/tool", "usr/bin/tool")
	P
	built a "$T_TMP/in.tar"
	line_of a usr/zz | grep -q '^i h'
	victim_is_whole
}

@test "tar: device nodes are left out and counted" {
	archive <<-'P'
		add("usr/disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0, mode=0o666)
		add("usr/mem", type=tarfile.CHRTYPE, devmajor=1, devminor=1, mode=0o666)
		add("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
	P
	built a "$T_TMP/in.tar"
	run ! grep -qE ' (usr/disk|usr/mem|dev/null)$' "$(dir_of a)/manifest"
	[[ $(r .warnings) == *"2 device nodes"* ]] || show_run
	victim_is_whole
}

@test "tar: of two entries with one name the last counts, whatever kinds they are" {
	archive <<-'P'
		add("etc/a", b"one"); add("etc/a", b"three")
		add("etc/turn", b"file"); d("etc/turn"); add("etc/turn/inner", b"x")
		d("etc/back"); add("etc/back/inner", b"x"); add("etc/back", b"file now")
		link("etc/l", victim); d("etc/l"); add("etc/l/inner", b"x")
	P
	built a "$T_TMP/in.tar"
	line_of a etc/a | grep -q ' 5 '
	line_of a etc/turn/inner && line_of a etc/l/inner
	line_of a etc/back | grep -q '^b f'
	run ! line_of a etc/back/inner
	victim_is_whole
}

@test "tar: odd names are kept and written escaped" {
	archive <<-'P'
		add("etc/new\nline", b"x"); add("etc/esc\x1b[31m", b"x"); add("etc/h\u00e9", b"x"); add("etc/sp ace", b"x"); add("etc/back\\slash", b"x")
	P
	built a "$T_TMP/in.tar"
	local want
	for want in 'etc/new\x0aline' 'etc/esc\x1b[31m' 'etc/h\xc3\xa9' 'etc/sp\x20ace' 'etc/back\x5cslash'; do
		grep -qF " $want" "$(dir_of a)/manifest" || { echo "not in the manifest: $want"; cat "$(dir_of a)/manifest"; return 1; }
	done
	verify a
	[ "$status" = 0 ] || show_run
	victim_is_whole
}

@test "tar: names too long or too deep, owners too large, are refused in words" {
	archive <<-'P'
		add("etc/" + "n" * 300, b"x")
	P
	refused input "too long a name" a "$T_TMP/in.tar"
	archive <<-'P'
		d("etc/" + "/".join(["d"] * 3000))
	P
	refused input "too long a name" a "$T_TMP/in.tar"
	archive <<-'P'
		add("etc/u", b"x", uid=1 << 40)
	P
	refused input "no user id" a "$T_TMP/in.tar"
	victim_is_whole
}

@test "tar: attributes an overlay mount would obey are dropped, others kept" {
	archive <<-'P'
		add("usr/bin/x", b"x", pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.user.fine": "v"})
	P
	built a "$T_TMP/in.tar"
	[[ $(r .warnings) == *"2 extended attributes"* ]] || show_run
	line_of a usr/bin/x | grep -q '[0-9a-f]\{64\} usr/bin/x$'
	victim_is_whole
}

@test "tar: a file of 1 TB that is a hole is refused by the limit, or by the free space, and fills nothing" {
	truncate -s 1T "$T_TMP/hole" 2>/dev/null || skip "this file system has no files of 1 TB"
	tar -C "$SRC" -cf "$T_TMP/in.tar" .
	(cd "$T_TMP" && mkdir -p usr && mv hole usr/hole && tar --sparse -rf in.tar ./usr/hole && rm -r usr)
	refused input "limit of 64G" a "$T_TMP/in.tar"
	[[ $(e .try) == *--max-size* ]]
	local before after
	before=$(df -k --output=avail "$T_TMP" | tail -n 1)
	refused input "limit of 1000M" a "$T_TMP/in.tar" --max-size 1000M
	after=$(df -k --output=avail "$T_TMP" | tail -n 1)
	[ $((before - after)) -lt 200000 ]
}

@test "tar: a sparse file stays sparse" {
	mkdir -p "$T_TMP/sp/usr/lib"
	truncate -s 300M "$T_TMP/sp/usr/lib/hole"
	echo end >>"$T_TMP/sp/usr/lib/hole"
	tar -C "$T_TMP/sp" --sparse -cf "$T_TMP/in.tar" .
	built a "$T_TMP/in.tar" --seal tree
	same "$(stat -c %s "$(dir_of a)/tree/usr/lib/hole")" "$(stat -c %s "$T_TMP/sp/usr/lib/hole")"
	[ "$(stat -c %b "$(dir_of a)/tree/usr/lib/hole")" -lt 2000 ]
	rm -r "$T_TMP/sp"
}

@test "tar: noise, nothing, and an archive cut short" {
	head -c 100000 /dev/urandom >"$T_TMP/in.tar"
	refused input "not a tar archive" a "$T_TMP/in.tar"
	: >"$T_TMP/in.tar"
	refused input "not a tar archive" a "$T_TMP/in.tar"
	tar -C "$SRC" -cf - . | head -c 4000 >"$T_TMP/in.tar"
	refused input "damaged" a "$T_TMP/in.tar"
	tar -C "$SRC" -czf - . | head -c 400 >"$T_TMP/in.tar"
	refused input "" a "$T_TMP/in.tar"
	mkfifo "$T_TMP/fifo"
	tar -C "$SRC" -cf - . >"$T_TMP/fifo" &
	built a "$T_TMP/fifo"
	wait
	rm "$T_TMP/fifo"
}

# ---------------------------------------------------------------- this host

@test "the essential packages of this host are a system that runs, its database telling the truth" {
	command -v dpkg >/dev/null || skip "this host has no dpkg"
	built host host --packages essential
	local k
	k=$(dir_of host)/skel
	[ "$(find "$k" | wc -l)" -le 300 ] || { find "$k" | wc -l; return 1; }
	run ! grep -rqsF "$(cat /etc/machine-id 2>/dev/null || echo none-here)" "$k"
	run ! grep -qE '^[^:]+:\$' "$k/etc/shadow"
	run ! grep -qE '^[^:]*:[^:]*:[1-9][0-9]{3}:' "$k/etc/passwd"
	grep -q localhost "$k/etc/hosts"
	verify host
	[ "$status" = 0 ] || show_run
	[ "$(r .files)" -gt 1000 ]
	# shellcheck disable=SC2016
	run in_image host 'mount --bind /dev "$M/dev"; chroot "$M" /bin/bash -c "id -u; ls / | wc -l; dpkg -l bash | tail -n 1; dpkg -S /bin/ls; dpkg --audit; awk 1 /etc/os-release | head -n 1; perl -e \"print qq(perl)\""'
	[ "$status" = 0 ] || show_run
	[[ $output == *"ii  bash"* && $output == *"coreutils: /bin/ls"* && $output == *perl* ]] || show_run
	# nothing is listed that is not there, nothing is there that was not asked for
	run in_image host 'chroot "$M" dpkg-query -W -f "\${Package}\n"'
	[[ $output == *coreutils* && $output != *linux-image* ]] || show_run
}

@test "chosen packages come with what they need, and no more" {
	command -v dpkg >/dev/null || skip "this host has no dpkg"
	printf '# small\nbash   coreutils # both\n' >"$T_TMP/list"
	built small host --packages "$T_TMP/list"
	local names
	names=$(sed -n 's/^Package: //p' <<<"$(in_image small 'cat "$M/var/lib/dpkg/status"')" | sort)
	[[ $names == *bash* && $names == *coreutils* && $names == *libc6* && $names != *systemd* ]] || { echo "$names"; return 1; }
	same "$(in_image small 'chroot "$M" /bin/bash -c "echo lives"')" lives
	echo no-such-package >"$T_TMP/list"
	refused missing "'no-such-package' is not installed" small2 host --packages "$T_TMP/list"
	same "$(e .try)" "apt-get install no-such-package"
	: >"$T_TMP/list"
	refused input "no package is chosen" small2 host --packages "$T_TMP/list"
	built more host --packages "$T_TMP/list" --include bash
	refused input "not a comma-separated list" small2 host --packages essential --include 'a;reboot'
	rm "$T_TMP/list"
}

# ---------------------------------------------------------------- accidents

@test "a dry run says all and leaves nothing" {
	built a "$SRC" --dry-run
	same "$(r .dry_run)" true
	[ "$(r .common_files)" -gt 3 ]
	[ -z "$(ls -A "$S/bases")" ]
}

@test "a build stopped by a signal leaves nothing" {
	tree
	head -c 60000000 /dev/urandom >"$T/usr/lib/noise"
	local sig i pid
	for sig in TERM INT HUP; do
		for i in 02 05 10 20; do
			"$IMG" build --store "$S" --name a --from "$T" --seal tree >"$T_TMP/out" 3>&- 4>&- &
			pid=$!
			sleep "0.$i"
			kill -s $sig $pid 2>/dev/null || true
			wait $pid || true
			[ ! -d "$S/staging" ] || same "$(ls -A "$S/staging")" ""
			[ ! -L "$S/bases/a/current" ] || rm -rf "$S/bases/a"
		done
	done
}

@test "a build whose reader is gone ends and leaves nothing" {
	tree
	head -c 60000000 /dev/urandom >"$T/usr/lib/noise"
	timeout 60 "$IMG" build --store "$S" --name a --from "$T" 3>&- 4>&- | head -n 1 >/dev/null
	until_ok 20 test -z "$(ls -A "$S/staging")"
}

@test "a build that was killed is swept up by the next, a living one is not" {
	tree
	head -c 60000000 /dev/urandom >"$T/usr/lib/noise"
	local i pid left=0
	for i in 01 03 05 08 12 20 30; do
		"$IMG" build --store "$S" --name a --from "$T" --seal tree >/dev/null 3>&- 4>&- &
		pid=$!
		sleep "0.$i"
		kill -KILL $pid 2>/dev/null || true
		wait $pid || true
		left=$((left + $(ls -A "$S/staging" 2>/dev/null | wc -l)))
		verify a
		[ "$status" = 0 ] || [ "$(e .kind)" = missing ] || show_run
	done
	mkdir -p "$S/staging/build-0123456789abcdef/tree"
	: >"$S/staging/build-0123456789abcdef.lock"
	mkdir -p "$S/staging/build-fedcba9876543210/tree"
	exec 8>"$S/staging/build-fedcba9876543210.lock"
	flock 8
	built a "$T" --seal tree
	same "$(ls -A "$S/staging")" "build-fedcba9876543210
build-fedcba9876543210.lock"
	exec 8>&-
	built a "$T" --seal tree
}

@test "a full disk: told, and nothing left" {
	mkdir -p "$S"
	# shellcheck disable=SC2016
	run unshare -m --propagation private -- bash -c 'mount -t tmpfs -o size=3m,mode=700 t "$1" && "$2" build --store "$1" --name a --from "$3" --packages essential; echo "status $?"; ls -A "$1/staging" "$1/bases"' - "$S" "$IMG" host
	[[ $output == *'"code":28'* && $output == *"status 1"* ]] || show_run
	[[ $output != *build-* ]] || show_run
	head -c 8000000 /dev/urandom >"$T_TMP/noise"
	tree
	mv "$T_TMP/noise" "$T/usr/lib/noise"
	# shellcheck disable=SC2016
	run unshare -m --propagation private -- bash -c 'mount -t tmpfs -o size=3m,mode=700 t "$1" && "$2" build --store "$1" --name a --from "$3" --seal tree; echo "status $?"; ls -A "$1/staging"' - "$S" "$IMG" "$T"
	[[ $output == *'"code":28'* && $output == *"status 1"* && $output != *build-* ]] || show_run
}

@test "two builds of one base at once: both end well, one version" {
	local a b
	"$IMG" build --store "$S" --name a --from "$SRC" >"$T_TMP/o1" 3>&- 4>&- & a=$!
	"$IMG" build --store "$S" --name a --from "$SRC" >"$T_TMP/o2" 3>&- 4>&- & b=$!
	wait $a
	wait $b
	same "$(ls "$S/bases/a" | wc -l)" 2
	verify a
	[ "$status" = 0 ] || show_run
}

@test "a store that others can write to, or a relative one, is refused" {
	mkdir -m 777 "$S"
	refused denied "another user could change it" a "$SRC"
	rm -rf "$S"
	run "$IMG" build --store relative --name a --from "$SRC"
	[ "$status" = 1 ]
	[ ! -e relative ]
}

@test "no mount and no process of a build outlives it" {
	local before
	before=$(cat /proc/self/mountinfo)
	built host host --packages essential
	same "$(cat /proc/self/mountinfo)" "$before"
}

# ---------------------------------------------------------------- mmdebstrap

@test "a fresh system through mmdebstrap, from this host's package sources" {
	needs mmdebstrap
	mmdebstrap --simulate --variant=minbase bookworm /dev/null >/dev/null 2>&1 </dev/null || skip "no package source answers here (scenario files run without a network)"
	built deb mmdebstrap:bookworm
	same "$(r .os)" "debian 12"
	[ "$(r .skel_files)" -le 300 ] || show_run
	verify deb
	[ "$status" = 0 ] || show_run
}

@test "a release that does not exist: the tail of what mmdebstrap said" {
	needs mmdebstrap
	refused system "mmdebstrap failed" deb mmdebstrap:no-such-release
}
