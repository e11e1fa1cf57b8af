# netlab.bash - an internet of three network namespaces. The file's own one is the host; nothing of the machine's network is touched.
#
#     host wan0 192.0.2.2 ------- 192.0.2.1 router 198.51.100.1 ------- 198.51.100.2 inet
#          2001:db8:1::2          2001:db8:1::1     2001:db8:2::1       2001:db8:2::2
#
# The router forwards and knows these two nets, nothing of any container; inet sends everything to the router. The namespaces are held by bind mounts beneath T_TMP
# and the servers by pid files there: lab_down takes all of it away, in teardown_file.
# shellcheck shell=bash disable=SC2154

HOST4=192.0.2.2 HOST6=2001:db8:1::2 INET4=198.51.100.2 INET6=2001:db8:2::2
LAB=$T_TMP/lab
# these files are about what other files switch off
unset COPPICE_NETWORK

in_ns() { local ns=$1; shift; nsenter --net="$LAB/$ns" -- "$@"; }
in_router() { in_ns router "$@"; }
in_inet() { in_ns inet "$@"; }

lab_up() {
	local ns
	has_network || return 0 # the tests say so, one by one
	mkdir -p "$LAB"
	for ns in router inet; do
		: >"$LAB/$ns"
		unshare --net="$LAB/$ns" true
		in_ns $ns ip link set lo up
	done
	ip link set lo up
	sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	lab_wire "" wan0 192.0.2.2/24 2001:db8:1::2/64 router host0 192.0.2.1/24 2001:db8:1::1/64
	lab_wire router inet0 198.51.100.1/24 2001:db8:2::1/64 inet eth0 198.51.100.2/24 2001:db8:2::2/64
	in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	in_inet ip route add default via 198.51.100.1
	in_inet ip -6 route add default via 2001:db8:2::1
	lab_routes
	lab_serve inet inet 80 7000-7003
	# a name server that says at once that it is none: unknown names take no time
	echo "nameserver $INET4" >"$LAB/resolv.conf"
	mount --bind "$LAB/resolv.conf" "$(readlink -f /etc/resolv.conf)"
}

# The host's way out; again after something took wan0 away.
lab_routes() {
	ip route replace default via 192.0.2.1
	ip -6 route replace default via 2001:db8:1::1
}

# lab_wire NS DEV IPV4 IPV6 NS DEV IPV4 IPV6: two devices and a wire; "" is the host
lab_wire() {
	ip link add "lab-a" type veth peer name "lab-b"
	lab_end lab-a "$1" "$2" "$3" "$4"
	lab_end lab-b "$5" "$6" "$7" "$8"
}
lab_end() { # NAME NS DEV IPV4 IPV6
	local in=()
	[ -z "$2" ] || { ip link set "$1" netns "$LAB/$2"; in=(in_ns "$2"); }
	"${in[@]}" ip link set "$1" name "$3"
	"${in[@]}" sysctl -qw "net.ipv6.conf.$3.accept_dad=0"
	"${in[@]}" ip link set "$3" up
	"${in[@]}" ip addr add "$4" dev "$3"
	"${in[@]}" ip addr add "$5" dev "$3" nodad
}

# lab_serve NS NAME PORT[-END]...: somebody in a namespace ("" is the host) who answers NAME, the port and who asked
lab_serve() {
	local net=/proc/self/ns/net
	[ -z "$1" ] || net=$LAB/$1
	shift
	nsenter --net="$net" -- "$TOOLS/peer" serve "$@" >"$LAB/serve.$1" 2>&1 </dev/null 3>&- 4>&- &
	echo $! >>"$LAB/pids"
	until_ok 10 grep -q ready "$LAB/serve.$1"
}

lab_down() {
	local ns pid
	if [ -e "$LAB/pids" ]; then
		while read -r pid; do
			kill "$pid" 2>/dev/null || true
			until_ok 5 eval "! kill -0 $pid 2>/dev/null" || kill -KILL "$pid"
		done <"$LAB/pids"
		rm -f "$LAB/pids"
	fi
	umount "$(readlink -f /etc/resolv.conf)" 2>/dev/null || true
	ip link del wan0 2>/dev/null || true
	for ns in router inet; do
		umount "$LAB/$ns" 2>/dev/null || true
	done
	rm -rf "$LAB"
}

# ---------------------------------------------------------------- words

# asks [in_inet|in_router|inside NAME] tcp|udp ADDR PORT: the answer of a peer in $output, or a failure that says what came
asks() { talk 0 "$@"; }
# no_answer ...: nobody answers there: refused, unreachable or silence within a second
no_answer() { talk 1 "$@"; }
talk() {
	local want=$1 in=() ms=5000 prog=$TOOLS/peer i # bats's own run changes the caller's i
	shift
	case $1 in
	in_*) in=("$1"); shift ;;
	inside) in=("$1" "$2"); prog=/usr/bin/peer; shift 2 ;;
	esac
	[ "$want" = 0 ] || ms=1000
	ran="${in[*]} peer ask $*"
	run --separate-stderr "${in[@]}" "$prog" ask "$@" $((ms * ${COPPICE_TEST_SLOW:-1}))
	[ "$status" = "$want" ] || { echo "wanted status $want"; show_run; }
}

# inside NAME COMMAND...: exec whose output may be piped
inside() { local name=$1; shift; c exec "$name" -- "$@" </dev/null; }
# in_netns NAME COMMAND...: a program of the host in the container's network
in_netns() { local pid; pid=$(init_of "$1"); shift; nsenter --net="/proc/$pid/ns/net" -- "$@"; }

# reaches NAME ADDR / cut_off NAME ADDR: one ping, answered or not
reaches() { local i; run inside "$1" ping -c 1 -W 5 "$2"; [ "$status" = 0 ] || { ran="ping $2 in $1"; stderr=; show_run; }; }
cut_off() { local i; run inside "$1" ping -c 1 -W 1 "$2"; [ "$status" != 0 ] || { ran="ping $2 in $1 is answered"; stderr=; show_run; }; }

# A container with somebody who answers on these ports, under its own name: serving NAME "PORTS" [OPTION...]
serving() {
	local name=$1 ports=$2
	shift 2
	# shellcheck disable=SC2086
	ok launch "$@" bb "$name" -- /usr/bin/peer serve "$name" $ports
	until_ok 10 eval "c logs $name | grep -q ready"
}

# The first address of a family that the kernel gives a device inside: ip4 NAME [DEV], ip6 NAME [DEV]
ip4() { in_netns "$1" ip -4 -j addr show dev "${2:-eth0}" | jq -er '.[0].addr_info[0].local'; }
ip6() { in_netns "$1" ip -6 -j addr show dev "${2:-eth0}" scope global | jq -er '[.[] | .addr_info[]?][0].local'; }
mac() { in_netns "$1" ip -j link show dev "${2:-eth0}" | jq -er '.[0].address'; }
# The gateway's address of a network
gate4() { ip -4 -j addr show dev "${1:-coppice0}" | jq -er '.[0].addr_info[0].local'; }
gate6() { ip -6 -j addr show dev "${1:-coppice0}" scope global | jq -er '[.[] | .addr_info[]?][0].local'; }

# Ends every container and network of this file; teardown_file of files that make networks with helpers of their own (DHCP).
nets_gone() {
	local net
	all_gone
	for net in $(c network list -q 2>/dev/null); do
		c network delete --if-exists "$net" >/dev/null 2>&1 || true
	done
}

# How many elements of containers our tables have now, all together: published ports and what guards a device.
elements() {
	nft -j list ruleset 2>/dev/null | jq '[.nftables[] | (.set // .map)? | select(. != null and .table == "coppice")
		| select(.name | test("^(publish[46](_at)?|guarded|macs|ips[46]|targets6)$")) | .elem // [] | length] | add // 0'
}
# What a container has on the host besides its directory: devices, elements, leases of names. Empty when it has nothing.
net_traces() {
	ip -o link show type veth | sed 's/@.*//; s/^[0-9]*: //' | grep -v '^wan0$' || true
	[ "$(elements)" = 0 ] || echo "$(elements) elements"
}
no_traces() { until_ok 5 eval '[ -z "$(net_traces)" ]' || { net_traces; nft list ruleset; return 1; }; }
