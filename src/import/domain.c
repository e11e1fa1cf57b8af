/* domain.c - each element of a domain has a row: where it goes, or that it needs no counterpart. What has no row is told, so that nothing is lost in silence. */
#include "import/domain.h"

#include "base/parse.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct out *o;
	unsigned nics, ttys;
	bool root, privnet, idmap;
	uint64_t memory;
};

/* ---- the tree ---- */

/* Text of a node's attribute, or of the node (@name NULL), blanks around it removed; "" when absent. Into @out. */
static const char *text_of(const xmlNode *node, const char *name, char *out, size_t size)
{
	xmlChar *value = !node ? NULL : name ? xmlGetNoNsProp(node, (const xmlChar *)name) : xmlNodeGetContent(node);
	const char *at = value ? (const char *)value : "";
	size_t len;

	at += strspn(at, " \t\r\n");
	len = strlen(at);
	while (len && strchr(" \t\r\n", at[len - 1]))
		len--;
	(void)snprintf(out, size, "%.*s", (int)len, at);
	xmlFree(value);
	return out;
}

/* Lives as long as the block it stands in. */
#define ATTR(node, name) text_of((node), (name), (char[512]){0}, 512)
#define TEXT(node) ATTR((node), NULL)

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static xmlNode *child(const xmlNode *node, const char *name)
{
	for (xmlNode *n = node ? node->children : NULL; n; n = n->next)
		if (is(n, name))
			return n;
	return NULL;
}

struct row {
	const char *name;
	void (*read)(struct reading *r, xmlNode *node); /* NULL: means nothing here, and nothing is lost */
};

static void each(struct reading *r, const xmlNode *node, const struct row *rows, size_t count)
{
	for (xmlNode *n = node->children; n; n = n->next) {
		size_t i = 0;

		if (n->type != XML_ELEMENT_NODE)
			continue;
		while (i < count && strcmp((const char *)n->name, rows[i].name) != 0)
			i++;
		if (i == count)
			out_note(r->o, "<%s> in <%s> was not understood and is left out", (const char *)n->name, (const char *)node->name);
		else if (rows[i].read)
			rows[i].read(r, n);
	}
}

/* ---- values ---- */

static bool number(const char *text, uint64_t *ret)
{
	return parse_u64(text, ret) == 0;
}

/* libvirt's sizes are KiB unless a unit says otherwise; K, M, G are powers of 1024, KB, MB, GB of 1000. */
static bool bytes_of(const xmlNode *node, const char *amount, const char *unit, const char *otherwise, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t factor;
	} units[] = {{"b", 1}, {"bytes", 1}, {"KB", 1000}, {"k", 1024}, {"K", 1024}, {"KiB", 1024}, {"MB", 1000000}, {"M", 1 << 20}, {"MiB", 1 << 20}, {"GB", 1000000000}, {"G", 1 << 30},
		     {"GiB", 1 << 30}, {"TB", UINT64_C(1000000000000)}, {"T", UINT64_C(1) << 40}, {"TiB", UINT64_C(1) << 40}};
	const char *u = ATTR(node, unit);
	uint64_t n;

	if (!*u)
		u = otherwise;
	if (!number(ATTR(node, amount), &n))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(units[i].name, u) == 0)
			return !__builtin_mul_overflow(n, units[i].factor, ret);
	return false;
}

static void bad(struct reading *r, const xmlNode *node)
{
	out_note(r->o, "<%s>: '%s' is no value that can be used; it is left out", (const char *)node->name, TEXT(node));
}

/* A word of the config's own splitting. */
static void quote(struct buf *b, const char *word)
{
	buf_puts(b, b->len ? " \"" : "\"");
	for (const char *p = word; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_putc(b, '\\');
		buf_putc(b, *p);
	}
	buf_putc(b, '"');
}

#define PATH_LONGEST 1000

static bool plain_path(const char *path)
{
	if (path[0] != '/' || strlen(path) > PATH_LONGEST || strstr(path, "/../"))
		return false;
	for (; *path; path++)
		if ((unsigned char)*path < 0x20 || *path == 0x7f)
			return false;
	return true;
}

/* A path as a field of fstab(5), where blanks part fields. */
static const char *field(const char *path, char ret[4 * PATH_LONGEST + 1])
{
	size_t n = 0;

	for (; *path; path++) {
		if (*path == ' ' || *path == '\\')
			n += (size_t)snprintf(ret + n, 5, "\\%03o", (unsigned)*path);
		else
			ret[n++] = *path;
	}
	ret[n] = '\0';
	return ret;
}

/* ---- names and limits ---- */

static void take_name(struct reading *r, xmlNode *node)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s", TEXT(node));
	for (char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *p))
			*p = '-';
	if (strcmp(name, TEXT(node)) != 0)
		out_note(r->o, "the name '%s' became '%s'", TEXT(node), name);
	out_line(r->o, 'N', "%s", name);
}

static void take_comment(struct reading *r, xmlNode *node)
{
	out_comment(r->o, "%s", TEXT(node));
}

static void take_memory(struct reading *r, xmlNode *node)
{
	if (bytes_of(node, NULL, "unit", "KiB", &r->memory) && r->memory)
		out_key(r->o, "coppice.memory", "%llu", (unsigned long long)r->memory);
	else
		bad(r, node);
}

static void take_vcpu(struct reading *r, xmlNode *node)
{
	const char *set = ATTR(node, "cpuset");
	uint64_t n;

	if (number(TEXT(node), &n) && n >= 1 && n <= 4096)
		out_key(r->o, "coppice.cpus", "%llu", (unsigned long long)n);
	else
		bad(r, node);
	if (*set && !strchr(set, '^'))
		out_key(r->o, "coppice.cpuset", "%s", set);
	else if (*set)
		out_note(r->o, "<vcpu>: the set of processors '%s' has exclusions; it is left out", set);
}

static void take_memtune(struct reading *r, xmlNode *node)
{
	static const struct {
		const char *name, *key;
	} limits[] = {{"hard_limit", "lxc.cgroup.memory.limit_in_bytes"}, {"soft_limit", "lxc.cgroup.memory.soft_limit_in_bytes"}, {"swap_hard_limit", "lxc.cgroup.memory.memsw.limit_in_bytes"}};

	for (xmlNode *n = node->children; n; n = n->next) {
		bool found = n->type != XML_ELEMENT_NODE;
		uint64_t bytes;

		for (size_t i = 0; !found && i < ARRAY_LEN(limits); i++) {
			found = is(n, limits[i].name);
			if (found && bytes_of(n, NULL, "unit", "KiB", &bytes))
				out_key(r->o, limits[i].key, "%llu", (unsigned long long)bytes);
			else if (found)
				bad(r, n);
		}
		if (!found)
			out_note(r->o, "<%s> in <memtune> was not understood and is left out", (const char *)n->name);
	}
}

/* One number of a known element into one key. */
static void numbers(struct reading *r, const xmlNode *node, const char *const (*map)[2], size_t count)
{
	for (xmlNode *n = node->children; n; n = n->next) {
		bool found = n->type != XML_ELEMENT_NODE;
		uint64_t v;

		for (size_t i = 0; !found && i < count; i++) {
			found = is(n, map[i][0]);
			if (found && number(TEXT(n), &v))
				out_key(r->o, map[i][1], "%llu", (unsigned long long)v);
			else if (found)
				bad(r, n);
		}
		if (!found)
			out_note(r->o, "<%s> in <%s> was not understood and is left out", (const char *)n->name, (const char *)node->name);
	}
}

static void take_cputune(struct reading *r, xmlNode *node)
{
	static const char *const map[][2] = {{"shares", "lxc.cgroup.cpu.shares"}, {"period", "lxc.cgroup.cpu.cfs_period_us"}, {"quota", "lxc.cgroup.cpu.cfs_quota_us"}};

	numbers(r, node, map, ARRAY_LEN(map));
}

static void take_blkiotune(struct reading *r, xmlNode *node)
{
	static const char *const map[][2] = {{"weight", "lxc.cgroup.blkio.weight"}};

	numbers(r, node, map, ARRAY_LEN(map));
}

/* ---- what runs ---- */

static void take_os(struct reading *r, xmlNode *node)
{
	struct buf init = BUF_INIT;

	for (xmlNode *n = node->children; n; n = n->next) {
		if (is(n, "type")) {
			if (*ATTR(n, "arch"))
				out_key(r->o, "lxc.arch", "%s", ATTR(n, "arch"));
		} else if (is(n, "init")) {
			buf_puts(&init, TEXT(n));
		} else if (is(n, "initarg")) {
			quote(&init, TEXT(n));
		} else if (is(n, "initenv")) {
			out_key(r->o, "lxc.environment", "%s=%s", ATTR(n, "name"), TEXT(n));
		} else if (is(n, "initdir")) {
			out_key(r->o, "lxc.init.cwd", "%s", TEXT(n));
		} else if (is(n, "inituser") || is(n, "initgroup")) {
			uint64_t id;

			if (number(TEXT(n), &id))
				out_key(r->o, is(n, "inituser") ? "lxc.init.uid" : "lxc.init.gid", "%llu", (unsigned long long)id);
			else
				out_note(r->o, "<%s>: '%s' is a name, which only the container's own files could tell; give its number as lxc.init.%s", (const char *)n->name, TEXT(n),
					 is(n, "inituser") ? "uid" : "gid");
		} else if (n->type == XML_ELEMENT_NODE) {
			out_note(r->o, "<%s> in <os> was not understood and is left out", (const char *)n->name);
		}
	}
	if (init.len)
		out_key(r->o, "lxc.init.cmd", "%s", buf_str(&init));
	buf_done(&init);
}

static void take_idmap(struct reading *r, xmlNode *node)
{
	for (xmlNode *n = node->children; n; n = n->next) {
		uint64_t inside, host, count;

		if (!is(n, "uid") && !is(n, "gid"))
			continue;
		if (!number(ATTR(n, "start"), &inside) || !number(ATTR(n, "target"), &host) || !number(ATTR(n, "count"), &count)) {
			bad(r, n);
			continue;
		}
		out_key(r->o, "lxc.idmap", "%c %llu %llu %llu", n->name[0], (unsigned long long)inside, (unsigned long long)host, (unsigned long long)count);
		r->idmap = true;
	}
}

/* policy deny: nothing but what is on; allow: all but what is off; default: the usual, changed by each. */
static void take_capabilities(struct reading *r, const xmlNode *node)
{
	const char *policy = ATTR(node, "policy");
	bool deny = strcmp(policy, "deny") == 0;
	struct buf list = BUF_INIT;

	for (xmlNode *n = node->children; n; n = n->next) {
		bool on;

		if (n->type != XML_ELEMENT_NODE)
			continue;
		on = strcmp(ATTR(n, "state"), "on") == 0;
		if (on == deny)
			buf_printf(&list, "%s%s", list.len ? " " : "", (const char *)n->name);
		else if (on && strcmp(policy, "allow") != 0)
			out_note(r->o, "capability '%s' is on beyond the usual ones: lxc.cap.keep would have to name all that stay", (const char *)n->name);
	}
	if (deny)
		out_key(r->o, "lxc.cap.keep", "%s", list.len ? buf_str(&list) : "none");
	else if (list.len)
		out_key(r->o, "lxc.cap.drop", "%s", buf_str(&list));
	buf_done(&list);
}

static void take_features(struct reading *r, xmlNode *node)
{
	for (xmlNode *n = node->children; n; n = n->next) {
		if (is(n, "privnet"))
			r->privnet = true;
		else if (is(n, "capabilities"))
			take_capabilities(r, n);
		else if (n->type == XML_ELEMENT_NODE && !is(n, "acpi") && !is(n, "apic") && !is(n, "pae"))
			out_note(r->o, "feature <%s> was not understood and is left out", (const char *)n->name);
	}
}

static void take_on_crash(struct reading *r, xmlNode *node)
{
	if (strcmp(TEXT(node), "restart") == 0)
		out_key(r->o, "coppice.restart", "on-failure");
}

static void take_seclabel(struct reading *r, xmlNode *node)
{
	if (strcmp(ATTR(node, "type"), "none") != 0)
		out_note(r->o, "<seclabel>: security labels are chosen here; it is left out");
}

static void take_partition(struct reading *r, xmlNode *node)
{
	out_note(r->o, "<resource>: control groups are placed here; partition '%s' is left out", TEXT(child(node, "partition") ?: node));
}

/* ---- file systems ---- */

static void take_root(struct reading *r, xmlNode *node, const char *type, const char *source)
{
	if (strcmp(type, "file") == 0)
		out_key(r->o, "lxc.rootfs.path", "loop:%s", source);
	else
		out_key(r->o, "lxc.rootfs.path", "%s%s", strcmp(type, "block") == 0 ? "lvm:" : "dir:", source);
	if (child(node, "readonly"))
		out_key(r->o, "lxc.rootfs.options", "ro");
	/* the tree was there before and is not ours to remove */
	out_key(r->o, "lxc.rootfs.managed", "0");
	r->root = true;
}

static void take_ram(struct reading *r, xmlNode *node, const char *target)
{
	const xmlNode *source = child(node, "source");
	uint64_t bytes;

	char to[4 * PATH_LONGEST + 1];

	if (bytes_of(source, "usage", "units", "KiB", &bytes))
		out_key(r->o, "lxc.mount.entry", "tmpfs %s tmpfs size=%llu,create=dir 0 0", field(target + 1, to), (unsigned long long)bytes);
	else
		out_note(r->o, "<filesystem> of type ram on '%s' without a size is left out", target);
}

static void take_filesystem(struct reading *r, xmlNode *node)
{
	const char *type = ATTR(node, "type"), *target = ATTR(child(node, "target"), "dir");
	const xmlNode *from = child(node, "source");
	const char *dir = ATTR(from, "dir"), *file = ATTR(from, "file"), *device = ATTR(from, "dev"), *source = *dir ? dir : *file ? file : device;

	char at[4 * PATH_LONGEST + 1], to[4 * PATH_LONGEST + 1];

	if (!*type)
		type = "mount";
	if (!plain_path(target) || (strcmp(type, "ram") != 0 && !plain_path(source))) {
		out_note(r->o, "<filesystem>: '%s' on '%s' are no plain paths; it is left out", source, target);
		return;
	}
	if (child(node, "space_hard_limit") || child(node, "space_soft_limit"))
		out_note(r->o, "<filesystem>: the space limit on '%s' is left out", target);
	if (strcmp(type, "ram") == 0)
		take_ram(r, node, target);
	else if (strcmp(target, "/") == 0 && (strcmp(type, "mount") == 0 || strcmp(type, "file") == 0 || strcmp(type, "block") == 0))
		take_root(r, node, type, source);
	else if (strcmp(type, "mount") == 0 || strcmp(type, "bind") == 0)
		out_key(r->o, "lxc.mount.entry", "%s %s none bind%s,create=dir 0 0", field(source + (strcmp(type, "bind") == 0), at), field(target + 1, to),
			strcmp(type, "bind") == 0 ? (child(node, "readonly") ? ",relative,ro" : ",relative") : child(node, "readonly") ? ",ro" : "");
	else
		out_note(r->o, "<filesystem> of type '%s' on '%s' has no counterpart and is left out", type, target);
}

/* ---- interfaces ---- */

static void nic_key(struct reading *r, const char *key, const char *value)
{
	char whole[64];

	(void)snprintf(whole, sizeof(whole), "lxc.net.%u.%s", r->nics, key);
	if (*value)
		out_key(r->o, whole, "%s", value);
}

static void take_addresses(struct reading *r, const xmlNode *node)
{
	for (xmlNode *n = node->children; n; n = n->next) {
		const char *address = is(n, "ip") ? ATTR(n, "address") : is(n, "route") ? ATTR(n, "gateway") : "";
		bool six = strchr(address, ':') != NULL;
		char text[128];

		if (!*address)
			continue;
		(void)snprintf(text, sizeof(text), "%s/%s", address, *ATTR(n, "prefix") ? ATTR(n, "prefix") : six ? "64" : "24");
		if (is(n, "ip"))
			nic_key(r, six ? "ipv6.address" : "ipv4.address", text);
		else
			nic_key(r, six ? "ipv6.gateway" : "ipv4.gateway", address);
	}
}

/* A managed network is one line of its own. libvirt's is not ours: a name that means the same is only likely for the default one. */
static void take_network(struct reading *r, const xmlNode *node, const char *network)
{
	const char *mac = ATTR(child(node, "mac"), "address"), *name = ATTR(child(node, "guest"), "dev");
	bool usual = strcmp(network, "default") == 0;

	out_key(r->o, "coppice.network", "%s%s%s%s%s", usual ? "coppice0" : network, *mac ? " mac=" : "", mac, *name ? " name=" : "", name);
	if (usual)
		out_note(r->o, "<interface>: libvirt's network 'default' became the managed network 'coppice0'");
	else
		out_note(r->o, "<interface>: there must be a managed network '%s': coppice network create %s", network, network);
	if (child(node, "ip"))
		out_note(r->o, "<interface>: addresses on a managed network are handed out by it; <ip> is left out");
}

static void take_interface(struct reading *r, xmlNode *node)
{
	const char *type = ATTR(node, "type");
	const xmlNode *source = child(node, "source");

	if (child(node, "bandwidth"))
		out_note(r->o, "<interface>: <bandwidth> is left out; a managed network has in= and out=");
	if (strcmp(type, "network") == 0) {
		take_network(r, node, ATTR(source, "network"));
		return;
	}
	if (strcmp(type, "bridge") == 0) {
		nic_key(r, "type", "veth");
		nic_key(r, "link", ATTR(source, "bridge"));
		nic_key(r, "veth.pair", strncmp(ATTR(child(node, "target"), "dev"), "vnet", 4) == 0 ? "" : ATTR(child(node, "target"), "dev"));
	} else if (strcmp(type, "direct") == 0) {
		nic_key(r, "type", "macvlan");
		nic_key(r, "link", ATTR(source, "dev"));
		nic_key(r, "macvlan.mode", strcmp(ATTR(source, "mode"), "passthrough") == 0 ? "passthru" : ATTR(source, "mode"));
	} else {
		out_note(r->o, "<interface> of type '%s' has no counterpart and is left out", type);
		return;
	}
	nic_key(r, "name", ATTR(child(node, "guest"), "dev"));
	nic_key(r, "hwaddr", ATTR(child(node, "mac"), "address"));
	nic_key(r, "mtu", ATTR(child(node, "mtu"), "size"));
	if (strcmp(ATTR(child(node, "link"), "state"), "down") != 0)
		nic_key(r, "flags", "up");
	take_addresses(r, node);
	r->nics++;
}

/* ---- devices ---- */

static void take_hostdev(struct reading *r, xmlNode *node)
{
	const char *type = ATTR(node, "type"), *net = TEXT(child(child(node, "source"), "interface"));
	const char *path = *TEXT(child(child(node, "source"), "block")) ? TEXT(child(child(node, "source"), "block")) : TEXT(child(child(node, "source"), "char"));

	if (strcmp(ATTR(node, "mode"), "capabilities") != 0) {
		out_note(r->o, "<hostdev> of mode '%s' has no counterpart and is left out", ATTR(node, "mode"));
	} else if (strcmp(type, "net") == 0 && *net) {
		nic_key(r, "type", "phys");
		nic_key(r, "link", net);
		nic_key(r, "flags", "up");
		r->nics++;
	} else if (plain_path(path) && !strpbrk(path, " \\")) {
		/* the numbers behind the node are this host's: it is bound, and has to be allowed by them */
		out_key(r->o, "lxc.mount.entry", "%s %s none bind,optional,create=file 0 0", path, path + 1);
		out_note(r->o, "<hostdev>: '%s' is bound into the container; allow it by its numbers: coppice.device = c MAJOR:MINOR rwm", path);
	} else {
		out_note(r->o, "<hostdev> of type '%s' was not understood and is left out", type);
	}
}

static void take_console(struct reading *r, xmlNode *node)
{
	if (strcmp(ATTR(node, "type"), "pty") != 0 && *ATTR(node, "type"))
		out_note(r->o, "<%s> of type '%s': consoles are terminals here", (const char *)node->name, ATTR(node, "type"));
	r->ttys++;
}

static void take_devices(struct reading *r, xmlNode *node)
{
	static const struct row rows[] = {{"emulator", NULL},	       {"filesystem", take_filesystem}, {"interface", take_interface}, {"console", take_console},
					  {"serial", take_console},    {"hostdev", take_hostdev},	 {"controller", NULL}};

	each(r, node, rows, ARRAY_LEN(rows));
}

/* ---- the domain ---- */

static int fail(struct out *o, const char *why)
{
	out_line(o, 'E', "%s", why);
	return -EINVAL;
}

static void finish(struct reading *r)
{
	if (!r->root)
		out_note(r->o, "no <filesystem> has the target '/': say a root, as lxc.rootfs.path or coppice.base");
	if (!r->nics && r->privnet)
		out_key(r->o, "lxc.net.0.type", "empty");
	/* the first is /dev/console */
	if (r->ttys > 1)
		out_key(r->o, "lxc.tty.max", "%u", r->ttys - 1);
	if (!r->idmap)
		out_note(r->o, "the domain has no <idmap>: its root was the host's; here it gets ids of its own (coppice.privileged = 1 keeps it as it was)");
}

static int read_domain(xmlNode *root, struct out *o)
{
	static const struct row rows[] = {
		{"name", take_name},	     {"uuid", NULL},		   {"genid", NULL},	       {"title", take_comment},	     {"description", take_comment}, {"memory", take_memory},
		{"currentMemory", NULL},     {"maxMemory", NULL},	   {"vcpu", take_vcpu},	       {"memtune", take_memtune},    {"cputune", take_cputune},	    {"blkiotune", take_blkiotune},
		{"resource", take_partition}, {"os", take_os},		   {"idmap", take_idmap},      {"features", take_features},  {"clock", NULL},		    {"on_poweroff", NULL},
		{"on_reboot", NULL},	     {"on_crash", take_on_crash}, {"devices", take_devices}, {"seclabel", take_seclabel}, {"metadata", NULL},
	};
	struct reading r = {.o = o};

	if (!root || !is(root, "domain"))
		return fail(o, "this is no description of a libvirt domain: its first element is not <domain>");
	if (strcmp(ATTR(root, "type"), "lxc") != 0)
		return fail(o, "the domain is of another type than lxc: it is no container");
	if (!child(root, "name"))
		return fail(o, "the domain has no <name>");
	each(&r, root, rows, ARRAY_LEN(rows));
	finish(&r);
	return 0;
}

int domain_read(const char *text, size_t len, struct out *o)
{
	xmlDoc *doc = xmlReadMemory(text, (int)len, "domain.xml", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	const xmlError *why = xmlGetLastError();
	int r;

	if (!doc) {
		const char *said = why && why->message ? why->message : "this is not XML";

		out_line(o, 'E', "line %d: %.*s", why ? why->line : 1, (int)strcspn(said, "\n"), said);
		return -EINVAL;
	}
	r = doc->intSubset ? fail(o, "a document type is not accepted here") : read_domain(xmlDocGetRootElement(doc), o);
	xmlFreeDoc(doc);
	xmlCleanupParser();
	return r;
}
