#!/usr/bin/env bats
# Logs of the commands: -o, -l and lxc.log.*, in the lines of LXC's tools.
load ../lib/common

setup() {
	P=$T_TMP/ct
	rm -rf --one-file-system "$P"
	mkdir -p "$P/n"
	cp -a "$COPPICE_TEST_DIR/bb" "$P/n/rootfs"
	config
}
teardown() {
	c --lxcpath "$P" delete --force --purge --all >/dev/null 2>&1 || true
	rm -rf --one-file-system "$P" "$T_TMP/logs"
}
teardown_file() { all_gone; }

l() {
	local command=$1
	shift
	timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-$command" -P "$P" -n n "$@" 3>&- 4>&-
}
lxc() { # CODE COMMAND WORD...
	local want=$1
	shift
	ran="lxc-$*"
	run --separate-stderr l "$@"
	[ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; }
}
config() { printf '%s\n' "lxc.rootfs.path = dir:$P/n/rootfs" "lxc.net.0.type = empty" "lxc.init.cmd = /bin/sleep 1000" "$@" >"$P/n/config"; }
# every line has the form that LXC's have: command, container, time, level, part - text
lacks() { if grep -q "$2" "$1"; then echo "$1 has: $2"; cat "$1"; return 1; fi; } # FILE PATTERN
well_formed() { if grep -vE '^lxc-[a-z]+ n 20[0-9]{12}\.[0-9]{3} (TRACE|DEBUG|INFO|NOTICE|WARN|ERROR) +[a-z]+ - .' "$1"; then return 1; fi; }

@test "without a word about logs there is none" {
	lxc 0 start
	lxc 0 stop -k
	[ "$(ls "$P/n")" = "$(printf '%s\n' config console.log rootfs)" ] || { ls "$P/n"; return 1; }
}

@test "-o and -l: the steps as they are done, the monitor's lines when the command is gone, the end" {
	lxc 0 start -o "$T_TMP/logs/new/a.log" -l trace
	quiet
	well_formed "$T_TMP/logs/new/a.log"
	grep -q "INFO     engine - start container 'n'" "$T_TMP/logs/new/a.log"
	grep -q 'DEBUG    monitor - step [0-9]*: cgroup ' "$T_TMP/logs/new/a.log"
	grep -q 'DEBUG    setup - step [0-9]*: pivot' "$T_TMP/logs/new/a.log"
	grep -q 'TRACE    setup - step [0-9]*: done' "$T_TMP/logs/new/a.log"
	[ "$(stat -c %a "$T_TMP/logs/new/a.log")" = 640 ]
	lxc 0 stop -k
	until_ok 5 grep -q 'INFO     monitor - ended with status 137' "$T_TMP/logs/new/a.log"
	well_formed "$T_TMP/logs/new/a.log"
	# appended to, and only what the level asks for
	lxc 0 start -o "$T_TMP/logs/new/a.log" -l info
	tail -n 1 "$T_TMP/logs/new/a.log" >"$T_TMP/last"
	lacks "$T_TMP/last" DEBUG
	[ "$(grep -c "start container" "$T_TMP/logs/new/a.log")" = 2 ]
}

@test "a failure: its whole chain, from whoever met it; -q keeps it off the terminal only" {
	config "lxc.init.cmd = /no/such"
	lxc 1 start -o "$T_TMP/logs/a.log" -q
	quiet
	well_formed "$T_TMP/logs/a.log"
	grep -q "ERROR    monitor - .*run init '/no/such': No such file" "$T_TMP/logs/a.log"
	grep -q "ERROR    command - cannot start 'n'" "$T_TMP/logs/a.log"
	lacks "$T_TMP/logs/a.log" DEBUG
}

@test "a level without a file: NAME.log beside the config; no directory is made for a container that is not there" {
	lxc 0 start -l info
	grep -q 'INFO     monitor - runs' "$P/n/n.log"
	lxc 0 info -l debug -s
	run timeout 10 "$COPPICE_BUILD/lxc-info" -P "$P" -n nobody -l debug
	[ ! -e "$P/nobody" ]
}

@test "lxc.log.level and lxc.log.file, by their old names too; hooks are told the level, and what they say is logged" {
	config "lxc.loglevel = 1" "lxc.logfile = $T_TMP/logs/c.log" "lxc.hook.pre-start = /bin/sh -c 'echo level \$LXC_LOG_LEVEL; echo and more >&2'" "lxc.hook.post-stop = /bin/false"
	lxc 0 start
	quiet
	grep -q 'DEBUG    hook - lxc.hook.pre-start said: level DEBUG' "$T_TMP/logs/c.log"
	grep -q 'DEBUG    hook - lxc.hook.pre-start said: and more' "$T_TMP/logs/c.log"
	lxc 0 stop -k
	until_ok 5 grep -q "ERROR    hook - .*config:[0-9]*: lxc.hook.post-stop: '/bin/false' ended with status 1" "$T_TMP/logs/c.log"
	# the command line goes before
	: >"$T_TMP/logs/c.log"
	lxc 0 start -o "$T_TMP/logs/d.log" -l error
	[ ! -s "$T_TMP/logs/c.log" ] && [ ! -s "$T_TMP/logs/d.log" ]
}

@test "a monitor that takes over writes on; so does a start after a restart" {
	config "lxc.log.level = info" "lxc.log.file = $T_TMP/logs/c.log" "coppice.restart = always"
	lxc 0 start
	kill -9 "$(c --lxcpath "$P" list -f json | jq -r '.containers[0].monitor_pid')"
	lxc 0 start
	until_ok 10 grep -q 'monitor - adopted, its init is process' "$T_TMP/logs/c.log"
	kill -9 "$(c --lxcpath "$P" list -f json | jq -r '.containers[0].pid')"
	until_ok 10 grep -q 'to be started again' "$T_TMP/logs/c.log"
	until_ok 10 eval '[ $(grep -c "monitor - runs, its init" "$T_TMP/logs/c.log") = 2 ]'
}

@test "a log that cannot be opened: nothing is started, and what was wrong is told" {
	lxc 1 start -o /proc/nope/x
	err_has "open '/proc/nope/x'"
	ln -s "$T_TMP/elsewhere" "$T_TMP/link"
	lxc 1 start -o "$T_TMP/link"
	[ ! -e "$T_TMP/elsewhere" ]
	mkdir -p "$T_TMP/logs"
	lxc 1 info -o "$T_TMP/logs"
	config "lxc.log.file = $T_TMP/link"
	lxc 1 start
	err_has "config:4: lxc.log.file: open the log"
	lxc 1 start -l loud
	err_has "'loud' is no level"
}

@test "-o /dev/stderr: on the terminal, and the monitor keeps no pipe open; none: nowhere" {
	run --separate-stderr l start -o /dev/stderr -l info
	[ "$status" = 0 ]
	err_has "INFO     monitor - runs"
	config "lxc.log.level = info"
	lxc 0 stop -k
	lxc 0 start -o none
	[ ! -e "$P/n/n.log" ]
}

@test "lxc.log.syslog: to /dev/log, in the facility that was said, from the level on that was said" {
	needs python3
	cat >"$T_TMP/syslog.py" <<-'X'
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		print("ready", flush=True)
		while True:
		    print(s.recv(8192).decode(), flush=True)
	X
	config "lxc.log.syslog = local3" "lxc.log.level = info"
	mkdir -p "$T_TMP/dev"
	python3 "$T_TMP/syslog.py" "$T_TMP/dev/log" >"$T_TMP/lines" 2>&1 3>&- 4>&- &
	local pid=$!
	until_ok 20 grep -q ready "$T_TMP/lines"
	# a /dev of this test's own that has the socket
	run unshare -m --propagation private sh -c "[ -e /dev/log ] || : >/dev/log; mount --bind '$T_TMP/dev/log' /dev/log && exec timeout 20 '$COPPICE_BUILD/lxc-start' -P '$P' -n n" 3>&- 4>&-
	[ "$status" = 0 ] || { echo "$output"; kill $pid; return 1; }
	until_ok 5 grep -qE '^<158>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} lxc-start\[[0-9]+\]: n monitor - runs' "$T_TMP/lines" || { cat "$T_TMP/lines"; kill $pid; return 1; }
	lacks "$T_TMP/lines" " step "
	lxc 0 stop -k
	until_ok 5 grep -q "monitor - ended with status 137" "$T_TMP/lines"
	kill $pid
	[ -s /dev/log ] || [ -S /dev/log ] || rm -f /dev/log
}
