#!/usr/bin/env bats
# What the user mounts: an fstab, entries in all their forms, the kernel's file systems as asked for. Containers are written by hand, as for LXC.
load ../lib/common

setup_file() { cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/root"; }
teardown() { all_gone; }

# A container on a copy-less root of its own; its config's lines follow on stdin.
own() { # NAME
	local dir=$T_ROOT/containers/$1
	mkdir -p "$dir"
	[ -e "$T_TMP/roots/$1" ] || { mkdir -p "$T_TMP/roots" && cp -a "$T_TMP/root" "$T_TMP/roots/$1"; }
	{
		echo "lxc.rootfs.path = $T_TMP/roots/$1"
		echo 'coppice.init = /bin/sleep 100000'
		cat
	} >"$dir/config"
	chmod 0700 "$dir"
}
in_() { local n=$1; shift; c exec "$n" -- /bin/sh -c "$*"; }
mount_line() { in_ "$1" "grep ' $2 ' /proc/self/mountinfo | tail -n 1"; } # NAME TARGET

@test "the fstab of 2013: kernel file systems at host paths inside the root start, and are ours" {
	mkdir -p "$T_TMP/roots" && cp -a "$T_TMP/root" "$T_TMP/roots/old"
	cat >"$T_TMP/fstab" <<F
# a comment, an empty line

devpts  $T_TMP/roots/old/dev/pts  devpts  defaults 0 0
proc	$T_TMP/roots/old/proc	proc	defaults 0 0
sysfs   $T_TMP/roots/old/sys  sysfs   defaults  0 0
F
	own old <<F
lxc.mount = $T_TMP/fstab
lxc.rootfs.mount = $T_TMP/roots/old
F
	ok start old
	same "$(in_ old 'grep -c " / /proc " /proc/self/mountinfo')" 1
	same "$(in_ old 'readlink /proc/1/exe >/dev/null; ls /dev/pts/ptmx')" /dev/pts/ptmx
	ok exec old -- /bin/sh -c ': </sys/kernel/uevent_seqnum'
}

@test "an fstab's lines come before the entries; targets are relative, or below the root or its mount" {
	mkdir -p "$T_TMP/src/a" "$T_TMP/src/b"
	echo from-a >"$T_TMP/src/a/f"
	echo from-b >"$T_TMP/src/b/f"
	printf '%s\n' "$T_TMP/src/a  srv  none  bind 0 0" "$T_TMP/src/a /usr/lib/lxc/rootfs/opt none bind,ro" "tmpfs var/tmp tmpfs size=1M,nosuid" >"$T_TMP/fstab2"
	own tabs <<F
lxc.mount.entry = $T_TMP/src/b srv none bind 0 0
lxc.mount.fstab = $T_TMP/fstab2
F
	ok start tabs
	same "$(in_ tabs cat /srv/f /opt/f)" $'from-b\nfrom-a'
	gives 1 exec tabs -- /bin/sh -c 'echo x >/opt/f'
	[[ $(mount_line tabs /var/tmp) == *size=1024k* ]]
}

@test "what is wrong in an fstab is told by its line" {
	printf '%s\n' '' "/srv srv none optinal" >"$T_TMP/fstab3"
	own wrong <<<"lxc.mount.fstab = $T_TMP/fstab3"
	fails 2 start wrong
	err_has "$T_TMP/fstab3:2: '/srv srv none optinal'"
	own wrong <<<"lxc.mount.fstab = $T_TMP/nowhere"
	run --separate-stderr c start wrong
	[ "$status" != 0 ]
	err_has "config:3: lxc.mount.fstab = '$T_TMP/nowhere'"
	# a check tells them beside what else is wrong
	printf 'lxc.mount.fstab = %s\nlxc.tty.max = x\n' "$T_TMP/nowhere" >"$T_TMP/check"
	run --separate-stderr c config check "$T_TMP/check"
	[ "$status" = 2 ]
	has "check:1: problem: lxc.mount.fstab = '$T_TMP/nowhere': cannot read the file"
	has "check:2: problem: lxc.tty.max"
	printf '%s\n' '/srv srv' 'tmpfs srv tmpfs' '/srv ../x none bind' >"$T_TMP/fstab3"
	sed -i "1s|=.*|= $T_TMP/fstab3|" "$T_TMP/check"
	run --separate-stderr c config check "$T_TMP/check"
	[ "$status" = 2 ]
	has "fstab3:1: problem: '/srv srv': fewer than three words"
	has "fstab3:3: problem: '/srv ../x none bind'"
	has "3 problems"
}

@test "binds show the owners of the source, whether those are the host's or the container's already" {
	mkdir -p "$T_TMP/plain" "$T_TMP/shifted"
	: >"$T_TMP/plain/f"
	chown -R 1000:1000 "$T_TMP/plain"
	: >"$T_TMP/shifted/f"
	chown -R 1201000:1201000 "$T_TMP/shifted"
	own owners <<F
lxc.idmap = u 0 1200000 65536
lxc.idmap = g 0 1200000 65536
lxc.mount.entry = $T_TMP/plain mnt/plain none bind,create=dir 0 0
lxc.mount.entry = $T_TMP/shifted mnt/shifted none bind,create=dir 0 0
lxc.mount.entry = $T_TMP/shifted mnt/forced none bind,create=dir,idmap=container 0 0
F
	ok start owners
	same "$(in_ owners stat -c %u:%g /mnt/plain/f /mnt/shifted/f /mnt/forced/f)" $'1000:1000\n1000:1000\n65534:65534'
	ok exec owners -- /bin/sh -c ': >/mnt/plain/mine; : >/mnt/shifted/mine'
	same "$(stat -c %u "$T_TMP/plain/mine" "$T_TMP/shifted/mine")" $'0\n1200000'
}

@test "idmap=PATH maps by that user namespace" {
	mkdir -p "$T_TMP/other"
	: >"$T_TMP/other/f"
	chown 5:5 "$T_TMP/other/f"
	up donor
	own mapped <<F
lxc.idmap = b 0 1300000 65536
lxc.mount.entry = $T_TMP/other mnt/o none bind,create=dir,idmap=/proc/$(init_of donor)/ns/user 0 0
F
	ok start mapped
	# 5 became an id of the donor's range, which means nothing here
	same "$(in_ mapped stat -c %u /mnt/o/f)" 65534
	own mapped <<<"lxc.mount.entry = $T_TMP/other mnt/o none bind,idmap=/nowhere 0 0"
	ok stop mapped
	run --separate-stderr c start mapped
	[ "$status" != 0 ]
	err_has "idmap= takes the path of a user namespace"
}

@test "create, optional, relative, remount and every flag" {
	mkdir -p "$T_TMP/flags/sub"
	echo x >"$T_TMP/flags/f"
	ln -s flags "$T_TMP/link"
	own flags <<F
lxc.mount.entry = $T_TMP/flags/f etc/made/deep none bind,create=file,ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow 0 0
lxc.mount.entry = $T_TMP/link opt/linked none bind,create=dir 0 0
lxc.mount.entry = /does/not/exist opt/none none bind,optional,create=dir 0 0
lxc.mount.entry = /sys/kernel no/such/target none bind,optional 0 0
lxc.mount.entry = usr/bin opt/bin none bind,relative,create=dir,ro 0 0
lxc.mount.entry = $T_TMP/flags opt/later none rbind,create=dir 0 0
lxc.mount.entry = none opt/later none remount,bind,ro 0 0
lxc.mount.entry = /etc/hostname /etc/elsewhere none bind 0 0
lxc.mount.entry = /dev/null dev/null none bind,create=file
F
	ok start flags
	[[ $(mount_line flags /etc/made/deep) == *" ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow"* ]] || mount_line flags /etc/made/deep
	same "$(in_ flags 'cat /opt/linked/f; ls -d /opt/none /etc/elsewhere 2>/dev/null; ls /opt/bin/busybox')" $'x\n/opt/bin/busybox'
	gives 1 exec flags -- /bin/sh -c 'echo x >/opt/later/f'
	gives 1 exec flags -- /bin/sh -c 'echo x >/opt/bin/f'
	[ ! -e "$T_TMP/roots/flags/usr/bin/f" ]
}

@test "a mount of the host's arrives in a slave, and only there; nothing goes back" {
	mkdir -p "$T_TMP/events/d" "$T_TMP/private/d"
	mount -t tmpfs none "$T_TMP/events"
	mount --make-shared "$T_TMP/events"
	mkdir "$T_TMP/events/d"
	own events <<F
lxc.mount.entry = $T_TMP/events mnt/slave none rbind,rslave,create=dir 0 0
lxc.mount.entry = $T_TMP/events mnt/apart none rbind,create=dir 0 0
lxc.mount.entry = $T_TMP/events mnt/shared none rbind,rshared,create=dir 0 0
lxc.mount.entry = $T_TMP/events mnt/alone none bind,unbindable,create=dir 0 0
lxc.mount.auto = shmounts:$T_TMP/events/shm:/run/shm-in
F
	ok start events
	mount -t tmpfs none "$T_TMP/events/d"
	: >"$T_TMP/events/d/arrived"
	mkdir "$T_TMP/events/shm/x"
	mount -t tmpfs none "$T_TMP/events/shm/x"
	: >"$T_TMP/events/shm/x/injected"
	run in_ events 'ls /mnt/slave/d /mnt/apart/d; ls /run/shm-in/x'
	umount "$T_TMP/events/shm/x" "$T_TMP/events/d"
	is $'/mnt/apart/d:\n\n/mnt/slave/d:\narrived\ninjected'
	[[ $(mount_line events /mnt/shared) == *" shared:"* ]]
	[[ $(mount_line events /mnt/alone) == *" unbindable"* ]]
	in_ events 'mount -t tmpfs none /mnt/shared/d && : >/mnt/shared/d/inside'
	[ ! -e "$T_TMP/events/d/inside" ]
	c stop events >/dev/null 2>&1
	umount "$T_TMP/events"
}

@test "binds below what is mounted inside: in /run, in a tmpfs of one's own, in /proc and /sys" {
	mkdir -p "$T_TMP/below/d"
	echo 'MemTotal: 1 kB' >"$T_TMP/below/meminfo"
	own below <<F
lxc.mount.entry = tmpfs opt tmpfs mode=0750,size=1M 0 0
lxc.mount.entry = $T_TMP/below opt/in none bind,create=dir 0 0
lxc.mount.entry = $T_TMP/below run/app/in none bind,create=dir,ro 0 0
lxc.mount.entry = $T_TMP/below/meminfo proc/meminfo none bind,ro 0 0
lxc.mount.entry = $T_TMP/below/meminfo proc/cpuinfo none bind,idmap=container 0 0
lxc.mount.entry = /sys/fs/fuse/connections sys/fs/fuse/connections none bind,optional 0 0
lxc.mount.entry = /sys/kernel/security sys/kernel/security none ro,bind,optional 0 0
F
	ok start below
	same "$(in_ below 'cat /proc/meminfo; ls /opt/in /run/app/in; stat -c %a:%u /opt; stat -c %u /proc/meminfo /proc/cpuinfo')" $'MemTotal: 1 kB\n/opt/in:\nd\nmeminfo\n\n/run/app/in:\nd\nmeminfo\n750:0\n65534\n0'
	gives 1 exec below -- /bin/sh -c ': >/run/app/in/f'
	# what is mounted into /proc can be made writable there; then the file's owner still is a stranger
	in_ below 'mount -o remount,rw,bind /proc/meminfo; echo x >/proc/meminfo' 2>/dev/null && false
	same "$(cat "$T_TMP/below/meminfo")" 'MemTotal: 1 kB'
}

@test "an entry mounts a device, an image file or an overlay of the host's directories" {
	needs loop mke2fs overlay
	mkdir -p "$T_TMP/ov/low" "$T_TMP/ov/top" "$T_TMP/ov/up" "$T_TMP/ov/wk"
	echo below >"$T_TMP/ov/low/f"
	echo top >"$T_TMP/ov/top/g"
	truncate -s 4M "$T_TMP/data.img"
	mke2fs -q -t ext4 -O ^has_journal -d "$T_TMP/ov/low" "$T_TMP/data.img"
	own devices <<F
lxc.mount.entry = $T_TMP/data.img mnt/disk ext4 noatime,loop,create=dir 0 0
lxc.mount.entry = UUID=00000000-dead-beef-0000-000000000000 mnt/none ext4 optional,create=dir 0 0
lxc.mount.entry = none mnt/over overlay lowerdir=$T_TMP/ov/top:$T_TMP/ov/low,upperdir=$T_TMP/ov/up,workdir=$T_TMP/ov/wk,create=dir 0 0
lxc.mount.entry = none mnt/seen overlayfs lowerdir=$T_TMP/ov/top:$T_TMP/ov/low,create=dir 0 0
F
	ok start devices
	same "$(in_ devices 'cat /mnt/disk/f; echo x >/mnt/disk/mine; stat -c %u /mnt/disk/mine; cat /mnt/over/f /mnt/over/g; echo mine >/mnt/over/f; stat -c %u /mnt/over/f; cat /mnt/seen/f')" $'below\n0\nbelow\ntop\n0\nbelow'
	same "$(cat "$T_TMP/ov/up/f")" mine
	same "$(stat -c %u "$T_TMP/ov/up/f")" 0
	same "$(cat "$T_TMP/ov/low/f")" below
	gives 1 exec devices -- /bin/sh -c 'echo x >/mnt/seen/f'
	ok stop devices
	own devices <<<"lxc.mount.entry = /dev/null mnt/disk ext4 create=dir"
	run --separate-stderr c start devices
	[ "$status" != 0 ]
	err_has "'/dev/null' is neither a block device nor an image file"
	own devices <<<"lxc.mount.entry = none mnt/over overlay lowerdir=$T_TMP/nowhere,create=dir"
	run --separate-stderr c start devices
	[ "$status" != 0 ]
	err_has "the overlay for '/mnt/over': open the lower directory '$T_TMP/nowhere'"
}

@test "the mounts of the configurations that LXC ships start, and are there" {
	own shipped <<'F'
lxc.mount.auto = cgroup:mixed proc:mixed sys:mixed
lxc.mount.entry = /sys/fs/fuse/connections sys/fs/fuse/connections none bind,optional 0 0
lxc.mount.entry = none dev/shm tmpfs rw,nosuid,nodev,create=dir
lxc.mount.entry=shm dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,create=dir 0 0
lxc.mount.entry=run run tmpfs rw,nosuid,nodev,relatime,mode=755 0 0
lxc.mount.entry=mqueue dev/mqueue mqueue rw,nodev,noexec,nosuid,create=dir 0 0
lxc.mount.entry = sys dev/.lxc/sys sysfs create=dir,optional 0 0
lxc.mount.entry = proc dev/.lxc/proc proc create=dir,optional 0 0
lxc.mount.entry = mqueue dev/mqueue mqueue rw,relatime,create=dir,optional 0 0
lxc.mount.entry = /sys/kernel/security sys/kernel/security none bind,optional 0 0
lxc.mount.entry = /sys/kernel/debug sys/kernel/debug none bind,optional 0 0
lxc.mount.entry = /sys/fs/pstore sys/fs/pstore none bind,optional 0 0
lxc.mount.entry = /sys/firmware/efi/efivars sys/firmware/efi/efivars none bind,optional 0 0
lxc.mount.entry = /proc/sys/fs/binfmt_misc proc/sys/fs/binfmt_misc none bind,optional 0 0
lxc.mount.entry = /dev/console dev/console none bind,create=file 0 0
lxc.mount.entry = /dev/full dev/full none bind,create=file 0 0
lxc.mount.entry = /dev/tty dev/tty none bind,create=file 0 0
lxc.mount.entry = tmpfs tmp tmpfs defaults
lxc.mount.entry = /usr/lib usr/lib none ro,bind 0 0
F
	ok start shipped
	same "$(in_ shipped 'grep -c " /dev/shm " /proc/self/mountinfo; ls -d /dev/.lxc/proc/1 /dev/.lxc/sys/kernel; stat -f -c %T /tmp')" $'3\n/dev/.lxc/proc/1\n/dev/.lxc/sys/kernel\ntmpfs'
	gives 1 exec shipped -- /bin/sh -c ': >/usr/lib/x'
	gives 1 exec shipped -- /bin/sh -c 'ls /sys/kernel/debug/*'
}

@test "lxc.mount.auto: proc, sys and cgroup as asked for" {
	own auto1 <<<'lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed'
	ok start auto1
	[[ $(mount_line auto1 /sys) == *" ro,"* ]]
	[[ $(mount_line auto1 /sys/devices/virtual/net) == *" rw,"* ]]
	[[ $(mount_line auto1 /proc/sys) == *" ro,"* ]]
	[[ $(mount_line auto1 /sys/fs/cgroup) == *" rw,"* ]]
	own auto2 <<<'lxc.mount.auto = proc:rw sys:rw cgroup-full:ro:force'
	ok start auto2
	[[ $(mount_line auto2 /sys) == *" rw,"* ]]
	# one tree, or a directory of hierarchies
	local tree=/sys/fs/cgroup
	! in_ auto2 'grep -q " - cgroup " /proc/self/mountinfo' || tree=/sys/fs/cgroup/memory
	[[ $(mount_line auto2 $tree) == *" ro,"* ]]
	[ -z "$(mount_line auto2 /proc/sys)" ]
	same "$(in_ auto2 'echo 77 >/proc/sys/user/max_user_namespaces; cat /proc/sys/user/max_user_namespaces; echo 1 >/proc/sys/kernel/printk' 2>/dev/null)" 77
	own auto3 <<<'lxc.mount.auto = sys'
	ok start auto3
	[[ $(mount_line auto3 /sys) == *" ro,"* ]]
}
