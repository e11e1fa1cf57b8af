/* dump.c - a spec as text, one "field = value" a line in a fixed order: for --dry-run and golden tests.
 *
 * Numbers are plain; "unset" and "max" stand for SPEC_UNSET and SPEC_MAX. Strings are quoted, with every byte that is not printable ASCII
 * as \xHH, so that two different specs never print the same. */
#include "spec/spec.h"

#include "base/buf.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static void put_quoted(struct buf *out, const char *s)
{
	if (!s) {
		buf_puts(out, "unset");
		return;
	}
	buf_putc(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_printf(out, "\\%c", *s);
		else if (*s < ' ' || *s > '~')
			buf_printf(out, "\\x%02x", (unsigned char)*s);
		else
			buf_putc(out, *s);
	}
	buf_putc(out, '"');
}

static void put_string(struct buf *out, const char *field, const char *s)
{
	buf_printf(out, "%s = ", field);
	put_quoted(out, s);
	buf_putc(out, '\n');
}

static void put_number(struct buf *out, const char *field, uint64_t n)
{
	if (n == SPEC_UNSET)
		buf_printf(out, "%s = unset\n", field);
	else if (n == SPEC_MAX)
		buf_printf(out, "%s = max\n", field);
	else
		buf_printf(out, "%s = %ju\n", field, (uintmax_t)n);
}

static void put_count(struct buf *out, const char *field, uint32_t n)
{
	put_number(out, field, n == SPEC_COUNT_UNSET ? SPEC_UNSET : n);
}

static void put_bool(struct buf *out, const char *field, bool b)
{
	buf_printf(out, "%s = %s\n", field, b ? "yes" : "no");
}

static void put_strings(struct buf *out, const char *field, const char *const *list, size_t count)
{
	buf_printf(out, "%s =", field);
	for (size_t i = 0; i < count; i++) {
		buf_putc(out, ' ');
		put_quoted(out, list[i]);
	}
	buf_puts(out, count ? "\n" : " none\n");
}

static void put_pairs(struct buf *out, const char *field, const struct spec_pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "%s ", field);
		put_quoted(out, pairs[i].name);
		buf_puts(out, " = ");
		if (pairs[i].value)
			put_quoted(out, pairs[i].value);
		else
			buf_puts(out, "the caller's");
		buf_putc(out, '\n');
	}
}

static void put_numbers(struct buf *out, const char *field, const uint32_t *list, size_t count)
{
	buf_printf(out, "%s =", field);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, " %u", list[i]);
	buf_puts(out, count ? "\n" : " none\n");
}

static void put_caps(struct buf *out, uint64_t caps)
{
	buf_puts(out, "caps_keep =");
	for (unsigned i = 0; i < 64; i++) {
		if (!(caps & UINT64_C(1) << i))
			continue;
		if (spec_cap_name(i))
			buf_printf(out, " %s", spec_cap_name(i));
		else
			buf_printf(out, " %u", i);
	}
	buf_puts(out, caps ? "\n" : " none\n");
}

static void put_identity(struct buf *out, const struct spec *s)
{
	put_string(out, "name", s->name);
	put_string(out, "hostname", s->hostname);
	buf_printf(out, "mode = %s\n", spec_mode_name(s->mode));
	put_string(out, "base", s->base);
	put_string(out, "base_version", s->base_version);
	put_string(out, "rootfs", s->rootfs);
	put_string(out, "rootfs_mount", s->rootfs_mount);
	put_strings(out, "lowers", s->lowers, s->lower_count);
	put_string(out, "rootfs_options", s->rootfs_options.options);
	put_bool(out, "rootfs_keep", s->rootfs_keep);
	put_number(out, "ephemeral_size", s->ephemeral_size);
	put_bool(out, "linux32", s->linux32);
	put_bool(out, "privileged", s->privileged);
	put_bool(out, "nesting", s->nesting);
	for (size_t i = 0; i < s->idmap_count; i++) {
		const struct spec_idmap *m = &s->idmaps[i];

		buf_printf(out, "idmap = %s %u %u %u\n", m->uid ? m->gid ? "b" : "u" : "g", m->inside, m->host, m->count);
	}
}

static void put_process(struct buf *out, const struct spec *s)
{
	put_strings(out, "init", s->init, s->init_count);
	put_bool(out, "small_init", s->small_init);
	put_strings(out, "execute", s->execute, s->execute_count);
	buf_printf(out, "init_uid = %u\ninit_gid = %u\n", s->init_uid, s->init_gid);
	put_numbers(out, "init_groups", s->init_groups, s->init_group_count);
	put_string(out, "init_cwd", s->init_cwd);
	put_pairs(out, "env", s->env, s->env_count);
	put_pairs(out, "env_runtime", s->env_runtime, s->env_runtime_count);
	put_pairs(out, "env_hooks", s->env_hooks, s->env_hooks_count);
	buf_printf(out, "signal_halt = %d\nsignal_reboot = %d\nsignal_stop = %d\n", s->signal_halt, s->signal_reboot, s->signal_stop);
	put_number(out, "stop_timeout_ms", s->stop_timeout_ms);
	put_count(out, "tty_count", s->tty_count);
	put_count(out, "pty_max", s->pty_max);
	put_string(out, "tty_dir", s->tty_dir);
	put_bool(out, "dev_own", s->dev_own);
	put_number(out, "dev_size", s->dev_size);
	put_string(out, "console", s->console);
	if (s->console_none)
		put_bool(out, "console_none", true);
	put_number(out, "log_size", s->log_size);
	put_string(out, "log_path", s->log_path);
	put_number(out, "ring_size", s->ring_size);
	if (s->tool_log)
		put_string(out, "tool_log", s->tool_log);
	if (s->tool_level >= 0)
		buf_printf(out, "tool_level = %s\n", log_level_name(s->tool_level));
	if (s->tool_facility >= 0)
		buf_printf(out, "tool_facility = %s\n", log_facilities[s->tool_facility]);
}

/* What was not said is left out: hosts without security modules are many. */
static void put_modules(struct buf *out, const struct spec *s)
{
	const struct {
		const char *field, *text;
	} texts[] = {{"seccomp_profile", s->seccomp_profile}, {"seccomp_proxy", s->seccomp_proxy}, {"seccomp_cookie", s->seccomp_cookie}, {"apparmor_profile", s->apparmor_profile}, {"selinux_context", s->selinux_context},
		     {"selinux_keyring", s->selinux_keyring}};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].text)
			put_string(out, texts[i].field, texts[i].text);
	if (s->apparmor_incomplete || s->apparmor_nesting)
		buf_printf(out, "apparmor =%s%s\n", s->apparmor_incomplete ? " incomplete" : "", s->apparmor_nesting ? " nesting" : "");
	if (s->apparmor_raw_count)
		put_strings(out, "apparmor_raw", s->apparmor_raw, s->apparmor_raw_count);
}

static void put_hooks(struct buf *out, const struct spec *s)
{
	for (size_t i = 0; i < s->hook_count; i++) {
		buf_printf(out, "hook %s = ", spec_hook_name(s->hooks[i].kind));
		put_quoted(out, s->hooks[i].command);
		buf_putc(out, '\n');
	}
	if (s->hook_count)
		put_number(out, "hook_version", s->hook_version);
}

static void put_namespaces(struct buf *out, const char *field, uint32_t bits)
{
	buf_printf(out, "%s =", field);
	for (unsigned i = 0; i < SPEC_NS_COUNT; i++)
		if (bits >> i & 1)
			buf_printf(out, " %s", spec_ns_name((enum spec_ns)i));
	buf_puts(out, bits ? "\n" : " none\n");
}

static void put_security(struct buf *out, const struct spec *s)
{
	put_caps(out, s->caps_keep);
	put_bool(out, "no_new_privs", s->no_new_privs);
	put_bool(out, "seccomp_off", s->seccomp_off);
	for (size_t i = 0; i < s->prlimit_count; i++) {
		char field[48];

		(void)snprintf(field, sizeof(field), "prlimit %s soft", spec_prlimit_name(s->prlimits[i].resource));
		put_number(out, field, s->prlimits[i].soft);
		(void)snprintf(field, sizeof(field), "prlimit %s hard", spec_prlimit_name(s->prlimits[i].resource));
		put_number(out, field, s->prlimits[i].hard);
	}
	put_pairs(out, "sysctl", s->sysctls, s->sysctl_count);
	put_modules(out, s);
	put_hooks(out, s);
	put_pairs(out, "proc", s->procs, s->proc_count);
	put_bool(out, "keyring_shared", s->keyring_shared);
	put_bool(out, "sched_core", s->sched_core);
	buf_printf(out, "signal_pdeath = %d\n", s->signal_pdeath);
	put_namespaces(out, "ns_clone", s->ns_clone);
	put_namespaces(out, "ns_keep", s->ns_keep);
	for (unsigned i = 0; i < SPEC_NS_COUNT; i++)
		if (s->ns_share[i])
			buf_printf(out, "ns_share %s = %s\n", spec_ns_name((enum spec_ns)i), s->ns_share[i]);
}

static void put_mount(struct buf *out, const struct spec_mount *m)
{
	static const struct {
		size_t field;
		const char *word;
	} flags[] = {
	    {offsetof(struct spec_mount, bind), "bind"},
	    {offsetof(struct spec_mount, recursive), "recursive"},
	    {offsetof(struct spec_mount, read_only), "ro"},
	    {offsetof(struct spec_mount, nosuid), "nosuid"},
	    {offsetof(struct spec_mount, nodev), "nodev"},
	    {offsetof(struct spec_mount, noexec), "noexec"},
	    {offsetof(struct spec_mount, noatime), "noatime"},
	    {offsetof(struct spec_mount, nodiratime), "nodiratime"},
	    {offsetof(struct spec_mount, strictatime), "strictatime"},
	    {offsetof(struct spec_mount, nosymfollow), "nosymfollow"},
	    {offsetof(struct spec_mount, remount), "remount"},
	    {offsetof(struct spec_mount, make_source), "make-source"},
	    {offsetof(struct spec_mount, relative), "relative"},
	    {offsetof(struct spec_mount, optional), "optional"},
	    {offsetof(struct spec_mount, create_dir), "create=dir"},
	    {offsetof(struct spec_mount, create_file), "create=file"},
	};

	static const char *const propagations[] = {[SPEC_PROP_PRIVATE] = "private", [SPEC_PROP_SLAVE] = "slave", [SPEC_PROP_SHARED] = "shared", [SPEC_PROP_UNBINDABLE] = "unbindable"};

	buf_puts(out, "mount ");
	put_quoted(out, m->target);
	buf_puts(out, " = ");
	put_quoted(out, m->source);
	buf_printf(out, " %s", m->type ? m->type : "unset");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (*(const bool *)((const char *)m + flags[i].field))
			buf_printf(out, " %s", flags[i].word);
	if (m->propagation)
		buf_printf(out, " %s%s", m->propagation_all ? "r" : "", propagations[m->propagation]);
	if (m->idmap) {
		buf_puts(out, " idmap ");
		put_quoted(out, m->idmap);
	}
	if (m->data) {
		buf_puts(out, " data ");
		put_quoted(out, m->data);
	}
	buf_putc(out, '\n');
}

static void put_autos(struct buf *out, const struct spec *s)
{
	static const char *const words[] = {"unset", "mixed", "ro", "rw"};

	buf_printf(out, "auto = proc:%s sys:%s cgroup%s:%s%s\n", words[s->auto_proc], words[s->auto_sys], s->auto_cgroup_full ? "-full" : s->auto_cgroup_v2 ? "2" : "", words[s->auto_cgroup],
		   s->auto_cgroup_force ? ":force" : "");
	put_string(out, "shmounts", s->shmount_source);
}

static void put_gateway(struct buf *out, const char *field, enum spec_gateway kind, const char *address)
{
	if (kind != SPEC_GATEWAY_NONE)
		buf_printf(out, " %s=%s", field, kind == SPEC_GATEWAY_AUTO ? "auto" : kind == SPEC_GATEWAY_DEV ? "dev" : address);
}

static void put_texts(struct buf *out, const char *field, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, " %s=", field);
		put_quoted(out, list[i]);
	}
}

/* Numbers and names that were not said are left out: most interfaces say little. */
static void put_nic(struct buf *out, const struct spec_nic *n)
{
	static const char *const macvlan[] = {"private", "vepa", "bridge", "passthru"};
	static const char *const ipvlan[] = {"l3", "l3s", "l2"};
	static const char *const isolation[] = {"bridge", "private", "vepa"};
	const struct {
		const char *field, *text;
	} texts[] = {{"name", n->name}, {"link", n->link}, {"network", n->network}, {"pair", n->pair}, {"hwaddr", n->hwaddr}, {"up", n->script_up}, {"down", n->script_down}};
	const struct {
		const char *field;
		uint64_t number;
	} numbers[] = {{"mtu", n->mtu},	      {"rx-queues", n->rx_queues}, {"tx-queues", n->tx_queues}, {"vlan", n->vlan},
		       {"port-vlan", n->port_vlan}, {"in", n->rate_in},		   {"out", n->rate_out}};

	_Static_assert(ARRAY_LEN(macvlan) == SPEC_MACVLAN_COUNT && ARRAY_LEN(ipvlan) == SPEC_IPVLAN_COUNT && ARRAY_LEN(isolation) == SPEC_IPVLAN_ISOLATION_COUNT,
		       "every mode has a word");
	buf_printf(out, "nic %u = %s", n->number, spec_nic_type_name(n->type));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].text)
			put_texts(out, texts[i].field, &texts[i].text, 1);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].number)
			buf_printf(out, " %s=%ju", numbers[i].field, (uintmax_t)numbers[i].number);
	if (n->type == SPEC_NIC_MACVLAN)
		buf_printf(out, " mode=%s", macvlan[n->macvlan]);
	if (n->type == SPEC_NIC_IPVLAN)
		buf_printf(out, " mode=%s isolation=%s", ipvlan[n->ipvlan], isolation[n->ipvlan_isolation]);
	put_texts(out, "address", n->addresses, n->address_count);
	put_gateway(out, "gateway4", n->gateway4_kind, n->gateway4);
	put_gateway(out, "gateway6", n->gateway6_kind, n->gateway6);
	put_texts(out, "route", n->routes, n->route_count);
	for (size_t i = 0; i < n->tagged_count; i++)
		buf_printf(out, " tagged=%u", n->tagged[i]);
	buf_printf(out, "%s%s%s%s%s\n", n->up ? " flags=up" : "", n->router ? " router" : "", n->l2proxy ? " l2proxy" : "", n->vlan_none ? " untagged=none" : "",
		   n->isolated ? " isolated" : "");
}

static void put_net(struct buf *out, const struct spec *s)
{
	buf_printf(out, "net = %s\n", s->net == SPEC_NET_NONE ? "none" : "empty");
	for (size_t i = 0; i < s->nic_count; i++)
		put_nic(out, &s->nics[i]);
	for (size_t i = 0; i < s->port_count; i++) {
		const struct spec_port *p = &s->ports[i];

		buf_printf(out, "port %s = %s %u inside %u count %u\n", p->udp ? "udp" : "tcp", p->bind ? p->bind : "any", p->host, p->inside, p->count);
	}
}

static void put_device(struct buf *out, const struct spec_device *d)
{
	buf_printf(out, "device %s = %c ", d->allow ? "allow" : "deny", d->type);
	if (d->major < 0)
		buf_putc(out, '*');
	else
		buf_printf(out, "%jd", (intmax_t)d->major);
	if (d->minor < 0)
		buf_puts(out, ":* ");
	else
		buf_printf(out, ":%jd ", (intmax_t)d->minor);
	buf_printf(out, "%s%s%s\n", d->access & SPEC_DEV_READ ? "r" : "", d->access & SPEC_DEV_WRITE ? "w" : "",
		   d->access & SPEC_DEV_MKNOD ? "m" : "");
}

static void put_limits(struct buf *out, const struct spec_limits *l)
{
	put_number(out, "memory_max", l->memory_max);
	put_number(out, "memory_high", l->memory_high);
	put_number(out, "memory_low", l->memory_low);
	put_number(out, "swap_max", l->swap_max);
	put_number(out, "memsw_max", l->memsw_max);
	put_number(out, "cpu_quota_us", l->cpu_quota_us);
	put_number(out, "cpu_period_us", l->cpu_period_us);
	put_number(out, "cpu_weight", l->cpu_weight);
	put_number(out, "cpu_shares", l->cpu_shares);
	put_string(out, "cpuset_cpus", l->cpuset_cpus);
	put_string(out, "cpuset_mems", l->cpuset_mems);
	put_number(out, "pids_max", l->pids_max);
	put_number(out, "io_weight", l->io_weight);
	put_number(out, "blkio_weight", l->blkio_weight);
	for (size_t i = 0; i < l->device_count; i++)
		put_device(out, &l->devices[i]);
	for (size_t i = 0; i < l->raw_count; i++) {
		buf_printf(out, "cgroup v%d %s = ", l->raw[i].v2 ? 2 : 1, l->raw[i].file);
		put_quoted(out, l->raw[i].value);
		buf_putc(out, '\n');
	}
}

static void put_policy(struct buf *out, const struct spec *s)
{
	static const char *const restarts[] = {
	    [SPEC_RESTART_NO] = "no", [SPEC_RESTART_ON_FAILURE] = "on-failure", [SPEC_RESTART_ALWAYS] = "always"};

	buf_printf(out, "restart = %s\n", restarts[s->restart]);
	put_bool(out, "ephemeral", s->ephemeral);
	put_bool(out, "autostart", s->autostart);
	put_number(out, "start_delay_ms", s->start_delay_ms);
	buf_printf(out, "start_order = %d\n", s->start_order);
	put_strings(out, "groups", s->groups, s->group_count);
	put_strings(out, "tags", s->tags, s->tag_count);
}

void spec_dump(const struct spec *s, struct buf *out)
{
	put_identity(out, s);
	put_process(out, s);
	put_security(out, s);
	put_string(out, "fstab", s->fstab);
	for (size_t i = 0; i < s->mount_count; i++)
		put_mount(out, &s->mounts[i]);
	put_autos(out, s);
	put_net(out, s);
	if (s->time_offset_set)
		buf_printf(out, "time_boot_ns = %jd\ntime_mono_ns = %jd\n", (intmax_t)s->time_boot_ns, (intmax_t)s->time_mono_ns);
	put_limits(out, &s->limits);
	put_policy(out, s);
}
