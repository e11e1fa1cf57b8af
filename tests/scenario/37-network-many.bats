#!/usr/bin/env bats
# Many containers on one network. COPPICE_NETWORK_MANY: how many (100).
load ../lib/common
load ../lib/netlab

setup() { needs network; }
setup_file() { lab_up; }
teardown() { all_gone; }
teardown_file() {
	all_gone
	lab_down
}

many=${COPPICE_NETWORK_MANY:-100}

@test "all have addresses of their own, reach each other and the world; nothing is left of any" {
	local names n all
	names=$(seq -f 'm%.0f' "$many")
	ok network create many0
	# shellcheck disable=SC2086
	T=300 ok create --network many0 bb $names -- /usr/bin/peer serve m 8000
	T=300 ok start 'm*'
	same "$(c list -q 'm*' status=running | wc -l)" "$many"
	all=$(c -f json network show many0 | jq -r '.users[].ipv4')
	same "$(sort -u <<<"$all" | grep -c '^10\.')" "$many"
	same "$(ip -j link show master many0 | jq length)" "$many"
	for n in 1 $((many / 2)) "$many"; do
		asks inside m1 tcp "$(ip4 "m$n")" 8000
		asks inside "m$n" tcp $INET4 80
		is "inet 80 $HOST4"
		reaches m2 "m$n"
	done
	T=300 ok stop --kill 'm*'
	no_traces
	T=300 ok delete --purge 'm*'
	ok network delete many0
	[ -z "$(ls -A "$T_ROOT/networks")" ] || { find "$T_ROOT/networks"; return 1; }
}

@test "a small network is full after its last address, and a freed one is used again" {
	ok network create tiny0 --ipv4 10.205.0.1/29 --ipv6 none
	local i
	for i in 1 2 3 4 5; do
		up "t$i" --network tiny0
	done
	same "$(for i in 1 2 3 4 5; do ip4 "t$i"; done | sort -u | wc -l)" 5
	run --separate-stderr c launch --network tiny0 bb t6 -- /bin/sleep 100000
	ran="launch in a full network"
	[ "$status" = 1 ] || show_run
	three_lines
	err_has tiny0
	ok delete --if-exists --force --purge t6
	ok delete --force --purge t3
	up t7 --network tiny0
	reaches t7 "$(ip4 t1)"
}

@test "many starts at once, each with its own address" {
	local i pids=()
	for i in $(seq 12); do
		together launch bb "p$i" -- /bin/sleep 100000
	done
	for i in "${pids[@]}"; do wait "$i" || { cat "$T_TMP/err"; return 1; }; done
	same "$(for i in $(seq 12); do ip4 "p$i"; done | sort -u | wc -l)" 12
	same "$(for i in $(seq 12); do mac "p$i"; done | sort -u | wc -l)" 12
	reaches p1 p12
}

@test "starts, stops, gc and edits of the network at once: whoever runs works, and nothing is left of the others" {
	local i round pids p
	ok network create busy0
	for i in $(seq 6); do
		ok create --network busy0 --port $((8100 + i)):8000 bb "b$i" -- /usr/bin/peer serve "b$i" 8000
	done
	for round in 1 2 3 4; do
		pids=()
		for i in $(seq 6); do
			together start "b$i"
			[ $((i % 3)) != 0 ] || together gc
			[ $((i % 3)) != 1 ] || together network edit busy0 "isolated=$([ $((round % 2)) = 0 ] && echo yes || echo no)"
		done
		for p in "${pids[@]}"; do wait "$p" || { cat "$T_TMP/err"; return 1; }; done
		for i in $(seq 6); do
			is_state "b$i" running
			until_ok 10 asks in_inet tcp $HOST4 $((8100 + i))
			is "b$i 8000 $INET4"
		done
		pids=()
		for i in $(seq 6); do
			together stop --kill "b$i"
			[ "$i" != 3 ] || together gc
		done
		for p in "${pids[@]}"; do wait "$p" || { cat "$T_TMP/err"; return 1; }; done
		no_traces
	done
}
together() { # WORD...: in the background, its pid in pids
	timeout -k 5 60 "$COPPICE" "$@" >/dev/null 2>>"$T_TMP/err" </dev/null 3>&- 4>&- &
	pids+=($!)
}
