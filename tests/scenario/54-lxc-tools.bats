#!/usr/bin/env bats
# lxc-cgroup, lxc-device, lxc-unshare, lxc-usernsexec, lxc-checkconfig, lxc-checkpoint, and the names that LXC dropped.
load ../lib/common

setup() { export COPPICE_LXCPATH=$T_ROOT/containers; }
teardown_file() { all_gone; }

l() { local name=$1; shift; timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "${COPPICE%/*}/lxc-$name" "$@" 3>&- 4>&-; }
lxc() { local i; ran="lxc-$*"; run --separate-stderr l "$@"; [ "$status" = 0 ] || show_run; }
lxc_gives() { local want=$1 i; shift; ran="lxc-$*"; if [ "$want" = 127 ]; then run -127 --separate-stderr l "$@"; else run --separate-stderr l "$@"; fi
	[ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; }; }
inside() { ok exec "$1" -- /bin/sh -c "$2"; }
# A device of the host's that every kernel has and the list of `guarded` denies: what is asked of it is answered by opening it.
host_device() { dev=$T_TMP/dev; [ -e "$dev" ] || mknod -m 0666 "$dev" c 1 7; }
# A container whose device list denies everything but the usual.
guarded() {
	local name=$1
	shift
	up "$name" --set lxc.cgroup.devices.deny=a --set 'lxc.cgroup.devices.allow=c 1:3 rwm' --set 'lxc.cgroup.devices.allow+=c 1:5 rwm' --set 'lxc.cgroup.devices.allow+=c 1:9 rwm' --set 'lxc.cgroup.devices.allow+=c 5:* rwm' --set 'lxc.cgroup.devices.allow+=c 136:* rwm' "$@"
}

@test "every command answers --help, --usage, --version, and refuses what it does not know" {
	local p
	for p in "${COPPICE%/*}"/lxc-*; do
		p=${p##*/lxc-}
		lxc "$p" --help
		has "Usage: lxc-$p"
		lxc "$p" -h
		has "Usage: lxc-$p"
		lxc "$p" --usage
		lxc "$p" --version
		is 5.0.2 # what they are like, which scripts compare
		lxc_gives 1 "$p" --no-such-option
		err_has "no option"
		[[ $p = clone || $p = monitor ]] || { lxc_gives 1 "$p" -P /a -P /b; err_has "takes one -P"; } # the former has a -P of its own
	done
}

@test "lxc-cgroup: one limit under both names, read and written" {
	needs memory
	up g1 --set lxc.cgroup.memory.limit_in_bytes=100M
	lxc cgroup -n g1 memory.limit_in_bytes
	is 104857600
	lxc cgroup g1 memory.max
	is 104857600
	lxc cgroup -n g1 memory.max 60M
	quiet
	lxc cgroup -n g1 memory.limit_in_bytes
	is 62914560
	lxc cgroup -n g1 memory.limit_in_bytes 50M
	lxc cgroup -n g1 memory.max
	is 52428800
	ok config get g1 lxc.cgroup.memory.limit_in_bytes
	is 100M
	lxc_gives 1 cgroup -n g1 memory.max nonsense
	lxc_gives 1 cgroup -n g1 memory.max ""
	err_has "the value is empty"
	run --separate-stderr l cgroup -n g1 memory.high 50M # what one generation alone has: there, or refused in a line
	[[ $stderr != *"?"* ]] || show_run
	lxc_gives 1 cgroup -n g1 nonsense.file
	lxc_gives 1 cgroup -n g1 ../../x
	lxc_gives 1 cgroup -n g1
	lxc_gives 1 cgroup -n nope memory.max
}

@test "lxc-cgroup: a controller that the container was started without" {
	needs cpu
	up g2
	lxc cgroup -n g2 cpu.weight 50
	lxc cgroup -n g2 cpu.weight
	[ "$output" -ge 49 ] && [ "$output" -le 50 ] || show_run
	lxc cgroup -n g2 cpu.shares
	[ "$output" -ge 1280 ] && [ "$output" -le 1290 ] || show_run
	ok stop --kill g2
	[ -z "$(groups_of g2)" ]
}

@test "lxc-cgroup: processor time is the container's own, not that of whatever holds it" {
	up g4
	inside g4 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done'
	lxc cgroup -n g4 cpuacct.usage
	[ "$output" -gt 1000000 ] && [ "$output" -lt 60000000000 ] || show_run # nanoseconds; the host's are hours
	lxc info -n g4 -SH
	has "CPU use:"
	ok stop --kill g4
}

@test "words that nothing is done with are told" {
	up w1
	up w2
	lxc stop -k w1 w2
	err_has "note: 'w2' is left out: one container at a time"
	is_state w2 running
	lxc stop -q -k w2 w1
	quiet
	lxc autostart -L w1
	err_has "note: 'w1' is left out"
}

@test "lxc-unfreeze of what does not run is no failure; lxc-freeze is" {
	ok create bb z1 -- /bin/sleep 1000
	lxc unfreeze z1
	err_has "z1 is not running"
	lxc_gives 1 freeze z1
	lxc_gives 1 unfreeze nope
}

@test "lxc-config: items of the system file, what is not set, and how to ask" {
	printf 'lxc.lxcpath = /some/where\nlxc.cgroup.use=@all\n' >"$T_TMP/lxc.conf"
	lxc config lxc.cgroup.use
	is "lxc.cgroup.use is not set."
	LXC_SYSTEM_CONF=$T_TMP/lxc.conf lxc config lxc.cgroup.use
	is @all
	LXC_SYSTEM_CONF=$T_TMP/lxc.conf lxc config lxc.lxcpath
	is /some/where
	lxc config lxc.bdev.lvm.vg lxc.lxcpath # the first, as LXC has it
	is lxc
	lxc config
	has "Usage: lxc-config"
	lxc_gives 1 config lxc.nope
}

@test "lxc-cgroup: freezer.state" {
	up g3
	lxc cgroup -n g3 freezer.state FROZEN
	is_state g3 frozen
	lxc cgroup -n g3 freezer.state
	is FROZEN
	lxc cgroup -n g3 freezer.state THAWED
	is_state g3 running
	lxc_gives 1 cgroup -n g3 freezer.state MAYBE
}

@test "lxc-device: a node and the right to use it, in a mapped container" {
	host_device
	guarded d1
	inside d1 '(exec 3</dev/full && echo opened) 2>/dev/null || true'
	hasnt opened
	lxc device -n d1 add "$dev" /dev/mine
	inside d1 'ls -ln /dev/mine; exec 3<>/dev/mine && echo opened'
	has 'crw-rw-rw-    1 0        0           1,   7'
	has opened
	lxc_gives 1 device -n d1 add "$dev" /dev/mine
	lxc cgroup -n d1 devices.list
	has "c 1:7 rwm"
	lxc device -n d1 del "$dev" /dev/mine
	inside d1 'test ! -e /dev/mine; (exec 3</dev/full && echo opened) 2>/dev/null || true'
	hasnt opened
	lxc cgroup -n d1 devices.list
	hasnt 1:7
	lxc device d1 add "$dev" /srv/deep/f
	inside d1 'exec 3<>/srv/deep/f && echo opened'
	has opened
	lxc device -n d1 del "$dev" /srv/deep/f
	inside d1 'test ! -e /srv/deep/f; test -d /srv/deep'
	lxc_gives 1 device -n d1 add /dev/nosuch
	lxc_gives 1 device -n d1 add /etc/passwd
	lxc_gives 1 device -n d1 add "$dev" /../../x
	lxc_gives 1 device -n d1 frob "$dev"
}

@test "lxc-device: a node in a privileged container" {
	host_device
	guarded d2 --set coppice.privileged=1
	inside d2 '(exec 3</dev/full && echo opened) 2>/dev/null || true'
	hasnt opened
	lxc device -n d2 add "$dev" /srv/f
	inside d2 'exec 3<>/srv/f && echo opened'
	has opened
	lxc device -n d2 del "$dev" /srv/f
	inside d2 'test ! -e /srv/f'
}

@test "lxc-device: a name in the container leads nowhere else" {
	host_device
	up d4
	inside d4 'ln -s / /srv/out; ln -s /etc/passwd /srv/file'
	lxc_gives 1 device -n d4 add "$dev" /srv/out/tmp/x
	lxc_gives 1 device -n d4 add "$dev" /srv/file
	inside d4 'test ! -e /tmp/x'
	[ ! -e /tmp/x ]
}

@test "lxc-device: an interface moves in and back" {
	up d3
	ip link add e0 type veth peer name e1
	lxc device -n d3 add e0 eth7
	inside d3 'ip link show eth7'
	run ip link show e0
	[ "$status" != 0 ]
	lxc device -n d3 del eth7 e0
	ip link show e0
	ip link del e0
}

@test "lxc-unshare: namespaces, host name, mounts, status" {
	lxc unshare -s 'PID|MOUNT|UTSNAME' -H other -M -- sh -c 'hostname; echo $$; ls /proc | grep -c "^[0-9]"'
	[ "${lines[0]}" = other ] && [ "${lines[1]}" = 1 ] && [ "${lines[2]}" -lt 6 ] || show_run
	lxc_gives 7 unshare -s IPC sh -c 'exit 7'
	lxc_gives 127 unshare -s IPC /nosuch
	lxc_gives 1 unshare -s NOSUCH true
	lxc_gives 1 unshare true
	lxc_gives 1 unshare -s IPC -H x true
	ip link add e0 type veth peer name e1
	lxc unshare -s NETWORK -i e0 -- ip -br link
	has e0
	hasnt e1
	lxc unshare -s USER -u 0 -- id -u
	is 0
	[ "$(hostname)" != other ]
}

@test "lxc-usernsexec: maps as given, status of the command" {
	lxc_gives 5 usernsexec -m b:0:100000:65536 -- sh -c 'cat /proc/self/uid_map; id -u; exit 5'
	[[ ${lines[0]} =~ ^\ +0\ +100000\ +65536$ && ${lines[1]} = 0 ]] || show_run
	lxc usernsexec -m u:0:100000:1 -m g:0:200000:1 -- cat /proc/self/gid_map
	has 200000
	lxc_gives 127 usernsexec -m b:0:100000:10 -- /nosuch
	lxc_gives 1 usernsexec -m b:0:100000 -- true
	lxc_gives 1 usernsexec -m x:0:100000:1 -- true
}

@test "lxc-checkconfig: from a configuration, and without one" {
	printf 'CONFIG_NAMESPACES=y\nCONFIG_VETH=m\n' >"$T_TMP/config"
	CONFIG=$T_TMP/config run "${COPPICE%/*}/lxc-checkconfig"
	[ "$status" = 1 ]
	has "Namespaces: enabled"
	has "Ipc namespace: required"
	has "Veth pair device: enabled"
	has "Bridges: missing"
	gzip -k "$T_TMP/config"
	CONFIG=$T_TMP/config.gz run "${COPPICE%/*}/lxc-checkconfig"
	has "Veth pair device: enabled"
	CONFIG=/nosuch run "${COPPICE%/*}/lxc-checkconfig"
	[ "$status" = 0 ]
	has "Namespaces: enabled"
}

@test "lxc-checkpoint: says what stops it" {
	up k1
	lxc_gives 1 checkpoint -n k1
	err_has "-D"
	lxc_gives 1 checkpoint -n k1 -D "$T_TMP/cp"
	err_has criu
	is_state k1 running
	lxc_gives 1 checkpoint -n k1 -r -D "$T_TMP/cp"
	err_has "it runs"
}

@test "Debian's names for users, and the set-id helper that is not there" {
	ok create bb u1 -- /bin/sleep 1000
	lxc unpriv-start -n u1
	is_state u1 running
	lxc unpriv-attach -n u1 -- hostname
	is u1
	ok stop --kill u1
	lxc_gives 1 user-nic create "$COPPICE_LXCPATH" u1 1 veth br0
	err_has "pasta"
}

@test "lxc-checkpoint: what criu is told, and what it says" {
	cat >"$T_TMP/criu" <<-'C'
	#!/bin/sh
	[ "$1" != check ] || exit 0
	while [ $# -gt 0 ]; do
		case $1 in -D) dir=$2 ;; -o) log=$2 ;; --root) root=$2 ;; esac
		told="$told${told:+ }$1"
		shift
	done
	echo "$told" >"$dir/../told"
	[ -z "$root" ] || ls -d "$root/etc/passwd" "$root/proc/self" "$root/dev/console" "$root/../pid" "$dir" >"$dir/../seen" 2>&1
	printf '(0.1) Error (criu/util.c:642): exited, status=1\n(0.2) Error (criu/x.c:1): the cause\n(0.2) Warn  (criu/x.c:1): w\n(0.3) Error (criu/y.c:2): what came of it\n(0.4) Error (criu/cr-dump.c:2053): Dumping FAILED.\n' >"$dir/$log"
	echo chatter >&2
	[ ! -e "$dir/../crash" ] || kill -SEGV $$
	exit ${CRIU_STATUS:-1}
	C
	chmod 755 "$T_TMP/criu"
	# before any other, in this file's own mounts only
	mount -t tmpfs none /usr/local/sbin
	cp "$T_TMP/criu" /usr/local/sbin/criu
	local p
	for p in /usr/sbin/criu /usr/bin/criu; do [ ! -e $p ] || mount --bind "$T_TMP/criu" $p; done
	has_told() { [[ $(cat "$T_TMP/told") == *"$1"* ]] || { cat "$T_TMP/told"; false; }; }
	leads() { [ "$(ps -o sid= -p "$(init_of k2)" | tr -d ' ')" = "$(init_of k2)" ]; }
	ok create bb k2 --set coppice.privileged=1 --set lxc.tty.max=1
	ok start k2
	until_ok 10 leads # as each init makes itself a session
	lxc_gives 1 checkpoint -n k2 -D "$T_TMP/k2cp" -s
	err_has "the cause ... what came of it"
	[[ $stderr != *"exited, status"* && $stderr != *FAILED* && $stderr != *chatter* ]] || show_run
	local tty
	tty=$(stat -c 'tty[%t%T' "/proc/$(init_of k2)/root/dev/console")
	has_told "-t $(init_of k2) -D $T_TMP/k2cp"
	has_told "--external mnt[/dev/console]:/dev/console"
	has_told "--external mnt[/proc/keys]:/proc/keys"
	has_told "--external ${tty:0:6}"
	has_told "--external net[$(stat -Lc %i "/proc/$(init_of k2)/ns/net")]:"
	[[ $(cat "$T_TMP/told") != *"mnt[/proc]"* && $(cat "$T_TMP/told") != *"mnt[/run]"* && $(cat "$T_TMP/told") != *"mnt[/dev]"* ]]
	# what criu makes anew has no peers outside
	same "$(grep -c ' /dev [^-]*master:' "/proc/$(init_of k2)/mountinfo")" 0
	is_state k2 running
	: >"$T_TMP/crash"
	lxc_gives 1 checkpoint -n k2 -D "$T_TMP/k2cp"
	err_has "ended by signal 11"
	has_told --leave-running
	rm "$T_TMP/crash"
	# the way back: a start up to its exec, whose tree criu gets to see
	ok stop --kill k2
	lxc_gives 1 checkpoint -n k2 -r -D "$T_TMP/nowhere"
	err_has "holds no checkpoint"
	: >"$T_TMP/k2cp/inventory.img"
	rm -f "$T_TMP/told"
	lxc_gives 1 checkpoint -n k2 -r -D "$T_TMP/k2cp"
	err_has "cannot restore 'k2'"
	err_has "the cause ... what came of it"
	has_told "restore"
	has_told "--restore-sibling"
	has_told "--external mnt[/dev/console]:"
	has_told "]:${tty:0:6}"
	grep -q '/root/etc/passwd$' "$T_TMP/seen"
	grep -q '/root/proc/self$' "$T_TMP/seen"
	grep -q '/root/dev/console$' "$T_TMP/seen"
	is_state k2 stopped
	[ -z "$(groups_of k2)" ]
	: >"$T_TMP/crash"
	lxc_gives 1 checkpoint -n k2 -r -D "$T_TMP/k2cp"
	err_has "ended by signal 11"
	rm "$T_TMP/crash"
	rm "$T_TMP/k2cp/coppice"
	lxc_gives 1 checkpoint -n k2 -r -D "$T_TMP/k2cp"
	err_has "was not made by us"
	for p in /usr/sbin/criu /usr/bin/criu; do [ ! -e $p ] || umount $p; done
	umount /usr/local/sbin
	ok start k2
	ok stop --kill k2
}

@test "old names" {
	lxc version
	is "lxc version: 5.0.2"
	lxc setcap
	lxc setuid -d
	up o1
	up o2
	lxc list
	has "RUNNING
"
	has "  o1"
	lxc ps -n o1
	has "o1 "
	hasnt "o2 "
	lxc ps --lxc -- -e
	has "o2 "
	before=$(init_of o2)
	lxc restart -n o2
	[ "$(init_of o2)" != "$before" ]
	lxc kill -n o1 KILL
	until_ok 5 is_state o1 stopped
	lxc shutdown -n o2 -t 0.5
	is_state o2 stopped
	ok create bb o3 -- /bin/sh -c 'trap "read x </tmp/go; exit" TERM; mkfifo /tmp/go; : >/tmp/up; while :; do sleep 0.1; done'
	ok start o3
	until_ok 5 "$COPPICE" exec o3 -- /bin/ls /tmp/up
	lxc shutdown -n o3 # only asks
	is_state o3 running
	"$COPPICE" exec o3 -- /bin/sh -c 'echo >/tmp/go' || true # it may be ended with the container
	until_ok 5 is_state o3 stopped
}
