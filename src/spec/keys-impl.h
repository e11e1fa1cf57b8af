/* keys-impl.h - the setters behind the key table, by group. Internal to src/spec.
 *
 * A setter gets the modern spelling of the key (key_canonical) and a value that may be empty: empty puts the field back to "not said", or
 * clears a list. It says only why a value is bad; key_apply() adds the rest. */
#pragma once

#include "spec/keys.h"
#include "spec/spec.h"

#define SETTER(name) int name(struct spec *s, const char *key, const char *value, struct err *e)

/* The part of @key behind family @prefix ("lxc.prlimit."), "" for the bare family. */
const char *key_suffix(const char *key, const char *prefix);

/* ERR_INPUT "unknown key ..." with the nearest known one. Returns -EINVAL. */
int key_unknown(const char *key, struct err *e);

/* ERR_UNSUPPORTED with a reason. Returns -EOPNOTSUPP. */
int key_unsupported(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* keys.c: what changes nothing here; notes why the row says so */
SETTER(set_ignored);
/* what cannot be done: told with the row's why */
SETTER(set_refused);

/* keys-basic.c: identity, root, init, terminals, start, log */
SETTER(set_uts_name);
SETTER(set_arch);
SETTER(set_rootfs_path);
SETTER(set_rootfs_mount);
SETTER(set_rootfs_options);
SETTER(set_rootfs_managed);
SETTER(set_base);
SETTER(set_mode);
SETTER(set_init_cmd);
SETTER(set_init_uid);
SETTER(set_init_gid);
SETTER(set_init_cwd);
SETTER(set_execute_cmd);
SETTER(set_small_init);
SETTER(set_environment);
SETTER(set_environment_runtime);
SETTER(set_environment_hooks);
SETTER(set_init_groups);
SETTER(set_tty_dir);
SETTER(set_autodev_size);
SETTER(set_signal_halt);
SETTER(set_signal_reboot);
SETTER(set_signal_stop);
SETTER(set_stop_timeout);
SETTER(set_tty_max);
SETTER(set_pty_max);
SETTER(set_console_path);
SETTER(set_console_logfile);
SETTER(set_console_size);
SETTER(set_console_rotate);
SETTER(set_console_buffer);
SETTER(set_log_size);
SETTER(set_start_auto);
SETTER(set_start_delay);
SETTER(set_start_order);
SETTER(set_group);
SETTER(set_tag);
SETTER(set_ephemeral);
SETTER(set_ephemeral_size);
SETTER(set_restart);
SETTER(set_include);
SETTER(set_log_level);
SETTER(set_log_file);
SETTER(set_log_syslog);
SETTER(set_autodev);
SETTER(set_monitor_unshare);

/* keys-security.c: ids, capabilities, filters, limits of processes */
SETTER(set_privileged);
SETTER(set_nesting);
SETTER(set_idmap);
SETTER(set_cap_drop);
SETTER(set_cap_keep);
SETTER(set_no_new_privs);
SETTER(set_prlimit);
SETTER(set_sysctl);
SETTER(set_time_boot);
SETTER(set_time_monotonic);

/* keys-hook.c: hooks, system call filters, security modules */
SETTER(set_hook);
SETTER(set_hook_version);
SETTER(set_seccomp_profile);
SETTER(set_seccomp_nesting);
SETTER(set_seccomp_proxy);
SETTER(set_seccomp_cookie);
SETTER(set_apparmor_profile);
SETTER(set_apparmor_incomplete);
SETTER(set_apparmor_nesting);
SETTER(set_apparmor_raw);
SETTER(set_selinux_context);
SETTER(set_selinux_keyring);

/* keys-cgroup.c: resource limits and devices */
SETTER(set_memory_max);
SETTER(set_memory_high);
SETTER(set_memory_low);
SETTER(set_memsw_max);
SETTER(set_swap_max);
SETTER(set_cpu_shares);
SETTER(set_cpu_weight);
SETTER(set_cfs_quota);
SETTER(set_cfs_period);
SETTER(set_cpu_max);
SETTER(set_cpus);
SETTER(set_cpuset_cpus);
SETTER(set_cpuset_mems);
SETTER(set_pids_max);
SETTER(set_io_weight);
SETTER(set_blkio_weight);
SETTER(set_devices_allow);
SETTER(set_devices_deny);
SETTER(set_cgroup_raw);
SETTER(set_classid);
SETTER(set_cgroup_dir);
SETTER(set_cgroup_relative);
SETTER(set_freezer_state);
SETTER(set_disk_number);
SETTER(set_io_max);

/* keys-mount.c */
SETTER(set_mount_entry);
SETTER(set_mount_fstab);
/* One fstab line, not empty, added to the mounts; s->where is its place. */
int key_mount_line(struct spec *s, const char *value, struct err *e) MUST_USE;
/* "rslave" and its like; false when @word is none. */
bool key_propagation(const char *word, enum spec_propagation *ret, bool *ret_all) MUST_USE;
/* What stands behind "idmap=". */
int key_idmap_option(struct spec *s, const char *value, const char **ret, struct err *e) MUST_USE;
SETTER(set_mount_auto);

/* keys-ns.c: namespaces and what else is a process's own */
SETTER(set_ns_clone);
SETTER(set_ns_keep);
SETTER(set_ns_share);
SETTER(set_proc);
SETTER(set_keyring_session);
SETTER(set_sched_core);
SETTER(set_pdeath);

/* keys-security.c: one of a family of names: the last value of a name counts, an empty one takes it away. */
struct spec_pair;
int key_set_pair(struct spec *s, struct spec_pair **list, size_t *count, const char *name, const char *value, struct err *e) MUST_USE;

/* keys-net.c: interfaces, managed networks, published ports */
SETTER(set_net);
SETTER(set_network);
SETTER(set_port);
const struct key_row *key_net_member(const char *key);
