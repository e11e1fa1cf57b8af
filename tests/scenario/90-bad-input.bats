#!/usr/bin/env bats
# Bad input: names, directories, links, archives, numbers, full and read-only disks, bases that vanish. One clear error, the documented exit code, nothing
# left, nothing outside touched.
load ../lib/common

setup() {
	mkdir -p "$T_TMP/victim"
	echo original >"$T_TMP/victim/file"
}

teardown() {
	all_gone
	export COPPICE_ROOT=$T_ROOT
	all_gone
	umount "$T_TMP/small" 2>/dev/null || true
	same "$(ls -A "$T_TMP/victim")" file
	same "$(cat "$T_TMP/victim/file")" original
	[ -z "$(find "$T_ROOT/containers" -mindepth 1 -maxdepth 1 ! -name .trash ! -name .staging 2>/dev/null)" ]
	[ -z "$(ls -A "$T_ROOT/staging" 2>/dev/null)" ]
}

@test "names outside the grammar" {
	local before n
	before=$(find "$T_ROOT" -maxdepth 2 | sort)
	for n in .. . ../esc a/b /abs -rf '' ' ' 'a b' $'a\nb' $'a\e[31m' $'\xff\xfe' '.hidden' '_x' "$(printf 'x%.0s' {1..64})" "$(printf 'x%.0s' {1..300})" 'a*' 'a;b' 'a$(id)' 'é'; do
		run --separate-stderr c create bb "$n"
		[ "$status" = 2 ] || { printf 'name %q: ' "$n"; show_run; }
		run --separate-stderr c base build "$n" --from "$COPPICE_TEST_DIR/bb"
		[ "$status" = 2 ] || { printf 'base name %q: ' "$n"; show_run; }
		run --separate-stderr c undelete "$n"
		[ "$status" = 2 ] || [ "$status" = 3 ] || show_run
	done
	same "$(find "$T_ROOT" -maxdepth 2 | sort | grep -v /containers | grep -v /run)" "$(grep -v /containers <<<"$before" | grep -v /run)"
}

@test "the longest and oddest names that are allowed work through a whole life" {
	local n
	for n in "$(printf 'x%.0s' {1..63})" 0 a.b-c_d A..Z 9_9; do
		ok create bb "$n" -- /bin/sleep 1000
		ok start "$n"
		ok exec "$n" -- /bin/true
		ok delete --force --purge "$n"
	done
}

@test "root directories that are not: missing, a file, dangling, a loop, a link, relative" {
	ln -s nowhere "$T_TMP/dangling"
	ln -s loop2 "$T_TMP/loop1"
	ln -s loop1 "$T_TMP/loop2"
	touch "$T_TMP/afile"
	local d
	for d in "$T_TMP/missing" "$T_TMP/afile" "$T_TMP/dangling" "$T_TMP/loop1"; do
		run --separate-stderr c create --rootfs "$d" bad1
		if [ "$status" = 0 ]; then
			run --separate-stderr c start bad1
			[ "$status" != 0 ] || show_run
			three_lines
			ok delete --purge bad1
		else
			three_lines
		fi
	done
	fails 2 create --rootfs relative/path bad2
	fails 2 create --rootfs "$T_TMP/../x" bad3
}

@test "an empty root directory: the missing init is named, nothing is made in it by accident" {
	mkdir -p "$T_TMP/emptyroot"
	ok create --rootfs "$T_TMP/emptyroot" er -- /bin/sh
	run --separate-stderr c start er
	[ "$status" != 0 ] || show_run
	three_lines
	ok delete --purge er
}

# A root directory whose every interesting name is a link to the victim.
hostile_root() { # LINK-TARGET
	rm -rf "$T_TMP/hostile"
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/hostile"
	local n
	for n in $1; do
		rm -rf "${T_TMP:?}/hostile/${n%%=*}"
		mkdir -p "$(dirname "$T_TMP/hostile/${n%%=*}")"
		ln -s "${n#*=}" "$T_TMP/hostile/${n%%=*}"
	done
}

@test "links to the host in a root directory: dev, proc, sys, run, tmp, etc and what we write into" {
	local n
	for n in dev proc sys run tmp etc etc/hostname etc/machine-id etc/hosts etc/resolv.conf var usr dev/pts root sbin sbin/init; do
		hostile_root "$n=$T_TMP/victim"
		ok create --rootfs "$T_TMP/hostile" h1 -- /bin/sleep 1000
		run --separate-stderr c start h1
		same "$(ls -A "$T_TMP/victim")" file
		same "$(cat "$T_TMP/victim/file")" original
		if [ "$status" = 0 ]; then
			run --separate-stderr c exec h1 -- /bin/sh -c "ls $T_TMP/victim"
			[[ $output != *file* ]] || show_run
		else
			three_lines
		fi
		ok delete --force --purge h1
		hostile_root "$n=../../../../../../../../..$T_TMP/victim"
		ok create --rootfs "$T_TMP/hostile" h1 -- /bin/sleep 1000
		run --separate-stderr c start h1
		same "$(ls -A "$T_TMP/victim")" file
		ok delete --force --purge h1
	done
	same "$(stat -c %a "$T_TMP/victim")" 755
}

@test "the same links in a container's private part" {
	local n
	for n in dev proc sys run tmp etc/hostname etc/machine-id etc/hosts usr usr/local sbin; do
		ok create bb hp -- /bin/sleep 1000
		rm -rf "$T_ROOT/containers/hp/private/${n:?}"
		ln -s "$T_TMP/victim" "$T_ROOT/containers/hp/private/$n"
		run --separate-stderr c start hp
		same "$(ls -A "$T_TMP/victim")" file
		ok delete --force --purge hp
	done
}

@test "delete does not follow links or cross mounts" {
	ok create bb dl
	ln -s "$T_TMP/victim" "$T_ROOT/containers/dl/private/root/link"
	mkdir "$T_ROOT/containers/dl/private/root/mnt"
	mount --bind "$T_TMP/victim" "$T_ROOT/containers/dl/private/root/mnt"
	run --separate-stderr c delete --purge dl
	same "$(cat "$T_TMP/victim/file")" original
	[ "$status" = 0 ] || three_lines
	umount "$T_ROOT/containers/dl/private/root/mnt" 2>/dev/null || umount "$(findmnt -rn -o TARGET | grep "/root/mnt$")"
	c delete --purge --if-exists dl >/dev/null 2>&1 || true
	c gc --trash-age 0s >/dev/null 2>&1 || true
	same "$(cat "$T_TMP/victim/file")" original
}

# An archive made by python's tarfile, entry by entry: hostile_tar FILE, python lines on stdin with add(name, **fields)
hostile_tar() {
	needs python3
	{
		cat <<-'P'
			import tarfile, io, sys
			t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
			def add(name, data=b"", **f):
			    i = tarfile.TarInfo(name); i.size = len(data)
			    for k, v in f.items(): setattr(i, k, v)
			    t.addfile(i, io.BytesIO(data))
			def d(name): add(name, type=tarfile.DIRTYPE, mode=0o755)
			victim = sys.argv[2]
			d("usr"); d("usr/bin"); d("etc"); add("etc/passwd", b"root:x:0:0::/:/bin/sh\n"); add("usr/bin/x", b"#!/bin/sh\n", mode=0o755)
		P
		cat
		echo 't.close()'
	} >"$T_TMP/make.py"
	python3 "$T_TMP/make.py" "$1" "$T_TMP/victim"
}

# refused or contained: the victim is untouched (teardown), and no base is half there
tar_is_harmless() {
	T=60 run --separate-stderr c base build evil --from "$1"
	[ "$status" -lt 124 ] || show_run
	if [ "$status" = 0 ]; then ok base delete evil; else three_lines; fi
	same "$(cat "$T_TMP/victim/file")" original
	same "$(ls -A "$T_TMP/victim")" file
	ok base list
	hasnt evil
}

@test "tar: parent directories and absolute names" {
	hostile_tar "$T_TMP/e.tar" <<-'P'
		add("../../../../../../../../.." + victim + "/new", b"evil")
		add(victim + "/new2", b"evil")
		add("usr/../../../../../../.." + victim + "/new3", b"evil")
	P
	tar_is_harmless "$T_TMP/e.tar"
}

@test "tar: a file through a link that the archive made" {
	hostile_tar "$T_TMP/e.tar" <<-'P'
		add("usr/lnk", type=tarfile.SYMTYPE, linkname=victim)
		add("usr/lnk/new", b"evil")
		add("usr/up", type=tarfile.SYMTYPE, linkname="../../../../../../../.." + victim)
		add("usr/up/new", b"evil")
		add("usr/f", type=tarfile.SYMTYPE, linkname=victim + "/file")
		add("usr/f", b"evil")
	P
	tar_is_harmless "$T_TMP/e.tar"
}

@test "tar: hard links to the host and through links" {
	hostile_tar "$T_TMP/e.tar" <<-'P'
		add("usr/h1", type=tarfile.LNKTYPE, linkname=victim + "/file")
		add("usr/h2", type=tarfile.LNKTYPE, linkname="../../../../../../../.." + victim + "/file")
		add("usr/d", type=tarfile.SYMTYPE, linkname=victim)
		add("usr/h3", type=tarfile.LNKTYPE, linkname="usr/d/file")
		add("usr/h3", b"evil")
	P
	tar_is_harmless "$T_TMP/e.tar"
}

@test "tar: devices and pipes do not become devices of a base" {
	hostile_tar "$T_TMP/e.tar" <<-'P'
		add("usr/disk", type=tarfile.BLKTYPE, devmajor=254, devminor=0, mode=0o666)
		add("usr/mem", type=tarfile.CHRTYPE, devmajor=1, devminor=1, mode=0o666)
		add("usr/pipe", type=tarfile.FIFOTYPE)
	P
	T=60 run --separate-stderr c base build evil --from "$T_TMP/e.tar"
	if [ "$status" = 0 ]; then
		[ -z "$(find "$T_ROOT/bases/evil" -type b -o -type c)" ]
		ok base delete evil
	else
		three_lines
	fi
}

@test "tar: a file of 1 TB that is a hole costs neither disk nor time" {
	truncate -s 1T "$T_TMP/hole" 2>/dev/null || skip "this file system has no files of 1 TB"
	mkdir -p "$T_TMP/st"
	tar -C "$COPPICE_TEST_DIR/bb" -cf "$T_TMP/e.tar" .
	(cd "$T_TMP" && mkdir -p usr && mv hole usr/hole && tar --sparse -rf e.tar ./usr/hole && rm -r usr)
	[ "$(stat -c %s "$T_TMP/e.tar")" -lt 50000000 ]
	local before after
	before=$(df -k --output=avail "$T_TMP" | tail -n 1)
	tar_is_harmless "$T_TMP/e.tar"
	after=$(df -k --output=avail "$T_TMP" | tail -n 1)
	[ $((before - after)) -lt 500000 ]
}

@test "tar: duplicate entries, the last wins; a directory over a file and back" {
	hostile_tar "$T_TMP/e.tar" <<-'P'
		add("etc/dup", b"one")
		add("etc/dup", b"two")
		add("etc/turn", b"file")
		d("etc/turn")
		add("etc/turn/inner", b"x")
		d("etc/back")
		add("etc/back/inner", b"x")
		add("etc/back", b"file now")
	P
	tar_is_harmless "$T_TMP/e.tar"
}

@test "tar: names with newlines, escapes, invalid UTF-8, 5000 bytes, thousands of levels" {
	hostile_tar "$T_TMP/e.tar" <<-'P'
		add("etc/new\nline", b"x")
		add("etc/esc\x1b[31m", b"x")
		add("etc/" + "n" * 200, b"x")
		d("etc/" + "/".join(["d"] * 500))
	P
	T=60 run --separate-stderr c base build evil --from "$T_TMP/e.tar"
	[ "$status" -lt 124 ] || show_run
	[[ $stderr$output != *$'\e['* ]] || show_run
	if [ "$status" = 0 ]; then ok base verify evil; ok base delete evil; fi
	hostile_tar "$T_TMP/e2.tar" <<-'P'
		add("etc/" + "n" * 5000, b"x")
	P
	tar_is_harmless "$T_TMP/e2.tar"
	hostile_tar "$T_TMP/e3.tar" <<-'P'
		d("etc/" + "/".join(["d"] * 5000))
	P
	tar_is_harmless "$T_TMP/e3.tar"
}

@test "tar: a compressed bomb is bounded by the disk check or built; never a hang" {
	head -c 200000000 /dev/zero | xz -0 -c >"$T_TMP/bomb.tar.xz"
	tar_is_harmless "$T_TMP/bomb.tar.xz"
}

@test "a source directory full of odd things" {
	rm -rf "$T_TMP/odd"
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/odd"
	ln -s "$T_TMP/victim" "$T_TMP/odd/usr/out"
	ln -s self "$T_TMP/odd/usr/self"
	mkfifo "$T_TMP/odd/usr/pipe"
	printf x >"$T_TMP/odd/usr/"$'new\nline'
	chmod 0 "$T_TMP/odd/usr/"$'new\nline'
	python3 -c "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind('$T_TMP/odd/usr/sock')" 2>/dev/null || true
	T=60 ok base build odd --from "$T_TMP/odd"
	ok base verify odd
	ok base delete odd
}

@test "a source that changes while it is read fails or is sealed whole" {
	rm -rf "$T_TMP/moving"
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/moving"
	(for i in $(seq 200); do echo "$i" >"$T_TMP/moving/usr/lib/moving-$i"; rm -f "$T_TMP/moving/usr/lib/moving-$((i - 3))"; sleep 0.005; done) 3>&- &
	local pid=$!
	T=60 run --separate-stderr c base build moving --from "$T_TMP/moving"
	wait $pid
	if [ "$status" = 0 ]; then ok base verify moving; ok base delete moving; else three_lines; fi
}

@test "numbers and sizes that overflow, in options and keys" {
	local v
	for v in -1 0x10 1e9 99999999999999999999999 18446744073709551616 9999999999T 1.2.3 '' ' 1' '1 ' 1KBB 'MM' '١'; do
		run --separate-stderr c create --memory "$v" bb num
		[ "$status" = 2 ] || { printf 'memory %q: ' "$v"; show_run; }
		run --separate-stderr c create --pids "$v" bb num
		[ "$status" = 2 ] || { printf 'pids %q: ' "$v"; show_run; }
		run --separate-stderr c create --cpus "$v" bb num
		[ "$status" = 2 ] || { printf 'cpus %q: ' "$v"; show_run; }
		run --separate-stderr c stop --timeout "$v" num
		[ "$status" = 2 ] || { printf 'timeout %q: ' "$v"; show_run; }
	done
}

@test "very many and very long words" {
	mapfile -t many < <(seq 3000 | sed "s|^|n|")
	run --separate-stderr c list "${many[@]}"
	[ "$status" -lt 124 ] || show_run
	run --separate-stderr c exec "$(head -c 100000 /dev/zero | tr '\0' x)" -- /bin/true
	[ "$status" = 2 ] || [ "$status" = 3 ] || show_run
	up lw
	gives 0 exec lw -- /bin/sh -c 'echo ${#1}' sh "$(head -c 100000 /dev/zero | tr '\0' x)"
	is 100000
}

# A small file system of its own to fill.
small_fs() { # SIZE
	mkdir -p "$T_TMP/small"
	mount -t tmpfs -o "size=$1" small "$T_TMP/small"
	mkdir -m 0700 "$T_TMP/small/r"
}

@test "full disk: base build, create, config set: told, nothing half left, works again when there is room" {
	small_fs 24M
	export COPPICE_ROOT=$T_TMP/small/r
	T=60 ok base build bb --from "$COPPICE_TEST_DIR/bb"
	ok create bb f1 -- /bin/sleep 1000
	dd if=/dev/zero of="$T_TMP/small/fill" bs=4k 2>/dev/null || true
	T=60 run --separate-stderr c base build b2 --from "$COPPICE_TEST_DIR/bb"
	[ "$status" != 0 ] || show_run
	three_lines
	[[ $stderr == *space* ]] || show_run
	[ -z "$(ls -A "$COPPICE_ROOT/staging" 2>/dev/null)" ]
	fails 1 create --mode copy bb f2
	fails 3 show f2
	local before
	before=$(cat "$COPPICE_ROOT/containers/f1/config")
	run --separate-stderr c config set f1 coppice.tag="$(head -c 5000 /dev/zero | tr '\0' a | fold -w 30 | xargs)"
	[ "$status" = 0 ] || same "$(cat "$COPPICE_ROOT/containers/f1/config")" "$before"
	rm "$T_TMP/small/fill"
	ok start f1
	ok exec f1 -- /bin/true
	ok delete --force --purge f1
	export COPPICE_ROOT=$T_ROOT
	umount "$T_TMP/small"
}

@test "full disk: start and stop still work or say why; the container is never half there" {
	small_fs 32M
	export COPPICE_ROOT=$T_TMP/small/r
	T=60 ok base build bb --from "$COPPICE_TEST_DIR/bb"
	ok launch bb f3 -- /bin/sleep 1000
	ok create bb f4 -- /bin/sleep 1000
	dd if=/dev/zero of="$T_TMP/small/fill" bs=4k 2>/dev/null || true
	run --separate-stderr c start f4
	if [ "$status" = 0 ]; then is_state f4 running; else three_lines; is_state f4 stopped; [ -z "$(groups_of f4)" ]; fi
	ok stop --kill f3
	is_state f3 stopped
	[ -z "$(groups_of f3)" ]
	rm "$T_TMP/small/fill"
	ok delete --force --purge f3 f4
	export COPPICE_ROOT=$T_ROOT
	umount "$T_TMP/small"
}

@test "a read-only state directory: reading works, writing says so with exit 5" {
	small_fs 32M
	export COPPICE_ROOT=$T_TMP/small/r
	T=60 ok base build bb --from "$COPPICE_TEST_DIR/bb"
	ok create bb ro1
	mount -o remount,ro "$T_TMP/small"
	ok list
	has ro1
	ok base list
	fails 5 create bb ro2
	fails 5 base build b2 --from "$COPPICE_TEST_DIR/bb"
	fails 5 start ro1
	fails 5 delete ro1
	mount -o remount,rw "$T_TMP/small"
	ok delete --purge ro1
	export COPPICE_ROOT=$T_ROOT
	umount "$T_TMP/small"
}

@test "a state directory others could write to is refused" {
	mkdir "$T_TMP/open"
	chmod 0777 "$T_TMP/open"
	COPPICE_ROOT=$T_TMP/open run --separate-stderr c create bb x
	[ "$status" != 0 ] || show_run
	three_lines
	mkdir -m 0700 "$T_TMP/foreign"
	chown 1234 "$T_TMP/foreign"
	COPPICE_ROOT=$T_TMP/foreign run --separate-stderr c create bb x
	[ "$status" != 0 ] || show_run
	three_lines
}

@test "without root: one clear error, exit 5" {
	command -v setpriv >/dev/null || skip "setpriv is not installed"
	run --separate-stderr timeout 20 setpriv --reuid 65534 --regid 65534 --clear-groups "$COPPICE" create bb x 3>&-
	[ "$status" = 5 ] || show_run
	three_lines
}

@test "a base that vanished beneath its containers" {
	ok base build gone --from "$COPPICE_TEST_DIR/bb"
	ok create gone g1 -- /bin/sleep 1000
	ok launch gone g2 -- /bin/sleep 1000
	rm -rf "$T_ROOT/bases/gone"
	ok list
	has g1
	# the one that runs goes on
	ok exec g2 -- /bin/true
	run --separate-stderr c start g1
	[ "$status" = 3 ] || show_run
	three_lines
	err_has gone
	is_state g1 stopped
	[ -z "$(groups_of g1)" ]
	ok stop --kill g2
	ok delete --purge g1 g2
}

@test "a damaged base image: told, not mounted by halves" {
	ok base build dam --from "$COPPICE_TEST_DIR/bb"
	local f
	f=$(find "$T_ROOT/bases/dam" -name image.erofs | head -n 1)
	[ -n "$f" ] || skip "no image here"
	ok create dam d1 -- /bin/sleep 1000
	chmod u+w "$f"
	: >"$f"
	run --separate-stderr c start d1
	[ "$status" != 0 ] || show_run
	three_lines
	[ -z "$(groups_of d1)" ]
	ok delete --purge d1
	ok base delete dam
}

@test "a pin that is nonsense" {
	ok create bb pin1 -- /bin/sleep 1000
	echo '../../../etc@x' >"$T_ROOT/containers/pin1/base"
	run --separate-stderr c start pin1
	[ "$status" != 0 ] || show_run
	three_lines
	ok list
	ok delete --purge pin1
}

@test "no id range free: told" {
	ok create bb rf -- /bin/sleep 1000
	[ -e "$T_ROOT/ranges" ] || ok start rf
	ok stop --kill rf
	cp "$T_ROOT/ranges" "$T_TMP/ranges.keep" 2>/dev/null || true
	head -c 100000 /dev/urandom >"$T_ROOT/ranges"
	run --separate-stderr c start rf
	[ "$status" -lt 124 ] || show_run
	[ "$status" = 0 ] || three_lines
	[ ! -e "$T_TMP/ranges.keep" ] || cp "$T_TMP/ranges.keep" "$T_ROOT/ranges"
	ok delete --force --purge rf
}
