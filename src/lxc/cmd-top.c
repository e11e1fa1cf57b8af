/* cmd-top.c - lxc-top: what running containers use, refreshed. One pass of the engine for all of them; between two it sleeps until the time, a key, or a resize. */
#include "base/clock.h"
#include "base/fd.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"
#include "lxc/figures.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define USEC_PER_TICK 10000 /* figures of the batch form are in hundredths of a second */
#define ROWS_DEFAULT 25
#define ROWS_FRAME 3        /* two of the header, one of the totals */

enum { OPT_DELAY = 'd', OPT_BATCH = 'b', OPT_SORT = 's', OPT_REVERSE = 'r' };

static const struct lxc_opt opts[] = {
	{OPT_DELAY, "delay", "SECONDS", "time between two looks (3), fractions too", NULL},
	{OPT_BATCH, "batch", NULL, "lines for a program, without a terminal", NULL},
	{OPT_SORT, "sort", "KEY", "by n(ame), c(pu), b(lock i/o), m(emory), s (memory and swap), k(ernel memory)", NULL},
	{OPT_REVERSE, "reverse", NULL, "the other way round", NULL},
};

struct data {
	uint64_t delay_ms;
	bool batch, reverse;
	char sort;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case OPT_DELAY:
		return lxc_seconds("-d", value, &d->delay_ms, e);
	case OPT_SORT:
		if (!value[0] || !strchr("ncbmsk", value[0]))
			return lxc_usage(e, "-s: '%s' is none of n, c, b, m, s, k", value);
		d->sort = value[0];
		return 0;
	default:
		d->batch |= id == OPT_BATCH;
		d->reverse |= id == OPT_REVERSE;
		return 0;
	}
}

/* ---- figures ---- */

static uint64_t known(uint64_t n)
{
	return n == UINT64_MAX ? 0 : n;
}

/* Not known is nothing used. */
static void make_known(struct coppice_info *i)
{
	uint64_t *const all[] = {&i->cpu_usec, &i->cpu_user_usec, &i->cpu_system_usec, &i->io_read, &i->io_write, &i->io_ops, &i->memory, &i->swap, &i->kernel_memory};

	for (size_t k = 0; k < ARRAY_LEN(all); k++)
		*all[k] = known(*all[k]);
}

static void add_up(struct coppice_info *t, const struct coppice_info *i)
{
	t->cpu_usec += i->cpu_usec;
	t->cpu_user_usec += i->cpu_user_usec;
	t->cpu_system_usec += i->cpu_system_usec;
	t->io_read += i->io_read;
	t->io_write += i->io_write;
	t->memory += i->memory;
	t->swap += i->swap;
	t->kernel_memory += i->kernel_memory;
}

static int compare(const struct coppice_info *a, const struct coppice_info *b, char sort)
{
	uint64_t x = 0, y = 0;

	switch (sort) {
	case 'c':
		x = a->cpu_usec;
		y = b->cpu_usec;
		break;
	case 'b':
		x = a->io_read + a->io_write;
		y = b->io_read + b->io_write;
		break;
	case 'm':
		x = a->memory;
		y = b->memory;
		break;
	case 's':
		x = a->memory + a->swap;
		y = b->memory + b->swap;
		break;
	case 'k':
		x = a->kernel_memory;
		y = b->kernel_memory;
		break;
	default:
		return strcmp(a->name, b->name);
	}
	return x == y ? strcmp(a->name, b->name) : x > y ? -1 : 1; /* who uses most comes first */
}

static int by_key(const void *a, const void *b, void *data)
{
	const struct data *d = data;
	int r = compare(a, b, d->sort);

	return d->reverse ? -r : r;
}

/* ---- lines ---- */

static void print_head(const struct coppice_info *total)
{
	printf("\033[7m\033[1m%-18s %12s %12s %12s %36s %10s", "Container", "CPU", "CPU", "CPU", "BlkIO", "Mem");
	printf("%s%s\n", total->memory + total->swap ? "      MemSw" : "", total->kernel_memory ? "       KMem" : "");
	printf("%-18s %12s %12s %12s %36s %10s", "Name", "Used", "Sys", "User", "Total(Read/Write)", "Used");
	printf("%s%s\n\033[0m", total->memory + total->swap ? "       Used" : "", total->kernel_memory ? "       Used" : "");
}

static void print_line(const char *name, const struct coppice_info *i, const struct coppice_info *total)
{
	char all[24], in[24], out[24], io[80], mem[24];

	lxc_size(i->io_read + i->io_write, ".00   ", all);
	lxc_size(i->io_read, ".00   ", in);
	lxc_size(i->io_write, ".00   ", out);
	lxc_size(i->memory, ".00   ", mem);
	(void)snprintf(io, sizeof(io), "%s(%s/%s)", all, in, out);
	printf("%-18.18s %12.2f %12.2f %12.2f %36s %10s", name, (double)i->cpu_usec / 1e6, (double)i->cpu_system_usec / 1e6, (double)i->cpu_user_usec / 1e6, io, mem);
	if (total->memory + total->swap) {
		lxc_size(i->memory + i->swap, ".00   ", mem);
		printf(" %10s", mem);
	}
	if (total->kernel_memory) {
		lxc_size(i->kernel_memory, ".00   ", mem);
		printf(" %10s", mem);
	}
}

static void print_batch(const struct coppice_info *i)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	printf("%lld,%s,%llu,%llu,%llu,%llu,%llu,%llu,%llu,%llu\n", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, i->name, (unsigned long long)i->cpu_usec * 1000,
	       (unsigned long long)(i->cpu_system_usec / USEC_PER_TICK), (unsigned long long)(i->cpu_user_usec / USEC_PER_TICK), (unsigned long long)(i->io_read + i->io_write),
	       (unsigned long long)i->io_ops, (unsigned long long)i->memory, (unsigned long long)(i->memory + i->swap), (unsigned long long)i->kernel_memory);
}

static unsigned terminal_rows(void)
{
	struct winsize ws;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > ROWS_FRAME ? ws.ws_row : ROWS_DEFAULT;
}

static void print_screen(const struct coppice_info *list, size_t count)
{
	unsigned room = terminal_rows() - ROWS_FRAME;
	struct coppice_info total = {0};
	size_t shown = count < room ? count : room;
	char name[32];

	for (size_t i = 0; i < count; i++)
		add_up(&total, &list[i]);
	printf("\033[H\033[J");
	print_head(&total);
	for (size_t i = 0; i < shown; i++) {
		print_line(list[i].name, &list[i], &total);
		printf("\n");
	}
	(void)snprintf(name, sizeof(name), "TOTAL %zu of %zu", shown, count);
	print_line(name, &total, &total);
}

static int look(struct coppice *c, struct data *d, struct err *e)
{
	struct coppice_info *list;
	size_t count, used = 0;
	int r = coppice_list(c, COPPICE_INFO_USAGE | COPPICE_INFO_DETAIL, &list, &count, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (list[i].init_pid) {
			if (used != i)
				list[used] = list[i];
			make_known(&list[used++]);
		}
	qsort_r(list, used, sizeof(*list), by_key, d);
	if (!d->batch)
		print_screen(list, used);
	for (size_t i = 0; d->batch && i < used; i++)
		print_batch(&list[i]);
	free(list);
	(void)fflush(stdout);
	return 0;
}

/* ---- the loop ---- */

/* False: it is over. */
static bool take_key(struct data *d)
{
	char key;

	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q')
		return false;
	if (key == 'r')
		d->reverse = !d->reverse;
	else if (key == d->sort)
		d->reverse = !d->reverse;
	else if (key && strchr("ncbmsk", key))
		d->sort = key;
	return true;
}

static int loop(struct coppice *c, struct data *d, int signals, struct err *e)
{
	struct pollfd p[2] = {{.fd = signals, .events = POLLIN}, {.fd = d->batch ? -1 : STDIN_FILENO, .events = POLLIN}};

	for (;;) {
		uint64_t deadline = clock_deadline(d->delay_ms);
		struct signalfd_siginfo si;
		int r = look(c, d, e);

		if (r < 0)
			return r;
		if (ferror(stdout))
			return 0;
		if (poll(p, 2, clock_left_ms(deadline)) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait");
		if (p[0].revents && read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si) && si.ssi_signo != SIGWINCH)
			return 0;
		if (p[1].revents && !take_key(d))
			return 0;
	}
}

static int set_terminal(struct termios *old, struct err *e)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, old) < 0) {
		(void)err_set(e, ERR_INPUT, ENOTTY, "standard input is no terminal");
		return err_hint(e, "lxc-top -b");
	}
	raw = *old;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0 ? err_sys(e, errno, "set up the terminal") : 0;
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	autoclose int signals = FD_NONE;
	struct termios old;
	struct coppice *c;
	sigset_t set;
	int r = lxc_engine(l, NULL, &c, e);

	if (r == 0 && !d->batch)
		r = set_terminal(&old, e);
	if (r < 0)
		return r;
	d->delay_ms = d->delay_ms ?: 3000;
	d->sort = d->sort ?: 'n';
	(void)sigemptyset(&set);
	for (size_t i = 0; i < 4; i++)
		(void)sigaddset(&set, (int[]){SIGINT, SIGQUIT, SIGTERM, SIGWINCH}[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->batch)
		printf("time_ms,container,cpu_nanos,cpu_sys_userhz,cpu_user_userhz,blkio_bytes,blkio_iops,mem_used_bytes,memsw_used_bytes,kernel_mem_used_bytes\n");
	r = signals < 0 ? err_sys(e, errno, "wait for signals") : loop(c, d, signals, e);
	if (!d->batch) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		printf("\n");
	}
	return r;
}

const struct lxc_cmd lxc_cmd_top = {.program = "lxc-top",
				    .about = "show what running containers use, again and again",
				    .synopsis = "[-d SECONDS] [-b] [-s n|c|b|m|s|k] [-r]",
				    .name = LXC_NAME_NONE,
				    .no_words = true,
				    .opts = opts,
				    .opt_count = ARRAY_LEN(opts),
				    .data_size = sizeof(struct data),
				    .option = option,
				    .run = run};
