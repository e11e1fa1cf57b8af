/* keys.c - the key table, and how a key finds its row.
 *
 * Rows are sorted by name (strcmp), so that a lookup is a binary search; a test holds the order. A family ends in '.' and takes every key
 * below it that has no row of its own. */
#include "spec/keys.h"

#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What many rows allow. */
#define HOOK_VALUE "an absolute path with arguments, or a line for the shell; each line is one more"
#define ONE_BOOL "0 or 1 (also no, yes, false, true, off, on)"
#define ONE_BYTES "a size such as 512M, or max"
#define DEVICE_RULE "a, or TYPE MAJOR:MINOR ACCESS such as 'c 1:3 rwm', '*' for any number"
#define ID_SET "a set such as 0-3,7"
#define PLACE "a path below the host's, without a part that begins with a dot"
#define DISK_NUMBER "MAJOR:MINOR and a number, such as '8:0 1048576'; 0 for no limit"
#define NAMESPACES "cgroup, ipc, mnt, net, pid, time, user, uts, with blanks between"
#define SIGNAL_WORD "a signal such as SIGPWR, 30 or SIGRTMIN+3"

/* clang-format off */
static const struct key_row rows[] = {
	{.name = "coppice.base", .type = KEY_STRING, .set = set_base,
	 .help = "sealed base the container grows from", .values = "NAME or NAME@VERSION", .example = "debian12@0123456789abcdef",
	 .bad = "../etc"},
	{.name = "coppice.cpu.weight", .type = KEY_U64, .set = set_cpu_weight,
	 .help = "share of the processor among busy containers", .values = "1 to 10000, 100 is usual", .example = "200", .bad = "0"},
	{.name = "coppice.cpus", .type = KEY_STRING, .set = set_cpus,
	 .help = "processor time, in processors", .values = "a number such as 1.5 (0.01 to 4096, three decimals), or max",
	 .example = "1.5", .bad = "0.001"},
	{.name = "coppice.cpuset", .type = KEY_STRING, .set = set_cpuset_cpus,
	 .help = "processors the container may run on", .values = ID_SET, .example = "0-1", .bad = "1-0"},
	{.name = "coppice.device", .type = KEY_LIST, .list = true, .set = set_devices_allow,
	 .help = "allows a device, beside the default ones", .values = DEVICE_RULE, .example = "c 10:232 rwm", .bad = "c 10 rwm"},
	{.name = "coppice.ephemeral.size", .type = KEY_SIZE, .set = set_ephemeral_size,
	 .help = "largest size of the memory layer of mode ephemeral", .values = "a size such as 512M, at least 1M", .example = "256M",
	 .bad = "12"},
	{.name = "coppice.init", .type = KEY_STRING, .set = set_small_init,
	 .help = "single program to run beneath a small init that reaps", .values = "a command line; quotes work as in a shell",
	 .example = "/usr/sbin/nginx -g 'daemon off;'", .bad = "/bin/sh -c 'exit"},
	{.name = "coppice.io.weight", .type = KEY_U64, .set = set_io_weight,
	 .help = "share of the disks among busy containers", .values = "1 to 10000, 100 is usual", .example = "50", .bad = "10001"},
	{.name = "coppice.log.size", .type = KEY_SIZE, .set = set_log_size,
	 .help = "bytes of console log kept on disk", .values = "a size such as 16M, at most 1G; 0 for no log", .example = "4M",
	 .bad = "4X"},
	{.name = "coppice.memory", .type = KEY_SIZE, .set = set_memory_max,
	 .help = "memory limit", .values = ONE_BYTES, .example = "512M", .bad = "0"},
	{.name = "coppice.memory.high", .type = KEY_SIZE, .set = set_memory_high,
	 .help = "memory above which the container is slowed down", .values = ONE_BYTES, .example = "400M", .bad = "lots"},
	{.name = "coppice.mode", .type = KEY_STRING, .set = set_mode,
	 .help = "how the base becomes the container's root", .values = "bind (sealed), overlay (layered), ephemeral or copy",
	 .example = "overlay", .bad = "chroot"},
	{.name = "coppice.nesting", .type = KEY_BOOL, .set = set_nesting,
	 .help = "allows user namespaces and keyrings inside", .values = ONE_BOOL, .example = "1", .bad = "2"},
	{.name = "coppice.network", .type = KEY_LIST, .list = true, .set = set_network,
	 .help = "interface on a managed network",
	 .values = "NAME [ip=ADDRESS] [ip6=ADDRESS] [mac=MAC] [name=ethX] [isolated] [in=10M] [out=10M]",
	 .example = "coppice0 ip=10.87.0.9 name=eth0 in=100M", .bad = "coppice0 ip=10.87.0.300"},
	{.name = "coppice.pids", .type = KEY_U64, .set = set_pids_max,
	 .help = "most processes and threads", .values = "1 to 4194304, or max", .example = "500", .bad = "0"},
	{.name = "coppice.port", .type = KEY_LIST, .list = true, .set = set_port,
	 .help = "port of the host that leads into the container", .values = "[ADDRESS:]HOST[-END]:INSIDE[-END][/udp], at most 1024 ports a line",
	 .example = "127.0.0.1:8080-8089:80-89/udp", .bad = "8080-8089:80-81"},
	{.name = "coppice.privileged", .type = KEY_BOOL, .set = set_privileged,
	 .help = "no user namespace: root inside is root on the host", .values = ONE_BOOL, .example = "1", .bad = "maybe"},
	{.name = "coppice.restart", .type = KEY_STRING, .set = set_restart,
	 .help = "what happens when init ends by itself", .values = "no, on-failure or always", .example = "on-failure",
	 .bad = "sometimes"},
	{.name = "coppice.stop.timeout", .type = KEY_DURATION, .set = set_stop_timeout,
	 .help = "time a stop waits before it kills", .values = "seconds, or a time such as 500ms, 30s or 2m", .example = "10s",
	 .bad = "soon"},
	{.name = "coppice.swap", .type = KEY_SIZE, .set = set_swap_max,
	 .help = "swap limit, beside memory", .values = "a size such as 512M, 0 for none, or max", .example = "0", .bad = "-5"},
	{.name = "coppice.tag", .type = KEY_LIST, .list = true, .set = set_tag,
	 .help = "words to select containers by", .values = "words of letters, digits, '_', '.' and '-'", .example = "web test",
	 .bad = "a/b"},
	{.name = "lxc.apparmor.allow_incomplete", .type = KEY_BOOL, .set = set_apparmor_incomplete,
	 .since = "2.1",
	 .help = "starts although the kernel's AppArmor cannot confine mounts", .values = ONE_BOOL, .example = "1", .bad = "2",
	 .legacy = "lxc.aa_allow_incomplete"},
	{.name = "lxc.apparmor.allow_nesting", .type = KEY_BOOL, .set = set_apparmor_nesting,
	 .since = "3.1",
	 .help = "a generated AppArmor profile allows containers inside", .values = ONE_BOOL, .example = "1", .bad = "2"},
	{.name = "lxc.apparmor.profile", .type = KEY_STRING, .set = set_apparmor_profile,
	 .since = "2.1", .why = "a kernel without AppArmor: it starts without, with a note; generated needs apparmor_parser",
	 .help = "AppArmor profile", .values = "the name of a loaded profile, unconfined, unchanged or generated", .example = "unconfined",
	 .bad = "no profile", .legacy = "lxc.aa_profile"},
	{.name = "lxc.apparmor.raw", .type = KEY_LIST, .list = true, .set = set_apparmor_raw,
	 .since = "3.1",
	 .help = "line for a generated AppArmor profile", .values = "a line of the profile language", .example = "deny /srv/** w,", .bad = "a\001b"},
	{.name = "lxc.arch", .type = KEY_STRING, .set = set_arch,
	 .help = "architecture the container believes it runs on", .values = "this machine's, its 32-bit sibling, or another that an emulator runs here",
	 .example = "linux64", .bad = "pdp11"},
	{.name = "lxc.autodev", .type = KEY_BOOL, .set = set_autodev,
	 .since = "0.9",
	 .help = "makes /dev anew; 0 uses that of the root", .values = ONE_BOOL, .example = "0", .bad = "x"},
	{.name = "lxc.autodev.tmpfs.size", .type = KEY_SIZE, .set = set_autodev_size,
	 .since = "4.0",
	 .help = "size of the file system of /dev", .values = "a size such as 500000 or 1M; 0 for the usual 512K", .example = "1M", .bad = "big"},
	{.name = "lxc.cap.drop", .type = KEY_LIST, .list = true, .set = set_cap_drop,
	 .help = "capabilities to take away, beside the default ones", .values = "capability names such as sys_admin, numbers, or none",
	 .example = "sys_admin net_raw", .bad = "sys_magic"},
	{.name = "lxc.cap.keep", .type = KEY_LIST, .list = true, .set = set_cap_keep,
	 .since = "0.9",
	 .help = "the only capabilities to keep", .values = "capability names such as chown, numbers, or none",
	 .example = "chown setuid 27", .bad = "64"},
	{.name = "lxc.cgroup.", .type = KEY_PREFIX, .list = true, .set = set_cgroup_raw,
	 .until = "7.0", .why = "on a host with v2, files that have a counterpart there are translated, knobs without one are skipped with a note, and limits without one are refused",
	 .help = "any other cgroup v1 file", .values = "CONTROLLER.FILE", .example = "60", .bad = "a\001b",
	 .example_key = "lxc.cgroup.memory.swappiness"},
	{.name = "lxc.cgroup.blkio.throttle.read_bps_device", .type = KEY_LIST, .list = true, .set = set_disk_number,
	 .until = "7.0",
	 .help = "most bytes a second that are read from a disk", .values = DISK_NUMBER, .example = "8:0 1048576",
	 .bad = "sda 1M"},
	{.name = "lxc.cgroup.blkio.throttle.read_iops_device", .type = KEY_LIST, .list = true, .set = set_disk_number,
	 .until = "7.0",
	 .help = "most operations a second that are read from a disk", .values = DISK_NUMBER, .example = "8:0 1048576",
	 .bad = "sda 1M"},
	{.name = "lxc.cgroup.blkio.throttle.write_bps_device", .type = KEY_LIST, .list = true, .set = set_disk_number,
	 .until = "7.0",
	 .help = "most bytes a second that are written to a disk", .values = DISK_NUMBER, .example = "8:0 1048576",
	 .bad = "sda 1M"},
	{.name = "lxc.cgroup.blkio.throttle.write_iops_device", .type = KEY_LIST, .list = true, .set = set_disk_number,
	 .until = "7.0",
	 .help = "most operations a second that are written to a disk", .values = DISK_NUMBER, .example = "8:0 1048576",
	 .bad = "sda 1M"},
	{.name = "lxc.cgroup.blkio.weight", .type = KEY_U64, .set = set_blkio_weight,
	 .until = "7.0",
	 .help = "share of the disks, v1 scale", .values = "10 to 1000", .example = "500", .bad = "9"},
	{.name = "lxc.cgroup.blkio.weight_device", .type = KEY_LIST, .list = true, .set = set_disk_number,
	 .until = "7.0",
	 .help = "share of one disk, v1 scale", .values = "MAJOR:MINOR and 10 to 1000, such as '8:0 500'", .example = "8:0 500",
	 .bad = "8:0 5"},
	{.name = "lxc.cgroup.cpu.cfs_period_us", .type = KEY_U64, .set = set_cfs_period,
	 .until = "7.0",
	 .help = "period of the processor quota", .values = "microseconds, 1000 to 1000000", .example = "100000", .bad = "999"},
	{.name = "lxc.cgroup.cpu.cfs_quota_us", .type = KEY_STRING, .set = set_cfs_quota,
	 .until = "7.0",
	 .help = "processor time per period", .values = "microseconds, at least 1000, or -1 for no limit", .example = "50000",
	 .bad = "10"},
	{.name = "lxc.cgroup.cpu.shares", .type = KEY_U64, .set = set_cpu_shares,
	 .until = "7.0",
	 .help = "share of the processor, v1 scale", .values = "2 to 262144, 1024 is usual; what lies outside is taken as the nearest", .example = "512", .bad = "-1"},
	{.name = "lxc.cgroup.cpuset.cpus", .type = KEY_STRING, .set = set_cpuset_cpus,
	 .until = "7.0",
	 .help = "processors the container may run on", .values = ID_SET, .example = "0,2-3", .bad = "x"},
	{.name = "lxc.cgroup.cpuset.mems", .type = KEY_STRING, .set = set_cpuset_mems,
	 .until = "7.0",
	 .help = "memory nodes the container may use", .values = ID_SET, .example = "0", .bad = "0-"},
	{.name = "lxc.cgroup.devices.allow", .type = KEY_LIST, .list = true, .set = set_devices_allow,
	 .until = "7.0",
	 .help = "allows a device; later lines win", .values = DEVICE_RULE, .example = "c 1:3 rwm", .bad = "x 1:3 rwm"},
	{.name = "lxc.cgroup.devices.deny", .type = KEY_LIST, .list = true, .set = set_devices_deny,
	 .until = "7.0",
	 .help = "denies a device; later lines win", .values = DEVICE_RULE, .example = "a", .bad = "c 1:3 rwx"},
	{.name = "lxc.cgroup.dir", .type = KEY_STRING, .set = set_cgroup_dir,
	 .since = "2.1",
	 .help = "control group for the container's and its monitor's, lxc.payload.NAME and lxc.monitor.NAME", .values = PLACE, .example = "lxc/web1", .bad = "../web1"},
	{.name = "lxc.cgroup.dir.", .type = KEY_PREFIX, .set = set_cgroup_dir,
	 .since = "4.0",
	 .help = "control groups of the container and of its monitor, instead of lxc.cgroup.dir",
	 .values = "container with monitor, container.inner, monitor.pivot = " PLACE, .example = "lxc/web1", .bad = "../web1", .example_key = "lxc.cgroup.dir.container"},
	{.name = "lxc.cgroup.freezer.state", .type = KEY_STRING, .set = set_freezer_state,
	 .until = "7.0", .why = "a container that starts frozen never gets to run; coppice pause and lxc-freeze freeze one that runs",
	 .help = "state of the freezer", .values = "THAWED", .example = "THAWED", .bad = "FROZEN"},
	{.name = "lxc.cgroup.memory.kmem.limit_in_bytes", .type = KEY_SIZE, .set = set_ignored,
	 .until = "7.0", .status = KEY_IGNORED, .why = "kernel memory is part of the memory limit, and kernels since 6.0 have no other",
	 .help = "limit of kernel memory", .values = "a size", .example = "64M", .bad = "a\001b"},
	{.name = "lxc.cgroup.memory.limit_in_bytes", .type = KEY_SIZE, .set = set_memory_max,
	 .until = "7.0",
	 .help = "memory limit", .values = "a size such as 128M, or -1 for no limit", .example = "128M", .bad = "128Q"},
	{.name = "lxc.cgroup.memory.memsw.limit_in_bytes", .type = KEY_SIZE, .set = set_memsw_max,
	 .until = "7.0",
	 .help = "limit of memory and swap together", .values = "a size not below the memory limit, or -1 for no limit",
	 .example = "256M", .bad = "-2"},
	{.name = "lxc.cgroup.memory.soft_limit_in_bytes", .type = KEY_SIZE, .set = set_memory_low,
	 .until = "7.0",
	 .help = "memory that is protected from others", .values = "a size such as 64M, or -1 for no limit", .example = "64M",
	 .bad = "64 M"},
	{.name = "lxc.cgroup.net_cls.classid", .type = KEY_STRING, .set = set_classid,
	 .until = "7.0", .why = "on a host without the v1 controller the packets get an nft mark of the same number",
	 .help = "class that traffic control knows the container's packets by", .values = "a number such as 0x100001", .example = "0x100001",
	 .bad = "0x100000000"},
	{.name = "lxc.cgroup.pids.max", .type = KEY_U64, .set = set_pids_max,
	 .until = "7.0",
	 .help = "most processes and threads", .values = "1 to 4194304, or max", .example = "max", .bad = "4194305"},
	{.name = "lxc.cgroup.relative", .type = KEY_BOOL, .set = set_cgroup_relative,
	 .since = "3.1",
	 .help = "control groups beneath the v2 one of whoever starts it, not beside the host's init", .values = ONE_BOOL, .example = "1", .bad = "2"},
	{.name = "lxc.cgroup2.", .type = KEY_PREFIX, .list = true, .set = set_cgroup_raw,
	 .since = "3.0", .why = "on a host with v1, files that have a counterpart there are translated, knobs without one are skipped with a note, and limits without one are refused",
	 .help = "any other cgroup v2 file", .values = "CONTROLLER.FILE", .example = "8:0 target=50000",
	 .bad = "a\001b", .example_key = "lxc.cgroup2.io.latency"},
	{.name = "lxc.cgroup2.cpu.max", .type = KEY_STRING, .set = set_cpu_max,
	 .since = "3.0",
	 .help = "processor time per period", .values = "QUOTA [PERIOD] in microseconds, or max", .example = "150000 100000",
	 .bad = "1 2 3"},
	{.name = "lxc.cgroup2.cpu.weight", .type = KEY_U64, .set = set_cpu_weight,
	 .since = "3.0",
	 .help = "share of the processor", .values = "1 to 10000, 100 is usual", .example = "100", .bad = "10001"},
	{.name = "lxc.cgroup2.cpuset.cpus", .type = KEY_STRING, .set = set_cpuset_cpus,
	 .since = "3.0",
	 .help = "processors the container may run on", .values = ID_SET, .example = "0", .bad = "4096"},
	{.name = "lxc.cgroup2.cpuset.mems", .type = KEY_STRING, .set = set_cpuset_mems,
	 .since = "3.0",
	 .help = "memory nodes the container may use", .values = ID_SET, .example = "0", .bad = ","},
	{.name = "lxc.cgroup2.devices.allow", .type = KEY_LIST, .list = true, .set = set_devices_allow,
	 .since = "3.0",
	 .help = "allows a device; later lines win", .values = DEVICE_RULE, .example = "c 136:* rwm", .bad = "c 1:3 rr"},
	{.name = "lxc.cgroup2.devices.deny", .type = KEY_LIST, .list = true, .set = set_devices_deny,
	 .since = "3.0",
	 .help = "denies a device; later lines win", .values = DEVICE_RULE, .example = "b *:* m", .bad = "c 5000:0 r"},
	{.name = "lxc.cgroup2.io.max", .type = KEY_LIST, .list = true, .set = set_io_max,
	 .since = "3.0",
	 .help = "most bytes and operations a second of a disk", .values = "MAJOR:MINOR and rbps=, wbps=, riops= or wiops= with a number or max",
	 .example = "8:0 rbps=1048576 wiops=100", .bad = "8:0 rbsp=1"},
	{.name = "lxc.cgroup2.io.weight", .type = KEY_STRING, .set = set_io_weight,
	 .since = "3.0",
	 .help = "share of the disks", .values = "1 to 10000, 'default' before it or not; or MAJOR:MINOR before it, for one disk", .example = "default 100", .bad = "default"},
	{.name = "lxc.cgroup2.memory.high", .type = KEY_SIZE, .set = set_memory_high,
	 .since = "3.0",
	 .help = "memory above which the container is slowed down", .values = ONE_BYTES, .example = "400M", .bad = "20E"},
	{.name = "lxc.cgroup2.memory.low", .type = KEY_SIZE, .set = set_memory_low,
	 .since = "3.0",
	 .help = "memory that is protected from others", .values = ONE_BYTES, .example = "64M", .bad = "99999999999999999999"},
	{.name = "lxc.cgroup2.memory.max", .type = KEY_SIZE, .set = set_memory_max,
	 .since = "3.0",
	 .help = "memory limit", .values = ONE_BYTES, .example = "max", .bad = "0"},
	{.name = "lxc.cgroup2.memory.swap.max", .type = KEY_SIZE, .set = set_swap_max,
	 .since = "3.0",
	 .help = "swap limit, beside memory", .values = "a size such as 512M, 0 for none, or max", .example = "0", .bad = "none"},
	{.name = "lxc.cgroup2.pids.max", .type = KEY_U64, .set = set_pids_max,
	 .since = "3.0",
	 .help = "most processes and threads", .values = "1 to 4194304, or max", .example = "1000", .bad = "-1000"},
	{.name = "lxc.console.buffer.size", .type = KEY_SIZE, .set = set_console_buffer,
	 .since = "3.0",
	 .help = "bytes of output replayed to a new viewer", .values = "a size, or auto; more than 16M is 16M", .example = "64KB", .bad = "-1"},
	{.name = "lxc.console.logfile", .type = KEY_STRING, .set = set_console_logfile,
	 .since = "1.0",
	 .help = "file of the console log", .values = "an absolute path", .example = "/var/log/web1.log", .bad = "web1.log"},
	{.name = "lxc.console.path", .type = KEY_STRING, .set = set_console_path,
	 .since = "2.1",
	 .help = "file or device of the host's that the console is connected to, beside its viewers", .values = "an absolute path, or none",
	 .example = "/dev/tty8", .bad = "tty8",
	 .legacy = "lxc.console"},
	{.name = "lxc.console.rotate", .type = KEY_BOOL, .set = set_console_rotate,
	 .since = "3.0",
	 .help = "keeps an older log beside the current (always done)", .values = ONE_BOOL, .example = "1", .bad = "weekly"},
	{.name = "lxc.console.size", .type = KEY_SIZE, .set = set_console_size,
	 .since = "3.0",
	 .help = "bytes of console log kept on disk", .values = "a size, or auto; more than 1G is 1G", .example = "128KB", .bad = "many"},
	{.name = "lxc.environment", .type = KEY_LIST, .list = true, .set = set_environment,
	 .since = "1.1",
	 .help = "variable in the environment of init and hooks", .values = "NAME=VALUE, or NAME for the value of whoever starts it",
	 .example = "LANG=C.UTF-8", .bad = "=x"},
	{.name = "lxc.environment.hooks", .type = KEY_LIST, .list = true, .set = set_environment_hooks,
	 .since = "7.0",
	 .help = "variable in the environment of hooks alone", .values = "NAME=VALUE, or NAME for the value of whoever starts it",
	 .example = "STAGE=test", .bad = "a b=x"},
	{.name = "lxc.environment.runtime", .type = KEY_LIST, .list = true, .set = set_environment_runtime,
	 .since = "7.0",
	 .help = "variable in the environment of init alone", .values = "NAME=VALUE, or NAME for the value of whoever starts it",
	 .example = "TZ", .bad = "=x"},
	{.name = "lxc.ephemeral", .type = KEY_BOOL, .set = set_ephemeral,
	 .since = "2.0",
	 .help = "deletes the container when it stops", .values = ONE_BOOL, .example = "1", .bad = "2"},
	{.name = "lxc.execute.cmd", .type = KEY_STRING, .set = set_execute_cmd,
	 .since = "3.0",
	 .help = "command that execute runs when it is given none", .values = "a command line; quotes work as in a shell",
	 .example = "/bin/sh -c 'echo hi'", .bad = "\"/bin/sh"},
	{.name = "lxc.group", .type = KEY_LIST, .list = true, .set = set_group,
	 .since = "1.0",
	 .help = "autostart groups the container is in", .values = "words of letters, digits, '_', '.' and '-'; blanks or commas between", .example = "onboot",
	 .bad = "on/boot"},
	{.name = "lxc.hook.", .type = KEY_PREFIX, .list = true, .set = set_hook,
	 .since = "0.8",
	 .help = "empty: no hooks at all", .values = "nothing: lxc.hook with an empty value clears every hook", .example = "",
	 .bad = "/bin/true", .example_key = "lxc.hook"},
	{.name = "lxc.hook.autodev", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "0.9", .why = "not with lxc.autodev = 0",
	 .help = "program run after the mount hooks, to make devices in $LXC_ROOTFS_MOUNT/dev", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.clone", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "0.9",
	 .help = "program run on the host, when it has been copied (LXC_SRC_NAME: the original)", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.destroy", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "1.1",
	 .help = "program run on the host, before it is deleted", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.mount", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "0.8",
	 .help = "program run when the tree is at $LXC_ROOTFS_MOUNT; what it mounts there appears inside", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.post-stop", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "0.8",
	 .help = "program run on the host, when nothing of the container is left", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.pre-mount", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "0.8",
	 .help = "program run before the tree is opened; the container alone sees what it mounts", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.pre-start", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "0.8",
	 .help = "program run on the host, before anything is done", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.start", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "0.8",
	 .help = "program run inside, before init", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.start-host", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "3.0",
	 .help = "program run on the host, when all is set up, before init", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.stop", .type = KEY_LIST, .list = true, .set = set_hook,
	 .since = "2.0",
	 .help = "program run on the host, when init has ended (LXC_*_NS: its namespaces)", .values = HOOK_VALUE, .example = "/usr/local/bin/hook --fast",
	 .bad = "a\001b"},
	{.name = "lxc.hook.version", .type = KEY_U64, .set = set_hook_version,
	 .since = "3.0",
	 .help = "how hooks are told what they are for", .values = "0 (arguments) or 1 (environment)", .example = "1", .bad = "2"},
	{.name = "lxc.idmap", .type = KEY_LIST, .list = true, .set = set_idmap,
	 .since = "2.1",
	 .help = "range of ids inside and on the host", .values = "u, g or b (both), then INSIDE HOST COUNT",
	 .example = "b 0 100000 65536", .bad = "u 0 100000 0", .legacy = "lxc.id_map"},
	{.name = "lxc.include", .type = KEY_STRING, .list = true, .set = set_include,
	 .since = "0.9",
	 .help = "reads another file, or the *.conf files of a directory, here", .values = "an absolute path",
	 .example = "/usr/share/lxc/config/common.conf.d", .bad = "common.conf"},
	{.name = "lxc.init.cmd", .type = KEY_STRING, .set = set_init_cmd,
	 .since = "2.1",
	 .help = "init program and its arguments", .values = "a command line; quotes work as in a shell", .example = "/sbin/init splash",
	 .bad = "'/sbin/init", .legacy = "lxc.init_cmd"},
	{.name = "lxc.init.cwd", .type = KEY_STRING, .set = set_init_cwd,
	 .since = "3.0",
	 .help = "working directory of init", .values = "an absolute path without '..'", .example = "/srv", .bad = "srv"},
	{.name = "lxc.init.gid", .type = KEY_U64, .set = set_init_gid,
	 .since = "2.1",
	 .help = "group id init runs as", .values = "an id inside the container", .example = "1000", .bad = "staff",
	 .legacy = "lxc.init_gid"},
	{.name = "lxc.init.groups", .type = KEY_STRING, .set = set_init_groups,
	 .since = "4.0",
	 .help = "further groups of init", .values = "ids inside the container, with commas between", .example = "27,1000", .bad = "27,staff"},
	{.name = "lxc.init.uid", .type = KEY_U64, .set = set_init_uid,
	 .since = "2.1",
	 .help = "user id init runs as", .values = "an id inside the container", .example = "1000", .bad = "4294967295",
	 .legacy = "lxc.init_uid"},
	{.name = "lxc.keyring.session", .type = KEY_BOOL, .set = set_keyring_session,
	 .since = "4.0",
	 .help = "session keyring of its own", .values = ONE_BOOL, .example = "0", .bad = "x"},
	{.name = "lxc.kmsg", .type = KEY_BOOL, .set = set_ignored,
	 .since = "0.9", .until = "3.0", .status = KEY_IGNORED,
	 .why = "the container has no /dev/kmsg, and programs inside do without",
	 .help = "link from /dev/kmsg to the console", .values = ONE_BOOL, .example = "1", .bad = "x"},
	{.name = "lxc.log.file", .type = KEY_STRING, .set = set_log_file,
	 .since = "2.1",
	 .help = "file for messages about its starts and ends; -o goes before it", .values = "a path, made with its directories; none",
	 .example = "/var/log/lxc/web1.log", .legacy = "lxc.logfile", .bad = "a\001b"},
	{.name = "lxc.log.level", .type = KEY_STRING, .set = set_log_level,
	 .since = "2.1",
	 .help = "least level that is logged, error if not said; without a file: NAME.log beside the config",
	 .values = "trace, debug, info, notice, warn, error, crit, alert, fatal or 0 to 8", .example = "debug", .bad = "loud",
	 .legacy = "lxc.loglevel"},
	{.name = "lxc.log.syslog", .type = KEY_STRING, .set = set_log_syslog,
	 .since = "2.1",
	 .help = "sends the same messages to the system log", .values = "daemon or local0 to local7, the facility",
	 .example = "daemon", .bad = "mail", .legacy = "lxc.syslog"},
	{.name = "lxc.monitor.signal.pdeath", .type = KEY_SIGNAL, .set = set_pdeath,
	 .since = "3.1",
	 .help = "what init gets when its monitor is killed; usually nothing, and another one takes over",
	 .values = SIGNAL_WORD ", or 0", .example = "SIGKILL", .bad = "SIGNOPE"},
	{.name = "lxc.monitor.unshare", .type = KEY_BOOL, .set = set_monitor_unshare,
	 .since = "1.1", .status = KEY_IGNORED,
	 .why = "the monitor always has a mount namespace of its own",
	 .help = "own mount namespace of the monitor (always done)", .values = ONE_BOOL, .example = "1", .bad = "x"},
	{.name = "lxc.mount.auto", .type = KEY_LIST, .list = true, .set = set_mount_auto,
	 .since = "1.0",
	 .help = "kernel file systems (proc, sys and cgroup are always there)",
	 .values = "proc, sys, cgroup, cgroup-full or cgroup2, each with :mixed, :ro or :rw; shmounts:HOSTDIR[:DIR]; blanks between",
	 .example = "proc:mixed sys:ro cgroup:mixed", .bad = "prco"},
	{.name = "lxc.mount.entry", .type = KEY_LIST, .list = true, .set = set_mount_entry,
	 .help = "mounts something inside", .values = "an fstab line: SOURCE TARGET TYPE OPTIONS [0 0]",
	 .example = "/srv/www srv/www none bind,ro,create=dir 0 0", .bad = "/srv ../srv none bind 0 0"},
	{.name = "lxc.mount.fstab", .type = KEY_STRING, .set = set_mount_fstab,
	 .since = "2.1",
	 .help = "file of mounts, one line of fstab(5) each, done before those of lxc.mount.entry", .values = "an absolute path",
	 .example = "/var/lib/lxc/web1/fstab", .bad = "fstab", .legacy = "lxc.mount"},
	{.name = "lxc.namespace.clone", .type = KEY_STRING, .set = set_ns_clone,
	 .since = "3.0",
	 .help = "the only namespaces to make; the others are the host's", .values = NAMESPACES, .example = "pid net uts ipc mnt", .bad = "pid nett"},
	{.name = "lxc.namespace.keep", .type = KEY_STRING, .set = set_ns_keep,
	 .since = "3.0",
	 .help = "namespaces not to make: the host's are used", .values = NAMESPACES, .example = "net ipc", .bad = "world"},
	{.name = "lxc.namespace.share.", .type = KEY_PREFIX, .list = true, .set = set_ns_share,
	 .since = "3.0",
	 .help = "namespace, of any kind, of another container or process to share",
	 .values = "a container's name, its directory (/opt/lxc/web2), a process id, or a path such as /proc/123/ns/net", .example = "web2", .bad = "a/b",
	 .example_key = "lxc.namespace.share.net"},
	{.name = "lxc.net.", .type = KEY_PREFIX, .list = true, .set = set_net, .member = key_net_member,
	 .since = "2.1",
	 .help = "network interfaces, N is the number of one", .values = "N.type and what belongs to the type: see the table of interfaces",
	 .example = "veth", .bad = "token-ring", .example_key = "lxc.net.0.type"},
	{.name = "lxc.network.", .type = KEY_PREFIX, .list = true, .set = set_net, .member = key_net_member,
	 .until = "3.0",
	 .help = "network interfaces, as LXC before 2.1 wrote them: a type opens one",
	 .values = "type and what belongs to it: see the table of interfaces", .example = "veth", .bad = "token-ring",
	 .example_key = "lxc.network.type"},
	{.name = "lxc.no_new_privs", .type = KEY_BOOL, .set = set_no_new_privs,
	 .since = "2.0",
	 .help = "no program inside gains privileges by execve", .values = ONE_BOOL, .example = "1", .bad = "-"},
	{.name = "lxc.pivotdir", .type = KEY_STRING, .set = set_ignored,
	 .until = "3.0", .status = KEY_IGNORED, .why = "the old root is unmounted without a directory for it",
	 .help = "directory the old root is moved to at the start", .values = "a path", .example = "lxc_putold", .bad = "a\001b"},
	{.name = "lxc.prlimit.", .type = KEY_PREFIX, .list = true, .set = set_prlimit,
	 .since = "2.1",
	 .help = "resource limit of processes (getrlimit(2))",
	 .values = "SOFT[:HARD], each a number or unlimited; sizes such as 64M where the limit counts bytes", .example = "1024:4096",
	 .bad = "2:1", .example_key = "lxc.prlimit.nofile", .legacy = "lxc.limit."},
	{.name = "lxc.proc.", .type = KEY_PREFIX, .list = true, .set = set_proc,
	 .since = "3.0",
	 .help = "file of init in /proc/PID", .values = "what the file takes", .example = "-500", .bad = "a\001b",
	 .example_key = "lxc.proc.oom_score_adj"},
	{.name = "lxc.pty.max", .type = KEY_U64, .set = set_pty_max,
	 .since = "2.1",
	 .help = "most pseudo terminals inside", .values = "1 to 1048576, 0 for the usual number", .example = "1024", .bad = "many", .legacy = "lxc.pts"},
	{.name = "lxc.rootfs.backend", .type = KEY_STRING, .set = set_ignored,
	 .since = "1.1", .until = "3.0", .status = KEY_IGNORED, .why = "the kind of root is told from lxc.rootfs.path itself",
	 .help = "kind of root, beside its path", .values = "a word such as dir, overlayfs, lvm or loop", .example = "dir",
	 .bad = "a\001b"},
	{.name = "lxc.rootfs.managed", .type = KEY_BOOL, .set = set_rootfs_managed,
	 .since = "3.1",
	 .help = "0: deleting the container leaves its root alone", .values = ONE_BOOL, .example = "0", .bad = "x"},
	{.name = "lxc.rootfs.mount", .type = KEY_STRING, .set = set_rootfs_mount,
	 .help = "prefix that mount targets may begin with (nothing is mounted there)", .values = "an absolute path without '..'",
	 .example = "/usr/lib/lxc/rootfs", .bad = "rootfs"},
	{.name = "lxc.rootfs.options", .type = KEY_STRING, .set = set_rootfs_options,
	 .since = "1.1",
	 .help = "mount options of the root", .values = "ro, nosuid, nodev, noexec, noatime, idmap=container or =PATH, or what its file system takes",
	 .example = "ro,nosuid,idmap=container", .bad = "ro,idmap=me"},
	{.name = "lxc.rootfs.path", .type = KEY_STRING, .set = set_rootfs_path,
	 .since = "2.1",
	 .help = "root of your own instead of a base",
	 .values = "path of a directory, image file or block device, with dir:, btrfs:, loop: or lvm: or without; overlay:LOWER[:LOWER...]:UPPER",
	 .example = "overlay:/srv/tree:/srv/web1/delta0", .bad = "srv/tree", .legacy = "lxc.rootfs"},
	{.name = "lxc.sched.core", .type = KEY_BOOL, .set = set_sched_core,
	 .since = "5.0",
	 .help = "shares no processor core with strangers", .values = ONE_BOOL, .example = "1", .bad = "2"},
	{.name = "lxc.seccomp.allow_nesting", .type = KEY_BOOL, .set = set_seccomp_nesting,
	 .since = "3.2", .status = KEY_IGNORED, .why = "a filter is always stacked on those in force",
	 .help = "stacks the filter on one that is in force already (always done)", .values = ONE_BOOL, .example = "1", .bad = "2"},
	{.name = "lxc.seccomp.notify.cookie", .type = KEY_STRING, .set = set_seccomp_cookie,
	 .since = "3.2",
	 .help = "text sent with every request to the proxy", .values = "a line of text, at most 4096 bytes", .example = "web1", .bad = "a\001b"},
	{.name = "lxc.seccomp.notify.proxy", .type = KEY_STRING, .set = set_seccomp_proxy,
	 .since = "3.2",
	 .help = "socket of the program that answers what the policy says notify for",
	 .values = "unix:/PATH or unix:@NAME", .example = "unix:/run/proxy.sock", .bad = "/run/proxy.sock"},
	{.name = "lxc.seccomp.profile", .type = KEY_STRING, .set = set_seccomp_profile,
	 .since = "2.1",
	 .help = "system call filter", .values = "default, none, unconfined, or the absolute path of a policy in LXC's format",
	 .example = "default", .bad = "seccomp.rules", .legacy = "lxc.seccomp"},
	{.name = "lxc.selinux.context", .type = KEY_STRING, .set = set_selinux_context,
	 .since = "2.1", .why = "a kernel without SELinux: it starts without, with a note",
	 .help = "SELinux context of the container's processes", .values = "a context, or unconfined_t", .example = "system_u:system_r:lxc_t:s0:c22",
	 .bad = "no context", .legacy = "lxc.se_context"},
	{.name = "lxc.selinux.context.keyring", .type = KEY_STRING, .set = set_selinux_keyring,
	 .since = "4.0",
	 .help = "SELinux context of its session keyring", .values = "a context", .example = "system_u:system_r:lxc_t:s0:c22", .bad = "no context"},
	{.name = "lxc.signal.halt", .type = KEY_SIGNAL, .set = set_signal_halt,
	 .since = "2.1",
	 .help = "signal that asks init to shut down", .values = SIGNAL_WORD, .example = "SIGRTMIN+3", .bad = "SIGNOPE",
	 .legacy = "lxc.haltsignal"},
	{.name = "lxc.signal.reboot", .type = KEY_SIGNAL, .set = set_signal_reboot,
	 .since = "2.1",
	 .help = "signal that asks init to reboot", .values = SIGNAL_WORD, .example = "INT", .bad = "0", .legacy = "lxc.rebootsignal"},
	{.name = "lxc.signal.stop", .type = KEY_SIGNAL, .set = set_signal_stop,
	 .since = "2.1",
	 .help = "signal that ends the container by force", .values = SIGNAL_WORD, .example = "9", .bad = "99",
	 .legacy = "lxc.stopsignal"},
	{.name = "lxc.start.auto", .type = KEY_BOOL, .set = set_start_auto,
	 .since = "1.0",
	 .help = "starts the container when the host boots", .values = ONE_BOOL, .example = "1", .bad = "boot"},
	{.name = "lxc.start.delay", .type = KEY_DURATION, .set = set_start_delay,
	 .since = "1.0",
	 .help = "pause after this container when several are started", .values = "seconds, or a time such as 500ms", .example = "5",
	 .bad = "-1"},
	{.name = "lxc.start.order", .type = KEY_STRING, .set = set_start_order,
	 .since = "1.0",
	 .help = "place in the series; lower starts earlier", .values = "-2147483648 to 2147483647", .example = "-10", .bad = "first"},
	{.name = "lxc.sysctl.", .type = KEY_PREFIX, .list = true, .set = set_sysctl,
	 .since = "2.1",
	 .help = "kernel parameter of the container's own namespaces",
	 .values = "net.*, user.*, kernel.hostname, kernel.domainname, kernel.shm*, .msg*, .sem*, fs.mqueue.*; any with coppice.privileged", .example = "1",
	 .bad = "a\001b", .example_key = "lxc.sysctl.net.ipv4.ip_forward"},
	{.name = "lxc.time.offset.boot", .type = KEY_STRING, .set = set_time_boot,
	 .since = "5.0",
	 .help = "what the boot clock inside is ahead", .values = "a whole number with h, m, s, ms, us or ns, '-' before it for behind",
	 .example = "-10m", .bad = "1.5h"},
	{.name = "lxc.time.offset.monotonic", .type = KEY_STRING, .set = set_time_monotonic,
	 .since = "5.0",
	 .help = "what the monotonic clock inside is ahead",
	 .values = "a whole number with h, m, s, ms, us or ns, '-' before it for behind", .example = "3600s", .bad = "1w"},
	{.name = "lxc.tty.dir", .type = KEY_STRING, .set = set_tty_dir,
	 .since = "2.1",
	 .help = "directory below /dev that has the terminals, with links to them", .values = "a name such as lxc", .example = "lxc", .bad = "../x",
	 .legacy = "lxc.devttydir"},
	{.name = "lxc.tty.max", .type = KEY_U64, .set = set_tty_max,
	 .since = "2.1",
	 .help = "number of terminals /dev/tty1 and up", .values = "a number; more than 199 are 199", .example = "4", .bad = "-1", .legacy = "lxc.tty"},
	{.name = "lxc.uts.name", .type = KEY_STRING, .set = set_uts_name,
	 .since = "2.1",
	 .help = "host name inside, the container's name when not said",
	 .values = "a word of at most 64 bytes; the DNS wants letters, digits and '-', with dots between", .example = "web1.example.org",
	 .bad = "web 1", .legacy = "lxc.utsname"},
};
/* clang-format on */

static int by_row_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct key_row *)row)->name);
}

static const struct key_row *find_exact(const char *name)
{
	return bsearch(name, rows, ARRAY_LEN(rows), sizeof(rows[0]), by_row_name);
}

/* True when @key is @name, or lies in the family @name, or is the family without its dot. */
static bool name_covers(const char *name, bool family, const char *key)
{
	size_t len = strlen(name);

	if (!family)
		return strcmp(name, key) == 0;
	return strncmp(key, name, len) == 0 || (strlen(key) == len - 1 && strncmp(key, name, len - 1) == 0);
}

/* True when @key is one of the further old names of @row; those are never families. */
static bool is_also(const struct key_row *row, const char *key)
{
	const char *at = row->also, *word;
	size_t len;

	while (at && (word = value_word(&at, &len)))
		if (value_is(word, len, key))
			return true;
	return false;
}

static const struct key_row *find_legacy(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((rows[i].legacy && name_covers(rows[i].legacy, rows[i].type == KEY_PREFIX, key)) || is_also(&rows[i], key))
			return &rows[i];
	return NULL;
}

const struct key_row *key_find(const char *key)
{
	const struct key_row *row = find_exact(key);
	char family[KEY_NAME_MAX + 1];
	size_t len = strlen(key);

	if (row)
		return row->type == KEY_PREFIX ? NULL : row;
	if (len >= KEY_NAME_MAX)
		return NULL;
	memcpy(family, key, len + 1);
	/* The bare family, then ever shorter ones. */
	family[len] = '.';
	for (; len > 0; len--) {
		if (family[len] != '.')
			continue;
		family[len + 1] = '\0';
		row = find_exact(family);
		if (row)
			return row;
	}
	return find_legacy(key);
}

const struct key_row *key_rows(size_t *ret_count)
{
	*ret_count = ARRAY_LEN(rows);
	return rows;
}

const char *key_suggest(const char *key)
{
	const char *names[2 * ARRAY_LEN(rows)], *near;
	size_t count = 0, same = strncmp(key, "lxc.", 4) == 0 ? 4 : 0; /* what all have says nothing about how near they are */

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *both[] = {rows[i].name, rows[i].legacy};

		for (size_t k = 0; k < ARRAY_LEN(both); k++)
			if (both[k] && strncmp(both[k], "lxc.", same) == 0)
				names[count++] = both[k] + same;
	}
	near = parse_closest(key + same, names, count);
	if (!near)
		return NULL;
	near -= same;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].legacy && strcmp(rows[i].legacy, near) == 0)
			return rows[i].name;
	return near;
}

bool key_canonical(const struct key_row *row, const char *key, char out[KEY_NAME_MAX])
{
	const char *rest = "";
	int n;

	if (row->type != KEY_PREFIX)
		return value_copy(row->name, strlen(row->name), out, KEY_NAME_MAX);
	if (name_covers(row->name, true, key))
		return value_copy(key, strlen(key), out, KEY_NAME_MAX);
	/* legacy family: its name, perhaps without the dot, gives way to the modern one */
	if (strlen(key) >= strlen(row->legacy))
		rest = key + strlen(row->legacy);
	n = snprintf(out, KEY_NAME_MAX, "%s%s", row->name, rest);
	if (n < 0 || n >= KEY_NAME_MAX)
		return false;
	if (!*rest)
		out[n - 1] = '\0';
	return true;
}

const char *key_suffix(const char *key, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(key, prefix, len) == 0 ? key + len : "";
}

int key_unknown(const char *key, struct err *e)
{
	const char *near = key_suggest(key);
	char safe[80];

	format_safe(key, safe, sizeof(safe));
	if (near)
		return err_set(e, ERR_INPUT, EINVAL, "unknown key '%s', did you mean '%s'?", safe, near);
	return err_set(e, ERR_INPUT, EINVAL, "unknown key '%s'", safe);
}

int key_unsupported(struct err *e, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "%s", text);
}

SETTER(set_ignored)
{
	const struct key_row *row = key_find(key);
	bool ignored;

	if (row->type == KEY_BOOL && value_bool(value, false, &ignored, e) < 0)
		return -e->code;
	if (!value_printable(value))
		return err_set(e, ERR_INPUT, EINVAL, "holds control characters");
	if (*value)
		spec_note(s, key, "ignored: %s", row->why);
	return 0;
}

SETTER(set_refused)
{
	(void)s;
	return *value ? key_unsupported(e, "%s", key_find(key)->why) : 0;
}

/* ---- applying one ---- */

/* What the key, or the member of a family, allows. */
static const char *allowed_values(const struct key_row *row, const char *key)
{
	const struct key_row *member = row->member ? row->member(key) : NULL;

	return member ? member->values : row->values;
}

/* The reason in @e becomes "WHERE: KEY = 'VALUE': reason (allowed: ...)". Parts are cut so that none pushes another out. */
static int explain(const struct key_row *row, const char *where, const char *key, const char *value, struct err *e)
{
	char reason[280], hint[sizeof(e->hint)], shown[72];
	enum err_kind kind = (enum err_kind)e->kind;
	bool allowed = row && kind == ERR_INPUT;
	int code = e->code;
	size_t cut = where && strlen(where) > 200 ? strlen(where) - 200 : 0;

	(void)snprintf(reason, sizeof(reason), "%.*s", (int)sizeof(reason) - 1, e->why);
	(void)snprintf(hint, sizeof(hint), "%.*s", (int)sizeof(hint) - 1, e->hint);
	format_safe(value, shown, sizeof(shown));
	if (row)
		(void)err_set(e, kind, code, "%s%s%s = '%s%s': %s%s%s%s", where ? where + cut : "", where ? ": " : "", key, shown,
			      strlen(value) >= sizeof(shown) ? "..." : "", reason, allowed ? " (allowed: " : "",
			      allowed ? allowed_values(row, key) : "",
			      allowed ? ")" : "");
	else
		(void)err_set(e, kind, code, "%s%s%s", where ? where + cut : "", where ? ": " : "", reason);
	if (hint[0])
		(void)err_hint(e, "%s", hint);
	return -code;
}

static int remember(struct spec *s, const struct key_row *row, const char *name, const char *where, struct err *e)
{
	struct spec_pair *said;

	if (!where)
		return 0;
	said = arena_push(&s->arena, &s->said, &s->said_count, sizeof(*said));
	if (!said)
		return value_oom(e);
	said->name = row->type == KEY_PREFIX ? arena_strdup(&s->arena, name) : row->name;
	said->value = where;
	return said->name ? 0 : value_oom(e);
}

int key_apply(struct spec *s, const char *where, const char *key, const char *value, struct err *e)
{
	const struct key_row *row = key_find(key);
	char name[KEY_NAME_MAX];
	struct err local;
	int r;

	if (!e)
		e = &local;
	if (s->frozen)
		return err_set(e, ERR_INTERNAL, EPERM, "'%.64s' applied to a frozen spec", key);
	if (!row || !key_canonical(row, key, name)) {
		(void)key_unknown(key, e);
		return explain(NULL, where, key, value, e);
	}
	/* A family as a whole can only be emptied. */
	if (row->type == KEY_PREFIX && *value && strlen(name) < strlen(row->name))
		r = err_set(e, ERR_INPUT, EINVAL, "this names a whole family of keys, which can only be cleared");
	else {
		s->where = where;
		r = row->set(s, name, value, e);
		s->where = NULL;
	}
	if (r == 0)
		r = remember(s, row, name, where, e);
	return r < 0 ? explain(row, where, key, value, e) : 0;
}
