#!/usr/bin/env bats
# What a container cannot see, open, keep or change, by default and with the explicit words that loosen it.
load ../lib/common

setup_file() {
	c launch bb x -- /bin/sleep 100000 >/dev/null
	c launch --privileged bb priv -- /bin/sleep 100000 >/dev/null
	c launch --set coppice.nesting=1 bb nest -- /bin/sleep 100000 >/dev/null
}
teardown_file() {
	"$TOOLS/probe" --unplant >/dev/null 2>&1 || true
	all_gone
}

none_open() { ! grep '^open ' <<<"$output" || show_run; }

disk() { # the device number of the disk below the test directory
	stat -c '%d' "$COPPICE_TEST_DIR" | awk '{ printf "%d:%d", int($1 / 256), $1 % 256 }'
}

@test "27 probes: at most new procfs, fsopen and AF_PACKET work, and these touch only the container's own namespaces" {
	"$TOOLS/probe" --plant || true
	ok exec -e PROBE_DISK="$(disk)" x -- /usr/bin/probe
	echo "$output" >&3
	run ! grep -vE '^(shut |open (new_procfs|fsopen|packet)$|[0-9]+ of 27 open)' <<<"$output"
	[ "$(grep -c '^open ' <<<"$output")" -le 3 ]
}

@test "27 probes as init itself, before any exec" {
	ok create bb pr1
	ok config set pr1 lxc.init.cmd="/bin/sh -c '/usr/bin/probe; sleep 1'"
	ok start pr1
	until_ok 15 eval 'c logs pr1 | grep -q "of 27 open"'
	ok logs pr1
	run ! grep -E '^open ' <(tr -d '\r' <<<"$output" | grep -vE '^open (new_procfs|fsopen|packet)$')
	ok delete --force --purge pr1
}

@test "privileged keeps the seal, the device list, the masks, the filter and the limits" {
	ok exec -e PROBE_DISK="$(disk)" priv -- /usr/bin/probe base_write bpf userfaultfd io_uring add_key open_by_handle host_key proc_keys slabinfo timer_list caller_fds vsock
	none_open
	ok exec priv -- /usr/bin/guest device /dev/mem r
	has refused
}

@test "privileged: root mounts the v1 hierarchies and lifts its limits there, and they hold: they sit on a node above" {
	needs memory
	grep -q ' - cgroup .*memory' /proc/self/mountinfo || skip "no v1 memory hierarchy"
	ok launch --privileged --memory 64M bb pl -- /bin/sleep 1000
	run --separate-stderr c exec pl -- /bin/sh -c 'mount -t cgroup -o memory m /mnt && for f in $(find /mnt -name memory.limit_in_bytes -o -name memory.memsw.limit_in_bytes); do echo -1 >$f; done; exec guest hog 200'
	[ "$status" = 137 ] || show_run
	mknod "$T_ROOT/containers/pl/private/root/dev" c 10 237 || skip "cannot make device nodes here"
	ok exec pl -- /bin/sh -c 'umount /mnt; mount -t cgroup -o devices d /mnt && for f in $(find /mnt -name devices.allow); do echo a >$f; done; guest device /root/dev r'
	[[ $output == *refused* ]] || show_run
}

@test "privileged warns" {
	run --separate-stderr c create --privileged bb pw
	[ "$status" = 0 ] || show_run
	err_has privileged
	ok delete --purge pw
}

@test "nesting opens user namespaces and nothing else" {
	ok exec nest -- /usr/bin/probe nested_userns
	has "open nested_userns"
	ok exec -e PROBE_DISK="$(disk)" nest -- /usr/bin/probe core_pattern core_pattern_anew base_write base_unmount disk_node devices_allow own_limit host_key bpf open_by_handle
	none_open
}

@test "own namespaces of every kind" {
	local n
	for n in user mnt pid net ipc uts cgroup time; do
		[ -e /proc/self/ns/$n ] || continue
		[ "$(readlink /proc/self/ns/$n)" != "$(readlink "/proc/$(init_of x)/ns/$n")" ] || { echo "shares $n"; return 1; }
	done
	for n in mnt pid net ipc uts cgroup; do
		[ "$(readlink /proc/self/ns/$n)" != "$(readlink "/proc/$(init_of priv)/ns/$n")" ] || { echo "privileged shares $n"; return 1; }
	done
}

@test "root inside is nobody outside: a private range of 65536 ids, different for each, not on disk" {
	local one two first
	one=$(awk '{ print $2, $3 }' "/proc/$(init_of x)/uid_map")
	two=$(awk '{ print $2, $3 }' "/proc/$(init_of nest)/uid_map")
	[ "$one" != "$two" ]
	same "${one#* }" 65536
	first=${one% *}
	[ "$first" -ge 65536 ]
	same "$(awk '{ print $2 }' "/proc/$(init_of x)/gid_map")" "$first"
	same "$(stat -c %u "/proc/$(init_of x)")" "$first"
	[ -z "$(find "$T_ROOT/containers/x" -uid +65535 -print -quit)" ]
}

@test "no id range overlaps a line of subuid or another container's" {
	local ranges
	ranges=$(for p in $(init_of x) $(init_of nest); do awk '{ print $2, $2 + $3 }' "/proc/$p/uid_map"; done
		awk -F: '$1 !~ /^#/ && NF == 3 { print $2, $2 + $3 }' /etc/subuid 2>/dev/null)
	sort -n <<<"$ranges" | awk 'NR > 1 && $1 < end { exit 1 } { end = $2 }'
}

@test "init and exec: no foreign descriptor, empty environment, umask, cwd" {
	ok create bb fd1
	ok config set fd1 lxc.init.cmd="/bin/sh -c 'ls -l /proc/self/fd; env; umask; pwd; sleep 1'"
	SECRET=hunter2 ok start fd1 9</
	until_ok 10 eval 'c logs fd1 | grep -q 0022'
	ok logs fd1
	hasnt hunter2
	hasnt BATS
	# ls itself opens one more: the directory
	[ "$(grep -cE ' -> ' <<<"$output")" -le 4 ] || show_run
	[[ $output != *"-> $T_ROOT"* && $output != *" -> / "* ]] || show_run
	ok delete --force --purge fd1
}

@test "the pid namespace: init is 1, nothing of the host is to be seen" {
	ok exec x -- /bin/sh -c 'ls -d /proc/[0-9]* | wc -l; cat /proc/1/comm'
	[ "${lines[0]}" -lt 10 ]
	ok exec x -- /bin/sh -c 'ls -l /proc/1/exe 2>&1; cat /proc/1/cmdline | tr "\0" " "'
	hasnt "$COPPICE_BUILD"
}

@test "the entering process is not dumpable: root inside reads nothing of it" {
	ok exec x -- /bin/sh -c 'for p in /proc/[0-9]*; do readlink $p/exe; done 2>/dev/null | sort -u'
	hasnt "$COPPICE_BUILD"
	hasnt memfd
}

@test "root cannot trace or signal what is outside" {
	ok exec x -- /bin/sh -c 'kill -0 '"$$"' 2>&1; true'
	[[ $output == *"No such process"* || $output == *"can't kill"* ]] || show_run
}

@test "devices: the usual ones, as detached nodes; none of the host's disks" {
	ok exec x -- /bin/sh -c 'for d in null zero full random urandom tty; do test -c /dev/$d || echo missing $d; done; ls /dev'
	hasnt missing
	hasnt vda
	hasnt kmsg
	hasnt mem
	ok exec x -- /bin/sh -c 'ls -l /dev/fd /dev/stdin /dev/stdout /dev/stderr; test -d /dev/shm && test -d /dev/pts && test -c /dev/console && test -e /dev/ptmx && echo all'
	has all
	ok exec x -- /bin/sh -c 'head -c 4 /dev/zero | wc -c; echo x >/dev/null; echo x >/dev/full; echo $?' 
	has 4
}

@test "proc and sys: masked and read-only where it matters" {
	local f
	for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/kallsyms /proc/slabinfo; do
		ok exec x -- /bin/sh -c "test ! -e $f || head -c 10 $f 2>/dev/null | wc -c"
		[ -z "$output" ] || [ "$output" = 0 ] || { echo "$f is readable"; return 1; }
	done
	for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /proc/sys/kernel/panic /sys/kernel/mm/transparent_hugepage/enabled; do
		[ -f "$f" ] || continue
		ok exec x -- /usr/bin/guest device "$f" w
		has refused
		ok exec priv -- /usr/bin/guest device "$f" w
		has refused
	done
}

@test "sysctls of the container's own namespaces can be set, those of the host not" {
	ok exec x -- /bin/sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward'
	is 1
	ok create --set lxc.sysctl.net.ipv4.ip_default_ttl=99 bb sy -- /bin/sleep 1000
	ok start sy
	ok exec sy -- /bin/cat /proc/sys/net/ipv4/ip_default_ttl
	is 99
	ok delete --force --purge sy
	fails 2 create --set lxc.sysctl.kernel.core_pattern=x bb sy2
}

@test "the network: loopback up, nothing else" {
	ok exec x -- /bin/sh -c 'ip -o link | wc -l; ip -o addr show lo; ping -c 1 -w 2 127.0.0.1 >/dev/null && echo pong'
	same "${lines[0]}" 1
	has 127.0.0.1
	has pong
}

@test "host name and clocks are its own" {
	ok exec x -- /bin/hostname changed
	ok exec x -- /bin/hostname
	is changed
	[ "$(hostname)" != changed ]
	[ -e /proc/self/ns/time ] || skip "no time namespaces"
	ok exec x -- /bin/cat /proc/uptime
	[ "$(cut -d. -f1 <<<"$output")" -lt $(($(cut -d. -f1 /proc/uptime) - 1)) ] || [ "$(cut -d. -f1 /proc/uptime)" -lt 60 ]
}

@test "capabilities: what is harmless with a user namespace, and not one more" {
	ok exec x -- /bin/grep CapBnd /proc/self/status
	local bnd=$((16#${output##*$'\t'})) cap
	# module, rawio, time, mac_admin, mac_override, syslog, audit_control, wake_alarm, block_suspend, perfmon, bpf
	for cap in 16 17 25 32 33 34 30 35 36 38 39; do [ $((bnd >> cap & 1)) = 0 ] || { echo "keeps capability $cap"; return 1; }; done
	ok exec x -- /bin/sh -c 'grep -E "Cap(Inh|Amb)" /proc/self/status | grep -v 0000000000000000; true'
	is ""
	ok create --set lxc.cap.keep=chown bb cap -- /bin/sleep 1000
	ok start cap
	ok exec cap -- /bin/grep CapBnd /proc/self/status
	has 0000000000000001
	ok delete --force --purge cap
}

@test "rlimits: the container's own, clamped with a note where we may not raise them" {
	ok exec x -- /usr/bin/guest rlimits
	[ "$(awk '/nofile/ { print $2 }' <<<"$output")" -ge 1024 ]
	run --separate-stderr c launch --set lxc.prlimit.nofile=99999999 bb rl -- /bin/sleep 1000
	[ "$status" = 0 ] || show_run
	ok delete --force --purge rl
}

@test "mounts of the user's own: bind, read-only, created targets, never through a link" {
	mkdir -p "$T_TMP/share"
	echo shared >"$T_TMP/share/f"
	ok create --set lxc.mount.entry="$T_TMP/share srv/share none bind,ro,create=dir 0 0" bb mt -- /bin/sleep 1000
	ok start mt
	ok exec mt -- /bin/sh -c 'cat /srv/share/f; touch /srv/share/g 2>&1; true'
	has shared
	[[ $output == *"Read-only"* ]] || show_run
	ok delete --force --purge mt
	mkdir -p "$T_TMP/victim"
	ok create --set lxc.mount.entry="$T_TMP/share evil/x none bind,create=dir 0 0" bb mv -- /bin/sleep 1000
	ln -s "$T_TMP/victim" "$T_ROOT/containers/mv/private/evil"
	run --separate-stderr c start mv
	[ -z "$(ls -A "$T_TMP/victim")" ]
	ok delete --force --purge mv
}

@test "a container cannot reach the host's groups: its own view, limits out of reach" {
	ok exec x -- /bin/sh -c 'find /sys/fs/cgroup -maxdepth 2 | head -50; for f in $(find /sys/fs/cgroup -name "*.max" -o -name "*limit_in_bytes" -o -name devices.allow 2>/dev/null); do (exec 3>>$f) 2>/dev/null && echo writable $f; done; true'
	hasnt coppice
	run ! grep -E 'writable /sys/fs/cgroup/[^/]*$' <<<"$output"
}

@test "a guest may make groups of its own below (systemd needs it)" {
	grep -q ' - cgroup2 ' /proc/self/mountinfo || skip "no cgroup v2 here"
	ok exec x -- /bin/sh -c 'd=$(awk "\$3 == \"cgroup2\" { print \$2; exit }" /proc/mounts); mkdir $d/sub && echo $$ >$d/sub/cgroup.procs && cat /proc/self/cgroup | grep sub; echo $$ >$d/cgroup.procs; rmdir $d/sub'
	has sub
}

@test "host keyrings are not joined" {
	ok exec x -- /usr/bin/probe host_key add_key
	has "0 of 27 open"
}
