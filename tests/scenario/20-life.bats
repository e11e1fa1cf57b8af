#!/usr/bin/env bats
# A container's life: create, start, stop, restart, kill, pause, delete, undelete, wait; each verb twice, each in the wrong state.
load ../lib/common

@test "create, start, stop, delete: the straight line" {
	ok create bb l1 -- /bin/sleep 1000
	is_state l1 stopped
	ok start l1
	is_state l1 running
	ok exec l1 -- /bin/echo hello
	is hello
	ok stop l1
	is_state l1 stopped
	ok delete l1
	fails 3 show l1
}

@test "launch is create and start" {
	ok launch bb l2 -- /bin/sleep 1000
	is_state l2 running
	ok delete --force --purge l2
}

@test "several names at once" {
	ok launch bb a1 a2 a3 -- /bin/sleep 1000
	same "$(c list -q 'a*' | tr '\n' ' ')" "a1 a2 a3 "
	ok stop 'a*'
	same "$(c list -q status=stopped | tr '\n' ' ')" "a1 a2 a3 "
	ok delete --purge a1 a2 a3
}

@test "a name is made up when none is given, and printed" {
	ok -q create bb
	[[ $output =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] || show_run
	ok delete --purge "$output"
}

@test "verbs are idempotent; --strict makes it an error" {
	up i1
	ok start i1
	fails 4 start --strict i1
	ok stop i1
	ok stop i1
	fails 4 stop --strict i1
	ok create --if-missing bb i1
	fails 4 create bb i1
	ok delete --purge i1
	ok delete --if-exists i1
	fails 3 delete i1
}

@test "delete of a running container is refused without --force" {
	up d1
	fails 4 delete d1
	is_state d1 running
	ok delete --force d1
	fails 3 show d1
}

@test "delete goes to the trash, undelete brings back the files" {
	ok create bb t1
	ok start t1
	ok exec t1 -- /bin/sh -c 'echo precious >/root/file'
	ok stop t1
	ok delete t1
	ok undelete --list
	has t1
	ok undelete t1
	ok start t1
	ok exec t1 -- /bin/cat /root/file
	is precious
	ok stop t1
	ok delete t1
	ok create bb t1
	fails 4 undelete t1
	ok delete --purge t1
	ok undelete t1
	ok delete --purge t1
	fails 3 undelete t1
}

@test "restart gives a new init and keeps the files" {
	up r1
	ok exec r1 -- /bin/sh -c 'echo kept >/root/file'
	local before
	before=$(init_of r1)
	ok restart r1
	is_state r1 running
	[ "$(init_of r1)" != "$before" ]
	ok exec r1 -- /bin/cat /root/file
	is kept
	ok delete --force --purge r1
}

@test "pause freezes, resume goes on" {
	up p1
	ok exec p1 -- /bin/sh -c '(i=0; while :; do i=$((i+1)); echo $i >/root/tick.new; mv /root/tick.new /root/tick; usleep 20000; done) >/dev/null 2>&1 &'
	sleep 0.3
	ok pause p1
	is_state p1 frozen
	local file one two
	file=$T_ROOT/containers/p1/private/root/tick
	one=$(<"$file")
	sleep 0.3
	two=$(<"$file")
	same "$two" "$one"
	ok pause p1
	fails 4 pause --strict p1
	ok resume p1
	is_state p1 running
	sleep 0.3
	[ "$(<"$file")" != "$one" ]
	ok resume p1
	ok delete --force --purge p1
}

@test "a frozen container can be stopped and deleted" {
	up p2
	ok pause p2
	ok stop p2
	is_state p2 stopped
	ok start p2
	ok pause p2
	ok delete --force --purge p2
}

@test "stop asks first, kills after its grace, and says so" {
	ok launch bb s1 -- /usr/bin/guest stubborn
	local t0=$SECONDS
	ok stop --timeout 1s s1
	[ $((SECONDS - t0)) -le 5 ]
	[[ $output$stderr == *kill* ]] || show_run
	is_state s1 stopped
	ok delete --purge s1
}

@test "stop --kill does not wait" {
	ok launch bb s2 -- /usr/bin/guest stubborn
	local t0
	t0=$(date +%s%N)
	ok stop --kill s2
	[ $((($(date +%s%N) - t0) / 1000000)) -lt 3000 ]
	ok delete --purge s2
}

@test "an init that understands it gets the signal and ends by itself" {
	ok create bb s3
	ok config set s3 lxc.init.cmd="/usr/bin/guest signals" lxc.signal.halt=SIGTERM
	ok start s3
	until_ok 5 eval 'c logs s3 | grep -q ready'
	ok stop s3
	hasnt kill
	ok logs s3
	has "signal 15"
	ok delete --purge s3
}

@test "kill sends any signal to init" {
	ok create bb k1
	ok config set k1 lxc.init.cmd="/usr/bin/guest signals"
	ok start k1
	until_ok 5 eval 'c logs k1 | grep -q ready'
	ok kill --signal USR1 k1
	until_ok 5 eval 'c logs k1 | grep -q "signal 10"'
	ok kill --signal HUP k1
	until_ok 5 eval 'c logs k1 | grep -q "signal 1 "'
	ok kill --signal KILL k1
	until_ok 5 is_state k1 stopped
	fails 4 kill --signal HUP k1
	ok delete --purge k1
}

@test "a program that ends is a stopped container with its exit code" {
	ok launch bb e1 -- /bin/sh -c 'exit 7'
	until_ok 10 is_state e1 stopped
	ok -f json show e1
	same "$(jq '[.. | .last_exit? // empty][0]' <<<"$output")" 7
	ok delete --purge e1
}

@test "wait: for running, for stopped with the exit code, with a deadline" {
	ok launch bb w1 -- /bin/sh -c 'sleep 1; exit 3'
	ok wait w1 running
	ok wait w1 stopped --timeout 10s
	is_state w1 stopped
	fails 124 wait w1 running --timeout 300ms
	ok delete --purge w1
}

@test "restart policy on-failure starts again, no does not" {
	ok create bb rp -- /bin/sh -c 'echo x >>/root/starts; exit 1'
	ok config set rp coppice.restart=on-failure
	ok start rp
	until_ok 10 eval '[ "$(wc -l <"$T_ROOT/containers/rp/private/root/starts")" -ge 3 ]'
	ok stop rp
	is_state rp stopped
	local n
	n=$(wc -l <"$T_ROOT/containers/rp/private/root/starts")
	sleep 1.5
	same "$(wc -l <"$T_ROOT/containers/rp/private/root/starts")" "$n"
	ok delete --purge rp
}

@test "the caller's umask does not reach the container or its groups, nor does the monitor's in a restart" {
	local d restarts=0
	# ends when it is told, not while its groups are looked at
	ok create bb um --set coppice.restart=always -- /bin/sh -c 'umask >/root/umask; until [ -e /root/go ]; do sleep 0.1; done; rm -f /root/go; exit 1'
	(umask 077; c -q start um)
	for restarts in 0 1 2; do
		[ $restarts = 0 ] || : >"$T_ROOT/containers/um/private/root/go"
		until_ok 10 eval "[ \"\$(field um restarts)\" -ge $restarts ] && is_state um running"
		for d in $(groups_of um); do same "$(stat -c %a "$d")" 755; done
	done
	same "$(cat "$T_ROOT/containers/um/private/root/umask")" 0022
	ok delete --force --purge um
}

@test "a restart that fails says why in the log, and the container is stopped" {
	mkdir "$T_ROOT/given"
	ok create bb rf --set coppice.restart=always --set "lxc.mount.entry=$T_ROOT/given mnt none bind,create=dir 0 0" -- /bin/sh -c 'sleep 0.5; exit 1'
	ok start rf
	rmdir "$T_ROOT/given"
	until_ok 10 is_state rf stopped
	ok logs rf
	has "could not start it again"
	has "$T_ROOT/given"
	ok delete --purge rf
}

@test "an ephemeral container is gone when it stops" {
	ok launch --ephemeral bb eph -- /bin/sh -c 'sleep 0.5'
	until_ok 10 eval '! c show eph >/dev/null 2>&1'
	[ ! -e "$T_ROOT/containers/eph" ]
}

@test "identity is made at first start: machine id, host name; two containers differ" {
	up id1
	up id2
	ok exec id1 -- /bin/hostname
	is id1
	ok exec id1 -- /bin/cat /etc/machine-id
	local one=$output two
	[[ $one =~ ^[0-9a-f]{32}$ ]] || show_run
	ok exec id2 -- /bin/cat /etc/machine-id
	two=$output
	[ "$one" != "$two" ]
	[ "$one" != 0123456789abcdef0123456789abcdef ]
	ok restart id1
	ok exec id1 -- /bin/cat /etc/machine-id
	is "$one"
	ok exec id1 -- /bin/cat /etc/hostname
	is id1
	ok delete --force --purge id1 id2
}

@test "a program that cannot be started: told, exit code, nothing left running" {
	run --separate-stderr c launch bb ns1 -- /bin/nosuchprogram
	[ "$status" != 0 ] || show_run
	three_lines
	err_has nosuchprogram
	is_state ns1 stopped
	[ -z "$(groups_of ns1)" ]
	ok delete --purge ns1
}

@test "the small init reaps orphans" {
	up or1
	ok exec or1 -- /usr/bin/guest orphans 20
	is "zombies 0"
	ok delete --force --purge or1
}

@test "some of several failed: exit 7, the others are done" {
	ok create bb m1
	run --separate-stderr c delete --purge m1 m-missing
	[ "$status" = 7 ] || [ "$status" = 3 ] || show_run
	[ "$status" = 3 ] && ok delete --purge m1
	up m2
	ok create bb m3
	run --separate-stderr c delete --purge m2 m3
	[ "$status" = 7 ] || show_run
	fails 3 show m3
	is_state m2 running
	ok delete --force --purge m2
}

@test "after another boot everything is simply stopped" {
	up bt
	local pid mon
	pid=$(init_of bt) mon=$(monitor_of bt)
	kill -KILL "$mon" "$pid"
	until_ok 5 eval '! kill -0 $pid 2>/dev/null'
	# what a reboot leaves: a record with the boot id of another boot
	find "$T_ROOT/run/bt" -type f -exec sed -i 's/[0-9a-f]\{8\}-[0-9a-f]\{4\}-[0-9a-f]\{4\}-[0-9a-f]\{4\}-[0-9a-f]\{12\}/00000000-0000-0000-0000-000000000000/' {} +
	is_state bt stopped
	ok start bt
	is_state bt running
	ok delete --force --purge bt
}
