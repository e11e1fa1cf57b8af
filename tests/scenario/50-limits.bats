#!/usr/bin/env bats
# Limits are what the kernel enforces, on whatever control groups this host has. Loads run inside containers only.
load ../lib/common

teardown() { all_gone; }

@test "memory: a hog dies, the container lives, the host does not notice" {
	needs memory
	up m1 --memory 64M
	gives 137 exec m1 -- /usr/bin/guest hog 200
	is_state m1 running
	ok exec m1 -- /usr/bin/guest hog 20
	has "touched 20"
	ok -f json list m1
	jq -e '.containers[0].memory_max == 67108864' <<<"$output" || show_run
	jq -e '.containers[0].oom_kills == null or .containers[0].oom_kills >= 1' <<<"$output" || show_run
}

@test "memory: tmpfs inside counts" {
	needs memory
	up m2 --memory 32M
	run --separate-stderr c exec m2 -- /bin/sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=100 2>&1; ls -l /dev/shm/x | awk "{print \$5}"'
	[ "$status" != 0 ] || [ "${lines[-1]}" -lt $((40 << 20)) ] || show_run
	is_state m2 running
}

@test "memory: the limit in force is the one asked for, and cannot be lifted from inside" {
	needs memory
	up m3 --memory 100M
	local f
	f=$(limit_file m3 memory.max || limit_file m3 memory.limit_in_bytes)
	same "$(cat "$f")" $((100 << 20))
	ok exec m3 -- /usr/bin/probe own_limit
	has "0 of 27 open"
}

@test "swap: none when asked" {
	needs memory
	up m4 --memory 50M --set coppice.swap=0
	local f
	if f=$(limit_file m4 memory.swap.max); then same "$(cat "$f")" 0
	elif f=$(limit_file m4 memory.memsw.limit_in_bytes); then same "$(cat "$f")" $((50 << 20))
	else skip "no swap accounting on this host"; fi
}

@test "pids: a fork bomb meets its wall, the container can be stopped" {
	needs pids
	up p1 --pids 50
	ok exec p1 -- /usr/bin/guest forks 500
	[[ $output =~ forked\ ([0-9]+)\ errno\ 11 ]] || show_run
	[ "${BASH_REMATCH[1]}" -lt 50 ]
	c exec p1 -- /bin/sh -c 'b() { b | b & }; b' >/dev/null 2>&1 &
	local bomb=$!
	sleep 0.5
	ok stop --kill p1
	wait $bomb || true
	is_state p1 stopped
	[ -z "$(groups_of p1)" ]
}

@test "pids: there is a limit even when nobody asked" {
	needs pids
	up p2
	local f
	f=$(limit_file p2 pids.max)
	[[ $(<"$f") =~ ^[0-9]+$ ]]
}

@test "cpu: half a processor is half a processor" {
	needs cpu
	up c1 --cpus 0.5
	ok exec c1 -- /usr/bin/guest burn 1500
	[[ $output =~ cpu\ ([0-9]+)\ wall\ ([0-9]+) ]] || show_run
	[ "${BASH_REMATCH[1]}" -le $((BASH_REMATCH[2] * 65 / 100)) ] || show_run
}

@test "cpu: weights are written in the host's scale" {
	needs cpu
	up c2 --set coppice.cpu.weight=200
	local f
	if f=$(limit_file c2 cpu.weight); then same "$(cat "$f")" 200
	else
		f=$(limit_file c2 cpu.shares)
		[ "$(cat "$f")" -gt 1024 ]
	fi
}

@test "disks: a weight is in force, or the kernel has none and it is told" {
	up w1 --set lxc.cgroup.blkio.weight=505
	local f
	if f=$(limit_file w1 io.weight); then has_line "$f" "default 5000"
	elif f=$(limit_file w1 blkio.weight || limit_file w1 blkio.bfq.weight); then has_line "$f" 505
	elif f=$(limit_file w1 io.bfq.weight); then has_line "$f" "default 545"
	else
		ok show w1
		has "no weights of disks"
	fi
}
has_line() { head -n 1 "$1" | grep -qx "$2" || { cat "$1"; return 1; }; }

@test "cpuset: one processor is seen and used" {
	needs cpuset cpus2
	up c3 --set coppice.cpuset=1
	ok exec c3 -- /bin/sh -c 'nproc; grep Cpus_allowed_list /proc/self/status'
	same "${lines[0]}" 1
	[[ ${lines[1]} == *1 ]] || show_run
}

@test "cpuset: one that does not exist is refused, nothing left" {
	needs cpuset
	ok create --set coppice.cpuset=4000 bb c4 -- /bin/sleep 1000
	run --separate-stderr c start c4
	[ "$status" != 0 ] || show_run
	three_lines
	is_state c4 stopped
	[ -z "$(groups_of c4)" ]
}

@test "devices: what is not on the list cannot be opened, what is can" {
	up d1
	ok exec d1 -- /usr/bin/guest device /dev/null rw
	is opened
	ok exec d1 -- /usr/bin/guest device /dev/urandom r
	is opened
	# a node the host puts into the private part; 1:1 is /dev/mem, 10:237 loop-control
	mknod "$T_ROOT/containers/d1/private/root/mem" c 1 1 || skip "cannot make device nodes here"
	ok exec d1 -- /usr/bin/guest device /root/mem r
	has refused
}

@test "devices: a rule of the user's own allows one more, with and without user namespace" {
	local dev major minor
	for dev in /dev/loop-control /dev/vhost-net /dev/hpet ''; do [ ! -c "$dev" ] || break; done
	[ -n "$dev" ] || skip "no harmless device on this host"
	major=$((16#$(stat -c %t "$dev"))) minor=$((16#$(stat -c %T "$dev")))
	ok create --privileged --set "coppice.device=c $major:$minor rw" bb d2 -- /bin/sleep 1000
	mknod "$T_ROOT/containers/d2/private/root/dev" c $major $minor || skip "cannot make device nodes here"
	mknod "$T_ROOT/containers/d2/private/root/mem" c 1 1
	ok start d2
	ok exec d2 -- /usr/bin/guest device /root/dev r
	is opened
	ok exec d2 -- /usr/bin/guest device /root/mem r
	has refused
	ok create --privileged bb d4 -- /bin/sleep 1000
	mknod "$T_ROOT/containers/d4/private/root/dev" c $major $minor
	ok start d4
	ok exec d4 -- /usr/bin/guest device /root/dev r
	has refused
}

@test "devices: a node of the host's disk, however made, cannot be opened in a privileged container" {
	up d3 --privileged
	ok exec d3 -- /usr/bin/guest mknod /root/disk b 254 0
	ok exec d3 -- /usr/bin/guest device /root/disk r
	has refused
}

@test "LXC's v1 keys and v2 keys both arrive, whatever the host has" {
	needs memory pids
	ok create --set lxc.cgroup.memory.limit_in_bytes=80M --set lxc.cgroup2.pids.max=70 bb k1 -- /bin/sleep 1000
	ok start k1
	local f
	f=$(limit_file k1 memory.max || limit_file k1 memory.limit_in_bytes)
	same "$(cat "$f")" $((80 << 20))
	f=$(limit_file k1 pids.max)
	same "$(cat "$f")" 70
}

@test "a raw key this host has no file for is refused with the reason, not ignored" {
	ok create --set lxc.cgroup2.io.latency='8:0 target=10' bb k2 -- /bin/sleep 1000
	run --separate-stderr c start k2
	if [ "$status" = 0 ]; then
		limit_file k2 io.latency
	else
		three_lines
		err_has io.latency
		[ -z "$(groups_of k2)" ]
	fi
}

@test "limits survive a restart and are gone with the container" {
	needs memory
	up r1 --memory 70M
	ok restart r1
	local f
	f=$(limit_file r1 memory.max || limit_file r1 memory.limit_in_bytes)
	same "$(cat "$f")" $((70 << 20))
	ok delete --force --purge r1
	[ -z "$(groups_of r1)" ]
}

@test "usage in list is the kernel's" {
	needs memory
	up u1 --memory 200M
	c exec u1 -- /bin/sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=30 2>/dev/null'
	ok -f json list u1
	jq -e '.containers[0].memory > 30000000 and .containers[0].memory < 200000000' <<<"$output" || show_run
}

@test "groups are gone after stop, also those the guest made" {
	up g1
	c exec g1 -- /bin/sh -c 'd=$(awk "\$3 == \"cgroup2\" { print \$2; exit }" /proc/mounts); mkdir -p $d/a/b/c' || true
	[ -n "$(groups_of g1)" ]
	ok stop g1
	[ -z "$(groups_of g1)" ]
}
