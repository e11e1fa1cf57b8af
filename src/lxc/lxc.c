/* lxc.c - from argv to a command: which one, its flags, the system file, the engine, and what is said when it fails. */
#include "lxc/lxc.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"
#include "lxc/man.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_CONF "/etc/lxc/lxc.conf"
#define PATHS_MAX 32
#define SYSTEM_LOGS "/var/log/lxc"

enum { OPT_RCFILE = 1000, OPT_USAGE, OPT_VERSION };

static const struct lxc_opt common[] = {
	{'n', "name", "NAME", "name of the container", NULL},
	{'P', "lxcpath", "PATH", "directory of the containers", NULL},
	{'o', "logfile", "FILE", "also write messages to FILE", NULL},
	{'l', "logpriority", "LEVEL", "least level that is logged: TRACE to FATAL", NULL},
	{'q', "quiet", NULL, "print no messages", NULL},
	{OPT_RCFILE, "rcfile", "FILE", "configuration file instead of the container's own", NULL},
	{'?', "help", NULL, "print this", NULL},
	{OPT_USAGE, "usage", NULL, "print a short usage", NULL},
	{OPT_VERSION, "version", NULL, "print the version of LXC whose commands these are like", NULL},
};

static const struct lxc_cmd *const cmds[] = {
#define X(name) &lxc_cmd_##name,
	LXC_CMD_LIST(X)
#undef X
};

const struct lxc_cmd *const *lxc_cmds(size_t *ret_count)
{
	*ret_count = ARRAY_LEN(cmds);
	return cmds;
}

const struct lxc_opt *lxc_common_opts(size_t *ret_count)
{
	*ret_count = ARRAY_LEN(common);
	return common;
}

static const struct lxc_cmd *find(const char *program)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;

	for (size_t i = 0; i < ARRAY_LEN(cmds); i++)
		if (strcmp(cmds[i]->program, name) == 0)
			return cmds[i];
	return NULL;
}

bool lxc_is_program(const char *program)
{
	return find(program) != NULL;
}

/* ---- what is said ---- */

static void tell_line(const struct lxc *l, const char *word, const char *text)
{
	char safe[1024];

	if (!text[0])
		return;
	format_safe(text, safe, sizeof(safe));
	if (!l->quiet)
		fprintf(stderr, "%s: %s %s\n", l->cmd->program, word, safe);
	log_write(&l->log, LOG_LEVEL_ERROR, "command", "%s%s", strcmp(word, "error:") == 0 ? "" : word, safe);
}

/* The engine's hints name native commands, which would look in another directory when -P was said: where one of LXC's does the same, that one; the others are told the directory. */
static void own_hint(const struct lxc *l, struct err *e)
{
	static const struct {
		const char *native, *ours;
	} same[] = {{"coppice list", "lxc-ls"},	    {"coppice start ", "lxc-start -n "}, {"coppice stop ", "lxc-stop -n "},	  {"coppice show ", "lxc-info -n "},
		    {"coppice exec ", "lxc-attach -n "}, {"coppice shell ", "lxc-attach -n "}, {"coppice delete ", "lxc-destroy -n "}, {"coppice console ", "lxc-console -n "}};
	/* about no container */
	static const char *const anywhere[] = {"coppice config keys", "coppice config check /", "coppice doctor", "coppice help "};
	char hint[sizeof(e->hint)];

	for (size_t i = 0; i < ARRAY_LEN(anywhere); i++)
		if (strncmp(e->hint, anywhere[i], strlen(anywhere[i])) == 0)
			return;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		size_t len = strlen(same[i].native);
		const char *rest = e->hint + len;

		if (strncmp(e->hint, same[i].native, len) != 0 || strchr(rest, ' ') || (*rest && same[i].native[len - 1] != ' '))
			continue;
		(void)snprintf(hint, sizeof(hint), "%s%s%s%s", same[i].ours, rest, l->path_said ? " -P " : "", l->path_said ? l->paths[0] : "");
		memcpy(e->hint, hint, sizeof(hint));
		return;
	}
	if (!l->path_said || strncmp(e->hint, "coppice ", 8) != 0)
		return;
	(void)snprintf(hint, sizeof(hint), "coppice --lxcpath %s %s", l->paths[0], e->hint + 8);
	memcpy(e->hint, hint, sizeof(hint));
}

void lxc_tell(const struct lxc *l, struct err *e)
{
	bool what = e->what[0];

	own_hint(l, e);
	tell_line(l, "error:", what ? e->what : e->why);
	tell_line(l, "why:  ", what ? e->why : "");
	tell_line(l, "try:  ", e->hint);
}

int lxc_inner_code(const struct lxc *l, int r, int status, struct err *e)
{
	if (r < 0 && status < 126)
		return r;
	if (r < 0)
		lxc_tell(l, e);
	return status;
}

void lxc_say(const struct lxc *l, const char *fmt, ...)
{
	char text[1024], safe[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	format_safe(text, safe, sizeof(safe));
	if (!l->quiet)
		fprintf(stderr, "%s: %s\n", l->cmd->program, safe);
	log_write(&l->log, LOG_LEVEL_NOTICE, "command", "%s", safe);
}

int lxc_usage(struct err *e, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(e, ERR_INPUT, EINVAL, "%s", text);
	return err_what(e, "the command line was not understood");
}

static void usage_line(const struct lxc_cmd *cmd, FILE *out)
{
	fprintf(out, "Usage: %s %s\n", cmd->program, cmd->synopsis);
}

static void help_rows(const struct lxc_opt *opts, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct lxc_opt *o = &opts[i];
		char left[64];
		bool letter = o->id < 256;

		if (letter && o->word)
			(void)snprintf(left, sizeof(left), "-%c, --%s%s%s", o->id, o->word, o->value ? "=" : "", o->value ?: "");
		else if (letter)
			(void)snprintf(left, sizeof(left), "-%c%s%s", o->id, o->value ? " " : "", o->value ?: "");
		else
			(void)snprintf(left, sizeof(left), "    --%s%s%s", o->word, o->value ? "=" : "", o->value ?: "");
		fprintf(out, "  %-32s %s%s%s%s\n", left, o->help, o->note ? " (" : "", o->note ?: "", o->note ? ")" : "");
	}
}

static int refuse(const struct lxc_cmd *cmd, const char *word, const char *why, struct err *e)
{
	(void)lxc_usage(e, "'%s' %s", word, why);
	return err_hint(e, "%s --help", cmd->program);
}

static int help(const struct lxc_cmd *cmd)
{
	usage_line(cmd, stdout);
	printf("\n%s\n\nOptions:\n", cmd->about);
	help_rows(cmd->opts, cmd->opt_count, stdout);
	printf("\nCommon options:\n");
	help_rows(common, ARRAY_LEN(common), stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* For the build, which installs the page. */
static int man(const struct lxc_cmd *cmd)
{
	autodone(buf_done) struct buf page = BUF_INIT;

	lxc_man(cmd, &page);
	return fwrite(buf_str(&page), 1, page.len, stdout) == page.len && fflush(stdout) == 0 ? 0 : 1;
}

/* ---- the system file ---- */

static char *item_of(const char *text, const char *key)
{
	size_t len = strlen(key);
	char *found = NULL;

	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *at = line + strspn(line, " \t"), *end = at + strcspn(at, "\n");

		if (strncmp(at, key, len) != 0)
			continue;
		at += len + strspn(at + len, " \t");
		if (*at != '=')
			continue;
		at += 1 + strspn(at + 1, " \t");
		while (end > at && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
			end--;
		free(found);
		found = strndup(at, (size_t)(end - at));
	}
	return found;
}

char *lxc_system_item(const char *key)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	const char *conf = getenv("LXC_SYSTEM_CONF"), *home = getenv("HOME");
	char own[512];
	autoclose int fd = FD_NONE;

	if (!conf && geteuid() != 0 && home) {
		(void)snprintf(own, sizeof(own), "%s/.config/lxc/lxc.conf", home);
		conf = own;
	}
	fd = fd_open(AT_FDCWD, conf ?: SYSTEM_CONF, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fd_read_regular(fd, &text, 1 << 16) < 0)
		return NULL;
	return item_of(buf_str(&text), key);
}

/* ---- the command line ---- */

struct parse {
	struct lxc *l;
	char letters[2 * 80];
	struct option words[80];
	const struct lxc_opt *rows[80];
	size_t count;
};

static void add_row(struct parse *p, const struct lxc_opt *o)
{
	size_t len = strlen(p->letters);
	bool maybe = o->value && o->value[0] == '[';

	for (size_t i = 0; i < p->count; i++)
		if (p->rows[i]->id == o->id || (o->word && p->rows[i]->word && strcmp(p->rows[i]->word, o->word) == 0))
			return; /* the command has one of its own */
	if (p->count + 1 >= ARRAY_LEN(p->rows))
		return;
	if (o->word)
		p->words[p->count] = (struct option){o->word, o->value ? (maybe ? optional_argument : required_argument) : no_argument, NULL, o->id};
	else
		p->words[p->count] = (struct option){"", no_argument, NULL, o->id}; /* keeps the rows in step; no long option is empty */
	p->rows[p->count++] = o;
	if (o->id < 256 && o->id != '?')
		(void)snprintf(p->letters + len, sizeof(p->letters) - len, "%c%s", o->id, !o->value ? "" : maybe ? "::" : ":");
}

static int parse_level(struct lxc *l, const char *value, struct err *e)
{
	int level = log_level_parse(value);

	if (level < 0)
		return lxc_usage(e, "-l: '%s' is no level: TRACE, DEBUG, INFO, NOTICE, WARN, ERROR, CRIT, ALERT or FATAL", value);
	l->log.level = level;
	l->log.level_said = true;
	return 0;
}

/* 1: a flag of the command's own. */
static int take_common(struct lxc *l, int id, const char *value, struct err *e)
{
	switch (id) {
	case 'n':
		l->name = value;
		return 0;
	case 'P':
		if (l->path_count == PATHS_MAX)
			return lxc_usage(e, "more than %d -P", PATHS_MAX);
		l->paths[l->path_count++] = value;
		l->path_said = true;
		return 0;
	case 'o':
		l->log_file = value;
		return 0;
	case 'l':
		return parse_level(l, value, e);
	case 'q':
		l->quiet = true;
		return 0;
	case OPT_RCFILE:
		l->rcfile = value;
		return 0;
	default:
		return 1;
	}
}

static bool is_own(const struct lxc_cmd *cmd, int id)
{
	for (size_t i = 0; i < cmd->opt_count; i++)
		if (cmd->opts[i].id == id)
			return true;
	return false;
}

/* Exit code of a flag that ends it all (--help), -1 to go on, below: -errno - 1. */
static int parse_flags(struct parse *p, int argc, char **argv, int *ret_exit, struct err *e)
{
	struct lxc *l = p->l;
	int id, index = -1, r = 0;

	opterr = 0;
	while ((id = getopt_long(argc, argv, p->letters, p->words, &index)) != -1) {
		if (id == '?' && index < 0 && !(optind > 1 && strcmp(argv[optind - 1], "-?") == 0))
			return refuse(l->cmd, argv[optind - 1], "is no option, or lacks its value", e);
		index = -1;
		if (id == '?' || id == OPT_USAGE || id == OPT_VERSION || (id == 'h' && !is_own(l->cmd, id))) {
			*ret_exit = 0;
			if (id == OPT_USAGE)
				usage_line(l->cmd, stdout);
			else if (id == OPT_VERSION)
				printf("%s\n", LXC_LIKE);
			else
				*ret_exit = help(l->cmd);
			if ((id == '?' || id == 'h') && l->cmd->more_help)
				r = l->cmd->more_help(l, e);
			return r < 0 ? r : 1;
		}
		r = is_own(l->cmd, id) ? 1 : take_common(l, id, optarg, e);
		if (r == 1)
			r = l->cmd->option(l, id, optarg, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Words: the name when it was not said by -n, then the rest. A name before "--" has been moved behind it (getopt(3)), so there the first word is the name, as for LXC; not where a
 * command of the container's begins behind it, nor where there need be no name. */
static int take_words(struct lxc *l, int argc, char **argv, struct err *e)
{
	bool behind = strcmp(argv[optind - 1], "--") == 0;

	if (l->cmd->name != LXC_NAME_NONE && !l->name && optind < argc && (!behind || (l->cmd->name == LXC_NAME_NEEDED && !l->cmd->inner)))
		l->name = argv[optind++];
	if (optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	l->args = argv + optind;
	l->arg_count = (size_t)(argc - optind);
	if (l->cmd->name == LXC_NAME_NEEDED && (!l->name || !*l->name)) {
		(void)lxc_usage(e, "no container name specified: -n NAME");
		return err_hint(e, "%s --help", l->cmd->program);
	}
	return 0;
}

static int parse(struct lxc *l, int argc, char **argv, int *ret_exit, struct err *e)
{
	struct parse p = {.l = l};
	int r;

	/* "+": what follows an inner command is that command's. The name comes first, so flags behind it are still ours. */
	if (l->cmd->inner)
		(void)snprintf(p.letters, sizeof(p.letters), "+");
	for (size_t i = 0; i < l->cmd->opt_count; i++)
		add_row(&p, &l->cmd->opts[i]);
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		add_row(&p, &common[i]);
	if (!is_own(l->cmd, 'h')) /* as LXC's, beside -? */
		(void)snprintf(p.letters + strlen(p.letters), sizeof(p.letters) - strlen(p.letters), "h");
	r = parse_flags(&p, argc, argv, ret_exit, e);
	if (r == 0 && l->cmd->inner && !l->name && l->cmd->name != LXC_NAME_NONE && optind < argc && argv[optind][0] != '-' && strcmp(argv[optind - 1], "--") != 0) {
		l->name = argv[optind++];
		r = parse_flags(&p, argc, argv, ret_exit, e);
	}
	if (r == 0 && l->path_count > 1 && !l->cmd->many_paths)
		return lxc_usage(e, "this command takes one -P");
	return r == 0 ? take_words(l, argc, argv, e) : r;
}

static void take_note(void *data, const char *text)
{
	lxc_say(data, "note: %s", text);
}

int lxc_engine(struct lxc *l, const char *path, struct coppice **ret, struct err *e)
{
	struct coppice_options o = {.lxcpath = path ?: l->paths[0], .lenient = true, .note = take_note, .note_data = l, .log = &l->log};
	autofree char *pattern = NULL, *use = NULL;
	int r = 0;

	if (l->engine && strcmp(l->engine_path, o.lxcpath) != 0)
		coppice_close(&l->engine);
	if (!l->engine) {
		if (geteuid() != 0) {
			r = coppice_user_enter(e);
			o.user = true;
		}
		pattern = lxc_system_item("lxc.cgroup.pattern");
		o.cgroup_pattern = pattern;
		use = lxc_system_item("lxc.cgroup.use");
		o.cgroup_use = use;
		if (r == 0)
			r = coppice_open(&o, &l->engine, e);
		l->engine_path = o.lxcpath;
	}
	if (r == 0)
		*ret = l->engine;
	return r < 0 ? r : 0;
}

int lxc_seconds(const char *flag, const char *value, uint64_t *ret_ms, struct err *e)
{
	if (parse_duration_ms(value, ret_ms) < 0)
		return lxc_usage(e, "%s: '%s' is no time: seconds such as 5 or 0.5, or 500ms, 2m", flag, value);
	return 0;
}

int lxc_volume_size(const char *flag, const char *value, uint64_t *ret, struct err *e)
{
	size_t digits = strspn(value, "0123456789.");
	const char *unit = value + digits + strspn(value + digits, " \t");
	char text[64];
	int n = snprintf(text, sizeof(text), "%.*s%c%s", (int)digits, value, *unit ? toupper((unsigned char)*unit) : 'M', *unit ? unit + 1 : "");

	if (n < 0 || n >= (int)sizeof(text) || parse_size(text, ret) < 0 || !*ret)
		return lxc_usage(e, "%s: '%s' is no size such as 512M or 4G", flag, value);
	return 0;
}

/* ---- the log ---- */

static int open_said(struct lxc *l, struct err *e)
{
	char cwd[256] = "";

	l->log.fd = log_open_file(l->log_file);
	if (l->log.fd < 0) {
		(void)err_sys(e, l->log.fd, "open '%s'", l->log_file);
		l->log.fd = FD_NONE;
		return err_what(e, "cannot open the log file");
	}
	/* others may find it again by a path that is not /dev/stderr */
	if (!log_is_plain(l->log.fd) || strncmp(l->log_file, "/dev/", 5) == 0 || strncmp(l->log_file, "/proc/", 6) == 0)
		return 0;
	if (l->log_file[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_sys(e, errno, "find the working directory");
	if (snprintf(l->log.path, sizeof(l->log.path), "%s%s%s", cwd, l->log_file[0] == '/' ? "" : "/", l->log_file) >= (int)sizeof(l->log.path))
		return lxc_usage(e, "-o: the path is longer than %zu bytes", sizeof(l->log.path) - 1);
	return 0;
}

/* Only a level was said: LXC's usual place, for a container that is there. Nobody asked for this very file, so nothing fails for it. */
static void open_usual(struct lxc *l)
{
	char path[512], dir[512];
	int n;

	if (!l->name || !*l->name || strchr(l->name, '/'))
		return;
	n = snprintf(dir, sizeof(dir), "%s/%s", l->paths[0], l->name);
	if (n < 0 || n >= (int)sizeof(dir) || access(dir, F_OK) < 0)
		return;
	if (geteuid() == 0 && strcmp(l->paths[0], "/var/lib/lxc") == 0)
		n = snprintf(path, sizeof(path), SYSTEM_LOGS "/%s.log", l->name);
	else
		n = snprintf(path, sizeof(path), "%s/%s.log", dir, l->name);
	if (n < 0 || n >= (int)sizeof(path))
		return;
	l->log.fd = log_open_file(path);
	if (l->log.fd < 0)
		l->log.fd = FD_NONE;
}

static int open_log(struct lxc *l, struct err *e)
{
	l->log.command = l->cmd->program;
	l->log.name = l->name;
	l->log.file_said = l->log_file != NULL;
	if (l->log_file && strcmp(l->log_file, "none") == 0) {
		l->log.level = LOG_LEVEL_OFF;
		l->log.level_said = true;
		return 0;
	}
	if (l->log_file && !l->log.level_said)
		l->log.level = LOG_LEVEL_ERROR;
	if (l->log_file)
		return open_said(l, e);
	if (l->log.level_said)
		open_usual(l);
	return 0;
}

int lxc_main(int argc, char **argv)
{
	const char *paths[PATHS_MAX + 1] = {NULL}, *env = getenv("COPPICE_LXCPATH");
	struct lxc l = {.cmd = find(argv[0]), .paths = paths, .log = LOG_INIT};
	char *system = NULL, usual[256];
	struct err e = {0};
	int status = 0, r;

	if (!l.cmd)
		return 1;
	if (argc == 2 && strcmp(argv[1], "--man") == 0)
		return man(l.cmd);
	l.data = calloc(1, l.cmd->data_size ?: 1);
	if (!l.data)
		return 1;
	r = parse(&l, argc, argv, &status, &e);
	if (r == 0 && !l.path_count) {
		system = env && *env ? NULL : lxc_system_item("lxc.lxcpath");
		if (!system || !*system)
			r = coppice_default_lxcpath(usual, &e);
		paths[l.path_count++] = system && *system ? system : usual;
	}
	if (r == 0)
		r = open_log(&l, &e);
	if (r == 0 && l.cmd->no_words && l.arg_count)
		lxc_say(&l, "note: '%s' is left out: %s", l.args[0], l.cmd->name == LXC_NAME_NONE ? "no word is known here" : "one container at a time");
	if (r == 0) {
		r = l.cmd->run(&l, &e);
		status = r;
	}
	if (r < 0) {
		lxc_tell(&l, &e);
		status = l.cmd->failure ?: 1;
	}
	if (l.engine)
		coppice_close(&l.engine);
	if (fflush(stdout) != 0 && status == 0)
		status = 1;
	log_close(&l.log);
	free(system);
	free(l.data);
	return status;
}
