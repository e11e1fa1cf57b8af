/* cmd-info.c - lxc-info: state, process, addresses and figures of one container, and items of the config it runs with. */
#include "coppice/coppice.h"
#include "lxc/cmds.h"
#include "lxc/figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 256

enum { OPT_KEY = 'c', OPT_IPS = 'i', OPT_PID = 'p', OPT_STATS = 'S', OPT_RAW = 'H', OPT_STATE = 's' };

static const struct lxc_opt opts[] = {
	{OPT_KEY, "config", "KEY", "show item KEY of the config it runs with, again for more", NULL},
	{OPT_IPS, "ips", NULL, "show the addresses", NULL},
	{OPT_PID, "pid", NULL, "show the process id of its init", NULL},
	{OPT_STATS, "stats", NULL, "show what it uses", NULL},
	{OPT_RAW, "no-humanize", NULL, "show plain numbers", NULL},
	{OPT_STATE, "state", NULL, "show the state", NULL},
};

struct data {
	bool ips, pid, stats, raw, state;
	unsigned filters; /* fields asked for: a single one is printed bare when raw */
	const char *keys[KEYS_MAX];
	size_t key_count;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case OPT_KEY:
		if (d->key_count == KEYS_MAX)
			return lxc_usage(e, "more than %d -c", KEYS_MAX);
		d->keys[d->key_count++] = value;
		return 0;
	case OPT_RAW:
		d->raw = true;
		return 0;
	case OPT_STATS:
		d->stats = true;
		d->filters += 5;
		return 0;
	default:
		d->filters++;
		d->ips |= id == OPT_IPS;
		d->pid |= id == OPT_PID;
		d->state |= id == OPT_STATE;
		return 0;
	}
}

static void field(const struct data *d, const char *name, const char *value)
{
	if (d->raw && d->filters == 1)
		printf("%s\n", value);
	else
		printf("%-15s %s\n", name, value);
}

static void bytes(const struct data *d, const char *name, uint64_t n)
{
	char text[24];

	if (n == UINT64_MAX)
		return;
	if (d->raw)
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	else
		lxc_size(n, " bytes", text);
	printf("%-15s %s\n", name, text);
}

struct ips {
	const struct data *d;
	bool six;
};

static void print_ips(void *data, const char *nic, const char *addresses)
{
	const struct ips *ips = data;

	if (strcmp(nic, "lo") == 0)
		return;
	for (const char *at = addresses; *at;) {
		size_t len = strcspn(at, ",");
		char one[64];

		(void)snprintf(one, sizeof(one), "%.*s", (int)len, at);
		if ((strchr(one, ':') != NULL) == ips->six)
			field(ips->d, "IP:", one);
		at += len + (at[len] == ',');
	}
}

static void print_usage(const struct data *d, const struct coppice_info *i)
{
	if (i->cpu_usec != UINT64_MAX && d->raw)
		printf("%-15s %llu\n", "CPU use:", (unsigned long long)i->cpu_usec * 1000);
	else if (i->cpu_usec != UINT64_MAX)
		printf("%-15s %.2f seconds\n", "CPU use:", (double)i->cpu_usec / 1e6);
	if (i->io_read != UINT64_MAX && i->io_write != UINT64_MAX)
		bytes(d, "BlkIO use:", i->io_read + i->io_write);
	bytes(d, "Memory use:", i->memory);
	bytes(d, "KMem use:", i->kernel_memory);
}

static int print_nics(struct coppice *c, const struct lxc *l, struct err *e)
{
	const struct data *d = l->data;
	struct coppice_nic *nics;
	size_t count;
	int r = coppice_nics(c, l->name, &nics, &count, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		printf("%-15s %s\n", "Link:", nics[i].link);
		bytes(d, " TX bytes:", nics[i].tx_bytes);
		bytes(d, " RX bytes:", nics[i].rx_bytes);
		if (nics[i].rx_bytes != UINT64_MAX)
			bytes(d, " Total bytes:", nics[i].rx_bytes + nics[i].tx_bytes);
	}
	free(nics);
	return 0;
}

/* A key that does not exist is told and fails nothing, as in LXC. */
static int print_key(struct coppice *c, const struct lxc *l, const char *key, struct err *e)
{
	const struct data *d = l->data;
	bool bare = d->raw && d->key_count == 1;
	char *value;

	if (coppice_config_item(c, l->name, key, &value, e) < 0) {
		if (e->kind != ERR_INPUT)
			return -e->code;
		err_clear(e);
		(void)fflush(stdout);
		fprintf(stderr, "%s invalid\n", key);
		return 0;
	}
	if (bare)
		printf("%s\n", value);
	else
		printf("%s =%s%s\n", key, value[0] ? " " : "", value);
	free(value);
	return 0;
}

static unsigned wanted(const struct data *d)
{
	return (d->stats ? COPPICE_INFO_USAGE | COPPICE_INFO_KERNEL | COPPICE_INFO_IO : 0) | (d->state ? COPPICE_INFO_FROZEN : 0) | (d->ips ? COPPICE_INFO_INSIDE : 0);
}

/* Known only when it was looked at: then there is nothing to ask for. */
static bool only_loopback(const struct coppice_info *info)
{
	return strncmp(info->inside, "lo=", 3) == 0 && !strchr(info->inside, ' ');
}

static int print_fields(struct coppice *c, const struct lxc *l, const struct coppice_info *info, struct err *e)
{
	const struct data *d = l->data;
	char pid[16];

	if (d->state)
		field(d, "State:", lxc_state_name(info->state));
	if (!info->init_pid)
		return 0;
	(void)snprintf(pid, sizeof(pid), "%d", info->init_pid);
	if (d->pid)
		field(d, "PID:", pid);
	for (int six = 0; d->ips && six < 2; six++)
		lxc_each_nic(info->inside, print_ips, &(struct ips){d, six});
	if (!d->stats)
		return 0;
	print_usage(d, info);
	return only_loopback(info) ? 0 : print_nics(c, l, e);
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	struct coppice_info info;
	struct coppice *c;
	bool all = !d->filters && !d->key_count;
	int r = lxc_engine(l, NULL, &c, e);

	if (all)
		d->state = d->pid = d->ips = d->stats = true;
	if (r == 0)
		r = coppice_info(c, l->name, wanted(d), &info, e);
	if (r < 0 && e->kind == ERR_MISSING) /* LXC's words, which scripts look for */
		(void)snprintf(e->what, sizeof(e->what), "%.200s doesn't exist", l->name);
	if (r < 0)
		return r;
	if (info.state == COPPICE_BROKEN) {
		(void)err_set(e, ERR_INPUT, EINVAL, "%s", info.note);
		return err_what(e, "the config of '%s' cannot be used", l->name);
	}
	if (all)
		field(d, "Name:", info.name);
	r = print_fields(c, l, &info, e);
	for (size_t i = 0; r == 0 && i < d->key_count; i++)
		r = print_key(c, l, d->keys[i], e);
	return r;
}

const struct lxc_cmd lxc_cmd_info = {.program = "lxc-info",
				     .about = "show what a container is doing",
				     .synopsis = "-n NAME [-s] [-p] [-i] [-S] [-H] [-c KEY]...",
				     .name = LXC_NAME_NEEDED,
				     .no_words = true,
				     .opts = opts,
				     .opt_count = ARRAY_LEN(opts),
				     .data_size = sizeof(struct data),
				     .option = option,
				     .exits = "0 also when an item asked for by -c does not exist; that is told on standard error",
				     .run = run};
