#!/usr/bin/env bats
# The walls, tried from inside in every mode; and trees whose directories are links to somebody else's.
load ../lib/common

setup_file() {
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/own"
	c launch bb s-bind -- /bin/sleep 100000 >/dev/null
	c launch --mode copy bb s-copy -- /bin/sleep 100000 >/dev/null
	c launch --privileged bb s-priv -- /bin/sleep 100000 >/dev/null
	c create --rootfs "$T_TMP/own" s-root -- /bin/sleep 100000 >/dev/null && c start s-root >/dev/null
	if grep -qw overlay /proc/filesystems; then
		c launch --mode overlay bb s-over -- /bin/sleep 100000 >/dev/null
		c launch --mode ephemeral bb s-eph -- /bin/sleep 100000 >/dev/null
	fi
	true
}
teardown_file() {
	"$TOOLS/probe" --unplant >/dev/null 2>&1 || true
	all_gone
}

disk() { stat -c '%d' "$COPPICE_TEST_DIR" | awk '{ printf "%d:%d", int($1 / 256), $1 % 256 }'; }
running() { c list -f json 2>/dev/null | jq -r '.containers[] | select(.state == "running") | .name'; }
unprivileged() { running | grep -v priv; }

@test "27 probes in every mode with a user namespace: at most three open, and those three only" {
	local n
	"$TOOLS/probe" --plant || true
	for n in $(unprivileged); do
		# in copy and rootfs mode there is no shared base at /usr: what is written there is the container's own
		case $n in s-bind) base=/usr ;; *) base=/nonexistent ;; esac
		ok exec -e PROBE_DISK="$(disk)" -e PROBE_BASE="$base" "$n" -- /usr/bin/probe
		echo "$n: $(tail -n 1 <<<"$output")" >&3
		if grep '^open ' <<<"$output" | grep -vE '^open (new_procfs|fsopen|packet)$'; then echo "in $n"; return 1; fi
		[ "$(grep -c '^open ' <<<"$output")" -le 3 ]
	done
}

@test "27 probes in a privileged container: what is left to it is said, nothing else" {
	ok exec -e PROBE_DISK="$(disk)" s-priv -- /usr/bin/probe
	echo "privileged: $(tail -n 1 <<<"$output"): $(sed -n "s/^open //p" <<<"$output" | tr "\n" " ")" >&3
	if grep -E '^open (core_pattern|vm_sysctl|irq_affinity|sysfs_thp|kernel_log|proc_keys|timer_list|slabinfo|host_key|base_write|disk_node|bpf|perf|userfaultfd|io_uring|add_key|open_by_handle|nested_userns|vsock|caller_fds)$' <<<"$output"; then return 1; fi
}

@test "no new key, no foreign session keyring" {
	local n
	for n in $(running); do
		ok exec "$n" -- /usr/bin/probe host_key add_key
		has "0 of 27 open"
	done
}

@test "the caller's descriptors, environment, umask and directory stay outside, in each mode" {
	local n
	for n in $(running); do
		(
			exec 7<"$T_TMP" 8</ 9<"$COPPICE"
			umask 0
			cd "$T_TMP"
			SECRET=hunter2 c exec "$n" -- /bin/sh -c 'for f in /proc/self/fd/*; do echo "fd $f $(readlink $f)"; done; env; umask; pwd'
		) >"$T_TMP/out" 2>&1
		run cat "$T_TMP/out"
		hasnt hunter2
		hasnt "$T_TMP"
		hasnt "$COPPICE_BUILD"
		has 0022
		[ "$(grep -c '^fd ' <<<"$output")" -le 4 ] || show_run
		[ "$(grep -cE '^(PATH|HOME|TERM|USER|LOGNAME|SHELL|container|PWD|SHLVL|OLDPWD|LANG|_)=' <<<"$output")" = "$(grep -c '^[A-Za-z_]*=' <<<"$output")" ] || show_run
	done
}

@test "the program of pid 1 cannot be written through /proc, and the host's file is as it was" {
	local n sum
	sum=$(sha256sum "$COPPICE_BUILD"/coppice "$COPPICE_BUILD"/src/init/coppice-init)
	for n in $(running); do
		ok exec "$n" -- /bin/sh -c 'for p in /proc/1/exe /proc/self/exe /proc/1/map_files/*; do ( : >>$p ) 2>/dev/null && echo "written $p"; done; true'
		hasnt "written /proc/1/exe"
		hasnt "written /proc/1/map"
		# what exec enters with is not left behind in any process
		ok exec "$n" -- /bin/sh -c 'for p in /proc/[0-9]*; do readlink $p/exe; done 2>/dev/null | sort -u'
		hasnt "$COPPICE_BUILD"
	done
	same "$(sha256sum "$COPPICE_BUILD"/coppice "$COPPICE_BUILD"/src/init/coppice-init)" "$sum"
}

@test "the base: not written, not made writable, not unmounted, in no mode" {
	local before n
	before=$(find "$T_ROOT/bases/bb" -type f -exec sha256sum {} + | sort)
	for n in s-bind s-priv; do
		ok exec "$n" -- /bin/sh -c 'touch /usr/bin/x 2>&1; mount -o remount,rw /usr 2>&1; mount -o remount,bind,rw /usr 2>&1; touch /usr/bin/x 2>&1; true'
		has "Read-only"
		ok exec "$n" -- /usr/bin/probe base_write
		has "0 of 27 open"
	done
	ok exec s-bind -- /usr/bin/probe base_unmount
	has "0 of 27 open"
	# read-only is the superblock, not only the mount
	if [ "$(awk '$5 == "/usr" { sub(/.* - /, ""); print $1 }' "/proc/$(init_of s-bind)/mountinfo")" = erofs ]; then
		same "$(awk '$5 == "/usr" { sub(/.* - /, ""); split($3, o, ","); print o[1] }' "/proc/$(init_of s-priv)/mountinfo")" ro
	fi
	same "$(find "$T_ROOT/bases/bb" -type f -exec sha256sum {} + | sort)" "$before"
}

@test "/proc/sys is read-only but for the network, also after mounting it anew" {
	local n
	for n in $(running); do
		ok exec "$n" -- /bin/sh -c 'for f in /proc/sys/kernel/hostname /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sys/fs/file-max; do ( : >>$f ) 2>/dev/null && echo "writable $f"; done; ( : >>/proc/sys/net/ipv4/ip_forward ) && echo net'
		hasnt writable
		has net
	done
	for n in $(unprivileged); do
		ok exec "$n" -- /bin/sh -c 'mkdir -p /tmp/p && mount -t proc p /tmp/p 2>/dev/null; for f in /tmp/p/sys/kernel/core_pattern /tmp/p/sys/vm/swappiness; do ( echo 1 >$f ) 2>/dev/null && echo "writable $f"; done; umount /tmp/p 2>/dev/null; true'
		hasnt writable
	done
}

@test "limits are out of the container's reach" {
	needs pids
	local n
	for n in $(unprivileged); do
		ok exec "$n" -- /usr/bin/probe own_limit devices_allow
		has "0 of 27 open"
		ok exec "$n" -- /bin/sh -c 'cd /sys/fs/cgroup 2>/dev/null || exit 0; for f in *.max *.high *.low cgroup.freeze cgroup.kill; do [ -e "$f" ] && ( : >>"$f" ) 2>/dev/null && echo "writable $f"; done; true'
		hasnt writable
	done
}

@test "no_new_privs as said, nothing dumpable, no inheritable capability" {
	ok exec s-bind -- /bin/grep -E '^(NoNewPrivs|Seccomp|CapInh|CapAmb):' /proc/1/status
	[[ $output =~ NoNewPrivs:[[:space:]]0 && $output =~ Seccomp:[[:space:]]2 ]] || show_run
	[[ $output =~ CapInh:[[:space:]]0000000000000000 && $output =~ CapAmb:[[:space:]]0000000000000000 ]] || show_run
	ok create --set lxc.no_new_privs=1 bb s-nnp -- /bin/sleep 1000
	ok start s-nnp
	ok exec s-nnp -- /bin/grep NoNewPrivs /proc/1/status
	[[ $output =~ NoNewPrivs:[[:space:]]1 ]] || show_run
	ok exec s-nnp -- /bin/grep NoNewPrivs /proc/self/status
	[[ $output =~ NoNewPrivs:[[:space:]]1 ]] || show_run
	ok delete --force --purge s-nnp
}

@test "seccomp and capabilities of exec are those of init" {
	local n
	for n in $(running); do
		ok exec "$n" -- /bin/grep -E '^(Cap(Bnd|Eff|Prm)|Seccomp|Seccomp_filters|NoNewPrivs):' /proc/1/status
		local one=$output
		ok exec "$n" -- /bin/grep -E '^(Cap(Bnd|Eff|Prm)|Seccomp|Seccomp_filters|NoNewPrivs):' /proc/self/status
		same "$(grep -v filters <<<"$output")" "$(grep -v filters <<<"$one")"
	done
}

@test "ids: 0 inside is nobody outside, and no id of the host is in the map" {
	local n
	for n in $(unprivileged); do
		awk '$2 < 65536 { exit 1 }' "/proc/$(init_of "$n")/uid_map" "/proc/$(init_of "$n")/gid_map" || { echo "$n maps an id of the host"; return 1; }
	done
	fails 2 exec --user 4294967295 s-bind -- /bin/true
	fails 2 exec --user 0:4294967295 s-bind -- /bin/true
}

# ---- trees that are links -----------------------------------------------------------------------------------------------------------------

# A copy of the small system whose directory $1 is a link to a directory outside.
linked_tree() { # NAME DIR
	rm -rf "${T_TMP:?}/$1" "$T_TMP/victim"
	cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/$1"
	mkdir -p "$T_TMP/victim"
	rm -rf "${T_TMP:?}/$1/$2"
	ln -s "$T_TMP/victim" "$T_TMP/$1/$2"
}

victim_untouched() { [ -z "$(ls -A "$T_TMP/victim")" ] || { echo "made outside:"; ls -lA "$T_TMP/victim"; return 1; }; }

@test "a root whose dev, proc, sys, run, tmp or etc is a link: refused or harmless, nothing made outside" {
	local d
	for d in dev proc sys run tmp etc mnt; do
		linked_tree "l-$d" "$d"
		ok create --rootfs "$T_TMP/l-$d" "l-$d" -- /bin/sh -c 'echo x >/etc/y; echo x >/tmp/y; sleep 100'
		run --separate-stderr c start "l-$d"
		echo "$d: $status ${stderr_lines[1]:-}" >&3
		case $d in
		dev | proc | sys | run) [ "$status" != 0 ] || { echo "a start through /$d -> outside"; return 1; }; three_lines ;;
		esac
		victim_untouched
		is_state "l-$d" running && { c exec "l-$d" -- /bin/sh -c 'touch /run/z /dev/z /tmp/z /etc/z' >/dev/null 2>&1 || true; }
		victim_untouched
		ok delete --force --purge "l-$d"
		victim_untouched
		rm -rf "${T_TMP:?}/l-$d"
	done
}

@test "a root where a deeper mount point is a link: the same" {
	local d
	for d in sys/fs/cgroup etc/hostname etc/hosts etc/machine-id; do
		rm -rf "$T_TMP/deep" "$T_TMP/victim"
		cp -a "$COPPICE_TEST_DIR/bb" "$T_TMP/deep"
		mkdir -p "$T_TMP/victim" "$T_TMP/deep/$(dirname "$d")"
		rm -rf "${T_TMP:?}/deep/$d"
		ln -s "$T_TMP/victim/file" "$T_TMP/deep/$d"
		ok create --rootfs "$T_TMP/deep" deep -- /bin/sleep 100
		run --separate-stderr c start deep
		victim_untouched
		ok delete --force --purge deep
		victim_untouched
	done
}

@test "a base made of such a tree: nothing is made outside, in no mode, at build, create, start or delete" {
	local d m
	for d in dev proc sys run etc home; do
		linked_tree "b-$d" "$d"
		run --separate-stderr c base build "lb-$d" --from "$T_TMP/b-$d"
		echo "base with /$d -> outside: $status" >&3
		victim_untouched
		if [ "$status" = 0 ]; then
			for m in bind overlay copy; do
				[ $m != overlay ] || grep -qw overlay /proc/filesystems || continue
				run --separate-stderr c create --mode $m "lb-$d" "lc-$m" -- /bin/sleep 100
				[ "$status" = 0 ] || { victim_untouched; continue; }
				run --separate-stderr c start "lc-$m"
				victim_untouched
				ok delete --force --purge "lc-$m"
				victim_untouched
			done
			ok base delete "lb-$d"
		fi
		victim_untouched
		rm -rf "${T_TMP:?}/b-$d"
	done
}

@test "links put into a private root while it runs or is stopped: exec, cp and start stay inside" {
	mkdir -p "$T_TMP/victim2"
	up sw
	ok exec sw -- /bin/sh -c "rm -rf /srv && ln -s $T_TMP/victim2 /srv; mv /etc/passwd /etc/p; ln -s /proc/1/root/etc/p /etc/passwd"
	echo data >"$T_TMP/f"
	run --separate-stderr c cp "$T_TMP/f" sw:/srv/f
	[ -z "$(ls -A "$T_TMP/victim2")" ]
	run --separate-stderr c exec --user user sw -- /bin/id -u
	ok stop sw
	rm -rf "$T_ROOT/containers/sw/private/dev" && ln -s "$T_TMP/victim2" "$T_ROOT/containers/sw/private/dev"
	run --separate-stderr c start sw
	[ -z "$(ls -A "$T_TMP/victim2")" ]
	ok delete --force --purge sw
	[ -z "$(ls -A "$T_TMP/victim2")" ]
}
