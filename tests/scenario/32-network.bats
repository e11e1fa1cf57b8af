#!/usr/bin/env bats
# The managed network: made when it is first needed; addresses that stay, names, a way out, neighbours; changes while containers run.
load ../lib/common
load ../lib/netlab

setup() { needs network; }
setup_file() { lab_up; }
teardown() { all_gone; }
teardown_file() {
	all_gone
	lab_down
}

# A Debian system with the programs these tests talk to.
net_base() {
	local list=$T_TMP/net.list
	! c base show net >/dev/null 2>&1 || return 0
	command -v dpkg-query >/dev/null || skip "needs a Debian host"
	needs nginx iperf3 ssh
	{
		dpkg-query -W -f '${Package} ${Essential}\n' | sed -n 's/ yes$//p'
		printf '%s\n' iperf3 nginx-light openssh-server openssh-client iputils-ping
	} >"$list"
	ok base build net --from host --packages "$list"
}

@test "the lab: the host reaches inet both ways, inet knows no other way" {
	asks tcp $INET4 80
	is "inet 80 $HOST4"
	asks tcp $INET6 80
	is "inet 80 $HOST6"
	asks udp $INET4 7001
	is "inet 7001 $HOST4"
	asks udp $INET6 7001
	is "inet 7001 $HOST6"
	no_answer in_inet tcp 10.9.9.9 80
	no_answer tcp $INET4 81
	is refused
}

@test "coppice0 is made when it is first needed, and everything of it is right" {
	run ! ip link show coppice0
	up a
	ok config get a coppice.network
	is coppice0
	local a4 a6
	a4=$(ip4 a)
	a6=$(ip6 a)
	[[ $a4 == 10.* && $a6 == fd* ]] || { echo "$a4 $a6"; return 1; }
	[[ $(mac a) == 00:16:3e:* ]] || mac a
	same "$(in_netns a ip -4 -j route show default | jq -r '.[0].gateway')" "$(gate4)"
	same "$(in_netns a ip -6 -j route show default | jq -r '.[0].gateway')" "$(gate6)"
	# at once: no address is tentative or waits for anybody
	same "$(in_netns a ip -j addr show dev eth0 | jq '[.[].addr_info[] | select(.tentative)] | length')" 0
	same "$(field a state)" running
	ok list
	has "$a4"
	ok show a
	has "$a4"
	has "$a6"
	ok -f json network list
	same "$(json .schema) $(json '.networks[0].name')" "coppice.networks/1 coppice0"
	ok -f json network show coppice0
	same "$(json .schema) $(json '.users[0].container') $(json '.users[0].ipv4')" "coppice.network/1 a $a4"
	ok network show coppice0
	has a
	has "$a4"
	reaches a "$(gate4)"
	reaches a "$(gate6)"
	ok delete --force --purge a
	no_traces
	ok network show coppice0
	hasnt "$a4"
}

# everything that a start could leave: files with size and time, interfaces, rules
traces() {
	find "$T_ROOT" -type f -printf '%p %s %T@\n' | sort
	ip -o link
	nft list ruleset
	pgrep -fa "dnsmasq.*$T_ROOT" || true
}

@test "start --dry-run shows what would be chosen, and changes nothing" {
	c network delete coppice0 >/dev/null 2>&1 || true
	ok create bb dry --port 8081:80 -- /bin/sleep 100000
	ok network create dhcp0 --set dhcp=yes
	ok create bb dry2 --network dhcp0 -- /bin/sleep 100000
	rm -rf "$T_ROOT/cache"
	traces >"$T_TMP/before"
	ok start --dry-run dry
	has "nic type=veth name=eth0"
	has "link=coppice0"
	has 8081
	ok start --dry-run dry2
	local planned ids
	planned=$(grep -oP 'nic_address address=\K10[.0-9]*' <<<"$output")
	ids=$(grep -o 'uid=[0-9]*' <<<"$output" | head -n 1)
	traces | diff "$T_TMP/before" -
	ok start dry2
	same "$(ip4 dry2)" "$planned"
	same "uid=$(awk '$1 == 0 { print $2 }' "/proc/$(init_of dry2)/uid_map")" "$ids"
	# a second one sees the first
	ok start --dry-run dry2
	has "$planned"
	ok start dry
	ok delete --force --purge dry dry2
	ok network delete dhcp0
}

@test "addresses stay: over restart, stop and start, and a container made anew under its old name" {
	up a
	up b
	local a4 a6 am b4
	a4=$(ip4 a) a6=$(ip6 a) am=$(mac a) b4=$(ip4 b)
	[ "$a4" != "$b4" ]
	ok restart --kill a
	same "$(ip4 a) $(ip6 a) $(mac a)" "$a4 $a6 $am"
	ok stop --kill a
	ok start a
	same "$(ip4 a) $(ip6 a) $(mac a)" "$a4 $a6 $am"
	ok delete --force --purge a
	up a
	same "$(ip4 a) $(ip6 a)" "$a4 $a6"
	# from the trash it comes back with what it had
	ok delete --force a
	up c
	ok undelete a
	ok start a
	same "$(ip4 a) $(ip6 a) $(mac a)" "$a4 $a6 $am"
	same "$(ip4 b)" "$b4"
}

@test "names: containers find each other while they run" {
	ok launch host a b -- /bin/sleep 100000
	local b4 b6
	b4=$(ip4 b) b6=$(ip6 b)
	same "$(inside a getent ahostsv4 b | awk '{ print $1; exit }')" "$b4"
	same "$(inside a getent ahostsv6 b | awk '{ print $1; exit }')" "$b6"
	same "$(inside b getent ahostsv4 a | awk '{ print $1; exit }')" "$(ip4 a)"
	ok launch bb c -- /bin/sleep 100000
	run inside c ping -c 1 -W 5 a
	[ "$status" = 0 ] || show_run
	ok stop --kill b
	run inside a getent hosts b
	[ "$status" != 0 ] || show_run
	ok start b
	same "$(inside a getent ahostsv4 b | awk '{ print $1; exit }')" "$b4"
	# one that loses its monitor and its init is not known any more after the next command
	kill -KILL "$(monitor_of b)" "$(init_of b)"
	until_ok 5 is_state b stopped
	ok gc
	run inside a getent hosts b
	[ "$status" != 0 ] || show_run
}

@test "/etc/hosts and /etc/resolv.conf inside" {
	printf 'nameserver 127.0.0.53\nnameserver 198.51.100.2\nsearch example.org\n' >/etc/resolv.conf # of the lab
	ok launch host a -- /bin/sleep 100000
	echo "nameserver $INET4" >/etc/resolv.conf
	ok exec a -- cat /etc/resolv.conf
	has "nameserver 198.51.100.2"
	hasnt 127.0.0.53
	ok exec a -- cat /etc/hosts
	has localhost
	has "$(ip4 a)"
	ok exec a -- getent hosts localhost
	ok network create dns0 --set dns=192.0.2.53
	ok launch --network dns0 host b -- /bin/sleep 100000
	ok exec b -- cat /etc/resolv.conf
	has "nameserver 192.0.2.53"
}

@test "a container that only LXC would call so has an address, and no name to take from others" {
	ok create bb gw -- /bin/sleep 100000
	mv "$T_ROOT/containers/gw" "$T_ROOT/containers/_gateway"
	ok start _gateway
	up a
	asks inside _gateway tcp $INET4 80
	is "inet 80 $HOST4"
	ok exec a -- /bin/cat /etc/hosts
	has "$(ip4 a) a"
	hasnt "$(ip4 _gateway)"
}

@test "the way out: inet sees the host's address, IPv4 and IPv6, TCP, UDP and ping" {
	up a
	asks inside a tcp $INET4 80
	is "inet 80 $HOST4"
	asks inside a tcp $INET6 80
	is "inet 80 $HOST6"
	asks inside a udp $INET4 7001
	is "inet 7001 $HOST4"
	asks inside a udp $INET6 7001
	is "inet 7001 $HOST6"
	reaches a $INET4
	reaches a $INET6
	# larger than the wire, in fragments
	run inside a ping -c 1 -W 5 -s 4000 $INET4
	[ "$status" = 0 ] || show_run
}

@test "who is not asked does not get in: inet cannot reach a container that publishes nothing" {
	serving a 8000
	local a4 a6
	a4=$(ip4 a) a6=$(ip6 a)
	# even with a route
	in_router ip route add "$a4/32" via $HOST4
	in_router ip -6 route add "$a6/128" via $HOST6
	no_answer in_inet tcp "$a4" 8000
	no_answer in_inet udp "$a4" 8000
	no_answer in_inet tcp "$a6" 8000
	in_router ip route del "$a4/32"
	in_router ip -6 route del "$a6/128"
	# the host itself and neighbours do
	asks tcp "$a4" 8000
	is "a 8000 $(gate4)"
	asks tcp "$a6" 8000
	up b
	asks inside b tcp "$a4" 8000
	is "a 8000 $(ip4 b)"
	asks inside b tcp "$a6" 8000
	is "a 8000 $(ip6 b)"
}

@test "isolated containers reach the gateway and the world, not each other" {
	ok network create iso0 --set isolated=yes
	serving a 8000 --network iso0
	serving b 8000 --network iso0
	no_answer inside a tcp "$(ip4 b)" 8000
	no_answer inside a tcp "$(ip6 b)" 8000
	cut_off a "$(ip4 b)"
	reaches a "$(gate4 iso0)"
	asks inside a tcp $INET4 80
	is "inet 80 $HOST4"
	# one interface of a network that is not
	serving c 8000 --network "coppice0 isolated"
	serving d 8000 --network "coppice0 isolated"
	serving e 8000
	no_answer inside c tcp "$(ip4 d)" 8000
	asks inside c tcp "$(ip4 e)" 8000
	asks tcp "$(ip4 c)" 8000
}

@test "two networks do not reach each other" {
	ok network create left0
	ok network create right0 --ipv4 10.201.7.1/24 --ipv6 fd12:3456:789a::1/64
	serving a 8000 --network left0
	serving b 8000 --network right0
	same "$(gate4 right0)" 10.201.7.1
	[[ $(ip4 b) == 10.201.7.* ]] || ip4 b
	[[ $(ip6 b) == fd12:3456:789a::* ]] || ip6 b
	no_answer inside a tcp "$(ip4 b)" 8000
	no_answer inside b tcp "$(ip4 a)" 8000
	no_answer inside a tcp "$(ip6 b)" 8000
	asks inside a tcp $INET4 80
	asks inside b tcp $INET6 80
	# a foot in both
	serving m 8000 --network left0 --network right0
	asks inside a tcp "$(ip4 m eth0)" 8000
	asks inside b tcp "$(ip4 m eth1)" 8000
}

@test "an internal network has no way out" {
	ok network create in0 --set internal=yes
	serving a 8000 --network in0
	serving b 8000 --network in0
	asks inside a tcp "$(ip4 b)" 8000
	no_answer inside a tcp $INET4 80
	no_answer inside a tcp $INET6 80
}

@test "mtu: of the bridge and inside, and frames of that size pass" {
	ok network create small0 --set mtu=1300
	ok network create big0 --set mtu=9000
	ok launch --network small0 bb a b -- /bin/sleep 100000
	ok launch --network big0 bb p q -- /bin/sleep 100000
	same "$(in_netns a ip -j link show eth0 | jq '.[0].mtu') $(ip -j link show small0 | jq '.[0].mtu')" "1300 1300"
	same "$(in_netns p ip -j link show eth0 | jq '.[0].mtu') $(ip -j link show big0 | jq '.[0].mtu')" "9000 9000"
	run inside p ping -c 1 -W 5 -s 8972 "$(ip4 q)"
	[ "$status" = 0 ] || show_run
	run inside a ping -c 1 -W 5 -s 4000 "$(ip4 b)"
	[ "$status" = 0 ] || show_run
	asks inside a tcp $INET4 80
}

@test "addresses of one's choice, and other names for the interface" {
	ok network create pick0 --ipv4 10.202.0.1/24 --ipv6 fd00:202::1/64
	up a --network "pick0 ip=10.202.0.77 ip6=fd00:202::77 mac=00:16:3e:01:02:03 name=lan"
	same "$(ip4 a lan) $(ip6 a lan) $(mac a lan)" "10.202.0.77 fd00:202::77 00:16:3e:01:02:03"
	fails 4 launch --network "pick0 ip=10.202.0.77" bb b -- /bin/sleep 1
	ok delete --if-exists --purge b
	# nobody else gets it while its owner is stopped
	ok stop --kill a
	fails 4 launch --network "pick0 ip=10.202.0.77" bb b -- /bin/sleep 1
	ok delete --if-exists --purge b
	ok network create only6 --ipv4 none --ipv6 fd00:203::1/64
	up s --network only6
	same "$(in_netns s ip -4 -j addr show dev eth0 | jq '[.[].addr_info[]?] | length')" 0
	asks inside s tcp $INET6 80
	is "inet 80 $HOST6"
	ok network create only4 --ipv6 none
	up f --network only4
	asks inside f tcp $INET4 80
	is "inet 80 $HOST4"
	same "$(in_netns f ip -6 -j addr show dev eth0 scope global | jq '[.[].addr_info[]?] | length')" 0
}

@test "--network none, empty, and what the environment says" {
	up a --network empty
	same "$(in_netns a ip -j link | jq length)" 1
	up b --network none
	same "$(readlink "/proc/$(init_of b)/ns/net")" "$(readlink /proc/self/ns/net)"
	COPPICE_NETWORK=empty up c
	same "$(in_netns c ip -j link | jq length)" 1
	ok config get c coppice.network || true
	hasnt coppice0
	up d --set lxc.net.0.type=empty
	same "$(in_netns d ip -j link | jq length)" 1
	COPPICE_NETWORK=empty up e --network coppice0
	reaches e "$(gate4)"
	# a throw-away one
	ok run bb -- /usr/bin/peer ask tcp $INET4 80
	is "inet 80 $HOST4"
}

@test "bandwidth towards the container is limited, roughly" {
	net_base
	needs iperf3 tbf
	listening a
	up_net b "coppice0 in=40M"
	local rate
	rate=$(speed b "$(ip4 a)" -R)
	echo "limited to 40 Mbit/s: $rate" >&3
	[ "$rate" -ge 20 ] && [ "$rate" -le 60 ]
	# the other direction is not held
	rate=$(speed b "$(ip4 a)")
	echo "not limited: $rate" >&3
	[ "$rate" -gt 100 ]
}

@test "bandwidth from the container is limited, roughly" {
	net_base
	needs iperf3
	listening a
	run --separate-stderr c launch --network "coppice0 out=40M" net b -- /bin/sleep 100000
	if [ "$status" = 6 ]; then skip "this kernel cannot limit what comes in: $(sed -n 's/^why: *//p' <<<"$stderr")"; fi
	[ "$status" = 0 ] || show_run
	local rate
	rate=$(speed b "$(ip4 a)")
	echo "limited to 40 Mbit/s: $rate" >&3
	[ "$rate" -ge 20 ] && [ "$rate" -le 60 ]
	rate=$(speed b "$(ip4 a)" -R)
	echo "not limited: $rate" >&3
	[ "$rate" -gt 100 ]
}
listening() {
	ok launch net "$1" -- iperf3 -s
	until_ok 10 eval "c logs $1 | grep -q listening"
}
up_net() { ok launch --network "$2" net "$1" -- /bin/sleep 100000; } # NAME WHAT
# Mbit/s that arrive at the receiver in a second
speed() { # NAME ADDR [OPTION...]
	local name=$1 addr=$2
	shift 2
	inside "$name" iperf3 -c "$addr" -t 1 -J "$@" | jq '.end.sum_received.bits_per_second / 1e6 | floor'
}

@test "nginx in a container answers inet" {
	net_base
	ok launch --port 80:80 net web -- sh -c 'printf "events {}\nhttp { server { listen 80; listen [::]:80; location / { return 200 \"from nginx\\n\"; } } }\n" >/etc/nginx/nginx.conf; exec nginx -g "daemon off;"'
	until_ok 15 eval "in_netns web '$TOOLS/peer' ask tcp 127.0.0.1 80"
	asks in_inet tcp $HOST4 80
	has nginx
	asks in_inet tcp $HOST6 80
	has nginx
}

@test "ssh into a container by its name" {
	net_base
	local d=$T_TMP/ssh
	mkdir -m 0700 "$d"
	ssh-keygen -q -t ed25519 -N '' -f "$d/key"
	ok launch net here there -- /bin/sleep 100000
	ok exec there -- sh -c 'echo "PermitRootLogin prohibit-password" >/etc/ssh/sshd_config; mkdir -p -m 0700 /root/.ssh; mkdir -p /run/sshd'
	ok cp "$d/key.pub" there:/root/.ssh/authorized_keys
	ok exec there -- sh -c 'chmod 0600 /root/.ssh/authorized_keys; chown 0:0 /root/.ssh/authorized_keys; ssh-keygen -A >/dev/null; /usr/sbin/sshd'
	ok exec here -- mkdir -p -m 0700 /root/.ssh
	ok cp "$d/key" here:/root/.ssh/id_ed25519
	ok exec here -- sh -c 'chown 0:0 /root/.ssh/id_ed25519; chmod 0600 /root/.ssh/id_ed25519'
	ok exec here -- ssh -o StrictHostKeyChecking=no -o BatchMode=yes -o ConnectTimeout=10 root@there 'hostname; echo "$SSH_CONNECTION"'
	has there
	[[ $output == *"$(ip4 here)"* || $output == *"$(ip6 here)"* ]] || show_run
	rm -rf "$d"
}

@test "a container that starts again by itself has its address, names and ports again, and nothing twice" {
	ok launch --port 8080:8000 --set coppice.restart=always bb a -- /bin/sh -c 'peer serve a 8000 & sleep 1; exit 3'
	local a4 n
	a4=$(ip4 a)
	until_ok 10 asks in_inet tcp $HOST4 8080
	n=$(elements)
	until_ok 20 eval '[ "$(field a restarts)" -ge 1 ] && is_state a running'
	until_ok 10 asks in_inet tcp $HOST4 8080
	until_ok 10 eval "[ \"\$(ip4 a)\" = $a4 ]"
	until_ok 10 eval "[ \"\$(elements)\" = $n ]"
	ok stop --kill a
	no_traces
}

@test "every mode, privileged or not: names and name servers inside are the network's" {
	local m
	ok launch host n -- /bin/sleep 100000
	for m in overlay ephemeral copy "bind --privileged"; do
		# shellcheck disable=SC2086
		ok launch --mode $m host c -- /bin/sleep 100000
		same "$(inside c getent ahostsv4 n | awk '{ print $1; exit }')" "$(ip4 n)"
		same "$(inside n getent ahostsv4 c | awk '{ print $1; exit }')" "$(ip4 c)"
		same "$(inside c grep -c nameserver /etc/resolv.conf)" 1
		reaches_host c
		ok delete --force --purge c
	done
}
reaches_host() { in_netns "$1" ping -c 1 -W 5 "$(gate4)" >/dev/null; }

@test "one name in two container directories: two addresses" {
	up a
	local a4 other
	a4=$(ip4 a)
	other=$T_TMP/other
	mkdir "$other"
	COPPICE_LXCPATH=$other COPPICE_RUNDIR=$T_TMP/other-run ok create bb a -- /bin/sleep 100000
	COPPICE_LXCPATH=$other COPPICE_RUNDIR=$T_TMP/other-run ok start a
	[ "$(COPPICE_LXCPATH=$other COPPICE_RUNDIR=$T_TMP/other-run ip4 a)" != "$a4" ]
	COPPICE_LXCPATH=$other COPPICE_RUNDIR=$T_TMP/other-run ok delete --force --purge a
	same "$(ip4 a)" "$a4"
	reaches a "$(gate4)"
	rm -rf "$other" "$T_TMP/other-run"
}

@test "gc of one container directory leaves another's alone" {
	serving a 8000 --port 8080:8000
	local other=$T_TMP/other
	mkdir "$other"
	COPPICE_LXCPATH=$other ok create --port 8081:8000 bb o -- /usr/bin/peer serve o 8000
	COPPICE_LXCPATH=$other ok start o
	until_ok 10 asks in_inet tcp $HOST4 8081
	local n
	n=$(elements)
	ok gc
	same "$(elements)" "$n"
	asks in_inet tcp $HOST4 8081
	is "o 8000 $INET4"
	nft flush ruleset
	up b
	asks in_inet tcp $HOST4 8081
	is "o 8000 $INET4"
	COPPICE_LXCPATH=$other ok delete --force --purge o
	rm -rf "$other"
}

@test "attach and detach while it runs, and it stays in the config" {
	ok network create add0
	up a
	up b --network add0
	ok network attach a add0 --nic eth7
	reaches a "$(ip4 b)"
	local a4
	a4=$(ip4 a eth7)
	ok network show add0
	has "$a4"
	ok config get a coppice.network
	has add0
	ok restart --kill a
	same "$(ip4 a eth7)" "$a4"
	ok network detach a eth7
	run in_netns a ip link show eth7
	[ "$status" != 0 ] || show_run
	ok config get a coppice.network
	hasnt add0
	same "$(ip -j link show master add0 | jq length)" 1
	reaches a "$(gate4)"
	# a stopped one gets it at its start
	ok stop --kill a
	ok network attach a add0
	ok start a
	reaches a "$(ip4 b)"
	fails 3 network detach a eth9
	fails 3 network attach a nonet0
	fails 3 network attach nobody add0
	ok restart --kill a
	ok network detach a "$(in_netns a ip -j -4 addr | jq -r --arg p "$(ip4 b | cut -d. -f1-2)." '.[] | select(.addr_info[]?.local | startswith($p)) | .ifname')"
	ok exec a -- /bin/true
}

@test "a network in use is not deleted; edits reach what runs" {
	ok network create use0 --ipv4 10.210.0.1/24
	up a --network use0
	fails 4 network delete use0
	ok network edit use0 nat=no
	# without NAT the answers have no way back
	no_answer inside a tcp $INET4 80
	ok network edit use0 nat=yes
	asks inside a tcp $INET4 80
	ok delete --force --purge a
	ok network delete use0
	run ip link show use0
	[ "$status" != 0 ] || show_run
	fails 3 network show use0
	ok network delete --if-exists use0
}

@test "a firewall that drops what is forwarded, as docker and firewalld bring it, does not cut containers off" {
	nft -f - <<-'N'
		table ip filter {
			chain DOCKER-USER { }
			chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
		}
		table ip6 filter {
			chain DOCKER-USER { }
			chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
		}
	N
	through a coppice0
	# of a network that is made while they are there
	ok network create fw0
	through b fw0
	nft -f - <<-'N'
		delete table ip filter
		delete table ip6 filter
		table inet firewalld {
			chain filter_FORWARD {
				type filter hook forward priority filter + 10; policy accept;
				ct state { established, related } accept
				reject with icmpx admin-prohibited
			}
		}
	N
	through a coppice0
	nft delete table inet firewalld
}

# A container's ways through a firewall that came after its network: doctor tells, gc opens
through() { # NAME NETWORK
	serving "$1" 8000 --network "$2" --port 8080:8000
	if [ "$2" = coppice0 ]; then
		run --separate-stderr c doctor
		has "exception for our bridges"
		ok gc
	fi
	asks inside "$1" tcp $INET4 80
	is "inet 80 $HOST4"
	asks inside "$1" tcp $INET6 80
	is "inet 80 $HOST6"
	asks in_inet tcp $HOST4 8080
	is "$1 8000 $INET4"
	ok delete --force --purge "$1"
}

@test "all rules flushed: the next start brings everything back" {
	serving a 8000 --port 8080:8000
	nft flush ruleset
	up b
	asks inside b tcp $INET4 80
	is "inet 80 $HOST4"
	asks inside a tcp $INET4 80
	asks in_inet tcp $HOST4 8080
	is "a 8000 $INET4"
	# and the guard of what ran before
	[ "$(nft -j list table bridge coppice | jq '[.nftables[].set? | select(.name == "macs") | .elem[]?] | length')" -ge 2 ]
}

waits_of() { awk '/^voluntary_ctxt/ { print $2 }' "/proc/$1/status"; }

@test "all rules flushed: they come back by themselves, and nobody is woken for anything less" {
	serving a 8000 --port 8080:8000
	up b
	local monitor before
	monitor=$(monitor_of b)
	sleep 0.5
	before=$(waits_of "$monitor")
	up c --port 8081:80
	ok delete --force --purge c
	same "$(waits_of "$monitor")" "$before"
	nft flush ruleset
	until_ok 15 nft list table bridge coppice
	asks in_inet tcp $HOST4 8080
	is "a 8000 $INET4"
	asks inside b tcp $INET4 80
	is "inet 80 $HOST4"
	[ "$(nft -j list table bridge coppice | jq '[.nftables[].set? | select(.name == "macs") | .elem[]?] | length')" -ge 2 ]
	nft delete table bridge coppice # one of the two is enough
	until_ok 15 nft list table bridge coppice
}

@test "the bridge taken away: the next start makes it again" {
	up a
	ok stop --kill a
	ip link del coppice0
	ok start a
	asks inside a tcp $INET4 80
	is "inet 80 $HOST4"
}

@test "a killed monitor: the container keeps its network, and nothing is left when it ends" {
	serving a 8000 --port 8080:8000
	local m
	m=$(monitor_of a)
	kill -KILL "$m"
	until_ok 5 eval "! kill -0 $m 2>/dev/null || grep -q '^State:.Z' /proc/$m/status"
	asks in_inet tcp $HOST4 8080
	is "a 8000 $INET4"
	ok start a
	asks in_inet tcp $HOST4 8080
	ok stop --kill a
	no_traces
	no_answer in_inet tcp $HOST4 8080
	# its init too: nobody was there to clean up
	ok start a
	until_ok 10 asks in_inet tcp $HOST4 8080
	kill -KILL "$(monitor_of a)" "$(init_of a)"
	until_ok 5 is_state a stopped
	ok gc
	no_traces
	no_answer in_inet tcp $HOST4 8080
	ok start a
	until_ok 10 asks in_inet tcp $HOST4 8080
}

# COPPICE_CRASH_TRIES: 20
@test "kill -9 of start and stop at random moments: gc and the next start repair, no element, device or lease is left" {
	local i us ref
	ok create --port 8081:8000 bb k -- /usr/bin/peer serve k 8000
	ok start k
	ref=$(ip4 k)
	ok stop --kill k
	for i in $(seq "${COPPICE_CRASH_TRIES:-20}"); do
		us=$((RANDOM * 40 / 32))
		# 0 to 40 ms after the command came to life; its monitor and helpers too, every other time
		if [ $((i % 2)) = 0 ]; then
			timeout -s KILL "$(printf '0.%06d' $((us + 1)))" "$COPPICE" start k >/dev/null 2>&1 </dev/null 3>&- 4>&- || true
		else
			setsid "$COPPICE" start k >/dev/null 2>&1 </dev/null 3>&- 4>&- &
			sleep "$(printf '0.%06d' $((us + 1)))"
			kill -KILL -- -$! 2>/dev/null || true
			wait $! 2>/dev/null || true
		fi
		ok start k
		same "$(ip4 k)" "$ref"
		until_ok 10 asks in_inet tcp $HOST4 8081
		timeout -s KILL "$(printf '0.%06d' $((us / 2 + 1)))" "$COPPICE" stop --kill k >/dev/null 2>&1 </dev/null 3>&- 4>&- || true
		ok stop --kill k
		is_state k stopped
		ok gc
		no_traces
	done
	ok delete --purge k
	ok gc --trash-age 0s
	run grep -r "/k " "$T_ROOT/networks"
	[ "$status" != 0 ] || show_run
}
