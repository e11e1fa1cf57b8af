#!/usr/bin/env bats
# The command line itself: what is understood, how errors look, which exit codes, what goes to which stream.
load ../lib/common

@test "version prints one line and exits 0" {
	ok version
	[[ ${lines[0]} =~ ^coppice\ [0-9]+\.[0-9]+ ]] || show_run
	[ -z "$stderr" ]
}

@test "version is machine readable" {
	ok -f json version
	json .schema >/dev/null
	json .version >/dev/null
}

@test "help lists every verb of the main job" {
	ok help
	for verb in create launch run start stop restart kill pause resume delete undelete list show exec shell console logs cp df wait config doctor gc version base; do
		has "$verb"
	done
}

@test "each verb explains itself with its own help" {
	for verb in create launch run start stop delete list exec console logs cp wait gc; do
		ok help "$verb"
		has "coppice $verb"
		ok "$verb" --help
	done
	ok help base build
	has "--from"
}

@test "no words at all is help or a usage error, never a crash" {
	run --separate-stderr c
	[ "$status" = 0 ] || [ "$status" = 2 ] || show_run
}

@test "an unknown verb: exit 2, and the nearest one is named" {
	fails 2 lanch bb x
	err_has launch
}

@test "what other tools call it leads to our verb" {
	fails 2 destroy x
	err_has delete
	fails 2 inspect x
	err_has show
}

@test "an unknown option: exit 2, named" {
	fails 2 list --frobnicate
	err_has frobnicate
}

@test "a mutating verb without a selector is a usage error, never everything" {
	for verb in start stop restart kill pause resume delete; do
		fails 2 "$verb"
	done
}

@test "missing container: exit 3, the closest name is offered" {
	ok create bb web1
	fails 3 show web2
	err_has web1
	fails 3 start web2
	fails 3 stop web2
	fails 3 delete web2
	gives 3 exec web2 -- /bin/true
	err_has web1
	ok delete --purge web1
}

@test "missing base: exit 3" {
	fails 3 create nosuch x
	fails 3 base show nosuch
	fails 3 base delete nosuch
}

@test "a failure in JSON has code, what, why, try and exit" {
	run --separate-stderr c -f json show nosuch
	[ "$status" = 3 ] || show_run
	same "$(jq -r .error.code <<<"$stderr")" E_NO_CONTAINER
	same "$(jq -r .error.exit <<<"$stderr")" 3
	jq -e '.error | .what and .why and (.try | length > 0)' <<<"$stderr" || show_run
}

@test "every error code that can be met is explained by help" {
	for code in E_NO_CONTAINER E_NO_BASE E_USAGE E_STATE E_BASE_BUSY E_TIMEOUT E_DENIED E_UNSUPPORTED; do
		ok help $code
		has "$code"
	done
}

@test "the try line is a command that exists" {
	fails 3 show nosuch
	local try=${stderr_lines[2]#try:   }
	[[ $try == coppice\ * ]] || show_run
	read -r -a words <<<"${try#coppice }"
	run --separate-stderr c "${words[@]}"
	[ "$status" != 2 ] || show_run
}

@test "no colour without a terminal; NO_COLOR wins over a terminal; --color=always colours" {
	ok list
	[[ $output$stderr != *$'\e'* ]]
	run --separate-stderr c --color=always show nosuch
	[[ $stderr == *$'\e['* ]] || show_run
}

@test "--dry-run changes nothing" {
	ok create --dry-run bb dry
	fails 3 show dry
	ok create bb dry
	ok start --dry-run dry --set lxc.uts.name=another
	has another
	is_state dry stopped
	ok delete --dry-run dry
	ok show dry
	ok delete --purge dry
}

@test "a closed standard output, input or error does no harm" {
	timeout 20 "$COPPICE" list <&- >/dev/null
	timeout 20 "$COPPICE" version >&- 2>&- || true
	timeout 20 "$COPPICE" list 2>&- >/dev/null
}

@test "a full disk on standard output is told and is a failure" {
	[ -e /dev/full ] || skip "no /dev/full"
	rc=0
	timeout 20 "$COPPICE" help >/dev/full 2>"$T_TMP/err" || rc=$?
	same "$rc" 1
	grep -q '^error: ' "$T_TMP/err"
}

@test "completion for three shells asks the command itself" {
	for shell in bash zsh fish; do
		ok completion $shell
		has coppice
	done
	c completion bash | bash -n
	ok __complete -- la
	has launch
	ok __complete -- base v
	has verify
}

@test "help in JSON describes every verb" {
	ok -f json help
	json '[.verbs[].verb] | index("launch")' >/dev/null
}
