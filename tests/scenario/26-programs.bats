#!/usr/bin/env bats
# Single programs: run BASE -- CMD, create --init; what they return, what goes through them, on pipes and on a terminal.
load ../lib/common

teardown() { all_gone; }

blob() { # makes $blob, 10 MB that no buffer holds, and $sum
	blob=$T_TMP/blob
	[ -e "$blob" ] || head -c 10000000 /dev/urandom >"$blob"
	sum=$(sha256sum <"$blob")
}

@test "run: the program's exit code, a shell's codes for what cannot be run, 128 + signal" {
	gives 0 run bb -- /bin/true
	gives 42 run bb -- /bin/sh -c 'exit 42'
	gives 127 run bb -- /nonexistent
	three_lines
	gives 126 run bb -- /etc/passwd
	three_lines
	gives 137 run bb -- /bin/sh -c 'kill -9 $$'
	gives 143 run bb -- /bin/sh -c 'kill $$'
	ok list -f json
	same "$(jq '.containers | length' <<<"$output")" 0
}

@test "run: 10 MB in, out and through, unchanged" {
	blob
	same "$(c run bb -- /bin/cat <"$blob" | sha256sum)" "$sum"
	same "$(c run bb -- /bin/sha256sum <"$blob")" "$sum"
	same "$(c run bb -- /bin/sh -c 'head -c 10000000 /dev/zero' | wc -c)" 10000000
}

@test "exec: 10 MB in, out and through, unchanged" {
	up p
	blob
	same "$(c exec p -- /bin/cat <"$blob" | sha256sum)" "$sum"
	same "$(c exec p -- /bin/sha256sum <"$blob")" "$sum"
	same "$(c exec p -- /bin/sh -c 'head -c 10000000 /dev/zero' | wc -c)" 10000000
}

@test "a program that reads only a part of its input ends, and so does the command" {
	blob
	T=20 gives 0 run bb -- /bin/head -c 5 <"$blob"
	up p
	T=20 gives 0 exec p -- /bin/head -c 5 <"$blob"
}

@test "run: in the overlay and the ephemeral mode" {
	needs overlay
	local m
	for m in overlay ephemeral; do
		gives 42 run --mode "$m" bb -- /bin/sh -c 'touch /usr/new && exit 42'
	done
	gives 1 run bb -- /bin/sh -c 'touch /usr/new'
}

@test "run -t: a terminal with the caller's size, Ctrl-C ends the program, its code comes back" {
	needs expect
	on_terminal <<-'X'
		spawn $coppice run -t bb -- /bin/sh
		expect {
			"# " {} timeout { puts "no prompt"; exit 1 }
		}
		send "echo \"<\$(stty size)>\"; tty >/dev/null && echo has-\$((40+2))\r"
		expect {
			"<24 80>" {} timeout { puts "wrong size"; exit 1 }
		}
		expect {
			"has-42" {} timeout { puts "no terminal"; exit 1 }
		}
		send "sleep 100\r"
		sleep 0.5
		send "\003"
		expect {
			"# " {} timeout { puts "no interrupt"; exit 1 }
		}
		send "exit 7\r"
		expect {
			eof {} timeout { puts "no end"; exit 1 }
		}
		exit [expr {[lindex [wait] 3] == 7 ? 0 : 1}]
	X
}

@test "a single program as a container: its code is kept, what it printed is logged" {
	ok create bb one -- /bin/sh -c 'echo said; exit 42'
	ok start one
	until_ok 10 is_state one stopped
	ok logs one
	has said
	ok -f json show one
	same "$(jq '[.. | .last_exit? // empty][0]' <<<"$output")" 42
}
