/* filter.c - the compiled system call filter of a container: the default one, or a policy of the administrator's in LXC's format.
 *
 * Compiling takes tens of milliseconds in a helper program; the result is kept by everything it depends on (for a policy: its text), so a start only reads it. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"
#include "linux/scfilter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLICY_MAX ((size_t)1 << 20)

/* What is to be compiled. */
struct wanted {
	const struct scfilter_profile *standard;
	const char *path; /* of a policy, else NULL */
	struct buf text;
};

static int run_helper(const struct wanted *w, int in_fd, struct buf *filter, struct buf *log, char helper[512], struct err *e)
{
	const char *argv[4] = {helper};
	struct proc_run run = {.argv = argv, .in_fd = in_fd, .cwd_fd = FD_NONE, .out = filter, .log = log, .deadline = clock_deadline(60000)};
	int n = 1, status = 0, r = engine_helper("coppice-filter", helper, e);

	if (r < 0)
		return r;
	if (w->path)
		argv[n++] = "--policy";
	if (!w->path && w->standard->nesting)
		argv[n++] = "--nesting";
	if (!w->path && w->standard->privileged)
		argv[n] = "--privileged";
	r = proc_run(&run, &status);
	return r < 0 ? err_sys(e, r, "run '%s'", helper) : status;
}

/* The helper's "LINE: what", made "FILE:LINE: what". */
static int bad_policy(const struct wanted *w, char *text, struct err *e)
{
	char safe[400], *nl = strchr(text, '\n');

	if (nl)
		*nl = '\0';
	format_safe(text, safe, sizeof(safe));
	return err_set(e, ERR_INPUT, EINVAL, "%s:%s", w->path, safe);
}

static void tell_notes(struct coppice *c, const struct wanted *w, char *text)
{
	struct buf notes = BUF_INIT;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		buf_printf(&notes, "%s:%s\n", w->path, line);
	engine_note_lines(c, &notes);
	buf_done(&notes);
}

static int compile(struct coppice *c, const struct wanted *w, struct buf *filter, struct err *e)
{
	autodone(buf_done) struct buf log = BUF_INIT;
	autoclose int in_fd = FD_NONE;
	char helper[512];
	int r;

	if (w->path) {
		in_fd = fd_sealed("policy", buf_str(&w->text), w->text.len);
		if (in_fd < 0)
			return err_sys(e, in_fd, "hand over the policy");
	}
	r = run_helper(w, in_fd, filter, &log, helper, e);
	if (r < 0)
		return r;
	if (r == 2 && w->path && log.len)
		return bad_policy(w, log.data, e);
	if (r != 0 || filter->len == 0)
		return err_set(e, ERR_SYSTEM, EIO, "'%s' ended with status %d: %.200s", helper, r, buf_str(&log));
	if (w->path && log.len)
		tell_notes(c, w, log.data);
	return 0;
}

static int read_policy(const char *path, struct buf *text, struct err *e)
{
	autoclose int fd = FD_NONE;
	struct stat st;
	int r;

	/* looked at before it is opened, too: opening a device may do things */
	r = stat(path, &st) < 0 ? -errno : 0; /* rule: plain-paths: the host administrator's own file */
	if (r == 0 && S_ISREG(st.st_mode)) {
		fd = fd_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
	}
	if (r == 0 && !S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, EINVAL, "lxc.seccomp.profile: '%s' is not a regular file", path);
	if (r == 0)
		r = fd_read_regular(fd, text, POLICY_MAX);
	return r < 0 ? err_sys(e, r, "lxc.seccomp.profile: read '%s'", path) : 0;
}

/* FNV-1a. What is kept under it was written by us in a directory of root's; a name that two policies share by chance is out of reach at 128 bits. */
static uint64_t digest(const struct buf *text, uint64_t h)
{
	for (size_t i = 0; i < text->len; i++)
		h = (h ^ (unsigned char)text->data[i]) * UINT64_C(1099511628211);
	return h;
}

static void policy_key(const struct wanted *w, char out[112])
{
	char standard[64];

	/* policy version, architecture and library are in the default one's name */
	scfilter_key(w->standard, standard);
	(void)snprintf(out, 112, "policy-%016llx%016llx-%zu-%s", (unsigned long long)digest(&w->text, UINT64_C(14695981039346656037)),
		       (unsigned long long)digest(&w->text, UINT64_C(0x9e3779b97f4a7c15)), w->text.len, standard);
}

static int find_or_compile(struct coppice *c, const struct wanted *w, bool look, char ret[512], struct err *e)
{
	autodone(buf_done) struct buf filter = BUF_INIT;
	autoclose int dir = FD_NONE;
	char key[112];
	int r;

	if (w->path)
		policy_key(w, key);
	else
		scfilter_key(w->standard, key);
	(void)snprintf(ret, 512, "%s/cache/%s", c->root, key);
	if (access(ret, R_OK) == 0)
		return 0;
	engine_trace(c, "compile the system call filter");
	r = compile(c, w, &filter, e);
	if (r < 0 || look)
		return r;
	dir = path_mkdirs_beneath(c->store.dir, "cache", 0700);
	r = dir < 0 ? dir : path_replace_file(dir, key, buf_str(&filter), filter.len, 0400);
	return r < 0 ? err_sys(e, r, "keep the system call filter in '%s'", ret) : 0;
}

int engine_filter(struct coppice *c, const struct spec *s, bool look, char ret[512], struct err *e)
{
	const struct scfilter_profile p = {.nesting = s->nesting, .privileged = s->privileged};
	struct wanted w = {.standard = &p, .path = s->seccomp_profile};
	int r;

	ret[0] = '\0';
	if (s->seccomp_off)
		return 0;
	r = engine_store(c, e);
	if (r == 0 && w.path)
		r = read_policy(w.path, &w.text, e);
	if (r < 0 && w.path && spec_where(s, "lxc.seccomp.profile"))
		(void)err_wrap(e, "%s", spec_where(s, "lxc.seccomp.profile"));
	if (r == 0)
		r = find_or_compile(c, &w, look, ret, e);
	buf_done(&w.text);
	return r;
}
