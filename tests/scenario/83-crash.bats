#!/usr/bin/env bats
# Killed monitors, killed commands, lost files, full disks: what the kernel knows decides, and the next command repairs by itself.
# COPPICE_CRASH_TRIES: kills a verb (40).
load ../lib/common

teardown() { all_gone; }

tries=${COPPICE_CRASH_TRIES:-40}

# The run-time directory of a container is gone, or its record is nonsense: is there still one init, the same?
one_init() { # NAME PID
	same "$(grep -l '^NSpid:	[0-9]*	1$' /proc/[0-9]*/status 2>/dev/null | while read -r f; do grep -q "$(own_group)/$1/payload" "${f%status}cgroup" 2>/dev/null && echo "${f//[^0-9]/}"; done)" "$2"
}

orphaned() { # NAME: kills its monitor
	local m
	m=$(monitor_of "$1")
	[ "$m" -gt 1 ]
	kill -KILL "$m"
	# a kill takes its time, and a command that still sees the old monitor has nothing to adopt
	until_ok 5 eval "! kill -0 $m 2>/dev/null || grep -q '^State:.Z' /proc/$m/status"
}

# The system call that each command of a verb is killed at is drawn at random: a delay spread over twice the verb's time.
kill_at_random() { # MS WORD...
	local us=$((RANDOM * 1000 * $1 / 16384))
	shift
	timeout -s KILL "$(printf '0.%06d' $((us % 1000000 + 1)))" "$COPPICE" "$@" >/dev/null 2>&1 </dev/null 3>&- || true
}

nothing_left() { # NAME of a container that is gone
	[ -z "$(groups_of "$1")" ] || { groups_of "$1"; return 1; }
	[ ! -e "$T_ROOT/run/$1" ] || { find "$T_ROOT/run/$1"; return 1; }
}

# Also what the trash may keep: the ids of a container that can still come back.
all_clean() {
	ok gc --trash-age 0s
	[ -z "$(ls -A "$T_ROOT/containers/.staging" "$T_ROOT/containers/.trash" 2>/dev/null | grep -v ':$')" ]
	! grep "$T_ROOT" "$T_ROOT/ranges"
}

@test "a program: 20 monitors killed, not a line of its output lost" {
	ok create bb p -- /bin/sh -c 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.05; done'
	ok start p
	local pid i
	pid=$(init_of p)
	for i in $(seq 20); do
		orphaned p
		is_state p running
		ok exec p -- /bin/true
		until_ok 5 eval '[ "$(monitor_of p)" -gt 1 ]'
		same "$(init_of p)" "$pid"
	done
	sleep 0.3
	ok stop --kill p
	ok logs p
	same "$(tr -d '\r' <<<"$output" | awk '$1 == "line" && $2 != ++n { print "after line", n - 1, "came", $0; exit }')" ""
}

@test "a real init: 20 monitors killed, /dev/console is heard again each time" {
	ok create bb s
	ok config set s lxc.init.cmd="/bin/sh -c 'trap : TERM HUP; while :; do sleep 1; done'"
	ok start s
	local pid i
	pid=$(init_of s)
	for i in $(seq 20); do
		orphaned s
		ok start s
		same "$(init_of s)" "$pid"
		ok exec s -- /bin/sh -c "echo round $i >/dev/console; echo tty $i >/dev/tty1"
		until_ok 5 eval "c logs s | grep -q 'round $i\b'"
	done
	ok stop --kill s
}

@test "a paused container: 20 monitors killed, still paused, then resumed" {
	ok create bb f -- /bin/sh -c 'while :; do echo tick; sleep 0.05; done'
	ok start f
	ok pause f
	local pid i
	pid=$(init_of f)
	for i in $(seq 20); do
		orphaned f
		is_state f frozen
		ok start f
		is_state f frozen
		same "$(init_of f)" "$pid"
	done
	ok resume f
	local before
	before=$(c logs f | wc -l)
	until_ok 5 eval '[ "$(c logs f | wc -l)" -gt $((before + 3)) ]'
	orphaned f
	ok pause f
	orphaned f
	ok stop f
	[ -z "$(groups_of f)" ]
}

@test "the status of an init that was adopted is known" {
	ok create bb e -- /bin/sh -c 'until [ -e /root/go ]; do sleep 0.1; done; exit 7'
	ok start e
	orphaned e
	ok start e
	: >"$T_ROOT/containers/e/private/root/go" # not before it is adopted
	ok wait e stopped
	if printf '6.15\n%s\n' "$(uname -r)" | sort -CV; then
		same "$(field e last_exit)" 7
	else # somebody else reaps it, who may be quicker than we can look
		[[ $(field e last_exit) =~ ^(7|null)$ ]]
	fi
}

@test "the restart policy outlives the monitor, and stop ends it" {
	ok create bb r --set coppice.restart=always -- /bin/sh -c 'sleep 0.7; exit 3'
	ok start r
	orphaned r
	ok start r
	until_ok 10 eval '[ "$(field r restarts)" -ge 2 ]'
	ok stop --kill r
	sleep 1
	is_state r stopped
	[ -z "$(groups_of r)" ]
}

@test "a start meets a monitor that cleans up and will start again: neither waits for the other" {
	printf '#!/bin/sh\n: >%s\nsleep 1\n' "$T_TMP/ending" >"$T_TMP/slow"
	chmod 755 "$T_TMP/slow"
	ok create bb w --set coppice.restart=always --set "lxc.hook.post-stop=$T_TMP/slow" -- /bin/sleep 100000
	ok start w
	kill -KILL "$(init_of w)"
	until_ok 5 [ -e "$T_TMP/ending" ]
	T=20 ok start w
	is_state w running
	ok stop --kill w
	is_state w stopped
}

@test "lost run-time directory, garbage, cut off or of another boot: found by its cgroup, never started twice, never killed by a start" {
	local how pid f=$T_ROOT/run/l/record
	ok launch bb l -- /bin/sleep 100000
	pid=$(init_of l)
	for how in wiped garbage cut boot empty; do
		orphaned l
		case $how in
		wiped) rm -rf "${T_ROOT:?}/run/l" ;;
		garbage) head -c 700 /dev/urandom >"$f" ;;
		cut) truncate -s 50 "$f" ;;
		boot) sed -i 's/^boot_id = ....../boot_id = 000000/' "$f" ;;
		empty) : >"$f" ;;
		esac
		is_state l running
		fails 4 start --strict l
		ok start l
		one_init l "$pid"
		fails 4 delete l
		ok exec l -- /bin/true
		[ "$(monitor_of l)" -gt 1 ]
	done
	# with its monitor alive, too
	rm -rf "${T_ROOT:?}/run/l"
	ok start l
	one_init l "$pid"
	ok stop l
	is_state l stopped
	ok delete --purge l
	nothing_left l
}

@test "kill -9 of create, start, exec, pause, stop, delete at random moments" {
	local i
	for i in $(seq "$tries"); do
		kill_at_random 10 create bb k
		[ -n "$(state_of k)" ] || ok create bb k -- /bin/sleep 100000
		kill_at_random 25 start k
		ok start k
		kill_at_random 15 exec k -- /bin/true
		kill_at_random 5 pause k
		ok resume k
		ok exec k -- /bin/true
		kill_at_random 20 stop --kill k
		ok stop --kill k
		is_state k stopped
		[ -z "$(groups_of k)" ]
		kill_at_random 10 delete --purge k
		ok delete --purge --if-exists k
		ok list
		nothing_left k
	done
	all_clean
}

@test "kill -9 of run: its container goes with the next command, at the latest" {
	local i
	for i in $(seq "$tries"); do
		kill_at_random 40 run bb -- /bin/sleep 0.3
	done
	until_ok 20 eval '[ -z "$(c list -q)" ]'
	[ -z "$(find /sys/fs/cgroup -type d -path "*/$(own_group)/*" 2>/dev/null)" ]
	[ -z "$(ls -A "$T_ROOT/run/.run")" ]
	all_clean
}

@test "system calls that fail while starting: an error of three lines, nothing left, and the next start works" {
	needs strace
	local fault
	ok create bb y -- /bin/sleep 100000
	for fault in clone3:error=ENOMEM:when=1 clone3:error=EAGAIN:when=1 fsopen:error=ENOMEM:when=1 fsmount:error=ENOMEM:when=2 \
		move_mount:error=ENOMEM:when=1 move_mount:error=ENOSPC:when=3 openat:error=EMFILE:when=60 openat:error=ENOSPC:when=120 openat:error=EMFILE:when=200 \
		unshare:error=ENOSPC:when=1 mount_setattr:error=EINVAL:when=2 renameat:error=ENOSPC:when=1 socketpair:error=EMFILE:when=2 pipe2:error=ENFILE:when=1 \
		write:error=EIO:when=4 mkdirat:error=ENOSPC:when=4; do
		# the parent's count and each child's are their own: some of these hit in several processes, one after the other
		run --separate-stderr timeout -s KILL 3 strace -f -qq -o /dev/null -e "inject=$fault" "$COPPICE" start y 3>&-
		ran="start with $fault"
		# a start that works leaves strace with the monitor, until timeout ends the strace
		if [ "$status" -lt 124 ]; then
			three_lines
			is_state y stopped
			[ -z "$(groups_of y)" ] || { echo "$fault"; groups_of y; return 1; }
		fi
		ok start y
		ok stop --kill y
		[ -z "$(groups_of y)" ]
	done
}

@test "no room in the state directories: refused with the reason, and what runs can still be stopped" {
	local d=$T_TMP/small
	mkdir "$d"
	mount -t tmpfs -o size=12m,mode=0700 tmpfs "$d"
	mkdir -m 0700 "$d/bases"
	cp -a "$T_ROOT/bases/bb" "$d/bases/bb"
	export COPPICE_ROOT=$d
	ok create --mode ephemeral bb n -- /bin/sleep 100000
	ok start n
	dd if=/dev/zero of="$d/fill" bs=4k 2>/dev/null || true
	run --separate-stderr c create bb n2
	ran="create on a full disk"
	[ "$status" != 0 ]
	three_lines
	run --separate-stderr c list -q
	same "$output" n
	kill -KILL "$(monitor_of n)"
	ok list
	run --separate-stderr c exec n -- /bin/echo here
	is here
	ok stop --kill n
	rm "$d/fill"
	ok start n
	ok delete --force --purge n
	[ ! -e "$d/containers/n2" ]
	export COPPICE_ROOT=$T_ROOT
	umount "$d"
}
