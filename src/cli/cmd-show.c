/* cmd-show.c - all that is known about a container, on four lines or as JSON. */
#include "base/clock.h"
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/infoview.h"
#include "cli/out.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <stdlib.h>
#include <string.h>

static void put_size(struct buf *b, uint64_t bytes)
{
	char text[16] = "-";

	if (bytes != UINT64_MAX)
		format_size(bytes, text);
	buf_puts(b, text);
}

static void line_state(struct buf *b, const struct coppice_info *i, const char *indent, bool colour)
{
	char when[32], age[16];
	int64_t now = clock_unix();

	buf_printf(b, "%s%s%s%s%s", cli_colour(colour, COLOUR_BOLD), i->name, cli_colour(colour, COLOUR_OFF), indent, coppice_state_name(i->state));
	if (infoview_is_up(i)) {
		format_time(i->started, when);
		format_age(now > i->started ? (uint64_t)(now - i->started) : 0, age);
		buf_printf(b, " since %s (%s)", when, age);
	}
	if (i->init_pid > 0)
		buf_printf(b, ", pid %d", i->init_pid);
	if (infoview_is_up(i) && i->monitor_alive)
		buf_printf(b, ", monitor %d", i->monitor_pid);
	else if (infoview_is_up(i))
		buf_puts(b, ", monitor lost (the next command adopts it)");
	if (!infoview_is_up(i) && i->last_exit >= 0)
		buf_printf(b, ", last exit %d", i->last_exit);
	if (i->restarts)
		buf_printf(b, ", restarted %u times", i->restarts);
	buf_printf(b, ", starts at boot: %s%s\n", i->autostart ? "yes" : "no", i->ephemeral ? ", deleted when it stops" : "");
}

static void line_base(struct buf *b, const struct coppice_info *i)
{
	if (i->base[0]) {
		buf_puts(b, "  base      ");
		infoview_base(i, b);
		buf_printf(b, ", %s%s%s", i->mode, i->base_level[0] ? ", sealed " : "", i->base_level);
		if (i->base_old)
			buf_puts(b, ", a newer version is current");
	} else {
		buf_printf(b, "  root      %s", i->mode[0] ? i->mode : "its own directory");
	}
	if (i->private_bytes != UINT64_MAX) {
		buf_puts(b, " · private ");
		put_size(b, i->private_bytes);
	}
	if (i->private_files != UINT64_MAX && i->private_bytes != UINT64_MAX)
		buf_printf(b, " (%llu files)", (unsigned long long)i->private_files);
	buf_putc(b, '\n');
}

static void line_limits(struct buf *b, const struct coppice_info *i)
{
	/* The kernel says what limits there are, and it knows of a container that runs only. */
	const char *unknown = infoview_is_up(i) ? "none" : "-";

	buf_puts(b, "  limits    memory ");
	if (i->memory_max == UINT64_MAX)
		buf_puts(b, unknown);
	else
		put_size(b, i->memory_max);
	if (i->memory != UINT64_MAX) {
		buf_puts(b, " (");
		put_size(b, i->memory);
		buf_puts(b, " used");
		if (i->memory_peak != UINT64_MAX) {
			buf_puts(b, ", peak ");
			put_size(b, i->memory_peak);
		}
		buf_putc(b, ')');
	}
	if (i->swap != UINT64_MAX && i->swap > 0) {
		buf_puts(b, " · swap ");
		put_size(b, i->swap);
		buf_puts(b, " used");
	}
	buf_puts(b, " · pids ");
	if (i->pids_max == UINT64_MAX)
		buf_puts(b, unknown);
	else
		buf_printf(b, "%llu", (unsigned long long)i->pids_max);
	if (i->pids != UINT64_MAX)
		buf_printf(b, " (%llu used)", (unsigned long long)i->pids);
	if (i->cpu_usec != UINT64_MAX)
		buf_printf(b, " · cpu %.1f s used", (double)i->cpu_usec / 1e6);
	if (i->oom_kills != UINT64_MAX && i->oom_kills > 0)
		buf_printf(b, " · %llu killed for want of memory", (unsigned long long)i->oom_kills);
	buf_putc(b, '\n');
}

/* One line an interface; the traffic of a single one behind it, that of several on a line of its own. */
static void line_network(struct buf *b, const struct coppice_info *i)
{
	const char *at = i->addresses;

	if (!*at)
		return;
	for (const char *label = "network"; *at; label = "") {
		size_t len = strcspn(at, " "), name = strcspn(at, "=");

		buf_printf(b, "  %-10s", label);
		if (name < len)
			buf_printf(b, "%.*s ", (int)name, at);
		for (size_t k = name < len ? name + 1 : 0; k < len; k++) {
			buf_putc(b, at[k]);
			if (at[k] == ',')
				buf_putc(b, ' ');
		}
		at += len + (at[len] == ' ');
		if (!*at && i->rx_bytes != UINT64_MAX && i->tx_bytes != UINT64_MAX) {
			buf_puts(b, strchr(i->addresses, ' ') ? "\n            received " : " · received ");
			put_size(b, i->rx_bytes);
			buf_puts(b, ", sent ");
			put_size(b, i->tx_bytes);
		}
		buf_putc(b, '\n');
	}
}

/* "ports     *:8080 -> 80, 127.0.0.1:53 -> 53/udp" */
static void line_ports(struct buf *b, const struct coppice_port *ports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct coppice_port *p = &ports[i];

		buf_printf(b, i ? ", " : "  %-10s", "ports");
		buf_printf(b, strchr(p->bind, ':') ? "[%s]:%u" : "%s:%u", p->bind[0] ? p->bind : "*", p->host);
		if (p->count > 1)
			buf_printf(b, "-%u", p->host + p->count - 1);
		buf_printf(b, " -> %u", p->inside);
		if (p->count > 1)
			buf_printf(b, "-%u", p->inside + p->count - 1);
		if (strcmp(p->protocol, "tcp") != 0)
			buf_printf(b, "/%s", p->protocol);
	}
	if (count)
		buf_putc(b, '\n');
}

static void line_security(struct buf *b, const struct coppice_info *i)
{
	if (i->privileged)
		buf_puts(b, "  security  privileged: root inside is root on this host\n");
	else if (i->id_first)
		buf_printf(b, "  security  unprivileged, uid 0 -> %u\n", i->id_first);
	else
		buf_puts(b, "  security  unprivileged, id range chosen at the first start\n");
}

static void line_text(struct buf *b, const char *label, const char *text)
{
	if (!text[0])
		return;
	buf_printf(b, "  %-10s", label);
	out_safe(b, text);
	buf_putc(b, '\n');
}

static void show_human(struct cli *cli, struct coppice *c, const struct coppice_info *i)
{
	autofree struct coppice_port *ports = NULL;
	struct err ignored = {0};
	size_t port_count = 0;
	struct buf *b = &cli->out;
	size_t len = strlen(i->name);
	char indent[16] = "  ";

	/* States stand in one column with the other lines' values when the name is short. */
	for (size_t k = 2; len + k < 12 && k + 1 < sizeof(indent); k++) {
		indent[k] = ' ';
		indent[k + 1] = '\0';
	}
	line_state(b, i, indent, cli->out_colour);
	line_base(b, i);
	line_limits(b, i);
	line_network(b, i);
	if (coppice_port_list(c, i->name, &ports, &port_count, &ignored) == 0) /* what is broken is told as the state */
		line_ports(b, ports, port_count);
	line_security(b, i);
	line_text(b, "tags", i->tags);
	line_text(b, "note", i->note);
}

static void show_all(struct cli *cli, struct coppice *c, const struct coppice_info *infos, size_t count)
{
	struct view view = infoview;
	struct selection sel;

	if (cli_human(cli)) {
		for (size_t i = 0; i < count; i++) {
			if (i)
				buf_putc(&cli->out, '\n');
			show_human(cli, c, &infos[i]);
		}
		return;
	}
	view.schema = "coppice.show/1";
	/* Everything, in every form: that is what show is for. */
	sel = (struct selection){.sort = -1};
	for (size_t i = 0; i < view.count; i++)
		sel.column[sel.count++] = (unsigned)i;
	out_rows(cli, &(struct out_job){.view = &view, .sel = &sel, .rows = infos, .count = count, .size = sizeof(*infos)});
}

static int run(struct cli *cli, struct args *args)
{
	autofree struct coppice_info *infos = NULL;
	const char *const *names = NULL;
	struct coppice *c = NULL;
	struct err e = {0};
	size_t count = 0, used = 0, failed = 0;
	int code = CLI_OK;

	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (targets_resolve(cli, args, args->count, &names, &count, &e) < 0)
		return fail_as(cli, e.kind == ERR_MISSING ? FAIL_NO_MATCH : e.kind == ERR_INPUT ? FAIL_USAGE : fail_code_of(cli, &e), &e);
	infos = calloc(count + 1, sizeof(*infos));
	if (!infos)
		return CLI_FAILED;
	for (size_t i = 0; i < count; i++) {
		err_clear(&e);
		if (coppice_info(c, names[i], COPPICE_INFO_USAGE | COPPICE_INFO_DISK | COPPICE_INFO_TRAFFIC | COPPICE_INFO_BASE, &infos[used], &e) >= 0) {
			used++;
			continue;
		}
		(void)err_what(&e, "cannot show '%s'", names[i]);
		code = target_fail(cli, c, names[i], &e);
		failed++;
	}
	show_all(cli, c, infos, used);
	return failed && used ? CLI_PARTIAL : code;
}

static const struct opt_def opts[] = {TARGET_ALL};

static const struct cmd_example examples[] = {
	{"coppice show web1", "state, base, limits and security at a glance"},
	{"coppice show web1 -f json", "the same and more for programs"},
};

const struct cmd cmd_show = {
	.name = "show",
	.foreign = "info,inspect,describe",
	.args = "SELECTOR...",
	.help = "show all that is known about containers",
	.text = "Its configuration is shown by config show.\n\n"
		"In the JSON form addresses is one text, \"eth0=10.0.0.2,fd00::2 eth1=10.1.0.2\", with the interfaces apart by a blank; it is null for a "
		"container that is stopped or has none. rx_bytes and tx_bytes are what went through all interfaces but loopback, as the container counts.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(examples),
	.min = 1,
	.max = 65536,
	.flags = CMD_SELECT,
	.group = GROUP_SEE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run,
};
