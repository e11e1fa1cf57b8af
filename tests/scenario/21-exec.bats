#!/usr/bin/env bats
# exec, shell, run: status, streams, user, environment, directory, terminal, signals.
load ../lib/common

setup_file() {
	c launch bb x -- /bin/sleep 100000 >/dev/null
}
teardown_file() {
	all_gone
}

@test "exit codes are the command's own" {
	for code in 0 1 7 42 200; do
		gives $code exec x -- /bin/sh -c "exit $code"
	done
}

@test "death by a signal is 128 + n" {
	gives 137 exec x -- /bin/sh -c 'kill -KILL $$'
	gives 143 exec x -- /bin/sh -c 'kill -TERM $$'
}

@test "126 not executable, 127 not found, 125 coppice failed, 3 no such container" {
	gives 127 exec x -- /bin/nosuch
	three_lines
	gives 127 exec x -- nosuch
	gives 126 exec x -- /etc/passwd
	three_lines
	gives 126 exec x -- /etc
	gives 3 exec nosuch -- /bin/true
	ok create bb off
	gives 125 exec off -- /bin/true
	three_lines
	ok delete --purge off
	gives 125 exec x --cwd /nosuch -- /bin/true
	three_lines
	gives 125 exec x --user nosuch -- /bin/true
	three_lines
	gives 2 exec x
}

@test "a command without a slash is found in the container's PATH" {
	ok exec x -- busybox true
	ok exec x -- sh -c 'echo $PATH'
	has /usr/bin
}

@test "standard output and error stay apart, nothing is added" {
	ok exec x -- /bin/sh -c 'echo out; echo err >&2'
	same "$output" out
	same "$stderr" err
}

@test "standard input arrives, binary, to its end" {
	head -c 3000000 /dev/urandom >"$T_TMP/in"
	c exec -T x -- /bin/cat <"$T_TMP/in" >"$T_TMP/out"
	cmp "$T_TMP/in" "$T_TMP/out"
	same "$(printf 'a\nb\n' | c exec x -- /usr/bin/wc -l)" 2
}

@test "a closed reader ends the writer" {
	timeout 10 "$COPPICE" exec x -- /bin/sh -c 'while :; do echo yyyyyyyyyyyyyyyyyyyyy || exit; done' 3>&- 2>/dev/null </dev/null | head -n 1 | grep -q y
	sleep 0.3
	run ! c exec x -- /bin/pidof -s sh
}

@test "output that cannot be written is no success" {
	local rc=0
	c exec x -- /bin/echo backup 2>"$T_TMP/said" >/dev/full || rc=$?
	same $rc 125
	grep -q 'why:   write what the program printed: No space left' "$T_TMP/said"
	rc=0
	c exec x -- /bin/sh -c 'echo backup; exit 4' 2>"$T_TMP/said" >/dev/full || rc=$?
	same $rc 4
	[ ! -s "$T_TMP/said" ]
	c exec x -- /bin/true >/dev/full
	rc=0
	c run bb -- /bin/echo backup 2>"$T_TMP/said" >/dev/full || rc=$?
	same $rc 125
	grep -q 'No space left' "$T_TMP/said"
}

@test "a background process inside does not hold the command" {
	local t0
	t0=$(date +%s%N)
	ok exec x -- /bin/sh -c 'sleep 20 & echo started'
	has started
	[ $((($(date +%s%N) - t0) / 1000000)) -lt 5000 ]
}

@test "the caller's environment never enters" {
	SECRET_TOKEN=hunter2 LD_PRELOAD='' ok exec x -- /usr/bin/env
	hasnt hunter2
	hasnt SECRET_TOKEN
	hasnt BATS
	has PATH=
	has HOME=/root
}

@test "--env sets, and only that" {
	ok exec x -e A=1 --env B='two words' -- /usr/bin/env
	has A=1
	has "B=two words"
	fails_or_2() { [ "$status" = 2 ] || show_run; }
	run --separate-stderr c exec x --env NOEQUALS -- /bin/true
	fails_or_2
}

@test "--cwd and the home directory" {
	ok exec x -- /bin/pwd
	is /root
	ok exec x --cwd /var/lib -- /bin/pwd
	is /var/lib
	ok exec x --user user -- /bin/pwd
	is /home/user
}

@test "--user: name, number, with groups of the container's own files" {
	ok exec x --user user -- /usr/bin/id
	has "uid=1000(user) gid=1000(user)"
	has "2000(extra)"
	hasnt "0(root)"
	ok exec x --user 1234:4321 -- /usr/bin/id
	has uid=1234
	has gid=4321
	ok exec x -- /usr/bin/id
	has uid=0
}

@test "a user of the container has no capabilities" {
	ok exec x --user user -- /bin/grep CapEff /proc/self/status
	has 0000000000000000
}

@test "no descriptor of the caller enters" {
	exec 9</ 8>"$T_TMP/eight"
	ok exec x -- /usr/bin/guest fds
	exec 9<&- 8>&-
	same "$(awk '{ print $1 }' <<<"$output" | sort -n | tr '\n' ' ')" "0 1 2 "
}

@test "a terminal only when input and output are terminals, or asked for" {
	ok exec x -- /bin/sh -c 'test -t 1 && echo tty || echo pipe'
	is pipe
	ok exec -t x -- /bin/sh -c 'test -t 0 && test -t 1 && tty'
	has /dev/pts/
}

@test "the terminal is one of the container's own, of the caller's size" {
	needs expect
	on_terminal <<-'X'
		spawn $coppice exec x -- /bin/sh -c {stty size; tty; ls -l $(tty)}
		expect {
			"24 80" {} timeout { puts "no size"; exit 1 }
		}
		expect {
			"/dev/pts/" {} timeout { puts "no pty"; exit 1 }
		}
		expect eof
	X
}

@test "interactive shell: prompt, Ctrl-C, exit code, window size" {
	needs expect
	on_terminal <<-'X'
		spawn $coppice shell x
		expect {
			"#" {} timeout { puts "no prompt"; exit 1 }
		}
		send "sleep 100\r"
		sleep 0.3
		send "\003"
		send "echo a-\$((40+2))-b\r"
		expect {
			"a-42-b" {} timeout { puts "Ctrl-C did not arrive"; exit 1 }
		}
		send "exit 9\r"
		expect eof
		lassign [wait] pid spawnid os code
		if {$code != 9} { puts "exit code $code"; exit 1 }
	X
}

@test "the caller's terminal cannot be typed into from inside" {
	needs expect
	on_terminal <<-'X'
		spawn /bin/sh -c "$coppice exec x -- /usr/bin/guest tiocsti; echo after"
		expect {
			"typed" { } "refused" { } timeout { exit 1 }
		}
		expect {
			"#after" { puts "typed into our terminal"; exit 1 } "after" {} timeout { exit 1 }
		}
		expect eof
	X
}

@test "the terminal is restored after exec, also after a kill" {
	needs expect
	on_terminal <<-'X'
		spawn /bin/sh
		send "stty -a | md5sum > $env(T_TMP)/before; $coppice exec x -- /bin/sh -c {kill -9 \$\$}; stty -a | md5sum > $env(T_TMP)/after; echo do''ne\r"
		expect {
			"done" {} timeout { exit 1 }
		}
		send "exit\r"
		expect eof
	X
	cmp "$T_TMP/before" "$T_TMP/after"
}

@test "a signal to the command reaches the program inside" {
	timeout 20 "$COPPICE" exec x -- /bin/sh -c 'trap "echo got; exit 5" TERM; echo ready; while :; do sleep 0.1; done' >"$T_TMP/sig" 3>&- </dev/null &
	local pid=$! rc=0
	until_ok 5 grep -q ready "$T_TMP/sig"
	# timeout(1) passes TERM on to its child
	kill -TERM $pid
	wait $pid || rc=$?
	grep -q got "$T_TMP/sig"
}

@test "killing the exec command does not harm the container" {
	local i
	for i in 1 2 3 4 5; do
		timeout -s KILL "0.0$((i * 2))" "$COPPICE" exec x -- /bin/sleep 5 >/dev/null 2>&1 3>&- </dev/null || true
	done
	is_state x running
	ok exec x -- /bin/true
}

@test "an exec'd process is in the container's groups, namespaces and filter" {
	ok exec x -- /bin/sh -c 'grep -E "^(Seccomp|NoNewPrivs|CapBnd|Groups):" /proc/self/status'
	[[ $output == *"Seccomp:"*2* ]] || show_run
	local own
	own=$(c exec x -- /bin/sh -c 'for n in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done')
	local init
	init=$(c exec x -- /bin/sh -c 'for n in user mnt pid net ipc uts cgroup; do readlink /proc/1/ns/$n; done')
	same "$own" "$init"
	ok exec x -- /bin/cat /proc/self/cgroup
	hasnt ..
	same "$(c exec x -- /bin/grep CapBnd /proc/self/status)" "$(c exec x -- /bin/grep CapBnd /proc/1/status)"
}

@test "exec in a paused container is refused, and says how to resume" {
	ok pause x
	T=10 gives 125 exec x -- /bin/true
	three_lines
	err_has resume
	ok resume x
	ok exec x -- /bin/true
}

@test "200 execs leave nothing" {
	local before after i pid
	pid=$(monitor_of x)
	before=$(find "/proc/$pid/fd" | wc -l)
	for ((i = 0; i < 200; i++)); do c exec x -- /bin/true; done
	after=$(find "/proc/$pid/fd" | wc -l)
	same "$after" "$before"
	same "$(c exec x -- /bin/sh -c 'set -- /proc/[0-9]*; echo $#')" "$(c exec x -- /bin/sh -c 'set -- /proc/[0-9]*; echo $#')"
}

@test "run: a command in a container that is gone afterwards" {
	ok run bb -- /bin/sh -c 'echo in; hostname; exit 0'
	has in
	same "$(c list -q | grep -vx x | wc -l)" 0
	gives 9 run bb -- /bin/sh -c 'exit 9'
	gives 127 run bb -- /bin/nosuch
	gives 3 run nosuch -- /bin/true
	same "$(c list -q | grep -vx x | wc -l)" 0
}

@test "run: input and output are the caller's, nothing is added" {
	same "$(printf 'hello' | c run bb -- /usr/bin/tr a-z A-Z)" HELLO
	head -c 1000000 /dev/urandom >"$T_TMP/in"
	c run bb -- /bin/cat <"$T_TMP/in" >"$T_TMP/out"
	cmp "$T_TMP/in" "$T_TMP/out"
}

@test "run --keep keeps it" {
	ok run --keep bb kept -- /bin/sh -c 'echo x >/root/file'
	ok show kept
	is_state kept stopped
	ok delete --purge kept
}

@test "run that is killed leaves nothing" {
	timeout -s KILL 0.5 "$COPPICE" run bb -- /bin/sleep 100 >/dev/null 2>&1 3>&- </dev/null || true
	until_ok 10 eval '[ "$(c list -q | grep -vxc x)" = 0 ]'
}

@test "run that is interrupted ends its program" {
	timeout -s INT 0.5 "$COPPICE" run bb -- /bin/sleep 100 >/dev/null 2>&1 3>&- </dev/null || true
	until_ok 10 eval '[ "$(c list -q | grep -vxc x)" = 0 ]'
}
