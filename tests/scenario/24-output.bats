#!/usr/bin/env bats
# What is printed: tables, plain text, CSV, JSON and JSON lines say the same; list, show, df, doctor, gc.
load ../lib/common

setup_file() {
	c create bb stopped1 >/dev/null
	c launch bb run1 run2 -- /bin/sleep 100000 >/dev/null
	c launch --mode overlay --tag lab bb lay1 -- /bin/sleep 100000 >/dev/null
	c launch --memory 64M bb lim1 -- /bin/sleep 100000 >/dev/null
}
teardown_file() {
	all_gone
}

@test "list: a table with a heading and a summary" {
	ok list
	[[ ${lines[0]} == NAME*STATE* ]] || show_run
	has "run1"
	has "5 containers, 4 running"
	ok list --no-header
	[[ ${lines[0]} != NAME* ]] || show_run
}

@test "list -q: names, one a line, sorted" {
	ok list -q
	same "$output" $'lay1\nlim1\nrun1\nrun2\nstopped1'
}

@test "an empty list is silent and exit 0" {
	ok list 'status=frozen'
	ok list -q 'status=frozen'
	is ""
	ok -f json list 'status=frozen'
	same "$(jq '.containers | length' <<<"$output")" 0
}

@test "selectors: names, patterns, base, status, mode, tag; they narrow each other" {
	same "$(c list -q 'run*' | xargs)" "run1 run2"
	same "$(c list -q base=bb | xargs)" "lay1 lim1 run1 run2 stopped1"
	same "$(c list -q status=running | xargs)" "lay1 lim1 run1 run2"
	same "$(c list -q mode=overlay | xargs)" lay1
	same "$(c list -q tag=lab | xargs)" lay1
	same "$(c list -q 'run*' status=stopped | xargs)" ""
	fails 2 list status=sleeping
	fails 3 list nosuch
	fails 2 list 'colour=red'
}

@test "JSON has its schema, integers for bytes, RFC 3339 for times" {
	ok -f json list
	same "$(jq -r .schema <<<"$output")" coppice.list/1
	jq -e '.containers | length == 5' <<<"$output"
	jq -e '.containers[] | select(.name == "run1") | (.pid | type == "number") and (.state == "running") and (.pids | type == "number") and (.started | test("^[0-9-]+T[0-9:]+Z$"))' <<<"$output" || show_run
	jq -e '.containers[] | select(.name == "stopped1") | .pid == null or .pid == 0' <<<"$output" || show_run
}

@test "JSON lines: one object a line" {
	ok -f jsonl list
	same "${#lines[@]}" 5
	local line
	for line in "${lines[@]}"; do jq -e '.name and .schema' <<<"$line" >/dev/null || show_run; done
}

@test "CSV: a heading and as many fields in each line" {
	ok -f csv list
	same "$(awk -F, '{ print NF }' <<<"$output" | sort -u | wc -l)" 1
	same "${#lines[@]}" 6
}

@test "plain: no heading, no colour, exact values" {
	ok -f plain list
	same "${#lines[@]}" 5
	[[ $output != *NAME* ]]
}

@test "columns and sorting" {
	ok list -c name,state
	[[ ${lines[0]} == NAME*STATE* && ${lines[0]} != *BASE* ]] || show_run
	ok list -q --sort -name
	same "$(xargs <<<"$output")" "stopped1 run2 run1 lim1 lay1"
	fails 2 list -c nosuch
}

@test "COPPICE_FORMAT and the flag: the flag wins" {
	COPPICE_FORMAT=json ok list
	[[ $output == "{"* ]]
	COPPICE_FORMAT=json ok -f plain list
	[[ $output != "{"* ]]
}

@test "show: for people and in JSON" {
	ok show run1
	has run1
	has running
	has bb
	ok -f json show run1
	jq -e '[.. | .name? // empty] | index("run1") != null' <<<"$output" || show_run
	jq -e '[.. | .private_bytes? // empty][0] > 0' <<<"$output" || show_run
}

@test "a running container shows its memory, CPU time and processes" {
	ok -f json list run1
	jq -e '.containers[0] | .cpu_usec > 0 and .pids >= 1' <<<"$output" || show_run
	ok -f json list lim1
	jq -e '.containers[0] | .memory > 0 and .memory_max == 67108864' <<<"$output" || show_run
}

@test "df: base once, privates summed, what full copies would cost" {
	ok df
	has bb
	ok -f json df
	jq -e '[.. | objects | select(.base? == "bb")][0] | .common > 0 and .containers == 5 and .on_disk < .full_copies' <<<"$output" || show_run
}

@test "df is exact: it equals what du says of the private part" {
	local ours du
	ours=$(c -f json show run1 | jq '[.. | .private_bytes? // empty][0]')
	du=$(($(du -s --block-size=512 "$T_ROOT/containers/run1/private" | cut -f1) * 512))
	[ $((ours - du)) -lt 65536 ] && [ $((du - ours)) -lt 65536 ] || { echo "ours $ours, du $du"; return 1; }
}

@test "doctor: exit 0 or 6, every finding with a level and, unless ok, a way out" {
	run --separate-stderr c doctor
	[ "$status" = 0 ] || [ "$status" = 6 ] || show_run
	[[ $output == *kernel* ]] || show_run
	run --separate-stderr c -f json doctor
	jq -e '[.. | objects | select(has("level"))] | length > 5' <<<"$output" || show_run
	jq -e '[.. | objects | select(.level? == "fail" or .level? == "warn")] | all(.fix != null and .fix != "")' <<<"$output" || show_run
}

@test "gc: dry run first, then nothing more to do" {
	ok create bb g1
	ok delete g1
	ok gc --dry-run
	ok undelete --list
	has g1
	ok gc --trash-age 0s
	ok undelete --list
	hasnt g1
	ok gc
}

@test "control bytes in what a container prints or is called never reach the terminal" {
	ok exec run1 -- /bin/sh -c 'printf "\033]0;evil\007\033[31m\n" >/dev/console'
	printf 'coppice.tag = lab\n' >>"$T_ROOT/containers/stopped1/config"
	ok list --long
	[[ $output != *$'\e'* ]]
	ok show run1
	[[ $output != *$'\e'* ]]
}

@test "list of what cannot be read is a note, not a failure" {
	mkdir -p "$T_ROOT/containers/broken"
	printf 'garbage' >"$T_ROOT/containers/broken/config"
	ok list
	has run1
	rm -rf "$T_ROOT/containers/broken"
}
