#!/usr/bin/env bats
# lxc-create, lxc-destroy, lxc-copy, lxc-snapshot: what they leave on disk, what they refuse, and containers that run from it.
load ../lib/common

bin=$(dirname "$COPPICE")
L=$T_ROOT/containers

# lx PROGRAM WORD...: an lxc-* command on this run's containers
lx() { local p=$1; shift; timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "$bin/lxc-$p" -P "$L" "$@" 3>&- 4>&-; }
lok() { ran="lxc-$*"; run --separate-stderr lx "$@"; [ "$status" = 0 ] || show_run; }
gives_l() { local want=$1; shift; ran="lxc-$*"; if [ "$want" = 127 ]; then run -127 --separate-stderr lx "$@"; else run --separate-stderr lx "$@"; fi; [ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; }; }
# no PROGRAM WORD...: fails with 1 and says why
no() { ran="lxc-$*"; run --separate-stderr lx "$@"; [ "$status" = 1 ] && [[ $stderr == *"error: "* && $stderr == *"why:   "* ]] || { echo "wanted status 1 and a reason"; show_run; }; }

setup_file() {
	mkdir -p "$L"
	printf '# of mine\nlxc.net.0.type = empty\n\nlxc.net.1.type = empty\nlxc.net.1.hwaddr = 00:16:3e:xx:xx:xx\n' >"$T_TMP/dc"
}
setup() { [ -e "$L/t" ] || lx create -n t -t busybox -f "$T_TMP/dc" >/dev/null; }
teardown_file() {
	local n
	for n in "$L"/*/; do lx destroy -f -s -n "$(basename "$n")" >/dev/null 2>&1 || true; done
	for n in "$L"/*/; do lx destroy -f -s -n "$(basename "$n")" >/dev/null 2>&1 || true; done
	all_gone
}

config() { cat "$L/$1/config"; }
mac() { sed -n 's/^lxc.net.1.hwaddr = //p' "$L/$1/config"; }
running() { is_state "$1" running; }
# what makes a tree what it is: names, kinds, modes, owners, sizes, link counts, targets
tree_of() { (cd "$1" && find . -mindepth 1 ! -type d -printf '%P %y %m %U:%G %s %n %l\n' -o -type d -mindepth 1 -printf '%P %y %m %U:%G\n' | sort); }

@test "create: a directory, a config and a root as LXC leaves them" {
	lok create -n c1 -t busybox -f "$T_TMP/dc" -- --busybox-path "$(command -v busybox)"
	quiet
	same "$(stat -c '%a %F' "$L/c1")" "770 directory"
	same "$(stat -c %a "$L/c1/config")" 640
	same "$(ls -A "$L/c1" | sort | tr '\n' ' ')" "config rootfs "
	same "$(head -n 1 "$L/c1/config")" "# Template used to create this container: $(readlink -f "$BATS_TEST_DIRNAME/../../share/templates")/lxc-busybox"
	same "$(sed -n 2p "$L/c1/config")" "# Parameters passed to the template: --busybox-path $(command -v busybox)"
	grep -qxF "# For additional config options, please look at lxc.container.conf(5)" "$L/c1/config"
	grep -qxF "# of mine" "$L/c1/config"
	grep -qxF "lxc.rootfs.path = dir:$L/c1/rootfs" "$L/c1/config"
	grep -qxF 'lxc.uts.name = "c1"' "$L/c1/config"
	[[ $(mac c1) =~ ^00:16:3e(:[0-9a-f]{2}){3}$ ]] || { config c1; false; }
	ok start c1
	is_state c1 running
	ok exec c1 -- /bin/hostname
	is c1
	ok stop --kill c1
	lok destroy -n c1
	[ ! -e "$L/c1" ]
}

@test "create: the name as the first word, the template's words behind --" {
	printf '#!/bin/sh\necho "$@" >%s/said\n[ $# -lt 3 ] || mkdir -p "${3#--rootfs=}"\n' "$T_TMP" >"$T_TMP/tpl"
	chmod 0755 "$T_TMP/tpl"
	lok create pos2 -t "$T_TMP/tpl" -f "$T_TMP/dc" -- -d debian --arch amd64
	same "$(cat "$T_TMP/said")" "--path=$L/pos2 --name=pos2 --rootfs=$L/pos2/rootfs -d debian --arch amd64"
	lok copy pos2 -N pos3 -- hookword
	lok destroy pos3
	lok destroy -- pos2
	lok create -t "$T_TMP/tpl" -h # which words those are
	has "Usage: lxc-create"
	same "$(cat "$T_TMP/said")" -h
	lok create -t busybox --help
	has --busybox-path
	no create -t nosuch -h
}

@test "create: the config that it makes differs from that of LXC's own only in the template's path" {
	[ -x /usr/bin/lxc-create ] && [ -x /usr/share/lxc/templates/lxc-busybox ] || skip "LXC is not installed"
	mkdir "$T_TMP/theirs"
	timeout $((60 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-create -P "$T_TMP/theirs" -n same -t busybox -f "$T_TMP/dc" 3>&- 4>&-
	lok create -n same -t /usr/share/lxc/templates/lxc-busybox -f "$T_TMP/dc"
	diff <(sed "s|$T_TMP/theirs|$L|; s/hwaddr = .*/hwaddr/" "$T_TMP/theirs/same/config") <(config same | sed 's/hwaddr = .*/hwaddr/')
	diff <(tree_of "$T_TMP/theirs/same/rootfs") <(tree_of "$L/same/rootfs")
	lok destroy -n same
}

@test "create: exists, bad names, no template, unknown template, unknown storage" {
	no create -n t -t none
	err_has "exists already"
	no create -n ../evil -t none
	no create -n a/b -t none
	no create -n .. -t none
	[ ! -e "$T_ROOT/evil" ]
	no create -n c2
	no create -n c2 -t nosuch
	err_has "there is no template 'nosuch'"
	no create -n c2 -t ../../bin/sh
	no create -n c2 -t none -B bogus
	no create -n c2 -t none -B zfs
	err_has zfs
	no create -n c2 -t busybox -B rbd
	no create -n c2 -t busybox -f /nonexistent/config
	[ ! -e "$L/c2" ]
}

@test "create: none is a config alone; a root elsewhere goes with it; one that is not managed stays" {
	lok create -n n1 -t none -f "$T_TMP/dc"
	same "$(ls -A "$L/n1")" config
	same "$(grep -c . "$L/n1/config")" 4
	lok destroy -n n1
	lok create -n n2 -t busybox -f "$T_TMP/dc" --dir "$T_TMP/elsewhere/root"
	grep -qxF "lxc.rootfs.path = dir:$T_TMP/elsewhere/root" "$L/n2/config"
	ok start n2
	ok stop --kill n2
	lok destroy -n n2
	[ ! -e "$T_TMP/elsewhere/root" ]
	lok create -n n3 -t busybox -f "$T_TMP/dc"
	echo "lxc.rootfs.managed = 0" >>"$L/n3/config"
	lok destroy -n n3
	same "$(ls -A "$L/n3")" rootfs
	[ -e "$L/n3/rootfs/bin/busybox" ]
	rm -rf "$L/n3"
}

@test "create: a template that fails or is killed leaves nothing in the way" {
	printf '#!/bin/sh\necho half >"$(echo "$1" | cut -d= -f2)/half"\nexit 3\n' >"$T_TMP/bad"
	printf '#!/bin/sh\necho $$ >%s/pid\nexec sleep 1000\n' "$T_TMP" >"$T_TMP/slow"
	chmod 755 "$T_TMP/bad" "$T_TMP/slow"
	no create -n p1 -t "$T_TMP/bad" -f "$T_TMP/dc"
	err_has "status 3"
	[ ! -e "$L/p1" ]
	"$bin/lxc-create" -P "$L" -n p1 -t "$T_TMP/slow" -f "$T_TMP/dc" 3>&- 4>&- &
	local pid=$!
	until_ok 10 test -s "$T_TMP/pid"
	[ -e "$L/p1/partial" ]
	fails 4 start p1
	[[ $(c list 2>/dev/null) != *p1* ]]
	kill -9 $pid
	until_ok 10 sh -c "! kill -0 $(cat "$T_TMP/pid")"
	[ -e "$L/p1/partial" ]
	lok create -n p1 -t busybox -f "$T_TMP/dc"
	[ ! -e "$L/p1/partial" ]
	lok destroy -n p1
}

@test "create -t coppice: a container on a base" {
	no create -n b1 -t coppice -f "$T_TMP/dc"
	no create -n b1 -t coppice -f "$T_TMP/dc" -- -b nosuch
	[ ! -e "$L/b1" ]
	lok create -n b1 -t coppice -f "$T_TMP/dc" -- -b bb
	[ -d "$L/b1/private/etc" ] && [ -s "$L/b1/base" ] && [ ! -e "$L/b1/rootfs" ]
	ok start b1
	same "$(field b1 mode)" bind
	ok stop --kill b1
	lok create -n b2 -t coppice -f "$T_TMP/dc" -- -b bb -m overlay
	[ -d "$L/b2/upper" ] && [ -d "$L/b2/work" ]
	lok destroy -n b1
	lok destroy -n b2
}

@test "create -t local: a tree and what describes it" {
	mkdir "$T_TMP/meta"
	printf 'lxc.arch = x86_64\nlxc.include = LXC_TEMPLATE_CONFIG/nosuch.conf\n' >"$T_TMP/meta/config"
	echo etc/marked >"$T_TMP/meta/templates"
	echo "welcome to it" >"$T_TMP/meta/create-message"
	tar -C "$T_TMP/meta" -cJf "$T_TMP/meta.tar.xz" .
	mkdir -p "$T_TMP/fs/etc"
	echo LXC_NAME >"$T_TMP/fs/etc/marked"
	tar -C "$T_TMP/fs" -cJf "$T_TMP/fs.tar.xz" .
	no create -n l1 -t local -f "$T_TMP/dc"
	lok create -n l1 -t local -f "$T_TMP/dc" -- -m "$T_TMP/meta.tar.xz" -f "$T_TMP/fs.tar.xz"
	has "welcome to it"
	same "$(cat "$L/l1/rootfs/etc/marked")" l1
	grep -qx 'lxc.arch = x86_64' "$L/l1/config"
	lok destroy -n l1
}

@test "create -t oci: layers in order, what they take away, and the command" {
	needs jq
	local o=$T_TMP/oci one two cfg man
	blob() { local s; s=$(sha256sum <"$1" | cut -d' ' -f1); mkdir -p "$o/blobs/sha256"; cp "$1" "$o/blobs/sha256/$s"; echo "$s"; }
	mkdir -p "$T_TMP/l1/etc/d" "$T_TMP/l2/etc/d"
	echo root:x:0:0::/:/bin/sh >"$T_TMP/l1/etc/passwd"
	echo a >"$T_TMP/l1/etc/gone" && echo b >"$T_TMP/l1/etc/d/old"
	: >"$T_TMP/l2/etc/.wh.gone" && : >"$T_TMP/l2/etc/d/.wh..wh..opq" && echo c >"$T_TMP/l2/etc/d/new"
	tar -C "$T_TMP/l1" -czf "$T_TMP/1" . && tar -C "$T_TMP/l2" -czf "$T_TMP/2" .
	one=$(blob "$T_TMP/1") two=$(blob "$T_TMP/2")
	echo '{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/bin/say","it \"so\""],"Env":["A=1"],"WorkingDir":"/etc"}}' >"$T_TMP/c"
	cfg=$(blob "$T_TMP/c")
	echo "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:$cfg\"},\"layers\":[{\"digest\":\"sha256:$one\"},{\"digest\":\"sha256:$two\"}]}" >"$T_TMP/m"
	man=$(blob "$T_TMP/m")
	echo "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:$man\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}" >"$o/index.json"
	lok create -n o1 -t oci -f "$T_TMP/dc" -- -u "oci:$o:v1"
	[ ! -e "$L/o1/rootfs/etc/gone" ] && [ ! -e "$L/o1/rootfs/etc/d/old" ]
	same "$(cat "$L/o1/rootfs/etc/d/new")" c
	grep -qxF "lxc.execute.cmd = '\"/bin/say\" \"it \\\"so\\\"\"'" "$L/o1/config"
	grep -qx 'lxc.environment = A=1' "$L/o1/config"
	grep -qx 'lxc.init.cwd = /etc' "$L/o1/config"
	lok destroy -n o1
	# some writers leave out the zeros at the end of an archive, and those that fill the last block
	echo last >"$T_TMP/end" && tar -C "$T_TMP" -cf - end | head -c 517 | gzip >"$T_TMP/2"
	two=$(blob "$T_TMP/2")
	echo "{\"config\":{\"digest\":\"sha256:$cfg\"},\"layers\":[{\"digest\":\"sha256:$one\"},{\"digest\":\"sha256:$two\"}]}" >"$T_TMP/m"
	man=$(blob "$T_TMP/m")
	echo "{\"manifests\":[{\"digest\":\"sha256:$man\"}]}" >"$o/index.json"
	lok create -n o1 -t oci -f "$T_TMP/dc" -- -u "$o"
	same "$(cat "$L/o1/rootfs/end")" last
	lok destroy -n o1
	# a layer that goes through a link of the one below
	ln -s /tmp "$T_TMP/l1/out" && mkdir "$T_TMP/l2/out" && echo x >"$T_TMP/l2/out/escaped-$$"
	tar -C "$T_TMP/l1" -czf "$T_TMP/1" . && tar -C "$T_TMP/l2" -czf "$T_TMP/2" .
	one=$(blob "$T_TMP/1") two=$(blob "$T_TMP/2")
	echo "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:$cfg\"},\"layers\":[{\"digest\":\"sha256:$one\"},{\"digest\":\"sha256:$two\"}]}" >"$T_TMP/m"
	man=$(blob "$T_TMP/m")
	echo "{\"manifests\":[{\"digest\":\"sha256:$man\"}]}" >"$o/index.json"
	no create -n o1 -t oci -f "$T_TMP/dc" -- -u "$o"
	[ ! -e "/tmp/escaped-$$" ] && [ ! -e "$L/o1" ]
	# damage is seen
	echo more >>"$o/blobs/sha256/$one"
	no create -n o1 -t oci -f "$T_TMP/dc" -- -u "$o"
}

@test "create -t download without a network says so" {
	no create -n d1 -t download -f "$T_TMP/dc" -- -d debian -r bookworm -a amd64
	err_has lxc-download
	[ ! -e "$L/d1" ]
}

@test "create -B loop: a file with a file system, which the template fills" {
	needs loop mke2fs
	lok create -n v1 -t busybox -f "$T_TMP/dc" -B loop --fssize 24
	grep -qxF "lxc.rootfs.path = loop:$L/v1/rootdev" "$L/v1/config"
	same "$(stat -c %s "$L/v1/rootdev")" 25165824
	same "$(ls -A "$L/v1/rootfs")" ""
	debugfs -R 'stat /bin/busybox' "$L/v1/rootdev" 2>/dev/null | grep -q 'Type: regular'
	lok copy -n v1 -N v2
	grep -qxF "lxc.rootfs.path = loop:$L/v2/rootdev" "$L/v2/config"
	cmp "$L/v1/rootdev" "$L/v2/rootdev"
	no copy -n v1 -N v3 -s
	no copy -n v1 -N v3 -B loop -L 0
	no create -n v3 -t none -B loop --fssize 1Q
	ok start v1
	ok exec v1 -- /bin/hostname
	is v1
	ok stop --kill v1
	lok copy -n v1 -N v3 -B dir
	[ -e "$L/v3/rootfs/bin/busybox" ]
	grep -qxF "lxc.rootfs.path = dir:$L/v3/rootfs" "$L/v3/config"
	lok copy -n v3 -N v4 -B loop -L 32m
	same "$(stat -c %s "$L/v4/rootdev")" 33554432
	ok start v4
	ok exec v4 -- /bin/hostname
	is v4
	ok stop --kill v4
	lok snapshot -n v4
	lok snapshot -n v4 -r snap0
	lok destroy -n v3
	lok destroy -s -n v4
	lok destroy -n v1
	lok destroy -n v2
}

@test "copy: same tree, new name, new hardware address, comments kept" {
	local r=$L/t/rootfs
	truncate -s 40M "$r/root/sparse" && echo end >>"$r/root/sparse"
	ln "$r/etc/passwd" "$r/root/hard"
	mknod "$r/dev/odd" c 1 3
	chown 123:456 "$r/root/hard"
	! command -v setfattr >/dev/null || setfattr -n user.mark -v here "$r/etc/group"
	echo '# at the end' >>"$L/t/config"
	mkdir "$L/t/hooks" && echo x >"$L/t/hooks/h"
	echo "lxc.environment = HOOKS=$L/t/hooks" >>"$L/t/config"
	lok copy -n t -N k1
	quiet
	diff <(tree_of "$r") <(tree_of "$L/k1/rootfs")
	[ "$(du -k "$L/k1/rootfs/root/sparse" | cut -f1)" -lt 1024 ]
	! command -v getfattr >/dev/null || same "$(getfattr --only-values -n user.mark "$L/k1/rootfs/etc/group")" here
	grep -qx '# at the end' "$L/k1/config"
	grep -qx "lxc.environment = HOOKS=$L/k1/hooks" "$L/k1/config"
	[ -e "$L/k1/hooks/h" ]
	same "$(tail -n 2 "$L/k1/config")" "$(printf 'lxc.rootfs.path = dir:%s/k1/rootfs\nlxc.uts.name = k1' "$L")"
	[ "$(mac k1)" != "$(mac t)" ]
	same "$(stat -c %a "$L/k1")" 770
	ok start k1
	ok exec k1 -- /bin/hostname
	is k1
	ok stop --kill k1
	lok copy -n t -N k2 -K -M
	same "$(mac k2)" "$(mac t)"
	grep -qx 'lxc.uts.name = "t"' "$L/k2/config"
	mkdir -p "$T_TMP/other"
	lok copy -n t -N k3 -p "$T_TMP/other"
	grep -qx "lxc.rootfs.path = dir:$T_TMP/other/k3/rootfs" "$T_TMP/other/k3/config"
	"$bin/lxc-destroy" -P "$T_TMP/other" -n k3
	lok destroy -n k1
	lok destroy -n k2
}

@test "copy: what is refused" {
	no copy -n t -N t
	no copy -n t -N ../x
	no copy -n t
	no copy -n nosuch -N y
	no copy -n t -N y -B overlay
	no copy -n t -N y -t
	ok start t
	no copy -n t -N y
	err_has "it runs"
	lok copy -n t -N y -a
	is_state t running
	ok stop --kill t
	[ -e "$L/y/rootfs/bin/busybox" ]
	lok destroy -n y
	same "$(ls -A "$L/.staging" 2>/dev/null)" ""
}

@test "copy -s: an overlay over the root, known to what it stands on; LXC's tools see it" {
	lok copy -n t -N s1 -s
	grep -qx "lxc.rootfs.path = overlay:$L/t/rootfs:$L/s1/overlay/delta" "$L/s1/config"
	same "$(cat "$L/t/lxc_snapshots")" "$(printf '%s\ns1' "$L")"
	same "$(cat "$L/s1/lxc_rdepends")" "$(printf '%s\nt' "$L")"
	if grep -qw overlay /proc/filesystems; then
		ok start s1
		ok exec s1 -- /bin/sh -c 'hostname; echo new >/etc/new; rm /etc/group'
		is s1
		ok stop --kill s1
		same "$(cat "$L/s1/overlay/delta/etc/new")" new
		[ ! -e "$L/t/rootfs/etc/new" ] && [ -e "$L/t/rootfs/etc/group" ]
	fi
	# a clone of the clone lies over the same root
	mknod "$L/s1/overlay/delta/gone" c 0 0
	! command -v setfattr >/dev/null || { mkdir -p "$L/s1/overlay/delta/mnt" && setfattr -n trusted.overlay.opaque -v y "$L/s1/overlay/delta/mnt"; }
	lok copy -n s1 -N s2 -s
	grep -qx "lxc.rootfs.path = overlay:$L/t/rootfs:$L/s2/overlay/delta" "$L/s2/config"
	same "$(stat -c %t:%T "$L/s2/overlay/delta/gone")" 0:0
	! command -v getfattr >/dev/null || same "$(getfattr --only-values -n trusted.overlay.opaque "$L/s2/overlay/delta/mnt")" y
	same "$(cat "$L/t/lxc_snapshots")" "$(printf '%s\ns1\n%s\ns2' "$L" "$L")"
	same "$(cat "$L/s2/lxc_rdepends")" "$(printf '%s\nt\n%s\ns1' "$L" "$L")"
	no destroy -n t
	err_has "it has clones"
	fails 4 delete t
	no destroy -n s1
	no copy -n t -N tt -R
	if [ -x /usr/bin/lxc-destroy ]; then
		run timeout $((20 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-destroy -P "$L" -n t
		[ "$status" != 0 ] && [ -e "$L/t/config" ]
	fi
	# as dir: both layers together
	if grep -qw overlay /proc/filesystems; then
		no copy -n s2 -N s3 -B nosuch
		if [ -e /dev/loop-control ] && command -v mke2fs >/dev/null; then
			lok copy -n s2 -N s3 -B loop -L 24M
			debugfs -R 'stat /bin/busybox' "$L/s3/rootdev" 2>/dev/null | grep -q 'Type: regular'
			lok destroy -n s3
		fi
		lok copy -n s2 -N s3 -B dir
		[ -e "$L/s3/rootfs/bin/busybox" ] && [ ! -e "$L/s3/rootfs/gone" ]
		lok destroy -n s3
	fi
	lok destroy -n s2
	same "$(cat "$L/t/lxc_snapshots")" "$(printf '%s\ns1' "$L")"
	lok destroy -n s1
	[ ! -e "$L/t/lxc_snapshots" ]
}

@test "copy of a container on a base: its private part alone" {
	lok create -n pb -t coppice -f "$T_TMP/dc" -- -b bb
	echo mine >"$L/pb/private/etc/mine"
	lok copy -n pb -N pb2 -s
	same "$(cat "$L/pb2/private/etc/mine")" mine
	same "$(cat "$L/pb2/base")" "$(cat "$L/pb/base")"
	[ ! -e "$L/pb/lxc_snapshots" ]
	ok start pb2
	ok exec pb2 -- /bin/cat /etc/mine
	is mine
	lok copy -n pb2 -N pb3 -a
	is_state pb2 running
	lok destroy -f -n pb2
	lok destroy -n pb3
	lok destroy -n pb
}

@test "copy -e: one run, then gone; -D keeps it; -m mounts; -t writes into memory" {
	lok create -n eb -t coppice -f "$T_TMP/dc" -- -b bb
	echo 'coppice.init = /bin/sleep 100000' >>"$L/eb/config"
	lok copy -n eb -e
	[[ $output =~ ^Created\ (eb_[A-Za-z0-9]{6})\ as\ clone\ of\ eb$ ]] || show_run
	local n=${BASH_REMATCH[1]}
	is_state "$n" running
	ok stop --kill "$n"
	until_ok 10 test ! -e "$L/$n"
	mkdir -p "$T_TMP/shared" && echo seen >"$T_TMP/shared/f"
	lok copy -n eb -e -D -N ek -m "bind=$T_TMP/shared:/mnt/in:ro"
	ok exec ek -- /bin/cat /mnt/in/f
	is seen
	gives 1 exec ek -- /bin/touch /mnt/in/g
	ok stop --kill ek
	[ -e "$L/ek/config" ]
	echo 'coppice.init = /bin/sleep 0.3' >>"$L/eb/config"
	lok copy -n eb -e -F -N ef # comes back when it has ended
	until_ok 5 test ! -e "$L/ef"
	no copy -n eb -e -m "bind=rel:/x"
	no copy -n eb -e -m "aufs=/a:/b"
	lok destroy -n ek
	lok destroy -n eb
}

@test "lxc-start-ephemeral, as it was called" {
	lok create -n eo -t coppice -f "$T_TMP/dc" -- -b bb
	echo 'coppice.init = /bin/sleep 100000' >>"$L/eo/config"
	mkdir -p "$T_TMP/old" && echo seen >"$T_TMP/old/f"
	gives_l 7 start-ephemeral -o eo -n e1 -b "$T_TMP/old" -- /bin/sh -c "cat $T_TMP/old/f; exit 7"
	has seen
	until_ok 5 test ! -e "$L/e1"
	gives_l 127 start-ephemeral -o eo -n e1 -- /bin/nope
	until_ok 5 test ! -e "$L/e1"
	lok start-ephemeral -o eo -n e1 -d -k
	is_state e1 running
	ok stop --kill e1
	[ -e "$L/e1/config" ]
	no start-ephemeral -o nope -d
	no start-ephemeral -d
	lok destroy -n e1
	lok destroy -n eo
}

@test "copy -e of a directory: an overlay over it, on disk or in memory" {
	needs overlay
	lok copy -n t -e -N et
	same "$(cat "$L/t/lxc_snapshots")" "$(printf '%s\net' "$L")"
	ok exec et -- /bin/sh -c 'echo x >/etc/x; cat /etc/x'
	is x
	ok stop --kill et
	until_ok 10 test ! -e "$L/et"
	[ ! -e "$L/t/rootfs/etc/x" ]
	lok copy -n t -e -t -N em
	ok exec em -- /bin/sh -c 'echo x >/etc/x; cat /etc/x'
	is x
	[ -z "$(find "$L/em" -name x)" ]
	ok stop --kill em
	until_ok 10 test ! -e "$L/em"
	[ -z "$(find "$T_ROOT/run" -path '*em*' -name delta)" ]
	mkdir -p "$T_TMP/lower" && echo low >"$T_TMP/lower/f"
	lok copy -n t -e -N eo -m "overlay=$T_TMP/lower:/mnt/o"
	ok exec eo -- /bin/sh -c 'cat /mnt/o/f; echo up >/mnt/o/f; cat /mnt/o/f'
	is "$(printf 'low\nup')"
	same "$(cat "$T_TMP/lower/f")" low
	ok stop --kill eo
	until_ok 10 test ! -e "$L/eo"
	# what is gone is no longer known to what it lay over
	[ ! -e "$L/t/lxc_snapshots" ]
}

@test "containers that LXC's own tools made and cloned start as they are" {
	[ -x /usr/bin/lxc-create ] && [ -x /usr/share/lxc/templates/lxc-busybox ] || skip "LXC is not installed"
	timeout $((60 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-create -P "$L" -n lx1 -t busybox -f "$T_TMP/dc" 3>&- 4>&-
	timeout $((60 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-copy -P "$L" -n lx1 -N lx2 -s 3>&- 4>&-
	timeout $((60 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-snapshot -P "$L" -n lx1 3>&- 4>&-
	ok start lx1
	ok stop --kill lx1
	ok start lx2
	ok exec lx2 -- /bin/hostname
	is lx2
	ok stop --kill lx2
	no destroy -n lx1
	lok snapshot -n lx1 -L
	has "snap0 ($L/lx1/snaps)"
	lok destroy -n lx2
	lok destroy -s -n lx1
}

@test "copy -R and coppice rename: paths in the config follow" {
	lok copy -n t -N r1
	lok copy -n r1 -N r2 -R
	[ ! -e "$L/r1" ]
	grep -qx "lxc.rootfs.path = dir:$L/r2/rootfs" "$L/r2/config"
	ok rename r2 r3
	grep -qx "lxc.rootfs.path = dir:$L/r3/rootfs" "$L/r3/config"
	ok start r3
	ok exec r3 -- /bin/hostname
	is r3
	fails 4 rename r3 r4
	ok stop --kill r3
	# killed between its two renames, it is ended by the same command
	cp "$L/r3/config" "$L/r3/config.renamed" && sed -i "s|$L/r3/|$L/r4/|" "$L/r3/config.renamed"
	mv "$L/r3" "$L/r4"
	ok rename r3 r4
	grep -qx "lxc.rootfs.path = dir:$L/r4/rootfs" "$L/r4/config"
	ok copy r4 r5
	ok delete --purge r4 r5
}

@test "clone and destroy hooks: what they are told, and that they can refuse" {
	cat >"$T_TMP/hook" <<-HOOK
	#!/bin/sh
	echo "\$* | \$LXC_NAME from \$LXC_SRC_NAME in \$LXC_ROOTFS_PATH" >>$T_TMP/hook.log
	[ "\$3" != clone ] || echo cloned >"\$LXC_ROOTFS_MOUNT/etc/hooked"
	[ ! -e $T_TMP/refuse ]
	HOOK
	chmod 755 "$T_TMP/hook"
	lok copy -n t -N h1
	printf 'lxc.hook.clone = %s\nlxc.hook.destroy = %s\n' "$T_TMP/hook" "$T_TMP/hook" >>"$L/h1/config"
	lok copy -n h1 -N h2 -- one two
	same "$(cat "$T_TMP/hook.log")" "h2 lxc clone one two | h2 from h1 in $L/h2/rootfs"
	same "$(cat "$L/h2/rootfs/etc/hooked")" cloned
	: >"$T_TMP/refuse"
	no copy -n h1 -N h3
	[ ! -e "$L/h3" ]
	no destroy -n h2
	[ -e "$L/h2/config" ]
	rm "$T_TMP/refuse"
	lok destroy -n h2
	lok destroy -n h1
	has_destroy=$(grep -c '^h[12] lxc destroy' "$T_TMP/hook.log")
	same "$has_destroy" 3
}

@test "lxc-clone, as it was called" {
	timeout $((60 * ${COPPICE_TEST_SLOW:-1})) "$bin/lxc-clone" -p "$L" -P "$L" t q1
	timeout $((60 * ${COPPICE_TEST_SLOW:-1})) "$bin/lxc-clone" -p "$L" -P "$L" -s -o t -n q2
	grep -q overlay: "$L/q2/config"
	lok destroy -n q1
	lok destroy -n q2
}

@test "snapshot: made, listed, restored in place and elsewhere, removed" {
	lok copy -n t -N sn
	lok snapshot -n sn -L
	is "No snapshots"
	lok snapshot -n sn
	quiet
	echo "before the change" >"$T_TMP/comment"
	lok snapshot -n sn -c "$T_TMP/comment"
	[[ $(cat "$L/sn/snaps/snap0/ts") =~ ^[0-9]{4}(:[0-9]{2}){2}\ [0-9]{2}(:[0-9]{2}){2}$ ]]
	grep -qx "lxc.rootfs.path = dir:$L/sn/snaps/snap0/rootfs" "$L/sn/snaps/snap0/config"
	same "$(sed -n 's/^lxc.net.1.hwaddr = //p' "$L/sn/snaps/snap0/config")" "$(mac sn)"
	lok snapshot -n sn -L
	same "$(sed -E 's/ [0-9:]+ [0-9:]+$//' <<<"$output")" "$(printf 'snap0 (%s/sn/snaps)\nsnap1 (%s/sn/snaps)' "$L" "$L")"
	lok snapshot -n sn -L -C
	has "before the change"
	if [ -x /usr/bin/lxc-snapshot ]; then
		lok snapshot -n sn -L
		same "$(timeout $((20 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-snapshot -P "$L" -n sn -L)" "$output"
	fi
	no destroy -n sn
	err_has "it has snapshots"
	no copy -n sn -N sm -R
	touch "$L/sn/rootfs/later"
	local m
	m=$(mac sn)
	lok snapshot -n sn -r snap1
	[ ! -e "$L/sn/rootfs/later" ]
	same "$(mac sn)" "$m"
	same "$(ls "$L/sn/snaps")" "$(printf 'snap0\nsnap1')"
	ok start sn
	no snapshot -n sn
	no snapshot -n sn -r snap0
	ok stop --kill sn
	lok snapshot -n sn -r snap0 -N sr
	grep -qx "lxc.rootfs.path = dir:$L/sr/rootfs" "$L/sr/config"
	[ "$(mac sr)" != "$m" ]
	[ ! -e "$L/sr/ts" ]
	# a word is the new name, as it once was: never a restore in place
	touch "$L/sn/rootfs/later"
	lok snapshot -n sn -r snap0 sr1
	[ -d "$L/sr1/rootfs" ] && [ -e "$L/sn/rootfs/later" ]
	rm "$L/sn/rootfs/later"
	lok destroy sr1
	no snapshot -n sn -r snap0 sr1 sr2
	no snapshot -n sn sr1
	no snapshot -n sn -r snap0 -N sr
	no snapshot -n sn -r snap7
	no snapshot -n sn -r ../../t
	no snapshot -n sn -d snap7
	lok snapshot -n sn -d snap0
	lok snapshot -n sn
	same "$(ls "$L/sn/snaps")" "$(printf 'snap0\nsnap1')"
	lok snapshot -n sn -d ALL
	lok snapshot -n sn -L
	is "No snapshots"
	no snapshot -n nosuch -L
	lok snapshot -n sn
	lok destroy -s -n sn
	lok destroy -n sr
}

@test "snapshot: a restore that is killed gives the snapshots back" {
	lok copy -n t -N sk
	lok snapshot -n sk
	# as after the snapshots have moved and before the exchange
	mkdir -p "$L/.staging/sk" && mv "$L/sk/snaps" "$L/.staging/sk/snaps"
	lok copy -n t -N any
	same "$(ls "$L/sk/snaps")" snap0
	[ ! -e "$L/.staging/sk" ]
	lok destroy -s -n sk
	lok destroy -n any
}

@test "snapshot of a container on a base holds the base" {
	ok base build pinned --from "$COPPICE_TEST_DIR/bb.tar"
	lok create -n sp -t coppice -f "$T_TMP/dc" -- -b pinned
	lok snapshot -n sp
	echo new >"$L/sp/private/etc/new"
	lok snapshot -n sp -r snap0 -N sp2
	[ ! -e "$L/sp2/private/etc/new" ]
	ok start sp2
	ok stop --kill sp2
	lok destroy -n sp2
	ok base show pinned
	has "sp/snaps/snap0"
	fails 4 base delete pinned
	lok destroy -s -n sp
	ok base delete pinned
}

@test "destroy: running, missing, something mounted in it" {
	lok copy -n t -N dd
	ok start dd
	no destroy -n dd
	err_has "it runs"
	lok destroy -f -n dd
	[ ! -e "$L/dd" ]
	no destroy -n dd
	lok copy -n t -N dm
	mkdir -p "$T_TMP/precious" && echo keep >"$T_TMP/precious/f"
	mount --bind "$T_TMP/precious" "$L/dm/rootfs/mnt"
	no destroy -n dm
	err_has "something is mounted"
	[ -e "$L/dm/config" ]
	umount "$L/dm/rootfs/mnt"
	lok destroy -n dm
	same "$(cat "$T_TMP/precious/f")" keep
}

@test "destroy: a root outside that others use, or that holds the containers, is left" {
	mkdir -p "$T_TMP/out/root/bin" "$L/x1" "$L/x2" "$L/x3"
	printf 'lxc.rootfs.path = dir:%s\n' "$T_TMP/out/root" | tee "$L/x1/config" >"$L/x2/config"
	lok destroy -n x1
	err_has "is left"
	[ -d "$T_TMP/out/root/bin" ]
	printf 'lxc.rootfs.path = dir:%s\n' "$T_ROOT" >"$L/x3/config"
	lok destroy -n x3
	[ -d "$L/x2" ]
	lok destroy -n x2
	[ ! -e "$T_TMP/out/root" ]
}

@test "autostart: order, groups, pauses and exit codes" {
	local n
	for n in a1 a2 a3 a4; do
		lok create -n $n -t coppice -f "$T_TMP/dc" -- -b bb
		printf 'coppice.init = /bin/sleep 100000\nlxc.start.auto = 1\n' >>"$L/$n/config"
	done
	echo 'lxc.start.order = 5' >>"$L/a1/config"
	printf 'lxc.start.order = 2\nlxc.start.delay = 1\n' >>"$L/a2/config"
	printf 'lxc.group = onboot\n' >>"$L/a3/config"
	sed -i 's/auto = 1/auto = 0/' "$L/a4/config"
	lok autostart -L
	is "$(printf 'a2 1\na1 0')"
	lok autostart -L -g onboot,
	is "$(printf 'a3 0\na2 1\na1 0')"
	lok autostart -L -a
	is "$(printf 'a3 0\na2 1\na1 0')"
	lok autostart -L -a -A
	has "a4 0"
	lok autostart -L -s -a
	quiet
	local begin=$SECONDS
	lok autostart
	[ $((SECONDS - begin)) -ge 1 ]
	is_state a1 running && is_state a2 running && is_state a3 stopped
	lok autostart -L -s
	is "$(printf 'a1\na2')"
	lok autostart -r -t 0.2
	is_state a1 running && is_state a2 running
	lok autostart -k -a
	is_state a1 stopped && is_state a2 stopped
	echo 'coppice.init = /nonexistent' >>"$L/a1/config"
	run lx autostart
	[ "$status" = 2 ]
	is_state a2 running
	run lx autostart
	[ "$status" = 1 ]
	lok autostart -s -t 0.2 -a -A
	is_state a2 stopped
	for n in a1 a2 a3 a4; do lok destroy -n $n; done
}
