#!/usr/bin/env bats
# lxc-info, lxc-ls, lxc-monitor and lxc-top: the forms that scripts read, the same containers as the native command has, and nothing lost of short lives.
load ../lib/common

setup_file() {
	ip link add br0 type bridge 2>/dev/null || true
	ip address add 10.5.0.1/24 dev br0 2>/dev/null || true
	ip link set br0 up
}

setup() {
	export COPPICE_LXCPATH=$T_ROOT/containers
	[ -e "$T_ROOT/containers/web" ] || {
		printf '%s\n' 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.0.flags = up' 'lxc.net.0.ipv4.address = 10.5.0.2/24' \
			'lxc.net.0.ipv6.address = fd00:5::2/64' 'lxc.net.0.veth.pair = webhost' 'lxc.group = front' 'lxc.group = live' 'lxc.uts.name = web' >"$T_TMP/web.conf"
		up web --config "$T_TMP/web.conf"
		ok create bb idle -- /bin/sleep 1000
	}
}

teardown() { watch_end; }

teardown_file() {
	all_gone
	ip link del br0 2>/dev/null || true
}

# l NAME...: a command of LXC's by its name; `lxc` and `lxc_fails` are ok and fails for them
l() { local name=$1; shift; timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "${COPPICE%/*}/lxc-$name" "$@" 3>&- 4>&-; }
lxc() { local i; ran="lxc-$*"; run --separate-stderr l "$@"; [ "$status" = 0 ] || show_run; }
lxc_fails() { local i; ran="lxc-$*"; run --separate-stderr l "$@"; [ "$status" = 1 ] || { echo "wanted exit code 1"; show_run; }; }

@test "lxc-info: all fields, in LXC's order and form" {
	lxc info -n web
	[[ ${lines[0]} =~ ^"Name:           web"$ && ${lines[1]} =~ ^"State:          RUNNING"$ && ${lines[2]} =~ ^"PID:            "[0-9]+$ ]] || show_run
	has "IP:             10.5.0.2
IP:             fd00:5::2
CPU use:        "
	[[ $output =~ "CPU use:        "[0-9]+\.[0-9][0-9]" seconds" ]] || show_run
	has "Link:           webhost
 TX bytes:      "
	has " Total bytes:   "
	hasnt 127.0.0.1
	hasnt fe80
}

@test "lxc-info: single fields, raw numbers, a stopped container" {
	lxc info -n web -sH
	is RUNNING
	lxc info -n web -p -H
	is "$(init_of web)"
	lxc info -n web -i -H
	is "10.5.0.2
fd00:5::2"
	lxc info web -H -S
	[[ $output =~ "CPU use:        "[0-9]+$'\n' ]] || show_run
	lxc info -n idle
	is "Name:           idle
State:          STOPPED"
}

@test "lxc-info: addresses that were added inside later are seen" {
	ok exec web -- /bin/ip address add 10.5.7.7/32 dev eth0
	lxc info -n web -iH
	has 10.5.7.7
	ok exec web -- /bin/ip address del 10.5.7.7/32 dev eth0
}

@test "lxc-info -c: what it was started with, lists a line each, unknown keys told" {
	ok config set web lxc.uts.name=later
	lxc info -n web -c lxc.uts.name -c lxc.group -c lxc.net.0.type -c lxc.tty.max -c lxc.mount.entry
	is "lxc.uts.name = web
lxc.group = front
live

lxc.net.0.type = veth
lxc.tty.max = 0
lxc.mount.entry ="
	lxc info -n web -c lxc.net.0.ipv4.address -c lxc.net.0.flags
	is "lxc.net.0.ipv4.address = 10.5.0.2/24
lxc.net.0.flags = up"
	lxc info -n web -H -c lxc.uts.name
	is web
	ok config set web lxc.uts.name=web
	lxc info -n web -c lxc.nosuch.key
	[ "$stderr" = "lxc.nosuch.key invalid" ] || show_run
	ok create bb said -- /bin/sleep 1000
	ok start said --set lxc.uts.name=once
	lxc info -n said -H -c lxc.uts.name
	is once
	ok stop --kill said
	ok delete --purge said
}

@test "lxc-info: a container that does not exist" {
	lxc_fails info -n nope
	err_has "nope doesn't exist"
	lxc_fails info -n ..
	lxc_fails info
	err_has "no container name specified"
}

@test "lxc-ls: names, one a line when nobody looks" {
	lxc ls
	is "idle
web"
	lxc ls -1 --running
	is web
	lxc ls --active
	is web
	lxc ls --stopped
	is idle
	lxc ls --frozen
	is ""
	lxc ls -g front,live
	is web
	lxc ls -g front,back
	is ""
	lxc ls -g front -g back
	is ""
	lxc ls -g front -g live
	is web
	lxc ls --filter='^i'
	is idle
	lxc ls '^i' '^w' nope
	is "idle
web"
	lxc ls nope '^i'
	is idle
	lxc ls -f -F NAME,RAM,SWAP --stopped
	is "NAME RAM    SWAP   
idle -      -      "
	lxc ls nope
	quiet
	lxc ls -P "$T_TMP/nowhere"
	quiet
	[ ! -e "$T_TMP/nowhere" ]
	lxc_fails ls --filter='['
}

@test "lxc-ls -f: LXC's columns" {
	lxc ls -f
	is "NAME STATE   AUTOSTART GROUPS      IPV4     IPV6      UNPRIVILEGED 
idle STOPPED 0         -           -        -         true         
web  RUNNING 0         front, live 10.5.0.2 fd00:5::2 true         "
	lxc ls -f -F name,pid,interface --running
	is "NAME PID$(printf '%*s' $(($(init_of web | wc -c) - 4)) '') INTERFACE 
web  $(init_of web) eth0, lo  "
	lxc ls -f -F NAME,RAM,SWAP
	[[ $output =~ web\ +[0-9]+\.[0-9][0-9]MB\ +[0-9]+\.[0-9][0-9]MB ]] || show_run
	lxc_fails ls -f -F NAME,BOGUS
	err_has BOGUS
}

@test "lxc-ls: a config that cannot be used is left out, and told" {
	mkdir "$T_ROOT/containers/odd"
	echo 'lxc.uts.nome = x' >"$T_ROOT/containers/odd/config"
	lxc ls
	is "idle
web"
	err_has "note: 'odd' is not shown"
	lxc_fails info -n odd
	rm -r "$T_ROOT/containers/odd"
}

@test "lxc-ls: one that is removed meanwhile is no broken one" {
	local i making
	(for i in $(seq 40); do c create bb "gone$i" -- /bin/true && l destroy "gone$i"; done) >/dev/null 2>&1 &
	making=$!
	while kill -0 $making 2>/dev/null; do l ls -f >/dev/null 2>>"$T_TMP/notes"; done
	wait $making
	same "$(cat "$T_TMP/notes")" ""
}

@test "lxc-ls: columns on a terminal" {
	needs script
	run script -qec "stty cols 40; ${COPPICE%/*}/lxc-ls" /dev/null
	[[ $output == "idle web "* ]] || show_run
}

@test "lxc-ls --nesting: what the lxc-ls inside says" {
	ok exec web -- /bin/sh -c 'cat >/usr/local/bin/lxc-ls && chmod 755 /usr/local/bin/lxc-ls' <<-'EOF'
		#!/bin/sh
		case "$*" in
		*-1*) echo one; echo one/two ;;
		*) printf 'NAME  STATE   \none   RUNNING \n\\two  STOPPED \n' ;;
		esac
	EOF
	lxc ls --nesting
	is "idle
web
web/one
web/one/two"
	lxc ls -f -F NAME,STATE --nesting=2
	is "NAME  STATE   
idle  STOPPED 
web   RUNNING 
\\one  RUNNING 
 \\two STOPPED "
	ok exec web -- /bin/rm /usr/local/bin/lxc-ls
	lxc ls --nesting
	is "idle
web"
}

# watch FILE OPTION...: lxc-monitor in the background, which is told by the first line that it listens
watch_start() {
	local file=$1
	shift
	timeout -k 5 $((60 * ${COPPICE_TEST_SLOW:-1})) "${COPPICE%/*}/lxc-monitor" "$@" >"$file" 2>&1 3>&- 4>&- &
	watcher=$!
	sleep 0.3
}
watch_end() {
	[ -n "${watcher:-}" ] || return 0
	kill "$watcher" 2>/dev/null || true
	wait "$watcher" 2>/dev/null || true
	watcher=
}

@test "lxc-monitor: the whole life of a container, freeze and exit included" {
	watch_start "$T_TMP/mon" -n 'idle|short.*'
	ok start idle
	ok pause idle
	ok resume idle
	ok stop --kill idle
	ok create bb short1 -- /bin/true
	ok create bb short2 -- /bin/sh -c 'exit 3'
	ok start short1
	until_ok 5 grep -q "'short1' changed state to \[STOPPED\]" "$T_TMP/mon"
	ok start short2
	ok pause web
	ok resume web
	until_ok 5 grep -q "'short2' changed state to \[STOPPED\]" "$T_TMP/mon"
	watch_end
	same "$(cat "$T_TMP/mon")" "'idle' changed state to [STARTING]
'idle' changed state to [RUNNING]
'idle' changed state to [FREEZING]
'idle' changed state to [FROZEN]
'idle' changed state to [THAWED]
'idle' changed state to [RUNNING]
'idle' exited with status [137]
'idle' changed state to [STOPPING]
'idle' changed state to [STOPPED]
'short1' changed state to [STARTING]
'short1' changed state to [RUNNING]
'short1' exited with status [0]
'short1' changed state to [STOPPING]
'short1' changed state to [STOPPED]
'short2' changed state to [STARTING]
'short2' changed state to [RUNNING]
'short2' exited with status [3]
'short2' changed state to [STOPPING]
'short2' changed state to [STOPPED]"
}

@test "lxc-monitor: a start whose program cannot be run was never running, and ends no run" {
	ok create bb fails1 -- /bin/sh -c 'exit 3'
	ok start fails1
	until_ok 5 is_state fails1 stopped
	cp -r "$T_ROOT/containers/fails1" "$T_ROOT/containers/fails2" # without a small init, and never run before
	sed -i '/coppice.init/d' "$T_ROOT/containers/fails2/config"
	echo 'lxc.init.cmd = /no/such' >>"$T_ROOT/containers/fails2/config"
	ok config set fails1 'coppice.init=/no/such'
	watch_start "$T_TMP/fails" -n 'fails.*'
	lxc_fails start -n fails1
	lxc_fails start -n fails2
	until_ok 5 grep -q "'fails2' changed state to \[STOPPED\]" "$T_TMP/fails"
	watch_end
	same "$(cat "$T_TMP/fails")" "$(printf "'%s' changed state to [%s]\n" fails1 STARTING fails1 ABORTING fails1 STOPPING fails1 STOPPED fails2 STARTING fails2 ABORTING fails2 STOPPING fails2 STOPPED)"
	same "$(field fails1 last_exit)" 3
	ok delete --purge fails1 fails2
}

@test "lxc-monitor: nothing is lost of twenty that come and go at once" {
	watch_start "$T_TMP/many" -n 'q[0-9]+'
	# shellcheck disable=SC2046
	ok create bb $(seq -f 'q%.0f' 20) -- /bin/true
	ok start 'q*'
	until_ok 10 sh -c "[ \$(grep -c STOPPED '$T_TMP/many') = 20 ]"
	watch_end
	for i in {1..20}; do
		same "$(grep -c "^'q$i' " "$T_TMP/many")" 5
	done
}

@test "lxc-monitor -Q: there is no daemon to end" {
	lxc monitor -Q
	quiet
	lxc_fails monitor -n '['
}

@test "lxc-top -b: a line a container, fractions of a second" {
	run sh -c "timeout $((20 * ${COPPICE_TEST_SLOW:-1})) '${COPPICE%/*}/lxc-top' -b -d 0.2 | head -n 4"
	[[ ${lines[0]} == time_ms,container,cpu_nanos,* && ${lines[1]} =~ ^[0-9]+,web,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+,[0-9]+$ ]] || show_run
	[ "${#lines[@]}" = 4 ]
	lxc_fails top -s x
}

@test "lxc-top: on a terminal, keys sort, q ends it" {
	needs expect
	on_terminal <<-'EOF'
		spawn [string map {/coppice /lxc-top} $coppice] -d 10
		expect "TOTAL 1 of 1"
		send "m"
		expect "TOTAL 1 of 1"
		send "q"
		expect eof
		lassign [wait] pid spawn os status
		exit $status
	EOF
	lxc_fails top
	err_has "no terminal"
}
