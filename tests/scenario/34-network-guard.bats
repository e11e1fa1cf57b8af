#!/usr/bin/env bats
# The guard of managed networks: raw frames from inside a container with somebody else's addresses do not reach a neighbour, right ones do.
load ../lib/common
load ../lib/netlab

setup() { needs network; }
setup_file() { lab_up; }
teardown() { all_gone; }
teardown_file() {
	all_gone
	lab_down
}

# Three containers: a sends, b is the neighbour, v the victim whose addresses are taken. Their addresses in a4 a6 am, b4 ...
three() { # [OPTION...]
	local n
	for n in a b v; do
		up "$n" "$@"
		printf -v "${n}4" %s "$(ip4 $n)"
		printf -v "${n}6" %s "$(ip6 $n)"
		printf -v "${n}m" %s "$(mac $n)"
	done
	g4=$(gate4 "${net:-coppice0}")
	g6=$(gate6 "${net:-coppice0}")
}

# What b hears of a's frames, up to the last one: heard <<< "KIND MARK KEY=VALUE..." lines
heard() {
	local line
	inside b frames listen eth0 20 >"$T_TMP/heard" 2>&1 3>&- 4>&- &
	local listener=$!
	until_ok 10 grep -q ready "$T_TMP/heard"
	# one exec, in order
	{
		while read -r line; do
			[ -z "$line" ] || echo "frames send eth0 $line || exit 1"
		done
		echo "frames send eth0 ip4 end dmac=$bm src=$a4 dst=$b4"
	} >"$T_TMP/frames.sh"
	run c exec a -- sh <"$T_TMP/frames.sh"
	[ "$status" = 0 ] || { ran="sending"; stderr=; show_run; }
	wait "$listener" || { echo "the last frame, a right one, never came:"; cat "$T_TMP/heard"; return 1; }
	output=$(grep -vx 'ready\|end' "$T_TMP/heard" | sort | xargs)
}

@test "right frames arrive" {
	three
	heard <<-F
		ip4 ip4 dmac=$bm src=$a4 dst=$b4
		ip6 ip6 dmac=$bm src=$a6 dst=$b6
		arp arp dmac=$bm src=$a4 dst=$b4
		arp-reply arp-reply dmac=$bm src=$a4 dst=$b4
		ip4 broadcast src=$a4 dst=255.255.255.255
		na na dmac=$bm src=$a6 dst=$b6
	F
	is "arp arp-reply broadcast ip4 ip6 na"
}

@test "another's MAC, IPv4, IPv6: none arrives" {
	three
	heard <<-F
		ip4 mac-made-up smac=00:16:3e:aa:bb:cc dmac=$bm src=$a4 dst=$b4
		ip4 mac-neighbour smac=$vm dmac=$bm src=$a4 dst=$b4
		ip6 mac6 smac=$vm dmac=$bm src=$a6 dst=$b6
		ip4 ip4-neighbour dmac=$bm src=$v4 dst=$b4
		ip4 ip4-gateway dmac=$bm src=$g4 dst=$b4
		ip4 ip4-world dmac=$bm src=203.0.113.9 dst=$b4
		ip4 ip4-both smac=$vm dmac=$bm src=$v4 dst=$b4
		ip4 ip4-zero dmac=$bm src=0.0.0.0 dst=$b4
		ip4 ip4-to-all src=$v4 dst=255.255.255.255
		ip6 ip6-neighbour dmac=$bm src=$v6 dst=$b6
		ip6 ip6-gateway dmac=$bm src=$g6 dst=$b6
		ip6 ip6-world dmac=$bm src=2001:db8:ffff::9 dst=$b6
		ip6 ip6-link-local dmac=$bm src=fe80::1 dst=$b6
		ip6 ip6-to-all dmac=33:33:00:00:00:01 src=$v6 dst=ff02::1
	F
	is ""
}

@test "ARP and neighbour discovery: nobody's addresses but one's own are claimed" {
	three
	heard <<-F
		arp arp-ip src=$v4 dst=$b4 dmac=$bm
		arp arp-gateway src=$g4 dst=$b4
		arp-reply reply-ip src=$v4 dst=$b4 dmac=$bm
		arp-reply reply-gateway src=$g4 dst=$b4 dmac=$bm
		arp-reply reply-mac src=$a4 dst=$b4 dmac=$bm amac=$vm
		arp-reply reply-frame-mac smac=$vm amac=$vm src=$v4 dst=$b4 dmac=$bm
		arp gratuitous src=$v4 dst=$v4
		na na-neighbour dmac=$bm src=$v6 dst=$b6
		na na-gateway dmac=$bm src=$g6 dst=$b6
		ra router dmac=33:33:00:00:00:01 dst=ff02::1
	F
	is ""
	# the victims are still found where they are
	reaches b "$v4"
	reaches b "$v6"
	reaches b "$g4"
}

@test "tags, other ethertypes, the answers of a DHCP server: none arrives" {
	three
	heard <<-F
		vlan vlan dmac=$bm src=$a4 dst=$b4
		qinq qinq dmac=$bm src=$a4 dst=$b4
		vlan vlan-to-all src=$a4 dst=255.255.255.255
		type lldp type=88cc
		type stp type=0026
		type pppoe type=8863
		type made-up type=1234
		dhcp dhcp-server src=$a4 dst=255.255.255.255
	F
	is ""
}

@test "an address that root inside gives itself does not work" {
	three
	ok exec a -- ip addr add "$v4/16" dev eth0
	run inside a ping -c 1 -W 1 -I "$v4" "$b4"
	[ "$status" != 0 ] || show_run
	run inside a ping -c 1 -W 1 -I "$v4" "$g4"
	[ "$status" != 0 ] || show_run
	# what waited for an answer is still asked for with the other's address for a while
	until_ok 10 inside a ping -c 1 -W 1 -I "$a4" "$b4"
	ok exec a -- ip addr del "$v4/16" dev eth0
	ok exec a -- sh -c "ip link set eth0 down; ip link set eth0 address 00:16:3e:aa:bb:cc; ip link set eth0 up"
	run inside a ping -c 1 -W 1 "$b4"
	[ "$status" != 0 ] || show_run
	ok restart --kill a
	reaches a "$b4"
}

@test "another name of the device inside, and a second interface, are guarded too" {
	ok network create second0
	up a --network coppice0 --network second0
	up b --network second0
	local bm b4 a4
	bm=$(mac b) b4=$(ip4 b) a4=$(ip4 a eth1)
	ok exec a -- sh -c "ip link set eth1 down; ip link set eth1 name other; ip link set other up"
	inside b frames listen eth0 20 >"$T_TMP/heard" 2>&1 3>&- 4>&- &
	local listener=$!
	until_ok 10 grep -q ready "$T_TMP/heard"
	ok exec a -- frames send other ip4 spoof dmac="$bm" src=10.1.2.3 dst="$b4"
	ok exec a -- frames send other ip4 end dmac="$bm" src="$a4" dst="$b4"
	wait $listener
	run grep spoof "$T_TMP/heard"
	[ "$status" != 0 ] || show_run
}

@test "guard=no lets everything through" {
	ok network create wild0 --set guard=no
	net=wild0 three --network wild0
	heard <<-F
		ip4 ip4 dmac=$bm src=$v4 dst=$b4
		ip4 mac smac=$vm dmac=$bm src=$a4 dst=$b4
		type made-up type=1234
	F
	is "ip4 mac made-up"
}

groups_heard() { in_netns "$1" awk '/^Ip6InMcastPkts/ { print $2 }' /proc/self/net/dev_snmp6/eth0; }

@test "the groups that one listens to are nobody else's business" {
	local before
	up b
	sleep 1.5 # until the host has told b of its own
	before=$(groups_heard b)
	up a
	in_netns a ip -6 maddr show dev eth0 | grep -q ff02::1:ff
	sleep 1 # they are told when the address is there, and once more
	same "$(groups_heard b)" "$before"
	# and were it not for the guard
	ok network create wild1 --set guard=no
	net=wild1 up c --network wild1
	net=wild1 up d --network wild1
	until_ok 5 eval '[ "$(groups_heard c)" -gt 0 ]'
}

@test "the guard goes with the container" {
	up a
	up b
	[ "$(elements)" -ge 8 ]
	local half
	half=$(elements)
	ok stop --kill a
	same "$(elements)" $((half / 2))
	ok stop --kill b
	no_traces
}
