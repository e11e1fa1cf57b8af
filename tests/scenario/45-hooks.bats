#!/usr/bin/env bats
# lxc.hook.*: each kind at its place, with LXC's arguments and environment, in the order of the config; one that fails aborts the start and nothing is left.
load ../lib/common

setup() {
	H=$T_TMP/h
	mkdir -p "$H"
	chmod 0755 "$T_TMP" "$H"
	: >"$H/log"
	chmod 0666 "$H/log"
	# says who was called, with what, as whom and where
	cat >"$H/say" <<-E
		#!/bin/sh
		{
			echo "\$LXC_HOOK_TYPE: \$*"
			env | sed "s/^/\$LXC_HOOK_TYPE env /"
			echo "\$LXC_HOOK_TYPE uid \$(id -u) mnt \$(readlink /proc/self/ns/mnt) user \$(readlink /proc/self/ns/user) umask \$(umask) pwd \$(pwd)"
			ls /proc/self/fd | tr '\n' ' ' | sed "s/^/\$LXC_HOOK_TYPE fds /"
			echo
		} >>$H/log
	E
	chmod 0755 "$H/say"
}
teardown() { c delete --force --purge k >/dev/null 2>&1 || true; }
teardown_file() { all_gone; }

conf() { printf '%s\n' "$@" >>"$T_ROOT/containers/k/config"; }
said() { grep -qF -- "$1" "$H/log" || { echo "not in the log: $1"; cat "$H/log"; return 1; }; }
kinds() { sed -n 's/^\([a-z-]*\): .*/\1/p' "$H/log" | tr '\n' ' '; }
script() { # NAME LINE...
	local f=$H/$1
	shift
	printf '%s\n' '#!/bin/sh' "$@" >"$f"
	chmod 0755 "$f"
}
no_trace() { # of k: no group, no run-time files, no process
	[ -z "$(groups_of k)" ] || { groups_of k; return 1; }
	[ -z "$(find "$T_ROOT/run/k" -mindepth 1 ! -name '*.lock' ! -name last ! -name config 2>/dev/null)" ] || { ls "$T_ROOT/run/k"; return 1; }
	is_state k stopped
}

@test "every kind runs at its time, in this order, and with LXC's arguments" {
	local kind
	ok create bb k -- /bin/sleep 1000
	for kind in stop post-stop start-host autodev mount pre-mount pre-start; do conf "lxc.hook.$kind = $H/say one"; done
	conf 'lxc.hook.start = /bin/sh -c "echo inside >/hook-was-here; id -u >>/hook-was-here; env >>/hook-was-here; readlink /proc/self/ns/pid >>/hook-was-here" x'
	ok start k
	same "$(kinds)" "pre-start pre-mount mount autodev start-host "
	ok exec k -- /bin/cat /hook-was-here
	has inside
	has LXC_HOOK_TYPE=start
	has LXC_NAME=k
	same "$(sed -n 2p <<<"$output")" 0
	ok exec k -- /bin/sh -c 'readlink /proc/self/ns/pid'
	grep -qF "$output" <(c exec k -- /bin/cat /hook-was-here)
	ok stop --timeout 1 k
	same "$(kinds)" "pre-start pre-mount mount autodev start-host stop post-stop "
	said "pre-start: one k lxc pre-start"
	grep -qE '^stop: one k lxc stop user:/proc/[0-9]+/fd/[0-9]+ mnt:/proc/[0-9]+/fd/[0-9]+ pid:.* uts:.* ipc:.* net:.* cgroup:/proc/[0-9]+/fd/[0-9]+' "$H/log"
	grep -qE '^stop env LXC_NET_NS=/proc/[0-9]+/fd/[0-9]+$' "$H/log"
	no_trace
}

@test "the environment" {
	local kind
	ok create bb k -- /bin/sleep 1000
	for kind in pre-start mount start-host stop post-stop; do conf "lxc.hook.$kind = $H/say"; done
	ok start k
	local pid
	pid=$(init_of k)
	ok stop --timeout 1 k
	for kind in pre-start mount start-host stop post-stop; do
		said "$kind env LXC_NAME=k"
		said "$kind env LXC_CONFIG_FILE=$T_ROOT/containers/k/config"
		said "$kind env LXC_ROOTFS_PATH=$T_ROOT/containers/k/private"
		said "$kind env LXC_ROOTFS_MOUNT="
		said "$kind env LXC_HOOK_TYPE=$kind"
		said "$kind env LXC_HOOK_SECTION=lxc"
		said "$kind env LXC_HOOK_VERSION=0"
		said "$kind env LXC_CGNS_AWARE=1"
		said "$kind env LXC_LOG_LEVEL="
		said "$kind env PATH="
		# 3 is ls's own look at the directory
		said "$kind fds 0 1 2 3 "
		said "$kind uid 0 "
		grep -q "^$kind uid .* umask 0022 pwd /$" "$H/log"
	done
	said "start-host env LXC_PID=$pid"
	said "stop env LXC_TARGET=stop"
	said "post-stop env LXC_TARGET=stop"
	! grep -q "COPPICE" "$H/log"
}

@test "version 1: no arguments, the namespaces in the environment" {
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.version = 1" "lxc.hook.pre-start = $H/say" "lxc.hook.stop = $H/say a"
	ok start k
	ok stop --timeout 1 k
	grep -qx 'pre-start: ' "$H/log"
	grep -qx 'stop: a' "$H/log"
	said "stop env LXC_HOOK_VERSION=1"
	local ns
	for ns in USER MNT PID UTS IPC NET CGROUP; do grep -qE "^stop env LXC_${ns}_NS=/proc/[0-9]+/fd/[0-9]+$" "$H/log"; done
}

@test "a stop hook can enter the namespaces it is told of" {
	script enter "nsenter --net=\$LXC_NET_NS readlink /proc/self/ns/net >$H/net 2>&1"
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.version = 1" "lxc.hook.stop = $H/enter"
	ok start k
	local want
	want=$(readlink "/proc/$(init_of k)/ns/net")
	ok stop --timeout 1 k
	same "$(cat "$H/net")" "$want"
}

@test "where they run: the host's mounts, the monitor's own, a copy of the host's; a mount hook is the container's root" {
	local kind
	ok create bb k -- /bin/sleep 1000
	for kind in pre-start pre-mount mount autodev start-host; do conf "lxc.hook.$kind = $H/say"; done
	ok start k
	local mnt user inside
	mnt=$(readlink /proc/self/ns/mnt) user=$(readlink /proc/self/ns/user) inside=$(readlink "/proc/$(init_of k)/ns/user")
	said "pre-start uid 0 mnt $mnt user $user"
	said "start-host uid 0 mnt $mnt user $user"
	said "autodev uid 0 mnt "
	grep "^autodev uid" "$H/log" | grep -qF "user $user"
	grep "^mount uid" "$H/log" | grep -qF "user $inside"
	for kind in pre-mount mount autodev; do grep "^$kind uid" "$H/log" | grep -vqF "mnt $mnt "; done
}

@test "what a mount hook mounts and makes is there inside, and nowhere else" {
	mkdir -p "$H/shared"
	echo from-the-host >"$H/shared/file"
	echo 4711 >"$H/uptime"
	script mnt 'set -e' 'mkdir -p "$LXC_ROOTFS_MOUNT/mnt/made"' "mount --bind $H/shared \"\$LXC_ROOTFS_MOUNT/mnt/made\"" \
		"[ -e \"\$LXC_ROOTFS_MOUNT/proc/uptime\" ]" "mount -n --bind $H/uptime \"\$LXC_ROOTFS_MOUNT/proc/uptime\"" 'echo by-a-hook >"$LXC_ROOTFS_MOUNT/etc/hook"'
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.mount = $H/mnt"
	local before
	before=$(sort -k5 /proc/self/mountinfo | cut -d' ' -f4-)
	ok start k
	ok exec k -- /bin/cat /mnt/made/file
	is from-the-host
	ok exec k -- /bin/cat /proc/uptime
	is 4711
	ok exec k -- /bin/stat -c %u /etc/hook
	is 0
	same "$(sort -k5 /proc/self/mountinfo | cut -d' ' -f4-)" "$before"
	# nothing of the host's tree came along, and the container still gets nothing of what the host mounts
	ok exec k -- /bin/cat /proc/self/mountinfo
	hasnt "$T_ROOT/run"
	mkdir -p "$H/shared/later"
	mount -t tmpfs later "$H/shared/later"
	ok exec k -- /bin/grep -c later /proc/self/mountinfo || true
	umount "$H/shared/later"
	same "$output" 0
}

@test "lxcfs's own hook works" {
	mkdir -p "$H/lxcfs/proc"
	local f
	for f in cpuinfo meminfo uptime; do echo "view of $f" >"$H/lxcfs/proc/$f"; done
	sed "s,/var/lib/lxcfs,$H/lxcfs,g" >"$H/lxc.mount.hook" <<-'E'
		#!/bin/sh -e
		LXC_ROOTFS_MOUNT=$(readlink -f "${LXC_ROOTFS_MOUNT}")
		for entry in /var/lib/lxcfs/proc/*; do
			DEST=$(basename "$entry")
			[ -e "${LXC_ROOTFS_MOUNT}/proc/${DEST}" ] || continue
			mount -n --bind "$entry" "${LXC_ROOTFS_MOUNT}/proc/${DEST}"
		done
		[ -n "$LXC_CGNS_AWARE" ] && [ -f /proc/self/ns/cgroup ] && exit 0
		exit 1
	E
	chmod 0755 "$H/lxc.mount.hook"
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.mount = $H/lxc.mount.hook"
	ok start k
	ok exec k -- /bin/cat /proc/meminfo
	is "view of meminfo"
}

@test "an autodev hook makes device nodes" {
	script dev 'set -e' 'mkdir $LXC_ROOTFS_MOUNT/dev/net' 'mknod -m 0666 $LXC_ROOTFS_MOUNT/dev/net/zero c 1 5'
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.autodev = $H/dev"
	ok start k
	ok exec k -- /bin/sh -c 'head -c 3 /dev/net/zero | wc -c'
	is 3
	[ ! -e "$T_ROOT/containers/k/private/dev/net" ]
}

@test "a pre-mount hook lays out the root that is then used" {
	cp -a "$COPPICE_TEST_DIR/bb" "$H/real"
	mkdir "$H/root"
	echo only-there >"$H/real/etc/marker"
	script pre "exec mount --bind $H/real \"\$LXC_ROOTFS_PATH\""
	ok create --rootfs "$H/root" k -- /bin/sleep 1000
	conf "lxc.hook.pre-mount = $H/pre"
	ok start k
	ok exec k -- /bin/cat /etc/marker
	is only-there
	[ ! -e "$H/root/etc" ]
}

@test "several of a kind run in the order said; lines for a shell; clearing" {
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.pre-start = echo zero >>$H/log" "lxc.hook.pre-start =" "lxc.hook.pre-start = echo one >>$H/log;" \
		"lxc.hook.pre-start = sh -c 'echo two \$3 >>$H/log' --" "lxc.hook.pre-start = $H/say three"
	ok start k
	same "$(sed -n '1p;2p;3p' "$H/log")" $'one\ntwo pre-start\npre-start: three k lxc pre-start'
	ok stop --timeout 1 k
	: >"$H/log"
	conf "lxc.hook ="
	ok start k
	same "$(cat "$H/log")" ""
}

@test "a hook that fails aborts the start, is told with line, status and its last words, and nothing is left" {
	local kind line
	script bad 'echo first line; echo "it is the bad one" >&2; exit 7'
	for kind in pre-start pre-mount mount autodev start-host; do
		c delete --force --purge k >/dev/null 2>&1 || true
		: >"$H/log"
		ok create bb k -- /bin/sleep 1000
		conf "lxc.hook.$kind = /bin/true" "lxc.hook.$kind = $H/bad" "lxc.hook.$kind = $H/say" "lxc.hook.post-stop = $H/say"
		line=$(grep -n "$H/bad" "$T_ROOT/containers/k/config" | cut -d: -f1)
		fails 1 start k
		err_has "config:$line: lxc.hook.$kind: '$H/bad' ended with status 7: first line | it is the bad one"
		same "$(kinds)" "post-stop "
		no_trace
	done
}

@test "one inside that fails does the same" {
	ok create bb k -- /bin/sleep 1000
	conf 'lxc.hook.start = /bin/sh -c "echo inside it fails >&2; exit 3" x' "lxc.hook.post-stop = $H/say"
	fails 1 start k
	err_has "lxc.hook.start: "
	err_has "ended with status 3: inside it fails"
	same "$(kinds)" "post-stop "
	no_trace
	ok config unset k lxc.hook.start
	conf 'lxc.hook.start = /no/such/program'
	fails 3 start k
	err_has "lxc.hook.start: '/no/such/program': there is no such program inside"
	no_trace
}

@test "killed, missing, not executable, without an interpreter" {
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.pre-start = kill -9 \$\$"
	fails 1 start k
	err_has "(signal 9)"
	ok config unset k lxc.hook.pre-start
	conf "lxc.hook.pre-start = $H/nowhere"
	fails 3 start k
	err_has "'$H/nowhere': there is no such program"
	ok config unset k lxc.hook.pre-start
	echo 'echo by a shell >>'"$H/log" >"$H/plain"
	conf "lxc.hook.pre-start = $H/plain"
	fails 5 start k
	err_has "could not be run"
	chmod 0755 "$H/plain"
	ok start k
	said "by a shell"
}

@test "a hook of the end that fails is noted; the container is stopped all the same" {
	script cannot 'echo cannot >&2; exit 4'
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.stop = $H/cannot" "lxc.hook.post-stop = $H/say"
	ok start k
	ok stop --timeout 1 k
	same "$(kinds)" "post-stop "
	no_trace
	ok logs k
	has "lxc.hook.stop"
	has "ended with status 4: cannot"
}

@test "what a hook leaves in the background does not hold the start up" {
	script bg 'sleep 30 &' 'echo $! >'"$H/pid"
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.pre-start = $H/bg"
	T=10 ok start k
	kill "$(cat "$H/pid")"
}

@test "a reboot runs them all again, and says so" {
	ok create --mode copy bb k -- /bin/sh -c 'if [ -e /again ]; then exec sleep 1000; fi; : >/again; exit 1'
	conf "coppice.restart = always" "lxc.hook.pre-start = $H/say" "lxc.hook.stop = $H/say" "lxc.hook.post-stop = $H/say"
	ok start k
	until_ok 20 said "post-stop env LXC_TARGET=reboot"
	until_ok 20 is_state k running
	said "stop env LXC_TARGET=reboot"
	same "$(kinds)" "pre-start stop post-stop pre-start "
	ok stop --timeout 1 k
	said "post-stop env LXC_TARGET=stop"
}

@test "the interfaces are there before start-host and start" {
	has_network || skip "no bridges here"
	ip link add hkbr type bridge
	ip link set hkbr up
	script see "nsenter -t \$LXC_PID -n ip -o addr show dev eth0 >$H/addr"
	ok create bb k -- /bin/sleep 1000
	conf "lxc.net.0.type = veth" "lxc.net.0.link = hkbr" "lxc.net.0.flags = up" "lxc.net.0.ipv4.address = 10.9.8.7/24" "lxc.hook.start-host = $H/see" \
		'lxc.hook.start = /bin/sh -c "ifconfig eth0 >/seen" x'
	ok config unset k coppice.network
	ok start k
	grep -q 10.9.8.7 "$H/addr"
	ok exec k -- /bin/cat /seen
	has 10.9.8.7
	c delete --force --purge k >/dev/null
	ip link del hkbr
}

@test "without a user namespace too" {
	script mnt 'set -e' 'mkdir -p $LXC_ROOTFS_MOUNT/mnt/made' "mount --bind $H \$LXC_ROOTFS_MOUNT/mnt/made"
	script dev 'mknod $LXC_ROOTFS_MOUNT/dev/zwei c 1 5'
	ok create --privileged bb k -- /bin/sleep 1000
	conf "lxc.hook.mount = $H/mnt" "lxc.hook.autodev = $H/dev" "lxc.hook.mount = $H/say"
	ok start k
	ok exec k -- /bin/ls /mnt/made
	has mnt
	ok exec k -- /bin/ls /dev
	has zwei
	said "mount uid 0 mnt "
}

@test "after a monitor and its container were killed, the next command runs the post-stop hooks" {
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.post-stop = $H/say"
	ok start k
	local m i
	m=$(monitor_of k) i=$(init_of k)
	kill -9 "$m"
	kill -9 "$i"
	until_ok 10 is_state k stopped
	until_ok 10 said "post-stop: k lxc post-stop"
	no_trace
}

@test "a hook of a start that was killed is not left behind" {
	rm -f "$H/long.pid"
	script long 'echo $PPID >'"$H/long.monitor" 'echo $$ >'"$H/long.pid" 'exec sleep 300'
	ok create bb k -- /bin/sleep 1000
	conf "lxc.hook.post-stop = $H/say" "lxc.hook.pre-start = $H/long"
	c start k 3>&- 4>&- &
	local start=$!
	until_ok 10 test -s "$H/long.pid"
	kill -9 "$(cat "$H/long.monitor")"
	wait $start || true
	until_ok 10 sh -c "! kill -0 $(cat "$H/long.pid")"
	is_state k stopped
	until_ok 10 said "post-stop: k lxc post-stop"
}

@test "a post-stop hook finds nothing of the container's mounted any more" {
	needs idmapped-tmpfs
	cp -a "$COPPICE_TEST_DIR/bb" "$H/tree"
	script pre "mkdir -p $H/fs && mount -t tmpfs none $H/fs && cp -a $H/tree/. $H/fs"
	# busy, as long as anybody has it: the kernel lets go of a namespace a moment after its last process
	script post "for i in 1 2 3 4 5 6 7 8 9 10; do umount $H/fs 2>/dev/null && break; sleep 0.1; done; mountpoint -q $H/fs && echo still there >>$H/log; true"
	script bad 'exit 1'
	mkdir -p "$H/fs"
	ok create --rootfs "$H/fs" k -- /bin/sleep 1000
	conf "lxc.hook.pre-start = $H/pre" "lxc.hook.post-stop = $H/post"
	ok start k
	ok exec k -- /bin/true
	ok stop --timeout 0.1 k
	same "$(cat "$H/log")" ""
	! mountpoint -q "$H/fs"
	conf "lxc.hook.start-host = $H/bad"
	fails 1 start k
	same "$(cat "$H/log")" ""
	! mountpoint -q "$H/fs"
}
