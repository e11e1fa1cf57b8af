#!/usr/bin/env bats
# Roots of the user's own: a directory, an overlay of directories, an image file, the host's root; and the options of a root.
load ../lib/common

setup_file() { cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/tree"; }
teardown() { all_gone; }

# A container whose config follows on stdin.
own() { # NAME
	mkdir -p "$T_ROOT/containers/$1"
	chmod 0700 "$T_ROOT/containers/$1"
	{ echo 'coppice.init = /bin/sleep 100000'; cat; } >"$T_ROOT/containers/$1/config"
}
in_() { local n=$1; shift; c exec "$n" -- /bin/sh -c "$*"; }
copy() { cp -a "$T_TMP/tree" "$T_TMP/$1"; }

@test "dir: and btrfs: are directories" {
	copy d1
	own d1 <<<"lxc.rootfs.path = dir:$T_TMP/d1"
	own d2 <<<"lxc.rootfs = btrfs:$T_TMP/d1"
	ok start d1
	fails 4 start d2
	err_has "another container runs on '$T_TMP/d1'"
	ok stop d1
	ok start d2
}

@test "what is mounted inside does not come back to a host whose mounts are shared, as systemd makes them" {
	mkdir "$T_TMP/shared"
	mount --bind "$T_TMP/shared" "$T_TMP/shared"
	mount --make-shared "$T_TMP/shared"
	cp -a "$T_TMP/tree" "$T_TMP/shared/d"
	own peer <<<"lxc.rootfs.path = dir:$T_TMP/shared/d
lxc.mount.entry = tmpfs opt tmpfs size=1M 0 0"
	local before i
	before=$(grep -c "$T_TMP/shared" /proc/self/mountinfo)
	for i in 1 2; do
		ok start peer
		in_ peer 'mount -t tmpfs none /mnt'
		same "$(grep -c "$T_TMP/shared" /proc/self/mountinfo)" "$before"
		ok stop peer
	done
	same "$(grep -c "$T_TMP/shared" /proc/self/mountinfo)" "$before"
	umount "$T_TMP/shared"
}

@test "a tree whose owners are shifted already runs as it is; idmap=container insists" {
	copy shifted
	cp -a "$T_TMP/tree" "$T_TMP/shifted.new"
	find "$T_TMP/shifted" -exec sh -c 'for f; do chown -h $(($(stat -c %u "$f") + 1400000)):$(($(stat -c %g "$f") + 1400000)) "$f"; done' sh {} +
	find "$T_TMP/shifted" -perm /7000 -prune -o -true
	own old <<F
lxc.rootfs.path = $T_TMP/shifted
lxc.idmap = u 0 1400000 65536
lxc.idmap = g 0 1400000 65536
F
	ok start old
	same "$(in_ old 'stat -c %u:%g /etc/passwd /home/user; : >/etc/new')" $'0:0\n1000:1000'
	same "$(stat -c %u "$T_TMP/shifted/etc/new")" 1400000
	ok stop old
	own fresh <<F
lxc.rootfs.path = $T_TMP/shifted.new
lxc.rootfs.options = idmap=container
lxc.idmap = b 0 1400000 65536
F
	ok start fresh
	same "$(in_ fresh 'stat -c %u:%g /etc/passwd /home/user; : >/etc/new')" $'0:0\n1000:1000'
	same "$(stat -c %u "$T_TMP/shifted.new/etc/new")" 0
}

@test "overlay: of two directories, the work directory beside the upper one; both names of it" {
	needs overlay
	mkdir -p "$T_TMP/top/etc" "$T_TMP/delta"
	copy low
	echo from-top >"$T_TMP/top/etc/sample.conf"
	own o1 <<<"lxc.rootfs.path = overlay:$T_TMP/top:$T_TMP/low:$T_TMP/delta/upper0"
	ok start o1
	same "$(in_ o1 'cat /etc/sample.conf; echo mine >/etc/hostname; rm /bin/vi; stat -c %u /etc/hostname')" $'from-top\n0'
	same "$(ls "$T_TMP/delta")" $'upper0\nwork'
	same "$(cat "$T_TMP/delta/upper0/etc/hostname")" mine
	same "$(stat -c %u "$T_TMP/delta/upper0/etc/hostname")" 0
	[ -e "$T_TMP/low/usr/bin/vi" ]
	ok restart o1
	same "$(in_ o1 'cat /etc/hostname; ls /bin/vi 2>/dev/null')" mine
	own o2 <<<"lxc.rootfs = overlayfs:$T_TMP/low:$T_TMP/delta/upper0"
	fails 4 start o2
	ok stop o1
	ok start o2
	same "$(in_ o2 'cat /etc/sample.conf')" "private default"
	ok stop o2
	own o3 <<<"lxc.rootfs.path = overlay:$T_TMP/nowhere:$T_TMP/delta/x"
	run --separate-stderr c start o3
	[ "$status" != 0 ]
	err_has "$T_TMP/nowhere"
}

@test "loop: an image file, by its kind or by its path alone; what is no file system is told" {
	needs loop mke2fs
	truncate -s 24M "$T_TMP/disk.img"
	mke2fs -q -t ext4 -O ^has_journal -d "$T_TMP/tree" "$T_TMP/disk.img"
	own l1 <<<"lxc.rootfs.path = loop:$T_TMP/disk.img"
	ok start l1
	same "$(in_ l1 'echo kept >/root/f; chown 1000 /root/f; grep -c " / ext4 " /proc/mounts')" 1
	own l2 <<<"lxc.rootfs.path = $T_TMP/disk.img"
	fails 4 start l2
	ok stop l1
	ok start l2
	same "$(in_ l2 'cat /root/f; stat -c %u /root/f')" $'kept\n1000'
	ok stop l2
	own l3 <<<"lxc.rootfs.path = $T_TMP/disk.img
lxc.rootfs.options = ro,noatime,errors=continue"
	ok start l3
	gives 1 exec l3 -- /bin/sh -c ': >/root/g'
	ok stop l3
	dev=$(losetup -f --show "$T_TMP/disk.img")
	own l5 <<<"lxc.rootfs.path = lvm:$dev"
	run c start l5
	c exec l5 -- /bin/cat /root/f >"$T_TMP/from-device"
	run c stop l5
	losetup -d "$dev"
	same "$(cat "$T_TMP/from-device")" kept
	head -c 1M /dev/zero >"$T_TMP/zero.img"
	own l4 <<<"lxc.rootfs.path = loop:$T_TMP/zero.img"
	fails 2 start l4
	err_has "no file system that this kernel knows"
	echo small >"$T_TMP/small.img"
	own l6 <<<"lxc.rootfs.path = $T_TMP/small.img"
	fails 2 start l6
	err_has "no file system that this kernel knows"
	[ -z "$(losetup -a | grep "$T_TMP")" ]
}

@test "lxc.rootfs.options: what they say is so, and cannot be undone from inside" {
	copy opts
	rmdir "$T_TMP/opts/sys"
	own opts <<F
lxc.rootfs.path = $T_TMP/opts
lxc.rootfs.options = ro,nosuid,nodev,noatime,rshared
lxc.mount.entry = tmpfs var/tmp tmpfs size=1M 0 0
lxc.mount.entry = tmpfs opt tmpfs size=1M 0 0
F
	ok start opts
	in_ opts 'grep " / / " /proc/self/mountinfo' >"$T_TMP/line" || in_ opts 'grep " / " /proc/self/mountinfo' >"$T_TMP/line"
	grep -q "ro,nosuid,nodev,noatime.* shared:" "$T_TMP/line"
	gives 1 exec opts -- /bin/sh -c ': >/etc/x'
	in_ opts 'mount -o remount,rw / 2>/dev/null; : >/etc/x' 2>/dev/null && false
	in_ opts ': >/var/tmp/x && : >/opt/x && : >/run/x'
}

@test "without a root of its own a container sees the host's, as a stranger, and leaves nothing in it" {
	mkdir -p "$T_TMP/seen"
	chmod 0755 "$T_TMP"
	own host <<<"lxc.mount.entry = tmpfs $T_TMP/seen tmpfs size=1M 0 0"
	mount_count=$(wc -l </proc/self/mountinfo)
	ok start host
	[ "$(in_ host "readlink -f /bin/sh; cat /etc/os-release")" = "$(readlink -f /bin/sh; cat /etc/os-release)" ]
	same "$(in_ host 'id -u; stat -c %u /etc/passwd; echo $(ps ax 2>/dev/null | wc -l) >/dev/null; readlink /proc/self | grep -c .')" $'0\n65534\n1'
	gives 2 exec host -- /bin/sh -c ': 2>/dev/null >/etc/coppice-was-here'
	in_ host ": >$T_TMP/seen/inside"
	[ ! -e "$T_TMP/seen/inside" ]
	in_ host 'mount -t tmpfs none /mnt && : >/mnt/coppice-inside'
	[ ! -e /mnt/coppice-inside ]
	same "$(wc -l </proc/self/mountinfo)" "$mount_count"
	is_state host running
	same "$(field host mode)" host
}

@test "kinds of roots that are not mounted say what to do" {
	local kind
	for kind in aufs:/a:/b nbd:/x zfs:tank/x rbd:pool/x best:/x; do
		own bad <<<"lxc.rootfs.path = $kind"
		run --separate-stderr c start bad
		[ "$status" != 0 ]
		err_has "lxc.rootfs.path = '$kind': a root of kind '${kind%%:*}' is not mounted: "
	done
}
