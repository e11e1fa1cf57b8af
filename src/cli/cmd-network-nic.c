/* cmd-network-nic.c - interfaces of containers on networks, attached and detached; and the host's own interface moved to a bridge. */
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell(struct cli *cli, const char *verb, const char *container, const char *what)
{
	struct jout j = JOUT_INIT(&cli->out);

	if (cli_json(cli)) {
		jout_open(&j, '{');
		jout_key(&j, "schema");
		jout_text(&j, "coppice.network.change/1");
		jout_key(&j, "verb");
		jout_text(&j, verb);
		jout_key(&j, "name");
		jout_text(&j, container);
		jout_key(&j, "what");
		jout_text(&j, what);
		jout_close(&j, '}');
		buf_putc(&cli->out, '\n');
	} else if (!cli->quiet) {
		cli_print(cli, "%s  %s  %s\n", container, verb, what);
	}
}

/* A missing container is told with the closest name, anything else as the engine says it. */
static int failed(struct cli *cli, struct coppice *c, const char *name, struct err *e)
{
	struct coppice_info info;
	struct err ignored = {0};

	cli->subject = name;
	if (e->kind == ERR_MISSING && coppice_info(c, name, 0, &info, &ignored) == 0)
		return fail_as(cli, strstr(e->why, "network '") ? FAIL_NO_NETWORK : FAIL_MISSING, e);
	return target_fail(cli, c, name, e);
}

/* ---- attach and detach ---- */

/* The options as a line of coppice.network. */
static void put_line(const struct args *args, struct buf *b)
{
	static const struct {
		const char *option, *word;
	} words[] = {{"ip", "ip"}, {"ip6", "ip6"}, {"mac", "mac"}, {"nic", "name"}, {"limit-in", "in"}, {"limit-out", "out"}};

	buf_puts(b, args->words[1]);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (args_has(args, words[i].option))
			buf_printf(b, " %s=%s", words[i].word, args_text(args, words[i].option));
	if (args_has(args, "isolated"))
		buf_puts(b, " isolated");
}

static int run_attach(struct cli *cli, struct args *args)
{
	autodone(buf_done) struct buf line = BUF_INIT;
	const char *name = args->words[0];
	struct coppice *c = NULL;
	struct err e = {0};

	cli->subject = name;
	put_line(args, &line);
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_network_attach(c, name, buf_str(&line), &e) < 0) {
		(void)err_what(&e, "cannot attach '%s' to a network", name);
		return failed(cli, c, name, &e);
	}
	tell(cli, "attached", name, buf_str(&line));
	return CLI_OK;
}

static int run_detach(struct cli *cli, struct args *args)
{
	const char *name = args->words[0], *nic = args->words[1];
	struct coppice *c = NULL;
	struct err e = {0};

	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_network_detach(c, name, nic, &e) < 0) {
		(void)err_what(&e, "cannot detach '%s' of '%s'", nic, name);
		return failed(cli, c, name, &e);
	}
	tell(cli, "detached", name, nic);
	return CLI_OK;
}

/* ---- the host's own interface ---- */

static int run_bridge_host(struct cli *cli, struct args *args)
{
	const char *device = args->words[0], *bridge = args_text(args, "bridge") ?: "br0";
	uint64_t seconds = args_number(args, "confirm", 60000) / 1000;
	autofree char *lines = NULL;
	struct coppice *c = NULL;
	struct err e = {0};

	cli->subject = device;
	if (seconds > 3600)
		return fail_usage(cli, "this is too long to be without a network", "--confirm takes at most an hour; 0 asks for no confirmation");
	if (cli_engine(cli, &c, &e) < 0 || coppice_network_bridge_host(c, device, bridge, (unsigned)seconds, &lines, &e) < 0) {
		(void)err_what(&e, "cannot move '%s' to a bridge", device);
		return fail(cli, &e);
	}
	if (cli_json(cli)) {
		struct jout j = JOUT_INIT(&cli->out);

		jout_open(&j, '{');
		jout_key(&j, "schema");
		jout_text(&j, "coppice.network.bridge/1");
		jout_key(&j, "device");
		jout_text(&j, device);
		jout_key(&j, "bridge");
		jout_text(&j, bridge);
		jout_key(&j, "confirm_seconds");
		jout_u64(&j, seconds);
		jout_key(&j, "lines");
		jout_text(&j, lines);
		jout_close(&j, '}');
		buf_putc(&cli->out, '\n');
		return CLI_OK;
	}
	if (cli->quiet)
		return CLI_OK;
	cli_print(cli, "%s  is on bridge %s now, which has its addresses and routes\n", device, bridge);
	if (seconds)
		cli_print(cli, "back in %llu s unless you say: coppice network confirm %s\n", (unsigned long long)seconds, bridge);
	cli_print(cli, "\nto make it last over a reboot:\n\n%s", lines ? lines : "");
	return CLI_OK;
}

static int run_confirm(struct cli *cli, struct args *args)
{
	const char *bridge = args->words[0];
	struct coppice *c = NULL;
	struct err e = {0};

	cli->subject = bridge;
	if (cli_engine(cli, &c, &e) < 0 || coppice_network_confirm(c, bridge, &e) < 0) {
		(void)err_what(&e, "cannot confirm bridge '%s'", bridge);
		return fail(cli, &e);
	}
	tell(cli, "confirmed", bridge, "it stays");
	return CLI_OK;
}

/* ---- table ---- */

static const struct opt_def attach_opts[] = {
	{.name = "nic", .type = OPT_TEXT, .arg = "NAME", .help = "its name inside (default: the next ethX)"},
	{.name = "ip", .type = OPT_TEXT, .arg = "ADDR", .help = "a fixed IPv4 address"},
	{.name = "ip6", .type = OPT_TEXT, .arg = "ADDR", .help = "a fixed IPv6 address"},
	{.name = "mac", .type = OPT_TEXT, .arg = "MAC", .help = "a fixed hardware address"},
	{.name = "isolated", .type = OPT_FLAG, .help = "not seen by its neighbours"},
	{.name = "limit-in", .type = OPT_TEXT, .arg = "RATE", .help = "bits a second towards it: 10M"},
	{.name = "limit-out", .type = OPT_TEXT, .arg = "RATE", .help = "bits a second from it: 10M"},
};
static const struct opt_def bridge_opts[] = {
	{.name = "bridge", .type = OPT_TEXT, .arg = "NAME", .help = "name of the bridge (default br0)"},
	{.name = "confirm", .type = OPT_DURATION, .arg = "TIME", .help = "go back unless confirmed in time (default 60s, 0 = for good at once)"},
};

static const struct cmd_example attach_examples[] = {
	{"coppice network attach web1 lan0", "one more interface, at once and at every start"},
	{"coppice network attach db back --ip 10.9.0.5 --isolated", "with an address of one's choice"},
};
static const struct cmd_example detach_examples[] = {{"coppice network detach web1 eth1", "and its addresses are free again"}};
static const struct cmd_example bridge_examples[] = {
	{"coppice network bridge-host eth0", "bridge br0 takes over from eth0; back after a minute if the connection is lost"},
};
static const struct cmd_example confirm_examples[] = {{"coppice network confirm br0", "after bridge-host: the new bridge works"}};

const struct cmd cmd_network_attach = {
	.noun = "network",
	.name = "attach",
	.foreign = "connect,join,plug",
	.args = "CONTAINER NETWORK",
	.help = "give a container an interface on a network",
	.text = "Written into its config (coppice.network), and made at once in one that runs.",
	CMD_OPTS(attach_opts),
	CMD_EXAMPLES(attach_examples),
	.min = 2,
	.max = 2,
	.group = GROUP_NETWORK,
	.topic = TOPIC_NIC,
	.complete = {COMPLETE_CONTAINER, COMPLETE_NETWORK},
	.run = run_attach,
};

const struct cmd cmd_network_detach = {
	.noun = "network",
	.name = "detach",
	.foreign = "disconnect,leave,unplug",
	.args = "CONTAINER NIC",
	.help = "take an interface away from a container",
	.text = "NIC is its name inside, as 'coppice show' tells it. Refused for the interface that published ports lead to.",
	CMD_EXAMPLES(detach_examples),
	.min = 2,
	.max = 2,
	.group = GROUP_NETWORK,
	.topic = TOPIC_NIC,
	.complete = {COMPLETE_CONTAINER, COMPLETE_NONE},
	.run = run_detach,
};

const struct cmd cmd_network_bridge__host = {
	.noun = "network",
	.name = "bridge-host",
	.args = "DEVICE",
	.help = "move the host's own interface to a bridge",
	.text = "For containers that shall be on the same network as the host (lxc.net.0.link = br0). Addresses, routes and hardware address of DEVICE move to a new "
		"bridge, all or nothing. Over the network this could cut you off: unless 'coppice network confirm' comes in time, everything goes back by itself.\n\n"
		"Nothing is written into the host's configuration: the lines that make it last are printed.",
	CMD_OPTS(bridge_opts),
	CMD_EXAMPLES(bridge_examples),
	.min = 1,
	.max = 1,
	.group = GROUP_NETWORK,
	.run = run_bridge_host,
};

const struct cmd cmd_network_confirm = {
	.noun = "network",
	.name = "confirm",
	.args = "BRIDGE",
	.help = "keep what bridge-host has done",
	CMD_EXAMPLES(confirm_examples),
	.min = 1,
	.max = 1,
	.group = GROUP_NETWORK,
	.run = run_confirm,
};
