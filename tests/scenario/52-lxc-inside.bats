#!/usr/bin/env bats
# lxc-attach and lxc-console: exit codes, environments, namespaces and privileges on demand, terminals only where the caller has one.
load ../lib/common

setup_file() {
	export P=$T_TMP/ct
	mkdir -p "$P/a1"
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/rootfs"
	printf '%s\n' "lxc.rootfs.path = dir:$T_TMP/rootfs" "lxc.net.0.type = empty" "lxc.init.cmd = /bin/sleep 100000" "lxc.tty.max = 2" \
		"lxc.environment = FROM=config" >"$P/a1/config"
	timeout $((60 * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-start" -P "$P" -n a1 3>&- 4>&-
}
teardown_file() { COPPICE_LXCPATH=$P c delete --force --purge --all >/dev/null 2>&1 || true; }

# lxc CODE COMMAND WORD... must end so
lxc() {
	local want=$1 command=$2
	shift 2
	ran="lxc-$command $*"
	if [ "$want" = 127 ]; then
		run -127 --separate-stderr timeout -k 5 $((60 * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-$command" "$@" 3>&- 4>&-
	else
		run --separate-stderr timeout -k 5 $((60 * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-$command" "$@" 3>&- 4>&-
	fi
	[ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; }
}
a() { # CODE WORD...: lxc-attach to a1
	local want=$1
	shift
	lxc "$want" attach -P "$P" -n a1 "$@"
}
status_line() { a 0 "$@" -- sed -n "s/^$field:[[:space:]]*//p" /proc/self/status; }

@test "the program's status, 128 and the signal, 126, 127; 1 when there is nothing to enter" {
	a 0 -- true
	a 9 -- sh -c 'exit 9'
	a 137 -- sh -c 'kill -9 $$'
	a 127 -- /bin/nope
	err_has "'/bin/nope'"
	a 126 -- /etc/passwd
	lxc 1 attach -P "$P" -n nope -- true
	lxc 1 attach -P "$P"
	lxc 1 start -P "$P" -n a1 --bogus
	# without -n, words are name and command; flags of the command are its own
	lxc 0 attach -P "$P" a1 -- echo -n x
	is x
	lxc 0 attach -P "$P" -n a1 echo -e x
	is x
}

@test "a program that is not there is 127 every time, whoever of the two processes is heard first" {
	local i code
	for i in {1..150}; do
		code=0
		timeout $((20 * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-attach" -P "$P" -n a1 -- nope </dev/null >"$T_TMP/nope.log" 2>&1 3>&- 4>&- || code=$?
		[ $code = 127 ] || { echo "attempt $i: $code"; cat "$T_TMP/nope.log"; return 1; }
	done
}

@test "lxc-unpriv-attach is lxc-attach by Debian's name" {
	lxc 9 unpriv-attach -P "$P" -n a1 -- sh -c 'exit 9'
}

@test "the caller's environment is kept, or is not" {
	export FOO=bar SECRET=1
	a 0 -- env
	has FOO=bar
	has SECRET=1
	has container=lxc
	has FROM=config
	a 0 --clear-env -- env
	hasnt FOO=
	has container=lxc
	has FROM=config
	has PATH=/usr/local/sbin
	a 0 --clear-env --keep-var FOO --keep-var NOTTHERE -v A=b -v FROM=me -- env
	has FOO=bar
	has A=b
	has FROM=me
	hasnt SECRET
	hasnt NOTTHERE
	a 1 -v A -- true
}

@test "nothing of the caller's open files enters" {
	exec 7</etc/hostname
	a 0 -- sh -c 'ls /proc/self/fd'
	hasnt 7
	exec 7<&-
}

@test "ids and working directory" {
	a 0 -u 5 -g 6 -- sh -c 'id -u; id -g'
	is $'5\n6'
	a 0 -g 7 -- sh -c 'id -u; id -g'
	is $'0\n7'
	a 1 -u bogus -- true
	cd /usr
	a 0 -- pwd
	is /usr
	mkdir -p "$T_TMP/only-here"
	cd "$T_TMP/only-here"
	a 0 -- pwd
	is /
}

@test "-e: only what is named is not taken over" {
	local field inside bound
	field=CapBnd
	status_line
	bound=$output
	status_line -eCAP
	[ "$output" != "$bound" ] || show_run
	status_line -e
	[ "$output" != "$bound" ] || show_run
	status_line -eLSM
	is "$bound"
	field=Seccomp
	status_line
	is 2
	status_line -eLSM
	is 0
	status_line -e'CAP|CGROUP'
	is 2
	a 0 -- cat /proc/self/cgroup
	inside=$output
	a 0 -eCGROUP -- cat /proc/self/cgroup
	[ "$output" != "$inside" ] || show_run
	a 0 -eNOOP -- cat /proc/self/cgroup
	is "$inside"
	a 1 -eBOGUS -- true
}

@test "-s: only some namespaces; -R shows them" {
	local init
	init=$(COPPICE_LXCPATH=$P init_of a1)
	a 0 -s 'NETWORK|UTSNAME' -- readlink /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/mnt
	same "$output" "$(readlink /proc/$init/ns/net /proc/$init/ns/uts /proc/self/ns/mnt)"
	a 0 -s 'PID' -R -- sh -c 'echo /proc/[0-9]*'
	hasnt "/proc/$$"
	has /proc/1
	a 1 -s BOGUS -- true
	a 1 -s '' -- true
}

@test "-a: another personality" {
	[ "$(uname -m)" = x86_64 ] || skip "for x86_64"
	a 0 -a i686 -- uname -m
	is i686
	a 0 -- uname -m
	is x86_64
	a 1 -a bogus -- uname -m
}

@test "input and output go through, without a terminal" {
	run --separate-stderr sh -c "echo through | '$COPPICE_BUILD/lxc-attach' -P '$P' -n a1 -- sh -c 'cat; tty; echo oops >&2'"
	same "$output" $'through\nnot a tty'
	same "$stderr" oops
	# the shell of the container's own passwd, reading what we say
	run --separate-stderr sh -c "echo 'exit 5' | '$COPPICE_BUILD/lxc-attach' -P '$P' -n a1"
	[ "$status" = 5 ] || show_run
}

@test "a frozen container is not waited for" {
	lxc 0 freeze -P "$P" -n a1
	a 1 -- true
	err_has paused
	lxc 0 unfreeze -P "$P" -n a1
	a 0 -- true
}

@test "a terminal for those descriptors that are one; its log" {
	needs expect
	on_terminal <<-X
		spawn $COPPICE_BUILD/lxc-attach -P $P -n a1 -L $T_TMP/pty.log -- sh -c "test -t 0 && test -t 1 && test -t 2 && echo all three; exit 4"
		expect "all three" {} timeout { puts "no terminal"; exit 1 }
		expect eof
		lassign [wait] pid id os code
		if {\$code != 4} { puts "exit \$code"; exit 1 }
		spawn sh -c "$COPPICE_BUILD/lxc-attach -P $P -n a1 -- sh -c 'test -t 0 && ! test -t 1 && test -t 2 && read l && echo read \\\$l && echo seen >&2' >$T_TMP/mixed"
		send "typed\r"
		expect "seen" {} timeout { puts "nothing on the terminal"; exit 1 }
		expect eof
		spawn sh -c "echo piped | $COPPICE_BUILD/lxc-attach -P $P -n a1 -- sh -c 'test -t 1 && cat'"
		expect "piped" {} timeout { puts "nothing from the pipe"; exit 1 }
		expect eof
	X
	same "$(cat "$T_TMP/mixed")" "read typed"
	grep -q "all three" "$T_TMP/pty.log"
}

@test "console: the first free terminal, the prefix, the console itself, none" {
	needs expect
	on_terminal <<-X
		spawn $COPPICE_BUILD/lxc-console -P $P -n a1
		expect "Connected to tty 1" {} timeout { puts "not the first"; exit 1 }
		expect "Type <Ctrl+a q> to exit the console, <Ctrl+a Ctrl+a> to enter Ctrl+a itself" {} timeout { puts "not told how to leave"; exit 1 }
		set one \$spawn_id
		spawn $COPPICE_BUILD/lxc-console -P $P -n a1 -e ^b
		expect "Connected to tty 2" {} timeout { puts "not the next"; exit 1 }
		expect "Type <Ctrl+b q>" {} timeout { puts "another prefix"; exit 1 }
		set two \$spawn_id
		spawn $COPPICE_BUILD/lxc-console -P $P -n a1
		expect "terminals 1 to 2" {} timeout { puts "a third one"; exit 1 }
		expect eof
		lassign [wait] pid id os code
		if {\$code != 1} { puts "exit \$code without a free one"; exit 1 }
		spawn $COPPICE_BUILD/lxc-console -P $P -n a1 -t 1
		expect "Connected to tty 1" {} timeout { puts "not shared"; exit 1 }
		send "\001q"
		expect eof
		send -i \$two "\002q"
		expect -i \$two eof
		lassign [wait -i \$two] pid id os code
		if {\$code != 0} { puts "exit \$code after leaving"; exit 1 }
		send -i \$one "\001q"
		expect -i \$one eof
		spawn $COPPICE_BUILD/lxc-console -P $P -n a1 -t 0
		expect "Connected to tty 0" {} timeout { puts "no console"; exit 1 }
		send "\001q"
		expect eof
		spawn $COPPICE_BUILD/lxc-console -P $P -n a1 -t 9
		expect eof
		lassign [wait] pid id os code
		if {\$code != 1} { puts "exit \$code for terminal 9"; exit 1 }
	X
	lxc 1 console -P "$P" -n nope </dev/null
	err_has "no container 'nope'"
	lxc 1 console -P "$P" -n a1 -t x
	lxc 1 console -P "$P" -n a1 -e xx
}

@test "console: what a pipe brings is typed, and its end leaves; a file is refused" {
	lxc 0 console -P "$P" -n a1 -t 2 < <(printf 'typed\n')
	err_has "Connected to tty 2"
	a 0 -- timeout 10 head -n 1 /dev/tty2
	is typed
	lxc 0 console -P "$P" -n a1 -t 2 < <(printf '\001q'; exec sleep 100 >/dev/null)
	lxc 1 console -P "$P" -n a1 </dev/null
	err_has "no terminal, nor a pipe"
	err_has "coppice --lxcpath $P logs a1"
}
