/* net-fixture.h - two network namespaces of the test's own, one in the part of the host and one in the part of a container, and jobs between them. */
#pragma once

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "net/inet.h"
#include "net/job.h"
#include "net/link.h"
#include "unit/test.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
	int host, inside;   /* namespaces */
	struct plan plan;
	struct err e;
};

static struct world world = {.host = FD_NONE, .inside = FD_NONE};

static inline void be_in(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

static inline int new_ns(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = fd_open(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
	assert_true(fd >= 0);
	return fd;
}

/* Once a program: root of a user namespace of our own unless we are root. Exit 77 when this kernel or host does not let us. */
static inline void world_enter(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	char map[64];

	if (uid != 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
			(void)printf("1..0 # SKIP no user namespaces for this user: %s\n", strerror(errno));
			exit(77);
		}
		(void)!fd_write_file(AT_FDCWD, "/proc/self/setgroups", "deny");
		(void)snprintf(map, sizeof(map), "0 %u 1", uid);
		assert_int_equal(fd_write_file(AT_FDCWD, "/proc/self/uid_map", map), 0);
		(void)snprintf(map, sizeof(map), "0 %u 1", gid);
		assert_int_equal(fd_write_file(AT_FDCWD, "/proc/self/gid_map", map), 0);
	} else if (unshare(CLONE_NEWNET) < 0) {
		(void)printf("1..0 # SKIP no network namespaces: %s\n", strerror(errno));
		exit(77);
	}
}

static inline int world_setup(void **state)
{
	(void)state;
	world.inside = new_ns();
	world.host = new_ns();
	return 0;
}

static inline int world_teardown(void **state)
{
	(void)state;
	be_in(world.host);
	fd_close(&world.inside);
	fd_close(&world.host);
	plan_done(&world.plan);
	return 0;
}

/* ---- plans ---- */

static inline void fresh(void)
{
	plan_done(&world.plan);
}

static inline struct step *step(enum step_kind kind, const char *a, const char *b, const char *c, const char *d)
{
	struct step *st = plan_add(&world.plan, kind);

	assert_non_null(st);
	st->text[0] = a;
	st->text[1] = b;
	st->text[2] = c;
	st->text[3] = d;
	return st;
}

static inline void nic(const char *type, const char *name, const char *link, const char *peer, uint32_t mtu, uint32_t flags, uint64_t mode)
{
	struct step *st = step(STEP_NIC, type, name, link, peer);

	st->number[1] = mtu;
	st->number[2] = flags;
	st->number[3] = mode;
}

static inline void bridge(const char *name, const char *ipv4, const char *ipv6, const char *mac, uint32_t mtu, uint32_t flags)
{
	struct step *st = step(STEP_BRIDGE, name, ipv4, ipv6, mac);

	st->number[0] = mtu;
	st->number[1] = flags;
}

static inline void port(const char *bind, const char *target, const char *protocol, unsigned host, unsigned to, unsigned count)
{
	struct step *st = step(STEP_PORT, bind, target, protocol, NULL);

	st->number[0] = host;
	st->number[1] = to;
	st->number[2] = count;
}

/* Runs the plan; world.e has the error. */
static inline int run_job(bool undo, int netns)
{
	struct job j;
	int r;

	err_clear(&world.e);
	r = job_init(&j, &world.plan, netns, &world.e);
	if (r < 0)
		return r;
	r = undo ? job_undo(&j, &world.e) : job_apply(&j, &world.e);
	job_done(&j);
	be_in(world.host);
	return r;
}

static inline void applies(void)
{
	if (run_job(false, world.inside) < 0)
		fail_msg("step %u: %s", world.e.step, world.e.why);
	assert_int_equal(world.e.code, 0);
}

static inline void undoes(void)
{
	if (run_job(true, world.inside) < 0)
		fail_msg("undo of step %u: %s", world.e.step, world.e.why);
}

/* The job fails at @step for that reason. */
static inline void refuses(enum err_kind kind, uint32_t at, const char *why)
{
	assert_true(run_job(false, world.inside) < 0);
	if (world.e.kind != kind || world.e.step != at || !strstr(world.e.why, why))
		fail_msg("step %u, %s: %s", world.e.step, err_kind_name(world.e.kind), world.e.why);
	assert_int_equal(world.e.what[0], 0);
}

/* ---- what is there ---- */

static inline void open_route(struct nl *nl)
{
	struct err e;

	if (nl_open(nl, NETLINK_ROUTE, &e) < 0)
		fail_msg("%s", e.why);
}

/* The interface @name in namespace @ns. */
static inline bool find_link(int ns, const char *name, struct link *ret)
{
	struct nl nl;
	int r;

	be_in(ns);
	open_route(&nl);
	r = link_get(&nl, name, ret, NULL);
	nl_close(&nl);
	be_in(world.host);
	return r == 0;
}

static inline bool exists(int ns, const char *name)
{
	struct link l;

	return find_link(ns, name, &l);
}

static inline void print_link(const struct link *l, void *user)
{
	buf_printf(user, "%s kind=%s flags=%x mtu=%u mac=%02x:%02x:%02x:%02x:%02x:%02x\n", l->name, l->kind, l->flags & ~(0x10000u | IFF_RUNNING), l->mtu, l->mac[0], l->mac[1], l->mac[2], l->mac[3],
		   l->mac[4], l->mac[5]);
}

/* The lines of @text in order, to be freed; those that begin with @without are left out. */
static inline char *sorted(char *text, const char *without)
{
	struct buf b = BUF_INIT;
	char *lines[256], *save = NULL;
	size_t n = 0;

	for (char *line = strtok_r(text, "\n", &save); line && n < ARRAY_LEN(lines); line = strtok_r(NULL, "\n", &save)) {
		size_t at;

		if (*without && strncmp(line, without, strlen(without)) == 0)
			continue;
		at = n++;
		while (at && strcmp(lines[at - 1], line) > 0) {
			lines[at] = lines[at - 1];
			at--;
		}
		lines[at] = line;
	}
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s\n", lines[i]);
	return buf_take(&b);
}

/* All interfaces of @ns as text, sorted, to be freed. Whether a bridge has a carrier is left out: it lags behind. */
static inline char *snapshot(int ns)
{
	struct buf b = BUF_INIT;
	struct nl nl;

	be_in(ns);
	open_route(&nl);
	assert_int_equal(link_each(&nl, print_link, &b, NULL), 0);
	nl_close(&nl);
	be_in(world.host);
	{
		autofree char *text = buf_take(&b);

		return sorted(text, "");
	}
}

/* Output of a program in @ns, to be freed. Only tests use these programs. */
static inline char *output(int ns, const char *const *argv)
{
	struct buf out = BUF_INIT, log = BUF_INIT;
	int status = -1;
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .out = &out, .log = &log, .deadline = clock_deadline(20000)};

	be_in(ns);
	assert_int_equal(proc_run(&run, &status), 0);
	be_in(world.host);
	if (status)
		fail_msg("%s %s: %s", argv[0], argv[1], buf_str(&log));
	buf_done(&log);
	buf_putc(&out, '\n');
	return buf_take(&out);
}

static inline const char *tool(const char *name)
{
	static const char *const all[] = {"/usr/sbin/ip", "/sbin/ip", "/usr/sbin/nft", "/sbin/nft", "/usr/sbin/tc", "/sbin/tc", "/usr/sbin/bridge", "/sbin/bridge"};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strcmp(strrchr(all[i], '/') + 1, name) == 0 && access(all[i], X_OK) == 0)
			return all[i];
	(void)printf("# SKIP %s is not installed\n", name);
	skip();
	return NULL;
}

/* What "NAME WORDS..." prints in @ns, to be freed. */
static inline char *said_by(int ns, const char *name, const char *words)
{
	char copy[256], *save = NULL;
	const char *argv[24] = {tool(name)};
	size_t n = 1;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w && n < 23; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	return output(ns, argv);
}

static inline bool shows(int ns, const char *name, const char *words, const char *want)
{
	autofree char *said = said_by(ns, name, words);
	const char *text = said ?: "";

	if (!strstr(text, want))
		(void)printf("# %s %s does not show '%s':\n%s", name, words, want, text);
	return strstr(text, want) != NULL;
}

static inline bool lacks(int ns, const char *name, const char *words, const char *what)
{
	autofree char *said = said_by(ns, name, words);
	const char *text = said ?: "";

	if (strstr(text, what))
		(void)printf("# %s %s shows '%s':\n%s", name, words, what, text);
	return strstr(text, what) == NULL;
}

/* Runs "NAME WORDS..." in @ns; it must work. */
static inline void does(int ns, const char *name, const char *words)
{
	assert_true(shows(ns, name, words, ""));
}

static inline void skip_because(const char *why)
{
	(void)printf("# SKIP %s\n", why);
	skip();
}
