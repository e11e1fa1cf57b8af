/* cmd-create.c - create: a container from a base; launch: the same and start it. */
#include "base/clock.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/making.h"
#include "cli/targets.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct job {
	struct making *making;
	bool start;
	struct coppice_start how;
};

/* Names what was made from what, for the line a person reads. */
static void describe(const struct job *job, struct result *r)
{
	const struct coppice_create *o = &job->making->create;

	(void)snprintf(r->note, sizeof(r->note), "%.100s", o->base ? o->base : o->rootfs);
}

static int start_it(struct coppice *c, struct job *job, struct result *r, struct err *e)
{
	struct coppice_start how = job->how;
	uint64_t begin = clock_now_ms();
	int ret;

	how.ret_pid = &r->pid;
	ret = coppice_start(c, r->name, &how, e);

	if (ret < 0) {
		/* It exists, and that is worth knowing before what start would say: the next command is start, not launch. */
		(void)snprintf(e->what, sizeof(e->what), "created '%.63s', but cannot start it", r->name);
		return ret;
	}
	r->started_ms = clock_now_ms() - begin;
	r->changed |= ret == 0;
	r->state = "running";
	r->hint = "shell: coppice shell";
	return 0;
}

/* @name is "" for a generated one. */
static int make_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	struct job *job = data;
	struct coppice_create o = job->making->create;
	uint64_t begin = clock_now_ms();
	int ret;

	o.name = name[0] ? name : NULL;
	o.name_out = r->name;
	cli->base = o.base;
	r->name_is_news = true;
	ret = coppice_create(c, &o, e);
	if (ret < 0) {
		if (name[0])
			(void)err_what(e, "cannot create '%s'", name);
		else
			(void)err_what(e, "cannot create a container from '%s'", o.base ? o.base : o.rootfs);
		return ret;
	}
	if (name[0])
		(void)snprintf(r->name, sizeof(r->name), "%s", name);
	cli->subject = r->name;
	/* From here on a failure is about the container. */
	cli->base = NULL;
	r->changed = ret == 0;
	r->state = ret == 1 ? "exists" : "created";
	if (ret == 0)
		r->created_ms = clock_now_ms() - begin;
	else
		cli_note(cli, "'%s' exists already", r->name);
	if (job->start)
		return start_it(c, job, r, e);
	describe(job, r);
	r->hint = "start: coppice start";
	return 0;
}

/* The engine checks everything and makes nothing. */
static int foretell(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	struct job *job = data;
	struct coppice_create o = job->making->create;
	int ret;

	(void)cli;
	o.name = name[0] ? name : NULL;
	o.dry_run = true;
	ret = coppice_create(c, &o, e);
	if (ret < 0)
		return ret;
	if (!name[0])
		(void)snprintf(r->name, sizeof(r->name), "(generated)");
	r->state = ret == 1 ? "exists already" : job->start ? "would be created and started from" : "would be created from";
	if (ret == 0)
		describe(job, r);
	return 0;
}

static int make(struct cli *cli, struct args *args, struct job *job)
{
	static const char *const generated[] = {"", NULL};
	struct target_op op = {.run = make_one, .dry_run = foretell, .data = job};
	const char *const *names = generated;
	size_t count = 1;

	if (job->making->names) {
		names = args->words + job->making->names_at;
		count = job->making->names;
	}
	return targets_run_names(cli, names, count, &op);
}

static int run(struct cli *cli, struct args *args)
{
	autodone(making_done) struct making m = MAKING_INIT;
	struct job job = {.making = &m, .start = args->cmd == &cmd_launch};
	int code = making_read(cli, args, &m);

	if (code)
		return code;
	if (args_has(args, "init") && args->inner_count == 0)
		return fail_usage(cli, "'--init' needs a program", "it stands after '--', as in: coppice create BASE NAME --init -- /usr/sbin/sshd -D");
	m.create.init = args->inner_count ? args->inner : NULL;
	m.create.if_missing = args_has(args, "if-missing");
	m.create.ephemeral = args_has(args, "ephemeral");
	job.how.env = (const char *const *)environ;
	if (job.start)
		job.how.timeout_ms = args_number(args, "timeout", 0);
	return make(cli, args, &job);
}

#define CREATE_OPTS                                                                                                                       \
	MAKING_OPTS, {.name = "ephemeral", .type = OPT_FLAG, .help = "delete it when it stops"},                                           \
		{.name = "init", .type = OPT_FLAG, .help = "run the program after -- as its only one, under a small pid 1"},              \
	{                                                                                                                                 \
		.name = "if-missing", .type = OPT_FLAG, .help = "a container that exists is fine"                                         \
	}

static const struct opt_def create_opts[] = {CREATE_OPTS};

static const struct opt_def launch_opts[] = {
	CREATE_OPTS,
	{.name = "timeout", .type = OPT_DURATION, .arg = "TIME", .help = "how long the start may take (default 60s)"},
};

static const struct cmd_example create_examples[] = {
	{"coppice create debian12 web1", "a container web1 on the current version of base debian12"},
	{"coppice create debian12 web1 --memory 512M --cpus 2 --tag shop", "with limits and a word to select it by"},
	{"coppice create debian12 job7 --init -- /opt/job --once", "a single program instead of a whole system"},
	{"coppice create debian12 web1 - < web1.conf", "further configuration from standard input"},
};

static const struct cmd_example launch_examples[] = {
	{"coppice launch debian12 web1", "create and start"},
	{"coppice launch debian12 stu01 stu02 stu03 --tag lab", "three at once"},
	{"coppice launch debian12 --mode ephemeral --ephemeral", "a generated name, gone after it stops"},
};

const struct cmd cmd_create = {
	.name = "create",
	.foreign = "init,new,clone,add",
	.args = "BASE [NAME...] [-] [-- PROGRAM [ARG...]]",
	.help = "make a container from a base",
	.text = "BASE is NAME or NAME@VERSION; without a version the current one is pinned. Without NAME one is made up and printed. A single - at the end "
		"reads further configuration text (key = value lines) from standard input.\n\n"
		"Mode bind, the default, gives the container a private root directory with the sealed base read-only on /usr. overlay makes all of it "
		"writable, ephemeral keeps the changes in memory, copy shares nothing.\n\n"
		"--network NAME adds an interface on a managed network; what else it shall have may follow in the same word, as in --network 'lan0 ip=10.1.0.5 "
		"in=10M'. none is the host's own network, empty the loopback interface alone. Without root there are user, "
		"where pasta connects the container with the host's addresses, and empty. Interfaces of other kinds are described by lxc.net.N keys. --port "
		"8080:80 leads from port 8080 of this host to port 80 inside, 127.0.0.1:5353:53/udp from one address of it.",
	CMD_OPTS(create_opts),
	CMD_EXAMPLES(create_examples),
	.max = 65536,
	.flags = CMD_INNER | CMD_DRY_RUN,
	.group = GROUP_LIFE,
	.topic = TOPIC_CREATE,
	.complete = {COMPLETE_BASE, COMPLETE_NONE},
	.run = run,
};

const struct cmd cmd_launch = {
	.name = "launch",
	.foreign = "up",
	.args = "BASE [NAME...] [-] [-- PROGRAM [ARG...]]",
	.help = "make a container from a base and start it",
	.text = "As create, followed by start. When the start fails the container stays, so that its configuration can be mended and it can be started.",
	CMD_OPTS(launch_opts),
	CMD_EXAMPLES(launch_examples),
	.max = 65536,
	.flags = CMD_INNER | CMD_DRY_RUN,
	.group = GROUP_LIFE,
	.topic = TOPIC_CREATE,
	.complete = {COMPLETE_BASE, COMPLETE_NONE},
	.run = run,
};
