/* fake-host.c - the operations on bases, networks and the host over canned data; fake.h says how they are steered. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- bases ---- */

static struct coppice_base base_of(const char *name, const char *version, bool current)
{
	struct coppice_base b = {
		.created = clock_unix() - 3 * 86400 - 600,
		.common_bytes = 229ull << 20,
		.common_files = 10214,
		.skel_bytes = 3040870,
		.skel_files = 671,
		.image_bytes = 97ull << 20,
		.current = current,
		.merged_usr = true,
		.pins = 2,
	};

	TEXT(b.name, name);
	TEXT(b.version, version);
	TEXT(b.digest, "1f2e3a4b5c6d7e8f0000000000000000000000000000000000000000000000ff");
	TEXT(b.os, "Debian GNU/Linux 12");
	TEXT(b.arch, "x86_64");
	TEXT(b.source, "mmdebstrap:bookworm");
	TEXT(b.seal, "erofs");
	return b;
}

int fake_find_base(const char *ref, struct err *e)
{
	char name[64], version[72];

	if (parse_base_ref(ref, name, version) < 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is no name of a base", ref);
	if (!fake_set_is("empty") && (strcmp(name, "debian12") == 0 || strcmp(name, "web") == 0))
		return 0;
	return err_set(e, ERR_MISSING, ENOENT, "no base '%s'", name);
}

static const char report_text[] = "{\"scrubbed\":[\"etc/machine-id\",\"etc/ssh/ssh_host_rsa_key\",\"var/lib/systemd/random-seed\",\"etc/hostname\","
				  "\"etc/resolv.conf\",\"etc/fstab\"],\"notes\":[\"no fs-verity on this file system\"],\"bytes\":240123904}";

int coppice_base_build(struct coppice *c, const struct coppice_base_build *o, struct coppice_base *ret, struct err *e)
{
	int r;

	(void)c;
	fake_said("base-build %s from=%s packages=%s include=%s seal=%s dry_run=%d", o->name, o->from, o->packages ? o->packages : "-",
	     o->include ? o->include : "-", o->seal ? o->seal : "-", o->dry_run);
	o->progress(o->progress_data, "stage", 10, "usr/bin");
	o->progress(o->progress_data, "stage", 100, "10885 files");
	r = fake_fails("base-build", o->name, e);
	if (r < 0)
		return r;
	o->progress(o->progress_data, "scrub", -1, "6 things");
	o->progress(o->progress_data, "seal", -1, "erofs, sha256 manifest");
	*ret = base_of(o->name, "1f2e3a4b5c6d7e8f", true);
	*o->ret_report = strdup(report_text);
	return 0;
}

int coppice_base_list(struct coppice *c, struct coppice_base **ret, size_t *ret_count, struct err *e)
{
	struct coppice_base *b;
	int r = fake_fails("base-list", NULL, e);

	(void)c;
	if (r < 0)
		return r;
	b = calloc(3, sizeof(*b));
	if (!b)
		return err_sys(e, ENOMEM, "list bases");
	b[0] = base_of("debian12", "1f2e3a4b5c6d7e8f", true);
	b[1] = base_of("web", "aa2e3a4b5c6d7e8f", true);
	b[2] = base_of("web", "bb2e3a4b5c6d7e8f", false);
	b[2].pins = 0;
	*ret = b;
	*ret_count = fake_set_is("empty") ? 0 : 3;
	return 0;
}

int coppice_base_show(struct coppice *c, const char *ref, struct coppice_base *ret, char **ret_users, struct err *e)
{
	int r = fake_fails("base-show", ref, e);

	(void)c;
	if (r == 0)
		r = fake_find_base(ref, e);
	if (r < 0)
		return r;
	*ret = base_of("debian12", "1f2e3a4b5c6d7e8f", true);
	*ret_users = strdup("ci-07\nweb1\n");
	return 0;
}

int coppice_base_verify(struct coppice *c, const char *ref, char **ret_report, struct err *e)
{
	int r = fake_fails("base-verify", ref, e);

	(void)c;
	if (r < 0) {
		*ret_report = strdup("{\"differ\":[\"usr/bin/true\",\"usr/lib/libc.so.6\"]}");
		return r;
	}
	return fake_find_base(ref, e);
}

int coppice_base_delete(struct coppice *c, const char *ref, bool if_exists, struct err *e)
{
	int r = fake_fails("base-delete", ref, e);

	(void)c;
	fake_said("base-delete %s if_exists=%d", ref, if_exists);
	if (r == 0)
		r = fake_find_base(ref, e);
	if (r == -ENOENT && if_exists) {
		err_clear(e);
		return 1;
	}
	return r;
}

/* ---- house-keeping ---- */

int coppice_df(struct coppice *c, struct coppice_df **ret, size_t *ret_count, struct err *e)
{
	struct coppice_df *d;
	int r = fake_fails("df", NULL, e);

	(void)c;
	if (r < 0)
		return r;
	d = calloc(3, sizeof(*d));
	if (!d)
		return err_sys(e, ENOMEM, "df");
	d[0] = (struct coppice_df){.common = 219ull << 20, .private_total = 214ull << 20, .on_disk = 433ull << 20, .full_copies = 5470ull << 20,
				   .containers = 24};
	TEXT(d[0].base, "debian12");
	TEXT(d[0].version, "1f2e3a4b5c6d7e8f");
	d[1] = (struct coppice_df){.common = 396ull << 20, .private_total = 88ull << 20, .on_disk = 484ull << 20, .full_copies = 484ull << 20,
				   .containers = 1};
	TEXT(d[1].base, "web");
	TEXT(d[1].version, "bb2e3a4b5c6d7e8f");
	*ret = d;
	*ret_count = fake_set_is("empty") ? 0 : 2;
	return 0;
}

int coppice_gc(struct coppice *c, struct coppice_gc *io, struct err *e)
{
	int r = fake_fails("gc", NULL, e);

	(void)c;
	fake_said("gc dry_run=%d trash_age_s=%llu", io->dry_run, (unsigned long long)io->trash_age_s);
	if (r < 0)
		return r;
	if (!fake_set_is("empty")) {
		io->trash = 2;
		io->staging = 1;
		io->bytes = 6ull << 20;
	}
	return 0;
}

int coppice_pool_set(struct coppice *c, const char *base, unsigned want, struct err *e)
{
	(void)c;
	fake_said("pool-set %s %u", base, want);
	return fake_find_base(base, e);
}

int coppice_doctor(struct coppice *c, struct coppice_check **ret, size_t *ret_count, struct err *e)
{
	struct coppice_check *k;
	int r = fake_fails("doctor", NULL, e);

	(void)c;
	if (r < 0)
		return r;
	k = calloc(3, sizeof(*k));
	if (!k)
		return err_sys(e, ENOMEM, "doctor");
	TEXT(k[0].id, "kernel");
	TEXT(k[0].text, "kernel 6.18: namespaces, idmapped mounts, overlay");
	k[1].level = 1;
	TEXT(k[1].id, "inotify");
	TEXT(k[1].text, "/proc/sys/fs/inotify/max_user_instances = 128: about 60 systemd containers can start");
	TEXT(k[1].fix, "sysctl -w fs.inotify.max_user_instances=8192");
	k[2].level = 2;
	TEXT(k[2].id, "memory");
	TEXT(k[2].text, "the memory controller is not enabled: limits cannot work");
	TEXT(k[2].fix, "boot with cgroup_enable=memory");
	*ret = k;
	*ret_count = fake_set_is("empty") ? 1 : 3;
	return 0;
}

int coppice_monitor_main(int argc, char **argv)
{
	(void)argv;
	fake_said("monitor argc=%d", argc);
	return 0;
}

int coppice_keeper_main(int argc, char **argv)
{
	(void)argv;
	fake_said("keeper argc=%d", argc);
	return 0;
}

/* ---- networks ---- */

static const struct {
	const char *name, *ipv4, *ipv6;
	uint32_t leases, running;
	bool up, isolated, internal;
} nets[] = {
	{"coppice0", "10.150.0.1/16", "fd8c:a2a6:9950::1/64", 3, 2, true, false, false},
	{"lab", "192.168.77.1/24", "", 0, 0, false, true, true},
};

static void fill_network(size_t i, struct coppice_network *ret)
{
	memset(ret, 0, sizeof(*ret));
	TEXT(ret->name, nets[i].name);
	TEXT(ret->bridge, nets[i].name);
	TEXT(ret->ipv4, nets[i].ipv4);
	TEXT(ret->ipv6, nets[i].ipv6);
	ret->mtu = 1500;
	ret->nat = ret->guard = ret->names = true;
	ret->up = nets[i].up;
	ret->isolated = nets[i].isolated;
	ret->internal = nets[i].internal;
	ret->leases = nets[i].leases;
	ret->running = nets[i].running;
	ret->created = clock_unix() - 3 * 86400;
}

static int find_network(const char *name, struct coppice_network *ret, struct err *e)
{
	for (size_t i = 0; !fake_set_is("empty") && i < ARRAY_LEN(nets); i++)
		if (strcmp(nets[i].name, name) == 0) {
			fill_network(i, ret);
			return 0;
		}
	return err_set(e, ERR_MISSING, ENOENT, "there is no network '%s'", name);
}

static void said_settings(const char *op, const char *name, const char *const *set)
{
	struct buf b = BUF_INIT;

	for (; set && *set; set++)
		buf_printf(&b, " %s", *set);
	fake_said("%s %s%s", op, name, buf_str(&b));
	buf_done(&b);
}

int coppice_network_create(struct coppice *c, const char *name, const char *const *set, struct coppice_network *ret, struct err *e)
{
	int r = fake_fails("network-create", name, e);

	(void)c;
	said_settings("network-create", name, set);
	if (r < 0)
		return r;
	if (find_network(name, ret, e) == 0)
		return err_set(e, ERR_EXISTS, EEXIST, "network '%s' exists already", name);
	err_clear(e);
	fill_network(1, ret);
	TEXT(ret->name, name);
	TEXT(ret->bridge, name);
	return 0;
}

int coppice_network_edit(struct coppice *c, const char *name, const char *const *set, struct coppice_network *ret, struct err *e)
{
	int r = fake_fails("network-edit", name, e);

	(void)c;
	said_settings("network-edit", name, set);
	return r < 0 ? r : find_network(name, ret, e);
}

int coppice_network_list(struct coppice *c, struct coppice_network **ret, size_t *ret_count, struct err *e)
{
	struct coppice_network *list = calloc(ARRAY_LEN(nets), sizeof(*list));
	int r = fake_fails("network-list", NULL, e);

	(void)c;
	if (!list || r < 0) {
		free(list);
		return r < 0 ? r : err_sys(e, ENOMEM, "list");
	}
	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		fill_network(i, &list[i]);
	*ret = list;
	*ret_count = fake_set_is("empty") ? 0 : ARRAY_LEN(nets);
	return 0;
}

int coppice_network_show(struct coppice *c, const char *name, struct coppice_network *ret, struct coppice_network_user **ret_users, size_t *ret_count, struct err *e)
{
	static const struct coppice_network_user on_it[] = {
		{"ci-07", "eth0", "00:16:3e:11:22:33", "10.150.3.4", "fd8c:a2a6:9950::1:2", "cp00112233", true, 1234567, 7654321},
		{"old", "eth0", "00:16:3e:44:55:66", "10.150.200.17", "fd8c:a2a6:9950::dece:aeaa", "", false, UINT64_MAX, UINT64_MAX},
		{"web1", "eth1", "00:16:3e:77:88:99", "10.150.9.8", "", "cp44556677", true, 0, 42},
	};
	int r = fake_fails("network-show", name, e);

	(void)c;
	if (r == 0)
		r = find_network(name, ret, e);
	if (r < 0)
		return r;
	*ret_count = ret->leases;
	*ret_users = calloc(ARRAY_LEN(on_it), sizeof(on_it[0]));
	if (!*ret_users)
		return err_sys(e, ENOMEM, "show");
	memcpy(*ret_users, on_it, sizeof(on_it));
	return 0;
}

int coppice_network_delete(struct coppice *c, const char *name, bool if_exists, struct err *e)
{
	struct coppice_network n;
	int r = fake_fails("network-delete", name, e);

	(void)c;
	fake_said("network-delete %s if_exists=%d", name, if_exists);
	if (r == 0)
		r = find_network(name, &n, e);
	if (r == -ENOENT && if_exists) {
		err_clear(e);
		return 1;
	}
	if (r == 0 && n.leases) {
		(void)err_set(e, ERR_BUSY, EBUSY, "3 containers use it: 'ci-07', 'old', 'web1'");
		return err_hint(e, "coppice network show %s", name);
	}
	return r;
}

int coppice_network_attach(struct coppice *c, const char *name, const char *what, struct err *e)
{
	struct coppice_network n;
	char network[16] = "";
	const struct coppice_info *i;
	int r = fake_enter(c, "network-attach", name, &i, e);

	fake_said("network-attach %s %s", name, what);
	(void)snprintf(network, sizeof(network), "%.*s", (int)strcspn(what, " "), what);
	return r < 0 ? r : find_network(network, &n, e);
}

int coppice_network_detach(struct coppice *c, const char *name, const char *nic, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "network-detach", name, &i, e);

	fake_said("network-detach %s %s", name, nic);
	return r == 0 && strcmp(nic, "eth9") == 0 ? err_set(e, ERR_MISSING, ENOENT, "it has no interface '%s'", nic) : r;
}

int coppice_network_bridge_host(struct coppice *c, const char *device, const char *bridge, unsigned confirm_s, char **ret_lines, struct err *e)
{
	int r = fake_fails("bridge-host", device, e);

	(void)c;
	fake_said("bridge-host %s %s confirm=%u", device, bridge, confirm_s);
	if (r < 0)
		return r;
	*ret_lines = strdup("# /etc/network/interfaces\nauto br0\n");
	return *ret_lines ? 0 : err_sys(e, ENOMEM, "bridge-host");
}

int coppice_network_confirm(struct coppice *c, const char *bridge, struct err *e)
{
	(void)c;
	fake_said("confirm %s", bridge);
	return fake_fails("confirm", bridge, e);
}

int coppice_port_add(struct coppice *c, const char *name, const char *what, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "port-add", name, &i, e);

	fake_said("port-add %s %s", name, what);
	return r;
}

int coppice_port_remove(struct coppice *c, const char *name, const char *what, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "port-remove", name, &i, e);

	fake_said("port-remove %s %s", name, what);
	return r;
}

int coppice_port_list(struct coppice *c, const char *name, struct coppice_port **ret, size_t *ret_count, struct err *e)
{
	static const struct coppice_port all[] = {
		{"web1", "", "tcp", 8080, 80, 1, true},
		{"web1", "127.0.0.1", "udp", 5300, 53, 10, true},
		{"old", "fd00::1", "tcp", 22, 22, 1, false},
	};
	const struct coppice_info *i;
	size_t count = 0;
	int r = fake_fails("port-list", name, e);

	if (r == 0 && name)
		r = fake_enter(c, "port-list", name, &i, e);
	if (r < 0)
		return r;
	*ret = calloc(ARRAY_LEN(all), sizeof(all[0]));
	if (!*ret)
		return err_sys(e, ENOMEM, "list");
	for (size_t k = 0; !fake_set_is("empty") && k < ARRAY_LEN(all); k++)
		if (!name || strcmp(name, all[k].container) == 0)
			(*ret)[count++] = all[k];
	*ret_count = count;
	return 0;
}
