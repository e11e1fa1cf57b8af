#!/usr/bin/env bats
# What a guest sees of control groups on v1, hybrid and v2 hosts, and where its own are: its node is the root it sees, what limits it is out of its reach, only what was
# made is removed.
load ../lib/common

setup() {
	P=$T_TMP/ct
	mkdir -p "$P"
	V2=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
}

teardown() {
	all_gone
	[ ! -d "$P" ] || COPPICE_LXCPATH=$P c delete --force --purge --all >/dev/null 2>&1 || true
	find /sys/fs/cgroup -depth -type d -path "*/ctest.$$*" -exec rmdir {} \; 2>/dev/null || true
}

needs_v1() { grep -q ' - cgroup [^ ]* [^ ]*memory' /proc/self/mountinfo || skip "this host has no v1 hierarchies"; }
# mount points of the host's v1 hierarchies that a name is known for
hierarchies() { awk '/ - cgroup / && $4 == "/" && $5 ~ "^/sys/fs/cgroup/" { print $5 }' /proc/self/mountinfo | sort -u; }
own_groups() { cut -d: -f3 "/proc/$(init_of "$1")/cgroup" | sort -u; }
l() {
	local command=$1
	shift
	ran="lxc-$command -P $P $*"
	run --separate-stderr timeout -k 5 $((60 * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-$command" -P "$P" "$@" 3>&- 4>&-
}
lxc() { l "$@"; [ "$status" = 0 ] || show_run; }
# a container of LXC's kind on a tree of its own: ct NAME LINE...
ct() {
	local name=$1
	shift
	mkdir -p "$P/$name"
	cp -a "$COPPICE_TEST_DIR/bb" "$P/$name/rootfs"
	printf '%s\n' "lxc.rootfs.path = dir:$P/$name/rootfs" "lxc.net.0.type = empty" "$@" >"$P/$name/config"
}
sleeper() { echo "lxc.init.cmd = /bin/sleep 100000"; }
nodes() { find /sys/fs/cgroup -type d -path "*/ctest.$$*" 2>/dev/null; }
groups() { l info -n "$1" -pH; cat "/proc/$output/cgroup"; }

@test "v1: every hierarchy is there, its root is the container's node, and no limit can be lifted" {
	needs_v1
	up a --memory 64M --set 'lxc.mount.auto=cgroup:mixed'
	local h
	for h in $(hierarchies); do
		ok exec a -- /bin/sh -c "grep -q ' $h cgroup rw' /proc/mounts && [ ! -e $h/release_agent ] && mkdir $h/sub && [ -e $h/sub/tasks ] && echo \$\$ >$h/sub/tasks && rmdir $h/sub 2>/dev/null; grep -c . $h/sub/tasks"
		has 1
	done
	ok exec a -- /bin/sh -c 'cut -d: -f3 /proc/1/cgroup | sort -u'
	is /
	gives 1 exec a -- /bin/sh -c 'echo 1000000000 >/sys/fs/cgroup/memory/memory.limit_in_bytes'
	same "$(cat "$(limit_file a memory.limit_in_bytes)")" $((64 << 20))
	ps ax -o cgroup >"$T_TMP/ps"
	grep -q "/$(own_group)/a/payload" "$T_TMP/ps"
	[[ $(own_groups a) == */a/payload ]]
}

@test "v1: ro is read-only, rw of a privileged container ends below its limits" {
	needs_v1
	up r --set 'lxc.mount.auto=cgroup:ro'
	ok exec r -- /bin/sh -c 'for d in /sys/fs/cgroup/*; do mkdir $d/x 2>/dev/null && echo wrote $d; done; cut -d: -f3 /proc/1/cgroup | sort -u'
	is /
	up p --privileged --memory 64M --set 'lxc.mount.auto=cgroup-full:rw'
	ok exec p -- /bin/sh -c 'mkdir /sys/fs/cgroup/memory/x; for f in $(find /sys/fs/cgroup/memory -name memory.limit_in_bytes -o -name memory.memsw.limit_in_bytes); do echo -1 >$f; done; cut -d: -f3 /proc/1/cgroup | sort -u'
	is /
	same "$(cat "$(limit_file p memory.limit_in_bytes)")" $((64 << 20))
}

@test "v1: exec, freeze, limits and the end work with the guest's own groups in every hierarchy" {
	needs_v1
	up e --set 'lxc.mount.auto=cgroup'
	# v2 that is not among them has no group of the guest's
	ok exec e -- /bin/sh -c 'for d in /sys/fs/cgroup/*; do mkdir -p $d/one/two; echo 1 >$d/one/two/tasks 2>/dev/null || echo 1 >$d/one/two/cgroup.procs; done
		[ -d /sys/fs/cgroup/unified ] && seen=. || seen=^[1-9]; grep $seen /proc/1/cgroup | cut -d: -f3 | sort -u'
	is /one/two
	ok exec e -- /bin/sh -c 'cut -d: -f3 /proc/self/cgroup | sort -u'
	is /
	ok pause e
	ok resume e
	ok exec e -- /bin/sh -c '[ ! -d /sys/fs/cgroup/freezer ] || { echo FROZEN >/sys/fs/cgroup/freezer/one/freezer.state; cat /sys/fs/cgroup/freezer/one/freezer.state; }'
	T=20 ok stop --kill e # frozen by itself, on a freezer of its own
	is_state e stopped
	[ -z "$(groups_of e)" ]
}

@test "without a word about it, and for a current systemd, it is v2; an old systemd gets v1" {
	up n
	ok exec n -- /bin/sh -c 'awk "\$2 ~ \"^/sys/fs/cgroup\" { print \$2, \$3 }" /proc/mounts'
	is "/sys/fs/cgroup cgroup2"
	needs_v1
	local name want
	for name in new old forced; do
		ct $name "$(sleeper)" "lxc.init.cmd = /sbin/init 100000" "lxc.mount.auto = cgroup:mixed$([ $name != forced ] || echo :force)"
		mkdir -p "$P/$name/rootfs/lib/systemd"
		rm -f "$P/$name/rootfs/sbin/init"
		printf '#!/bin/sh\nexec /bin/sleep 100000\n' >"$P/$name/rootfs/lib/systemd/systemd"
		chmod 755 "$P/$name/rootfs/lib/systemd/systemd"
		ln -s ../lib/systemd/systemd "$P/$name/rootfs/sbin/init"
		[ $name = old ] && touch "$P/$name/rootfs/lib/systemd/libsystemd-shared-232.so" || touch "$P/$name/rootfs/lib/systemd/libsystemd-shared-252.so"
		want=tmpfs
		[ $name != new ] || want=cgroup2
		lxc start -n $name
		lxc attach -n $name -- /bin/sh -c 'awk "\$2 == \"/sys/fs/cgroup\" { print \$3 }" /proc/mounts'
		is $want
		[ $name = new ] || { lxc attach -n $name -- /bin/sh -c 'mkdir /sys/fs/cgroup/systemd/x && echo mine'; is mine; }
		lxc stop -n $name -k
	done
}

@test "v2: the container writes in its own node, or with ro does not" {
	needs cgroup2
	up w --set 'lxc.mount.auto=cgroup:rw'
	ok exec w -- /bin/sh -c 'd=$(awk "\$3 == \"cgroup2\" { print \$2; exit }" /proc/mounts); mkdir $d/sub && echo 1 >$d/sub/cgroup.procs && cat $d/sub/cgroup.procs && grep ^0:: /proc/1/cgroup; echo max >$d/cgroup.max.depth || echo refused'
	has "0::/sub"
	has refused
	up o --set 'lxc.mount.auto=cgroup-full:ro:force'
	ok exec o -- /bin/sh -c 'd=$(awk "\$3 == \"cgroup2\" { print \$2; exit }" /proc/mounts); mkdir $d/sub || echo refused'
	has refused
}

@test "without a namespace of its own it finds its node where /proc/self/cgroup says, and may write there alone" {
	needs cgroup2
	up s --set 'lxc.namespace.keep=cgroup' --set 'lxc.mount.auto=cgroup-full:mixed'
	local mount=/sys/fs/cgroup${V2#/sys/fs/cgroup}
	[[ $(own_groups s) == *"/$(own_group)/s/payload"* ]]
	ok exec s -- /bin/sh -c "d=$mount\$(sed -n 's/^0:://p' /proc/1/cgroup); mkdir \$d/x && rmdir \$d/x && echo mine; mkdir \$d/../y || echo refused; mkdir $mount/y || echo refused"
	is $'mine\nrefused\nrefused'
	up t --set 'lxc.namespace.keep=cgroup' --set 'lxc.mount.auto=cgroup:ro'
	ok exec t -- /bin/sh -c "d=$mount\$(sed -n 's/^0:://p' /proc/1/cgroup); cat \$d/cgroup.procs | head -n 1; mkdir \$d/x || echo refused"
	has refused
	ok exec t -- /bin/sh -c "ls $mount/$(own_group)"
	[[ $V2 == /sys/fs/cgroup ]] || hasnt s
}

@test "lxc.cgroup.dir: container and monitor are there, two share it, and it goes when it was made" {
	needs cgroup2
	local d=ctest.$$/deep
	ct one "$(sleeper)" "lxc.cgroup.dir = $d"
	ct two "$(sleeper)" "lxc.cgroup.dir = $d"
	lxc start -n one
	lxc start -n two
	[[ $(groups one) == *"0::/$d/lxc.payload.one/payload"* ]]
	grep -q . "$V2/$d/lxc.monitor.one/cgroup.procs"
	lxc info -n one -pH
	run ! grep -v "/$d/lxc.payload.one" "/proc/$output/cgroup"
	lxc cgroup -n one pids.max
	lxc freeze -n one
	lxc info -n one -sH
	is FROZEN
	lxc unfreeze -n one
	lxc attach -n one -- /bin/cat /proc/self/cgroup
	lxc stop -n one -k
	[ -d "$V2/$d/lxc.payload.two" ] && [ ! -e "$V2/$d/lxc.payload.one" ] && [ ! -e "$V2/$d/lxc.monitor.one" ]
	lxc stop -n two -k
	[ -z "$(nodes)" ] || { nodes; false; }
}

@test "exact places: what was there stays, and somebody else's node is not taken" {
	needs cgroup2
	local d=ctest.$$
	mkdir "$V2/$d"
	ct x "$(sleeper)" "lxc.cgroup.dir.container = $d/c" "lxc.cgroup.dir.monitor = $d/m" "lxc.cgroup.dir.container.inner = ns" "lxc.cgroup.dir.monitor.pivot = $d.pivot"
	lxc start -n x
	[[ $(groups x) == *"0::/$d/c/ns"* ]]
	grep -q . "$V2/$d/m/cgroup.procs"
	lxc stop -n x -k
	[ -d "$V2/$d" ] && [ ! -e "$V2/$d/c" ] && [ ! -e "$V2/$d/m" ] && [ -d "$V2/$d.pivot" ]
	mkdir "$V2/$d/c"
	sleep 100 &
	local pid=$!
	echo $pid >"$V2/$d/c/cgroup.procs"
	l start -n x
	[ "$status" = 1 ] || show_run
	[[ $output$stderr == *"was not made here"* ]] || show_run
	l info -n x -sH
	is STOPPED
	kill -0 $pid
	kill $pid
	until_ok 5 rmdir "$V2/$d/c"
	lxc start -n x
	lxc stop -n x -k
}

@test "a container in a place of its own is found when its monitor was killed and its record is lost" {
	needs cgroup2
	ct k "$(sleeper)" "lxc.cgroup.dir = ctest.$$"
	lxc start -n k
	local pid monitor
	lxc info -n k -pH
	pid=$output
	monitor=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
	kill -9 "$monitor"
	until_ok 5 [ ! -d "/proc/$monitor" ]
	find "$T_ROOT/run" -path '*/k/record' -delete
	lxc info -n k -pH
	is "$pid"
	lxc attach -n k -- /bin/cat /proc/self/cgroup
	lxc stop -n k -k
	until_ok 5 [ ! -d "/proc/$pid" ]
	lxc start -n k
	lxc stop -n k -k
	[ -z "$(nodes)" ] || { nodes; false; }
}

@test "lxc.cgroup.relative and lxc.cgroup.pattern" {
	needs cgroup2
	local d=ctest.$$
	mkdir "$V2/$d" "$V2/$d/leaf"
	ct rel "$(sleeper)" "lxc.cgroup.relative = 1"
	(echo "$BASHPID" >"$V2/$d/leaf/cgroup.procs" && exec "$COPPICE_BUILD/lxc-start" -P "$P" -n rel 3>&- 4>&-)
	[[ $(groups rel) == *"0::/$d/leaf/coppice-"*"/rel/payload"* ]]
	lxc ls -1 --running # from another place
	is rel
	lxc stop -n rel -k
	until_ok 5 rmdir "$V2/$d/leaf"
	if grep -qw memory "$V2/cgroup.controllers"; then # there a group with processes of others' cannot have limited ones below
		mkdir "$V2/$d/leaf"
		sleep 100 3>&- 4>&- &
		local other=$!
		echo $other >"$V2/$d/leaf/cgroup.procs"
		run --separate-stderr bash -c 'echo $$ >"$0/cgroup.procs" && exec "$1" -P "$2" -n rel' "$V2/$d/leaf" "$COPPICE_BUILD/lxc-start" "$P" 3>&- 4>&-
		kill $other
		[ "$status" = 1 ] && [[ $stderr == *"processes live in it"*"lxc.cgroup.dir"* ]] || show_run
		until_ok 5 rmdir "$V2/$d/leaf"
	fi
	echo "lxc.cgroup.pattern = $d/in.%n" >"$T_TMP/lxc.conf"
	ct pat "$(sleeper)"
	LXC_SYSTEM_CONF=$T_TMP/lxc.conf lxc start -n pat
	[[ $(groups pat) == *"0::/$d/in.pat/payload"* ]]
	lxc stop -n pat -k
	[ "$(nodes)" = "$V2/$d" ] || { nodes; false; }
}

# which of the v1 hierarchies of $1 the container $2 has a node of its own in
used() { groups "$2" | grep "$2" | sed 's/^[0-9]*:\([^:]*\):.*/\1/' | grep -xE "$1" | sort | paste -sd' '; }

@test "lxc.cgroup.use: only these v1 hierarchies, all of them, none that is not there" {
	needs_v1
	grep -q ' - cgroup .*[ ,]pids' /proc/self/mountinfo && grep -q ' - cgroup .*[ ,]memory' /proc/self/mountinfo || skip "memory and pids are not both on v1"
	local conf=$T_TMP/use.conf
	ct use "$(sleeper)" "lxc.mount.auto = cgroup" "lxc.cgroup.memory.limit_in_bytes = 64M"
	ct bare "$(sleeper)" "lxc.mount.auto = cgroup" "lxc.cgroup.pids.max = 50"
	ct none "$(sleeper)"
	for list in @all "" @kernel memory,pids "memory , pids"; do
		echo "lxc.cgroup.use = $list" >"$conf"
		LXC_SYSTEM_CONF=$conf lxc start -n use
		same "$(used 'memory|pids' use)" "memory pids"
		LXC_SYSTEM_CONF=$conf lxc stop -n use -k
	done
	echo "lxc.cgroup.use = pids" >"$conf"
	LXC_SYSTEM_CONF=$conf lxc start -n bare
	same "$(used 'memory|pids' bare)" pids
	l attach -n bare -- /bin/ls /sys/fs/cgroup
	[[ $output == *pids* && $output != *memory* ]] || show_run
	l cgroup -n bare pids.max
	same "$output" 50
	lxc stop -n bare -k
	echo "lxc.cgroup.use = cpu" >"$conf"
	LXC_SYSTEM_CONF=$conf lxc start -n none
	[[ $stderr == *"number of processes is not limited"* ]] || show_run
	same "$(used 'memory|pids' none)" ""
	lxc stop -n none -k
	# a limit that has no place then
	LXC_SYSTEM_CONF=$conf l start -n use
	[ "$status" = 1 ] && [[ $stderr == *"no cgroup controller"* ]] || show_run
	echo "lxc.cgroup.use = memory,nosuch" >"$conf"
	LXC_SYSTEM_CONF=$conf l start -n use
	[ "$status" = 1 ] && [[ $stderr == *"lxc.cgroup.use names 'nosuch'"* ]] || show_run
	lxc start -n use # without the file
	lxc stop -n use -k
}

@test "places that make no sense are told" {
	local line
	for line in "lxc.cgroup.dir = ../x" "lxc.cgroup.dir = /x" "lxc.cgroup.dir.container = x" "lxc.cgroup.dir.monitor = x" $'lxc.cgroup.dir = x\nlxc.cgroup.dir.container = y\nlxc.cgroup.dir.monitor = z'; do
		ct bad "$line"
		l start -n bad
		[ "$status" = 1 ] || show_run
		[[ $output$stderr == *lxc.cgroup.dir* ]] || show_run
		rm -rf "${P:?}/bad"
	done
}

# as host of this file: its own network namespace
marked() { nft list chain inet ctest in | sed -n "s/.*meta mark $1 counter packets \([0-9]*\) .*/\1/p"; }
watch_marks() {
	nft -f - <<-'X'
		add table inet ctest
		add chain inet ctest in { type filter hook input priority 0; }
		add rule inet ctest in meta mark 0x00100001 counter
		add rule inet ctest in meta mark 0x00200002 counter
	X
}

@test "net_cls.classid without the controller: a mark on what comes out of the container's port" {
	[ ! -d /sys/fs/cgroup/net_cls ] || skip "this host has a net_cls controller"
	needs network
	ip link add ctbr type bridge
	ip addr add 10.77.9.1/24 dev ctbr
	ip link set ctbr up
	watch_marks
	ct n "$(sleeper)" "lxc.cgroup.net_cls.classid = 0x100001" "lxc.net.0.type = veth" "lxc.net.0.link = ctbr" "lxc.net.0.flags = up" "lxc.net.0.ipv4.address = 10.77.9.2/24"
	sed -i '/type = empty/d' "$P/n/config"
	lxc start -n n
	lxc attach -n n -- /bin/ping -c 2 -W 2 10.77.9.1
	[ "$(marked 0x00100001)" -ge 2 ]
	same "$(marked 0x00200002)" 0
	nft delete table inet coppice_class
	COPPICE_LXCPATH=$P ok gc
	nft list map inet coppice_class ports | grep -q 0x00100001
	lxc stop -n n -k
	run ! grep -q 0x00100001 <(nft list maps)
	ip link del ctbr
}

@test "net_cls.classid on the host's network: a mark on what its sockets send, gone with it, also when the monitor was killed" {
	[ ! -d /sys/fs/cgroup/net_cls ] || skip "this host has a net_cls controller"
	needs network
	[[ $V2 == /sys/fs/cgroup* ]] || skip "needs cgroup v2 mounted below /sys/fs/cgroup"
	ip link set lo up
	nft delete table inet ctest 2>/dev/null || true
	watch_marks
	ct h "$(sleeper)" "lxc.cgroup.net_cls.classid = 2097154" "lxc.net.0.type = none"
	sed -i '/type = empty/d' "$P/h/config"
	lxc start -n h
	l attach -n h -- /bin/sh -c 'echo x | nc -w 1 127.0.0.1 9' # nobody listens: the question itself is a packet
	[ "$(marked 0x00200002)" -ge 1 ]
	(exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null || true # not the container's
	same "$(marked 0x00100001)" 0
	kill -9 "$(awk '/^PPid/ { print $2 }' "/proc/$(lxc info -n h -pH; echo "$output")/status")"
	lxc stop -n h -k
	run ! grep -q 0x00200002 <(nft list maps)
	nft delete table inet ctest
}
