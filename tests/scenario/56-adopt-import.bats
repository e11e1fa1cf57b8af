#!/usr/bin/env bats
# adopt: the tree of the 2013 recipe, and a plain directory container, become a base and a container on it. import: a libvirt domain becomes a config.
load ../lib/common

bin=$(dirname "$COPPICE")
L=$T_ROOT/containers
lxc() { local p=$1; shift; timeout -k 5 $((60 * ${COPPICE_TEST_SLOW:-1})) "$bin/lxc-$p" -P "$L" "$@" 3>&- 4>&-; }

teardown_file() { all_gone; }
setup() { mkdir -p "$L"; }

# The recipe's shape: BASE with common/ and links to it, a private copy CT without common's content, and a config with its keys and oddities.
recipe() { # BASE CT NAME
	local d
	mkdir -p "$1" "$2"
	cp -a "$COPPICE_TEST_DIR/bb/." "$1"
	mkdir "$1/common"
	for d in bin sbin lib lib64 usr; do
		if [ -L "$1/$d" ]; then rm "$1/$d"; mkdir -p "$1/common/$d"; cp -a "$1/common/usr/$d/." "$1/common/$d/" 2>/dev/null || cp -a "$COPPICE_TEST_DIR/bb/usr/$d/." "$1/common/$d/" 2>/dev/null || true
		elif [ -d "$1/$d" ]; then mv "$1/$d" "$1/common/$d"
		else mkdir -p "$1/common/$d"; fi
		ln -s "common/$d" "$1/$d"
	done
	tar -C "$1" --exclude='./common/*' -cf - . | tar -C "$2" -xf -
	echo "of the container" >"$2/etc/own"
	mkdir -p "$2/srv" && echo data >"$2/srv/data"
	mkdir -p "$L/$3"
	cat >"$L/$3/config" <<-CONFIG
	# hostname
	lxc.utsname = lxc-name0
	lxc.tty = 2
	lxc.rootfs = $2
	lxc.rootfs.mount = $2
	lxc.cgroup.memory.limit_in_bytes = 128M
	lxc.cgroup.cpuset.cpus = 
	CONFIG
}

@test "adopt: a tree with a shared part bound into it" {
	recipe "$T_TMP/base" "$T_TMP/ct" lxc-container
	local before
	before=$(find "$T_TMP/ct" -printf '%P %y %m %s\n' | sort | sha256sum)
	fails 3 adopt lxc-container
	err_has "there is nothing"
	mount --bind "$T_TMP/base/common" "$T_TMP/ct/common"
	ok adopt lxc-container
	has "saved"
	has "lxc-container-original"
	same "$(field lxc-container mode)" bind
	same "$(field lxc-container base)" lxc-container
	grep -qx '# hostname' "$L/lxc-container/config"
	ok start lxc-container
	ok exec lxc-container -- /bin/sh -c 'cat /etc/own /srv/data; hostname; ls /common 2>/dev/null; touch /usr/x 2>/dev/null && echo writable || echo sealed'
	is "$(printf 'of the container\ndata\nlxc-name0\nsealed')"
	ok stop --kill lxc-container
	umount "$T_TMP/ct/common"
	same "$(find "$T_TMP/ct" -printf '%P %y %m %s\n' | sort | sha256sum)" "$before"
	grep -q "lxc.rootfs = $T_TMP/ct" "$L/lxc-container-original/config"
	# one more container on it costs its private part
	ok create lxc-container another
	ok delete --purge another
	fails 4 adopt lxc-container
	ok adopt --purge lxc-container
	[ ! -e "$L/lxc-container-original" ] && [ ! -e "$T_TMP/ct" ]
	[ -d "$T_TMP/base/common/usr" ]
	ok delete --purge lxc-container
	ok base delete lxc-container
	rm -rf "$T_TMP/base"
}

@test "adopt: the shared part said in the table of mounts, or on the command line" {
	recipe "$T_TMP/base" "$T_TMP/ct" viafstab
	echo "lxc.mount.entry = $T_TMP/base/common $T_TMP/ct/common none bind,ro 0 0" >>"$L/viafstab/config"
	echo "lxc.mount.entry = tmpfs $T_TMP/ct/srv tmpfs size=1M 0 0" >>"$L/viafstab/config"
	ok -f json adopt viafstab
	json '.before_bytes > 0 and .common_bytes > 0 and .private_bytes > 0' >/dev/null
	same "$(jq -r .original <<<"$output")" viafstab-original
	[[ $(cat "$L/viafstab/config") != *"none bind,ro"* ]]
	ok start viafstab
	ok exec viafstab -- /bin/sh -c 'grep " /srv " /proc/mounts'
	has tmpfs
	ok stop --kill viafstab
	ok adopt --purge viafstab
	ok delete --purge viafstab
	ok base delete viafstab
	rm -rf "$T_TMP/base" "$T_TMP/ct"
	recipe "$T_TMP/base" "$T_TMP/ct" fstab
	printf 'devpts %s/dev/pts devpts defaults 0 0\nproc %s/proc proc defaults 0 0\n%s %s/common none bind,ro 0 0\n' "$T_TMP/ct" "$T_TMP/ct" "$T_TMP/base/common" "$T_TMP/ct" >"$T_TMP/table"
	echo "lxc.mount = $T_TMP/table" >>"$L/fstab/config"
	ok adopt fstab --purge
	[ ! -e "$T_TMP/ct" ] && [ ! -e "$L/fstab-original" ]
	ok start fstab
	ok exec fstab -- /bin/cat /etc/own
	ok stop --kill fstab
	ok delete --purge fstab
	ok base delete fstab
	recipe "$T_TMP/base2" "$T_TMP/ct2" ignored
	rm -r "$L/ignored"
	ok adopt "$T_TMP/ct2" --common "$T_TMP/base2/common" --name fromdir --base dirbase
	same "$(field fromdir base)" dirbase
	[ -e "$T_TMP/ct2/etc/own" ]
	ok start fromdir
	ok exec fromdir -- /bin/cat /etc/own
	is "of the container"
	ok stop --kill fromdir
	ok delete --purge fromdir
	ok base delete dirbase
	rm -rf "$T_TMP/base" "$T_TMP/ct" "$T_TMP/base2" "$T_TMP/ct2"
}

@test "adopt: a plain directory container; what is refused" {
	printf 'lxc.net.0.type = empty\n' >"$T_TMP/dc"
	mkdir "$T_TMP/empty.tree"
	fails 3 adopt nosuch
	lxc create -n plain -t none -f "$T_TMP/dc"
	mkdir "$L/plain/rootfs"
	cp -a "$COPPICE_TEST_DIR/bb/." "$L/plain/rootfs"
	echo "lxc.rootfs.path = dir:$L/plain/rootfs" >>"$L/plain/config"
	echo mine >"$L/plain/rootfs/etc/own"
	mkdir -p "$L/plain/rootfs/usr/local/bin" && echo l >"$L/plain/rootfs/usr/local/bin/l"
	lxc copy -n plain -N over -s
	fails 4 adopt plain
	fails 6 adopt over
	err_has "try:   lxc-copy -P $L -n over -N over-dir -B dir"
	lxc destroy -n over
	lxc snapshot -n plain
	fails 4 adopt plain
	lxc snapshot -n plain -d ALL
	ok start plain
	fails 4 adopt plain
	ok stop --kill plain
	# an adopt that was killed leaves this behind
	mkdir "$L/plain-adopted" && cp "$T_TMP/dc" "$L/plain-adopted/config"
	ok adopt plain --base plainbase
	ok start plain
	ok exec plain -- /bin/cat /etc/own /usr/local/bin/l
	is "$(printf 'mine\nl')"
	ok stop --kill plain
	fails 4 adopt plain
	ok rename plain away
	fails 4 adopt --purge plain # nothing else is taken for it
	err_has "as 'plain-original'"
	[ -d "$L/plain-original" ]
	ok rename away plain
	ok adopt --purge plain
	has "plain-original removed"
	[ ! -e "$L/plain-original" ]
	ok delete --purge plain
	ok base delete plainbase
}

@test "import --libvirt: a domain becomes a config, and what has no counterpart is told" {
	local xml=$BATS_TEST_DIRNAME/../fuzz/corpus/import/whole
	ok import --libvirt "$xml" --dry-run
	has "lxc.rootfs.path = dir:/srv/guests/guest1"
	has 'lxc.init.cmd = /sbin/init "--log level"'
	has "lxc.net.0.link = br0"
	has "lxc.idmap = u 0 100000 65536"
	err_has "<video> in <devices> was not understood"
	err_has "'staff' is a name"
	mkdir "$T_TMP/root"
	cp -a "$COPPICE_TEST_DIR/bb/." "$T_TMP/root"
	cat >"$T_TMP/d.xml" <<-XML
	<domain type='lxc'><name>from libvirt</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
	<os><type>exe</type><init>/bin/sleep</init><initarg>100000</initarg><initenv name='A'>b c</initenv></os><features><privnet/></features>
	<devices><filesystem type='mount'><source dir='$T_TMP/root'/><target dir='/'/></filesystem>
	<filesystem type='ram'><source usage='2048'/><target dir='/scratch'/></filesystem><console type='pty'/></devices></domain>
	XML
	ok import --libvirt "$T_TMP/d.xml"
	has from-libvirt
	ok start from-libvirt
	ok exec from-libvirt -- /bin/sh -c 'tr "\0" " " </proc/1/cmdline; tr "\0" "\n" </proc/1/environ | grep ^A=; grep " /scratch " /proc/mounts'
	has "/bin/sleep 100000"
	has "A=b c"
	has size=2048k
	ok stop --kill from-libvirt
	ok import --libvirt "$T_TMP/d.xml" other
	ok delete --purge from-libvirt
	ok delete --purge other
	[ -e "$T_TMP/root/bin" ]
	fails 2 import
	fails 3 import --libvirt "$T_TMP/nosuch.xml"
	echo "<domain type='lxc'><name>odd</name><devices><filesystem><source dir='/srv/a b:c'/><target dir='/'/></filesystem>" \
		"<filesystem><source dir='/x y,z'/><target dir='/mnt/b c'/></filesystem></devices></domain>" >"$T_TMP/odd.xml"
	ok import --libvirt "$T_TMP/odd.xml" --dry-run
	has "lxc.rootfs.path = dir:/srv/a b:c"
	has 'lxc.mount.entry = /x\040y,z mnt/b\040c none bind,create=dir 0 0'
	fails 3 import --libvirt "$T_TMP/odd.xml" # it is the root that is not there
	err_has "/srv/a b"
	[[ $stderr != *"no container 'odd'"* ]] || show_run
	echo "<domain type='lxc'><name>x" >"$T_TMP/cut.xml"
	fails 2 import --libvirt "$T_TMP/cut.xml"
	[[ $stderr != *"?"* ]] || show_run
	fails 2 import --libvirt "$T_ROOT/../bb.tar"
	echo "<domain type='kvm'><name>k</name></domain>" >"$T_TMP/k.xml"
	fails 2 import --libvirt "$T_TMP/k.xml"
	err_has "no container"
}
