#!/usr/bin/env bats
# Networks with DHCP: dnsmasq answers guests that ask, with the addresses of our plan and nothing else.
load ../lib/common
load ../lib/netlab

setup() { needs network dnsmasq; }
setup_file() { lab_up; }
teardown() { nets_gone; }
teardown_file() {
	nets_gone
	lab_down
}

# dnsmasq of this file's network namespace
dnsmasqs() {
	local p
	for p in $(pgrep -x dnsmasq); do
		[ "$(readlink "/proc/$p/ns/net")" != "$(readlink /proc/self/ns/net)" ] || echo "$p"
	done
}

# What a guest gets that asks: "ADDRESS MASK ROUTER DNS"
asked_dhcp() { # NAME [DEV]
	inside "$1" sh -c 'printf "#!/bin/sh\n[ \"\$1\" != bound ] || echo \"got \$ip \$subnet \$router \$dns\"\n" >/tmp/dhcp.sh; chmod 0755 /tmp/dhcp.sh
		udhcpc -i '"${2:-eth0}"' -f -n -q -t 5 -T 2 -s /tmp/dhcp.sh 2>/dev/null' | sed -n 's/^got //p'
}

@test "a guest that asks gets the planned address, the gateway and a name server" {
	ok network create dh0 --ipv4 10.203.0.1/24 --set dhcp=yes
	up a --network dh0
	up b --network dh0
	local a4 b4
	a4=$(ip4 a) b4=$(ip4 b)
	run asked_dhcp a
	[[ $output == "$a4 255.255.255.0 10.203.0.1 "* ]] || { ran="udhcpc in a, who has $a4"; stderr=; show_run; }
	run asked_dhcp b
	[[ $output == "$b4 255.255.255.0 10.203.0.1 "* ]] || { ran="udhcpc in b, who has $b4"; stderr=; show_run; }
	same "$(dnsmasqs | wc -l)" 1
	# one that lost everything comes back by asking
	ok exec a -- ip addr flush dev eth0
	run asked_dhcp a
	[[ $output == "$a4 "* ]] || { ran="udhcpc in a, who had $a4"; stderr=; show_run; }
}

@test "a fixed address is what DHCP gives, too" {
	ok network create dh1 --ipv4 10.204.0.1/24 --set dhcp=yes
	up a --network "dh1 ip=10.204.0.99"
	run asked_dhcp a
	[[ $output == "10.204.0.99 "* ]] || { ran=udhcpc; stderr=; show_run; }
}

@test "dnsmasq comes back after it was killed, goes with its network, and is not there without dhcp" {
	ok network create dh2 --set dhcp=yes
	up a --network dh2
	local p
	p=$(dnsmasqs)
	[ -n "$p" ]
	kill -KILL "$p"
	until_ok 5 eval "! kill -0 $p 2>/dev/null"
	up b --network dh2
	[ -n "$(dnsmasqs)" ]
	run asked_dhcp a
	[[ $output == "$(ip4 a) "* ]] || { ran=udhcpc; stderr=; show_run; }
	ok delete --force --purge a b
	ok network delete dh2
	until_ok 5 eval '[ -z "$(dnsmasqs)" ]'
	up c
	[ -z "$(dnsmasqs)" ]
}

@test "no dnsmasq on the host: three lines that name it" {
	ok network create dh4 --set dhcp=yes
	mkdir -p "$T_TMP/nothing"
	run --separate-stderr unshare -m --propagation private sh -c 'mount --bind "$1" "$(dirname "$(readlink -f "$2")")" && exec "$3" launch --network dh4 bb a -- /bin/sleep 100' \
		sh "$T_TMP/nothing" "$(command -v dnsmasq)" "$COPPICE" 3>&- 4>&-
	ran="launch without dnsmasq"
	[ "$status" = 6 ] || show_run
	three_lines
	err_has dnsmasq
	no_traces
	ok delete --if-exists --force --purge a
}
