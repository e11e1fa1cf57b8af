#!/usr/bin/env bats
# Whole systems boot to a login prompt on their console and stop by the signal they understand: busybox init, systemd, sysvinit.
load ../lib/common

teardown() { all_gone; }

# Waits for text in the console log.
logged() { c logs "$1" 2>/dev/null | tr -d '\r' | grep -qE "$2"; }

# The guests. sysd has what a Debian container usually has; sysv an ssh server besides.
sysd() { guest_base sysd systemd,systemd-sysv,dbus,login,libpam-systemd; }
sysv() { guest_base sysv sysvinit-core,sysvinit-utils,login,openssh-server; }

# Logs in as root with a password that exec has set; what is typed there must find job control, a terminal of this name and the viewer's size.
logs_in() { # NAME TTY-NUMBER TTY-NAME
	needs expect
	run --separate-stderr c exec "$1" -- chpasswd <<<"root:sesam7"
	[ "$status" = 0 ] || show_run
	NAME=$1 TTY=$2 SAYS=$3 on_terminal <<-'X'
		set timeout [expr 30 * $slow]
		spawn $coppice console $env(NAME) --tty $env(TTY)
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
			"no job control" { puts "no job control"; exit 1 }
			-re {root@[^\n]*# } {} timeout { puts "no shell"; exit 1 }
		}
		send "echo \"<\$(tty) \$(stty size) \$(id -u)>\"; sleep 100 & kill %1 && echo job-gone; exit\r"
		expect {
			"<$env(SAYS) 24 80 0>" {} timeout { puts "wrong terminal or size"; exit 1 }
		}
		expect {
			"\njob-gone" {} timeout { puts "no jobs"; exit 1 }
		}
		expect {
			"login: " {} timeout { puts "no prompt after logout"; exit 1 }
		}
		send "\001q"
		expect eof
	X
}

# The same monitor, another init.
comes_back() { # NAME OLD-INIT MONITOR
	until_ok 60 eval '[ "$(init_of '"$1"')" != '"$2"' ] && [ "$(init_of '"$1"')" -gt 0 ] && is_state '"$1"' running'
	same "$(monitor_of "$1")" "$3"
}

guest_base() { # NAME PACKAGES
	guest_tar "$1" "$2"
	c base show "$1" >/dev/null 2>&1 || T=200 ok base build "$1" --from "$tar"
}

# stops cleanly: by itself, within its grace, not by force
stops_cleanly() {
	run --separate-stderr c -f json stop --timeout 45s "$1"
	[ "$status" = 0 ] || show_run
	jq -e '[.. | .killed? // empty] | any | not' <<<"$output" || show_run
	is_state "$1" stopped
}

@test "busybox init: comes up, login prompt on console and tty1, goes down by itself" {
	ok launch bb b
	until_ok 15 logged b 'login:'
	ok exec b -- /bin/cat /proc/1/comm
	is init
	needs expect
	on_terminal <<-'X'
		spawn $coppice console b --tty 1
		expect {
			"login:" {} timeout { puts "no prompt on tty1"; exit 1 }
		}
		send "root\r"
		expect {
			"# " {} timeout { puts "no shell"; exit 1 }
		}
		send "tty\r"
		expect {
			"/dev/tty1" {} timeout { puts "not tty1"; exit 1 }
		}
		send "\001q"
		expect eof
	X
	stops_cleanly b
	ok logs b
	has "bb goes down"
}

@test "busybox init: reboot inside starts it again, poweroff stops the container" {
	ok launch bb b
	until_ok 15 logged b 'login:'
	local before monitor
	before=$(init_of b)
	monitor=$(monitor_of b)
	c exec b -- reboot || true
	comes_back b "$before" "$monitor"
	c exec b -- poweroff || true
	until_ok 20 is_state b stopped
}

@test "systemd: multi-user on its console with a login prompt, no failed unit of ours, clean stop" {
	sysd
	ok launch sysd s
	until_ok 60 logged s 'login:'
	ok exec s -- /bin/cat /proc/1/comm
	is systemd
	until_ok 40 eval 'c exec s -- systemctl is-system-running 2>/dev/null | grep -qx running'
	ok exec s -- systemctl --failed --no-legend --plain
	is ""
	ok exec s -- systemctl is-active dbus.service systemd-journald.service systemd-logind.service
	ok exec s -- systemd-detect-virt
	is lxc
	ok exec s -- hostname
	is s
	ok exec s -- journalctl -b --no-pager -t systemd
	has "Startup finished"
	stops_cleanly s
	ok logs s
	hasnt FAILED
}

@test "systemd: log in on the console, detach, come back to the same session" {
	sysd
	needs expect
	ok launch sysd s2
	until_ok 60 logged s2 'login:'
	on_terminal <<-'X'
		set timeout [expr 30 * $slow]
		spawn $coppice console s2
		expect "login:"
		send "root\r"
		expect {
			"# " {} timeout { puts "no shell"; exit 1 }
		}
		send "MARK=here-\$((40+2)); echo \$MARK\r"
		expect {
			"here-42" {} timeout { puts "no echo"; exit 1 }
		}
		send "\001q"
		expect eof
		spawn $coppice console s2
		sleep 0.3
		send "echo again-\$MARK\r"
		expect {
			"again-here-42" {} timeout { puts "session lost"; exit 1 }
		}
		send "\001q"
		expect eof
	X
	ok stop s2
}

@test "systemd: password logins on the console and on tty1, job control, the viewer's size" {
	sysd
	ok launch sysd s6
	until_ok 60 logged s6 'login:'
	logs_in s6 0 /dev/console
	logs_in s6 1 /dev/pts/1
	ok stop s6
}

@test "systemd: what it is asked in its first moments, before it listens, is not lost" {
	sysd
	local before
	ok create sysd s9
	for _ in 1 2 3; do
		ok start s9
		ok stop s9
		[[ $stderr != *killed* ]] || show_run
	done
	ok start s9
	before=$(init_of s9)
	ran="lxc-stop -r"
	run --separate-stderr timeout -k 5 $((40 * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-stop" -P "$T_ROOT/containers" -n s9 -r -t $((25 * ${COPPICE_TEST_SLOW:-1})) 3>&- 4>&-
	[ "$status" = 0 ] || show_run
	[ "$(init_of s9)" != "$before" ]
	# asked, and not waited for
	run --separate-stderr timeout -k 5 $((40 * ${COPPICE_TEST_SLOW:-1})) "$COPPICE_BUILD/lxc-stop" -P "$T_ROOT/containers" -n s9 -W 3>&- 4>&-
	[ "$status" = 0 ] || show_run
	until_ok 60 is_state s9 stopped
}

@test "systemd: reboot and poweroff from inside" {
	sysd
	ok launch sysd s3
	until_ok 60 logged s3 'login:'
	local before monitor
	before=$(init_of s3)
	monitor=$(monitor_of s3)
	c exec s3 -- systemctl reboot >/dev/null 2>&1 || true
	comes_back s3 "$before" "$monitor"
	ok exec s3 -- cat /proc/uptime
	[ "${output%%.*}" -lt 60 ] || show_run
	until_ok 60 eval 'c exec s3 -- systemctl is-system-running 2>/dev/null | grep -qE "running|degraded"'
	c exec s3 -- systemctl poweroff >/dev/null 2>&1 || true
	until_ok 60 is_state s3 stopped
}

@test "systemd: in an overlay, and ephemeral" {
	needs overlay
	sysd
	local m
	for m in overlay ephemeral; do
		ok launch --mode $m sysd "s-$m"
		until_ok 60 logged "s-$m" 'login:'
		stops_cleanly "s-$m"
	done
}

@test "systemd: limits and units inside work (delegated groups)" {
	sysd
	ok launch --memory 256M sysd s5
	until_ok 60 logged s5 'login:'
	ok exec s5 -- systemd-run --wait --pipe -q /bin/echo from-a-unit
	is from-a-unit
	ok stop s5
}

@test "sysvinit: login prompt, clean stop" {
	sysv
	ok launch sysv v
	until_ok 60 logged v 'login:'
	ok exec v -- /bin/cat /proc/1/comm
	is init
	stops_cleanly v
}

@test "sysvinit: password logins on the console and on tty1, own ssh host keys, reboot and poweroff" {
	sysv
	local before monitor keys
	ok launch sysv v3
	until_ok 60 logged v3 'login:'
	logs_in v3 0 /dev/console
	logs_in v3 1 /dev/tty1
	ok exec v3 -- sh -c 'cat /etc/ssh/ssh_host_*_key.pub'
	has ssh-ed25519
	has root@v3
	keys=$output
	before=$(init_of v3)
	monitor=$(monitor_of v3)
	c exec v3 -- reboot >/dev/null 2>&1 || true
	comes_back v3 "$before" "$monitor"
	ok exec v3 -- sh -c 'cat /etc/ssh/ssh_host_*_key.pub'
	is "$keys"
	until_ok 30 c exec v3 -- test -p /run/initctl
	c exec v3 -- poweroff >/dev/null 2>&1 || true
	until_ok 60 is_state v3 stopped
	ok logs v3
	hasnt "respawning too fast"
}

@test "a package of one's own: dpkg tells the truth in every mode, installs where the system is writable" {
	sysd
	needs overlay
	command -v dpkg-deb >/dev/null || skip "dpkg-deb is not installed"
	local d=$T_TMP/deb
	mkdir -p "$d/DEBIAN" "$d/usr/bin"
	printf 'Package: stump\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: a test\n' >"$d/DEBIAN/control"
	printf '#!/bin/sh\necho from-stump\n' >"$d/usr/bin/stump"
	chmod 0755 "$d" "$d/DEBIAN" "$d/usr" "$d/usr/bin" "$d/usr/bin/stump"
	dpkg-deb --root-owner-group -b "$d" "$T_TMP/stump.deb" >/dev/null
	ok launch --mode overlay sysd p1
	ok cp "$T_TMP/stump.deb" p1:/root/stump.deb
	ok exec p1 -- dpkg -i /root/stump.deb
	ok exec p1 -- stump
	is from-stump
	ok exec p1 -- dpkg -s stump
	has "install ok installed"
	ok launch sysd p2
	ok exec p2 -- dpkg -l dash
	has "ii  dash"
	ok exec p2 -- dpkg --audit
	is ""
	ok cp "$T_TMP/stump.deb" p2:/root/stump.deb
	gives 2 exec p2 -- dpkg -i /root/stump.deb
	err_has "Read-only file system"
	ok exec p2 -- dpkg -l dash
	has "ii  dash"
}

@test "sysvinit: tty1 has a prompt too" {
	sysv
	needs expect
	ok launch sysv v2
	on_terminal <<-'X'
		set timeout [expr 60 * $slow]
		spawn $coppice console v2 --tty 1
		expect {
			"login:" {} timeout { puts "no prompt on tty1"; exit 1 }
		}
		send "\001q"
		expect eof
	X
	ok stop v2
}

@test "base build --from mmdebstrap:SUITE --include" {
	needs mmdebstrap
	guest_tar sysv sysvinit-core,sysvinit-utils,login,openssh-server # proves that packages can be fetched at all, or skips
	run --separate-stderr timeout -k 5 $((400 * ${COPPICE_TEST_SLOW:-1})) nsenter --net="$T_NET" -- "$COPPICE" base build suite --from mmdebstrap:bookworm --include tini 3>&-
	if [ "$status" != 0 ] && [[ $stderr == *resolve* || $stderr == *connect* || $stderr == *fetch* ]]; then skip "packages cannot be fetched"; fi
	[ "$status" = 0 ] || show_run
	ok run suite -- /usr/bin/dpkg -s tini
	has "Status: install ok installed"
	ok base delete suite
}

@test "one program as init: --init, small pid 1, signals pass, exit code kept" {
	ok create bb one -- /usr/bin/guest signals
	ok start one
	until_ok 5 logged one ready
	ok stop one
	ok logs one
	has "signal 15"
	ok -f json show one
	same "$(jq '[.. | .last_exit? // empty][0]' <<<"$output")" 0
}
