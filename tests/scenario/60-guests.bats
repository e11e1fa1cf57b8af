#!/usr/bin/env bats
# Whole systems boot to a login prompt on their console and stop by the signal they understand: busybox init, systemd, sysvinit.
load ../lib/common

teardown() { all_gone; }

# Waits for text in the console log.
logged() { c logs "$1" 2>/dev/null | tr -d '\r' | grep -qE "$2"; }

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
	local before
	before=$(init_of b)
	c exec b -- reboot || true
	until_ok 20 eval '[ "$(init_of b)" != "$before" ] && is_state b running'
	c exec b -- poweroff || true
	until_ok 20 is_state b stopped
}

@test "systemd: multi-user on its console with a login prompt, no failed unit of ours, clean stop" {
	guest_base sysd systemd,systemd-sysv,dbus,login
	ok launch sysd s
	until_ok 60 logged s 'login:'
	ok exec s -- /bin/cat /proc/1/comm
	is systemd
	until_ok 40 eval 'c exec s -- systemctl is-system-running 2>/dev/null | grep -qE "running|degraded"'
	run --separate-stderr c exec s -- systemctl --failed --no-legend --plain
	echo "failed units: ${output:-none}" >&3
	[ "$(grep -c . <<<"$output")" -le 2 ] || show_run
	ok exec s -- systemctl is-active dbus.service
	stops_cleanly s
}

@test "systemd: log in on the console, detach, come back to the same session" {
	guest_base sysd systemd,systemd-sysv,dbus,login
	needs expect
	ok launch sysd s2
	until_ok 60 logged s2 'login:'
	on_terminal <<-'X'
		set timeout 30
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

@test "systemd: reboot and poweroff from inside" {
	guest_base sysd systemd,systemd-sysv,dbus,login
	ok launch sysd s3
	until_ok 60 logged s3 'login:'
	local before
	before=$(init_of s3)
	c exec s3 -- systemctl reboot >/dev/null 2>&1 || true
	until_ok 60 eval '[ "$(init_of s3)" != "$before" ] && is_state s3 running'
	until_ok 60 eval 'c exec s3 -- systemctl is-system-running 2>/dev/null | grep -qE "running|degraded"'
	c exec s3 -- systemctl poweroff >/dev/null 2>&1 || true
	until_ok 60 is_state s3 stopped
}

@test "systemd: in an overlay, and ephemeral" {
	needs overlay
	guest_base sysd systemd,systemd-sysv,dbus,login
	local m
	for m in overlay ephemeral; do
		ok launch --mode $m sysd "s-$m"
		until_ok 60 logged "s-$m" 'login:'
		stops_cleanly "s-$m"
	done
}

@test "systemd: limits and units inside work (delegated groups)" {
	guest_base sysd systemd,systemd-sysv,dbus,login
	ok launch --memory 256M sysd s5
	until_ok 60 logged s5 'login:'
	ok exec s5 -- systemd-run --wait --pipe -q /bin/echo from-a-unit
	is from-a-unit
	ok stop s5
}

@test "sysvinit: login prompt, clean stop" {
	guest_base sysv sysvinit-core,sysvinit-utils,login
	ok launch sysv v
	until_ok 60 logged v 'login:'
	ok exec v -- /bin/cat /proc/1/comm
	is init
	stops_cleanly v
}

@test "sysvinit: tty1 has a prompt too" {
	guest_base sysv sysvinit-core,sysvinit-utils,login
	needs expect
	ok launch sysv v2
	on_terminal <<-'X'
		set timeout 60
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
	guest_tar sysv sysvinit-core,sysvinit-utils,login # proves that packages can be fetched at all, or skips
	run --separate-stderr timeout -k 5 400 nsenter --net="$T_NET" -- "$COPPICE" base build suite --from mmdebstrap:bookworm --include tini 3>&-
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
