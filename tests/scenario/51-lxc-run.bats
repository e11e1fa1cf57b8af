#!/usr/bin/env bats
# lxc-start, lxc-execute, lxc-stop, lxc-wait: exit codes and what is printed as LXC has them, containers that are there only while they run, the foreground, several
# container directories side by side.
load ../lib/common

setup() {
	P=$T_TMP/ct
	mkdir -p "$P"
}

teardown() {
	local dir
	all_gone
	for dir in "$P" "$T_TMP/other"; do
		[ ! -d "$dir" ] || COPPICE_LXCPATH=$dir c delete --force --purge --all >/dev/null 2>&1 || true
	done
}

# l COMMAND WORD...: lxc-COMMAND, as it is called; lxc CODE COMMAND WORD... must end so
l() {
	local command=$1
	shift
	timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-$command" "$@" 3>&- 4>&-
}
lxc() {
	local want=$1
	shift
	ran="lxc-$*"
	if [ "$want" = 127 ]; then run -127 --separate-stderr l "$@"; else run --separate-stderr l "$@"; fi
	[ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; }
}

# a root file system of the user's own, and a container of LXC's kind on it
rootfs() { [ -d "$T_TMP/rootfs" ] || cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/rootfs"; }
config() { # [LINE...]
	printf '%s\n' "lxc.rootfs.path = dir:$T_TMP/rootfs" "lxc.net.0.type = empty" "$@"
}
script() { # an init that listens for what LXC sends
	cat >"$T_TMP/rootfs/init.sh" <<-'X'
		#!/bin/sh
		trap 'echo got PWR; exit 0' PWR
		trap 'echo got INT; busybox reboot -f' INT
		trap 'echo got USR1' USR1
		echo up
		while :; do sleep 0.1; done
	X
	chmod 0755 "$T_TMP/rootfs/init.sh"
}
made() { # NAME [LINE...]
	local name=$1
	shift
	rootfs
	script
	mkdir -p "$P/$name"
	config "lxc.init.cmd = /init.sh" "$@" >"$P/$name/config"
}
running() { l wait -P "$P" -n "$1" -s RUNNING -t 0; }
printed() { COPPICE_LXCPATH=$P c logs "$1" | grep -q "$2"; }

@test "start, start again, stop, stop again" {
	made c1
	lxc 0 start -P "$P" -n c1
	quiet
	running c1
	lxc 0 start -P "$P" c1
	err_has "Container is already running"
	until_ok 5 printed c1 up
	lxc 0 stop -P "$P" -n c1 -t 20
	quiet
	printed c1 "got PWR"
	lxc 2 stop -P "$P" -n c1
	err_has "c1 is not running"
	lxc 2 stop -P "$P" -n nope -k
	lxc 1 start -P "$P" -n nope
	err_has nope
}

@test "a failure tells the first cause, in the background as in the foreground" {
	made c2
	lxc 1 start -P "$P" -n c2 -s lxc.init.cmd=/bin/nope
	err_has "'/bin/nope'"
	first=$stderr
	lxc 1 start -P "$P" -n c2 -F -s lxc.init.cmd=/bin/nope
	same "$stderr" "$first"
	lxc 1 start -P "$P" -n c2 -s nonsense
	err_has "KEY=VALUE"
	lxc 1 start -P "$P" -n c2 --nonsense
	lxc 1 start -P "$P"
}

@test "settings for one start are what later commands go by" {
	made c3
	lxc 0 start -P "$P" -n c3 -s lxc.environment=A=1 -s lxc.environment=B=2 -s lxc.signal.halt=SIGUSR1
	lxc 0 attach -P "$P" -n c3 --clear-env -- env
	has A=1
	has B=2
	until_ok 5 printed c3 up
	lxc 1 stop -P "$P" -n c3 --nokill -t 0.3
	until_ok 5 printed c3 "got USR1"
	running c3
	lxc 0 stop -P "$P" -n c3 -k
	lxc 0 start -P "$P" -n c3
	lxc 0 attach -P "$P" -n c3 --clear-env -- env
	hasnt A=1
	lxc 0 stop -P "$P" -n c3 -k
}

@test "-p: the monitor's id, gone when the container has ended" {
	made c4
	lxc 0 start -P "$P" -n c4 -p "$T_TMP/c4.pid"
	grep -q '\[coppice\] c4' "/proc/$(cat "$T_TMP/c4.pid")/cmdline"
	lxc 0 stop -P "$P" -n c4 -k
	[ ! -e "$T_TMP/c4.pid" ]
	lxc 1 start -P "$P" -n c4 -p "$T_TMP/nowhere/pid"
	lxc 0 wait -P "$P" -n c4 -s STOPPED -t 0
}

@test "-f with a name that has no container: it is there while it runs" {
	made c5
	lxc 0 start -P "$P" -n passing -f "$P/c5/config"
	running passing
	lxc 0 attach -P "$P" -n passing -- true
	lxc 0 stop -P "$P" -n passing -k
	[ ! -e "$P/passing" ]
	# a directory of the user's without a config stays as it is
	mkdir -p "$P/bare/mine"
	lxc 0 start -P "$P" -n bare -f "$P/c5/config"
	lxc 0 attach -P "$P" -n bare -- true
	lxc 0 stop -P "$P" -n bare -k
	[ -d "$P/bare/mine" ]
	lxc 1 start -P "$P" -n bare
	rm -r "$T_ROOT"/run/.paths/*/bare
	# one that fails leaves nothing
	lxc 1 start -P "$P" -n passing -f "$P/c5/config" -s lxc.init.cmd=/bin/nope
	[ ! -e "$P/passing" ]
	lxc 1 start -P "$P" -n passing -f "$T_TMP/nowhere"
}

@test "the words behind -- are init" {
	made c6
	lxc 0 start -P "$P" -n c6 -- /bin/sleep 1000
	lxc 0 attach -P "$P" -n c6 -- cat /proc/1/cmdline
	has sleep
	lxc 0 stop -P "$P" -n c6 -k
	# a name is looked for in the PATH of the container's program, not in the caller's
	PATH=$PATH:/nowhere lxc 0 start -P "$P" -n c6 -s "lxc.environment=PATH=/bin" -- sleep 1000
	lxc 0 attach -P "$P" -n c6 -- cat /proc/1/cmdline
	has sleep
	lxc 0 stop -P "$P" -n c6 -k
	lxc 1 start -P "$P" -n c6 -s "lxc.environment=PATH=/nowhere" -- sleep 1000
	err_has "run init 'sleep': No such file"
	# a name alone is looked for inside
	made w2 "lxc.init.cmd = sleep 1000"
	lxc 0 start -P "$P" -n w2
	lxc 0 attach -P "$P" -n w2 -- cat /proc/1/cmdline
	has sleep
	lxc 0 stop -P "$P" -n w2 -k
	made w3 "lxc.init.cmd = nosuch 1000"
	lxc 1 start -P "$P" -n w3
	err_has "run init 'nosuch': No such file"
}

@test "execute: the program's status, or the signal's, or 255" {
	local rc
	made c7
	lxc 0 execute -P "$P" -n c7 -- true
	lxc 7 execute -P "$P" -n c7 -- sh -c 'exit 7'
	lxc 137 execute -P "$P" -n c7 -- sh -c 'kill -9 $$'
	lxc 255 execute -P "$P" -n c7 -- nope
	err_has "'nope'"
	lxc 1 execute -P "$P" -n c7
	err_has "lxc.execute.cmd"
	rc=0
	l execute -P "$P" -n c7 -- echo backup 2>"$T_TMP/said" >/dev/full || rc=$?
	same $rc 1
	grep -q "'c7' has ended, but not all of its output arrived" "$T_TMP/said"
	lxc 3 execute -P "$P" -n c7 -s "lxc.execute.cmd=sh -c 'exit 3'"
	lxc 0 execute -P "$P" -n c7 -u 5 -g 6 -- id -u
	is 5
	lxc 0 execute -P "$P" -n c7 -- ps
	has coppice-init
	run --separate-stderr sh -c "echo through | '$COPPICE_BUILD/lxc-execute' -P '$P' -n c7 -- cat"
	is through
}

@test "execute: no container is needed, and -d leaves it running" {
	made c8
	lxc 4 execute -P "$P" -n gone -f "$P/c8/config" -- sh -c 'exit 4'
	[ ! -e "$P/gone" ]
	lxc 0 execute -P "$P" -n gone -f "$P/c8/config" -d -- sleep 1000
	running gone
	lxc 1 execute -P "$P" -n gone -f "$P/c8/config" -- true
	err_has "runs already"
	lxc 0 stop -P "$P" -n gone -k
	[ ! -e "$P/gone" ]
	lxc 1 execute -P "$P" -n gone -- true
}

@test "execute passes signals on" {
	local pid rc=0
	made c9
	"$COPPICE_BUILD/lxc-execute" -P "$P" -n c9 -- sh -c 'trap "exit 9" TERM; : >/ready; while :; do sleep 0.1; done' 3>&- 4>&- &
	pid=$!
	until_ok 5 [ -e "$T_TMP/rootfs/ready" ]
	kill -TERM $pid
	wait $pid || rc=$?
	same "$rc" 9
}

@test "-F: TERM stops it cleanly, init's status is not ours" {
	local pid
	made d1
	lxc 0 start -P "$P" -n d1 -F -- /bin/sh -c 'exit 5'
	"$COPPICE_BUILD/lxc-start" -P "$P" -n d1 -F 3>&- 4>&- &
	pid=$!
	until_ok 5 printed d1 up
	kill -TERM $pid
	wait $pid
	printed d1 "got PWR"
	lxc 0 wait -P "$P" -n d1 -s STOPPED -t 0
}

@test "-F: the terminal is the console, over a reboot too" {
	needs expect
	made d2
	on_terminal <<-X
		spawn $COPPICE_BUILD/lxc-start -P $P -n d2 -F
		set main \$spawn_id
		expect "up" {} timeout { puts "nothing on the console"; exit 1 }
		exec $COPPICE_BUILD/lxc-stop -P $P -n d2 -r -t 20
		expect "got INT" {} timeout { puts "no reboot"; exit 1 }
		expect "up" {} timeout { puts "nothing after the reboot"; exit 1 }
		exec $COPPICE_BUILD/lxc-stop -P $P -n d2 -t 20
		expect "got PWR" {} timeout { puts "no halt"; exit 1 }
		expect eof {} timeout { puts "it does not come back"; exit 1 }
		lassign [wait] pid id os code
		if {\$code != 0} { puts "exit \$code"; exit 1 }
	X
}

@test "reboot: another init, the same monitor's container; refused combinations" {
	made d3
	lxc 0 start -P "$P" -n d3
	until_ok 5 printed d3 up
	lxc 0 stop -P "$P" -n d3 -r -t 20
	running d3
	printed d3 "got INT"
	lxc 1 stop -P "$P" -n d3 -r -k
	lxc 1 stop -P "$P" -n d3 -k -t 1
	lxc 1 stop -P "$P" -n d3 --nolock
	lxc 0 stop -P "$P" -n d3 -k --nolock
	lxc 0 start -P "$P" -n d3 -- /bin/sleep 1000
	lxc 1 stop -P "$P" -n d3 -r -t 1
	running d3
	lxc 0 stop -P "$P" -n d3 -W -k
}

@test "stop: -W only asks; the time is over in fractions; lxc.signal.stop is sent first" {
	made d4
	lxc 0 start -P "$P" -n d4
	until_ok 5 printed d4 up
	lxc 0 stop -P "$P" -n d4 -W
	lxc 0 wait -P "$P" -n d4 -s STOPPED -t 20
	lxc 0 start -P "$P" -n d4 -s lxc.signal.halt=SIGUSR1
	until_ok 5 printed d4 up
	lxc 0 stop -P "$P" -n d4 -t 0.2
	lxc 0 start -P "$P" -n d4 -s lxc.signal.stop=SIGPWR
	until_ok 5 printed d4 up
	lxc 0 stop -P "$P" -n d4 -k
	until_ok 5 printed d4 "got PWR"
}

@test "stop -W of an init that listens to nothing was done, as LXC counts, and says what it did not do" {
	made d5 "lxc.init.cmd = /bin/sleep 100000"
	lxc 0 start -P "$P" -n d5
	lxc 0 stop -P "$P" -n d5 -W
	err_has "in vain"
	lxc 0 stop -P "$P" -n d5 -W -r
	running d5
	lxc 1 stop -P "$P" -n d5 -t 0.3 --nokill
	lxc 0 stop -P "$P" -n d5 -k
}

@test "wait: states, times, names that are not there" {
	local pid
	made d5
	lxc 1 wait -P "$P" -n d5 -s RUNNING -t 0
	lxc 0 wait -P "$P" -n d5 -s 'RUNNING|STOPPED' -t 0
	lxc 0 wait -P "$P" -n nope -s STOPPED
	lxc 1 wait -P "$P" -n nope -s RUNNING -t 0.2
	lxc 1 wait -P "$P" -n d5 -s BOGUS
	err_has "invalid state 'BOGUS'"
	lxc 1 wait -P "$P" -n d5
	l wait -P "$P" -n d5 -s RUNNING -t 20 &
	pid=$!
	lxc 0 start -P "$P" -n d5
	wait $pid
	l wait -P "$P" -n d5 -s FROZEN -t 20 &
	pid=$!
	lxc 0 freeze -P "$P" -n d5
	wait $pid
	lxc 1 wait -P "$P" -n d5 -s RUNNING -t 0
	lxc 0 unfreeze -P "$P" -n d5
	lxc 0 wait -P "$P" -n d5 -s THAWED -t 5
	l wait -P "$P" -n d5 -s STOPPED &
	pid=$!
	lxc 0 stop -P "$P" -n d5 -k
	wait $pid
	# one that is only made later
	l wait -P "$P" -n d6 -s RUNNING -t 20 &
	pid=$!
	lxc 0 start -P "$P" -n d6 -f "$P/d5/config"
	wait $pid
	lxc 0 stop -P "$P" -n d6 -k
	# and whose making takes a while
	printf '#!/bin/sh\nmkdir "$ROOT"\nsleep 0.5\ncat "%s" >>"${1#--path=}/config"\n' "$P/d5/config" >"$T_TMP/slow"
	chmod 0755 "$T_TMP/slow"
	l wait -P "$P" -n d7 -s RUNNING -t 20 &
	pid=$!
	ROOT=$T_TMP/d7root lxc 0 create -P "$P" -n d7 -t "$T_TMP/slow" -f /dev/null
	lxc 0 start -P "$P" -n d7
	wait $pid
	lxc 0 stop -P "$P" -n d7 -k
}

@test "-c and -L: the console and its log elsewhere" {
	made d7
	mkdir -p "$T_TMP/logs"
	lxc 0 start -P "$P" -n d7 -L "$T_TMP/logs/d7.log"
	until_ok 5 grep -q up "$T_TMP/logs/d7.log"
	printed d7 up
	lxc 0 stop -P "$P" -n d7 -k
	lxc 0 start -P "$P" -n d7 -c "$T_TMP/logs/console"
	until_ok 5 grep -q up "$T_TMP/logs/console"
	lxc 0 stop -P "$P" -n d7 -k
	lxc 1 start -P "$P" -n d7 -L "$T_TMP/nowhere/log"
	err_has nowhere
}

@test "--share-*: the namespaces of another container, or of a process" {
	local init ns
	made d8
	lxc 0 start -P "$P" -n d8 -s coppice.privileged=1
	init=$(COPPICE_LXCPATH=$P init_of d8)
	made d9
	cp -a "$T_TMP/rootfs" "$T_TMP/rootfs9"
	sed -i "s|dir:.*|dir:$T_TMP/rootfs9|" "$P/d9/config"
	for ns in net ipc uts; do
		lxc 0 execute -P "$P" -n d9 -s coppice.privileged=1 --share-$ns=d8 -- readlink /proc/self/ns/$ns
		is "$(readlink "/proc/$init/ns/$ns")"
		lxc 0 execute -P "$P" -n d9 -s coppice.privileged=1 --share-$ns="$init" -- readlink /proc/self/ns/$ns
		is "$(readlink "/proc/$init/ns/$ns")"
	done
	lxc 1 start -P "$P" -n d9 --share-net=nobody
	err_has nobody
	lxc 0 stop -P "$P" -n d8 -k
}

@test "a directory of containers is one, however it is spelled" {
	local path init
	made spelled
	ln -s ct "$T_TMP/link"
	mkdir -p "$T_TMP/sub"
	lxc 0 start -P "$P/" -n spelled
	init=$(COPPICE_LXCPATH=$P init_of spelled)
	for path in "$P" "$P//" "$T_TMP/./ct" "$T_TMP/sub/../ct" "$T_TMP/link" ct ./ct link sub/../link/.; do
		run --separate-stderr env -C "$T_TMP" timeout 20 "$COPPICE_BUILD/lxc-info" -P "$path" -n spelled -p -H 3>&- 4>&-
		ran="lxc-info -P $path"
		is "$init"
		run --separate-stderr env -C "$T_TMP" timeout 20 "$COPPICE" --lxcpath "$path" list spelled -f json 3>&- 4>&-
		same "$(json '.containers[0].pid')" "$init"
	done
	lxc 0 start -P "$T_TMP/link" -n spelled # which runs
	err_has "already running"
	lxc 0 stop -P "$T_TMP/link" -n spelled -k
	lxc 1 wait -P "$P" -n spelled -s RUNNING -t 0
}

@test "a side-car: the user, mount and pid namespaces of another" {
	local init ns all=(-s lxc.namespace.share.user=d8 -s lxc.namespace.share.mnt=d8 --share-pid=d8)
	made d8
	lxc 0 start -P "$P" -n d8
	init=$(COPPICE_LXCPATH=$P init_of d8)
	made side
	for ns in user mnt pid; do
		lxc 0 execute -P "$P" -n side "${all[@]}" -- readlink /proc/self/ns/$ns
		is "$(readlink "/proc/$init/ns/$ns")"
	done
	lxc 0 start -P "$P" -n side "${all[@]}"
	lxc 0 info -P "$P" -n side -s
	has RUNNING
	lxc 0 attach -P "$P" -n side -- sh -c 'id -u; readlink /proc/self/ns/mnt'
	is "0"$'\n'"$(readlink "/proc/$init/ns/mnt")"
	lxc 0 freeze -P "$P" -n side
	lxc 0 info -P "$P" -n side -s
	has FROZEN
	lxc 0 info -P "$P" -n d8 -s
	has RUNNING
	lxc 0 unfreeze -P "$P" -n side
	lxc 0 stop -P "$P" -n side
	running d8
	lxc 1 start -P "$P" -n side -s lxc.namespace.share.user=nobody
	err_has "container 'nobody', whose user namespace shall be shared, does not run"
	lxc 0 stop -P "$P" -n d8 -k
}

@test "execute without a root file system: the host's" {
	printf 'lxc.net.0.type = empty\n' >"$T_TMP/bare.conf"
	lxc 0 execute -P "$P" -n host -f "$T_TMP/bare.conf" -- cat /etc/hostname
	is "$(cat /etc/hostname)"
	[ ! -e "$P/host" ]
}

@test "containers of one name in two directories share nothing" {
	local other=$T_TMP/other a b
	made same
	mkdir "$other"
	cp -a "$P/same" "$other/same"
	cp -a "$T_TMP/rootfs" "$T_TMP/rootfs2"
	sed -i "s|dir:.*|dir:$T_TMP/rootfs2|" "$other/same/config"
	ok create bb same -- /bin/sleep 1000
	ok start same
	lxc 0 start -P "$P" -n same
	lxc 1 wait -P "$other" -n same -s RUNNING -t 0
	lxc 0 start -P "$other" -n same
	a=$(COPPICE_LXCPATH=$P init_of same)
	b=$(COPPICE_LXCPATH=$other init_of same)
	[ "$a" != "$b" ] && [ "$a" != "$(init_of same)" ] && [ "$b" != "$(init_of same)" ]
	[ "$(cat "/proc/$a/cgroup")" != "$(cat "/proc/$b/cgroup")" ]
	# ids too
	[ "$(awk 'NR == 1 { print $2 }' "/proc/$a/uid_map")" != "$(awk 'NR == 1 { print $2 }' "/proc/$b/uid_map")" ]
	lxc 0 freeze -P "$other" -n same
	running same
	lxc 0 wait -P "$other" -n same -s FROZEN -t 0
	lxc 0 stop -P "$other" -n same -k
	running same
	is_state same running
	# the answer does not depend on where it is asked
	unshare -n "$COPPICE_BUILD/lxc-wait" -P "$P" -n same -s RUNNING -t 0
	lxc 0 stop -P "$P" -n same -k
	is_state same running
	ok delete --force --purge same
}
