#!/usr/bin/env bats
# cp: files and directories in and out, running or stopped; never outside, whatever the container's links say.
load ../lib/common

setup_file() {
	c launch bb x -- /bin/sleep 100000 >/dev/null
	mkdir -p "$T_TMP/victim"
	echo original >"$T_TMP/victim/file"
	chmod 0600 "$T_TMP/victim/file"
}
teardown_file() {
	all_gone
}

victim_untouched() {
	same "$(ls "$T_TMP/victim")" file
	same "$(cat "$T_TMP/victim/file")" original
	same "$(stat -c %a "$T_TMP/victim/file")" 600
}

@test "a file goes in and comes out the same" {
	head -c 200000 /dev/urandom >"$T_TMP/f"
	chmod 0640 "$T_TMP/f"
	ok cp "$T_TMP/f" x:/root/f
	ok exec x -- /usr/bin/guest stat /root/f
	is "0 0 640"
	ok cp x:/root/f "$T_TMP/g"
	cmp "$T_TMP/f" "$T_TMP/g"
}

@test "into a directory keeps the name" {
	echo 1 >"$T_TMP/name"
	ok cp "$T_TMP/name" x:/root/
	ok exec x -- /bin/cat /root/name
	is 1
}

@test "a directory goes in and comes out" {
	mkdir -p "$T_TMP/d/sub"
	echo a >"$T_TMP/d/a"
	echo b >"$T_TMP/d/sub/b"
	ln -sf a "$T_TMP/d/link"
	ok cp "$T_TMP/d" x:/root/d
	ok exec x -- /bin/sh -c 'cat /root/d/a /root/d/sub/b; readlink /root/d/link'
	same "$output" $'a\nb\na'
	ok cp x:/root/d "$T_TMP/e"
	diff -r --no-dereference "$T_TMP/d" "$T_TMP/e"
}

@test "works on a stopped container too" {
	ok create bb off
	echo 2 >"$T_TMP/f2"
	ok cp "$T_TMP/f2" off:/root/f2
	ok cp off:/root/f2 "$T_TMP/g2"
	cmp "$T_TMP/f2" "$T_TMP/g2"
	ok delete --purge off
}

@test "missing things are told" {
	fails 3 cp x:/root/nosuch "$T_TMP/n"
	fails 3 cp "$T_TMP/nosuch" x:/root/
	fails 3 cp nosuch:/etc/passwd "$T_TMP/n"
	fails 2 cp "$T_TMP/f" "$T_TMP/g"
	fails 2 cp x:/etc/passwd x:/root/
	[ ! -e "$T_TMP/n" ]
}

@test "a target that is a link to the host's victim stays inside" {
	c exec x -- /bin/sh -c "ln -sf $T_TMP/victim/file /root/evil; ln -sfn $T_TMP/victim /root/evildir; ln -sfn ../../../../../../../..$T_TMP/victim /root/up"
	run --separate-stderr c cp "$T_TMP/name" x:/root/evil
	victim_untouched
	run --separate-stderr c cp "$T_TMP/name" x:/root/evildir/
	victim_untouched
	run --separate-stderr c cp "$T_TMP/name" x:/root/evildir/new
	victim_untouched
	run --separate-stderr c cp "$T_TMP/name" x:/root/up/new
	victim_untouched
}

@test "a source that is a link to the host's victim is not read" {
	run --separate-stderr c cp x:/root/evil "$T_TMP/stolen"
	run ! grep -q original "$T_TMP/stolen"
	run --separate-stderr c cp x:/root/evildir/file "$T_TMP/stolen2"
	run ! grep -q original "$T_TMP/stolen2"
	ok exec x -- /bin/rm -f /root/evil /root/evildir /root/up
}

@test "/proc inside is no way out" {
	run --separate-stderr c cp x:/proc/1/root/etc/shadow "$T_TMP/sh"
	run ! cmp -s "$T_TMP/sh" /etc/shadow
	run --separate-stderr c cp "$T_TMP/name" x:/proc/self/cwd/evil
	victim_untouched
}

@test "a tree that changes links under us never writes outside" {
	ok exec x -- /bin/mkdir -p /root/race
	c exec x -- /bin/sh -c "for i in \$(seq 400); do rm -rf /root/race/t; ln -sfn $T_TMP/victim /root/race/t; rm -f /root/race/t; mkdir /root/race/t; done" &
	local pid=$! i
	for ((i = 0; i < 25; i++)); do c cp "$T_TMP/name" x:/root/race/t/new >/dev/null 2>&1 || true; done
	wait $pid || true
	victim_untouched
}

@test "devices, pipes and sockets inside are not opened" {
	ok exec x -- /bin/sh -c 'mkfifo /root/pipe'
	T=10 run --separate-stderr c cp x:/root/pipe "$T_TMP/p"
	[ "$status" != 124 ] && [ "$status" != 137 ] || show_run
	[ "$status" != 0 ] || [ ! -f "$T_TMP/p" ] || show_run
}

@test "a large sparse file stays sparse" {
	truncate -s 1G "$T_TMP/sparse"
	echo end | dd of="$T_TMP/sparse" bs=1 seek=$((1 << 29)) conv=notrunc 2>/dev/null
	ok cp "$T_TMP/sparse" x:/root/sparse
	[ "$(c exec x -- /bin/sh -c 'du -k /root/sparse | cut -f1')" -lt 10000 ]
	ok exec x -- /bin/rm /root/sparse
}
