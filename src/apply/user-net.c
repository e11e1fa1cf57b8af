/* user-net.c - the network of a user without root: a program of his own stands between the container's network namespace and the host's
 * sockets.
 *
 * pasta(1) gives the container the host's own addresses; slirp4netns(1), where only that is installed, private ones. Both would outlive the
 * namespace they serve, so the record says which process it is, before anything else happens; whoever ends the container, or finds it
 * ended, ends it too. It runs in the user's namespace with his rights: what the container can reach is what he can. The host's own loopback
 * addresses are not reachable. */
#include "apply/user-net.h"

#include "apply/ops.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "linux/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 10000u
#define END_MS 5000u
#define PID_FILE "network.pid"
#define MAX_WORDS 256

struct words {
	struct arena arena;
	const char *word[MAX_WORDS];
	size_t count;
	bool full;
};

static void words_done(struct words *w)
{
	arena_done(&w->arena);
}

static void add(struct words *w, const char *word)
{
	if (!word || w->count + 1 >= MAX_WORDS)
		w->full = true;
	else
		w->word[w->count++] = word;
}

/* "127.0.0.1/8080-8081:80-81" */
static const char *port_word(struct arena *a, const struct step *st)
{
	const unsigned host = (unsigned)st->number[0], to = (unsigned)st->number[1], more = (unsigned)st->number[2] - 1;
	const char *bind = st->text[0] ? st->text[0] : "", *slash = st->text[0] ? "/" : "";

	return more ? arena_printf(a, "%s%s%u-%u:%u-%u", bind, slash, host, host + more, to, to + more)
		    : arena_printf(a, "%s%s%u:%u", bind, slash, host, to);
}

static void add_ports(struct words *w, const struct plan *p, const char *protocol, const char *option)
{
	bool any = false;

	for (size_t i = 0; i < p->count; i++) {
		const struct step *st = &p->steps[i];

		if (st->kind != STEP_USER_PORT || strcmp(st->text[1], protocol) != 0)
			continue;
		add(w, option);
		add(w, port_word(&w->arena, st));
		any = true;
	}
	if (!any) {
		add(w, option);
		add(w, "none");
	}
}

static void add_words(struct apply *a, const struct step *st, const char *pid_file, struct words *w)
{
	static const char *const fixed[] = {"--config-net", "--quiet", "--no-map-gw", "--tcp-ns", "none", "--udp-ns", "none"};

	add(w, st->text[0]);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		add(w, fixed[i]);
	add(w, "--ns-ifname");
	add(w, st->text[1]);
	add(w, "--dns-forward");
	add(w, st->text[2]);
	add_ports(w, a->plan, "tcp", "--tcp-ports");
	add_ports(w, a->plan, "udp", "--udp-ports");
	add(w, "--pid");
	add(w, pid_file);
	add(w, "--netns-only");
	add(w, "--netns");
	add(w, "/proc/self/fd/0"); /* by its pid it could not: the child hides from whoever has fewer capabilities */
	w->word[w->count] = NULL;
}

int user_net_remember(struct apply *a, pid_t pid, struct err *e)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);
	int r = proc_identify(pid, &a->record.user_net);

	if (r == 0)
		r = record_write(a->state, who->text[0], &a->record);
	return r < 0 ? err_sys(e, r, "remember the program of the network") : 0;
}

static int remember_by_file(struct apply *a, const char *pid_file, struct err *e)
{
	char text[32];
	uint32_t pid = 0;
	int r = (int)fd_read_file(AT_FDCWD, pid_file, text, sizeof(text));

	(void)unlinkat(AT_FDCWD, pid_file, 0);
	if (r >= 0)
		r = parse_u32(text, &pid);
	return r < 0 ? err_sys(e, r, "read '%s'", pid_file) : user_net_remember(a, (pid_t)pid, e);
}

/* The last line of what it said, which says why. */
int user_net_told(const char *program, struct buf *log, struct err *e)
{
	char *text = (char *)(uintptr_t)buf_str(log), *last, safe[160];
	size_t len = strlen(text);

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	last = strrchr(text, '\n');
	format_safe(last ? last + 1 : text, safe, sizeof(safe));
	(void)err_set(e, ERR_SYSTEM, EIO, "'%s' gives no network: %s", program, safe);
	return err_hint(e, "ip route; or start it without: --network empty");
}

static int run_pasta(struct apply *a, const struct step *st, struct err *e)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);
	autodone(words_done) struct words w = {.arena = ARENA_INIT};
	autodone(buf_done) struct buf log = BUF_INIT;
	struct proc_run run = {.argv = w.word, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .log = &log, .deadline = clock_deadline(READY_MS)};
	autoclose int netns = ns_open(a->procfs, a->child, "net");
	const char *pid_file = arena_printf(&w.arena, "%s/%s/" PID_FILE, a->state->rundir, who->text[0]);
	int status = 0, r;

	if (netns < 0)
		return err_sys(e, netns, "open the network namespace");
	run.in_fd = netns;
	add_words(a, st, pid_file, &w);
	if (w.full)
		return err_set(e, ERR_INPUT, E2BIG, "more published ports than fit one command line");
	r = proc_run(&run, &status);
	if (r < 0)
		return err_sys(e, r, "run '%s'", st->text[0]);
	if (status != 0)
		return user_net_told(st->text[0], &log, e);
	return remember_by_file(a, pid_file, e);
}

/* A container whose ports nobody waits for starts on a host that has no way out, too. */
int step_user_net(struct apply *a, const struct step *st, struct err *e)
{
	const char *slash = strrchr(st->text[0], '/');
	int r = strcmp(slash ? slash + 1 : st->text[0], "slirp4netns") == 0 ? user_net_slirp(a, st, e) : run_pasta(a, st, e);

	if (r == 0 || plan_find(a->plan, STEP_USER_PORT, 0))
		return r;
	(void)snprintf(a->record.note, sizeof(a->record.note), "%.120s", e->why);
	err_clear(e);
	return 0;
}

void apply_end_user_net(struct record *r)
{
	autoclose int pidfd = proc_open(&r->user_net);

	if (pidfd >= 0 && proc_kill(pidfd, SIGKILL) == 0)
		(void)!proc_wait_gone(pidfd, clock_deadline(END_MS)); /* its ports are free for the next start */
	if (r->user_net.pid > 0)
		(void)waitpid(r->user_net.pid, NULL, WNOHANG); /* where it is a child of ours */
	r->user_net = (struct proc_id){.pid = 0};
}

void undo_user_net(struct apply *a, const struct step *st)
{
	(void)st;
	apply_end_user_net(&a->record);
}
