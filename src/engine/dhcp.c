/* dhcp.c - dnsmasq for a network whose guests ask by DHCP.
 *
 * It gives away nothing of its own: every lease of ours is a static host on its command line, so it keeps no state and reads no file, and
 * can run as nobody. It is ended and started anew when the leases change. RUNDIR/.networks/NAME/dnsmasq says which process it is, beyond
 * reuse of its pid, and a hash of what it was started with. */
#include "engine/network.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNSMASQ "/usr/sbin/dnsmasq"
#define START_MS 10000u
#define END_MS 5000u

struct running {
	struct proc_id id;
	uint64_t hash;
};

static int open_dir(const char *rundir, const char *network)
{
	char path[320];

	(void)snprintf(path, sizeof(path), "%s/.networks/%s", rundir, network);
	return fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* "PID START HASH". False when it is not running. */
static bool read_running(int dir, struct running *ret)
{
	char text[96], *save = NULL, *pid, *start, *hash;
	uint32_t number;

	*ret = (struct running){0};
	if (fd_read_file(dir, "dnsmasq", text, sizeof(text)) <= 0)
		return false;
	pid = strtok_r(text, " ", &save);
	start = strtok_r(NULL, " ", &save);
	hash = strtok_r(NULL, " ", &save);
	if (!pid || !start || !hash || parse_u32(pid, &number) < 0 || number > INT32_MAX || parse_u64(start, &ret->id.start_time) < 0 ||
	    parse_u64(hash, &ret->hash) < 0)
		return false;
	ret->id.pid = (int32_t)number;
	return proc_alive(&ret->id);
}

static void end(int dir, const struct running *run)
{
	autoclose int pidfd = proc_open(&run->id);

	if (pidfd >= 0 && proc_kill(pidfd, SIGTERM) == 0 && proc_wait_gone(pidfd, clock_deadline(END_MS)) == -ETIMEDOUT) {
		(void)!proc_kill(pidfd, SIGKILL);
		(void)!proc_wait_gone(pidfd, clock_deadline(END_MS));
	}
	(void)unlinkat(dir, "dnsmasq", 0);
	(void)unlinkat(dir, "dnsmasq.pid", 0);
}

void engine_dhcp_stop(const char *rundir, const char *network)
{
	autoclose int dir = open_dir(rundir, network);
	struct running run;

	if (dir >= 0 && read_running(dir, &run))
		end(dir, &run);
}

static uint64_t hash_of(const char *const *argv)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *argv; argv++) {
		for (const char *p = *argv; *p; p++)
			h = (h ^ (unsigned char)*p) * 0x100000001b3u;
		h = (h ^ 0xff) * 0x100000001b3u;
	}
	return h;
}

/* ---- its command line ---- */

struct words {
	struct arena *a;
	const char **list;
	size_t count;
	bool failed;
};

static void word(struct words *w, const char *fmt, ...) PRINTF(2, 3);

static void word(struct words *w, const char *fmt, ...)
{
	const char **slot = arena_push(w->a, &w->list, &w->count, sizeof(*w->list));
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (slot)
		*slot = arena_strdup(w->a, text);
	w->failed = w->failed || !slot || !*slot;
}

static void put_hosts(struct words *w, const struct network_lease *leases, size_t count)
{
	char mac[IP_MAC_TEXT], ipv4[IP_TEXT];

	for (size_t i = 0; i < count; i++)
		if (leases[i].ipv4.family) /* not its name: dnsmasq would drop a second interface that has the same one */
			word(w, "--dhcp-host=%s,%s", ip_format(&leases[i].ipv4, ipv4) ? ip_mac_format(leases[i].mac, mac) : "", ipv4);
}

static void put_dns(struct words *w, const struct network *net)
{
	autodone(buf_done) struct buf list = BUF_INIT;
	struct ip a;

	for (size_t i = 0; i < ARRAY_LEN(net->dns); i++)
		if (net->dns[i][0] && ip_parse(net->dns[i], &a) == 0 && a.family == AF_INET)
			buf_printf(&list, ",%s", net->dns[i]);
	if (list.len)
		word(w, "--dhcp-option=option:dns-server%s", buf_str(&list));
}

static void put_words(struct words *w, const struct network *net, const char *rundir, const struct network_lease *leases, size_t count)
{
	char gateway[IP_TEXT], first[IP_TEXT];
	struct ip start = ip_network(&net->ipv4), mask = {.family = AF_INET, .prefix = 32};
	char text[IP_TEXT];

	for (unsigned i = 0; i < net->ipv4.prefix; i++)
		mask.bytes[i / 8] = (uint8_t)(mask.bytes[i / 8] | 0x80u >> i % 8);
	(void)ip_format(&net->ipv4, gateway);
	word(w, DNSMASQ);
	word(w, "--conf-file=/dev/null");
	word(w, "--port=0"); /* names are in the hosts file */
	word(w, "--bind-interfaces");
	word(w, "--interface=%s", net->bridge);
	word(w, "--except-interface=lo");
	word(w, "--user=nobody");
	word(w, "--leasefile-ro");
	word(w, "--no-ping");
	word(w, "--dhcp-authoritative");
	word(w, "--dhcp-range=%s,static,%s,1h", ip_format(&start, first), ip_format(&mask, text));
	if (!net->internal)
		word(w, "--dhcp-option=option:router,%s", gateway);
	else
		word(w, "--dhcp-option=option:router"); /* empty: none */
	put_dns(w, net);
	if (net->mtu)
		word(w, "--dhcp-option=option:mtu,%u", net->mtu);
	if (net->domain[0])
		word(w, "--domain=%s", net->domain);
	word(w, "--pid-file=%s/.networks/%s/dnsmasq.pid", rundir, net->name);
	put_hosts(w, leases, count);
}

/* ---- starting ---- */

static int remember(int dir, uint64_t hash)
{
	char text[96];
	struct proc_id id;
	uint32_t pid;
	int r = (int)fd_read_file(dir, "dnsmasq.pid", text, sizeof(text));

	if (r < 0)
		return r;
	r = parse_u32(text, &pid) < 0 || pid > INT32_MAX ? -EBADMSG : proc_identify((pid_t)pid, &id);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%d %llu %llu\n", id.pid, (unsigned long long)id.start_time, (unsigned long long)hash);
	return path_swap_file(dir, "dnsmasq", text, strlen(text), 0600);
}

/* It puts itself into the background when its sockets are open, so that its exit status says whether it works. */
static int launch(int dir, const struct network *net, const char *const *argv, struct err *e)
{
	autodone(buf_done) struct buf log = BUF_INIT;
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .log = &log, .deadline = clock_deadline(START_MS)};
	int status = 0, r = proc_run(&run, &status);

	if (r == -ENOENT) {
		(void)err_set(e, ERR_UNSUPPORTED, ENOENT, "network '%s' has dhcp = yes, and dnsmasq is not installed", net->name);
		return err_hint(e, "apt-get install dnsmasq-base");
	}
	if (r < 0)
		return err_sys(e, r, "run '%s'", DNSMASQ);
	if (status != 0)
		return err_set(e, ERR_SYSTEM, EIO, "dnsmasq for network '%s' ended with status %d: %.*s", net->name, status,
			       (int)strcspn(buf_str(&log), "\n"), buf_str(&log));
	r = remember(dir, hash_of(argv));
	return r < 0 ? err_sys(e, r, "find dnsmasq of network '%s'", net->name) : 0;
}

int engine_dhcp_sync(struct coppice *c, const struct networks *n, const struct network *net, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct network_lease *leases = NULL;
	struct words w = {.a = &a};
	autoclose int dir = FD_NONE;
	struct running run;
	size_t count = 0;
	char path[320];
	int r;

	if (!net->dhcp) {
		engine_dhcp_stop(c->rundir, net->name);
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%s/.networks/%s", c->rundir, net->name);
	r = path_mkdirs(path, 0700);
	dir = r < 0 ? r : open_dir(c->rundir, net->name);
	if (dir < 0)
		return err_sys(e, dir, "open '%s'", path);
	r = network_leases(n, net->name, &a, &leases, &count, e);
	if (r < 0)
		return r;
	put_words(&w, net, c->rundir, leases, count);
	if (w.failed || !arena_push(&a, &w.list, &w.count, sizeof(*w.list))) /* the NULL at the end */
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (read_running(dir, &run)) {
		if (run.hash == hash_of(w.list))
			return 0;
		end(dir, &run);
	}
	engine_trace(c, "start dnsmasq for network '%s'", net->name);
	return launch(dir, net, w.list, e);
}
