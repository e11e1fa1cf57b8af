#!/usr/bin/env bats
# Many containers from one base: start, list, stop; one copy of the base in memory; nothing left; the monitor is small.
load ../lib/common

teardown() { all_gone; }

@test "40 containers: started, listed, stopped, deleted; no group, mount or process is left" {
	local names
	names=$(printf 'm%s ' $(seq 40))
	# shellcheck disable=SC2086
	T=120 ok launch bb $names -- /bin/sleep 100000
	same "$(c list -q 'm*' status=running | wc -l)" 40
	T=120 ok stop --kill 'm*'
	same "$(c list -q 'm*' status=stopped | wc -l)" 40
	local n
	for n in $names; do [ -z "$(groups_of "$n")" ]; done
	T=120 ok delete --purge 'm*'
	same "$(c list -q | wc -l)" 0
}

@test "20 equal programs in 20 containers share one copy of their file pages" {
	local i pid file=0 one=0
	for i in $(seq 20); do
		ok launch bb "s$i" -- /bin/sh -c 'while :; do sleep 100000; done'
	done
	sleep 0.5
	for i in $(seq 20); do
		pid=$(init_of "s$i")
		pid=$(pgrep -P "$pid" | head -n 1 || true)
		[ -n "$pid" ] || pid=$(init_of "s$i")
		file=$((file + $(awk '/^Pss_File:/ { print $2 }' "/proc/$pid/smaps_rollup")))
		one=$(awk '/^Rss:/ { r = $2 } /^Anonymous:/ { a = $2 } END { print r - a }' "/proc/$pid/smaps_rollup")
	done
	echo "file pages: one program $one kB, all twenty together $file kB" >&3
	[ "$file" -lt $((one * 2)) ]
}

@test "a monitor is at most 200 kB of memory and 16 descriptors" {
	[[ $COPPICE_BUILD != *asan* ]] || skip "not under sanitizers"
	# its program text is shared with every other monitor: a machine with one container is not what the figure is about
	# shellcheck disable=SC2046
	ok launch bb mon $(seq -f 'mon%.0f' 15) -- /bin/sleep 100000
	sleep 0.5
	local pid pss fds
	pid=$(monitor_of mon)
	pss=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")
	fds=$(find "/proc/$pid/fd" -mindepth 1 | wc -l)
	echo "monitor: $pss kB PSS, $fds descriptors" >&3
	[ "$fds" -le 16 ]
	[ "$pss" -le 200 ]
}

@test "100 starts and stops: memory, descriptors and groups of the host are as before" {
	ok create bb cyc -- /bin/sleep 1000
	local i before after
	before=$(find /sys/fs/cgroup -type d | wc -l)
	for i in $(seq 100); do
		c -q start cyc
		c -q stop --kill cyc
	done
	after=$(find /sys/fs/cgroup -type d | wc -l)
	[ $((after - before)) -le 4 ] || { echo "$before groups before, $after after"; return 1; }
}

@test "create is quick: overlay and pool leave few files" {
	ok create --mode overlay bb q1
	[ "$(find "$T_ROOT/containers/q1" | wc -l)" -le 10 ]
}
