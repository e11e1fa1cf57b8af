#!/usr/bin/env bats
# lxc-checkpoint where criu works: a container saved, ended and brought back is the same one, and its monitor cannot tell the difference.
load ../lib/common

setup() {
	local said
	export COPPICE_LXCPATH=$T_ROOT/containers
	command -v criu >/dev/null || skip "criu is not installed"
	said=$(criu check 2>&1) || skip "criu check: $(grep -v -e tun.c -e 'exited, status' <<<"$said" | grep -o 'Error .*' | head -n 1)"
	D=$T_TMP/checkpoints
	mkdir -p "$D"
}
teardown_file() { all_gone; }

l() { local name=$1; shift; timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "${COPPICE%/*}/lxc-$name" "$@" 3>&- 4>&-; }
lxc() { local i; ran="lxc-$*"; run --separate-stderr l "$@"; [ "$status" = 0 ] || show_run; }
lxc_fails() { local i; ran="lxc-$*"; run --separate-stderr l "$@"; [ "$status" = 1 ] || { echo "wanted exit code 1"; show_run; }; }
inside() { ok exec "$1" -- /bin/sh -c "$2"; }
leads() { [ "$(ps -o sid= -p "$(init_of "$1")" | tr -d ' ')" = "$(init_of "$1")" ]; }
# one with a system's init, root of the host's, which criu can save
whole() { # NAME [OPTION...]
	local name=$1
	shift
	ok create bb "$name" --set coppice.privileged=1 --set lxc.tty.max=1 "$@"
	ok start "$name"
	until_ok 10 leads "$name"
	until_ok 10 printed "$name" "comes up"
}
printed() { c logs "$1" | grep -q "$2"; }
counter() { inside "$1" '(n=0; while :; do n=$((n + 1)); echo $n >/tmp/n; sleep 0.1; done) </dev/null >/dev/null 2>&1 &'; until_ok 5 count "$1" 0; }
count() { [ "$(cat "$T_ROOT/containers/$1/private/tmp/n")" -gt "$2" ] 2>/dev/null; }

@test "saved, ended and brought back: processes, memory, files in memory, terminals" {
	local n init
	whole k1
	counter k1
	inside k1 'echo kept >/run/kept; mkdir /sys/fs/cgroup/own 2>/dev/null; sleep 1000 </dev/null >/dev/null 2>&1 & [ ! -d /sys/fs/cgroup/own ] || echo $! >/sys/fs/cgroup/own/cgroup.procs'
	lxc checkpoint -n k1 -s -D "$D/k1"
	is_state k1 stopped
	[ -z "$(groups_of k1)" ]
	n=$(cat "$T_ROOT/containers/k1/private/tmp/n")
	lxc checkpoint -n k1 -r -D "$D/k1"
	quiet
	is_state k1 running
	lxc info -n k1 -s -H
	is RUNNING
	until_ok 5 count k1 "$n"
	inside k1 'cat /run/kept; ls /dev; cat /proc/kcore | wc -c; hostname; [ ! -d /sys/fs/cgroup/own ] || grep -c . /sys/fs/cgroup/own/cgroup.procs'
	has kept
	has tty1
	has k1
	same "$(ps -o ppid= -p "$(init_of k1)" | tr -d ' ')" "$(monitor_of k1)"
	inside k1 'echo hears it >/dev/console'
	until_ok 5 printed k1 "hears it"
	on_terminal <<-'X'
		spawn [string map {/coppice /lxc-console} $coppice] -n k1 -t 1
		sleep $slow
		send "\r"
		expect "login:"
		send "root\r"
		expect "# "
		send "tty; echo a\$((40+2))b\r"
		expect "/dev/pts/1"
		expect "a42b"
	X
	# a monitor that was killed has an heir, as ever
	kill -KILL "$(monitor_of k1)"
	ok exec k1 -- /bin/cat /run/kept
	is kept
	# the same checkpoint, as often as one likes; then its init is asked for an end like any other
	ok stop --kill k1
	lxc checkpoint -n k1 -r -d -D "$D/k1"
	init=$(init_of k1)
	lxc stop -n k1 -r -t 20
	[ "$(init_of k1)" != "$init" ] # a system that boots, not a checkpoint again
	inside k1 'ls /run'
	hasnt kept
	until_ok 10 leads k1
	lxc stop -n k1 -t 20
	is_state k1 stopped
}

@test "left running; in the foreground; what would start again stays ended" {
	whole k2 --set coppice.restart=always
	lxc checkpoint -n k2 -D "$D/k2"
	is_state k2 running
	lxc_fails checkpoint -n k2 -r -D "$D/k2"
	err_has "it runs"
	lxc checkpoint -n k2 -p -D "$D/k2p"
	lxc checkpoint -n k2 -s -D "$D/k2s" --predump-dir ../k2p
	is_state k2 stopped
	l checkpoint -n k2 -r -F -D "$D/k2s" >/dev/null &
	until_ok 20 is_state k2 running
	ok stop --kill k2
	wait $!
	is_state k2 stopped
}

@test "an interface and its side on the host" {
	has_network || skip "this host has no nftables, or no bridges"
	ip link add cpb0 type bridge
	ip address add 10.77.0.1/24 dev cpb0
	ip link set cpb0 up
	whole k3 --set lxc.net.0.type=veth --set lxc.net.0.link=cpb0 --set lxc.net.0.flags=up --set lxc.net.0.ipv4.address=10.77.0.2/24 --set lxc.net.0.ipv4.gateway=10.77.0.1
	ok exec k3 -- /bin/ping -c 1 -W 5 10.77.0.1
	lxc checkpoint -n k3 -s -D "$D/k3"
	lxc checkpoint -n k3 -r -D "$D/k3"
	ok exec k3 -- /bin/ping -c 1 -W 5 10.77.0.1
	[ -n "$(ip -o link show master cpb0)" ]
	ok stop --kill k3
	[ -z "$(ip -o link show master cpb0)" ]
	ip link del cpb0
}

@test "a root of layers, and open files in it" {
	needs overlay
	whole k4 --mode overlay
	inside k4 'echo x >/etc/motd; (exec 3>>/var/log/held 4</etc/inittab; exec sleep 1000) </dev/null >/dev/null 2>&1 &'
	lxc checkpoint -n k4 -s -D "$D/k4"
	lxc checkpoint -n k4 -r -D "$D/k4"
	inside k4 'cat /etc/motd; ls -l /proc/[0-9]*/fd'
	has x
	has "-> /var/log/held"
	has "-> /etc/inittab"
	ok stop --kill k4
}

@test "a way back that fails leaves nothing, and a start still works" {
	whole k5
	inside k5 '(exec 3>>/var/log/held; exec sleep 1000) </dev/null >/dev/null 2>&1 &'
	lxc checkpoint -n k5 -s -D "$D/k5"
	rm "$T_ROOT/containers/k5/private/var/log/held"
	lxc_fails checkpoint -n k5 -r -D "$D/k5"
	err_has "cannot restore 'k5'"
	err_has var/log/held
	is_state k5 stopped
	[ -z "$(groups_of k5)" ]
	lxc_fails checkpoint -n k5 -r -D "$D/k5" -F
	err_has var/log/held
	ok config set k5 lxc.tty.max=0
	lxc_fails checkpoint -n k5 -r -D "$D/k5"
	err_has lxc.tty.max
	ok start k5
	ok stop --kill k5
}

@test "what criu cannot is said before it starts" {
	ok create bb k6 -- /bin/sleep 1000
	ok start k6
	lxc_fails checkpoint -n k6 -D "$D/k6"
	err_has "user namespace of its own"
	ok create bb k7 --set coppice.privileged=1 -- /bin/sleep 1000
	ok start k7
	lxc_fails checkpoint -n k7 -D "$D/k7"
	err_has "small init"
	whole k8
	ok pause k8
	lxc_fails checkpoint -n k8 -D "$D/k8"
	err_has "paused"
	ok stop --kill k8
	[ ! -e "$D/k6" ] && [ ! -e "$D/k7" ] && [ ! -e "$D/k8" ]
	lxc_fails checkpoint -n k8 -r -D "$D/k8"
	err_has "holds no checkpoint"
}
