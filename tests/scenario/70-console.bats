#!/usr/bin/env bats
# The console: what was printed is replayed, several may look and type, leaving is Ctrl-a q, a flood with nobody reading blocks nobody.
load ../lib/common

teardown() { all_gone; }

talker() { # NAME: an init that says hello and repeats what it is told
	ok create bb "$1"
	ok config set "$1" lxc.init.cmd="/bin/sh -c 'echo hello from $1; stty -echo; while read l; do echo you said \$l; done'"
	ok start "$1"
	until_ok 5 eval "c logs $1 | grep -q hello"
}

@test "what was printed before is replayed to whoever looks" {
	needs expect
	talker t1
	on_terminal <<-'X'
		spawn $coppice console t1
		expect {
			"hello from t1" {} timeout { puts "no replay"; exit 1 }
		}
		send "abc\r"
		expect {
			"you said abc" {} timeout { puts "no answer"; exit 1 }
		}
		send "\001q"
		expect eof
		lassign [wait] pid spawnid os code
		if {$code != 0} { puts "exit $code after detach"; exit 1 }
	X
	is_state t1 running
}

@test "Ctrl-a twice sends one, another prefix may be chosen, none too" {
	needs expect
	talker t2
	on_terminal <<-'X'
		spawn $coppice console t2 --escape b
		expect "hello"
		send "x\001qy\r"
		expect {
			"you said x\001qy" {} timeout { puts "Ctrl-a was taken"; exit 1 }
		}
		send "\002q"
		expect eof
	X
	on_terminal <<-'X'
		spawn $coppice console t2
		expect "hello"
		send "x\001\001y\r"
		expect {
			"you said x\001y" {} timeout { puts "Ctrl-a Ctrl-a lost"; exit 1 }
		}
		send "\001q"
		expect eof
	X
}

@test "several viewers see the same, each may type" {
	needs expect
	talker t3
	on_terminal <<-'X'
		spawn $coppice console t3
		set one $spawn_id
		expect "hello"
		spawn $coppice console t3
		set two $spawn_id
		expect "hello"
		send -i $one "first\r"
		expect {
			-i $two "you said first" {} timeout { puts "two does not see it"; exit 1 }
		}
		send -i $two "second\r"
		expect {
			-i $one "you said second" {} timeout { puts "one does not see it"; exit 1 }
		}
		send -i $one "\001q"
		expect -i $one eof
		send -i $two "third\r"
		expect {
			-i $two "you said third" {} timeout { puts "two died with one"; exit 1 }
		}
		send -i $two "\001q"
		expect -i $two eof
	X
}

@test "the end of the container ends the viewer" {
	needs expect
	talker t4
	on_terminal <<-'X'
		spawn $coppice console t4
		expect "hello"
		exec $coppice stop --kill t4
		expect {
			eof {} timeout { puts "still attached"; exit 1 }
		}
	X
}

@test "a viewer that is killed harms nobody" {
	needs expect script
	talker t5
	local i
	for i in 1 2 3; do timeout -s KILL 0.5 script -qc "$COPPICE console t5" /dev/null >/dev/null 2>&1 < <(sleep 1 3>&-) 3>&- || true; done
	is_state t5 running
	c logs t5 | grep -q hello
}

@test "tty1 to ttyN are terminals of their own" {
	needs expect
	ok create --set lxc.tty.max=3 bb t6 -- /bin/sleep 1000
	ok start t6
	ok exec t6 -- /bin/sh -c 'ls /dev/tty1 /dev/tty2 /dev/tty3; test -e /dev/tty4 || echo no tty4; echo on-two >/dev/tty2'
	has "no tty4"
	on_terminal <<-'X'
		spawn $coppice console t6 --tty 2
		expect {
			"on-two" {} timeout { puts "nothing on tty2"; exit 1 }
		}
		send "\001q"
		expect eof
	X
	fails 2 console t6 --tty 99
}

@test "a container that is not there, or does not run" {
	needs expect
	ok create bb off
	on_terminal <<-'X'
		spawn $coppice console nosuch
		expect eof
		lassign [wait] pid spawnid os code
		if {$code != 3} { puts "exit $code"; exit 1 }
		spawn $coppice console off
		expect eof
		lassign [wait] pid spawnid os code
		if {$code != 4} { puts "exit $code"; exit 1 }
	X
}

@test "without a terminal it says so" {
	talker t7
	run --separate-stderr c console t7
	[ "$status" != 0 ] && [ "$status" != 124 ] || show_run
	three_lines
}

@test "a flood with nobody reading never blocks the writer and never grows the monitor" {
	ok create --set coppice.log.size=1M bb f1
	ok config set f1 lxc.init.cmd="/bin/sh -c 'dd if=/dev/zero bs=64k count=2000 2>/dev/null | tr \"\\\\0\" x; echo; echo flood-is-over; sleep 1000'"
	ok start f1
	local before after pid
	pid=$(monitor_of f1)
	before=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
	until_ok 60 eval 'c logs f1 | tail -c 200 | grep -q flood-is-over'
	after=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
	[ $((after - before)) -lt 2048 ] || { echo "grew from $before to $after kB"; return 1; }
	[ "$(cat "$T_ROOT"/containers/f1/console.log* | wc -c)" -le $((1100 * 1024)) ]
}

@test "a flood on tty1 that nobody ever opened does not block either" {
	ok create --set lxc.tty.max=2 bb f2 -- /bin/sleep 1000
	ok start f2
	T=30 ok exec f2 -- /bin/sh -c 'dd if=/dev/zero of=/dev/tty1 bs=64k count=200 2>&1 | tail -n 1'
	is_state f2 running
}

@test "a viewer that does not read does not slow the writer" {
	needs script
	ok create bb f3
	ok config set f3 lxc.init.cmd="/bin/sh -c 'read go; dd if=/dev/zero bs=64k count=1000 2>/dev/null | tr \"\\\\0\" x; echo; echo flood-is-over; sleep 1000'"
	ok start f3
	mkfifo "$T_TMP/stuck"
	(script -qc "$COPPICE console f3" /dev/null <>"$T_TMP/stuck" >"$T_TMP/viewer" 2>&1 3>&- & echo $! >"$T_TMP/pid"; wait) 3>&- &
	sleep 0.5
	# the viewer starts the flood, then is stopped and reads nothing
	printf 'go\n' >"$T_TMP/stuck"
	pkill -STOP -P "$(cat "$T_TMP/pid")" || true
	until_ok 60 eval 'c logs f3 | tail -c 200 | grep -q flood-is-over'
	pkill -KILL -P "$(cat "$T_TMP/pid")" || true
	kill -KILL "$(cat "$T_TMP/pid")" 2>/dev/null || true
}

@test "window size of the viewer arrives inside" {
	needs expect
	ok create bb w1
	ok config set w1 lxc.init.cmd="/bin/sh -c 'echo up; while read l; do stty size; done'"
	ok start w1
	on_terminal <<-'X'
		spawn $coppice console w1
		expect "up"
		sleep 0.3
		send "\r"
		expect {
			"24 80" {} timeout { puts "no size"; exit 1 }
		}
		send "\001q"
		expect eof
	X
}

@test "lxc.console.path = none: no /dev/console, init has /dev/null; terminals are there, and a new monitor finds them" {
	ok create bb n1 --set lxc.console.path=none --set lxc.tty.max=1 --set "lxc.init.cmd=/bin/sleep 1000"
	ok start n1
	ok exec n1 -- /bin/sh -c 'ls /dev/console 2>/dev/null; ls -d /dev/tty1; for i in 0 1 2; do readlink /proc/1/fd/$i; done; ls /proc/1/fd'
	has "/dev/tty1"
	hasnt console
	hasnt /dev/pts
	[ "$(grep -c '^/dev/null$' <<<"$output")" -ge 1 ]
	kill -9 "$(monitor_of n1)"
	ok start n1
	ok exec n1 -- /bin/sh -c 'ls /dev/console 2>/dev/null; true'
	hasnt console
}

@test "lxc.console.path = FILE: what is printed is in it; a path that cannot be opened fails the start" {
	ok create bb p1 --set "lxc.console.path=$T_TMP/printed" --set 'lxc.init.cmd=/bin/sh -c "echo to the file; exec sleep 1000"'
	ok start p1
	until_ok 5 grep -q "to the file" "$T_TMP/printed"
	ok stop --timeout 0.1 p1
	ok config set p1 lxc.console.path=/proc/nope
	run ! c start p1
}
