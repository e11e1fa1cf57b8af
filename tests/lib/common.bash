# common.bash - what every scenario file loads. A test reads like a session: `ok VERB...` must succeed, `fails CODE VERB...` must fail with
# this exit code and three lines that help; `has` and `err_has` look at what was said.
bats_require_minimum_version 1.5.0
# shellcheck disable=SC2154,SC2034

: "${COPPICE:?run tests/run-scenarios}" "${TOOLS:?}" "${T_ROOT:?}" "${T_TMP:?}"
# new containers have a network only in the files about networks (netlab.bash)
export COPPICE_NETWORK=empty

# The command under test: never waits longer than T seconds (COPPICE_TEST_SLOW times that on slow machines), inherits no descriptor of bats.
c() { timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "$COPPICE" "$@" 3>&- 4>&-; }

# Shows what was run and said; used by every check that fails.
show_run() {
	printf 'command: %s\nstatus:  %s\nstdout:  %s\nstderr:  %s\n' "${ran:-?}" "$status" "${output:-}" "${stderr:-}"
	return 1
}

# bats's own run changes the caller's i
ok() {
	local i
	ran="coppice $*"
	run --separate-stderr c "$@"
	note_groups
	[ "$status" = 0 ] || show_run
}

# fails CODE WORD...: that exit code, nothing on stdout, and an error of three lines on stderr
fails() {
	local want=$1 i
	shift
	ran="coppice $*"
	run --separate-stderr c "$@"
	note_groups
	[ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; return 1; }
	[ -z "$output" ] || { echo "a failure writes nothing to stdout"; show_run; return 1; }
	three_lines
}

# gives CODE WORD...: that exit code, whatever is said (exec and run pass an inner code on)
gives() {
	local want=$1 i
	shift
	ran="coppice $*"
	if [ "$want" = 127 ]; then run -127 --separate-stderr c "$@"; else run --separate-stderr c "$@"; fi
	[ "$status" = "$want" ] || { echo "wanted exit code $want"; show_run; return 1; }
}

# The last three lines of stderr; before them there may be progress, notes and warnings, but no second error.
three_lines() {
	local n=${#stderr_lines[@]}
	[[ $n -ge 3 && ${stderr_lines[n - 3]} == "error: "* && ${stderr_lines[n - 2]} == "why:   "* && ${stderr_lines[n - 1]} == "try:   "* &&
		$(grep -c '^error: ' <<<"$stderr") = 1 ]] || { echo "wanted three lines error:, why:, try:"; show_run; return 1; }
	[[ $stderr != *$'\e'* ]] || { echo "an escape byte reached the terminal"; show_run; }
}

has() { [[ $output == *"$1"* ]] || { echo "wanted on stdout: $1"; show_run; }; }
hasnt() { [[ $output != *"$1"* ]] || { echo "not wanted on stdout: $1"; show_run; }; }
is() { [ "$output" = "$1" ] || { echo "wanted exactly: $1"; show_run; }; }
err_has() { [[ $stderr == *"$1"* ]] || { echo "wanted on stderr: $1"; show_run; }; }
quiet() { [ -z "$output$stderr" ] || { echo "wanted silence"; show_run; }; }
same() { [ "$1" = "$2" ] || { printf 'wanted: %s\ngot:    %s\n' "$2" "$1"; return 1; }; }

# json FILTER: a value out of the output
json() { jq -er "$1" <<<"$output" || { echo "no $1 in the output"; show_run; }; }

# until_ok SECONDS COMMAND...: repeats it until it succeeds
until_ok() {
	local end=$((SECONDS + $1 * ${COPPICE_TEST_SLOW:-1}))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "never became true: $*"; return 1; }
		sleep 0.05
	done
}

field() { c list -f json "$1" 2>/dev/null | jq -r ".containers[] | select(.name == \"$1\") | .$2"; } # NAME FIELD
state_of() { field "$1" state; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }
init_of() { field "$1" pid; }
monitor_of() { field "$1" monitor_pid; }

# A container that just lives: small init, one sleeping program.
up() { # NAME [OPTION...]
	local name=$1
	shift
	ok launch "$@" bb "$name" -- /bin/sleep 100000
	is_state "$name" running || { echo "$name is $(state_of "$name")"; return 1; }
}

# Remembers the control group of this root, for the leak check around the file.
note_groups() {
	local pid
	[ ! -e "$T_TMP/noted" ] || return 0
	for pid in $("$COPPICE" list -f json 2>/dev/null </dev/null | jq -r '.containers[].pid // empty' 2>/dev/null); do
		[ "$pid" -gt 0 ] 2>/dev/null || continue
		grep -o 'coppice[^/]*' "/proc/$pid/cgroup" 2>/dev/null | sort -u >>"$COPPICE_TEST_DIR/groups" && : >"$T_TMP/noted"
	done
	return 0
}

# The control group of this root, as engine.c names it, so that containers of another run with the same names are not taken for ours.
own_group() {
	local path=$T_ROOT/containers h=$((0xcbf29ce484222325)) i c
	for ((i = 0; i < ${#path}; i++)); do
		printf -v c %d "'${path:i:1}"
		h=$(((h ^ c) * 1099511628211))
	done
	printf 'coppice-%08x' $((h & 0xffffffff))
}

# The nodes a container has in all hierarchies.
groups_of() { find /sys/fs/cgroup -type d -path "*/$(own_group)/$1" 2>/dev/null; }

# A file of the container's limits node, v1 or v2: limit_file NAME CONTROLLER FILE
limit_file() {
	local d
	for d in $(groups_of "$1"); do
		[ ! -e "$d/$2" ] || { echo "$d/$2"; return 0; }
	done
	return 1
}

needs() {
	local what
	for what; do
		case $what in
		root) [ "$(id -u)" = 0 ] || skip "needs root" ;;
		cgroup2) grep -q ' - cgroup2 ' /proc/self/mountinfo || skip "needs a cgroup v2 mount" ;;
		userns) unshare -U true 2>/dev/null || skip "needs user namespaces" ;;
		overlay) grep -qw overlay /proc/filesystems || skip "this kernel has no overlay file system" ;;
		erofs) grep -qw erofs /proc/filesystems || skip "this kernel has no EROFS" ;;
		idmapped-tmpfs) printf '6.3\n%s\n' "$(uname -r)" | sort -CV || skip "this kernel has no id-mapped tmpfs" ;;
		loop) [ -e /dev/loop-control ] || skip "this host has no loop devices" ;;
		mmdebstrap | expect | strace | jq | setfattr | setcap | script | mke2fs | python3 | iperf3 | nginx | dnsmasq | ssh | tcpdump) command -v "$what" >/dev/null || skip "$what is not installed" ;;
		memory) has_controller memory || skip "no memory controller on this host" ;;
		pids) has_controller pids || skip "no pids controller on this host" ;;
		cpu) has_controller cpu || skip "no cpu controller on this host" ;;
		cpuset) has_controller cpuset || skip "no cpuset controller on this host" ;;
		network) has_network || skip "this host has no nftables, or no bridges" ;;
		tbf) has_tc root tbf rate 40mbit burst 64k latency 50ms || skip "this kernel has no tbf" ;;
		cpus2) [ "$(nproc)" -ge 2 ] || skip "needs two processors" ;;
		*) echo "needs: what is \"$what\"?"; return 1 ;;
		esac
	done
}
has_network() { unshare -n sh -c 'nft add table inet t && ip link add br0 type bridge && ip link add v0 type veth peer name v1' 2>/dev/null; }
has_tc() { unshare -n tc qdisc add dev lo "$@" 2>/dev/null; }
has_controller() { grep -qE "^$1	[0-9]+	[0-9]+	1" /proc/cgroups || grep -qw "$1" /sys/fs/cgroup/cgroup.controllers 2>/dev/null; }

# on_terminal SCRIPT: an expect(1) script with `coppice` as the program; fails when the script does. Its text follows on stdin.
on_terminal() {
	local out rc=0 slow=${COPPICE_TEST_SLOW:-1}
	out=$(timeout -k 5 $((${T:-60} * slow)) expect -f <(printf 'set slow %d\nset timeout [expr 20 * $slow]\nset stty_init "rows 24 columns 80 -echo"\nset coppice {%s}\n' "$slow" "$COPPICE"; cat) 3>&- 4>&- 2>&1) || rc=$?
	[ $rc = 0 ] || { printf 'the terminal said:\n%s\n' "$out"; return 1; }
}

# guest_tar NAME PACKAGES: a Debian system built once, kept in a cache outside the run; sets $tar, or skips with the reason.
guest_tar() {
	local name=$1 packages=$2 cache key log
	cache=${XDG_CACHE_HOME:-/var/tmp}/coppice-test-cache
	key=$(printf '%s\n' "$name" "$packages" bookworm 1 | sha256sum | cut -c1-12)
	tar=$cache/$name-$key.tar
	[ ! -s "$tar" ] || return 0
	needs mmdebstrap
	mkdir -p "$cache"
	log=$T_TMP/mmdebstrap.log
	(
		flock 9
		[ -s "$tar" ] && exit 0
		timeout -k 10 420 nsenter --net="$T_NET" -- mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
			--customize-hook='chroot "$1" passwd -d root >/dev/null' bookworm "$tar.new.tar" >"$log" 2>&1 </dev/null && mv "$tar.new.tar" "$tar"
	) 9>"$cache/lock" 3>&- 4>&- || { rm -f "$tar.new.tar"; skip "cannot build a $name guest: $(tail -n 1 "$log" 2>/dev/null || echo no mmdebstrap)"; }
}

# Ends every container of this file; used by teardown_file of files that keep some up.
all_gone() { c delete --force --purge --all >/dev/null 2>&1 || true; }
