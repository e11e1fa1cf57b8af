#!/usr/bin/env bats
# Users without root: containers of their own, from a subordinate id range. In the private mount namespace of this file there are two users more, "wood" with a
# range and "reed" with another; "bare" has none. Everything they have, their run-time directory too, is in the temporary directory.
load ../lib/common

WOOD=44321 REED=44322 BARE=44323
FIRST=3000000 # of wood's range

setup_file() {
	export U_DIR=$T_TMP/u
	[ "$(id -u)" = 0 ] || return 0
	mkdir -p "$U_DIR/etc" "$U_DIR/bin"
	# where an unprivileged user can read them, wherever this tree lies
	cp "$COPPICE_BUILD"/coppice "$COPPICE_BUILD"/coppice-{init,image,filter,net,nft} "$U_DIR/bin/"
	cp "$COPPICE_TEST_DIR/bb.tar" "$U_DIR/bb.tar"
	chmod -R a+rX "$U_DIR"
	local f n id
	for f in passwd group subuid subgid; do
		grep -vE '^(wood|reed|bare):' "/etc/$f" >"$U_DIR/etc/$f" 2>/dev/null || :
		touch "$U_DIR/etc/$f" "/etc/$f"
	done
	for n in wood:$WOOD reed:$REED bare:$BARE; do
		id=${n#*:} n=${n%:*}
		echo "$n:x:$id:$id::$U_DIR/$n:/bin/sh" >>"$U_DIR/etc/passwd"
		echo "$n:x:$id:" >>"$U_DIR/etc/group"
		mkdir -m 0700 "$U_DIR/$n" "$U_DIR/run-$n"
		chown "$id:$id" "$U_DIR/$n" "$U_DIR/run-$n"
	done
	printf 'wood:%d:65536\nreed:%d:65536\n' $FIRST $((FIRST + 65536)) | tee -a "$U_DIR/etc/subuid" >>"$U_DIR/etc/subgid"
	for f in passwd group subuid subgid; do mount --bind "$U_DIR/etc/$f" "/etc/$f"; done
	# as udev makes it; here it may be root's alone
	mkdir "$U_DIR/dev"
	mount -t tmpfs -o mode=755 none "$U_DIR/dev"
	if [ -e /dev/net/tun ]; then
		mknod -m 0666 "$U_DIR/dev/tun" c 10 200 && mount --bind "$U_DIR/dev/tun" /dev/net/tun
	fi
	ip link add out0 type veth peer name out1 2>/dev/null && ip address add 10.9.9.2/24 dev out0 && ip link set out0 up && ip link set out1 up &&
		ip route add default via 10.9.9.1
	: >"$T_TMP/noted" # no control groups here
	if can_map; then as wood base build bb --from "$U_DIR/bb.tar" >"$T_TMP/base.log" 2>&1; fi
}

teardown_file() {
	local n f
	[ "$(id -u)" = 0 ] || return 0
	for n in wood reed; do
		as $n delete --force --purge --all >/dev/null 2>&1 || :
		rm -rf "$U_DIR/run-$n"
	done
	wait_no_process
	ip link delete out0 2>/dev/null
	# of a test that failed half-way
	for f in /sys/fs/cgroup/coppice-given.* /sys/fs/cgroup/unified/coppice-given.*; do
		[ ! -d "$f" ] || find "$f" -depth -type d -exec rmdir {} \;
	done
	umount /dev/net/tun 2>/dev/null
	umount "$U_DIR/dev"
	for f in passwd group subuid subgid; do umount "/etc/$f"; done
}

setup() {
	needs root userns
	can_map || skip "newuidmap is not installed (package uidmap)"
}

teardown() { all_gone; }

can_map() { command -v newuidmap >/dev/null && command -v newgidmap >/dev/null && unshare -U true 2>/dev/null; }

needs_pasta() {
	command -v pasta >/dev/null || skip "pasta is not installed (package passt)"
	as_user wood sh -c ': <>/dev/net/tun' 2>/dev/null || skip "no /dev/net/tun here"
	ip route show default | grep -q . || skip "no way out of this network namespace"
}

# as_user NAME COMMAND...: with nothing of root's left
as_user() {
	local n=$1 id
	shift
	case $n in wood) id=$WOOD ;; reed) id=$REED ;; *) id=$BARE ;; esac
	(cd / && exec env -i PATH="$U_DIR/bin:$PATH" HOME="$U_DIR/$n" XDG_RUNTIME_DIR="$U_DIR/run-$n" COPPICE_NETWORK="${U_NETWORK-empty}" ${U_ROOT:+COPPICE_ROOT=$U_ROOT} \
		setpriv --reuid "$id" --regid "$id" --clear-groups -- timeout -k 5 $((${T:-60} * ${COPPICE_TEST_SLOW:-1})) "$@")
}
as() { local n=$1; shift; as_user "$n" coppice "$@" 3>&- 4>&-; }
# the command under test is wood's
c() { as "${WHO:-wood}" "$@"; }

mine() { ps -o pid=,stat=,args= -U "$1" 2>/dev/null | awk '$2 !~ /^Z/'; }
pid_of() { mine "$1" | grep -F -- "$2" | awk '{ print $1; exit }'; } # UID WORD
keeper() { pid_of $WOOD --role=keeper; }
none_left() { [ -z "$(mine $WOOD)$(mine $REED)" ]; }
wait_no_process() { until_ok 10 none_left; }
page_at() { [ "$(busybox_get "$1")" = "$2" ]; }
busybox_get() { python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=3).read().decode().strip())' "$1" 2>/dev/null; }

@test "a base from a tar file and from a directory is a tree" {
	ok base show bb
	has tree
	mkdir "$U_DIR/tree"
	tar -C "$U_DIR/tree" -xf "$U_DIR/bb.tar"
	chown -R $WOOD:$WOOD "$U_DIR/tree"
	mv "$U_DIR/tree" "$U_DIR/wood/tree"
	ok base build bd --from "$U_DIR/wood/tree"
	ok base verify bd
	ok launch bd fromdir -- /bin/sleep 1000
	ok exec fromdir -- /bin/cat /etc/sample.conf
	fails 5 base build be --from "$U_DIR/bb.tar" --seal erofs
	err_has "root"
	fails 5 base build bh --from host
	err_has "not yours"
	ok delete --force --purge fromdir
	ok base delete bd
}

@test "root inside is the user outside, everybody else comes from his range" {
	up w1
	ok exec w1 -- /bin/sh -c 'id -u; touch /root/f /root/g; chown 33:34 /root/g'
	is 0
	same "$(stat -c %u:%g "$U_DIR/wood/.local/share/coppice/containers/w1/private/root/f")" $WOOD:$WOOD
	same "$(stat -c %u:%g "$U_DIR/wood/.local/share/coppice/containers/w1/private/root/g")" $((FIRST + 32)):$((FIRST + 33))
	same "$(awk '$1 == "Uid:" { print $3 }' "/proc/$(init_of w1)/status")" $WOOD
	ok show w1
	has "uid 0 -> $WOOD"
}

@test "list, exec, logs, stop, restart, delete" {
	ok launch bb w2 -- /bin/sh -c 'echo printed; exec sleep 1000'
	ok list
	has w2
	until_ok 5 sh -c "[ \"\$(cat $U_DIR/wood/.local/share/coppice/containers/w2/console.log 2>/dev/null | tr -d '\r')\" = printed ]"
	ok logs w2
	has printed
	gives 7 exec w2 -- /bin/sh -c 'exit 7'
	ok stop w2
	is_state w2 stopped
	ok start w2
	ok restart w2
	is_state w2 running
	fails 6 pause w2
	err_has "control group"
	ok delete --force w2
	ok undelete w2
	ok delete --purge w2
	fails 3 show w2
}

@test "files go in and out, those of nobody else" {
	up w3
	echo mine >"$U_DIR/wood/in"
	chown $WOOD:$WOOD "$U_DIR/wood/in"
	ok cp "$U_DIR/wood/in" w3:/root/in
	ok exec w3 -- /bin/cat /root/in
	is mine
	ok exec w3 -- /bin/sh -c 'echo back >/root/out'
	ok cp w3:/root/out "$U_DIR/wood/out"
	same "$(cat "$U_DIR/wood/out")" back
	same "$(stat -c %u "$U_DIR/wood/out")" $WOOD
	echo secret >"$T_TMP/secret"
	chmod 600 "$T_TMP/secret"
	run --separate-stderr c cp "$T_TMP/secret" w3:/root/secret
	[ "$status" != 0 ] || show_run
	three_lines
}

@test "a directory of the user's, with what is mounted below it, can be laid into a container" {
	mkdir -p "$U_DIR/wood/shared/deep"
	echo outside >"$U_DIR/wood/shared/file"
	chown -R $WOOD:$WOOD "$U_DIR/wood/shared"
	mount -t tmpfs none "$U_DIR/wood/shared/deep"
	echo deep >"$U_DIR/wood/shared/deep/file"
	ok create bb bound --set "lxc.mount.entry=$U_DIR/wood/shared mnt/shared none bind,create=dir 0 0" -- /bin/sleep 1000
	ok start bound
	run --separate-stderr c exec bound -- /bin/sh -c 'cat /mnt/shared/file /mnt/shared/deep/file; echo inside >/mnt/shared/new'
	umount "$U_DIR/wood/shared/deep"
	has outside
	has deep
	same "$(stat -c %u "$U_DIR/wood/shared/new")" $WOOD
}

@test "ids and mounts of another container of one's own" {
	up w4
	ok exec w4 -- /bin/sh -c 'echo w4 >/root/mark'
	ok create bb ids --set lxc.namespace.share.user=w4 -- /bin/sleep 1000
	ok start ids
	same "$(readlink "/proc/$(init_of ids)/ns/user")" "$(readlink "/proc/$(init_of w4)/ns/user")"
	ok exec ids -- /bin/sh -c 'id -u; hostname; touch /root/f; ls /root'
	is $'0\nids\nf'
	same "$(stat -c %u "$U_DIR/wood/.local/share/coppice/containers/ids/private/root/f")" $WOOD
	ok create bb side --set lxc.namespace.share.user=w4 --set lxc.namespace.share.mnt=w4 --set lxc.namespace.share.pid=w4 -- /bin/sleep 1000
	ok start side
	ok exec side -- /bin/sh -c 'cat /root/mark; readlink /proc/self/ns/mnt'
	is "w4"$'\n'"$(readlink "/proc/$(init_of w4)/ns/mnt")"
	# not those of another user's processes
	ok create bb theirs --set lxc.namespace.share.user=1 -- /bin/sleep 1000
	fails 5 start theirs
	err_has "open the user namespace of process 1"
	ok delete --force --purge theirs
	ok delete --force --purge side ids w4
}

@test "run: one command in a throw-away container" {
	ok run bb -- /bin/sh -c 'id -u; hostname'
	has 0
	gives 9 run bb -- /bin/sh -c 'exit 9'
	ok list
	hasnt running
}

@test "modes bind, overlay, copy and ephemeral; a base is never changed from inside" {
	local m sum
	sum=$(cd "$U_DIR/wood/.local/share/coppice/bases/bb" && find . -type f -exec sha256sum {} + | sort | sha256sum)
	for m in bind overlay copy ephemeral; do
		[ $m != overlay ] && [ $m != ephemeral ] || grep -qw overlay /proc/filesystems || continue
		up m-$m --mode $m
		ok exec m-$m -- /bin/sh -c 'echo x >/etc/made; mount -o remount,rw /usr; umount /usr; echo x >/usr/bin/vi; rm -f /usr/bin/vi; test -e /usr/bin/vi && echo there || echo gone'
		if [ $m = bind ]; then has there; else has gone; fi
		ok restart m-$m
		ok exec m-$m -- /bin/sh -c 'test -e /etc/made && echo kept || echo forgotten; test -c /dev/null && echo x >/dev/null && echo device'
		if [ $m = ephemeral ]; then has forgotten; else has kept; fi
		has device
	done
	same "$(cd "$U_DIR/wood/.local/share/coppice/bases/bb" && find . -type f -exec sha256sum {} + | sort | sha256sum)" "$sum"
}

@test "another user sees nothing and enters nothing" {
	up w4
	local init
	init=$(init_of w4)
	WHO=reed ok list
	hasnt w4
	run --separate-stderr as_user reed env COPPICE_ROOT="$U_DIR/wood/.local/share/coppice" COPPICE_RUNDIR="$U_DIR/run-wood/coppice" coppice exec w4 -- /bin/id
	[ "$status" != 0 ] || show_run
	run as_user reed ls "/proc/$init/root/"
	[ "$status" != 0 ] || show_run
	run as_user reed ls "$U_DIR/wood"
	[ "$status" != 0 ] || show_run
	run as_user reed kill -9 "$init"
	[ "$status" != 0 ] || show_run
	is_state w4 running
	same "$(mine $REED | grep -c role=keeper)" 1
}

@test "a published port answers on 127.0.0.1 of the host" {
	needs_pasta
	needs python3
	U_NETWORK=user ok launch --port 127.0.0.1:18080:80 bb web -- /bin/sh -c 'mkdir -p /srv/www; echo page >/srv/www/index.html; exec httpd -f -p 80 -h /srv/www'
	until_ok 10 page_at http://127.0.0.1:18080/ page
	ok port list web
	has open
	ok exec web -- /bin/sh -c 'cat /sys/class/net/eth0/operstate >/dev/null && cat /etc/resolv.conf'
	has nameserver
	# what listens on the host's own loopback stays the host's
	gives 1 exec web -- /bin/sh -c 'wget -q -T 2 -O- http://127.0.0.1:18080/ || exit 1'
	U_NETWORK=user run --separate-stderr c launch --port 127.0.0.1:18080:81 bb web2 -- /bin/sleep 1000
	[ "$status" != 0 ] || show_run
	three_lines
	ok restart web
	until_ok 10 page_at http://127.0.0.1:18080/ page
	ok stop --kill web
	[ -z "$(pid_of $WOOD --netns)" ]
	run page_at http://127.0.0.1:18080/ page
	[ "$status" != 0 ]
}

@test "slirp4netns, where only that is installed" {
	needs_pasta
	needs python3
	command -v slirp4netns >/dev/null || skip "slirp4netns is not installed"
	mount --bind /dev/null "$(command -v pasta)"
	U_NETWORK=user run --separate-stderr c launch --port 127.0.0.1:18081:80 bb slirp -- /bin/sh -c 'mkdir -p /srv/www; echo page >/srv/www/index.html; exec httpd -f -p 80 -h /srv/www'
	umount "$(command -v pasta)"
	[ "$status" = 0 ] || show_run
	[ -n "$(pid_of $WOOD slirp4netns)" ]
	until_ok 10 page_at http://127.0.0.1:18081/ page
	ok exec slirp -- /bin/cat /etc/resolv.conf
	has "nameserver 10.0.2.3"
	gives 1 exec slirp -- /bin/sh -c 'wget -q -T 2 -O- http://10.0.2.2:18081/ || exit 1'
	mount --bind /dev/null "$(command -v pasta)"
	run --separate-stderr c restart slirp
	umount "$(command -v pasta)"
	[ "$status" = 0 ] || show_run
	until_ok 10 page_at http://127.0.0.1:18081/ page
	ok stop --kill slirp
	[ -z "$(pid_of $WOOD slirp4netns)" ]
	[ ! -e "$U_DIR/run-wood/coppice/slirp/network.sock" ]
}

@test "what is for root is refused with one clear error" {
	local network
	fails 5 network create net1
	err_has root
	for network in coppice0 two; do
		run --separate-stderr c launch --network $network bb refused -- /bin/sleep 1000
		[ "$status" = 5 ] || show_run
		three_lines
		ok delete --force --purge refused
	done
	ok create bb host --set lxc.net.0.type=none -- /bin/sleep 1000
	fails 5 start host
	ok config unset host lxc.net.0.type
	ok config set host coppice.privileged=1
	fails 5 start host
	err_has coppice.privileged
}

# A control group of wood's own, with a leaf that commands run in; sets $own.
give_group() {
	local v2
	v2=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
	[ -n "$v2" ] || skip "no cgroup v2 mount"
	own=$v2/coppice-given.$$
	mkdir "$own" "$own/leaf" || skip "no control group can be made here"
	chown $WOOD:$WOOD "$own" "$own/leaf" "$own"/{,leaf/}cgroup.{procs,threads,subtree_control}
	rm -rf "$U_DIR/run-wood/coppice" # the keeper is to be in it, too
	until_ok 10 no_keeper
	c() { (echo $BASHPID >"$own/leaf/cgroup.procs" && as wood "$@"); }
}
no_keeper() { [ -z "$(keeper)" ]; }
take_group() {
	same "$(find "$own" -mindepth 1 -type d)" "$own/leaf"
	rm -rf "$U_DIR/run-wood/coppice"
	until_ok 10 rmdir "$own/leaf"
	rmdir "$own"
}

@test "in a control group that was given to the user: pause, and nothing left of it" {
	local own
	give_group
	up g1
	grep -q "/coppice-given\.[0-9]*/coppice-[0-9a-f]*/g1/payload" "/proc/$(init_of g1)/cgroup"
	ok pause g1
	is_state g1 frozen
	ok resume g1
	ok exec g1 -- /bin/sh -c 'mkdir /sys/fs/cgroup/sub && rmdir /sys/fs/cgroup/sub && echo mine'
	is mine
	kill -9 "$(monitor_of g1)"
	ok exec g1 -- /bin/true
	ok delete --force --purge g1
	take_group
}

@test "a guest with systemd, in such a group" {
	local own tar
	guest_tar sysd systemd,systemd-sysv,dbus,login,libpam-systemd
	cp "$tar" "$U_DIR/sysd.tar"
	chmod 644 "$U_DIR/sysd.tar"
	give_group
	T=200 ok base build sysd --from "$U_DIR/sysd.tar"
	ok launch sysd g2
	until_ok 60 eval 'c exec g2 -- systemctl is-system-running | grep -qx running'
	ok stop --timeout 45s g2
	is_state g2 stopped
	ok delete --purge g2
	take_group
}

@test "a limit is told to have no effect" {
	ok launch --memory 64M bb lim -- /bin/sleep 1000
	err_has "no effect"
}

@test "a killed keeper: containers go on, the next command finds them" {
	up k1
	local init old
	init=$(init_of k1)
	old=$(keeper)
	kill -9 "$old"
	until_ok 5 sh -c "! kill -0 $old 2>/dev/null || grep -q '^State:.Z' /proc/$old/status"
	ok exec k1 -- /bin/true
	same "$(init_of k1)" "$init"
	[ -n "$(keeper)" ]
	[ "$(keeper)" != "$old" ]
	ok stop k1
}

@test "a killed monitor, and both: the next command repairs" {
	up k2
	local init
	init=$(init_of k2)
	kill -9 "$(monitor_of k2)"
	ok exec k2 -- /bin/true
	same "$(init_of k2)" "$init"
	[ "$(monitor_of k2)" != 0 ]
	up k3
	kill -9 "$(monitor_of k2)" "$(keeper)"
	ok exec k2 -- /bin/true
	same "$(init_of k2)" "$init"
	ok exec k3 -- /bin/true
	kill -9 "$(monitor_of k3)"
	kill -9 "$(init_of k3)"
	is_state k3 stopped
	ok start k3
	is_state k3 running
}

@test "a network program of a container that died with its monitor is ended by the next command" {
	needs_pasta
	U_NETWORK=user ok launch bb k4 -- /bin/sleep 1000
	[ -n "$(pid_of $WOOD --netns)" ]
	kill -9 "$(monitor_of k4)" "$(init_of k4)"
	is_state k4 stopped
	ok start k4
	ok stop k4
	[ -z "$(pid_of $WOOD --netns)" ]
}

@test "the keeper ends when its run-time directory goes; nothing is left" {
	ok list
	[ -n "$(keeper)" ]
	rm -rf "$U_DIR/run-wood/coppice" "$U_DIR/run-reed/coppice"
	wait_no_process
	ok list
	[ -n "$(keeper)" ]
}

@test "many commands at once make one keeper" {
	rm -rf "$U_DIR/run-wood/coppice"
	wait_no_process || :
	local i pids=()
	for i in 1 2 3 4 5 6 7 8; do
		c list >/dev/null 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	same "$(mine $WOOD | grep -c role=keeper)" 1
}

@test "without a range, without the programs: what to add or install" {
	WHO=bare fails 5 list
	err_has "/etc/subuid gives none"
	err_has "usermod --add-subuids"
	WHO=bare fails 5 launch bb x -- /bin/true
	mount --bind /dev/null "$(command -v newuidmap)"
	WHO=bare run --separate-stderr c list
	umount "$(command -v newuidmap)"
	[ "$status" = 5 ] || show_run
	three_lines
	err_has "apt-get install uidmap"
}

@test "doctor says how it is without root" {
	run --separate-stderr c doctor
	has "without root"
	hasnt FAIL
}

@test "lxc-create, lxc-copy, lxc-snapshot and lxc-destroy without root" {
	local p L=$U_DIR/wood/.local/share/coppice/containers
	for p in create copy snapshot destroy; do ln -sfn coppice "$U_DIR/bin/lxc-$p"; done
	cp -r "$BATS_TEST_DIRNAME/../../share" "$U_DIR/"
	chmod -R a+rX "$U_DIR/share"
	lxu() { local p=$1; shift; run --separate-stderr as_user wood "lxc-$p" -P "$L" "$@"; [ "$status" = 0 ] || show_run; }
	echo "lxc.net.0.type = empty" >"$U_DIR/wood/dc"
	lxu create -n u1 -t busybox -f "$U_DIR/wood/dc"
	same "$(stat -c %u "$L/u1/rootfs/bin/busybox")" $WOOD
	ok start u1
	ok exec u1 -- /bin/hostname
	is u1
	ok stop --kill u1
	lxu create -n u2 -t coppice -f "$U_DIR/wood/dc" -- -b bb
	lxu copy -n u2 -N u3
	ok start u3
	ok stop --kill u3
	lxu copy -n u1 -N u4 -s
	lxu snapshot -n u1
	lxu snapshot -n u1 -r snap0 -N u5
	lxu destroy -n u4
	lxu destroy -s -n u1
	for p in u2 u3 u5; do lxu destroy -n $p; done
	[ -z "$(ls "$L")" ]
}

@test "a container that LXC made for a user: its place, lxc.idmap, the ids on disk" {
	local p H=$U_DIR/wood/lxchome L
	L=$H/.local/share/lxc
	for p in config ls start attach stop copy snapshot destroy unpriv-start usernsexec; do ln -sfn coppice "$U_DIR/bin/lxc-$p"; done
	lxh() { local p=$1; shift; run --separate-stderr as_user wood env HOME="$H" "lxc-$p" "$@"; }
	lxo() { lxh "$@"; [ "$status" = 0 ] || show_run; }
	mkdir -p "$L/old/rootfs" "$H/.config/lxc"
	tar -C "$L/old/rootfs" -xf "$U_DIR/bb.tar"
	chown -R $WOOD:$WOOD "$H"
	chown -R $FIRST:$FIRST "$L/old/rootfs"
	printf '%s\n' "lxc.idmap = u 0 $FIRST 65536" "lxc.idmap = g 0 $FIRST 65536" "lxc.net.0.type = empty" "lxc.rootfs.path = dir:$L/old/rootfs" \
		"lxc.init.cmd = /bin/sleep 100000" >"$L/old/config"
	lxo config lxc.lxcpath
	is "$L"
	lxo config lxc.default_config
	is "$H/.config/lxc/default.conf"
	lxo ls -1
	is old
	lxo unpriv-start -n old
	lxo attach -n old -- /bin/sh -c 'id -u; touch /root/new; stat -c %u /bin/sh /root/new /dev/pts/0 | tr "\n" " "; tr -s " " </proc/self/uid_map'
	is "0
0 0 0  0 1 65536"
	same "$(stat -c %u "$L/old/rootfs/root/new")" $FIRST
	lxo stop -n old -k
	lxo copy -n old -N over -s
	lxo start over
	lxo attach -n over -- /bin/sh -c 'touch /new /root/new2 && stat -c %u /new /'
	is "0
0"
	same "$(stat -c %u "$L/over/overlay/delta/new")" $FIRST
	lxo stop -n over -k
	lxo snapshot -n old
	same "$(stat -c %u "$L/old/snaps/snap0/rootfs/bin")" $FIRST
	# ids that are another's
	sed -i "s/ $FIRST / $((FIRST + 65536)) /" "$L/over/config"
	lxh start over
	[ "$status" = 1 ] || show_run
	err_has "$((FIRST + 65536)) of the host is not yours"
	# a tree that is the user's own is shown by the usual map, though the config of LXC's says otherwise
	chown -R $WOOD:$WOOD "$L/old/rootfs"
	lxo start old
	lxo attach -n old -- /bin/sh -c 'stat -c %u /bin/sh; head -n 1 /proc/self/uid_map | tr -s " "'
	is "0
 0 0 1"
	lxo stop -n old -k
	lxo destroy -n over
	lxo destroy -n old -s
	# lxc-usernsexec -s: one's own ids behind the others
	lxo usernsexec -s -- /bin/sh -c 'tr -s " " </proc/self/uid_map'
	is " 0 $FIRST 65536
 65536 $WOOD 1"
	rm -rf "$H"
}

@test "hooks of a user's container run as that user" {
	can_map || skip "newuidmap or user namespaces are missing"
	local h=$U_DIR/wood/h kind
	mkdir "$h"
	cat >"$h/say" <<-E
		#!/bin/sh
		echo "\$3 \$(id -u) \$(cat /proc/self/uid_map | tr -s ' ' | head -1) \$LXC_ROOTFS_MOUNT" >>$h/log
		[ \$3 != mount ] || { mkdir \$LXC_ROOTFS_MOUNT/mnt/x && mount --bind $h \$LXC_ROOTFS_MOUNT/mnt/x; }
	E
	chmod 0755 "$h/say"
	chown -R $WOOD:$WOOD "$h"
	ok create bb hk -- /bin/sleep 1000
	local conf
	conf=$(find "$U_DIR/wood" -path '*/hk/config')
	for kind in pre-start pre-mount mount autodev start-host stop post-stop; do echo "lxc.hook.$kind = $h/say" >>"$conf"; done
	ok start hk
	ok exec hk -- /bin/ls /mnt/x
	has log
	ok stop --timeout 0.1 hk
	same "$(cut -d' ' -f1 "$h/log" | tr '\n' ' ')" "pre-start pre-mount mount autodev start-host stop post-stop "
	cat "$h/log"
	ok delete --force --purge hk
}
