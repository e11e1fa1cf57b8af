#!/usr/bin/env bats
# The console log: kept across a restart, bounded on disk, followed live, safe to read.
load ../lib/common

teardown() { all_gone; }

@test "logs shows what init printed, also after it has ended" {
	ok launch bb l1 -- /bin/sh -c 'echo to out; echo to err >&2'
	until_ok 10 is_state l1 stopped
	ok logs l1
	has "to out"
	has "to err"
}

@test "logs -n N: the last lines" {
	ok launch bb l2 -- /bin/sh -c 'for i in $(seq 100); do echo line-$i; done; sleep 1000'
	until_ok 10 eval 'c logs l2 | grep -q line-100'
	ok logs -n 3 l2
	same "$(tr -d '\r' <<<"$output" | xargs)" "line-98 line-99 line-100"
}

@test "logs -f follows until the container stops" {
	ok launch bb l3 -- /bin/sh -c 'for i in 1 2 3 4 5; do echo tick-$i; sleep 0.2; done'
	T=20 ok logs -f l3
	has tick-5
}

@test "logs -f ends quietly when interrupted" {
	ok launch bb l4 -- /bin/sh -c 'echo begin; sleep 1000'
	run --separate-stderr timeout -s INT 1 "$COPPICE" logs -f l4 3>&-
	[[ $output == *begin* ]] || show_run
	[[ $stderr != *error:* ]] || show_run
}

@test "the log is bounded: 16 MiB unless said otherwise, the newest survives" {
	ok create --set coppice.log.size=256K bb l5 -- /bin/sh -c 'i=0; while [ $i -lt 30000 ]; do echo "line $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"; i=$((i+1)); done; echo the-end; sleep 1000'
	ok start l5
	until_ok 60 eval 'c logs l5 | tail -n 2 | grep -q the-end'
	local size
	size=$(cat "$T_ROOT"/containers/l5/console.log* | wc -c)
	[ "$size" -le $((300 * 1024)) ] || { echo "$size bytes"; return 1; }
	[ "$size" -ge $((100 * 1024)) ]
	ok create bb l6
	ok config get l6 coppice.log.size || true
}

@test "no log when asked for none" {
	ok create --set coppice.log.size=0 bb l7 -- /bin/sh -c 'echo x; sleep 1000'
	ok start l7
	ok logs l7
	hasnt x
	[ ! -s "$T_ROOT/containers/l7/console.log" ]
}

@test "a full disk drops output and stops nobody" {
	needs mke2fs
	truncate -s 24M "$T_TMP/small.img"
	mke2fs -q -F -t ext4 "$T_TMP/small.img"
	mkdir -p "$T_TMP/small"
	mount -o loop "$T_TMP/small.img" "$T_TMP/small" 2>/dev/null || mount -t tmpfs -o size=20M small "$T_TMP/small" || skip "no small file system to be had"
	COPPICE_LXCPATH=$T_TMP/small/ct
	export COPPICE_LXCPATH
	mkdir -m 0755 "$COPPICE_LXCPATH"
	ok create bb fd -- /bin/sh -c 'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done'
	ok start fd
	dd if=/dev/zero of="$T_TMP/small/fill" bs=64k 2>/dev/null || true
	sleep 1
	is_state fd running
	ok exec fd -- /bin/true
	ok stop --kill fd
	rm -f "$T_TMP/small/fill"
	ok delete --purge fd
	unset COPPICE_LXCPATH
	umount "$T_TMP/small"
}

@test "a log replaced by a link is not written through" {
	ok create bb ln -- /bin/sh -c 'while :; do echo evil; sleep 0.1; done'
	echo original >"$T_TMP/victim"
	rm -f "$T_ROOT/containers/ln/console.log"
	ln -s "$T_TMP/victim" "$T_ROOT/containers/ln/console.log"
	run --separate-stderr c start ln
	sleep 0.5
	same "$(cat "$T_TMP/victim")" original
	c stop --kill ln || true
}
