/* source-mmdebstrap.c - a fresh Debian (or relative) through the mmdebstrap program, from the package sources this host uses itself.
 *
 * It runs in mount and pid namespaces of its own: what it mounts in the new system and starts there ends with it, also when it or we are
 * killed. */
#include "image/source.h"

#include "base/fd.h"
#include "base/path.h"
#include "image/aptsources.h"
#include "image/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What it says on the way, and about how far along that is. */
static const struct {
	const char *starts;
	int percent;
} stages[] = {
	{"running apt-get update", 5}, {"downloading packages", 15}, {"extracting archives", 40},
	{"installing essential", 50},  {"installing remaining", 65}, {"cleaning package lists", 95},
};

static int tell(void *data, const char *line, struct err *e)
{
	struct job *j = data;

	if (strncmp(line, "I: ", 3) != 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(stages); i++)
		if (strncmp(line + 3, stages[i].starts, strlen(stages[i].starts)) == 0)
			return job_progress(j, e, "bootstrap", stages[i].percent, "%s", line + 3);
	return 0;
}

/* Writes one file of sources into tmp/ and adds it to the arguments. */
static int pass_sources(struct job *j, int tmp, const struct buf *text, const char *name, const char **argv, size_t *n, struct err *e)
{
	char path[64];
	int r;

	if (text->len == 0)
		return 0;
	r = path_replace_file(tmp, name, text->data, text->len, 0644);
	if (r < 0)
		return err_sys(e, r, "write package sources");
	(void)snprintf(path, sizeof(path), "tmp/%s", name);
	argv[*n] = arena_strdup(&j->strings, path);
	return argv[(*n)++] ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
}

static int explain(const struct child *c, int status, const char *suite, struct err *e)
{
	char tail[320];

	(void)err_set(e, ERR_SYSTEM, EIO, "mmdebstrap failed with status %d: %s", status, child_tail(c, tail, sizeof(tail)));
	return err_hint(e, "mmdebstrap --variant=minbase --simulate %s /dev/null", suite);
}

/* Proxies are the one thing of the caller's environment that the download needs. */
static void pass_proxies(struct job *j, const char *env[8])
{
	static const char *const names[] = {"http_proxy", "https_proxy", "no_proxy", "SOURCE_DATE_EPOCH"};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (value && (env[n] = arena_printf(&j->strings, "%s=%s", names[i], value)))
			n++;
	}
	env[n] = NULL;
}

int source_mmdebstrap(struct job *j, const char *suite, struct err *e)
{
	autodone(apt_sources_done) struct apt_sources sources = APT_SOURCES_INIT;
	autodone(child_done) struct child c = CHILD_INIT;
	const char *argv[16], *env[8], *include = NULL;
	autoclose int tmp = FD_NONE;
	char program[64];
	size_t n = 0;
	int status, r;

	if (child_find("mmdebstrap", program) < 0) {
		(void)err_set(e, ERR_UNSUPPORTED, ENOENT, "mmdebstrap is not installed on this host");
		return err_hint(e, "apt-get install mmdebstrap");
	}
	tmp = path_mkdirs_beneath(j->staging, "tmp", 0755);
	r = tmp < 0 ? err_sys(e, tmp, "make 'tmp'") : apt_sources_read(&sources, suite, e);
	if (r < 0)
		return r;
	argv[n++] = program;
	argv[n++] = "--mode=root";
	argv[n++] = "--variant=minbase";
	argv[n++] = "--format=directory";
	if (j->opt->include) {
		include = arena_printf(&j->strings, "--include=%s", j->opt->include);
		if (!include)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		argv[n++] = include;
	}
	argv[n++] = suite;
	argv[n++] = "tree";
	r = pass_sources(j, tmp, &sources.lines, "host.list", argv, &n, e)
		?: pass_sources(j, tmp, &sources.deb822, "host.sources", argv, &n, e);
	if (r < 0)
		return r;
	argv[n] = NULL;
	pass_proxies(j, env);
	c.argv = argv;
	c.env = env;
	c.cwd = j->staging;
	c.own_namespaces = true;
	c.line = tell;
	c.data = j;
	r = job_progress(j, e, "bootstrap", 0, "%s", suite);
	if (r == 0)
		r = child_run(j, &c, &status, e);
	if (r < 0)
		return r;
	if (status)
		return explain(&c, status, suite, e);
	/* It may have made the directory anew. */
	fd_close(&j->tree);
	j->tree = path_open_beneath(j->staging, "tree", O_RDONLY | O_DIRECTORY, 0);
	return j->tree < 0 ? err_sys(e, j->tree, "open the bootstrapped tree") : 0;
}
