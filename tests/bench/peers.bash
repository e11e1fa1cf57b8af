# peers.bash - how the other container tools are driven in the bench: the same busybox root, an init that writes a stamp, name spaces for pid,
# mount, net, ipc, uts and cgroup, memory and pids limits and a short system call filter where the tool can. A tool that is not installed is left out.
# shellcheck shell=bash disable=SC2154  # d, here, tools, have, say, add, put come from bench

peer_root() { # NAME: a root directory of its own for a tool
	[ -d "$d/root-$1" ] || cp -a "$d/bb" "$d/root-$1"
	echo "$d/root-$1"
}

peers_setup() {
	v1_only=
	if grep -q ' - cgroup2 ' /proc/self/mountinfo && grep -q ' - cgroup ' /proc/self/mountinfo; then
		# A mount namespace where only the v1 hierarchies are to be seen, on a tmpfs of its own: what crun makes there by mistake goes with it.
		unshare -m --propagation private -- bash -c '
			mkdir "$0/v1"; mount -t tmpfs v1 "$0/v1"
			while read -r _ _ _ root where _; do
				[ "$root" = / ] || continue
				mkdir -p "$0/v1/${where##*/}"; mount --bind "$where" "$0/v1/${where##*/}"
			done < <(grep " - cgroup " /proc/self/mountinfo)
			mount --rbind "$0/v1" /sys/fs/cgroup
			: >"$0/v1.ready"; exec sleep 100000' "$d" &
		v1_pid=$!
		for ((i = 0; i < 100; i++)); do [ -e "$d/v1.ready" ] && break; sleep 0.05; done
		v1_only=/proc/$v1_pid/ns/mnt
	fi
	# ids of our own for LXC, without touching the host's files
	printf 'root:2000000:65536\n' >"$d/subid"
	[ ! -e /etc/subuid ] || { mount --bind "$d/subid" /etc/subuid; mount --bind "$d/subid" /etc/subgid; }
}

# in_v1 COMMAND...: runs it where crun works
in_v1() { if [ -n "$v1_only" ]; then nsenter --mount="$v1_only" -- "$@"; else "$@"; fi; }
put_v1() { [ -z "$v1_only" ] || echo "ns $v1_only" >>"$cases"; }

oci_bundle() { # TOOL DIR STAMP-ARGS...: config.json made from the tool's own template
	local tool=$1 bundle=$2 spec=$d/spec-$1.json
	shift 2
	mkdir -p "$bundle"
	[ -e "$spec" ] || { (cd "$d" && rm -f config.json && "$tool" spec && mv config.json "$spec"); }
	jq --arg root "$(peer_root "$tool")" --arg group "/coppice-bench/$(basename "$bundle")" '
		.root = {path: $root, readonly: false} | .process.terminal = false | .process.args = $ARGS.positional
		| .linux.cgroupsPath = $group
		| .linux.resources += {memory: {limit: 536870912}, pids: {limit: 4096}}
		| (if ([.linux.namespaces[].type] | index("cgroup")) then . else .linux.namespaces += [{type: "cgroup"}] end)
		| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], syscalls: [{action: "SCMP_ACT_ERRNO",
			names: ["bpf","perf_event_open","userfaultfd","io_uring_setup","io_uring_enter","io_uring_register","add_key","keyctl",
				"request_key","kexec_load","kexec_file_load","init_module","finit_module","delete_module","open_by_handle_at"]}]}' \
		"$spec" --args "$@" >"$bundle/config.json"
}

lxc_config() { # NAME IDMAP(yes/no)
	local name=$1
	mkdir -p "$d/lxc/$name"
	{
		echo "lxc.uts.name = $name"
		echo "lxc.rootfs.path = dir:$(peer_root "$name")"
		echo "lxc.net.0.type = empty"
		echo "lxc.tty.max = 4"
		echo "lxc.pty.max = 256"
		echo "lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed"
		echo "lxc.cap.drop = sys_module mac_admin mac_override sys_time sys_rawio"
		if grep -q ' - cgroup ' /proc/self/mountinfo; then echo "lxc.cgroup.memory.limit_in_bytes = 512M"; echo "lxc.cgroup.pids.max = 4096"
		else echo "lxc.cgroup2.memory.max = 512M"; echo "lxc.cgroup2.pids.max = 4096"; fi
		[ ! -e /usr/share/lxc/config/common.seccomp ] || echo "lxc.seccomp.profile = /usr/share/lxc/config/common.seccomp"
		if [ "$2" = yes ]; then
			echo "lxc.rootfs.options = idmap=container"
			echo "lxc.idmap = u 0 2000000 65536"
			echo "lxc.idmap = g 0 2000000 65536"
		fi
		echo "lxc.init.cmd = ${3:-/usr/bin/guest stamp /stamp stay}"
	} >"$d/lxc/$name/config"
}

peer_start_cases() {
	local t n
	for t in crun runc; do
		have $t || continue
		oci_bundle $t "$d/b-$t" /usr/bin/guest stamp /stamp stay
		add "$t run"
		[ $t = runc ] || put_v1
		put run $t --root "/run/$t" run -d -b "$d/b-$t" "cb-$t"
		put stamp "$(peer_root $t)/stamp"
		put cleanup $t --root "/run/$t" delete -f "cb-$t"
	done
	if have lxc-start; then
		for n in cb-peer-id cb-peer-root; do
			if [ $n = cb-peer-id ]; then lxc_config $n yes; add "lxc-start, id map"; else lxc_config $n no; add "lxc-start, privileged"; fi
			put run lxc-start -P "$d/lxc" -n $n -d
			put stamp "$(peer_root $n)/stamp"
			put cleanup lxc-stop -P "$d/lxc" -n $n -k
		done
	fi
	if have bwrap; then
		add "bwrap (no limits)"
		put run bwrap --unshare-all --bind "$(peer_root bwrap)" / --proc /proc --dev /dev --as-pid-1 /usr/bin/guest stamp /stamp
		put stamp "$(peer_root bwrap)/stamp"
	fi
	if have systemd-nspawn; then
		add "systemd-nspawn"
		put run systemd-nspawn -q --private-network --register=no --keep-unit -D "$(peer_root nspawn)" /usr/bin/guest stamp /stamp
		put stamp "$(peer_root nspawn)/stamp"
	fi
	if have podman; then
		add "podman run"
		put_v1
		put run podman --root "$d/podman" --runroot "$d/podman-run" --cgroup-manager cgroupfs run -d --name cb-podman --network none \
			--memory 512m --pids-limit 4096 --ulimit nofile=20000:20000 --ulimit nproc=5000:5000 --rootfs "$(peer_root podman)" /usr/bin/guest stamp /stamp stay
		put stamp "$(peer_root podman)/stamp"
		put cleanup podman --root "$d/podman" --runroot "$d/podman-run" --cgroup-manager cgroupfs rm -f -t 0 cb-podman
	fi
}

# Containers of the peers that stay up for exec and for the idle figures.
peers_up() {
	local t
	[ -z "${peers_are_up:-}" ] || return 0
	peers_are_up=1
	for t in crun runc; do
		have $t || continue
		oci_bundle $t "$d/x-$t" /bin/sleep 100000
		if [ $t = crun ]; then in_v1 $t --root "/run/$t" run -d -b "$d/x-$t" "cx-$t" </dev/null >/dev/null 2>&1
		else $t --root "/run/$t" run -d -b "$d/x-$t" "cx-$t" </dev/null >/dev/null 2>&1; fi
	done
	if have lxc-start; then
		lxc_config cb-peer-x yes "/bin/sleep 100000"
		lxc-start -P "$d/lxc" -n cb-peer-x -d </dev/null >/dev/null 2>&1
	fi
}

peer_exec_cases() {
	local t
	peers_up
	for t in crun runc; do
		have $t || continue
		add "$t exec"
		[ $t = runc ] || put_v1
		put run $t --root "/run/$t" exec "cx-$t" /bin/true
	done
	if have lxc-attach; then
		add "lxc-attach"
		put run lxc-attach -P "$d/lxc" -n cb-peer-x -- /bin/true
	fi
}
peer_exec_done() { :; }

peer_create_cases() {
	if have lxc-copy; then
		lxc_config cb-peer-src no
		add "lxc-copy -s -B overlayfs"
		put run lxc-copy -P "$d/lxc" -p "$d/lxc" -n cb-peer-src -N cb-peer-copy -s -B overlayfs
		put cleanup lxc-destroy -P "$d/lxc" -n cb-peer-copy
	fi
	add "cp -a of the base's private part"
	put run cp -a "$(find "$COPPICE_ROOT/bases/host" -maxdepth 2 -name skel | head -n 1)" "$d/cp"
	mkdir -p "$d/cp.trash"
	put cleanup sh -c "mv '$d/cp' '$d/cp.trash/'\$\$"
	if have podman; then
		add "podman create"
		put_v1
		put run podman --root "$d/podman" --runroot "$d/podman-run" create --name cb-create --network none --rootfs "$(peer_root podman)" /bin/true
		put cleanup podman --root "$d/podman" --runroot "$d/podman-run" rm -f cb-create
	fi
}

peer_version_cases() {
	local t
	for t in crun runc lxc-start bwrap systemd-nspawn podman; do
		have $t || continue
		add "$t --version"
		put run $t --version
	done
}

peer_idle_rows() { # HOW MANY
	local i pid pids=()
	if have lxc-start; then
		for ((i = 0; i < $1; i++)); do
			lxc_config "cb-peer-i$i" no "/bin/sleep 100000"
			lxc-start -P "$d/lxc" -n "cb-peer-i$i" -d </dev/null >/dev/null 2>&1
		done
		sleep 1
		for pid in /proc/[0-9]*; do
			if { tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null | grep -q "^\[lxc monitor\] $d/lxc"; then pids+=("${pid#/proc/}"); fi
		done
		idle_row 'lxc monitor' "${pids[@]}"
		for ((i = 0; i < $1; i++)); do lxc-stop -P "$d/lxc" -n "cb-peer-i$i" -k >/dev/null 2>&1; done
	fi
	! have crun || printf '  %-34s %9s %9s\n' 'crun, runc' 'none' '(no supervisor: no console, log or restart of their own)'
}

peers_banner() {
	local t found='' absent=''
	for t in crun runc lxc-start bwrap systemd-nspawn podman; do
		if have $t; then found="$found $t"; else absent="$absent $t"; fi
	done
	printf 'compared with:%s%s\n' "${found:- nothing}" "${absent:+ (not installed:$absent)}"
}

peers_done() {
	local t
	for t in crun runc; do
		have $t || continue
		in_v1 $t --root "/run/$t" delete -f "cx-$t" >/dev/null 2>&1
		in_v1 $t --root "/run/$t" delete -f "cb-$t" >/dev/null 2>&1
	done
	if have lxc-stop; then
		for t in cb-peer-x cb-peer-id cb-peer-root; do lxc-stop -P "$d/lxc" -n $t -k >/dev/null 2>&1; done
	fi
	[ -z "${v1_pid:-}" ] || kill "$v1_pid" 2>/dev/null
}
