#!/usr/bin/env bats
# Roots that lie in a loop file, a btrfs subvolume or an LVM volume: made, run, copied, shared, saved and removed by the lxc-* commands, with nothing left outside.
load ../lib/common

bin=$(dirname "$COPPICE")
VG=cct$(cksum <<<"$T_ROOT" | cut -d' ' -f1)

lx() { local p=$1; shift; timeout -k 5 $((60 * ${COPPICE_TEST_SLOW:-1})) "$bin/lxc-$p" -P "$L" "$@" 3>&- 4>&-; }
lok() { ran="lxc-$*"; run --separate-stderr lx "$@"; [ "$status" = 0 ] || show_run; }
no() { ran="lxc-$*"; run --separate-stderr lx "$@"; [ "$status" = 1 ] && [[ $stderr == *"error: "* && $stderr == *"why:   "* ]] || { echo "wanted status 1 and a reason"; show_run; }; }

# A root small enough to be made often; it says in /etc/made what it was called.
setup_file() {
	mkdir -p "$T_ROOT/containers" "$T_TMP/btrfs" "$T_TMP/mnt"
	echo 'lxc.net.0.type = empty' >"$T_TMP/dc"
	cat >"$T_TMP/fill" <<-'T'
	#!/bin/sh
	for a; do case $a in --rootfs=*) r=${a#*=} ;; --name=*) n=${a#*=} ;; esac; done
	mkdir -p $r/bin $r/sbin $r/etc $r/proc $r/sys $r/dev $r/tmp $r/mnt $r/run
	cp BUSYBOX $r/bin/busybox
	for x in sh sleep hostname cat touch; do ln -s busybox $r/bin/$x; done
	printf '#!/bin/sh\nexec sleep 100000\n' >$r/sbin/init; chmod 755 $r/sbin/init; echo $n >$r/etc/made
	T
	sed -i "s|BUSYBOX|$(command -v busybox)|" "$T_TMP/fill"
	chmod 755 "$T_TMP/fill"
	modprobe -qa btrfs squashfs dm_mod dm_snapshot dm_thin_pool 2>/dev/null || true
	if command -v mkfs.btrfs >/dev/null && grep -qw btrfs /proc/filesystems; then
		truncate -s 300M "$T_TMP/btrfs.img"
		mkfs.btrfs -q "$T_TMP/btrfs.img" >/dev/null && mount -o loop "$T_TMP/btrfs.img" "$T_TMP/btrfs" && : >"$T_TMP/has.btrfs"
	fi
	if command -v lvcreate >/dev/null && [ -e /dev/mapper/control ]; then
		truncate -s 400M "$T_TMP/pv.img"
		losetup -f --show "$T_TMP/pv.img" >"$T_TMP/pv" && pvcreate -q "$(cat "$T_TMP/pv")" >/dev/null 3>&- 4>&- && vgcreate -q "$VG" "$(cat "$T_TMP/pv")" >/dev/null 3>&- 4>&- &&
			lvcreate -q -L 96M --thinpool pool "$VG" >/dev/null 3>&- 4>&- && : >"$T_TMP/has.lvm"
	fi
	return 0
}
teardown_file() {
	local n L
	for L in "$T_TMP/btrfs/lxc" "$T_ROOT/containers"; do
		# clones first, then what they stood on
		for n in "$L"/*/ "$L"/*/; do [ ! -d "$n" ] || lx destroy -f -s -n "$(basename "$n")" >/dev/null 2>&1 || true; done
	done
	umount "$T_TMP/btrfs" 2>/dev/null || true
	[ ! -e "$T_TMP/lvm" ] || umount "$(readlink -f "$(command -v lvcreate)")" 2>/dev/null || true
	if [ -s "$T_TMP/pv" ]; then
		vgremove -qfy "$VG" >/dev/null 2>&1 3>&- 4>&- || true
		pvremove -qfy "$(cat "$T_TMP/pv")" >/dev/null 2>&1 3>&- 4>&- || true
		losetup -d "$(cat "$T_TMP/pv")" || true
	fi
	all_gone
}
setup() { L=$T_ROOT/containers; }

on_btrfs() {
	[ -e "$T_TMP/has.btrfs" ] || skip "this host has no btrfs"
	L=$T_TMP/btrfs/lxc
	mkdir -p "$L"
}
has_lvm() { [ -e "$T_TMP/has.lvm" ] || skip "this host has no device-mapper, or no LVM"; }
# The paths of all subvolumes; the names of all volumes.
subvolumes() { btrfs subvolume list "$T_TMP/btrfs" | sed 's/.* path lxc\///' | sort | tr '\n' ' '; }
volumes() { lvs --noheadings -o lv_name "$VG" 2>/dev/null 3>&- 4>&- | tr -d ' ' | sort | tr '\n' ' '; }
loops() { losetup -nO BACK-FILE | grep -c "$T_ROOT/containers" || true; }
root_of() { sed -n 's/^lxc.rootfs.path = //p' "$L/$1/config"; }
# It starts, is called as it should be, sees who made its root, can write, and stops.
works() {
	lok start -n "$1"
	lok attach -n "$1" -- /bin/sh -c 'hostname; cat /etc/made; touch /etc/written && echo w'
	is "$(printf '%s\n%s\nw' "$1" "${2:-$1}")"
	lok stop -k -n "$1"
}

@test "loop: an image of squashfs is a root to read; of ext4 one to write" {
	needs loop mke2fs
	mkdir -p "$T_TMP/tree" "$L/sq" "$L/e4"
	"$T_TMP/fill" --rootfs="$T_TMP/tree" --name=image
	mke2fs -q -t ext4 -d "$T_TMP/tree" "$T_TMP/e4.img" 16M
	printf 'lxc.rootfs.path = loop:%s\nlxc.net.0.type = empty\nlxc.rootfs.managed = 0\nlxc.uts.name = e4\n' "$T_TMP/e4.img" >"$L/e4/config"
	works e4 image
	lok copy -n e4 -N e5 -B dir
	[ -e "$L/e5/rootfs/etc/written" ]
	sed -i /managed/d "$L/e5/config" # a copy's root is its own
	lok destroy -n e5
	lok destroy -n e4
	[ -e "$T_TMP/e4.img" ]
	command -v mksquashfs >/dev/null && grep -qw squashfs /proc/filesystems || skip "no squashfs here"
	mksquashfs "$T_TMP/tree" "$T_TMP/sq.img" -quiet -no-progress >/dev/null
	printf 'lxc.rootfs.path = loop:%s\nlxc.net.0.type = empty\nlxc.uts.name = sq\nlxc.rootfs.managed = 0\n' "$T_TMP/sq.img" >"$L/sq/config"
	run --separate-stderr lx start -n sq
	[[ $stderr != *"no idmapped mounts"* ]] || skip "squashfs of this kernel has no idmapped mounts"
	[ "$status" = 0 ] || show_run
	lok attach -n sq -- /bin/cat /etc/made
	is image
	run lx attach -n sq -- /bin/touch /etc/x
	[ "$status" != 0 ]
	lok stop -k -n sq
	lok copy -n sq -N sq2 -B loop -L 16M
	works sq2 image
	sed -i /managed/d "$L/sq2/config"
	lok destroy -n sq2
	lok destroy -n sq
	[ ! -e "$L/sq2" ]
	same "$(loops)" 0
}

@test "loop: a run for once is a copy, which goes with it" {
	needs loop mke2fs
	lok create -n lo -t "$T_TMP/fill" -f "$T_TMP/dc" -B loop --fssize 16M
	works lo
	no copy -n lo -N lo2 -s
	lok copy -n lo -e -N lo3
	lok attach -n lo3 -- /bin/sh -c 'touch /etc/more; cat /etc/made'
	is lo
	[ ! -e "$L/lo/lxc_snapshots" ]
	lok stop -k -n lo3
	until_ok 10 test ! -e "$L/lo3"
	lok destroy -n lo
	same "$(loops)" 0
}

@test "btrfs: a subvolume; copies and clones of it are snapshots" {
	on_btrfs
	lok create -n v1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B btrfs
	same "$(root_of v1)" "btrfs:$L/v1/rootfs"
	works v1
	lok copy -n v1 -N v2
	lok copy -n v1 -N v3 -s
	same "$(root_of v3)" "btrfs:$L/v3/rootfs"
	[ ! -e "$L/v1/lxc_snapshots" ]
	same "$(subvolumes)" "v1/rootfs v2/rootfs v3/rootfs "
	lok destroy -n v1
	works v2 v1
	works v3 v1
	lok copy -n v2 -N v4 -R
	works v4 v1
	# with subvolumes in it, one of them read-only
	btrfs -q subvolume create "$L/v4/rootfs/mnt/in"
	echo x >"$L/v4/rootfs/mnt/in/f"
	btrfs -q subvolume snapshot -r "$L/v4/rootfs/mnt/in" "$L/v4/rootfs/mnt/saved"
	lok destroy -n v4
	lok destroy -n v3
	same "$(subvolumes)" ""
	same "$(ls "$L")" ""
}

@test "btrfs: best finds it; a clone can be an overlay; once, on disk or in memory" {
	on_btrfs
	lok create -n b1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B best
	same "$(root_of b1)" "btrfs:$L/b1/rootfs"
	lok copy -n b1 -N b2 -s -B overlay
	same "$(root_of b2)" "overlay:$L/b1/rootfs:$L/b2/overlay/delta"
	no destroy -n b1
	err_has "it has clones"
	! grep -qw overlay /proc/filesystems || works b2 b1
	lok destroy -n b2
	lok copy -n b1 -e -N b3
	lok attach -n b3 -- /bin/touch /etc/x
	lok stop -k -n b3
	until_ok 10 test ! -e "$L/b3"
	if grep -qw overlay /proc/filesystems; then
		lok copy -n b1 -e -t -N b4
		lok attach -n b4 -- /bin/touch /etc/x
		[ -z "$(find "$L/b4" -name x)" ]
		lok stop -k -n b4
		until_ok 10 test ! -e "$L/b4"
	fi
	[ ! -e "$L/b1/rootfs/etc/x" ]
	lok destroy -n b1
	same "$(subvolumes)" ""
}

@test "btrfs: snapshots are subvolumes; restored in place and elsewhere, all gone with it" {
	on_btrfs
	lok create -n s1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B btrfs
	lok snapshot -n s1
	lok snapshot -n s1
	same "$(subvolumes)" "s1/rootfs s1/snaps/snap0/rootfs s1/snaps/snap1/rootfs "
	touch "$L/s1/rootfs/etc/later"
	lok snapshot -n s1 -r snap0
	[ ! -e "$L/s1/rootfs/etc/later" ]
	works s1
	lok snapshot -n s1 -r snap1 -N s2
	works s2 s1
	lok snapshot -n s1 -d snap0
	lok snapshot -n s1 -L
	has "snap1 ($L/s1/snaps)"
	hasnt snap0
	no destroy -n s1
	lok destroy -s -n s1
	same "$(subvolumes)" "s2/rootfs "
	lok destroy -n s2
	same "$(subvolumes)" ""
}

@test "btrfs: into another file system a copy is a directory; from there a subvolume again" {
	on_btrfs
	lok create -n x1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B btrfs
	lok copy -n x1 -N x2 -p "$T_ROOT/containers"
	same "$(L=$T_ROOT/containers root_of x2)" "dir:$T_ROOT/containers/x2/rootfs"
	no copy -n x1 -N x3 -B btrfs -p "$T_ROOT/containers"
	err_has "is not on btrfs"
	[ ! -e "$T_ROOT/containers/x3" ]
	no copy -n x1 -N x3 -B nosuch
	L=$T_ROOT/containers
	lok copy -n x2 -N x4 -B btrfs -p "$T_TMP/btrfs/lxc"
	works x2 x1
	lok destroy -n x2
	L=$T_TMP/btrfs/lxc
	same "$(subvolumes)" "x1/rootfs x4/rootfs "
	works x4 x1
	# a directory called btrfs: is copied file by file
	lok copy -n x1 -N x5 -B dir
	sed -i 's|= dir:|= btrfs:|' "$L/x5/config"
	lok copy -n x5 -N x6
	same "$(subvolumes)" "x1/rootfs x4/rootfs x6/rootfs "
	works x6 x1
	for n in x1 x4 x5 x6; do lok destroy -n $n; done
	same "$(subvolumes)" ""
}

@test "a base and its containers can live on btrfs" {
	on_btrfs
	local root=$T_TMP/btrfs/store
	mkdir -p "$root"
	b() { COPPICE_ROOT=$root COPPICE_LXCPATH=$root/containers timeout -k 5 $((60 * ${COPPICE_TEST_SLOW:-1})) "$COPPICE" "$@" 3>&- 4>&-; }
	b base build bb --from "$COPPICE_TEST_DIR/bb.tar"
	b launch bb on1 -- /bin/sleep 100000
	b exec on1 -- /bin/sh -c 'echo mine >/etc/mine'
	b stop --kill on1
	b copy on1 on2
	b start on2
	same "$(b exec on2 -- /bin/cat /etc/mine)" mine
	b delete --force --purge on1 on2
	b base delete bb
}

@test "LVM: a volume, of the name and size that were said; a copy is as large" {
	has_lvm
	lok create -n l1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --lvname root1 --fssize 24M
	same "$(root_of l1)" "lvm:/dev/$VG/root1"
	same "$(lvs --noheadings --nosuffix --units m -o lv_size "$VG/root1" 3>&- 4>&- | tr -d ' ')" 24.00
	works l1
	lok copy -n l1 -N l2
	same "$(root_of l2)" "lvm:/dev/$VG/l2"
	works l2 l1
	# named in the other ways
	sed -i "s|lvm:/dev/$VG/l2|lvm:$VG/l2|" "$L/l2/config"
	lok copy -n l2 -N l3
	works l3 l1
	sed -i "s|lvm:/dev/$VG/l3|/dev/mapper/$VG-l3|" "$L/l3/config"
	lok copy -n l3 -N l4 -L 32M
	same "$(root_of l4)" "lvm:/dev/$VG/l4"
	same "$(lvs --noheadings --nosuffix --units m -o lv_size "$VG/l4" 3>&- 4>&- | tr -d ' ')" 32.00
	works l4 l1
	same "$(volumes)" "l2 l3 l4 pool root1 "
	for n in l1 l2 l3 l4; do lok destroy -n $n; done
	same "$(volumes)" "pool "
	no create -n l5 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --fssize 4G
	err_has "insufficient free space"
	no create -n l5 -t /bin/false -f "$T_TMP/dc" -B lvm --vgname "$VG" --fssize 8M
	no create -n l5 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --fssize 8M --fstype nosuch
	[ ! -e "$L/l5" ]
	lok create -n l5 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm,dir --vgname "$VG" --fssize 4G
	same "$(root_of l5)" "dir:$L/l5/rootfs"
	lok destroy -n l5
	same "$(volumes)" "pool "
}

@test "LVM: a clone is a snapshot that its source cannot go without; once" {
	has_lvm
	lok create -n c1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --fssize 16M
	lok copy -n c1 -N c2 -s -L 8M
	same "$(lvs --noheadings -o origin "$VG/c2" 3>&- 4>&- | tr -d ' ')" c1
	same "$(cat "$L/c1/lxc_snapshots")" "$(printf '%s\nc2' "$L")"
	works c2 c1
	works c1
	no destroy -n c1
	err_has "it has clones"
	no copy -n c1 -N c3 -s -B overlay
	lok copy -n c1 -e -N c4 -L 8M
	lok attach -n c4 -- /bin/cat /etc/made
	is c1
	no copy -n c1 -e -t -N c5
	lok stop -k -n c4
	until_ok 10 test ! -e "$L/c4"
	same "$(volumes)" "c1 c2 pool "
	lok destroy -n c2
	lok destroy -n c1
	same "$(volumes)" "pool "
}

@test "LVM: a thin volume; clones of it depend on nothing" {
	has_lvm
	lok create -n t1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --thinpool pool --fssize 24M
	same "$(lvs --noheadings -o pool_lv "$VG/t1" 3>&- 4>&- | tr -d ' ')" pool
	lok copy -n t1 -N t2 -s
	lok copy -n t1 -N t3
	same "$(lvs --noheadings -o pool_lv "$VG/t2" "$VG/t3" 3>&- 4>&- | tr -d ' ' | tr '\n' ' ')" "pool pool "
	[ ! -e "$L/t1/lxc_snapshots" ]
	lok destroy -n t1
	works t2 t1
	works t3 t1
	lok destroy -n t2
	lok destroy -n t3
	# a pool that the group does not have is passed over
	lok create -n t4 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --thinpool nosuch --fssize 8M
	same "$(lvs --noheadings -o pool_lv "$VG/t4" 3>&- 4>&- | tr -d ' ')" ""
	lok destroy -n t4
	same "$(volumes)" "pool "
}

@test "LVM: snapshots of two containers side by side, restored in place and elsewhere, all gone with them" {
	has_lvm
	lok create -n s1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --fssize 8M
	lok create -n s2 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --thinpool pool --fssize 8M
	lok snapshot -n s1
	lok snapshot -n s2
	same "$(volumes)" "pool s1 s1_snap0 s2 s2_snap0 "
	for n in s1 s2; do
		lok start -n $n
		lok attach -n $n -- /bin/touch /etc/later
		lok stop -k -n $n
		lok snapshot -n $n -r snap0
		quiet
		lok start -n $n
		run lx attach -n $n -- /bin/cat /etc/later
		[ "$status" != 0 ]
		lok attach -n $n -- /bin/cat /etc/made
		is $n
		lok stop -k -n $n
	done
	same "$(volumes)" "pool s1_1 s1_snap0 s2_1 s2_snap0 "
	lok snapshot -n s1 -r snap0 -N s3
	works s3 s1
	lok snapshot -n s2 -d snap0
	no destroy -n s1
	lok destroy -s -n s1
	lok destroy -n s2
	same "$(volumes)" "pool s3 "
	lok destroy -n s3
	same "$(volumes)" "pool "
}

# LVM that keeps its volumes as files "NAME TAG" in $T_TMP/vols; with a file $T_TMP/kill its lvcreate kills who called it, before or after it did its work.
fake_lvm() {
	local lvm
	lvm=$(readlink -f "$(command -v lvcreate)") && [ "$(basename "$lvm")" = lvm ] || skip "no LVM here"
	mkdir -p "$T_TMP/vols"
	cat >"$T_TMP/lvm" <<-'T'
	#!/bin/bash
	dir=VOLS
	case $(basename "$0") in
	lvs) case "$*" in *lv_attr*) exit 5 ;; esac; echo "  fake:root1::8388608" ;;
	lvcreate)
		while [ $# -gt 0 ]; do case $1 in --addtag) tag=$2; shift ;; -n) name=$2; shift ;; esac; shift; done
		[ "$(cat "$dir/../kill" 2>/dev/null)" != before ] || { kill -9 $PPID; sleep 2; }
		echo "$tag" >"$dir/$name"
		[ "$(cat "$dir/../kill" 2>/dev/null)" != after ] || kill -9 $PPID
		;;
	lvremove)
		[ ! -e "$dir/../broken" ] || { echo "it is broken" >&2; exit 5; }
		tag=$(sed -n 's/.*lv_tags={\(coppice_[0-9a-f]*\)}.* fake$/\1/p' <<<"$*")
		[ "${*: -1}" = fake ] || rm "$dir/$(basename "${*: -1}")"
		[ -z "$tag" ] || grep -lx "$tag" "$dir"/* | xargs -r rm
		;;
	esac
	T
	sed -i "s|VOLS|$T_TMP/vols|" "$T_TMP/lvm"
	chmod 755 "$T_TMP/lvm"
	mount --bind "$T_TMP/lvm" "$lvm"
}

@test "LVM: the volume of a copy that was killed goes with the next command" {
	fake_lvm
	local lvm
	lvm=$(readlink -f "$(command -v lvcreate)")
	mkdir -p "$L/root1"
	printf 'lxc.rootfs.path = lvm:/dev/fake/root1\nlxc.net.0.type = empty\n' >"$L/root1/config"
	echo other >"$T_TMP/vols/root1"
	lok copy -s -n root1 -N whole
	same "$(ls "$T_TMP/vols")" "$(printf 'root1\nwhole')"
	[ ! -e "$L/whole/.volume" ]
	local when
	for when in after before; do
		echo $when >"$T_TMP/kill"
		run lx copy -s -n root1 -N dead
		[ "$status" != 0 ] && [ ! -e "$L/dead" ] || show_run
		if [ $when = before ]; then # lvcreate is still at work
			ok gc
			[ -d "$L/.staging/dead" ]
			until_ok 10 test -e "$T_TMP/vols/dead"
			sleep 0.2
		fi
		rm "$T_TMP/kill"
		[ -e "$T_TMP/vols/dead" ]
		touch "$T_TMP/broken"
		ok gc
		err_has "the volume of a copy that was killed is left: 'lvremove' ended with status 5: it is broken"
		rm "$T_TMP/broken"
		ok gc
		same "$(ls "$T_TMP/vols")" "$(printf 'root1\nwhole')"
		[ ! -e "$L/.staging/dead" ]
	done
	# a snapshot, and a container by a template
	echo after >"$T_TMP/kill"
	run lx snapshot -n root1
	run lx create -n tpl -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname fake
	rm "$T_TMP/kill"
	same "$(ls "$T_TMP/vols")" "$(printf 'root1\nroot1_snap0\ntpl\nwhole')"
	no snapshot -n root1 # there are no bytes to copy; what was left is gone, and what it made
	same "$(ls "$T_TMP/vols")" "$(printf 'root1\ntpl\nwhole')"
	no create -n tpl -t /no/template -f "$T_TMP/dc" -B lvm --vgname fake
	no create -n tpl -t /bin/false -f "$T_TMP/dc" -B dir
	same "$(ls "$T_TMP/vols")" "$(printf 'root1\nwhole')"
	umount "$lvm"
	rm -r "$L/root1" "$L/whole"
}

@test "copies from each kind into each other" {
	needs loop mke2fs
	has_lvm
	on_btrfs
	lok create -n k1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B btrfs

	lok copy -n k1 -N k2 -B loop -L 16M
	lok copy -n k2 -N k3 -B btrfs
	same "$(root_of k3)" "btrfs:$L/k3/rootfs"
	works k3 k1
	L=$T_ROOT/containers
	lok create -n k4 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --fssize 16M
	lok copy -n k4 -N k5 -B loop
	same "$(stat -c %s "$L/k5/rootdev")" 16777216
	works k5 k4
	lok copy -n k4 -N k6 -B btrfs -p "$T_TMP/btrfs/lxc"
	lok copy -n k4 -N k7 -B dir
	works k7 k4
	for n in k4 k5 k7; do lok destroy -n $n; done
	L=$T_TMP/btrfs/lxc
	works k6 k4
	for n in k1 k2 k3 k6; do lok destroy -n $n; done
	same "$(volumes)" "pool "
	same "$(subvolumes)" ""
}

@test "destroy: a volume that others use, or that is none of LVM's, is left" {
	has_lvm
	lok create -n d1 -t "$T_TMP/fill" -f "$T_TMP/dc" -B lvm --vgname "$VG" --fssize 8M
	mkdir "$L/d2" && cp "$L/d1/config" "$L/d2/config"
	lok destroy -n d2
	err_has "other containers use it"
	works d1
	echo 'lxc.rootfs.managed = 0' >>"$L/d1/config"
	lok destroy -n d1
	same "$(volumes)" "d1 pool "
	lvremove -qf "$VG/d1" >/dev/null 2>&1 3>&- 4>&-
	truncate -s 8M "$T_TMP/raw.img"
	local dev
	dev=$(losetup -f --show "$T_TMP/raw.img")
	mkdir "$L/d3" && printf 'lxc.rootfs.path = %s\n' "$dev" >"$L/d3/config"
	lok destroy -n d3
	err_has "no volume of LVM"
	losetup -d "$dev"
}
