/* cmd-unshare.c - lxc-unshare: a program in new namespaces, without a container. */
#include "base/parse.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define INTERFACES_MAX 32

enum { OPT_NAMESPACES = 's', OPT_USER = 'u', OPT_HOST = 'H', OPT_INTERFACE = 'i', OPT_DAEMON = 'd', OPT_REMOUNT = 'M' };

static const struct lxc_opt opts[] = {
	{OPT_NAMESPACES, "namespaces", "LIST", "MOUNT, PID, UTSNAME, IPC, USER, NETWORK, CGROUP, TIME, with | between them", NULL},
	{OPT_USER, "user", "ID", "user to be in the new user namespace", NULL},
	{OPT_HOST, "hostname", "NAME", "host name, with UTSNAME", NULL},
	{OPT_INTERFACE, "ifname", "NAME", "interface to move there, with NETWORK; again for more", NULL},
	{OPT_DAEMON, "daemon", NULL, "do not wait for its end", NULL},
	{OPT_REMOUNT, "remount", NULL, "/proc, /dev/shm and /dev/mqueue of its own, with MOUNT", NULL},
};

struct data {
	struct coppice_unshare o;
	bool user;
	const char *interfaces[INTERFACES_MAX + 1];
	size_t interface_count;
};

static int parse_namespaces(const char *value, unsigned *ret, struct err *e)
{
	static const struct {
		const char *name;
		unsigned flag;
	} names[] = {{"MOUNT", COPPICE_NS_MOUNT}, {"MNT", COPPICE_NS_MOUNT},   {"PID", COPPICE_NS_PID},	  {"UTSNAME", COPPICE_NS_UTS},	 {"UTS", COPPICE_NS_UTS},  {"IPC", COPPICE_NS_IPC},
		     {"USER", COPPICE_NS_USER},	  {"NETWORK", COPPICE_NS_NET}, {"NET", COPPICE_NS_NET}, {"CGROUP", COPPICE_NS_CGROUP}, {"TIME", COPPICE_NS_TIME}};

	for (const char *at = value; *at;) {
		size_t len = strcspn(at, "|, "), i = 0;

		while (len && i < ARRAY_LEN(names) && !(strlen(names[i].name) == len && strncasecmp(names[i].name, at, len) == 0))
			i++;
		if (len && i == ARRAY_LEN(names))
			return lxc_usage(e, "-s: '%.*s' is none of MOUNT, PID, UTSNAME, IPC, USER, NETWORK, CGROUP, TIME", (int)len, at);
		*ret |= len ? names[i].flag : 0;
		at += len + (at[len] != '\0');
	}
	return 0;
}

static int parse_user(const char *value, int64_t *ret, struct err *e)
{
	const struct passwd *pw = NULL;
	FILE *passwd;
	uint32_t id;

	if (parse_u32(value, &id) == 0) {
		*ret = id;
		return 0;
	}
	passwd = fopen("/etc/passwd", "re"); /* the file itself: a static program has no name services */
	while (passwd && (pw = fgetpwent(passwd)))
		if (strcmp(pw->pw_name, value) == 0)
			break;
	*ret = passwd && pw ? (int64_t)pw->pw_uid : -1;
	if (passwd)
		(void)fclose(passwd);
	return *ret < 0 ? lxc_usage(e, "-u: there is no user '%s'", value) : 0;
}

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case OPT_NAMESPACES:
		return parse_namespaces(value, &d->o.namespaces, e);
	case OPT_USER:
		d->user = true;
		return parse_user(value, &d->o.uid, e);
	case OPT_HOST:
		d->o.hostname = value;
		return 0;
	case OPT_INTERFACE:
		if (d->interface_count == INTERFACES_MAX)
			return lxc_usage(e, "more than %d -i", INTERFACES_MAX);
		d->interfaces[d->interface_count++] = value;
		return 0;
	default:
		d->o.leave |= id == OPT_DAEMON;
		d->o.remount |= id == OPT_REMOUNT;
		return 0;
	}
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	unsigned ns = d->o.namespaces;
	int status, r;

	if (!l->arg_count)
		return lxc_usage(e, "a command to run is missing");
	if (!ns)
		return lxc_usage(e, "-s with at least one namespace is missing");
	if (d->interface_count && !(ns & COPPICE_NS_NET))
		return lxc_usage(e, "-i needs -s NETWORK");
	if (d->o.hostname && !(ns & COPPICE_NS_UTS))
		return lxc_usage(e, "-H needs -s UTSNAME");
	if (d->o.remount && !(ns & COPPICE_NS_MOUNT))
		return lxc_usage(e, "-M needs -s MOUNT");
	if (!d->user)
		d->o.uid = -1;
	d->o.own_id = d->user && (ns & COPPICE_NS_USER);
	d->o.interfaces = d->interfaces;
	d->o.argv = (const char *const *)l->args;
	r = coppice_unshare(&d->o, &status, e);
	return lxc_inner_code(l, r, status, e);
}

const struct lxc_cmd lxc_cmd_unshare = {.program = "lxc-unshare",
					.about = "run a program in new namespaces",
					.synopsis = "-s LIST [-u ID] [-H NAME] [-i NAME] [-d] [-M] COMMAND",
					.name = LXC_NAME_NONE,
					.inner = true,
					.opts = opts,
					.opt_count = ARRAY_LEN(opts),
					.data_size = sizeof(struct data),
					.option = option,
					.exits = LXC_INNER_EXITS,
					.run = run};
