#!/usr/bin/env bats
# kill -9 of any command at any moment: the next command repairs what was left, by itself. 15 kills a verb, at moments spread over its time.
load ../lib/common

teardown() { all_gone; }

# The time a verb takes, in ms, measured once.
ms_of() {
	local t0
	t0=$(date +%s%N)
	c "$@" >/dev/null 2>&1 </dev/null || true
	echo $((($(date +%s%N) - t0) / 1000000 + 1))
}

# killed_at MS WORD...: the whole process group of the command gets KILL after so many milliseconds (its monitor is in another and goes on)
killed_at() {
	local ms=$1
	shift
	timeout -s KILL "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" "$COPPICE" "$@" >/dev/null 2>&1 </dev/null 3>&- || true
}

# everything the monitor could be doing is over
settled() { until_ok 10 eval '! c list -q status=starting | grep -q . && ! c list -q status=stopping | grep -q .'; }

no_leftovers() { # NAME: neither half a directory nor nodes nor run-time files
	[ -z "$(ls -A "$T_ROOT/containers/.staging" 2>/dev/null)" ] || { echo "half-made directory"; return 1; }
	[ -z "$(groups_of "$1")" ] || { groups_of "$1"; return 1; }
}

@test "create" {
	local ms i span
	span=$(ms_of create bb probe)
	ok delete --purge probe
	for i in $(seq 15); do
		ms=$((span * i / 12 + 1))
		killed_at $ms create bb c1
		# whatever the moment: it is not listed, or it is whole
		if [ -n "$(state_of c1)" ]; then
			is_state c1 stopped
			ok start c1
			ok stop --kill c1
			ok delete --purge c1
		fi
		ok create bb c1
		ok start c1
		ok delete --force --purge c1
		no_leftovers c1
	done
	[ -z "$(find "$T_ROOT/containers" -path '*/.staging/*' -print -quit)" ]
}

@test "start" {
	local ms i span
	ok create bb s1 -- /bin/sleep 1000
	span=$(ms_of start s1)
	ok stop --kill s1
	for i in $(seq 15); do
		ms=$((span * i / 12 + 1))
		killed_at $ms start s1
		settled
		ok start s1
		is_state s1 running
		ok exec s1 -- /bin/true
		ok stop --kill s1
		no_leftovers s1
	done
}

@test "the monitor itself, while it starts" {
	local i pid
	ok create bb s2 -- /bin/sleep 1000
	for i in $(seq 15); do
		"$COPPICE" start s2 >/dev/null 2>&1 3>&- </dev/null &
		pid=$!
		sleep "0.0$(printf '%02d' $((i % 20)))"
		# the monitor is the process of our binary that is not the command
		pgrep -f "$COPPICE_BUILD|role=monitor|coppice.*s2" 2>/dev/null | while read -r p; do
			[ "$p" = $pid ] || { grep -q 's2' "/proc/$p/cmdline" 2>/dev/null && grep -zq -- --role=monitor "/proc/$p/cmdline" && kill -KILL "$p"; } 2>/dev/null || true
		done
		wait $pid || true
		T=30 ok start s2
		is_state s2 running
		ok stop --kill s2
		no_leftovers s2
	done
}

@test "stop" {
	local ms i span
	up t1
	span=$(ms_of stop --kill t1)
	for i in $(seq 15); do
		ok start t1
		ms=$((span * i / 12 + 1))
		killed_at $ms stop --kill t1
		settled
		ok stop --kill t1
		is_state t1 stopped
		no_leftovers t1
	done
}

@test "delete" {
	local ms i span
	ok create bb d0
	span=$(ms_of delete --purge d0)
	for i in $(seq 15); do
		ok create bb d1
		ms=$((span * i / 12 + 1))
		killed_at $ms delete --purge d1
		[ -z "$(state_of d1)" ] || ok delete --purge d1
		fails 3 show d1
		ok create bb d1
		ok delete --purge d1
	done
	ok gc --trash-age 0s
	[ -z "$(ls -A "$T_ROOT/trash" "$T_ROOT/staging" 2>/dev/null | grep -v ':$')" ] || { ls -A "$T_ROOT/trash" "$T_ROOT/staging"; return 1; }
}

@test "restart and pause" {
	local ms i
	up p1
	for i in $(seq 8); do
		ms=$((i * 6))
		killed_at $ms restart p1
		settled
		ok start p1
		killed_at $((i * 2)) pause p1
		ok resume p1
		is_state p1 running
		ok exec p1 -- /bin/true
	done
}

@test "run" {
	local i
	for i in $(seq 15); do
		killed_at $((i * 6)) run bb -- /bin/sleep 5
	done
	until_ok 15 eval '[ -z "$(c list -q)" ]'
	ok run bb -- /bin/true
	[ -z "$(find /sys/fs/cgroup -type d -path "*$(sort -u "$COPPICE_TEST_DIR/groups" 2>/dev/null | head -n 1)/*" -name payload 2>/dev/null)" ]
}

@test "config set: the file is the old one or the new one" {
	local i v
	ok create bb k1
	ok config set k1 coppice.pids=100
	for i in $(seq 20); do
		killed_at $((i % 4 + 1)) config set k1 coppice.pids=$((100 + i))
		v=$(c config get k1 coppice.pids)
		[[ $v =~ ^1[0-2][0-9]$ ]] || { echo "got '$v'"; return 1; }
	done
	ok start k1
}

@test "ids are given back: after all this the range file has no more owners than containers" {
	local i
	for i in $(seq 5); do
		up "r$i"
		ok delete --force --purge "r$i"
	done
	[ "$(grep -c . "$T_ROOT/ranges" 2>/dev/null || echo 0)" -le 3 ] || cat "$T_ROOT/ranges"
}
