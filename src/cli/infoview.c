/* infoview.c - see infoview.h. */
#include "cli/infoview.h"

#include "base/clock.h"
#include "base/parse.h"
#include "coppice/coppice.h"

#include <string.h>

#define COL(name, expression)                                      \
	static void col_##name(const void *row, struct cell *c)    \
	{                                                          \
		const struct coppice_info *i = row;                \
                                                                   \
		expression;                                        \
	}

/* A count that is only meant when it is not zero. */
static uint64_t or_unknown(uint64_t n)
{
	return n ? n : UINT64_MAX;
}

bool infoview_is_up(const struct coppice_info *i)
{
	return i->started > 0 && i->state != COPPICE_STOPPED;
}

COL(name, cell_text(c, i->name))
COL(state, cell_text(c, coppice_state_name(i->state)))
COL(base, cell_text(c, i->base))
COL(version, cell_text(c, i->version))
COL(level, cell_text(c, i->base_level))
COL(old, if (i->base[0]) cell_bool(c, i->base_old))
COL(mode, cell_text(c, i->mode))
COL(pid, cell_number(c, CELL_NUMBER, i->init_pid > 0 ? (uint64_t)i->init_pid : UINT64_MAX))
COL(monitor, cell_number(c, CELL_NUMBER, i->monitor_pid > 0 ? (uint64_t)i->monitor_pid : UINT64_MAX))
COL(monitored, if (infoview_is_up(i)) cell_bool(c, i->monitor_alive))
COL(started, cell_number(c, CELL_TIME, infoview_is_up(i) ? (uint64_t)i->started : UINT64_MAX))
COL(exit, cell_number(c, CELL_NUMBER, i->last_exit >= 0 ? (uint64_t)i->last_exit : UINT64_MAX))
COL(restarts, cell_number(c, CELL_NUMBER, i->restarts))
COL(cpu, cell_number(c, CELL_NUMBER, i->cpu_usec))
COL(memory, cell_number(c, CELL_BYTES, i->memory))
COL(peak, cell_number(c, CELL_BYTES, i->memory_peak))
COL(memory_max, cell_number(c, CELL_BYTES, i->memory_max))
COL(swap, cell_number(c, CELL_BYTES, i->swap))
COL(pids, cell_number(c, CELL_NUMBER, i->pids))
COL(pids_max, cell_number(c, CELL_NUMBER, i->pids_max))
COL(oom, cell_number(c, CELL_NUMBER, i->oom_kills))
COL(private, cell_number(c, CELL_BYTES, i->private_bytes))
COL(files, cell_number(c, CELL_NUMBER, i->private_files))
COL(addresses, cell_text(c, i->addresses))
COL(rx, cell_number(c, CELL_BYTES, i->rx_bytes))
COL(tx, cell_number(c, CELL_BYTES, i->tx_bytes))
COL(ids, cell_number(c, CELL_NUMBER, or_unknown(i->id_first)))
COL(privileged, cell_bool(c, i->privileged))
COL(ephemeral, cell_bool(c, i->ephemeral))
COL(autostart, cell_bool(c, i->autostart))
COL(note, cell_text(c, i->note))

static void col_tags(const void *row, struct cell *c)
{
	c->kind = CELL_WORDS;
	c->text = ((const struct coppice_info *)row)->tags;
}

static void show_tags(const void *row, struct buf *b)
{
	buf_puts(b, ((const struct coppice_info *)row)->tags);
}

void infoview_base(const struct coppice_info *info, struct buf *b)
{
	buf_puts(b, info->base);
	if (info->base[0] && info->version[0])
		buf_printf(b, "@%.8s", info->version);
}

static void show_base(const void *row, struct buf *b)
{
	const struct coppice_info *i = row;

	infoview_base(i, b);
	if (i->base[0] && i->base_old)
		buf_puts(b, " *");
}

uint64_t infoview_cpu_percent(const struct coppice_info *info, int64_t now)
{
	if (!infoview_is_up(info) || info->cpu_usec == UINT64_MAX || now <= info->started)
		return UINT64_MAX;
	return info->cpu_usec / 10000 / (uint64_t)(now - info->started);
}

/* The first one, and how many more there are: "10.87.1.2 +1". */
static void show_addresses(const void *row, struct buf *b)
{
	const char *text = ((const struct coppice_info *)row)->addresses, *first = strchr(text, '=');
	size_t more = 0;

	if (!first)
		return;
	first++;
	for (const char *p = first; *p; p++)
		more += *p == ',' || *p == '=';
	buf_printf(b, "%.*s", (int)strcspn(first, ", "), first);
	if (more)
		buf_printf(b, " +%zu", more);
}

static void show_cpu(const void *row, struct buf *b)
{
	uint64_t percent = infoview_cpu_percent(row, clock_unix());

	if (percent != UINT64_MAX)
		buf_printf(b, "%llu%%", (unsigned long long)percent);
}

static void show_up(const void *row, struct buf *b)
{
	const struct coppice_info *i = row;
	int64_t now = clock_unix();
	char text[16];

	if (!infoview_is_up(i))
		return;
	format_age(now > i->started ? (uint64_t)(now - i->started) : 0, text);
	buf_puts(b, text);
}

/* What a person should know: the engine's note, a lost monitor, kills for want of memory. */
static void show_note(const void *row, struct buf *b)
{
	const struct coppice_info *i = row;
	size_t from = b->len;

	if (i->note[0])
		buf_puts(b, i->note);
	if (infoview_is_up(i) && !i->monitor_alive)
		buf_printf(b, "%smonitor lost, adopted by the next command", b->len > from ? "; " : "");
	if (i->oom_kills != UINT64_MAX && i->oom_kills > 0)
		buf_printf(b, "%s%llu killed for want of memory", b->len > from ? "; " : "", (unsigned long long)i->oom_kills);
}

#define USAGE COPPICE_INFO_USAGE
#define DISK COPPICE_INFO_DISK
#define TRAFFIC COPPICE_INFO_TRAFFIC

static const struct column columns[] = {
	{.key = "name", .title = "NAME", .flags = COLUMN_TABLE, .get = col_name, .paint = PAINT_NAME},
	{.key = "state", .title = "STATE", .flags = COLUMN_TABLE, .get = col_state, .paint = PAINT_STATE},
	{.key = "base", .title = "BASE", .flags = COLUMN_TABLE, .get = col_base, .show = show_base},
	{.key = "version", .title = "VERSION", .get = col_version},
	{.key = "base_level", .title = "SEAL", .get = col_level},
	{.key = "base_old", .title = "OLD", .get = col_old},
	{.key = "addresses", .title = "ADDRESS", .flags = COLUMN_TABLE, .get = col_addresses, .show = show_addresses},
	{.key = "rx_bytes", .title = "RX", .flags = COLUMN_RIGHT | COLUMN_ASK, .what = TRAFFIC, .get = col_rx},
	{.key = "tx_bytes", .title = "TX", .flags = COLUMN_RIGHT | COLUMN_ASK, .what = TRAFFIC, .get = col_tx},
	{.key = "mode", .title = "MODE", .flags = COLUMN_LONG, .get = col_mode},
	{.key = "pid", .title = "PID", .flags = COLUMN_LONG | COLUMN_RIGHT, .get = col_pid},
	{.key = "monitor_pid", .title = "MONITOR", .flags = COLUMN_RIGHT, .get = col_monitor},
	{.key = "monitor_alive", .title = "MONITORED", .get = col_monitored},
	{.key = "cpu_usec", .title = "CPU", .flags = COLUMN_TABLE | COLUMN_RIGHT, .what = USAGE, .get = col_cpu, .show = show_cpu},
	{.key = "memory", .title = "MEM", .flags = COLUMN_TABLE | COLUMN_RIGHT, .what = USAGE, .get = col_memory},
	{.key = "memory_peak", .title = "PEAK", .flags = COLUMN_RIGHT, .what = USAGE, .get = col_peak},
	{.key = "memory_max", .title = "LIMIT", .flags = COLUMN_RIGHT, .what = USAGE, .get = col_memory_max},
	{.key = "swap", .title = "SWAP", .flags = COLUMN_RIGHT, .what = USAGE, .get = col_swap},
	{.key = "pids", .title = "PIDS", .flags = COLUMN_LONG | COLUMN_RIGHT, .what = USAGE, .get = col_pids},
	{.key = "pids_max", .title = "PIDS-LIMIT", .flags = COLUMN_RIGHT, .what = USAGE, .get = col_pids_max},
	{.key = "oom_kills", .title = "OOM", .flags = COLUMN_RIGHT, .what = USAGE, .get = col_oom},
	{.key = "private_bytes", .title = "PRIVATE", .flags = COLUMN_LONG | COLUMN_RIGHT | COLUMN_ASK, .what = DISK, .get = col_private},
	{.key = "private_files", .title = "FILES", .flags = COLUMN_RIGHT | COLUMN_ASK, .what = DISK, .get = col_files},
	{.key = "started", .title = "UP", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_started, .show = show_up},
	{.key = "last_exit", .title = "EXIT", .flags = COLUMN_RIGHT, .get = col_exit},
	{.key = "restarts", .title = "RESTARTS", .flags = COLUMN_RIGHT, .get = col_restarts},
	{.key = "id_first", .title = "IDS", .flags = COLUMN_RIGHT, .get = col_ids},
	{.key = "privileged", .title = "PRIVILEGED", .get = col_privileged},
	{.key = "ephemeral", .title = "EPHEMERAL", .get = col_ephemeral},
	{.key = "autostart", .title = "AUTOSTART", .get = col_autostart},
	{.key = "tags", .title = "TAGS", .flags = COLUMN_LONG, .get = col_tags, .show = show_tags},
	{.key = "note", .title = "NOTE", .flags = COLUMN_TABLE | COLUMN_BLANK, .get = col_note, .show = show_note},
};

const struct view infoview = {"coppice.list/1", "containers", columns, ARRAY_LEN(columns)};
