#!/usr/bin/env bats
# A device of the host becomes a port of a bridge without losing the host's addresses, and containers that use such bridges and devices by lxc.net keys.
load ../lib/common
load ../lib/netlab

setup() {
	needs network
	lab_up
}
teardown() {
	nets_gone
	ip link del br0 2>/dev/null || true
	lab_down
}

# What the host has on a device: addresses, routes, hardware address
shape() {
	ip -j addr show dev "$1" | jq -c '[.[].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort'
	ip -j route show dev "$1" | jq -c '[.[] | "\(.dst) \(.gateway // "")"] | sort'
	ip -6 -j route show dev "$1" | jq -c '[.[] | select(.dst | startswith("fe80") or startswith("ff") or . == "multicast" | not) | "\(.dst) \(.gateway // "")"] | sort'
	ip -j link show dev "$1" | jq -r '.[0].address'
}

both_ways() {
	asks tcp $INET4 80
	is "inet 80 $HOST4"
	asks tcp $INET6 80
	is "inet 80 $HOST6"
	asks in_inet tcp $HOST4 6000
	is "here 6000 $INET4"
	asks in_inet tcp $HOST6 6000
}

@test "moved for good, and at once: addresses, routes, hardware address, open connections" {
	lab_serve "" here 6000
	both_ways
	local before
	before=$(shape wan0)
	coproc HOLD { in_inet "$TOOLS/peer" hold $HOST4 6000 3>&- 4>&-; }
	local to=${HOLD[1]} from=${HOLD[0]} pid=$HOLD_PID byte
	echo x >&"$to"
	read -r -t 10 byte <&"$from"
	same "$byte" =
	ok network bridge-host wan0 --confirm 0
	# what makes it last, for the three that manage networks
	has br0
	has wan0
	[[ $output == *"/etc/network/interfaces"* || $output == *"iface br0"* ]] || show_run
	has "[Bridge]" || has "Kind=bridge"
	same "$(shape br0)" "$before"
	same "$(ip -j addr show dev wan0 | jq '[.[].addr_info[] | select(.scope == "global")] | length')" 0
	same "$(ip -j link show dev wan0 | jq -r '.[0].master')" br0
	echo y >&"$to"
	read -r -t 10 byte <&"$from"
	same "$byte" y
	exec {to}>&-
	wait "$pid"
	both_ways
}

@test "not confirmed: it goes back by itself" {
	lab_serve "" here 6000
	local before
	before=$(shape wan0)
	ok network bridge-host wan0 --confirm 2s
	same "$(ip -j link show dev wan0 | jq -r '.[0].master')" br0
	until_ok 20 eval '! ip link show br0'
	until_ok 5 eval '[ "$(shape wan0)" = "$before" ]' || same "$(shape wan0)" "$before"
	both_ways
}

@test "confirmed: it stays" {
	lab_serve "" here 6000
	ok network bridge-host wan0 --bridge br0 --confirm 2s
	ok network confirm br0
	sleep 2.5
	same "$(ip -j link show dev wan0 | jq -r '.[0].master')" br0
	both_ways
	fails 3 network confirm br0 || fails 4 network confirm br0
}

@test "what cannot be bridged is refused and nothing is changed" {
	local before
	before=$(ip -j addr | jq -c '[.[] | [.ifname, .master, [.addr_info[]?.local]]]')
	fails 3 network bridge-host nodev0
	fails 4 network bridge-host lo
	fails 2 network bridge-host wan0 --bridge much-too-long-a-name
	fails 2 network bridge-host wan0 --bridge 'a b'
	fails 2 network bridge-host wan0 --confirm yesterday
	same "$(ip -j addr | jq -c '[.[] | [.ifname, .master, [.addr_info[]?.local]]]')" "$before"
	ip link add br0 type bridge
	run --separate-stderr c network bridge-host wan0 --bridge wan0
	[ "$status" = 2 ] || [ "$status" = 4 ] || show_run
	ok network bridge-host wan0 --bridge br1 --confirm 0
	# a port already
	run --separate-stderr c network bridge-host wan0 --bridge br2
	[ "$status" = 4 ] || [ "$status" = 2 ] || show_run
	three_lines
	run ! ip link show br2
	ip link del br1
	ip link del br0
}

@test "killed in the middle at random moments: the host is reached all the same, when the time for confirming is over at the latest" {
	lab_serve "" here 6000
	local i before
	before=$(shape wan0)
	for i in 1 2 3 4 5 6; do
		timeout -s KILL "$(printf '0.%06d' $((RANDOM * 20 / 32 + 1)))" "$COPPICE" network bridge-host wan0 --confirm 1s >/dev/null 2>&1 </dev/null 3>&- 4>&- || true
		until_ok 20 eval '[ "$(shape wan0)" = "$before" ]'
		until_ok 10 eval '! ip link show br0'
		both_ways
	done
}

@test "a container on the host's own bridge, by lxc.net keys: a neighbour of the router" {
	lab_serve "" here 6000
	ok network bridge-host wan0 --confirm 0
	up a --set lxc.net.0.type=veth --set lxc.net.0.link=br0 --set lxc.net.0.flags=up --set lxc.net.0.name=lan0 --set lxc.net.0.hwaddr=00:16:3e:11:22:33 \
		--set lxc.net.0.ipv4.address=192.0.2.50/24 --set lxc.net.0.ipv4.gateway=192.0.2.1 --set lxc.net.0.ipv6.address=2001:db8:1::50/64 --set lxc.net.0.veth.pair=vetha
	same "$(ip4 a lan0) $(ip6 a lan0) $(mac a lan0)" "192.0.2.50 2001:db8:1::50 00:16:3e:11:22:33"
	same "$(ip -j link show vetha | jq -r '.[0].master')" br0
	asks inside a tcp $INET4 80
	is "inet 80 192.0.2.50"
	in_router ping -c 1 -W 5 192.0.2.50
	asks inside a tcp $HOST4 6000
	is "here 6000 192.0.2.50"
	ok stop --kill a
	run ! ip link show vetha
}

@test "the keys of the first recipe: lxc.network.*" {
	ip link add br0 type bridge
	ip addr add 192.168.77.1/24 dev br0
	ip link set br0 up
	printf '%s\n' 'lxc.network.type = veth' 'lxc.network.name = eth0' 'lxc.network.link = br0' 'lxc.network.flags = up' 'lxc.network.mtu = 1500' \
		'lxc.network.ipv4 = 192.168.77.2/24' >"$T_TMP/net.conf"
	up a --config "$T_TMP/net.conf"
	same "$(ip4 a)" 192.168.77.2
	reaches a 192.168.77.1
}

@test "macvlan: beside the host on the wire" {
	up a --set lxc.net.0.type=macvlan --set lxc.net.0.link=wan0 --set lxc.net.0.macvlan.mode=bridge --set lxc.net.0.flags=up --set lxc.net.0.ipv4.address=192.0.2.60/24 \
		--set lxc.net.0.ipv4.gateway=192.0.2.1
	asks inside a tcp $INET4 80
	is "inet 80 192.0.2.60"
	ok stop --kill a
}

@test "a device of the host goes in and comes back under its name, killed or not" {
	ip link add spare0 type veth peer name spare1
	up a --set lxc.net.0.type=phys --set lxc.net.0.link=spare0 --set lxc.net.0.name=eth5 --set lxc.net.0.flags=up --set lxc.net.0.ipv4.address=10.77.0.2/24
	run ! ip link show spare0
	same "$(ip4 a eth5)" 10.77.0.2
	ok stop --kill a
	until_ok 5 ip link show spare0
	ok start a
	kill -KILL "$(init_of a)"
	until_ok 10 ip link show spare0
	ok delete --force --purge a
	ip link show spare0
	ip link del spare0
}
