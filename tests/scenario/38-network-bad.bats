#!/usr/bin/env bats
# Bad input to everything about networks: one clear error of three lines, the documented exit code, nothing left.
load ../lib/common
load ../lib/netlab

setup() {
	needs network
	before=$(traces)
}
teardown() {
	nets_gone
}

# Devices, rules and files of networks as they are now
traces() {
	ip -j link | jq -r '.[].ifname' | sort
	nft list tables
	find "$T_ROOT/networks" "$T_ROOT/run" 2>/dev/null | grep -v -e '/.locks' -e '/.run$' -e '/run$' -e '/networks$' -e '/.networks$' -e '/.starting$' -e '/.lock$' | sort
}
unchanged() { same "$(traces)" "$before"; }

# refused_net SETTING...: creating a network with these settings is a usage error
refused_net() {
	fails 2 network create bad0 "$@"
	[ ! -e "$T_ROOT/networks/bad0" ] || { find "$T_ROOT/networks"; return 1; }
	run ! ip link show bad0
}

@test "names of networks" {
	local n
	for n in '' . .. a/b 'a b' -x "$(printf 'x%.0s' {1..16})" "$(printf 'x%.0s' {1..300})" $'a\nb' $'a\e[1m' 'a%d' lo all default 'ä'; do
		run --separate-stderr c network create "$n"
		ran="network create '$n'"
		# 4: the host has a device of that name
		[ "$status" = 2 ] || [ "$n$status" = lo4 ] || show_run
		three_lines
		run --separate-stderr c launch --network "$n" bb b -- /bin/sleep 1
		ran="launch --network '$n'"
		[ "$status" = 2 ] || [ "$status" = 3 ] || show_run
		three_lines
		ok delete --if-exists --purge b
	done
	unchanged
	# the longest that a device may have
	ok network create abcdefghijklmno
	ok network delete abcdefghijklmno
	fails 3 network show nonet0
	fails 3 network edit nonet0 nat=no
	fails 3 network delete nonet0
	fails 2 network delete
	fails 2 network create
	ok network create twice0
	fails 4 network create twice0
}

@test "addresses, prefixes and gateways of networks" {
	local a
	for a in 10.0.0.1 10.0.0.1/33 10.0.0.1/31 10.0.0.1/32 10.0.0.0/24 10.0.0.255/24 256.0.0.1/24 10.0.0.1/-1 10.0.0/24 010.0.0.1/24 10.0.0.1/24x ' 10.0.0.1/24' \
		127.0.0.1/8 224.0.0.1/24 0.0.0.0/0 169.254.0.1x/16 255.255.255.255/24 fd00::1/64 banana 10.0.0.1/24/24 1.2.3.4.5/8; do
		refused_net --ipv4 "$a"
	done
	for a in fd00::1 fd00::1/129 fd00::1/127 fd00::1/128 fd00::/64 ::1/128 ::/0 ff02::1/64 fd00:::1/64 fd00::1::2/64 fg00::1/64 10.0.0.1/24 fe80::1%eth0/64 fd00::1/64%0 banana; do
		refused_net --ipv6 "$a"
	done
	refused_net --ipv4 none --ipv6 none --set nat=yes
	unchanged
}

@test "other settings of networks" {
	local s
	for s in mtu=67 mtu=0x500 mtu=65536 mtu=-1 mtu=big mtu=1200.5 nat=maybe isolated=2x guard= dhcp=perhaps dns=nowhere dns=10.0.0.300 dns=fd00::x \
		'domain=a b' domain=-x "domain=$(printf 'x%.0s' {1..64})" $'domain=a\nb' colour=red =1 nat 'bridge=a/b' "bridge=$(printf 'x%.0s' {1..16})"; do
		refused_net --set "$s"
	done
	refused_net --ipv4 none --set dhcp=yes
	# IPv6 needs 1280
	refused_net --set mtu=1200
	unchanged
	ok network create ok0
	fails 2 network edit ok0 mtu=1
	fails 2 network edit ok0 ipv4=10.0.0.0/24
	fails 2 network edit ok0 colour=red
	fails 2 network edit ok0
	ok network show ok0
}

@test "networks that overlap with each other are refused, with a route of the host it is told" {
	ok network create one0 --ipv4 10.220.0.1/16 --ipv6 fd00:220::1/64
	fails 4 network create two0 --ipv4 10.220.5.1/24
	err_has one0
	fails 4 network create two0 --ipv6 fd00:220::2/48
	run ! test -e "$T_ROOT/networks/two0"
	ip link add host9 type veth peer name host8
	ip link set host8 up
	ip link set host9 up
	ip addr add 10.221.0.9/24 dev host9
	ok network create two0 --ipv4 10.221.0.1/16
	err_has 10.221.0.0/24
	# what is drawn stays away from it
	ip addr add 10.0.0.1/9 dev host9
	ok network create three0
	same "$(c -f json network show three0 | jq -r '.. | .ipv4? // empty' | head -n 1 | cut -d. -f1,2 | awk -F. '$1 == 10 && $2 < 128')" ""
	ip link del host9
}

@test "what is said of an interface on a network" {
	ok network create n0 --ipv4 10.222.0.1/24 --ipv6 fd00:222::1/64
	local w
	for w in 'n0 ip=10.222.1.5' 'n0 ip=10.222.0.1' 'n0 ip=10.222.0.0' 'n0 ip=10.222.0.255' 'n0 ip=10.222.0.300' 'n0 ip=fd00:222::5' 'n0 ip=' 'n0 ip6=fd00:223::5' 'n0 ip6=10.222.0.5' \
		'n0 ip6=fd00:222::1' 'n0 mac=00:16:3e:xx:xx:zz' 'n0 mac=01:16:3e:00:00:01' 'n0 mac=ff:ff:ff:ff:ff:ff' 'n0 mac=00:00:00:00:00:00' 'n0 mac=1:2:3' 'n0 name=lo' \
		"n0 name=$(printf 'x%.0s' {1..16})" 'n0 name=a/b' 'n0 in=fast' 'n0 in=-1M' 'n0 out=0x10' 'n0 colour=red' 'n0 isolated=maybe' 'n0 ip=10.222.0.5 ip=10.222.0.6'; do
		run --separate-stderr c launch --network "$w" bb b -- /bin/sleep 1
		ran="launch --network '$w'"
		# 4: the address is the gateway's
		[ "$status" = 2 ] || [[ $status = 4 && $stderr == *gateway* ]] || show_run
		three_lines
		ok delete --if-exists --force --purge b
		no_traces
	done
	run --separate-stderr c launch --network 'n0 name=x' --network 'n0 name=x' bb b -- /bin/sleep 1
	[ "$status" = 2 ] || show_run
	three_lines
	fails 3 launch --network nonet0 bb b2 -- /bin/sleep 1
	err_has nonet0
}

@test "a MAC or an address that another has" {
	ok network create n0 --ipv4 10.222.0.1/24
	up a --network 'n0 ip=10.222.0.9 mac=00:16:3e:00:00:09'
	fails 4 launch --network 'n0 ip=10.222.0.9' bb b -- /bin/sleep 1
	err_has 10.222.0.9
	ok delete --if-exists --force --purge b
	fails 4 launch --network 'n0 mac=00:16:3e:00:00:09' bb b -- /bin/sleep 1
	ok delete --if-exists --force --purge b
	same "$(ip4 a)" 10.222.0.9
}

@test "keys of LXC: devices that are missing, that are none, addresses and numbers that are none" {
	local kv
	for kv in type=bogus mtu=1 mtu=x hwaddr=zz hwaddr=00:16:3e:00:00 ipv4.address=10.0.0.300 ipv4.address=10.0.0.1/40 ipv6.address=fd00::/200 ipv4.gateway=here \
		"link=$(printf 'x%.0s' {1..16})" name=a/b macvlan.mode=friendly vlan.id=4095 vlan.id=x veth.mode=drive; do
		run --separate-stderr c create --set lxc.net.0.type=veth --set "lxc.net.0.$kv" bb b
		ran="create --set lxc.net.0.$kv"
		[ "$status" = 2 ] || show_run
		three_lines
		run ! test -e "$T_ROOT/containers/b"
	done
	# a bridge that is missing, and a device that is no bridge
	ip link add plain0 type veth peer name plain1
	for kv in nobr0 plain0; do
		ok create --set lxc.net.0.type=veth --set lxc.net.0.link=$kv --set lxc.net.0.flags=up bb b -- /bin/sleep 1
		run --separate-stderr c start b
		ran="start on $kv"
		[ "$status" != 0 ] || show_run
		three_lines
		err_has "$kv"
		is_state b stopped
		ok delete --purge b
		same "$(ip -j link | jq -r '.[].ifname' | sort | xargs)" "lo plain0 plain1"
	done
	for kv in macvlan phys vlan ipvlan; do
		# shellcheck disable=SC2046
		ok create --set lxc.net.0.type=$kv --set lxc.net.0.link=nodev0 $([ $kv != vlan ] || echo --set lxc.net.0.vlan.id=7) bb b -- /bin/sleep 1
		run --separate-stderr c start b
		ran="start $kv on a device that is missing"
		[ "$status" != 0 ] || show_run
		three_lines
		ok delete --purge b
	done
	ip link del plain0
	# a name that the host has already
	ip link add taken0 type veth peer name taken1
	ip link add br7 type bridge
	ok create --set lxc.net.0.type=veth --set lxc.net.0.link=br7 --set lxc.net.0.veth.pair=taken0 bb b -- /bin/sleep 1
	run --separate-stderr c start b
	[ "$status" != 0 ] || show_run
	three_lines
	err_has taken0
	ip link del taken0
	ip link del br7
	ok delete --purge b
}

@test "the name of the network is taken by a device that is no bridge" {
	ip link add coppice0 type veth peer name other1
	run --separate-stderr c launch bb a -- /bin/sleep 1
	ran="launch with a veth called coppice0"
	[ "$status" != 0 ] || show_run
	three_lines
	err_has coppice0
	ip link show coppice0
	ip link del coppice0
	ok delete --if-exists --force --purge a
}

@test "no helper programs: the error says so, and says how to go without" {
	local d=$T_TMP/bin p
	mkdir "$d"
	for p in coppice coppice-init coppice-filter coppice-image coppice-net; do
		ln "$COPPICE_BUILD/$p" "$d/$p" 2>/dev/null || cp "$COPPICE_BUILD/$p" "$d/$p"
	done
	ok network create h0
	COPPICE=$d/coppice fails 6 launch --network h0 bb a -- /bin/sleep 1
	err_has coppice-nft
	rm "$d/coppice-net"
	COPPICE=$d/coppice fails 6 launch bb a2 -- /bin/sleep 1
	err_has coppice-n
	COPPICE=$d/coppice ok launch --network empty bb a3 -- /bin/sleep 100000
	ok delete --if-exists --force --purge a a2 a3
	no_traces
	rm -r "$d"
}

@test "damaged files of a network: told, not guessed" {
	ok network create d0
	up a --network d0
	ok stop --kill a
	cp "$T_ROOT/networks/d0/config" "$T_TMP/config"
	printf 'ipv4 = 10.0.0.0.0/8\n' >"$T_ROOT/networks/d0/config"
	run --separate-stderr c start a
	[ "$status" != 0 ] || show_run
	three_lines
	head -c 600 /dev/urandom >"$T_ROOT/networks/d0/config"
	run --separate-stderr c network show d0
	[ "$status" != 0 ] || show_run
	three_lines
	run --separate-stderr c network list
	[ "$status" = 0 ] || three_lines
	cp "$T_TMP/config" "$T_ROOT/networks/d0/config"
	head -c 600 /dev/urandom >"$T_ROOT/networks/d0/leases"
	run --separate-stderr c start a
	[ "$status" = 0 ] || three_lines
	ok delete --force --purge a
	ok network delete d0
}
