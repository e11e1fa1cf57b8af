#!/usr/bin/env bats
# Many commands at once on one container and on many: one wins, the others wait or say busy; nothing hangs, nothing is left.
load ../lib/common

teardown() { all_gone; }

# runs commands in the background, collects their exit codes in $codes
together() { # FILE with one command line each
	local pids=() lines_run=() p line rc
	codes=''
	while read -r line; do
		lines_run+=("$line")
		# shellcheck disable=SC2086
		timeout -k 5 30 "$COPPICE" $line >/dev/null 2>>"$T_TMP/together.err" 3>&- </dev/null &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		rc=0
		wait "$p" || rc=$?
		codes+="$rc "
		# 137 is what exec says of a program that a stop killed
		case $rc:${lines_run[0]} in
		137:exec*) ;;
		124:* | 137:*) echo "hung: ${lines_run[0]} (among ${lines_run[*]})"; return 1 ;;
		134:* | 139:*) echo "crashed: ${lines_run[0]}"; return 1 ;;
		esac
		lines_run=("${lines_run[@]:1}")
	done
}

@test "ten starts at once: one system" {
	ok create bb a -- /bin/sleep 1000
	together < <(for i in $(seq 10); do echo "start a"; done)
	is_state a running
	same "$(c exec a -- /bin/sh -c 'set -- /proc/[0-9]*; echo $#')" "$(c exec a -- /bin/sh -c 'set -- /proc/[0-9]*; echo $#')"
	run ! grep -vE '^0$|^4$' <(xargs -n1 <<<"$codes")
}

@test "ten creates of one name at once: one container, the others are told" {
	together < <(for i in $(seq 10); do echo "create bb b"; done)
	same "$(xargs -n1 <<<"$codes" | grep -c '^0$')" 1
	ok start b
	ok exec b -- /bin/true
}

@test "ten creates of ten names at once: ten containers with ten id ranges" {
	together < <(for i in $(seq 10); do echo "launch bb m$i -- /bin/sleep 1000"; done)
	same "$(c list -q 'm*' status=running | wc -l)" 10
	same "$(c -f json list 'm*' | jq '[.containers[].id_first] | unique | length')" 10
}

@test "starts and stops against each other end in one state, with nothing left" {
	ok create bb s -- /bin/sleep 1000
	local round
	for round in 1 2 3; do
		together < <(for i in $(seq 6); do echo "start s"; echo "stop --kill s"; done)
	done
	ok stop --kill s
	is_state s stopped
	[ -z "$(groups_of s)" ]
	ok start s
	ok exec s -- /bin/true
}

# exec is not among them: a program in a container that is then paused waits, and should
@test "a storm of every verb for eight seconds: no hang, no leak" {
	ok create bb w -- /bin/sleep 1000
	local end=$((SECONDS + 8)) verbs=("start w" "stop --kill w" "pause w" "resume w" "list" "show w" "restart w" "config set w coppice.pids=200" "logs w" "kill --signal USR1 w")
	while [ $SECONDS -lt $end ]; do
		together < <(for i in 1 2 3 4 5 6 7 8; do echo "${verbs[RANDOM % ${#verbs[@]}]}"; done)
	done
	ok resume w || true
	ok stop --kill w
	is_state w stopped
	[ -z "$(groups_of w)" ]
	ok start w
	ok exec w -- /bin/true
}

@test "execs in a storm of starts and stops: each ends, as success or as a failure of its own" {
	ok create bb e -- /bin/sleep 1000
	local end=$((SECONDS + 6)) verbs=("start e" "stop --kill e" "exec e -- /bin/true" "exec e -- /bin/true" "exec e -- /bin/sh -c true" "restart e")
	while [ $SECONDS -lt $end ]; do
		together < <(for i in 1 2 3 4 5 6; do echo "${verbs[RANDOM % ${#verbs[@]}]}"; done)
	done
	ok stop --kill e
	[ -z "$(groups_of e)" ]
}

@test "create and delete storm on several names" {
	local end=$((SECONDS + 6))
	while [ $SECONDS -lt $end ]; do
		together < <(for i in 1 2 3 4 5 6; do echo "create bb n$((RANDOM % 3))"; echo "delete --purge --force n$((RANDOM % 3))"; done)
	done
	c delete --purge --force 'n*' >/dev/null 2>&1 || true
	same "$(c list -q 'n*' 2>/dev/null | wc -l)" 0
	[ -z "$(find "$T_ROOT/containers/.staging" -mindepth 1)" ]
}

@test "a lock that is held says who holds it" {
	ok launch bb h -- /usr/bin/guest stubborn
	"$COPPICE" stop --timeout 4s h >/dev/null 2>&1 3>&- </dev/null &
	local pid=$!
	sleep 0.5
	T=20 run --separate-stderr c config set h coppice.pids=300
	# it may wait for the other or say busy; then it names the verb
	[ "$status" = 0 ] || { [ "$status" = 4 ] && [[ $stderr == *stop* ]]; } || show_run
	wait $pid || true
}
