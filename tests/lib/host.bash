# host.bash - what of the host a test run could leave behind, as text that can be compared.

# One line a thing. Only what carries our name or our directory counts, so that two runs on one machine do not see each other's.
host_state() {
	sed 's/^\([0-9]* [0-9]* [0-9:]* \)//; s/ \(shared\|master\):[0-9]*//g' /proc/self/mountinfo | sort | sed 's/^/mount /'
	host_loops | sed 's/^/loop /'
	host_groups | sed 's/^/cgroup /'
	local d
	for d in /var/lib/coppice /run/coppice /var/lib/lxc; do
		[ ! -e "$d" ] || find "$d" -xdev -maxdepth 3 | sort | sed 's/^/file /'
	done
	find /run /dev/shm -maxdepth 1 -name '*coppice*' 2>/dev/null | sort | sed 's/^/file /'
	cat /proc/sys/kernel/core_pattern /proc/sys/vm/overcommit_memory /proc/sys/fs/inotify/max_user_instances 2>/dev/null | sed 's/^/sysctl /'
}

# Loop devices whose file lies in the test directory (a deleted file too).
host_loops() {
	local f file
	for f in /sys/block/loop*/loop/backing_file; do
		[ -e "$f" ] || continue
		read -r file <"$f" || continue
		[[ $file != "${COPPICE_TEST_DIR:-/nonexistent}"/* ]] || printf '%s %s\n' "$f" "$file"
	done 2>/dev/null
}

# Control groups of the state directories of this run. A root of its own has a group "coppice-HASH"; the roots note theirs in "groups".
host_groups() {
	local g
	[ -s "${COPPICE_TEST_DIR:-/nonexistent}/groups" ] || return 0
	sort -u "$COPPICE_TEST_DIR/groups" | while read -r g; do
		find /sys/fs/cgroup -type d -name "$g" 2>/dev/null
	done | sort
}

# Prints the difference to an earlier host_state, after giving the kernel two seconds to finish what it does asynchronously.
host_compare() { # FILE
	local try
	for ((try = 0; try < 10; try++)); do
		host_state >"$COPPICE_TEST_DIR/host.now"
		cmp -s "$1" "$COPPICE_TEST_DIR/host.now" && return 0
		sleep 0.2
	done
	diff "$1" "$COPPICE_TEST_DIR/host.now" | sed -n 's/^</missing:/p; s/^>/left:/p'
	return 1
}

# After a failure: takes away what is ours, so that the next file starts clean. Groups are removed deepest first, and never a mount point:
# only names beginning with "coppice-" and what is beneath them.
host_clean() { # DIR
	local dir=$1 f node
	for f in /sys/block/loop*/loop/backing_file; do
		[ -e "$f" ] && [[ $(<"$f") == "$dir"/* ]] && losetup -d "/dev/$(basename "$(dirname "$(dirname "$f")")")"
	done 2>/dev/null
	host_groups | while read -r node; do
		[[ $node == /sys/fs/cgroup/*coppice-* ]] || continue
		find "$node" -depth -type d -exec rmdir {} \; 2>/dev/null
	done
	rm -f "$dir/groups"
	return 0
}
