#!/usr/bin/env bats
# The four modes and a directory of one's own: what is shared, what is private, what survives, and that the base never changes.
load ../lib/common

base_sum() { find "$T_ROOT/bases/bb" -type f -exec sha256sum {} + | sort | sha256sum; }

# Root of a container as the host sees it is not there: look through exec.
writable() { c exec "$1" -- /bin/sh -c "touch $2/.w 2>/dev/null && echo yes || echo no"; }

setup_file() { base_sum >"$T_TMP/base.sum"; }

teardown() {
	all_gone
	same "$(base_sum)" "$(cat "$T_TMP/base.sum")"
}

@test "bind: usr is sealed, everything else is real files of its own" {
	up b1
	same "$(field b1 mode)" bind
	same "$(writable b1 /usr/bin)" no
	same "$(writable b1 /etc)" yes
	same "$(writable b1 /var/lib)" yes
	same "$(writable b1 /usr/local)" yes
	same "$(writable b1 /opt)" yes
	ok exec b1 -- /bin/sh -c 'echo mine >/etc/sample.conf; cat /etc/sample.conf'
	is mine
	up b2
	ok exec b2 -- /bin/cat /etc/sample.conf
	is "private default"
	same "$(cat "$T_ROOT/containers/b1/private/etc/sample.conf")" mine
}

@test "bind: private files are plain files with plain ids on disk" {
	up b3
	ok exec b3 -- /bin/sh -c 'echo x >/root/f; chown 1000:2000 /root/f'
	same "$(stat -c %u:%g "$T_ROOT/containers/b3/private/root/f")" 1000:2000
	same "$(stat -c %u:%g "$T_ROOT/containers/b3/private/etc/passwd")" 0:0
	same "$(stat -c %a "$T_ROOT/containers/b3")" 700
}

@test "overlay: all of it is writable, the base is not touched" {
	needs overlay
	up o1 --mode overlay
	same "$(writable o1 /usr/bin)" yes
	ok exec o1 -- /bin/sh -c 'echo new >/usr/bin/newprog; rm /usr/bin/vi; ls /usr/bin/newprog'
	is /usr/bin/newprog
	up o2 --mode overlay
	ok exec o2 -- /bin/sh -c 'ls /usr/bin/vi; ls /usr/bin/newprog 2>&1 || true'
	has "/usr/bin/vi"
	has "No such file"
}

@test "overlay: changes survive a restart" {
	needs overlay
	up o3 --mode overlay
	ok exec o3 -- /bin/sh -c 'echo kept >/usr/lib/kept; chown 1000:1000 /usr/lib/kept'
	ok restart o3
	ok exec o3 -- /bin/sh -c 'cat /usr/lib/kept; guest stat /usr/lib/kept'
	has kept
	has "1000 1000"
}

@test "ephemeral: writable, forgotten at stop, bounded in size" {
	needs overlay
	up e1 --mode ephemeral --set coppice.ephemeral.size=16M
	same "$(writable e1 /usr/bin)" yes
	ok exec e1 -- /bin/sh -c 'echo x >/usr/lib/gone; dd if=/dev/zero of=/big bs=1M count=64 2>&1; ls -l /big | awk "{print \$5}"; rm -f /big'
	[ "${lines[-1]}" -lt $((17 * 1024 * 1024)) ]
	ok restart e1
	ok exec e1 -- /bin/sh -c 'ls /usr/lib/gone 2>/dev/null; true'
	is ""
}

@test "copy: shares nothing, all of it is its own" {
	up c1 --mode copy
	same "$(writable c1 /usr/bin)" yes
	ok exec c1 -- /bin/sh -c 'rm -rf /usr/share; rm /usr/bin/vi; echo lives'
	is lives
	[ -e "$T_ROOT/containers/c1/private/usr/bin/busybox" ]
}

@test "a directory of one's own as the root" {
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/own"
	ok create --rootfs "$T_TMP/own" own1 -- /bin/sleep 1000
	ok start own1
	ok exec own1 -- /bin/sh -c 'echo x >/root/f; cat /etc/os-release'
	has "ID=bb"
	[ -e "$T_TMP/own/root/f" ]
	ok delete --force --purge own1
	[ -e "$T_TMP/own/etc/passwd" ]
}

@test "one root directory is never used by two running containers" {
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/own2"
	ok create --rootfs "$T_TMP/own2" w1 -- /bin/sleep 1000
	ok create --rootfs "$T_TMP/own2" w2 -- /bin/sleep 1000
	ok start w1
	run --separate-stderr c start w2
	[ "$status" = 4 ] || show_run
	ok delete --force --purge w1 w2
}

@test "each mode boots, executes, stops and starts again" {
	local m
	for m in bind overlay ephemeral copy; do
		up "m-$m" --mode $m
		ok exec "m-$m" -- /bin/busybox true
		ok stop "m-$m"
		ok start "m-$m"
		ok exec "m-$m" -- /bin/sh -c 'test -d /proc/1 && test -c /dev/null && test -w /tmp && test -d /sys/kernel && echo fine'
		is fine
	done
}

@test "set-id programs and owners of the base look as they should inside" {
	local m
	for m in bind overlay copy; do
		up "s-$m" --mode $m
		ok exec "s-$m" -- /usr/bin/guest stat /usr/bin/busybox
		is "0 0 $(stat -c %a "$COPPICE_TEST_DIR/bb/usr/bin/busybox")"
		ok exec "s-$m" -- /usr/bin/guest stat /home/user
		is "1000 1000 755"
		ok exec "s-$m" -- /usr/bin/guest stat /etc/shadow
		is "0 0 640"
	done
}

@test "the base cannot be written, remounted or unmounted from inside, in any mode that shares it" {
	up w-bind
	ok exec w-bind -- /usr/bin/probe base_write base_unmount
	has "0 of 27 open"
	up w-priv --privileged
	ok exec w-priv -- /usr/bin/probe base_write
	has "0 of 27 open"
	# an overlay is writable on top; what is below must not change: teardown compares
	up w-over --mode overlay
	ok exec w-over -- /bin/sh -c 'mount -o remount,rw / ; for f in /usr/bin/*; do echo x >>$f; done 2>/dev/null; true'
}

@test "20 containers of one base: its image is one superblock" {
	local i pid devs=''
	for i in 1 2 3 4 5; do up "sb$i"; done
	for i in 1 2 3 4 5; do
		pid=$(init_of "sb$i")
		devs+=$(awk '$5 == "/usr" { print $3 }' "/proc/$pid/mountinfo")$'\n'
	done
	same "$(sort -u <<<"$devs" | grep -c .)" 1
}

@test "stopping the one that mounted the base first does not disturb the others" {
	up f1
	up f2
	ok delete --force --purge f1
	ok exec f2 -- /bin/ls /usr/bin/busybox
	up f3
	same "$(awk '$5 == "/usr" { print $3 }' "/proc/$(init_of f2)/mountinfo")" "$(awk '$5 == "/usr" { print $3 }' "/proc/$(init_of f3)/mountinfo")"
}

@test "kill -9 of every monitor at once: the base stays mounted for the running, new starts work" {
	up g1
	up g2
	kill -KILL "$(monitor_of g1)" "$(monitor_of g2)"
	ok exec g1 -- /bin/ls /usr/bin/busybox
	up g3
	ok exec g3 -- /bin/ls /usr/bin/busybox
}

@test "the pool gives ready trees" {
	ok pool set bb 3
	ok create bb pl1 pl2
	ok start pl1
	ok exec pl1 -- /bin/cat /etc/sample.conf
	is "private default"
	ok pool set bb 0
}
