#!/usr/bin/env bats
# The recipe of 2013, step by step: a base copied from a system, its constant part moved to common/ and bound read-only into a container, the small rest copied, a config in
# LXC 0.x keys with a fstab of absolute paths, then lxc-start, lxc-console, lxc-attach, ssh, limits, a device list, lxc-stop and lxc-destroy. No LXC of today runs it.
load ../lib/common

# R, where the recipe's /lxc is, and COPPICE_LXCPATH come from setup_file
setup_file() {
	needs root
	guest_tar sysv sysvinit-core,sysvinit-utils,login,openssh-server
	export R=$T_TMP/lxc
	export COPPICE_LXCPATH=$T_TMP/lib-lxc
	mkdir -p "$R" "$COPPICE_LXCPATH"
	the_base
	the_bridge
	the_container
}
teardown_file() {
	"$(lxc_ stop)" -n lxc-container -k >/dev/null 2>&1 || true
	all_gone
	umount "$R/lxc-container/dev" "$R/lxc-container/common" 2>/dev/null || true
	ip link del br0 2>/dev/null || true
}

lxc_() { echo "${COPPICE%/*}/lxc-$1"; }
# lxc NAME ARG...: must succeed; lxc_rc CODE NAME ARG...
lxc() { lxc_rc 0 "$@"; }
lxc_rc() {
	local want=$1 prog
	prog=$(lxc_ "$2")
	shift 2
	ran="$prog $*"
	run --separate-stderr timeout -k 5 $((60 * ${COPPICE_TEST_SLOW:-1})) "$prog" "$@" 3>&- 4>&-
	note_groups
	[ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; }
}

# 1. the base: a whole system without what is made anew, the devices of old, and the constant part in common/
the_base() {
	local base=$R/base dir
	mkdir -p "$base"
	tar -C "$base" --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* --exclude=./tmp/* -xpf "$tar"
	mknod -m 666 "$base/dev/null" c 1 3
	mknod -m 666 "$base/dev/zero" c 1 5
	mknod -m 666 "$base/dev/random" c 1 8
	mknod -m 666 "$base/dev/urandom" c 1 9
	mkdir -m 755 "$base/dev/pts"
	mkdir -m 1777 "$base/dev/shm"
	mknod -m 666 "$base/dev/tty" c 5 0
	mknod -m 600 "$base/dev/console" c 5 1
	mknod -m 666 "$base/dev/full" c 1 7
	mknod -m 600 "$base/dev/initctl" p
	mknod -m 666 "$base/dev/ptmx" c 5 2
	mkdir "$base/common"
	for dir in bin lib lib64 sbin usr; do
		mv "$base/$dir" "$base/common/"
		ln -s "common/$dir" "$base/$dir"
	done
	: >"$base/etc/fstab"
	rm -f "$base/etc/hostname"
	chroot "$base" /usr/sbin/chpasswd <<<"root:sesam7"
	mkdir -m 700 "$base/root/.ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$T_TMP/key"
	install -m 600 "$T_TMP/key.pub" "$base/root/.ssh/authorized_keys"
}

the_bridge() {
	ip link add br0 type bridge
	ip addr add 10.0.0.15/24 dev br0
	ip link set br0 up
}

# 2. the container: the rest copied, two binds, a config
the_container() {
	local c=$R/lxc-container
	mkdir "$c" "$COPPICE_LXCPATH/lxc-container"
	tar -C "$R/base" --exclude=./dev/* --exclude=./common/* -cf - . | tar -C "$c" -xpf -
	mount --bind "$R/base/dev" "$c/dev"
	mount --bind "$R/base/common" "$c/common"
	mount -o remount,bind,ro "$c/common"
	cat >"$R/lxc-container.fstab" <<-F
		devpts $c/dev/pts devpts defaults 0 0
		proc $c/proc proc defaults 0 0
		sysfs $c/sys sysfs defaults 0 0
	F
	cat >"$COPPICE_LXCPATH/lxc-container/config" <<-F
		# host name of our container
		lxc.utsname = lxc-name0

		# number of pseudo ttys
		lxc.tty = 2

		# the file system and its fstab
		lxc.rootfs = $c
		lxc.rootfs.mount = $c
		lxc.mount = $R/lxc-container.fstab

		# the virtual interface
		lxc.network.type = veth
		lxc.network.name = eth0
		lxc.network.link = br0
		lxc.network.flags = up
		lxc.network.mtu = 1500
		lxc.network.ipv4 = 10.0.0.16/24

		# what it may use
		lxc.cgroup.memory.memsw.limit_in_bytes = 256M
		lxc.cgroup.memory.limit_in_bytes = 128M
		lxc.cgroup.cpuset.cpus = 
		lxc.cgroup.devices.deny = a
		lxc.cgroup.devices.allow = c 1:3 rwm
		lxc.cgroup.devices.allow = c 1:5 rwm
		lxc.cgroup.devices.allow = c 5:1 rwm
		lxc.cgroup.devices.allow = c 5:0 rwm
		lxc.cgroup.devices.allow = c 4:0 rwm
		lxc.cgroup.devices.allow = c 4:1 rwm
		lxc.cgroup.devices.allow = c 1:9 rwm
		lxc.cgroup.devices.allow = c 1:8 rwm
		lxc.cgroup.devices.allow = c 136:* rwm
		lxc.cgroup.devices.allow = c 5:2 rwm
		lxc.cgroup.devices.allow = c 254:0 rwm
	F
}

# its nodes: another container directory than usual has another parent
nodes() { find /sys/fs/cgroup -type d -path '*/coppice*/lxc-container' 2>/dev/null; }
node_file() { # FILE
	local d
	for d in $(nodes); do
		[ ! -e "$d/$1" ] || { echo "$d/$1"; return 0; }
	done
	return 1
}

started() {
	[ "$(state_of lxc-container)" = running ] || lxc start --name lxc-container
	until_ok 90 eval 'c exec lxc-container -- sh -c "cat /proc/[0-9]*/comm" | grep -q getty'
}

@test "3. lxc-start --name lxc-container" {
	lxc start --name lxc-container
	[ -z "$output" ] || show_run
	is_state lxc-container running
	lxc info -n lxc-container -sH
	is RUNNING
	lxc ls
	has lxc-container
}

@test "4. lxc-attach: the system is the base's, its constant part cannot be written, its own can" {
	started
	lxc attach -n lxc-container -- hostname
	is lxc-name0
	lxc_rc 1 attach -n lxc-container -- /bin/sh -c 'touch /usr/x || touch /common/usr/x'
	err_has "Read-only file system"
	[ ! -e "$R/base/common/usr/x" ]
	lxc attach -n lxc-container -- /bin/sh -c 'echo mine >/etc/mine && cat /etc/mine'
	is mine
	same "$(cat "$R/lxc-container/etc/mine")" mine
	[ ! -e "$R/base/etc/mine" ]
	# root inside cannot make it writable either
	run "$(lxc_ attach)" -n lxc-container -- mount -o remount,bind,rw /common
	[ "$status" != 0 ]
}

@test "4. lxc-console -t 2: a login, and tty says /dev/tty2" {
	needs expect
	started
	PROG=$(lxc_ console) on_terminal <<-'X'
		spawn $env(PROG) --name lxc-container -t 2
		expect {
			"Type <Ctrl+a q> to exit the console" {} timeout { puts "no word of how to leave"; exit 1 }
		}
		send "\r"
		expect {
			"login: " {} timeout { puts "no prompt"; exit 1 }
		}
		sleep 0.5
		send "root\r"
		expect {
			"assword:" {} timeout { puts "no question for the password"; exit 1 }
		}
		send "sesam7\r"
		expect {
			-re {root@lxc-name0[^\n]*# } {} timeout { puts "no shell"; exit 1 }
		}
		send "echo \"<\$(hostname) \$(tty)>\"; ls -l /dev/tty2\r"
		expect {
			"<lxc-name0 /dev/tty2>" {} timeout { puts "wrong terminal"; exit 1 }
		}
		expect {
			-re {crw.* 136, [0-9]+} {} timeout { puts "not a pty of the host"; exit 1 }
		}
		send "exit\r"
		send "\001q"
		expect eof
		lassign [wait] pid spawnid os code
		if {$code != 0} { puts "exit $code after leaving"; exit 1 }
	X
}

@test "4. ssh into the container, over the bridge" {
	needs ssh
	started
	run timeout $((30 * ${COPPICE_TEST_SLOW:-1})) ssh -i "$T_TMP/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@10.0.0.16 'hostname; id -u; echo "$SSH_CONNECTION"' 3>&- 4>&-
	[ "$status" = 0 ] || { stderr=; ran=ssh; show_run; }
	same "${lines[0]} ${lines[1]}" "lxc-name0 0"
	[[ ${lines[2]} == "10.0.0.15 "*" 10.0.0.16 22" ]]
	# and with a terminal of its own
	run timeout $((30 * ${COPPICE_TEST_SLOW:-1})) ssh -tt -i "$T_TMP/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@10.0.0.16 tty 3>&- 4>&-
	[[ $output == /dev/pts/* ]] || { stderr=; ran="ssh -tt"; show_run; }
}

@test "5. ps shows whose a process is" {
	started
	run sh -c "ps ax -o pid,command,cgroup | grep '[/]lxc-container' | grep -c 'init\|getty\|sshd'"
	[ "$output" -ge 3 ] || { ps ax -o pid,command,cgroup | tail -20; return 1; }
}

@test "the limits are in force: 128M of memory, 256M with swap; an empty cpuset changed nothing" {
	needs memory
	started
	local file
	if file=$(node_file memory.max); then
		same "$(cat "$file")" $((128 << 20))
		[ ! -e "${file%.max}.swap.max" ] || same "$(cat "${file%.max}.swap.max")" $((128 << 20))
	else
		file=$(node_file memory.limit_in_bytes)
		same "$(cat "$file")" $((128 << 20))
		file=${file%limit_in_bytes}memsw.limit_in_bytes
		[ ! -e "$file" ] || same "$(cat "$file")" $((256 << 20))
	fi
	lxc attach -n lxc-container -- nproc
	is "$(nproc)"
	# a program that wants more is ended
	run "$(lxc_ attach)" -n lxc-container -- /bin/sh -c 'head -c 400m /dev/zero | tail >/dev/null'
	[ "$status" != 0 ]
	is_state lxc-container running
}

@test "the device list is in force: what it does not name cannot be opened" {
	started
	lxc attach -n lxc-container -- /bin/sh -c 'head -c 1 /dev/zero >/dev/null && head -c 1 /dev/urandom >/dev/null && echo fine'
	is fine
	run "$(lxc_ attach)" -n lxc-container -- head -c 1 /dev/full
	[ "$status" != 0 ]
	[[ $output == *"not permitted"* ]] || { ran="head /dev/full"; stderr=; show_run; }
}

@test "the same container by the native command" {
	started
	ok exec lxc-container -- hostname
	is lxc-name0
	ok show lxc-container
	has 10.0.0.16
	ok config get lxc-container lxc.uts.name
	is lxc-name0
}

@test "lxc-stop, and lxc-destroy: the owner's tree is where lxc.rootfs says, and goes with it; the base stays" {
	started
	lxc stop -n lxc-container -t 20
	is_state lxc-container stopped
	lxc_rc 2 stop -n lxc-container
	[ -z "$(nodes)" ]
	# started and stopped again: nothing was used up
	lxc start -n lxc-container
	lxc stop -n lxc-container -k
	# what the recipe mounted is in the way, and not followed into the base
	umount "$R/lxc-container/dev" "$R/lxc-container/common"
	lxc destroy -n lxc-container
	[ ! -e "$COPPICE_LXCPATH/lxc-container" ]
	[ ! -e "$R/lxc-container" ]
	[ -x "$R/base/common/usr/bin/env" ]
}

@test "coppice adopt: the hand-made sharing becomes a sealed base and a container on it" {
	needs erofs
	[ -e "$COPPICE_LXCPATH/lxc-container" ] || the_container # the test before took it away
	T=200 ok adopt lxc-container
	has lxc-container
	ran="adopt said: $output $stderr"
	ok show lxc-container
	has bind
	started
	lxc attach -n lxc-container -- hostname
	is lxc-name0
	lxc_rc 1 attach -n lxc-container -- touch /usr/x
	err_has "Read-only file system"
	run timeout $((30 * ${COPPICE_TEST_SLOW:-1})) ssh -i "$T_TMP/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@10.0.0.16 hostname 3>&- 4>&-
	is lxc-name0
	ok df
	lxc stop -n lxc-container -k
	# the original is there until it is not wanted any more
	[ -d "$R/lxc-container/etc" ]
}
