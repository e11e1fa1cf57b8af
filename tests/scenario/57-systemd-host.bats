#!/usr/bin/env bats
# A host whose pid 1 is systemd: what it owns and reloads does not touch a container, a service that runs one in the foreground stops it cleanly, and a session may start one.
# Runs in a virtual machine: tests/run-vm systemd.
load ../lib/common

setup_file() {
	export P=$T_TMP/ct
	mkdir -p "$P"
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/rootfs"
	cat >"$T_TMP/rootfs/init.sh" <<-'X'
		#!/bin/sh
		trap 'echo got PWR; exit 0' PWR
		echo up
		while :; do sleep 0.1; done
	X
	chmod 0755 "$T_TMP/rootfs/init.sh"
}
setup() { [ -d /run/systemd/system ] || skip "pid 1 is not systemd"; }
teardown_file() {
	systemctl stop t-front.service t-back.service >/dev/null 2>&1 || true
	COPPICE_LXCPATH=$P c delete --force --purge --all >/dev/null 2>&1 || true
}

l() { local command=$1; shift; timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-$command" "$@" 3>&- 4>&-; }
lxc() { # CODE COMMAND WORD...
	local want=$1
	shift
	ran="lxc-$*"
	run --separate-stderr l "$@"
	note_groups
	[ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; }
}
made() { # NAME [LINE...]
	local name=$1
	shift
	mkdir -p "$P/$name"
	cp -a "$T_TMP/rootfs" "$P/$name/rootfs"
	printf '%s\n' "lxc.rootfs.path = dir:$P/$name/rootfs" "lxc.net.0.type = empty" "lxc.init.cmd = /init.sh" "$@" >"$P/$name/config"
}
running() { l wait -P "$P" -n "$1" -s RUNNING -t 0; }
printed() { COPPICE_LXCPATH=$P c logs "$1" | grep -q "$2"; }
init_pid() { l info -P "$P" -n "$1" -pH; }
group() { sed -n 's/^0:://p' "/proc/$(init_pid "$1")/cgroup"; }
# a transient unit with what our commands need: unit OPTION... -- COMMAND...
unit() {
	local option=()
	while [ "$1" != -- ]; do option+=("$1"); shift; done
	shift
	systemd-run -q -p Delegate=yes -E PATH -E COPPICE_ROOT="$T_ROOT" -E COPPICE_NETWORK -E COPPICE_LIBEXEC="${COPPICE_LIBEXEC-}" "${option[@]}" "$@"
}

@test "a reload, a re-execution and other units' settings leave limits and processes as they are" {
	local node before
	made r1 "lxc.cgroup2.memory.max = 100M" "lxc.cgroup2.cpuset.cpus = 0" "lxc.cgroup2.io.weight = 200" "lxc.cgroup2.cpu.weight = 50"
	lxc 0 start -P "$P" -n r1
	before=$(init_pid r1)
	node=/sys/fs/cgroup$(group r1)
	node=${node%/payload}
	systemctl daemon-reload
	systemctl daemon-reexec
	# units that need controllers, and are gone again: systemd takes back what it believes that nobody needs
	systemd-run --wait -q -p CPUWeight=50 -p IOWeight=50 -p AllowedCPUs=0 true
	systemctl daemon-reload
	running r1
	same "$(init_pid r1)" "$before"
	same "$(cat "$node/memory.max" "$node/cpuset.cpus" "$node/cpu.weight")" "$((100 << 20))"$'\n0\n50'
	lxc 0 attach -P "$P" -n r1 -- true
	# and the next one gets what it asks for
	made r2 "lxc.cgroup2.memory.max = 90M" "lxc.cgroup2.cpuset.cpus = 0"
	lxc 0 start -P "$P" -n r2
	node=/sys/fs/cgroup$(group r2)
	same "$(cat "${node%/payload}/memory.max" "${node%/payload}/cpuset.cpus")" "$((90 << 20))"$'\n0'
	lxc 0 stop -P "$P" -n r1 -k
	lxc 0 stop -P "$P" -n r2 -k
	[ ! -e "${node%/payload}" ]
}

@test "a service in the foreground: active while the container runs, a stop of the one is a clean stop of the other" {
	made f1
	unit --unit=t-front -p KillMode=mixed -- "$COPPICE_BUILD/lxc-start" -P "$P" -n f1 -F
	until_ok 20 printed f1 up
	running f1
	same "$(systemctl is-active t-front)" active
	[[ $(group f1) != *t-front* ]]
	systemctl stop t-front
	printed f1 "got PWR"
	lxc 0 wait -P "$P" -n f1 -s STOPPED -t 0
	# and the other way round
	unit --unit=t-back -- "$COPPICE_BUILD/lxc-start" -P "$P" -n f1 -F
	until_ok 20 running f1
	lxc 0 stop -P "$P" -n f1 -k
	until_ok 10 eval '[ "$(systemctl is-active t-back)" != active ]'
}

@test "a login session starts a container, which has its limits" {
	made s1 "lxc.cgroup2.memory.max = 80M"
	su -l root -c "grep -q session /proc/self/cgroup && export COPPICE_ROOT='$T_ROOT' && exec '$COPPICE_BUILD/lxc-start' -P '$P' -n s1" </dev/null
	running s1
	same "$(cat "/sys/fs/cgroup$(group s1)/../memory.max")" $((80 << 20))
	lxc 0 stop -P "$P" -n s1 -k
}

@test "a container outlives the service and the session that started it" {
	local monitor n
	made o1
	made o2
	unit --wait -p Type=oneshot -- "$COPPICE_BUILD/lxc-start" -P "$P" -n o1
	su -l root -c "export COPPICE_ROOT='$T_ROOT'; exec '$COPPICE_BUILD/lxc-start' -P '$P' -n o2" </dev/null
	for n in $(loginctl list-sessions --no-legend | awk '{ print $1 }'); do loginctl terminate-session "$n"; done
	until_ok 20 eval '! compgen -G "/sys/fs/cgroup/user.slice/*/session-*" >/dev/null'
	for n in o1 o2; do
		running $n
		monitor=$(COPPICE_LXCPATH=$P monitor_of $n)
		grep -q -- "-monitor/$n\$" "/proc/$monitor/cgroup" || { cat "/proc/$monitor/cgroup"; false; }
		lxc 0 stop -P "$P" -n $n -t 20
		printed $n "got PWR"
	done
	until_ok 5 eval '! compgen -G "/sys/fs/cgroup/coppice*-monitor" >/dev/null'
}
