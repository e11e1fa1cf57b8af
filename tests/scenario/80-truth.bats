#!/usr/bin/env bats
# The kernel is the truth: a monitor that is killed takes nothing with it, and the next command adopts the container.
load ../lib/common

teardown() { all_gone; }

orphan() { # NAME: running, its monitor killed
	up "$1" "${@:2}"
	local m
	m=$(monitor_of "$1")
	[ -n "$m" ] && [ "$m" -gt 1 ]
	kill -KILL "$m"
	until_ok 5 eval "! kill -0 $m 2>/dev/null"
}

@test "listed as running, with the same init" {
	up k1
	local pid
	pid=$(init_of k1)
	kill -KILL "$(monitor_of k1)"
	is_state k1 running
	same "$(init_of k1)" "$pid"
	kill -0 "$pid"
}

@test "exec works" {
	orphan k2
	ok exec k2 -- /bin/echo still
	is still
}

@test "a second start is refused or a no-op, never a second system on the same files" {
	orphan k3
	local pid
	pid=$(init_of k3)
	ok start k3
	same "$(init_of k3)" "$pid"
	fails 4 start --strict k3
}

@test "20 of 20: killed monitors never make a container startable twice" {
	local i pid m
	up k4
	for i in $(seq 20); do
		pid=$(init_of k4)
		m=$(monitor_of k4)
		kill -KILL "$m"
		# a kill takes its time, and a start that still sees the old monitor has nothing to adopt
		until_ok 5 eval "! kill -0 $m 2>/dev/null || grep -q '^State:.Z' /proc/$m/status"
		c start k4 >/dev/null 2>&1 || true
		same "$(init_of k4)" "$pid"
		is_state k4 running
	done
	# one init and one program, in the one control group
	until_ok 5 eval '[ "$(find /sys/fs/cgroup -path "*/$(own_group)/k4/*" -name cgroup.procs -exec cat {} + | sort -u | wc -l)" = 2 ]'
}

@test "stop, pause, resume, kill, delete work on an orphan" {
	orphan k5
	ok pause k5
	is_state k5 frozen
	ok resume k5
	is_state k5 running
	kill -KILL "$(monitor_of k5)" 2>/dev/null || true
	ok stop k5
	is_state k5 stopped
	[ -z "$(groups_of k5)" ]
	orphan k6
	ok delete --force --purge k6
	[ -z "$(groups_of k6)" ]
	orphan k7
	ok kill --signal KILL k7
	until_ok 5 is_state k7 stopped
}

@test "the next command adopts it: a monitor again, and what is lost is said" {
	orphan a1
	local pid
	pid=$(init_of a1)
	ok start a1
	until_ok 5 eval '[ "$(monitor_of a1)" -gt 1 ] 2>/dev/null && kill -0 "$(monitor_of a1)"'
	same "$(init_of a1)" "$pid"
	ok show a1
	ok exec a1 -- /bin/true
	ok stop a1
	[ -z "$(groups_of a1)" ]
}

@test "an adopted container stops by itself, its end is noticed" {
	ok create bb a2 -- /bin/sleep 3
	ok start a2
	kill -KILL "$(monitor_of a2)"
	ok start a2
	until_ok 10 is_state a2 stopped
	until_ok 5 eval '[ -z "$(groups_of a2)" ]'
}

@test "an orphan that ends with nobody watching is stopped, and swept by the next command" {
	ok create bb a3 -- /bin/sleep 1
	ok start a3
	kill -KILL "$(monitor_of a3)"
	sleep 2
	is_state a3 stopped
	ok start a3
	ok stop --kill a3
	[ -z "$(groups_of a3)" ]
}

@test "console after adoption" {
	needs expect
	ok create bb a4
	ok config set a4 lxc.init.cmd="/bin/sh -c 'echo hello; while read l; do echo you said \$l; done'"
	ok start a4
	until_ok 5 eval 'c logs a4 | grep -q hello'
	kill -KILL "$(monitor_of a4)"
	ok start a4
	is_state a4 running
	run --separate-stderr c show a4
	# either the console works again, or show tells that it is lost
	on_terminal <<-'X' || [[ $output$stderr == *console* ]]
		spawn $coppice console a4
		sleep 0.5
		send "abc\r"
		expect {
			"you said abc" {} timeout { exit 1 } eof { exit 1 }
		}
		send "\001q"
		expect eof
	X
}

@test "the record is a cache: lost or nonsense, the container is still found" {
	local how
	for how in lost garbage empty truncated; do
		up "r-$how"
		kill -KILL "$(monitor_of "r-$how")"
		local f=$T_ROOT/run/r-$how/record
		[ -e "$f" ] || skip "no record file here"
		case $how in
		lost) rm -f "$f" ;;
		garbage) head -c 500 /dev/urandom >"$f" ;;
		empty) : >"$f" ;;
		truncated) truncate -s 20 "$f" ;;
		esac
		is_state "r-$how" running || is_state "r-$how" broken || { echo "$how: $(state_of "r-$how")"; return 1; }
		run --separate-stderr c start "r-$how"
		[ "$(groups_of "r-$how" | wc -l)" -gt 0 ]
		ok stop --kill "r-$how"
		[ -z "$(groups_of "r-$how")" ]
		ok delete --force --purge "r-$how"
	done
}

@test "pid reuse does not fool anybody" {
	up p1
	kill -KILL "$(monitor_of p1)"
	local f=$T_ROOT/run/p1/record pid
	[ -e "$f" ] || skip "no record file here"
	pid=$(init_of p1)
	# the record names a live process of ours that is not init
	sleep 100 3>&- &
	local other=$!
	sed -i "s/\b$pid\b/$other/g" "$f"
	ok stop --kill p1 || true
	kill -0 $other
	kill $other
}

@test "nothing of a container is left in the host's view after stop" {
	up n1
	local pid
	pid=$(init_of n1)
	ok stop n1
	run ! grep -l "$T_ROOT" /proc/[0-9]*/mountinfo
	[ -z "$(groups_of n1)" ]
	run ! kill -0 "$pid"
}
