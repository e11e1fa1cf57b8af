#!/usr/bin/env bats
# Published ports: from far away, from the host, from the container itself and from its neighbours; changed while it runs.
load ../lib/common
load ../lib/netlab

setup() { needs network; }
setup_file() { lab_up; }
teardown() { all_gone; }
teardown_file() {
	all_gone
	lab_down
}

@test "TCP from inet, IPv4 and IPv6: the container sees who asks" {
	serving a 8000 --port 8080:8000
	asks in_inet tcp $HOST4 8080
	is "a 8000 $INET4"
	asks in_inet tcp $HOST6 8080
	is "a 8000 $INET6"
	no_answer in_inet udp $HOST4 8080
	no_answer in_inet tcp $HOST4 8000
	ok show a
	has 8080
	ok port list a
	has 8080
	has 8000
	ok -f json port list
	has '"coppice.ports/1"'
	ok stop --kill a
	no_answer in_inet tcp $HOST4 8080
	no_traces
	ok start a
	until_ok 10 asks in_inet tcp $HOST4 8080
}

@test "UDP: the answer comes from where it was asked" {
	serving a 8000 --port 5300:8000/udp
	asks in_inet udp $HOST4 5300
	is "a 8000 $INET4"
	asks in_inet udp $HOST6 5300
	is "a 8000 $INET6"
	no_answer in_inet tcp $HOST4 5300
}

@test "the same port in TCP and UDP, for two containers" {
	serving a 8000 --port 8080:8000
	serving b 8000 --port 8080:8000/udp
	asks in_inet tcp $HOST4 8080
	is "a 8000 $INET4"
	asks in_inet udp $HOST4 8080
	is "b 8000 $INET4"
}

@test "ranges: every port to its own" {
	serving a 8000-8009 --port 9000-9009:8000-8009
	local p
	for p in 0 4 9; do
		asks in_inet tcp $HOST4 900$p
		is "a 800$p $INET4"
	done
	no_answer in_inet tcp $HOST4 9010
	no_answer in_inet tcp $HOST4 8999
	asks in_inet tcp $HOST6 9009
	is "a 8009 $INET6"
	asks tcp 127.0.0.1 9003
	has "a 8003"
}

@test "one address: there and nowhere else" {
	ip addr add 192.0.2.3/24 dev wan0
	ip addr add 2001:db8:1::3/64 dev wan0 nodad
	serving a 8000 --port 192.0.2.3:8080:8000 --port '[2001:db8:1::3]:8080:8000'
	serving b 8000 --port 192.0.2.2:8080:8000
	asks in_inet tcp 192.0.2.3 8080
	is "a 8000 $INET4"
	asks in_inet tcp $HOST4 8080
	is "b 8000 $INET4"
	asks in_inet tcp 2001:db8:1::3 8080
	is "a 8000 $INET6"
	no_answer in_inet tcp $HOST6 8080
	no_answer tcp 127.0.0.1 8080
	asks tcp 192.0.2.3 8080
	has "a 8000"
	# only for the host itself
	serving l 8000 --port 127.0.0.1:8082:8000
	asks tcp 127.0.0.1 8082
	has "l 8000"
	no_answer in_inet tcp $HOST4 8082
	ip addr del 192.0.2.3/24 dev wan0
	ip addr del 2001:db8:1::3/64 dev wan0
}

@test "from the host itself: its addresses and 127.0.0.1" {
	serving a 8000 --port 8080:8000 --port 8080:8000/udp
	asks tcp $HOST4 8080
	has "a 8000"
	asks tcp $HOST6 8080
	has "a 8000"
	asks tcp 127.0.0.1 8080
	has "a 8000"
	asks udp 127.0.0.1 8080
	has "a 8000"
	asks udp $HOST4 8080
	has "a 8000"
	asks tcp "$(gate4)" 8080
	has "a 8000"
}

@test "ports on 127.0.0.1 open no way to the host's own services there" {
	up a --port 127.0.0.1:8080:8000
	local gate wan listener
	gate=$(ip -j link show coppice0 | jq -r '.[0].address')
	wan=$(ip -j link show wan0 | jq -r '.[0].address')
	"$TOOLS/peer" hear 9 >"$T_TMP/hear" 2>&1 </dev/null 3>&- 4>&- &
	listener=$!
	until_ok 10 grep -q ready "$T_TMP/hear"
	# for 127.0.0.1, with the gateway's hardware address: only a raw frame can say so
	in_router "$TOOLS/frames" send host0 ip4 from-outside dmac="$wan" src=$INET4 dst=127.0.0.1
	ok exec a -- frames send eth0 ip4 from-inside dmac="$gate" src="$(ip4 a)" dst=127.0.0.1
	ok exec a -- frames send eth0 ip4 end dmac="$gate" src="$(ip4 a)" dst="$(gate4)"
	until_ok 10 grep -q end "$T_TMP/hear" || kill $listener
	wait $listener
	same "$(grep -c 'from-' "$T_TMP/hear")" 0
}

@test "hairpin: from the container itself and from a neighbour, by the host's address" {
	serving a 8000 --port 8080:8000
	serving b 8000 --port 8090:8000
	local over
	# whether a bridge asks the rules for IP about frames that only cross it (br_netfilter) is another program's choice
	for over in 1 0; do
		if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
			sysctl -qw net.bridge.bridge-nf-call-iptables=$over net.bridge.bridge-nf-call-ip6tables=$over
		fi
		asks inside b tcp $HOST4 8080
		has "a 8000"
		asks inside a tcp $HOST4 8080
		has "a 8000"
		asks inside a tcp $HOST4 8090
		has "b 8000"
		asks inside b tcp $HOST6 8080
		has "a 8000"
		asks inside a tcp $HOST6 8080
		has "a 8000"
		asks inside b tcp "$(gate4)" 8080
		has "a 8000"
	done
	# and from another network
	ok network create other0
	up c --network other0
	asks inside c tcp $HOST4 8080
	has "a 8000"
}

@test "added and removed while it runs; open connections stay" {
	serving a 8000-8001
	no_answer in_inet tcp $HOST4 8080
	ok port add a 8080:8000 8081:8001/udp
	asks in_inet tcp $HOST4 8080
	is "a 8000 $INET4"
	asks in_inet udp $HOST4 8081
	is "a 8001 $INET4"
	ok config get a coppice.port
	has "8080:8000"
	has "8081:8001/udp"
	# one byte there and back, the port goes, a byte more
	coproc HOLD { in_inet "$TOOLS/peer" hold $HOST4 8080 3>&- 4>&-; }
	local to=${HOLD[1]} from=${HOLD[0]} pid=$HOLD_PID byte
	echo x >&"$to"
	read -r -t 10 byte <&"$from"
	same "$byte" =
	ok port remove a 8080:8000
	no_answer in_inet tcp $HOST4 8080
	echo y >&"$to"
	read -r -t 10 byte <&"$from"
	same "$byte" y
	exec {to}>&-
	wait "$pid"
	asks in_inet udp $HOST4 8081
	ok config get a coppice.port
	hasnt 8080
	ok port list a
	hasnt 8080
	has 8081
	fails 3 port remove a 8080:8000
	ok restart --kill a
	until_ok 10 asks in_inet udp $HOST4 8081
	no_answer in_inet tcp $HOST4 8080
}

@test "a port that another container has is refused, and is free again afterwards" {
	serving a 8000 --port 8080:8000
	ok create --port 8080:8000 bb b -- /bin/sleep 100000
	fails 4 start b
	err_has 8080
	err_has a
	is_state b stopped
	asks in_inet tcp $HOST4 8080
	is "a 8000 $INET4"
	up d
	fails 4 port add d 8080:8000
	fails 4 port add d 8070-8090:8070-8090
	ok stop --kill a
	ok start b
	ok stop --kill b
	ok start a
	until_ok 10 asks in_inet tcp $HOST4 8080
}

@test "port list says who has which, of all containers" {
	serving a 8000 --port 8080:8000 --port 127.0.0.1:9000-9002:8000-8002/udp
	ok create --port 8081:80 bb s
	ok port list
	has 8080
	has 9000
	has 8081
	ok -f json port list a
	same "$(jq '.ports | length' <<<"$output")" 2
	same "$(jq -r '.ports[] | select(.protocol == "udp") | "\(.host) \(.inside) \(.count)"' <<<"$output")" "9000 8000 3"
}

@test "bad port lines: three lines, exit code 2, nothing published" {
	up a
	local p
	for p in '' 80 80: :80 0:80 80:0 65536:80 80:65536 80:80/sctp 80-70:80-70 80-82:80-83 1-2000:1-2000 x:y 1.2.3:80:80 1.2.3.4.5:80:80 ::1:80:80 '[::1:80:80' '[::1]80:80' 80:80:80:80 \
		'80 :80' '-1:80' $'80:80\n81:81' 300.1.1.1:80:80 '80:80/' '80:80/tcp/udp' '127.0.0.1:80'; do
		fails 2 port add a "$p"
		run --separate-stderr c create --port "$p" bb bad
		ran="create --port $p"
		[ "$status" = 2 ] || show_run
		three_lines
		run ! test -e "$T_ROOT/containers/bad"
	done
	ok port list a
	hasnt 80
	fails 3 port add nobody 80:80
	# ports need an interface of a managed network
	up e --network empty
	fails 2 port add e 8088:80
	no_answer in_inet tcp $HOST4 8088
}
