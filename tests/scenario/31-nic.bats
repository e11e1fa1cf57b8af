#!/usr/bin/env bats
# Interfaces as lxc.net describes them, on a bridge and devices that the test makes in its own network namespace. A failed start leaves nothing; a stop gives back what was
# taken.
load ../lib/common

setup() {
	# tests may replace it
	ip link show br0 >/dev/null 2>&1 || {
		ip link add br0 type bridge
		ip address add 10.3.0.1/24 dev br0
		ip address add fd00:3::1/64 dev br0 nodad
		ip link set br0 up
	}
	links >"$T_TMP/links.before"
}

teardown() {
	all_gone
	ip link del br0 2>/dev/null || true
}

# Names, masters and addresses of the devices of this namespace: what a container could leave behind.
links() { ip -j link | jq -r '.[] | "\(.ifname) \(.master // "-") \(.mtu) \(if .linkinfo.info_kind == "bridge" then "-" else .address end)"' | grep -v '^br0 ' | sort; }
clean() {
	links >"$T_TMP/links.after"
	diff "$T_TMP/links.before" "$T_TMP/links.after"
}
# A container with config lines: net_up NAME LINE...
net_up() {
	local name=$1
	shift
	printf '%s\n' "$@" >"$T_TMP/$name.conf"
	up "$name" --config "$T_TMP/$name.conf"
}
# A start of such a container that must fail: net_fails CODE WORDS LINE...
net_fails() {
	local code=$1 words=$2
	shift 2
	printf '%s\n' "$@" >"$T_TMP/bad.conf"
	ok create bb bad --config "$T_TMP/bad.conf" -- /bin/sleep 1000
	fails "$code" start bad
	err_has "$words"
	is_state bad stopped
	clean
	ok delete --purge bad
}
inside() { ok exec "$1" -- /bin/sh -c "$2"; }
reaches() { until_ok 5 c exec "$1" -- /bin/ping -c 1 -W 1 "$2"; }

@test "veth: static addresses reach the bridge, IPv4 and IPv6" {
	net_up v1 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.0.flags = up' 'lxc.net.0.ipv4.address = 10.3.0.2/24' 'lxc.net.0.ipv4.gateway = auto' \
		'lxc.net.0.ipv6.address = fd00:3::2/64' 'lxc.net.0.ipv6.gateway = auto' 'lxc.net.0.hwaddr = 02:00:00:00:03:xx' 'lxc.net.0.veth.pair = host0' 'lxc.net.0.mtu = 1400'
	reaches v1 10.3.0.1
	reaches v1 fd00:3::1
	inside v1 'ip route; ip -6 route; ip link show eth0'
	has 'default via 10.3.0.1 dev eth0'
	has 'default via fd00:3::1 dev eth0'
	has 'mtu 1400'
	has '02:00:00:00:03:'
	same "$(ip -j link show host0 | jq -r '.[0].master')" br0
	ok list -f json v1
	same "$(json '.containers[0].addresses')" 'eth0=10.3.0.2,fd00:3::2'
	ok show -f json v1
	[ "$(json '.containers[0].rx_bytes')" -gt 0 ]
	[ "$(json '.containers[0].tx_bytes')" -gt 0 ]
	ok show v1
	has 'network   eth0 10.3.0.2, fd00:3::2 · received '
	ok stop --kill v1
	clean
	ok list -f json v1
	same "$(jq -r '.containers[0].addresses' <<<"$output")" null
}

@test "two interfaces, of which one has another name and is down" {
	net_up v2 'lxc.net.3.type = veth' 'lxc.net.3.link = br0' 'lxc.net.3.flags = up' 'lxc.net.3.ipv4.address = 10.3.0.3/24' \
		'lxc.net.7.type = veth' 'lxc.net.7.name = lan' 'lxc.net.7.ipv4.address = 10.9.0.3/24'
	reaches v2 10.3.0.1
	inside v2 'ip -o -4 addr; cat /sys/class/net/lan/operstate; ls /sys/class/net'
	has 'eth0    inet 10.3.0.3/24'
	has 'lan    inet 10.9.0.3/24'
	hasnt 'eth1'
	ok list -f json v2
	same "$(json '.containers[0].addresses')" 'eth0=10.3.0.3 lan=10.9.0.3'
	# names and addresses stay over a restart
	ok restart --kill v2
	reaches v2 10.3.0.1
	ok stop --kill v2
	clean
}

@test "a privileged container, and one on an overlay" {
	net_up pr1 'coppice.privileged = 1' 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.0.flags = up' 'lxc.net.0.ipv4.address = 10.3.0.21/24'
	reaches pr1 10.3.0.1
	printf '%s\n' 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.0.flags = up' 'lxc.net.0.ipv4.address = 10.3.0.22/24' >"$T_TMP/ov1.conf"
	up ov1 --mode overlay --config "$T_TMP/ov1.conf"
	reaches ov1 10.3.0.21
	ok stop --kill pr1 ov1
	clean
}

@test "a container that starts again by itself has its interface again" {
	net_up a1 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.0.flags = up' 'lxc.net.0.ipv4.address = 10.3.0.9/24' 'lxc.net.0.veth.pair = again0' \
		'coppice.restart = always'
	local init
	init=$(init_of a1)
	reaches a1 10.3.0.1
	kill -9 "$init"
	again() { local now; now=$(init_of a1) && [ "$now" != null ] && [ "$now" != "$init" ] && is_state a1 running; }
	until_ok 10 again
	reaches a1 10.3.0.1
	same "$(ip -j link show again0 | jq -r '.[0].master')" br0
	ok stop --kill a1
	clean
}

@test "the keys before LXC 2.1 make the same" {
	net_up v3 'lxc.network.type = veth' 'lxc.network.link = br0' 'lxc.network.flags = up' 'lxc.network.name = eth9' 'lxc.network.ipv4 = 10.3.0.4/24' 'lxc.network.mtu = 1450'
	reaches v3 10.3.0.1
	inside v3 'ip link show eth9'
	has 'mtu 1450'
	ok stop --kill v3
	clean
}

@test "macvlan: a device of its own on the parent, which comes to an end with the container" {
	ip link add up0 type veth peer name up1
	ip link set up0 up
	ip link set up1 up
	ip address add 10.5.0.1/24 dev up1
	links >"$T_TMP/links.before"
	net_up m1 'lxc.net.0.type = macvlan' 'lxc.net.0.macvlan.mode = bridge' 'lxc.net.0.link = up0' 'lxc.net.0.flags = up' 'lxc.net.0.ipv4.address = 10.5.0.2/24'
	reaches m1 10.5.0.1
	ok stop --kill m1
	clean
	ok start m1
	ok stop --kill m1
	ip link del up0
}

@test "veth in mode router: the host routes to the container" {
	net_up r1 'lxc.net.0.type = veth' 'lxc.net.0.veth.mode = router' 'lxc.net.0.flags = up' 'lxc.net.0.ipv4.address = 10.6.0.2/32' 'lxc.net.0.ipv4.gateway = auto' \
		'lxc.net.0.veth.ipv4.route = 10.60.0.0/24' 'lxc.net.0.veth.pair = routed0'
	reaches r1 10.3.0.1
	until_ok 5 ping -c 1 -W 1 10.6.0.2
	same "$(ip route show 10.60.0.0/24 | cut -d' ' -f1-3)" '10.60.0.0/24 dev routed0'
	ok stop --kill r1
	clean
	[ -z "$(ip route show 10.60.0.0/24)$(ip route show 10.6.0.2)" ]
}

@test "phys: taken by its name, and given back under it, also after the monitor was killed" {
	ip link add phys0 type veth peer name phys1
	ip link set phys1 up
	ip address add 10.7.0.1/24 dev phys1
	links >"$T_TMP/links.before"
	net_up p1 'lxc.net.0.type = phys' 'lxc.net.0.link = phys0' 'lxc.net.0.name = wan' 'lxc.net.0.flags = up' 'lxc.net.0.ipv4.address = 10.7.0.2/24'
	reaches p1 10.7.0.1
	! ip link show phys0 2>/dev/null || return 1
	ok stop --kill p1
	clean
	ok start p1
	kill -9 "$(monitor_of p1)"
	reaches p1 10.7.0.1
	ok stop --kill p1
	clean
	# the program ends by itself
	ok start p1
	kill -9 "$(init_of p1)"
	until_ok 10 is_state p1 stopped
	clean
	ip link del phys0
}

@test "a killed monitor leaves no host side behind when the container is stopped" {
	net_up k1 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.0.veth.pair = kept0' 'lxc.net.0.ipv4.address = 10.3.0.5/24' 'lxc.net.0.flags = up'
	kill -9 "$(monitor_of k1)"
	ok stop --kill k1
	clean
	# container and monitor both: the next start cleans up, and the name is free for it
	ok start k1
	local init monitor
	init=$(init_of k1) monitor=$(monitor_of k1)
	kill -9 "$monitor" "$init"
	until_ok 10 is_state k1 stopped
	ok start k1
	reaches k1 10.3.0.1
	ok stop --kill k1
	clean
}

@test "what cannot be made is told, and nothing is left" {
	ip link add bare0 type bridge
	links >"$T_TMP/links.before"
	net_fails 3 "nic: bridge 'br9' of 'eth0' does not exist" 'lxc.net.0.type = veth' 'lxc.net.0.link = br9' 'lxc.net.0.flags = up'
	net_fails 4 "nic: 'lo', the link of 'eth0', is not a bridge" 'lxc.net.0.type = veth' 'lxc.net.0.link = lo' 'lxc.net.0.flags = up'
	net_fails 3 "nic: link 'up9' of 'eth0' does not exist" 'lxc.net.0.type = macvlan' 'lxc.net.0.link = up9'
	net_fails 3 "nic: link 'eth77' of 'eth77' does not exist" 'lxc.net.0.type = phys' 'lxc.net.0.link = eth77'
	net_fails 3 "lxc.net.0.ipv4.gateway = 'auto': there is no network device 'br9'" 'lxc.net.0.type = veth' 'lxc.net.0.link = br9' 'lxc.net.0.ipv4.gateway = auto'
	net_fails 4 "lxc.net.0.ipv6.gateway = 'auto': 'bare0' has no IPv6 address" 'lxc.net.0.type = veth' 'lxc.net.0.link = bare0' 'lxc.net.0.ipv6.gateway = auto'
	# the second interface fails: the first goes too
	net_fails 3 "nic: bridge 'br9' of 'eth1' does not exist" 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.1.type = veth' 'lxc.net.1.link = br9'
	# an MTU below IPv6's with an IPv6 address, a name of a host side that is taken
	net_fails 1 "nic_address: add fd00:3::9/64 to 'eth0'" 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.0.flags = up' 'lxc.net.0.mtu = 100' \
		'lxc.net.0.ipv6.address = fd00:3::9/64'
	net_fails 4 "nic: there is an interface 'br0' on this host already" 'lxc.net.0.type = veth' 'lxc.net.0.link = br0' 'lxc.net.0.veth.pair = br0'
	ip link del bare0
}

@test "a bad value is told with its line before anything is made" {
	printf 'lxc.net.0.type = veth\nlxc.net.0.mtu = 12\n' >"$T_TMP/bad.conf"
	fails 2 create bb bad --config "$T_TMP/bad.conf" -- /bin/true
	err_has "lxc.net.0.mtu = '12': out of range (allowed: 68 to 65535)"
	ok list -q
	hasnt bad
}

@test "new containers: the default network, --network, COPPICE_NETWORK; a dry run tells the steps" {
	COPPICE_NETWORK=empty ok create bb d1 -- /bin/true
	ok config show d1
	hasnt 'coppice.network'
	hasnt 'lxc.net'
	ok create bb d2 --network none -- /bin/true
	ok config show d2
	has 'lxc.net.0.type = none'
	ok create bb d3 --set lxc.net.0.type=veth --set lxc.net.0.link=br0 -- /bin/true
	ok start --dry-run d3
	has 'net_begin helper='
	has 'nic type=veth name=eth0 link=br0 peer=cp'
	COPPICE_NETWORK=none ok create bb d4 -- /bin/true
	ok config show d4
	has 'lxc.net.0.type = none'
	COPPICE_NETWORK=none ok create bb d5 --network empty -- /bin/true
	ok config show d5
	has 'lxc.net.0.type = empty'
	hasnt 'none'
}
