#!/usr/bin/env bats
# config: LXC's text, edited without losing a comment; checked before it is stored; answers to get, set, unset, show, edit, keys.
load ../lib/common

setup() { c create bb k >/dev/null; }
teardown() { c delete --force --purge k >/dev/null 2>&1 || true; }

config() { cat "$T_ROOT/containers/k/config"; }

@test "set, get, unset" {
	ok config set k coppice.memory=256M
	ok config get k coppice.memory
	is 256M
	ok config set k coppice.memory=300M
	ok config get k coppice.memory
	is 300M
	same "$(config | grep -c coppice.memory)" 1
	ok config unset k coppice.memory
	fails 3 config get k coppice.memory
}

@test "a list grows with +=" {
	ok config set k lxc.environment+=A=1
	ok config set k lxc.environment+=B=2
	ok config get k lxc.environment
	same "$output" $'A=1\nB=2'
	ok config unset k lxc.environment
	fails 3 config get k lxc.environment
}

@test "comments, order and spacing of the file are kept" {
	printf '\n# my comment\nlxc.uts.name =   spaced\n#lxc.tty.max = 9\n' >>"$T_ROOT/containers/k/config"
	local before
	before=$(config)
	ok config set k coppice.pids=500
	config | grep -q '# my comment'
	config | grep -q 'lxc.uts.name =   spaced'
	config | grep -q '#lxc.tty.max = 9'
	same "$(config | grep -v coppice.pids)" "$before"
}

@test "an unknown key is refused with the nearest one; nothing changes" {
	local before
	before=$(config)
	fails 2 config set k coppice.memroy=1G
	err_has coppice.memory
	fails 2 config set k lxc.nosuch.key=1
	same "$(config)" "$before"
}

@test "every key of the table takes its example and refuses its bad value" {
	local name example list bad
	bad=0
	while IFS=$'\t' read -r name example; do
		[ -n "$example" ] || continue
		run --separate-stderr c config set k "$name=$example"
		[ "$status" = 0 ] || { echo "$name=$example: $stderr"; bad=1; }
		c config unset k "$name" >/dev/null 2>&1 || true
	done < <(c -f json config keys | jq -r '.keys[] | select(.name | endswith(".") | not) | select(.name | IN("lxc.include", "lxc.rootfs.path", "coppice.base", "lxc.hook.", "coppice.port") | not) | select(.name | contains(".N.") | not) | [.name, .example] | @tsv')
	[ $bad = 0 ]
	# leads nowhere without a network
	fails 2 config set k coppice.port=8080:80
	ok config set k coppice.network=lan0 coppice.port=8080:80
	ok config set k coppice.port= coppice.network=
	# members of a family, by the number of an interface
	ok config set k lxc.net.0.type=veth lxc.net.0.link=br0 lxc.net.0.ipv4.address=10.0.0.2/24
	fails 2 config set k lxc.net.0.link=a/b
	ok config unset k lxc.net.0.ipv4.address
	ok config unset k lxc.net.0.link
	ok config unset k lxc.net.0.type
}

@test "malformed and overflowing values: exit 2, key and value named, file unchanged" {
	local before pair
	before=$(config)
	for pair in coppice.memory=lots coppice.memory=99999999999999999999 coppice.memory=-1M coppice.memory=20E coppice.cpus=0 coppice.cpus=x coppice.pids=0 \
		coppice.pids=99999999999 coppice.cpuset=1-0 coppice.cpuset=4096 coppice.mode=chroot coppice.restart=sometimes lxc.tty.max=-1 \
		lxc.signal.halt=SIGNOPE lxc.idmap='u 0 100000 0' lxc.cap.drop=sys_magic lxc.init.cwd=relative lxc.environment==x lxc.prlimit.nofile=2:1 \
		lxc.rootfs.path=relative coppice.base=../etc "coppice.memory=1M\$(id)" ; do
		fails 2 config set k "$pair"
		err_has "${pair%%=*}"
	done
	fails 2 config set k $'coppice.tag=a\nlxc.hook.start=/bin/sh'
	fails 2 config set k justakey
	same "$(config)" "$before"
}

@test "several pairs are all set or none" {
	fails 2 config set k coppice.pids=77 coppice.memory=nonsense
	fails 3 config get k coppice.pids
	ok config set k coppice.pids=77 coppice.memory=64M
	ok config get k coppice.pids
	is 77
}

@test "show prints text that create reads back" {
	ok config set k coppice.memory=128M coppice.tag+=lab
	ok config show k
	has coppice.memory
	c config show k | grep -v '^coppice.base' | c create bb k2 - 
	ok config get k2 coppice.memory
	is 128M
	ok delete --purge k2
}

@test "edit checks before it stores and keeps the old text on nonsense" {
	local before
	printf '#!/bin/sh\necho "coppice.pids = 123" >>"$1"\n' >"$T_TMP/good"
	printf '#!/bin/sh\necho "nonsense" >>"$1"\n' >"$T_TMP/bad"
	chmod +x "$T_TMP/good" "$T_TMP/bad"
	export TMPDIR=$T_TMP # a text that was refused is kept there, so that no work is lost
	EDITOR=$T_TMP/good ok config edit k
	ok config get k coppice.pids
	is 123
	before=$(config)
	EDITOR=$T_TMP/bad run --separate-stderr c config edit k
	[ "$status" != 0 ] || show_run
	same "$(config)" "$before"
}

@test "keys lists every key with help and example" {
	ok config keys
	has coppice.memory
	has lxc.uts.name
	has lxc.net.N.ipv4.address
	ok -f json config keys
	[ "$(jq '.keys | length' <<<"$output")" -gt 60 ]
}

@test "a broken file by hand: verbs say the line; other containers work" {
	ok create bb fine
	printf 'this is not a line\n' >>"$T_ROOT/containers/k/config"
	run --separate-stderr c start k
	[ "$status" = 2 ] || show_run
	three_lines
	err_has config
	ok list
	has fine
	has k
	ok start fine
	ok delete --force --purge fine
	ok delete --purge k
}

@test "hostile files: include of itself, of a device, deep includes, NUL, long lines, too many lines" {
	local f=$T_ROOT/containers/k/config orig
	orig=$(config)
	try() {
		T=10 run --separate-stderr c start k
		[ "$status" != 0 ] && [ "$status" -lt 124 ] || { echo "case $1"; show_run; }
		three_lines
		printf '%s\n' "$orig" >"$f"
	}
	printf 'lxc.include = %s\n' "$f" >>"$f"; try self
	printf 'lxc.include = /dev/zero\n' >>"$f"; try zero
	printf 'lxc.include = /proc/kmsg\n' >>"$f"; try kmsg
	printf 'coppice.tag = a\0b\n' >>"$f"; try nul
	{ printf 'lxc.environment = A='; head -c 100000 /dev/zero | tr '\0' x; echo; } >>"$f"; try longline
	yes 'lxc.environment = A=1' | head -n 5000 >>"$f"; try manylines
	head -c 2000000 /dev/zero | tr '\0' '#' >>"$f"; try toolarge
	head -c 100000 /dev/urandom >>"$f"; try noise
	mkfifo "$T_TMP/fifo"
	printf 'lxc.include = %s\n' "$T_TMP/fifo" >>"$f"; try fifo
}

@test "the old recipe's keys in the old spelling are read" {
	cat >"$T_TMP/old" <<-X
		lxc.utsname = oldname
		lxc.tty = 2
		lxc.cgroup.memory.limit_in_bytes = 128M
		lxc.cgroup.memory.memsw.limit_in_bytes = 256M
		lxc.cgroup.cpuset.cpus =
		lxc.cgroup.devices.deny = a
		lxc.cgroup.devices.allow = c 1:3 rwm
		lxc.cgroup.devices.allow = c 1:5 rwm
		lxc.cgroup.devices.allow = c 5:0 rwm
		lxc.cgroup.devices.allow = c 5:1 rwm
		lxc.cgroup.devices.allow = c 5:2 rwm
		lxc.cgroup.devices.allow = c 136:* rwm
		lxc.cgroup.devices.allow = c 1:8 rwm
		lxc.cgroup.devices.allow = c 1:9 rwm
	X
	ok create --config "$T_TMP/old" bb old -- /bin/sleep 1000
	ok start old
	ok exec old -- /bin/hostname
	is oldname
	ok delete --force --purge old
}
