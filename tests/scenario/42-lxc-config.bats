#!/usr/bin/env bats
# LXC's configs: every problem of one told at once, old names rewritten, each value traced to its line; cgroup keys of either generation in force on this host.
load ../lib/common

setup() {
	c create bb k >/dev/null
	F=$BATS_TEST_TMPDIR/old.conf
	cat >"$F" <<-'EOF'
		# hand-made
		lxc.utsname = web1
		lxc.rootfs = /srv/web1
		lxc.pivotdir = putold
		lxc.network.type = veth
		  lxc.network.link = br0    
		lxc.network.ipv4 = 10.0.0.2/24
		#lxc.network.mtu = 1400
		lxc.cgroup.memory.limit_in_bytes = 128M
	EOF
}
teardown() { c delete --force --purge k >/dev/null 2>&1 || true; }

LXC=$(dirname "$COPPICE")
config() { cat "$T_ROOT/containers/k/config"; }
say() { printf '%s\n' "$@" >>"$T_ROOT/containers/k/config"; }

@test "check tells every problem with its line, and exits with 2" {
	printf 'lxc.tty.mx = 1\nhello\nlxc.init.uid = -1\nlxc.uts.name = fine\n' >"$BATS_TEST_TMPDIR/bad.conf"
	run --separate-stderr c config check "$BATS_TEST_TMPDIR/bad.conf"
	[ "$status" = 2 ]
	has "bad.conf:1: problem: unknown key 'lxc.tty.mx', did you mean 'lxc.tty.max'?"
	has "bad.conf:2: problem: not a 'key = value' line"
	has "bad.conf:3: problem: lxc.init.uid = '-1':"
	has "3 problems"
	run --separate-stderr c config check "$BATS_TEST_TMPDIR/bad.conf" -f json
	[ "$status" = 2 ]
	same "$(json '[.findings[] | select(.level == "problem")] | length')" 3
}

@test "check of a good file and of a container" {
	ok config check "$F"
	has "note: lxc.pivotdir: ignored"
	has "no problems"
	ok config check k
	has "no problems"
	say 'lxc.tty.max = many'
	run --separate-stderr c config check k
	[ "$status" = 2 ]
	has "allowed: a number"
	fails 3 config check nosuch
	fails 3 config check ./nosuch.conf
}

@test "check follows includes, and names a loop" {
	mkdir "$BATS_TEST_TMPDIR/d"
	echo 'lxc.nonsuch.key = 1' >"$BATS_TEST_TMPDIR/d/a.conf"
	echo "lxc.include = $BATS_TEST_TMPDIR/loop" >"$BATS_TEST_TMPDIR/loop"
	printf 'lxc.include = %s\n' "$BATS_TEST_TMPDIR/d" "$BATS_TEST_TMPDIR/loop" "$BATS_TEST_TMPDIR/none/" >"$BATS_TEST_TMPDIR/top"
	run --separate-stderr c config check "$BATS_TEST_TMPDIR/top"
	[ "$status" = 2 ]
	has "d/a.conf:1: problem: unknown key"
	has "includes itself"
	has "top:3: note: lxc.include: there is no such directory"
}

@test "upgrade rewrites a file, keeps what it was, and does it once" {
	local before
	before=$(cat "$F")
	ok config upgrade "$F" --dry-run
	same "$(cat "$F")" "$before"
	ok config upgrade "$F" -f json
	same "$(json '.changes | length')" 6
	same "$(cat "$F.backup")" "$before"
	same "$(cat "$F")" "# hand-made
lxc.uts.name = web1
lxc.rootfs.path = /srv/web1
lxc.net.0.type = veth
  lxc.net.0.link = br0    
lxc.net.0.ipv4.address = 10.0.0.2/24
#lxc.network.mtu = 1400
lxc.cgroup.memory.limit_in_bytes = 128M"
	echo keep >"$F.backup"
	ok config upgrade "$F"
	same "$(cat "$F.backup")" keep
}

@test "upgrade of a container, and its text stays the same container" {
	say '# mine' 'lxc.utsname = other' 'lxc.tty = 2'
	ok config upgrade k
	has "lxc.uts.name = other"
	config | grep -q '^# mine$'
	config | grep -q '^lxc.tty.max = 2$'
	grep -q '^lxc.tty = 2$' "$T_ROOT/containers/k/config.backup"
	ok start k
	ok exec k -- hostname
	is other
}

@test "lxc-update-config does what LXC's does" {
	local before ours
	before=$(cat "$F")
	cp "$F" "$F.theirs"
	run --separate-stderr "$LXC/lxc-update-config" -c "$F"
	[ "$status" = 0 ]
	quiet
	same "$(cat "$F.backup")" "$before"
	ours=$(cat "$F")
	[[ $ours == *"lxc.rootfs.path = dir:/srv/web1"* && $ours == *"#lxc.net.0.mtu = 1400"* ]]
	if [ -x /usr/bin/lxc-update-config ]; then
		(cd "$BATS_TEST_TMPDIR" && /usr/bin/lxc-update-config -c "$F.theirs")
		same "$ours" "$(cat "$F.theirs")"
	fi
	run --separate-stderr "$LXC/lxc-update-config" -c "$BATS_TEST_TMPDIR/nosuch"
	[ "$status" = 1 ]
	run --separate-stderr "$LXC/lxc-update-config"
	[ "$status" = 0 ]
	has Usage
}

@test "show --origin names the file and the line of each value" {
	printf 'lxc.tty.max = 3\nlxc.environment = A=1\n' >"$BATS_TEST_TMPDIR/inc"
	say "lxc.include = $BATS_TEST_TMPDIR/inc" 'lxc.environment = B=2' 'lxc.tty = 2' 'coppice.pids = 70' 'coppice.pids ='
	ok config show k --origin -f json
	json '[.config[] | select(.key == "lxc.tty.max")] | length == 1 and .[0].value == "2" and (.[0].where | endswith("containers/k/config:'"$(grep -n '^lxc.tty' "$T_ROOT/containers/k/config" | cut -d: -f1)"'"))'
	json '[.config[] | select(.key == "lxc.environment")] | length == 2 and (.[0].where | endswith("inc:2"))'
	hasnt coppice.pids
}

@test "a key is found by its old and its new name" {
	say 'lxc.utsname = other'
	ok config get k lxc.uts.name
	is other
	ok config get k lxc.utsname
	is other
}

@test "lines of other programs: an error here, a note for the lxc-* commands" {
	say 'hello world' 'foo.bar = 1'
	fails 2 start k
	err_has "there is no '='"
	COPPICE_ROOT=$T_ROOT run --separate-stderr "$LXC/lxc-freeze" -P "$T_ROOT/containers" -n k
	[[ $stderr != *"there is no '='"* ]] || show_run
}

@test "limits of both generations are in force" {
	say 'lxc.cgroup.memory.memsw.limit_in_bytes = 256M' 'lxc.cgroup.memory.limit_in_bytes = 128M' 'lxc.cgroup.cpuset.cpus =' 'lxc.cgroup.pids.max = 100' \
		'lxc.cgroup2.cpu.weight.nice = 5' 'lxc.cgroup.memory.kmem.limit_in_bytes = 64M' 'lxc.pivotdir = x' 'lxc.cgroup2.cgroup.max.depth = 70'
	ok config check k
	has "lxc.cgroup.memory.kmem.limit_in_bytes: ignored"
	ok start k
	local f
	f=$(limit_file k memory.max || limit_file k memory.limit_in_bytes)
	same "$(cat "$f")" $((128 << 20))
	f=$(limit_file k cpu.shares || limit_file k cpu.weight.nice)
	case $f in *shares) same "$(cat "$f")" 335 ;; *) same "$(cat "$f")" 5 ;; esac
	if f=$(limit_file k cgroup.max.depth); then same "$(cat "$f")" 70; fi # a host with v1 alone does not see it
}

@test "a limit of the other generation is translated, a knob is skipped, what cannot be is refused" {
	if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
		say 'lxc.cgroup2.memory.oom.group = 1' 'lxc.cgroup2.memory.max = 100M'
		ok start k
		err_has "memory.oom.group is skipped"
		same "$(cat "$(limit_file k memory.limit_in_bytes)")" $((100 << 20))
		ok stop -k k || true
		say 'lxc.cgroup2.memory.nosuch = 1'
	else
		say 'lxc.cgroup.memory.swappiness = 10' 'lxc.cgroup.memory.limit_in_bytes = 100M'
		ok start k
		err_has "memory.swappiness is skipped"
		same "$(cat "$(limit_file k memory.max)")" $((100 << 20))
		ok stop -k k || true
		say 'lxc.cgroup.memory.nosuch = 1'
	fi
	c stop k >/dev/null 2>&1 || true
	fails 6 start k
	err_has "containers/k/config:$(grep -n nosuch "$T_ROOT/containers/k/config" | cut -d: -f1): "
	err_has "cannot be held on this host"
	run --separate-stderr c config check k
	[ "$status" = 2 ]
	has "cannot be held on this host"
}

@test "what is wrong with a config is told with its line, and which command tells the rest" {
	local line
	needs cpuset
	say 'lxc.cgroup.cpuset.cpus = 4000'
	line=$(grep -n cpuset "$T_ROOT/containers/k/config" | cut -d: -f1)
	fails 1 start k
	err_has "containers/k/config:$line: limit: write '4000' to cpuset.cpus"
	err_has "try:   cat /sys/devices/system/cpu/online"
	say 'lxc.cgroup.cpuset.cpus =' 'lxc.mount.entry = /nonexistent/x srv none bind'
	fails 3 start k
	err_has "containers/k/config:$((line + 2)): open_source: open the mount source '/nonexistent/x'"
	say 'lxc.mount.entry =' 'lxc.console.logfile = /nonexistent/log'
	fails 3 start k
	err_has "containers/k/config:$((line + 4)): open the directory of the console's log"
	say 'lxc.console.logfile =' 'lxc.mount.entry = none srv nosuchfs 0 0'
	run --separate-stderr c start k
	[ "$status" != 0 ]
	err_has "containers/k/config:$((line + 6)): mount: "
	err_has "try:   \${EDITOR:-vi} +$((line + 6)) $T_ROOT/containers/k/config"
	say 'lxc.mount.entry =' 'lxc.prlimit.nofile = 3'
	fails 1 start k
	err_has "containers/k/config:$((line + 8)): lxc.prlimit.nofile leaves too few"
	say 'lxc.tty.max = many'
	fails 2 start k
	err_has "try:   coppice config check $T_ROOT/containers/k/config"
	run --separate-stderr "$LXC/lxc-start" -P "$T_ROOT/containers" -n k
	[ "$status" = 1 ]
	err_has "config check $T_ROOT/containers/k/config"
	run --separate-stderr "$LXC/lxc-start" -P "$T_ROOT/containers" -n k -s lxc.tty.max=x
	[ "$status" = 1 ]
	err_has "try:   coppice config keys"
	say 'hello'
	fails 2 start k
	err_has "try:   coppice config check $T_ROOT/containers/k/config"
}

@test "hugetlb, where this host has it: in force under the name of its generation" {
	local v2 f
	v2=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	mountpoint -q /sys/fs/cgroup/hugetlb || grep -qw hugetlb "$v2/cgroup.controllers" 2>/dev/null || skip "no hugetlb controller here"
	[ -d /sys/kernel/mm/hugepages/hugepages-2048kB ] || skip "no pages of 2 MB here"
	say 'lxc.cgroup.hugetlb.2MB.limit_in_bytes = 4194304'
	ok start k
	f=$(limit_file k hugetlb.2MB.max || limit_file k hugetlb.2MB.limit_in_bytes)
	same "$(cat "$f")" 4194304
	ok stop k
}

@test "a class id: the controller's where this host has it, else a mark, for packets that this one has not" {
	say 'lxc.cgroup.net_cls.classid = 0x100001'
	ok start k
	if mountpoint -q /sys/fs/cgroup/net_cls || mountpoint -q /sys/fs/cgroup/net_cls,net_prio; then
		same "$(cat "$(limit_file k net_cls.classid)")" $((0x100001))
	fi
	ok stop k
}

@test "every file LXC ships is read to its end" {
	[ -d /usr/share/lxc/config ] || skip "no LXC here"
	local f
	for f in /usr/share/lxc/config/*.conf; do
		run --separate-stderr c config check "$f" -f json
		# what a key may say is for the tests of that key: here no key is unknown, and no line unread
		same "$(jq -r '.findings[] | select(.level == "problem") | select(.text | test("unknown key|cannot include|no .=.")) | .where + " " + .text' <<<"$output")" ""
	done
}
