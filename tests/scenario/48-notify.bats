#!/usr/bin/env bats
# Policies with the action notify: lxc.seccomp.notify.proxy is asked, as LXC's monitor asks it, and its answer is what the program inside gets.
load ../lib/common

setup() {
	needs root python3
	L=$T_TMP/lxc
	rm -rf --one-file-system "$L"
	mkdir -p "$L"
	chmod 0755 "$T_TMP" "$L"
	rm -f "$T_TMP/sock" "$T_TMP/asked"
	proxies=
}
teardown() {
	local pid
	c --lxcpath "$L" delete --force --purge --all >/dev/null 2>&1 || true
	for pid in $proxies; do kill "$pid" 2>/dev/null || true; done
	rm -rf --one-file-system "$L"
}
teardown_file() { all_gone; }

made() { # NAME LINE...
	local name=$1
	shift
	mkdir -p "$L/$name"
	cp -a "$COPPICE_TEST_DIR/bb" "$L/$name/rootfs"
	printf '%s\n' 2 denylist '[all]' 'mknod notify' 'mknodat notify' >"$T_TMP/policy"
	printf '%s\n' "lxc.rootfs.path = dir:$L/$name/rootfs" "lxc.net.0.type = empty" "lxc.init.cmd = /init.sh" "lxc.seccomp.profile = $T_TMP/policy" "$@" >"$L/$name/config"
	cat >"$L/$name/rootfs/init.sh" <<-'X'
		#!/bin/sh
		busybox mknod /tmp/first p 2>&1
		echo "first $?"
		exec sleep 1000
	X
	chmod 0755 "$L/$name/rootfs/init.sh"
}
proxy() { # SOCKET ANSWER
	: >"$T_TMP/asked"
	python3 "$BATS_TEST_DIRNAME/../tools/notify-proxy.py" "$@" >"$T_TMP/asked" 2>&1 3>&- 4>&- &
	proxies+=" $!"
	until_ok 20 grep -q ready "$T_TMP/asked"
}
end_proxy() {
	local pid
	for pid in $proxies; do
		kill "$pid"
		wait "$pid" || true
	done
	proxies=
	rm -f "$T_TMP/sock"
}
asked() { grep -q "call .* $1" "$T_TMP/asked"; }
printed() { c --lxcpath "$L" logs "$1" | grep -q "$2"; }
inside() { c --lxcpath "$L" exec n -- /bin/sh -c "$1" 2>&1; }

@test "init's call is answered by the proxy, with the cookie; so are those of programs that come later" {
	proxy "$T_TMP/sock" 18
	made n "lxc.seccomp.notify.proxy = unix:$T_TMP/sock" "lxc.seccomp.notify.cookie = of n"
	ok --lxcpath "$L" start n
	until_ok 10 printed n "first 1"
	printed n "Invalid cross-device link"
	asked "/tmp/first of n 3"
	run inside "busybox mknod /tmp/later p"
	[[ $output == *"Invalid cross-device link"* ]]
	asked "/tmp/later of n 3"
	# nothing was made, and calls without a rule go on as ever
	inside "test ! -e /tmp/first && touch /tmp/x"
}

@test "success is what the proxy says it is; an abstract socket" {
	proxy "@notify-$BATS_ROOT_PID" 0
	made n "lxc.seccomp.notify.proxy = unix:@notify-$BATS_ROOT_PID"
	ok --lxcpath "$L" start n
	until_ok 10 printed n "first 0"
	asked "/tmp/first - 3"
	inside "test ! -e /tmp/first"
}

@test "a proxy that goes away: ENOSYS; one that is there again is asked again" {
	proxy "$T_TMP/sock" 18
	made n "lxc.seccomp.notify.proxy = unix:$T_TMP/sock"
	sed -i 's|exec sleep.*|sleep 0.1; while read how; do busybox mknod /tmp/$how p 2>\&1; done </fifo|' "$L/n/rootfs/init.sh"
	mkfifo -m 0666 "$L/n/rootfs/fifo"
	ok --lxcpath "$L" start n
	until_ok 10 printed n "first 1"
	exec 9<>"$L/n/rootfs/fifo"
	end_proxy
	echo away >&9
	until_ok 10 printed n "away.*Function not implemented"
	proxy "$T_TMP/sock" 1
	echo again >&9
	until_ok 10 printed n "again.*Operation not permitted"
	exec 9>&-
}

@test "an answer that makes no sense, and a proxy that hangs up: ENOSYS, and the container goes on" {
	local how
	for how in junk drop; do
		proxy "$T_TMP/sock" "$how"
		made n "lxc.seccomp.notify.proxy = unix:$T_TMP/sock"
		ok --lxcpath "$L" start n
		until_ok 10 printed n "Function not implemented"
		inside "echo fine" | grep -q fine
		ok --lxcpath "$L" stop --timeout 0.1 n
		end_proxy
		rm -rf --one-file-system "$L/n"
	done
}

@test "a policy may hand over what the start itself still does: the proxy is asked for that too" {
	proxy "$T_TMP/sock" 0
	made n "lxc.seccomp.notify.proxy = unix:$T_TMP/sock"
	printf '%s\n' 2 denylist '[all]' 'sethostname notify' 'sendmsg notify' 'mknodat notify' 'mknod notify' >"$T_TMP/policy"
	ok --lxcpath "$L" start n
	until_ok 10 printed n "first 0"
}

@test "nobody listens: the start fails and says so; without a proxy such a call fails with ENOSYS" {
	made n "lxc.seccomp.notify.proxy = unix:$T_TMP/sock"
	fails 3 --lxcpath "$L" start n
	err_has "lxc.seccomp.notify.proxy: connect to 'unix:$T_TMP/sock': No such file"
	sed -i /proxy/d "$L/n/config"
	ok --lxcpath "$L" start n
	until_ok 10 printed n "Function not implemented"
}

@test "the relay ends with the container" {
	proxy "$T_TMP/sock" 18
	made n "lxc.seccomp.notify.proxy = unix:$T_TMP/sock"
	ok --lxcpath "$L" start n
	until_ok 10 printed n "first 1"
	relays() { local p; for p in /proc/[0-9]*; do [ "$(cat "$p/comm" 2>/dev/null)" != coppice-notify ] || tr '\0' ' ' <"$p/cmdline" | grep -c " n "; done; }
	[ -n "$(relays)" ]
	ok --lxcpath "$L" stop --timeout 0.1 n
	until_ok 5 eval '[ -z "$(relays)" ]'
}
