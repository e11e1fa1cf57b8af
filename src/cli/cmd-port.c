/* cmd-port.c - published ports: add, remove, list. */
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/out.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- list ---- */

#define COL(name, expression)                                   \
	static void col_##name(const void *row, struct cell *c) \
	{                                                       \
		const struct coppice_port *p = row;             \
                                                                \
		expression;                                     \
	}

COL(container, cell_text(c, p->container))
COL(bind, cell_text(c, p->bind))
COL(protocol, cell_text(c, p->protocol))
COL(host, cell_number(c, CELL_NUMBER, p->host))
COL(inside, cell_number(c, CELL_NUMBER, p->inside))
COL(count, cell_number(c, CELL_NUMBER, p->count))
COL(active, cell_bool(c, p->active))

static void put_range(struct buf *b, uint16_t first, uint16_t count)
{
	buf_printf(b, "%u", first);
	if (count > 1)
		buf_printf(b, "-%u", first + count - 1);
}

/* "*:8080", "127.0.0.1:8080-8090", "[fd00::1]:53" */
static void show_host(const void *row, struct buf *b)
{
	const struct coppice_port *p = row;

	buf_printf(b, strchr(p->bind, ':') ? "[%s]:" : "%s:", p->bind[0] ? p->bind : "*");
	put_range(b, p->host, p->count);
}

static void show_inside(const void *row, struct buf *b)
{
	const struct coppice_port *p = row;

	put_range(b, p->inside, p->count);
}

static void show_active(const void *row, struct buf *b)
{
	buf_puts(b, ((const struct coppice_port *)row)->active ? "open" : "waits for its start");
}

static const struct column columns[] = {
	{.key = "container", .title = "NAME", .flags = COLUMN_TABLE, .get = col_container, .paint = PAINT_NAME},
	{.key = "bind", .title = "BIND", .get = col_bind},
	{.key = "host", .title = "HOST", .flags = COLUMN_TABLE, .get = col_host, .show = show_host},
	{.key = "inside", .title = "INSIDE", .flags = COLUMN_TABLE, .get = col_inside, .show = show_inside},
	{.key = "count", .title = "COUNT", .get = col_count},
	{.key = "protocol", .title = "PROTOCOL", .flags = COLUMN_TABLE, .get = col_protocol},
	{.key = "active", .title = "STATE", .flags = COLUMN_TABLE, .get = col_active, .show = show_active},
};

static const struct view view = {"coppice.ports/1", "ports", columns, ARRAY_LEN(columns)};

static bool is_named(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int run_list(struct cli *cli, struct args *args)
{
	autofree struct coppice_port *ports = NULL;
	const char *const *names = NULL;
	struct coppice *c = NULL;
	struct selection sel;
	struct err e = {0};
	size_t name_count = 0, count = 0, used = 0;
	char footer[64];

	if (out_select(&view, args, &sel, &e) < 0)
		return fail_as(cli, FAIL_USAGE, &e);
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (args->count && targets_resolve(cli, args, args->count, &names, &name_count, &e) < 0)
		return fail(cli, &e);
	if (args->count == 1 && name_count == 1) {
		if (coppice_port_list(c, names[0], &ports, &count, &e) < 0)
			return target_fail(cli, c, names[0], &e);
	} else if (coppice_port_list(c, NULL, &ports, &count, &e) < 0) {
		return fail(cli, &e);
	}
	for (size_t i = 0; i < count; i++)
		if (!args->count || is_named(names, name_count, ports[i].container))
			ports[used++] = ports[i];
	out_sort(&view, &sel, ports, used, sizeof(*ports));
	(void)snprintf(footer, sizeof(footer), "%zu published port%s", used, used == 1 ? "" : "s");
	out_rows(cli, &(struct out_job){.view = &view, .sel = &sel, .rows = ports, .count = used, .size = sizeof(*ports), .footer = footer});
	return CLI_OK;
}

/* ---- add and remove ---- */

static void tell(struct cli *cli, const char *verb, const char *container, const char *what)
{
	struct jout j = JOUT_INIT(&cli->out);

	if (cli_json(cli)) {
		jout_open(&j, '{');
		jout_key(&j, "schema");
		jout_text(&j, "coppice.port.change/1");
		jout_key(&j, "verb");
		jout_text(&j, verb);
		jout_key(&j, "name");
		jout_text(&j, container);
		jout_key(&j, "port");
		jout_text(&j, what);
		jout_close(&j, '}');
		buf_putc(&cli->out, '\n');
	} else if (!cli->quiet) {
		cli_print(cli, "%s  %s  %s\n", container, verb, what);
	}
}

/* One after the other: what was done stays done when a later one fails. */
static int change(struct cli *cli, const struct args *args, const char *verb, int (*fn)(struct coppice *c, const char *name, const char *what, struct err *e))
{
	const char *name = args->words[0];
	struct coppice *c = NULL;
	struct err e = {0};

	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	for (size_t i = 1; i < args->count; i++) {
		if (fn(c, name, args->words[i], &e) < 0) {
			(void)err_what(&e, "port %s of '%s' is not %s", args->words[i], name, verb);
			return target_fail(cli, c, name, &e);
		}
		tell(cli, verb, name, args->words[i]);
	}
	return CLI_OK;
}

static int run_add(struct cli *cli, struct args *args)
{
	return change(cli, args, "published", coppice_port_add);
}

static int run_remove(struct cli *cli, struct args *args)
{
	return change(cli, args, "withdrawn", coppice_port_remove);
}

/* ---- table ---- */

static const struct opt_def list_opts[] = {OUT_OPTS, TARGET_ALL};

static const struct cmd_example add_examples[] = {
	{"coppice port add web1 8080:80", "port 80 of the container is port 8080 of every address of the host"},
	{"coppice port add web1 127.0.0.1:5432:5432 53:53/udp", "on one address only; and a datagram port"},
	{"coppice port add ftp 30000-30100:30000-30100", "a range"},
};
static const struct cmd_example remove_examples[] = {{"coppice port remove web1 8080", "by the host's port, or as it was added"}};
static const struct cmd_example list_examples[] = {{"coppice port list", "of all containers"}, {"coppice port list 'web*'", "of some"}};

const struct cmd cmd_port_add = {
	.noun = "port",
	.name = "add",
	.foreign = "publish,forward,open",
	.args = "CONTAINER [ADDR:]PORT[-END]:INSIDE[-END][/udp]...",
	.help = "publish ports of a container",
	.text = "Written into its config (coppice.port), and open at once when it runs. The container must be on a managed network; the port answers on the host's "
		"addresses, on 127.0.0.1 and for its neighbours.",
	CMD_EXAMPLES(add_examples),
	.min = 2,
	.max = 1024,
	.group = GROUP_NETWORK,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER, COMPLETE_NONE},
	.run = run_add,
};

const struct cmd cmd_port_remove = {
	.noun = "port",
	.name = "remove",
	.alias = "rm",
	.foreign = "delete,unpublish,close",
	.args = "CONTAINER PORT...",
	.help = "take published ports back",
	.text = "PORT is the host's port (8080, 53/udp), or the whole as it was added.",
	CMD_EXAMPLES(remove_examples),
	.min = 2,
	.max = 1024,
	.group = GROUP_NETWORK,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER, COMPLETE_NONE},
	.run = run_remove,
};

const struct cmd cmd_port_list = {
	.noun = "port",
	.name = "list",
	.alias = "ls",
	.args = "[SELECTOR...]",
	.help = "list published ports",
	CMD_OPTS(list_opts),
	CMD_EXAMPLES(list_examples),
	.max = 65536,
	.group = GROUP_NETWORK,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run_list,
};
