/* making.c - see making.h. */
#include "cli/making.h"

#include "base/fd.h"
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_MAX (1u << 20) /* what the engine reads at most */

bool making_is_pair(const char *text)
{
	const char *eq = strchr(text, '=');

	return eq && eq > text;
}

/* Appends a file or, for "-", standard input. */
static int read_config(struct cli *cli, const char *file, struct buf *out)
{
	autoclose int fd = FD_NONE;
	struct err e = {0};
	int r;

	if (strcmp(file, "-") != 0) {
		fd = fd_open(AT_FDCWD, file, O_RDONLY, 0);
		if (fd < 0) {
			(void)err_sys(&e, fd, "open '%s'", file);
			(void)err_what(&e, "cannot read configuration text");
			(void)err_hint(&e, "ls -l %s", file);
			return fail_as(cli, e.kind == ERR_MISSING ? FAIL_MISSING : FAIL_INPUT, &e);
		}
	}
	r = fd_read_all(fd >= 0 ? fd : STDIN_FILENO, out, CONFIG_MAX);
	if (r == -EFBIG)
		return fail_usage(cli, "the configuration text is too long", "at most 1 MiB is read");
	if (r < 0) {
		(void)err_sys(&e, r, "read '%s'", file);
		(void)err_what(&e, "cannot read configuration text");
		return fail(cli, &e);
	}
	if (memchr(buf_str(out), '\0', out->len))
		return fail_usage(cli, "the configuration text is not text", "it has a NUL byte");
	if (out->len && out->data[out->len - 1] != '\n')
		buf_putc(out, '\n');
	return 0;
}

static const char *add_pair(struct arena *a, const char *key, const char *value, const char ***pairs, size_t *count)
{
	const char **slot = arena_push(a, pairs, count, sizeof(**pairs));

	return slot ? (*slot = arena_printf(a, "%s=%s", key, value)) : NULL;
}

/* "none" and "empty" are types, everything else is the name of a network and what follows it. */
static const char *add_network(struct arena *a, const char *network, const char ***pairs, size_t *count)
{
	bool type = strcmp(network, "none") == 0 || strcmp(network, "empty") == 0;

	return add_pair(a, type ? "lxc.net.0.type" : "coppice.network+", network, pairs, count);
}

/* The options that are sugar over configuration keys become pairs before the user's own, so that --set has the last word. NULL-ended. */
static int make_pairs(struct cli *cli, struct args *args, const char *const **ret)
{
	static const struct {
		const char *option, *key;
	} sugar[] = {{"memory", "coppice.memory"}, {"cpus", "coppice.cpus"},  {"pids", "coppice.pids"},
		     {"network", NULL},		   {"port", "coppice.port+"}, {"tag", "coppice.tag+"}};
	const struct opt_value *set = args_opt(args, "set");
	struct arena *a = &args->arena;
	const char **pairs = NULL;
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; i < ARRAY_LEN(sugar); i++) {
		const struct opt_value *v = args_opt(args, sugar[i].option);

		/* an empty value would clear a list instead of adding to it */
		for (unsigned k = 0; v->list && k < v->count; k++)
			if (!v->list[k][0])
				return fail_usage(cli, "an option has an empty value", "--network, --port and --tag each need a word");
		if (ok && v->count && !v->list)
			ok = add_pair(a, sugar[i].key, v->text, &pairs, &count);
		for (unsigned k = 0; ok && v->list && k < v->count; k++)
			ok = sugar[i].key ? add_pair(a, sugar[i].key, v->list[k], &pairs, &count) : add_network(a, v->list[k], &pairs, &count);
	}
	if (ok && args_has(args, "privileged"))
		ok = add_pair(a, "coppice.privileged", "1", &pairs, &count);
	for (unsigned i = 0; i < set->count; i++) {
		const char **slot;

		if (!making_is_pair(set->list[i]))
			return fail_usage(cli, "'--set' needs KEY=VALUE", "'coppice config keys' lists the keys");
		slot = ok ? arena_push(a, &pairs, &count, sizeof(*pairs)) : NULL;
		ok = slot != NULL;
		if (ok)
			*slot = set->list[i];
	}
	if (ok && count)
		ok = arena_push(a, &pairs, &count, sizeof(*pairs)) != NULL; /* the zeroed element ends the list */
	if (!ok) {
		struct err e = {0};

		(void)err_sys(&e, ENOMEM, "read the options");
		return fail(cli, &e);
	}
	*ret = pairs;
	return 0;
}

/* BASE [NAME...] [-], or [NAME...] [-] with --rootfs. */
static int read_words(struct cli *cli, struct args *args, struct making *m, bool *ret_stdin)
{
	size_t count = args->count;
	char name[64], version[72];

	*ret_stdin = count > 0 && strcmp(args->words[count - 1], "-") == 0;
	count -= *ret_stdin;
	m->create.rootfs = args_text(args, "rootfs");
	if (!m->create.rootfs) {
		if (count == 0)
			return fail_usage(cli, "a base is needed", "it is the first word; 'coppice base list' shows them, --rootfs DIR does without");
		m->create.base = args->words[0];
		if (parse_base_ref(m->create.base, name, version) < 0)
			return fail_usage(cli, "this cannot be the name of a base", "it is NAME or NAME@VERSION, letters and digits first");
		m->names_at = 1;
	} else if (m->create.rootfs[0] != '/') {
		return fail_usage(cli, "'--rootfs' needs an absolute directory", "a container outlives the directory it was made from");
	}
	m->names = count - m->names_at;
	for (size_t i = 0; i < m->names; i++)
		if (!parse_is_name(args->words[m->names_at + i]))
			return fail_usage(cli, "this cannot be the name of a container",
					  "a name starts with a letter or digit and goes on with letters, digits, '_', '.' or '-', at most 63 in all");
	return 0;
}

int making_read(struct cli *cli, struct args *args, struct making *m)
{
	const char *config = args_text(args, "config");
	bool from_stdin = false;
	int code = read_words(cli, args, m, &from_stdin);

	if (code)
		return code;
	if (from_stdin && config && strcmp(config, "-") == 0)
		return fail_usage(cli, "standard input can be read once", "it is named twice");
	code = make_pairs(cli, args, &m->create.set);
	if (code == 0 && config)
		code = read_config(cli, config, &m->config);
	if (code == 0 && from_stdin)
		code = read_config(cli, "-", &m->config);
	if (code)
		return code;
	m->create.config = m->config.len ? buf_str(&m->config) : NULL;
	cli->base = m->create.base;
	m->create.mode = args_text(args, "mode");
	m->create.dry_run = cli->dry_run;
	if (args_has(args, "privileged"))
		cli_warn(cli, "privileged: root in the container is root on this host; use it for what you would run as root here");
	return 0;
}

void making_done(struct making *m)
{
	buf_done(&m->config);
}
