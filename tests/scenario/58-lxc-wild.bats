#!/usr/bin/env bats
# Configs as they are in the wild: of LXC 0.7 to 5, by hand, by templates and by other programs. They start, and go back to LXC.
load ../lib/common

bin=$(dirname "$COPPICE")
L=$T_ROOT/containers
lx() { local p=$1; shift; timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "$bin/lxc-$p" -P "$L" "$@" 3>&- 4>&-; }
lok() { ran="lxc-$*"; run --separate-stderr lx "$@"; [ "$status" = 0 ] || show_run; }

setup() { mkdir -p "$L"; }
teardown() {
	local n
	for n in "$L"/*/; do [ ! -d "$n" ] || lx destroy -f -s -n "$(basename "$n")" >/dev/null 2>&1 || true; done
}
teardown_file() { all_gone; }

# A container in LXC's layout whose config is standard input; ROOT in it is its root, DIR a directory beside it.
wild() { # NAME
	mkdir -p "$L/$1/x" "$T_TMP/share"
	chmod 0755 "$T_TMP" "$L" "$L/$1"
	cp -a "$COPPICE_TEST_DIR/bb" "$L/$1/rootfs"
	sed "s|ROOT|$L/$1/rootfs|g; s|DIR|$L/$1/x|g" >"$L/$1/config"
	printf 'lxc.init.cmd = /bin/sleep 1000\n' >>"$L/$1/config"
}
inside() { local n=$1; shift; lok attach -n "$n" --clear-env -- /bin/sh -c "$*"; }

@test "0.7: an fstab with host paths, old names, limits, a pivot directory" {
	printf 'proc ROOT/proc proc nodev,noexec,nosuid 0 0\ndevpts ROOT/dev/pts devpts defaults 0 0\n%s ROOT/opt none bind 0 0\n' "$T_TMP/share" | sed "s|ROOT|$L/w7/rootfs|" >"$T_TMP/fstab7"
	mkdir -p "$T_TMP/share" && echo here >"$T_TMP/share/f"
	wild w7 <<-F
		lxc.utsname = alpha_1
		lxc.tty = 99
		lxc.pts = 1024
		lxc.rootfs = ROOT
		lxc.mount = $T_TMP/fstab7
		lxc.pivotdir = putold/x
		lxc.network.type = empty
		lxc.network.flags = down
		lxc.cgroup.devices.deny = a
		lxc.cgroup.devices.allow = c 1:3 rwm
		lxc.cgroup.devices.allow = c 5:2 rwm #/dev/ptmx
		lxc.cgroup.memory.limit_in_bytes = 64M
		lxc.cgroup.cpuset.cpus =
		lxc.cgroup.freezer.state = THAWED
		lxc.cap.drop = sys_module mac_admin
	F
	mkdir -p "$L/w7/rootfs/opt"
	lok start -n w7
	inside w7 'hostname; cat /opt/f; ls /dev/tty99; echo x >/dev/null && echo null'
	is "alpha_1
here
/dev/tty99
null"
}

@test "2.0: a template's config, a program's devices in a /dev of its own" {
	wild w2 <<-'F'
		lxc.rootfs = ROOT
		lxc.rootfs.backend = dir
		lxc.aa_profile = unconfined
		lxc.seccomp =
		lxc.kmsg = 0
		lxc.autodev = 0
		lxc.mount.auto = cgroup:ro sys:ro proc
		lxc.mount.entry = tmpfs dev tmpfs nosuid 0 0
		lxc.mount.entry = /dev/zero dev/zero none bind,create=file,optional 0 0
		lxc.mount.entry = /dev/nosuch dev/nosuch none bind,create=file,optional 0 0
		lxc.mount.entry = none dev/pts devpts defaults,mode=644,ptmxmode=666,create=dir 0 0
		lxc.mount.entry = tmpfs mnt tmpfs mode=0755,uid=0,gid=1000
		lxc.mount.entry = DIR srv none defaults,bind,create=dir,uid=0 0 0
		lxc.network.type = empty
		lxc.hook.post-stop = /dev/null
	F
	lok start -n w2
	inside w2 'stat -c %a%g /mnt; [ -c /dev/zero ] && [ ! -e /dev/nosuch ] && grep -c " /dev tmpfs" /proc/mounts'
	is "7551000
1"
	# nothing of it was made in the root itself
	[ ! -e "$L/w2/rootfs/dev/zero" ]
	lok stop -k -n w2
}

@test "a /dev that is the host's: nothing is made in it" {
	wild wd <<-'F'
		lxc.rootfs = ROOT
		lxc.network.type = empty
		lxc.mount.entry = /dev dev/ none bind,optional,create=dir
	F
	ls -a /dev >"$T_TMP/before"
	lok start -n wd
	inside wd '[ -e /dev/pts/ptmx ] && [ -c /dev/null ] && echo fine'
	is fine
	diff "$T_TMP/before" <(ls -a /dev)
}

@test "4.0: as a hypervisor writes it" {
	[ -e /usr/share/lxc/config/common.conf ] || skip "no lxc here"
	wild w4 <<-'F'
		lxc.cgroup.relative = 0
		lxc.cgroup.dir.monitor = lxc.monitor/w4
		lxc.cgroup.dir.container = lxc/w4
		lxc.cgroup.dir.container.inner = ns
		lxc.arch = amd64
		lxc.include = /usr/share/lxc/config/common.conf
		lxc.include = /usr/share/lxc/config/userns.conf
		lxc.apparmor.profile = generated
		lxc.apparmor.allow_nesting = 1
		lxc.apparmor.raw = deny mount -> /proc/,
		lxc.monitor.unshare = 1
		lxc.idmap = u 0 100000 65536
		lxc.idmap = g 0 100000 65536
		lxc.tty.max = 2
		lxc.environment = TERM=linux
		lxc.uts.name = CT101
		lxc.cgroup2.memory.max = 536870912
		lxc.cgroup2.memory.swap.max = 536870912
		lxc.cgroup2.cpu.max = 200000 100000
		lxc.rootfs.path = ROOT
		lxc.net.0.type = empty
		lxc.cgroup2.cpuset.cpus = 0
	F
	chown -hR 100000:100000 "$L/w4/rootfs"
	lok start -n w4
	inside w4 'hostname; grep -c "100000 *65536" /proc/self/uid_map'
	is "CT101
1"
	lok cgroup -n w4 memory.max
	is 536870912
}

@test "what is made here goes back to LXC and comes again" {
	[ -x /usr/bin/lxc-start ] || skip "no lxc here"
	local n
	# where the kernel has AppArmor, LXC wants a profile that only its own service loads
	printf '%s\n' 'lxc.net.0.type = empty' 'lxc.apparmor.profile = unconfined' >"$T_TMP/dc"
	lok create -n wild_b -t busybox -f "$T_TMP/dc"
	lok copy -s -n wild_b -N wild_s
	chmod 0755 "$L" "$L"/wild_*
	for n in wild_b wild_s; do
		timeout $((30 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-start -P "$L" -n $n 3>&- 4>&-
		same "$(timeout $((10 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-attach -P "$L" -n $n -- /bin/cat /proc/1/comm)" init
		timeout $((30 * ${COPPICE_TEST_SLOW:-1})) /usr/bin/lxc-stop -P "$L" -n $n -k
		lok start -n $n
		inside $n 'cat /proc/1/comm'
		is init
		lok stop -k -n $n
	done
	for n in /sys/fs/cgroup/{,*/}lxc.{payload,monitor}.wild_[bs]; do [ ! -d "$n" ] || rmdir "$n" 2>/dev/null || true; done
}

# a name as LXC allows it, for a whole life, by the commands of both faces
@test "names that only LXC gives" {
	local n
	nc() { ok --lxcpath "$L" "$@"; }
	for n in _lead 'me@home' 'x:y' 'g++' '+@:'; do
		wild "$n" <<-F
			lxc.rootfs.path = dir:ROOT
			lxc.net.0.type = empty
			lxc.uts.name = $n
		F
		lok start -n "$n"
		inside "$n" hostname
		is "$n"
		lok ls -1 --running
		is "$n"
		lok freeze -n "$n"
		lok unfreeze -n "$n"
		lok cgroup -n "$n" cgroup.procs
		nc exec "$n" -- /bin/sh -c 'echo in >/tmp/f'
		nc cp "$n:/tmp/f" "$T_TMP/f"
		same "$(cat "$T_TMP/f")" in
		nc list "$n"
		nc logs "$n"
		nc config set "$n" lxc.start.auto=1
		nc stop --kill "$n"
		lok copy -n "$n" -N "$n.2"
		lok snapshot -n "$n"
		lok copy -n "$n.2" -N "$n.3" -R
		nc start "$n.3"
		nc delete --force "$n.3"
		nc undelete "$n.3"
		nc delete --purge "$n.3"
		fails 2 --lxcpath "$L" create bb "$n.new" # a name of its own makes no trouble
		lok destroy -s -n "$n"
	done
	lok create -n _made -t none -f /dev/null
	lok destroy -n _made
	mkdir -p "$L/a b" "$L/a,b" "$L/.hidden"
	for n in 'a b' 'a,b' .hidden; do
		: >"$L/$n/config"
		run lx start -n "$n"
		[ "$status" = 1 ] || show_run
		[[ $output == *"names have 1 to 63 letters, digits, '_', '.', '-', '+', '@' or ':'"* ]] || show_run
	done
	rm -r "$L/a b" "$L/a,b" "$L/.hidden"
}

@test "lxc-autostart -r asks and goes on; -t waits, and stops what does not reboot" {
	wild wr <<-'F'
		lxc.rootfs.path = ROOT
		lxc.net.0.type = empty
		lxc.start.auto = 1
		lxc.signal.reboot = SIGUSR2
	F
	lok start -n wr
	T=10 lok autostart -r
	lok info -n wr -p -H
	local pid=$output
	kill -0 "$pid"
	T=10 lok autostart -r -t 0.2
	lok info -n wr -p -H
	[ "$output" != "$pid" ]
}
