#!/usr/bin/env bats
# What a guest finds: terminals and /dev, its environment and groups, namespaces that are shared or kept, and settings of its init process.
load ../lib/common

teardown() { all_gone; }

own() { # NAME: a container on a root of its own; its config's lines follow on stdin
	mkdir -p "$T_ROOT/containers/$1" "$T_TMP/roots"
	chmod 0700 "$T_ROOT/containers/$1"
	[ -e "$T_TMP/roots/$1" ] || cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/roots/$1"
	{ echo "lxc.rootfs.path = $T_TMP/roots/$1"; cat; } >"$T_ROOT/containers/$1/config"
}
sleeps() { { echo 'coppice.init = /bin/sleep 100000'; cat; } | own "$1"; }
in_() { local n=$1; shift; c exec "$n" -- /bin/sh -c "$*"; }
ns_of() { readlink "/proc/$(init_of "$1")/ns/$2"; } # NAME KIND

@test "lxc.tty.dir: the terminals are in a directory of /dev, with links to them" {
	own ttys <<'F'
lxc.devttydir = lxc
lxc.tty = 2
F
	ok start ttys
	same "$(in_ ttys 'for f in console tty1 tty2; do readlink /dev/$f; done; ls /dev/lxc; ls /dev/tty3 2>/dev/null')" $'lxc/console\nlxc/tty1\nlxc/tty2\nconsole\ntty1\ntty2'
	in_ ttys 'echo via-the-link >/dev/console'
	until_ok 5 grep -q via-the-link "$T_ROOT/containers/ttys/console.log"
	# whoever takes over a container finds its terminals there, too
	kill -9 "$(monitor_of ttys)"
	until_ok 5 sh -c "! kill -0 $(monitor_of ttys) 2>/dev/null"
	ok pause ttys
	ok resume ttys
	in_ ttys 'echo after-the-kill >/dev/console'
	until_ok 5 grep -q after-the-kill "$T_ROOT/containers/ttys/console.log"
}

@test "lxc.autodev: another size, or the /dev of the root itself" {
	sleeps dev1 <<<'lxc.autodev.tmpfs.size = 2M'
	ok start dev1
	same "$(in_ dev1 'df -k /dev | tail -n 1 | awk "{print \$2}"')" 2048
	sleeps dev2 <<<'lxc.autodev = 0'
	echo mark >"$T_TMP/roots/dev2/dev/mark"
	mknod -m 600 "$T_TMP/roots/dev2/dev/console" c 5 1
	mknod -m 600 "$T_TMP/roots/dev2/dev/zero" c 1 5
	ok start dev2
	same "$(in_ dev2 'cat /dev/mark; echo x >/dev/null; head -c 3 /dev/zero | wc -c; ls /dev/pts/ptmx; : >/dev/made')" $'mark\n3\n/dev/pts/ptmx'
	[ -e "$T_TMP/roots/dev2/dev/made" ]
	ok exec --tty dev2 -- /bin/true
}

@test "lxc.console.path: a file gets what the console prints, a terminal is the console" {
	own con <<F
coppice.init = /bin/sh -c 'echo to-the-console; exec sleep 100000'
lxc.console.path = $T_TMP/console.out
F
	ok start con
	until_ok 5 grep -q to-the-console "$T_TMP/console.out"
	grep -q to-the-console "$T_ROOT/containers/con/console.log"
	own con2 <<F
coppice.init = /bin/sh -c 'read x </dev/console; echo "got \$x"; exec sleep 100000'
lxc.console = $T_TMP/pts
F
	python3 - "$T_TMP/pts" "$COPPICE" <<'P'
import os, pty, select, subprocess, sys, time
master, slave = os.openpty()
os.symlink(os.ttyname(slave), sys.argv[1])
subprocess.run([sys.argv[2], "start", "con2"], check=True, stdout=subprocess.DEVNULL, close_fds=True)
os.write(master, b"hello\r")
seen, end = b"", time.time() + 10
while b"got hello" not in seen and time.time() < end:
    if select.select([master], [], [], 0.5)[0]:
        seen += os.read(master, 1000)
sys.exit(b"got hello" not in seen)
P
	own con3 <<<'lxc.console.path = none'
	ok start con3
	own con4 <<<"lxc.console.path = $T_TMP/no/such/dir/file"
	run --separate-stderr c start con4
	[ "$status" != 0 ]
	err_has "open '$T_TMP/no/such/dir/file' for the console"
}

@test "init's groups, as a program and as a real init" {
	sleeps groups <<'F'
lxc.init.uid = 1000
lxc.init.gid = 1000
lxc.init.groups = 27,2000
F
	ok start groups
	same "$(in_ groups 'for p in /proc/[0-9]*; do grep -q sleep $p/cmdline && grep Groups $p/status | tr -d "\t "; done 2>/dev/null | sort -u | tail -n 1')" "Groups:272000"
	own groups2 <<'F'
lxc.init.cmd = /bin/sleep 100000
lxc.init.groups = 28
F
	ok start groups2
	same "$(in_ groups2 'grep Groups /proc/1/status | tr -d "\t "')" "Groups:28"
}

@test "a real init can lead a session, and signals its group alone" {
	own leads </dev/null
	ok start leads
	leads() { [ "$(ps -o sid= -p "$(init_of leads)" | tr -d ' ')" = "$(init_of leads)" ]; }
	until_ok 5 leads # busybox asks for one when it comes up, as others do
	# one that asks for none stays in a group of its own, and ends all the same
	printf '#!/bin/sh\ntrap : USR1\nkill -USR1 0\n: >/came-here\nwhile :; do sleep 0.1; done\n' >"$T_TMP/roots/leads/init.sh"
	chmod 0755 "$T_TMP/roots/leads/init.sh"
	ok stop --kill leads
	ok config set leads lxc.init.cmd=/init.sh
	ok config set leads coppice.privileged=1
	ok start leads
	until_ok 5 test -e "$T_TMP/roots/leads/came-here"
	kill -0 "$(monitor_of leads)"
	is_state leads running
	ok stop --kill leads
}

@test "a variable's name alone takes the caller's value; nothing else of the caller's comes along" {
	sleeps env <<'F'
lxc.environment = SAID=here
lxc.environment = TOKEN
lxc.environment = ABSENT
lxc.environment.runtime = ONLY=init
lxc.environment.runtime = SAID=again
lxc.environment.hooks = HOOK=1
F
	TOKEN='a b=c' SECRET=x ok start env
	err_has "lxc.environment = ABSENT: whoever starts the container has no such variable"
	run in_ env 'for p in /proc/[0-9]*; do grep -q "^/bin/sleep" $p/cmdline && tr "\0" "\n" <$p/environ; done'
	has "TOKEN=a b=c"
	has ONLY=init
	has SAID=again
	hasnt SAID=here
	hasnt SECRET
	hasnt ABSENT
	hasnt HOOK
}

@test "namespaces of another container are shared: by its name, its pid, a path" {
	up donor
	local pid kind
	pid=$(init_of donor)
	sleeps share <<F
lxc.namespace.share.net = donor
lxc.namespace.share.ipc = $pid
lxc.namespace.share.uts = /proc/$pid/ns/uts
lxc.namespace.share.pid = donor
lxc.namespace.share.cgroup = donor
lxc.net.0.type = veth
F
	ok start share
	for kind in net ipc uts pid cgroup; do same "$(ns_of share $kind)" "$(ns_of donor $kind)"; done
	[ "$(ns_of share mnt)" != "$(ns_of donor mnt)" ]
	[ "$(ns_of share user)" != "$(ns_of donor user)" ]
	# the monitor came back from all of them
	for kind in net ipc uts pid cgroup time; do same "$(readlink "/proc/$(monitor_of share)/ns/$kind")" "$(readlink "/proc/self/ns/$kind")"; done
	same "$(in_ share hostname)" donor
	sleeps there <<<"lxc.namespace.share.net = $T_ROOT/containers/donor" # as LXC names one of another directory
	ok start there
	same "$(ns_of there net)" "$(ns_of donor net)"
	ok delete --force --purge there
	sleeps there <<<"lxc.namespace.share.net = $T_ROOT/containers/nosuch"
	mkdir "$T_ROOT/containers/nosuch"
	run --separate-stderr c start there
	[ "$status" != 0 ]
	err_has "container '$T_ROOT/containers/nosuch', whose net namespace shall be shared, does not run"
	rmdir "$T_ROOT/containers/nosuch"
	# its proc is of the namespace it is in: the donor's init is process 1 there
	same "$(in_ share 'tr "\0" " " </proc/1/cmdline | grep -c sleep')" 1
	ok stop share
	ok stop donor
	run --separate-stderr c start share
	[ "$status" != 0 ]
	err_has "container 'donor', whose cgroup namespace shall be shared, does not run"
	sleeps share <<<'lxc.namespace.share.uts = /etc/passwd'
	run --separate-stderr c start share
	[ "$status" != 0 ]
	err_has "'/etc/passwd' is no uts namespace"
	sleeps share <<<'lxc.namespace.share.uts = 999999999'
	run --separate-stderr c start share
	[ "$status" != 0 ]
	err_has "process 999999999"
}

map_of() { tr -s ' ' <"/proc/$(init_of "$1")/uid_map"; }

@test "the user namespace of another is shared: its ids, a root and the other namespaces of one's own" {
	local kind pid other
	up donor
	pid=$(init_of donor)
	sleeps share <<<'lxc.namespace.share.user = donor'
	ok start share
	same "$(ns_of share user)" "$(ns_of donor user)"
	same "$(map_of share)" "$(map_of donor)"
	for kind in mnt net ipc uts pid cgroup time; do [ "$(ns_of share $kind)" != "$(ns_of donor $kind)" ]; done
	# the monitor has entered nothing, and the process that has is gone
	same "$(readlink "/proc/$(monitor_of share)/ns/user")" "$(readlink /proc/self/ns/user)"
	same "$(pgrep -cP "$(monitor_of share)")" 1
	# it owns its files, its terminal, its hostname, its control group
	same "$(in_ share 'id -u; stat -c %u / /dev/console /proc/1; hostname; mkdir /made && stat -c %u /made; mount -t tmpfs none /made && echo mounted')" $'0\n0\n0\n0\nshare\n0\nmounted'
	same "$(stat -c %u "$T_TMP/roots/share/made")" 0
	ok show share
	has "uid 0 -> $(map_of donor | cut -d' ' -f3)"
	ok pause share
	is_state share frozen
	ok resume share
	# a monitor that takes over finds its way in
	kill -9 "$(monitor_of share)"
	until_ok 5 sh -c "! kill -0 $(monitor_of share) 2>/dev/null"
	same "$(in_ share 'echo again >/dev/console; id -u')" 0
	until_ok 5 grep -q again "$T_ROOT/containers/share/console.log"
	# it lives on without the other
	ok stop donor
	is_state share running
	same "$(in_ share 'id -u')" 0
	# and nobody is given its ids meanwhile
	ok delete --purge donor
	up donor
	[ "$(map_of donor)" != "$(map_of share)" ]
	ok stop donor
	# a monitor that finds nothing of what it was started with asks the container itself
	kill -9 "$(monitor_of share)"
	rm -rf "$T_ROOT/run/share"
	same "$(in_ share 'echo lost >/dev/console; id -u')" 0
	until_ok 5 grep -q lost "$T_ROOT/containers/share/console.log"
	ok stop share
	run --separate-stderr c start share
	[ "$status" != 0 ]
	err_has "container 'donor', whose user namespace shall be shared, does not run"
	err_has "coppice start donor"
	# by pid, by path, with an id map that says something else, beside others that are shared
	ok start donor
	pid=$(init_of donor)
	for other in "$pid" "/proc/$pid/ns/user"; do
		sleeps share <<F
lxc.namespace.share.user = $other
lxc.namespace.share.net = donor
lxc.namespace.share.pid = donor
lxc.idmap = b 0 1500000 65536
F
		ok start share
		err_has "lxc.idmap has no effect"
		for kind in user net pid; do same "$(ns_of share $kind)" "$(ns_of donor $kind)"; done
		same "$(in_ share 'tr "\0" " " </proc/1/cmdline | grep -c sleep; id -u')" $'1\n0'
		ok stop share
	done
	# a path that is no such namespace, one that is the host's
	sleeps share <<<"lxc.namespace.share.user = /proc/$pid/ns/net"
	run --separate-stderr c start share
	err_has "'/proc/$pid/ns/net' is no user namespace"
	sleeps share <<<"lxc.namespace.share.user = $$"
	run --separate-stderr c start share
	[ "$status" != 0 ]
	err_has "has the host's"
	err_has "coppice.privileged = 1"
	[ -z "$(groups_of share)" ]
}

@test "a side-car: the mounts of another, with its user namespace" {
	local kind pid
	sleeps main <<<'lxc.tty.max = 1'
	ok start main
	in_ main 'echo of-main >/tmp/mark; mount -t tmpfs none /mnt && echo inner >/mnt/mark'
	own side <<'F'
coppice.init = /bin/sh -c 'echo says-side; cat /tmp/mark /mnt/mark; exec sleep 100000'
lxc.namespace.share.user = main
lxc.namespace.share.mnt = main
lxc.mount.entry = /usr mnt none bind
F
	ok config check "$T_ROOT/containers/side/config"
	has "the root and all mounts are those of 'main', so this has no effect: lxc.rootfs.path, lxc.mount.entry"
	has "/proc shows the processes of 'main'"
	ok start side
	for kind in user mnt; do same "$(ns_of side $kind)" "$(ns_of main $kind)"; done
	for kind in net ipc uts pid cgroup time; do [ "$(ns_of side $kind)" != "$(ns_of main $kind)" ]; done
	until_ok 5 grep -q inner "$T_ROOT/containers/side/console.log"
	grep -q of-main "$T_ROOT/containers/side/console.log"
	# each has a console of its own, and the other's is where it was
	same "$(in_ side 'cat /mnt/mark; hostname; id -u')" $'inner\nside\n0'
	in_ side 'echo to-mains-console >/dev/console'
	until_ok 5 grep -q to-mains-console "$T_ROOT/containers/main/console.log"
	[ ! -e "$T_TMP/roots/side/tmp/mark" ]
	[ -z "$(in_ main 'cat /etc/hostname' | grep side)" ]
	ok pause side
	is_state side frozen
	is_state main running
	ok resume side
	# a monitor that was killed gives nothing away
	kill -9 "$(monitor_of side)"
	until_ok 5 sh -c "! kill -0 $(monitor_of side) 2>/dev/null"
	in_ side 'echo still >/mnt/mark'
	same "$(in_ main 'cat /mnt/mark')" still
	ok list
	in_ main 'echo once-more >/dev/console'
	until_ok 5 grep -q once-more "$T_ROOT/containers/main/console.log"
	ok stop side
	is_state main running
	in_ main 'cat /mnt/mark /etc/passwd >/dev/null'
	# without its user namespace, and with another's
	sleeps side <<<'lxc.namespace.share.mnt = main'
	run --separate-stderr c start side
	[ "$status" != 0 ]
	err_has "mounts belong to a user namespace"
	err_has "lxc.namespace.share.user = main"
	up donor
	sleeps side <<<$'lxc.namespace.share.mnt = main\nlxc.namespace.share.user = donor'
	run --separate-stderr c start side
	[ "$status" != 0 ]
	err_has "the mounts of 'main' belong to another user namespace"
	err_has "lxc.namespace.share.user = main"
	sleeps side <<<$'lxc.namespace.share.mnt = main\ncoppice.privileged = 1'
	run --separate-stderr c start side
	[ "$status" != 0 ]
	err_has "the mounts of 'main' belong to another user namespace"
	[ -z "$(groups_of side)" ]
}

@test "a side-car that shares everything ends with the other, and is started again with it" {
	local kind
	up main
	own side <<'F'
coppice.init = /bin/sh -c 'hostname; exec sleep 100000'
lxc.namespace.share.user = main
lxc.namespace.share.mnt = main
lxc.namespace.share.pid = main
lxc.namespace.share.net = main
lxc.namespace.share.ipc = main
lxc.namespace.share.uts = main
F
	ok start side
	for kind in user mnt pid net ipc uts; do same "$(ns_of side $kind)" "$(ns_of main $kind)"; done
	until_ok 5 grep -q main "$T_ROOT/containers/side/console.log"
	same "$(in_ side 'kill -0 1 && cat /proc/1/comm; id -u')" $'coppice-init\n0'
	# what of it is in there can be seen and stopped from the other
	same "$(in_ main 'cat /proc/[0-9]*/comm | grep -cx sleep')" 2
	ok restart side
	is_state side running
	ok stop main
	until_ok 5 is_state side stopped
	fails 125 exec side -- /bin/true
	ok start main
	ok start side
	ok stop side
	is_state main running
}

@test "with another's ids: every kind of root, a hook, a restart" {
	local mode first
	up donor
	for mode in bind overlay ephemeral copy; do
		ok create bb "m-$mode" --mode "$mode" --set lxc.namespace.share.user=donor -- /bin/sleep 100000
		ok start "m-$mode"
		same "$(ns_of "m-$mode" user)" "$(ns_of donor user)"
		same "$(in_ "m-$mode" 'touch /root/f && stat -c %u:%g /root/f /bin/busybox')" $'0:0\n0:0'
		ok delete --force --purge "m-$mode"
	done
	printf '#!/bin/sh\nid -u >"$LXC_ROOTFS_MOUNT/hooked"\n' >"$T_TMP/hook"
	chmod 0755 "$T_TMP" "$T_TMP/hook"
	sleeps again <<F
lxc.namespace.share.user = donor
coppice.restart = always
lxc.hook.mount = $T_TMP/hook
F
	ok start again
	same "$(in_ again 'cat /hooked; stat -c %u /hooked')" $'0\n0'
	first=$(init_of again)
	kill -9 "$first"
	until_ok 10 sh -c "p=\$('$COPPICE' list -f json again | jq '.containers[0].pid'); [ \"\$p\" != $first ] && [ \"\$p\" -gt 0 ]"
	until_ok 5 is_state again running
	same "$(ns_of again user)" "$(ns_of donor user)"
	# nothing to share any more: that is told where its output is
	ok stop donor
	is_state again running
	kill -9 "$(init_of again)"
	until_ok 10 is_state again stopped
	grep -q "could not start it again: .*container 'donor'" "$T_ROOT/containers/again/console.log"
}

@test "a side-car that lives on keeps an overlay from being mounted a second time" {
	ok create bb lay --mode overlay -- /bin/sleep 100000
	ok start lay
	sleeps side <<<$'lxc.namespace.share.user = lay\nlxc.namespace.share.mnt = lay'
	ok start side
	ok stop lay
	same "$(in_ side 'id -u')" 0
	run --separate-stderr c start lay
	[ "$status" != 0 ]
	err_has "another container still lives among the mounts of its last run"
	# whoever takes it over keeps that up
	kill -9 "$(monitor_of side)"
	until_ok 5 sh -c "! kill -0 $(monitor_of side) 2>/dev/null"
	in_ side true
	run --separate-stderr c start lay
	err_has "another container still lives among the mounts of its last run"
	ok stop side
	ok start lay
	# one that ends with it is no hindrance
	sleeps side <<<$'lxc.namespace.share.user = lay\nlxc.namespace.share.mnt = lay\nlxc.namespace.share.pid = lay'
	ok start side
	ok restart lay
	is_state lay running
	until_ok 5 is_state side stopped
}

@test "privileged containers share their mounts without a user namespace" {
	sleeps main <<<'coppice.privileged = 1'
	ok start main
	in_ main 'echo here >/tmp/mark'
	sleeps side <<<$'coppice.privileged = 1\nlxc.namespace.share.mnt = main\nlxc.namespace.share.pid = main'
	ok start side
	same "$(ns_of side mnt)" "$(ns_of main mnt)"
	same "$(ns_of side user)" "$(readlink /proc/self/ns/user)"
	same "$(in_ side 'cat /tmp/mark')" here
	sleeps wrong <<<$'lxc.namespace.share.mnt = main\nlxc.namespace.share.user = main'
	run --separate-stderr c start wrong
	[ "$status" != 0 ]
	err_has "'main', whose user namespace shall be shared, has the host's"
	ok stop side
	ok stop main
}

@test "namespaces that are kept are the host's" {
	local host
	sleeps keep <<<'lxc.namespace.keep = net uts ipc'
	host=$(hostname)
	ok start keep
	same "$(ns_of keep net)" "$(readlink /proc/self/ns/net)"
	same "$(ns_of keep uts)" "$(readlink /proc/self/ns/uts)"
	same "$(ns_of keep ipc)" "$(readlink /proc/self/ns/ipc)"
	[ "$(ns_of keep pid)" != "$(readlink /proc/self/ns/pid)" ]
	same "$(hostname)" "$host"
	sleeps keep2 <<<'lxc.namespace.keep = pid time cgroup'
	ok start keep2
	same "$(ns_of keep2 pid)" "$(readlink /proc/self/ns/pid)"
	same "$(in_ keep2 "test -d /proc/$$ && echo yes")" yes
	ok stop keep2
	[ -z "$(groups_of keep2)" ]
	sleeps clone <<<'lxc.namespace.clone = pid mnt user'
	ok start clone
	same "$(ns_of clone net)" "$(readlink /proc/self/ns/net)"
	[ "$(ns_of clone pid)" != "$(readlink /proc/self/ns/pid)" ]
}

@test "lxc.proc, a session keyring of one's own, a scheduling cookie" {
	sleeps proc <<'F'
lxc.proc.oom_score_adj = 321
lxc.sched.core = 1
coppice.nesting = 1
F
	ok start proc
	same "$(cat "/proc/$(init_of proc)/oom_score_adj")" 321
	same "$(in_ proc 'cat /proc/1/oom_score_adj')" 321
	sleeps proc2 <<<'lxc.proc.no_such_file = 1'
	run --separate-stderr c start proc2
	[ "$status" != 0 ]
	err_has "lxc.proc.no_such_file"
}

@test "lxc.monitor.signal.pdeath: init dies with its monitor; without it, it lives on" {
	local init
	sleeps dies <<<'lxc.monitor.signal.pdeath = SIGKILL'
	sleeps lives <<<'lxc.monitor.signal.pdeath = 0'
	ok start dies lives
	init=$(init_of dies)
	kill -9 "$(monitor_of dies)" "$(monitor_of lives)"
	until_ok 5 sh -c "! kill -0 $init"
	kill -0 "$(init_of lives)"
	is_state dies stopped
}

@test "kernel parameters of the host only for a privileged container" {
	sleeps sys <<'F'
lxc.sysctl.net.ipv4.ip_default_ttl = 77
lxc.sysctl.user.max_ipc_namespaces = 5
lxc.sysctl.kernel.domainname = inside.example
lxc.sysctl.kernel.shmmni = 123
lxc.sysctl.fs.mqueue.msg_max = 11
F
	ok start sys
	same "$(in_ sys 'cat /proc/sys/kernel/domainname /proc/sys/kernel/shmmni /proc/sys/fs/mqueue/msg_max')" $'inside.example\n123\n11'
	[ "$(cat /proc/sys/kernel/domainname)" != inside.example ]
	same "$(in_ sys 'cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/user/max_ipc_namespaces')" $'77\n5'
	sleeps sys2 <<<'lxc.sysctl.vm.swappiness = 60'
	run --separate-stderr c start sys2
	[ "$status" != 0 ]
	err_has "this parameter belongs to the whole host"
	sleeps sys3 <<F
coppice.privileged = 1
lxc.sysctl.kernel.printk_ratelimit = $(cat /proc/sys/kernel/printk_ratelimit)
F
	ok start sys3
}

@test "as many terminals as lxc.tty.max allows, and they outlive a killed monitor" {
	sleeps many <<<'lxc.tty.max = 63'
	ok start many
	same "$(in_ many 'ls /dev/tty63; echo /dev/tty[0-9]* | wc -w')" $'/dev/tty63\n63'
	kill -9 "$(monitor_of many)"
	until_ok 5 sh -c "! kill -0 $(monitor_of many) 2>/dev/null"
	ok pause many
	ok resume many
	in_ many 'echo x >/dev/tty63'
	c show many | grep -q "nothing was lost"
}
