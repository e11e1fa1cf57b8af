#!/usr/bin/env bats
# Containers as LXC leaves them start unchanged: its directory, its config, its includes, its system call policies and labels.
load ../lib/common

setup() {
	L=$T_TMP/lxc
	mkdir -p "$L"
	chmod 0755 "$T_TMP" "$L"
}
teardown() {
	local n
	for n in "$L"/*/; do
		[ ! -d "$n" ] || c --lxcpath "$L" delete --force --purge "$(basename "$n")" >/dev/null 2>&1 || true
	done
	rm -rf --one-file-system "$L"
}
teardown_file() { all_gone; }

# A container in LXC's layout: config and rootfs in one directory.
made() { # NAME LINE...
	local name=$1
	shift
	mkdir -p "$L/$name"
	cp -a "$COPPICE_TEST_DIR/bb" "$L/$name/rootfs"
	printf '%s\n' "$@" "lxc.rootfs.path = dir:$L/$name/rootfs" "lxc.net.0.type = empty" "lxc.uts.name = \"$name\"" "lxc.init.cmd = /bin/sleep 1000" >"$L/$name/config"
}
l() { ok --lxcpath "$L" "$@"; }
lfails() { local code=$1; shift; fails "$code" --lxcpath "$L" "$@"; }
policy() { printf '%s\n' "$@" >"$T_TMP/policy"; }

# ---------------------------------------------------------------- policies

@test "a policy of version 2 is in force, for init and for who comes later; a changed one counts at the next start" {
	policy 2 denylist 'reject_force_umount  # comment' '[all]' 'mkdir errno 95' 'mkdirat errno 95'
	made p "lxc.seccomp.profile = $T_TMP/policy"
	l start p
	l exec p -- /bin/grep Seccomp: /proc/1/status
	has 2
	gives 1 --lxcpath "$L" exec p -- /bin/mkdir /tmp/x
	[[ $stderr == *"not supported"* ]]
	# which the filter of containers without a policy refuses
	l exec p -- /bin/sh -c 'unshare -U true 2>&1; true'
	policy 2 denylist '[all]' 'rmdir errno 1'
	l stop --timeout 0.1 p
	l start p
	l exec p -- /bin/mkdir /tmp/x
}

@test "LXC's own common.seccomp, by the older name of the key" {
	[ -e /usr/share/lxc/config/common.seccomp ] || skip "no lxc here"
	made p "lxc.seccomp = /usr/share/lxc/config/common.seccomp"
	l start p
	l exec p -- /bin/sh -c 'umount -f /dev/shm 2>&1; true'
	has "Permission denied"
}

@test "an allowlist by number" {
	[ "$(uname -m)" = x86_64 ] || skip "numbers are an architecture's own"
	local n
	policy 1 whitelist
	for n in $(seq 0 334) 424 434 435 436 437 439 449; do echo "$n" >>"$T_TMP/policy"; done
	sed -i '/^83$/d;/^258$/d' "$T_TMP/policy" # mkdir, mkdirat
	made p "lxc.seccomp.profile = $T_TMP/policy"
	l start p
	l exec p -- /bin/true
	gives 159 --lxcpath "$L" exec p -- /bin/mkdir /tmp/x
}

@test "a strict allowlist does not stop our own last steps" {
	local call
	policy 2 'allowlist errno 38' '[all]'
	for call in execve brk mmap munmap mprotect arch_prctl set_tid_address set_robust_list rseq prlimit64 getrandom nanosleep clock_nanosleep read write close fstat newfstatat openat pread64 \
		exit_group access getuid geteuid getgid getegid restart_syscall rt_sigreturn futex; do echo "$call" >>"$T_TMP/policy"; done
	made p "lxc.seccomp.profile = $T_TMP/policy"
	l start p
	is_running() { c --lxcpath "$L" list -f json p | jq -e '.containers[0].state == "running"' >/dev/null; }
	is_running
}

@test "a bad policy is told by file and line, and starts nothing" {
	policy 2 denylist '[all]' 'kexec_load erno 1'
	made p "lxc.seccomp.profile = $T_TMP/policy"
	lfails 2 start p
	err_has "$T_TMP/policy:4: unknown action 'erno'"
	policy 2 denylist 'ioctl notify 1'
	lfails 2 start p
	err_has "$T_TMP/policy:3: what is '1'"
	rm "$T_TMP/policy"
	lfails 3 start p
	err_has "lxc.seccomp.profile: read '$T_TMP/policy'"
	mkfifo "$T_TMP/policy"
	T=5 lfails 2 start p
	err_has "is not a regular file"
	rm "$T_TMP/policy"
	policy 2 denylist 'call_of_next_year errno 1'
	l start p
	err_has "$T_TMP/policy:3: no system call is called 'call_of_next_year' here"
}

# ---------------------------------------------------------------- labels, capabilities

@test "labels for modules that this kernel has not are told, and it starts" {
	[ ! -e /sys/module/apparmor/parameters/enabled ] && [ ! -e /sys/fs/selinux ] || skip "this kernel has them"
	made a "lxc.apparmor.profile = lxc-container-default-cgns" "lxc.selinux.context = system_u:system_r:lxc_t:s0:c22"
	l start a
	err_has "without profile 'lxc-container-default-cgns'"
	err_has "no SELinux in this kernel"
	made g "lxc.aa_profile = generated" "lxc.apparmor.allow_nesting = 1" "lxc.apparmor.raw = mount,"
	l start g
	err_has "no profile is generated"
	made u "lxc.apparmor.profile = unconfined" "lxc.selinux.context = unconfined_t"
	l start u
	[ -z "$stderr" ]
}

bounding() { c --lxcpath "$L" exec "$1" -- /bin/sh -c 'sed -n "s/^CapBnd:.//p" /proc/self/status'; }

@test "capabilities: names, numbers, prefixes, lists, none, clearing, no_new_privs" {
	made c1 "lxc.cap.keep = chown CAP_SETUID 8" "lxc.no_new_privs = 1"
	l start c1
	same "$(bounding c1)" 0000000000000181
	l exec c1 -- /bin/grep NoNewPrivs /proc/1/status
	has 1
	made c2 "lxc.cap.keep = none"
	l start c2
	same "$(bounding c2)" 0000000000000000
	made c3 "lxc.cap.drop = sys_admin" "lxc.cap.drop = net_raw 27"
	l start c3
	local full=$((0x$(bounding c3)))
	same $(((full >> 21) & 1)) 0
	same $(((full >> 13) & 1)) 0
	same $(((full >> 27) & 1)) 0
	made c4 "lxc.cap.drop = sys_admin" "lxc.cap.drop ="
	l start c4
	same $(((0x$(bounding c4) >> 21) & 1)) 1
}

# ---------------------------------------------------------------- made by LXC

@test "lxc-create -t busybox: the container starts as it is" {
	command -v lxc-create >/dev/null && command -v busybox >/dev/null || skip "no lxc-create, or no busybox for its template"
	has_network || skip "no bridges here"
	ip link add lxcbr0 type bridge
	ip link set lxcbr0 up
	lxc-create -P "$L" -n b1 -t busybox >"$T_TMP/create.log" 2>&1 </dev/null 3>&- || { cat "$T_TMP/create.log"; false; }
	local before
	before=$(cat "$L/b1/config")
	l start b1
	l exec b1 -- /bin/busybox ps
	has init
	l exec b1 -- /bin/busybox ip link show eth0
	has UP
	l exec b1 -- /bin/busybox ls -ln /bin/busybox
	has " 0        0 "
	l stop --timeout 0.2 b1
	same "$(cat "$L/b1/config")" "$before"
	l list
	has b1
	ip link del lxcbr0
}

@test "every config that LXC installs is read, and starts with a tree of its own" {
	local f n=0
	[ -d /usr/share/lxc/config ] || skip "no lxc here"
	for f in /usr/share/lxc/config/*.conf; do
		n=$((n + 1))
		made "i$n" "lxc.include = $f"
		# a profile that nobody has loaded stops it, by name, as it should
		if grep -q '^lxc.apparmor.profile *= *lxc-' "$f" && [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] && [ ! -d /sys/kernel/security/apparmor ]; then
			run --separate-stderr c --lxcpath "$L" start "i$n"
			[ "$status" != 3 ] || { [[ $stderr == *"take the label"*"lxc-container"* ]]; continue; }
		else
			l start "i$n"
		fi
		l exec "i$n" -- /bin/true
		c --lxcpath "$L" delete --force --purge "i$n" >/dev/null
	done
}

@test "its default.conf and lxc-create -t none" {
	[ -e /etc/lxc/default.conf ] && command -v lxc-create >/dev/null || skip "no lxc here"
	has_network || skip "no bridges here"
	ip link add lxcbr0 type bridge
	lxc-create -P "$L" -n n1 -t none >/dev/null 2>&1 </dev/null 3>&-
	cp -a "$COPPICE_TEST_DIR/bb" "$L/n1/rootfs"
	printf '%s\n' "lxc.rootfs.path = dir:$L/n1/rootfs" "lxc.init.cmd = /bin/sleep 1000" >>"$L/n1/config"
	l start n1
	l exec n1 -- /bin/busybox ip link show eth0
	has eth0
	l stop --timeout 0.2 n1
	ip link del lxcbr0
}

@test "lxcfs, by its own hook: the container sees its own memory" {
	[ -e /usr/share/lxcfs/lxc.mount.hook ] && command -v lxcfs >/dev/null && [ -d /var/lib/lxcfs ] && [ -e /dev/fuse ] || skip "no lxcfs here"
	needs memory
	lxcfs /var/lib/lxcfs >"$T_TMP/lxcfs.log" 2>&1 </dev/null 3>&- &
	local pid=$!
	until_ok 10 test -s /var/lib/lxcfs/proc/meminfo
	made f "lxc.hook.mount = /usr/share/lxcfs/lxc.mount.hook" "lxc.hook.post-stop = /usr/share/lxcfs/lxc.reboot.hook" "coppice.memory = 64M"
	l start f
	l exec f -- /bin/grep MemTotal /proc/meminfo
	has "65536 kB"
	l exec f -- /bin/grep -c fuse.lxcfs /proc/self/mountinfo
	[ "$output" -ge 5 ]
	l stop --timeout 0.1 f
	umount /var/lib/lxcfs
	wait $pid || true
}
