/* cmd-network.c - managed networks: create, list, show, edit, delete. What concerns one container's interface has a file of its own. */
#include "base/clock.h"
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

/* ---- a network as a row ---- */

#define COL(name, expression)                                   \
	static void col_##name(const void *row, struct cell *c) \
	{                                                       \
		const struct coppice_network *n = row;          \
                                                                \
		expression;                                     \
	}

COL(name, cell_text(c, n->name))
COL(bridge, cell_text(c, n->bridge))
COL(ipv4, cell_text(c, n->ipv4))
COL(ipv6, cell_text(c, n->ipv6))
COL(up, cell_bool(c, n->up))
COL(mtu, cell_number(c, CELL_NUMBER, n->mtu))
COL(nat, cell_bool(c, n->nat))
COL(isolated, cell_bool(c, n->isolated))
COL(dhcp, cell_bool(c, n->dhcp))
COL(guard, cell_bool(c, n->guard))
COL(names, cell_bool(c, n->names))
COL(internal, cell_bool(c, n->internal))
COL(domain, cell_text(c, n->domain))
COL(leases, cell_number(c, CELL_NUMBER, n->leases))
COL(running, cell_number(c, CELL_NUMBER, n->running))
COL(created, cell_number(c, CELL_TIME, n->created > 0 ? (uint64_t)n->created : UINT64_MAX))

static void col_dns(const void *row, struct cell *c)
{
	const struct coppice_network *n = row;

	c->kind = CELL_WORDS;
	c->text = n->dns;
}

static void show_up(const void *row, struct buf *b)
{
	buf_puts(b, ((const struct coppice_network *)row)->up ? "up" : "down");
}

/* What is not as usual first. */
static void put_options(const struct coppice_network *n, struct buf *b)
{
	const struct {
		bool on;
		const char *word;
	} words[] = {{n->internal, "internal"}, {n->isolated, "isolated"}, {n->nat && !n->internal, "nat"}, {n->guard, "guard"}, {n->names, "names"}, {n->dhcp, "dhcp"}};
	const char *separator = "";

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].on) {
			buf_printf(b, "%s%s", separator, words[i].word);
			separator = " ";
		}
}

static void show_age(const void *row, struct buf *b)
{
	const struct coppice_network *n = row;
	int64_t now = clock_unix();
	char text[16];

	if (n->created <= 0)
		return;
	format_age(now > n->created ? (uint64_t)(now - n->created) : 0, text);
	buf_puts(b, text);
}

static const struct column columns[] = {
	{.key = "name", .title = "NAME", .flags = COLUMN_TABLE, .get = col_name, .paint = PAINT_NAME},
	{.key = "up", .title = "STATE", .flags = COLUMN_TABLE, .get = col_up, .show = show_up},
	{.key = "ipv4", .title = "IPV4", .flags = COLUMN_TABLE, .get = col_ipv4},
	{.key = "ipv6", .title = "IPV6", .flags = COLUMN_TABLE, .get = col_ipv6},
	{.key = "leases", .title = "LEASES", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_leases},
	{.key = "running", .title = "RUNNING", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_running},
	{.key = "bridge", .title = "BRIDGE", .flags = COLUMN_LONG, .get = col_bridge},
	{.key = "mtu", .title = "MTU", .flags = COLUMN_LONG | COLUMN_RIGHT, .get = col_mtu},
	{.key = "nat", .title = "NAT", .get = col_nat},
	{.key = "isolated", .title = "ISOLATED", .get = col_isolated},
	{.key = "internal", .title = "INTERNAL", .get = col_internal},
	{.key = "dhcp", .title = "DHCP", .get = col_dhcp},
	{.key = "guard", .title = "GUARD", .get = col_guard},
	{.key = "names", .title = "NAMES", .get = col_names},
	{.key = "domain", .title = "DOMAIN", .flags = COLUMN_LONG, .get = col_domain},
	{.key = "dns", .title = "DNS", .flags = COLUMN_LONG, .get = col_dns},
	{.key = "created", .title = "AGE", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_created, .show = show_age},
};

static const struct view view = {"coppice.networks/1", "networks", columns, ARRAY_LEN(columns)};

/* ---- list ---- */

static int run_list(struct cli *cli, struct args *args)
{
	autofree struct coppice_network *networks = NULL;
	struct coppice *c = NULL;
	struct selection sel;
	struct err e = {0};
	size_t count = 0;
	char footer[64];

	if (out_select(&view, args, &sel, &e) < 0)
		return fail_as(cli, FAIL_USAGE, &e);
	if (cli_engine(cli, &c, &e) < 0 || coppice_network_list(c, &networks, &count, &e) < 0)
		return fail(cli, &e);
	out_sort(&view, &sel, networks, count, sizeof(*networks));
	(void)snprintf(footer, sizeof(footer), "%zu network%s", count, count == 1 ? "" : "s");
	out_rows(cli, &(struct out_job){.view = &view, .sel = &sel, .rows = networks, .count = count, .size = sizeof(*networks), .footer = footer});
	return CLI_OK;
}

/* ---- show ---- */

static void put_line(struct buf *b, const char *label, const char *text)
{
	if (!text[0])
		return;
	buf_printf(b, "  %-9s ", label);
	out_safe(b, text);
	buf_putc(b, '\n');
}

static size_t widest(const struct coppice_network_user *users, size_t count, size_t (*width)(const struct coppice_network_user *u))
{
	size_t most = 0;

	for (size_t i = 0; i < count; i++)
		most = width(&users[i]) > most ? width(&users[i]) : most;
	return most;
}

static size_t name_width(const struct coppice_network_user *u)
{
	return strlen(u->container);
}

static size_t nic_width(const struct coppice_network_user *u)
{
	return strlen(u->nic);
}

static size_t ipv4_width(const struct coppice_network_user *u)
{
	return strlen(u->ipv4);
}

static size_t ipv6_width(const struct coppice_network_user *u)
{
	return strlen(u->ipv6);
}

/* Who is where, below the bridge: stopped ones keep their addresses and their place. */
static void put_tree(struct cli *cli, const struct coppice_network *n, const struct coppice_network_user *users, size_t count)
{
	int name = (int)widest(users, count, name_width), nic = (int)widest(users, count, nic_width);
	int ipv4 = (int)widest(users, count, ipv4_width), ipv6 = (int)widest(users, count, ipv6_width);
	struct buf *b = &cli->out;

	buf_printf(b, "\n%s\n", n->bridge);
	for (size_t i = 0; i < count; i++) {
		const struct coppice_network_user *u = &users[i];
		char rx[16] = "-", tx[16] = "-";

		buf_printf(b, "%s %s%-*s%s  %-*s  %-*s", i + 1 < count ? "├─" : "└─", cli_colour(cli->out_colour, COLOUR_BOLD), name, u->container,
			   cli_colour(cli->out_colour, COLOUR_OFF), nic, u->nic, ipv4, u->ipv4);
		if (ipv6)
			buf_printf(b, "  %-*s", ipv6, u->ipv6);
		if (!u->running) {
			buf_printf(b, "  %sdown%s\n", cli_colour(cli->out_colour, COLOUR_DIM), cli_colour(cli->out_colour, COLOUR_OFF));
			continue;
		}
		if (u->rx_bytes != UINT64_MAX)
			format_size(u->rx_bytes, rx);
		if (u->tx_bytes != UINT64_MAX)
			format_size(u->tx_bytes, tx);
		buf_printf(b, "  %s  in %s  out %s\n", u->peer[0] ? u->peer : "-", rx, tx);
	}
	if (count == 0)
		buf_puts(b, "└─ nobody\n");
}

static void show_human(struct cli *cli, const struct coppice_network *n, const struct coppice_network_user *users, size_t count)
{
	autodone(buf_done) struct buf options = BUF_INIT;
	struct buf *b = &cli->out;
	char text[64];

	buf_printf(b, "%s%s%s  %s\n", cli_colour(cli->out_colour, COLOUR_BOLD), n->name, cli_colour(cli->out_colour, COLOUR_OFF), n->up ? "up" : "down");
	put_line(b, "ipv4", n->ipv4);
	put_line(b, "ipv6", n->ipv6);
	(void)snprintf(text, sizeof(text), "%s, mtu %u", n->bridge, n->mtu);
	put_line(b, "bridge", text);
	put_options(n, &options);
	put_line(b, "options", options.len ? buf_str(&options) : "none");
	put_line(b, "domain", n->domain);
	put_line(b, "dns", n->dns);
	format_time(n->created, text);
	put_line(b, "created", text);
	put_tree(cli, n, users, count);
}

static void user_json(struct jout *j, const struct coppice_network_user *u)
{
	const struct {
		const char *key, *text;
	} texts[] = {{"container", u->container}, {"nic", u->nic}, {"mac", u->mac}, {"ipv4", u->ipv4}, {"ipv6", u->ipv6}, {"peer", u->peer}};
	const struct {
		const char *key;
		uint64_t bytes;
	} counters[] = {{"rx_bytes", u->rx_bytes}, {"tx_bytes", u->tx_bytes}};

	jout_open(j, '{');
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		jout_key(j, texts[i].key);
		jout_text(j, texts[i].text[0] ? texts[i].text : NULL);
	}
	jout_key(j, "running");
	jout_bool(j, u->running);
	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		jout_key(j, counters[i].key);
		if (counters[i].bytes == UINT64_MAX)
			jout_null(j);
		else
			jout_u64(j, counters[i].bytes);
	}
	jout_close(j, '}');
}

static void show_json(struct cli *cli, const struct coppice_network *n, const struct coppice_network_user *users, size_t count)
{
	struct jout j = JOUT_INIT(&cli->out);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.network/1");
	jout_key(&j, "network");
	out_json_row(&j, &view, NULL, n, NULL);
	jout_key(&j, "users");
	jout_open(&j, '[');
	for (size_t i = 0; i < count; i++)
		user_json(&j, &users[i]);
	jout_close(&j, ']');
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
}

/* One network, in the form asked for: show, and what create and edit have made. */
static void tell(struct cli *cli, const struct coppice_network *n, const struct coppice_network_user *users, size_t count)
{
	struct selection sel;

	if (cli_json(cli)) {
		show_json(cli, n, users, count);
	} else if (cli_human(cli)) {
		show_human(cli, n, users, count);
	} else {
		out_select_default(&view, &sel);
		out_rows(cli, &(struct out_job){.view = &view, .sel = &sel, .rows = n, .count = 1, .size = sizeof(*n)});
	}
}

static int run_show(struct cli *cli, struct args *args)
{
	autofree struct coppice_network_user *users = NULL;
	const char *name = args->words[0];
	struct coppice_network n;
	struct coppice *c = NULL;
	struct err e = {0};
	size_t count = 0;

	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_network_show(c, name, &n, &users, &count, &e) < 0) {
		(void)err_what(&e, "cannot show network '%s'", name);
		return target_fail(cli, c, name, &e);
	}
	tell(cli, &n, users, count);
	return CLI_OK;
}

/* ---- create and edit ---- */

/* The settings of --ipv4, --ipv6 and --set, NULL-ended, in @args' arena. */
static const char **settings(struct args *args)
{
	static const char *const keys[] = {"ipv4", "ipv6"};
	const char *const *set = args_opt(args, "set")->list;
	size_t count = 0, used = 0;
	const char **list;

	while (set && set[count])
		count++;
	list = arena_alloc(&args->arena, (count + ARRAY_LEN(keys) + 1) * sizeof(*list));
	for (size_t i = 0; list && i < ARRAY_LEN(keys); i++)
		if (args_has(args, keys[i])) {
			list[used] = arena_printf(&args->arena, "%s=%s", keys[i], args_text(args, keys[i]));
			if (!list[used++])
				return NULL;
		}
	for (size_t i = 0; list && i < count; i++)
		list[used++] = set[i];
	return list;
}

static void tell_line(struct cli *cli, const struct coppice_network *n, const char *verb)
{
	if (!cli_human(cli)) {
		tell(cli, n, NULL, 0);
	} else if (cli->quiet) {
		cli_print(cli, "%s\n", n->name);
	} else {
		cli_print(cli, "%s  %s  %s%s%s", n->name, verb, n->ipv4, n->ipv4[0] && n->ipv6[0] ? "  " : "", n->ipv6);
		cli_print(cli, "%s\n", strcmp(verb, "created") == 0 ? "" : n->up ? "  (containers get it at their next start)" : "");
	}
}

static int run_create(struct cli *cli, struct args *args)
{
	const char *name = args->words[0], **set = settings(args);
	struct coppice_network n;
	struct coppice *c = NULL;
	struct err e = {0};

	cli->subject = name;
	if (!set) {
		cli->out.failed = true;
		return CLI_FAILED;
	}
	if (cli_engine(cli, &c, &e) < 0 || coppice_network_create(c, name, set, &n, &e) < 0) {
		(void)err_what(&e, "cannot create network '%s'", name);
		return fail(cli, &e);
	}
	tell_line(cli, &n, "created");
	return CLI_OK;
}

static int run_edit(struct cli *cli, struct args *args)
{
	const char *name = args->words[0];
	struct coppice_network n;
	struct coppice *c = NULL;
	struct err e = {0};

	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_network_edit(c, name, (const char *const *)args->words + 1, &n, &e) < 0) {
		(void)err_what(&e, "cannot edit network '%s'", name);
		return target_fail(cli, c, name, &e);
	}
	tell_line(cli, &n, "changed");
	return CLI_OK;
}

/* ---- delete ---- */

static int run_delete(struct cli *cli, struct args *args)
{
	return targets_delete(cli, args, "network", coppice_network_delete);
}

/* ---- table ---- */

#define SETTINGS                                                                                                                              \
	"Settings: ipv4 and ipv6 (the gateway's address with its prefix, or none), nat (what leaves gets the host's address; yes), isolated "  \
	"(containers do not see each other), internal (no way out), guard (only a container's own addresses leave it; yes), names (/etc/hosts has " \
	"everybody who runs; yes), dhcp (for systems that ask), domain, dns (up to three nameservers), mtu."

static const struct opt_def list_opts[] = {OUT_OPTS};
static const struct opt_def create_opts[] = {
	{.name = "ipv4", .type = OPT_TEXT, .arg = "ADDR/LEN|none", .help = "gateway and prefix (default: a free 10.x/16)"},
	{.name = "ipv6", .type = OPT_TEXT, .arg = "ADDR/LEN|none", .help = "gateway and prefix (default: a free fd..::/64)"},
	{.name = "set", .letter = 's', .type = OPT_LIST, .arg = "KEY=VALUE", .help = "a setting; may be repeated"},
};
static const struct opt_def delete_opts[] = {TARGET_IF_EXISTS};

static const struct cmd_example create_examples[] = {
	{"coppice network create lan0", "addresses are chosen and stay"},
	{"coppice network create lab --ipv4 192.168.77.1/24 --ipv6 none", "of one's own choice"},
	{"coppice network create back --set internal=yes", "for databases: nothing in, nothing out"},
};
static const struct cmd_example list_examples[] = {{"coppice network list", "which networks there are and who is on them"}};
static const struct cmd_example show_examples[] = {{"coppice network show coppice0", "settings, and a picture of who is where"}};
static const struct cmd_example edit_examples[] = {
	{"coppice network edit lan0 isolated=yes", "neighbours do not see each other any more"},
	{"coppice network edit lan0 dns=9.9.9.9 domain=lan", "several at once"},
};
static const struct cmd_example delete_examples[] = {{"coppice network delete lan0", "refused while a container's config names it"}};

const struct cmd cmd_network_create = {
	.noun = "network",
	.name = "create",
	.foreign = "add,new,make",
	.args = "NAME",
	.help = "make a network for containers",
	.text = "A bridge on this host with a gateway for containers. The network called coppice0 is made by itself when a container first needs it. " SETTINGS
		"\n\nNothing runs for a network: its bridge and rules are made when a container needs them, after a reboot too.",
	CMD_OPTS(create_opts),
	CMD_EXAMPLES(create_examples),
	.min = 1,
	.max = 1,
	.group = GROUP_NETWORK,
	.topic = TOPIC_NETWORK,
	.run = run_create,
};

const struct cmd cmd_network_list = {
	.noun = "network",
	.name = "list",
	.alias = "ls",
	.args = "",
	.help = "list networks",
	CMD_OPTS(list_opts),
	CMD_EXAMPLES(list_examples),
	.group = GROUP_NETWORK,
	.topic = TOPIC_NETWORK,
	.run = run_list,
};

const struct cmd cmd_network_show = {
	.noun = "network",
	.name = "show",
	.foreign = "info,inspect",
	.args = "NETWORK",
	.help = "show a network and who is on it",
	.text = "Containers that do not run keep their addresses and are shown as down. Counters are those of the container: in is what it has received.",
	CMD_EXAMPLES(show_examples),
	.min = 1,
	.max = 1,
	.group = GROUP_NETWORK,
	.topic = TOPIC_NETWORK,
	.complete = {COMPLETE_NETWORK},
	.run = run_show,
};

const struct cmd cmd_network_edit = {
	.noun = "network",
	.name = "edit",
	.foreign = "set,update,modify",
	.args = "NETWORK KEY=VALUE...",
	.help = "change settings of a network",
	.text = "The bridge and the rules change at once; running containers keep the addresses they have until their next start. " SETTINGS,
	CMD_EXAMPLES(edit_examples),
	.min = 2,
	.max = 64,
	.group = GROUP_NETWORK,
	.topic = TOPIC_NETWORK,
	.complete = {COMPLETE_NETWORK, COMPLETE_NONE},
	.run = run_edit,
};

const struct cmd cmd_network_delete = {
	.noun = "network",
	.name = "delete",
	.foreign = "rm,remove,destroy,prune",
	.args = "NETWORK...",
	.help = "delete networks nobody uses",
	.text = "Refused while the config of a container names it or a running one is on it (E_NETWORK_BUSY). Bridge, rules and addresses go with it.",
	CMD_OPTS(delete_opts),
	CMD_EXAMPLES(delete_examples),
	.min = 1,
	.max = 65536,
	.flags = CMD_DRY_RUN,
	.group = GROUP_NETWORK,
	.topic = TOPIC_NETWORK,
	.complete = {COMPLETE_NETWORK},
	.run = run_delete,
};
