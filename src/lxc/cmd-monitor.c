/* cmd-monitor.c - lxc-monitor: a line for every change of state, of all containers whose name matches, in one directory or several. There is no lxc-monitord: the kernel tells. */
#include "coppice/coppice.h"
#include "lxc/cmds.h"
#include "lxc/figures.h"

#include <errno.h>
#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_QUIT = 'Q' };

static const struct lxc_opt opts[] = {
	{OPT_QUIT, "quit", NULL, "tell lxc-monitord to quit", "ignored: there is none"},
};

struct data {
	bool quit;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	(void)id;
	(void)value;
	(void)e;
	((struct data *)l->data)->quit = true;
	return 0;
}

struct place {
	struct coppice *c;
	struct coppice_watch *watch;
};

static void print_event(const struct coppice_event *ev)
{
	if (ev->kind == COPPICE_EVENT_STATE && ev->state == COPPICE_RUNNING && ev->was == COPPICE_FROZEN)
		printf("'%s' changed state to [THAWED]\n", ev->name);
	if (ev->kind == COPPICE_EVENT_STATE && ev->state == COPPICE_FROZEN)
		printf("'%s' changed state to [FREEZING]\n", ev->name);
	if (ev->kind == COPPICE_EVENT_STATE)
		printf("'%s' changed state to [%s]\n", ev->name, lxc_state_name(ev->state));
	else if (ev->kind == COPPICE_EVENT_FAILED)
		printf("'%s' changed state to [ABORTING]\n", ev->name);
	else
		printf("'%s' exited with status [%d]\n", ev->name, ev->exit);
}

static int drain(struct place *p, const regex_t *names, struct err *e)
{
	struct coppice_event ev;
	int r;

	while ((r = coppice_watch_next(p->watch, &ev, e)) == 1)
		if (regexec(names, ev.name, 0, NULL, 0) == 0)
			print_event(&ev);
	return r;
}

static int open_place(const char *path, struct place *p, struct err *e)
{
	struct coppice_options o = {.lxcpath = path, .user = geteuid() != 0};
	int r = coppice_open(&o, &p->c, e);

	return r < 0 ? r : coppice_watch_open(p->c, &p->watch, e);
}

static int watch(struct lxc *l, const regex_t *names, struct place *places, struct pollfd *fds, struct err *e)
{
	int r = 0;

	if (geteuid() != 0)
		r = coppice_user_enter(e);
	for (size_t i = 0; r == 0 && i < l->path_count; i++) {
		r = open_place(l->paths[i], &places[i], e);
		if (r == 0)
			fds[i] = (struct pollfd){.fd = coppice_watch_fd(places[i].watch), .events = POLLIN};
	}
	while (r == 0) {
		if (poll(fds, l->path_count, -1) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait");
		for (size_t i = 0; r == 0 && i < l->path_count; i++)
			r = drain(&places[i], names, e);
		if (ferror(stdout))
			return 0; /* nobody reads it any more */
	}
	return r;
}

static int run(struct lxc *l, struct err *e)
{
	const struct data *d = l->data;
	autofree struct place *places = calloc(l->path_count, sizeof(*places));
	autofree struct pollfd *fds = calloc(l->path_count, sizeof(*fds));
	char pattern[512];
	regex_t names;
	int r;

	if (d->quit)
		return 0;
	if (!places || !fds)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	(void)snprintf(pattern, sizeof(pattern), "^(%s)$", l->name ?: ".*");
	if (regcomp(&names, pattern, REG_NOSUB | REG_EXTENDED) != 0)
		return lxc_usage(e, "-n: '%s' is no regular expression", l->name ?: "");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	r = watch(l, &names, places, fds, e);
	for (size_t i = 0; i < l->path_count; i++) {
		coppice_watch_close(&places[i].watch);
		coppice_close(&places[i].c);
	}
	regfree(&names);
	return r;
}

const struct lxc_cmd lxc_cmd_monitor = {.program = "lxc-monitor",
					.about = "tell every change of state of containers",
					.synopsis = "[-n REGEX] [-P PATH]...",
					.name = LXC_NAME_OPTIONAL,
					.no_words = true,
					.many_paths = true,
					.opts = opts,
					.opt_count = ARRAY_LEN(opts),
					.data_size = sizeof(struct data),
					.option = option,
					.run = run};
