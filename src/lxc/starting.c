/* starting.c - settings for one start, as lxc-start and lxc-execute take them. */
#include "lxc/starting.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CONFIG_MAX ((size_t)1 << 20)

void starting_done(struct starting *s)
{
	arena_done(&s->arena);
	buf_done(&s->config);
}

static int add(struct starting *s, const char *text, struct err *e)
{
	if (!text)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (s->count == STARTING_SET_MAX)
		return lxc_usage(e, "more than %d settings", STARTING_SET_MAX);
	s->set[s->count++] = text;
	s->set[s->count] = NULL;
	return 0;
}

int starting_set(struct starting *s, const char *key, const char *value, struct err *e)
{
	return add(s, arena_printf(&s->arena, "%s+=%s", key, value), e);
}

int starting_define(struct starting *s, const char *pair, struct err *e)
{
	const char *key = pair + strspn(pair, " \t"), *eq = strchr(key, '=');
	const char *end = eq;

	while (end && end > key && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (!eq || end == key)
		return lxc_usage(e, "-s: '%s' is not KEY=VALUE", pair);
	eq++;
	eq += strspn(eq, " \t");
	/* without a value the key is cleared, not added to */
	return add(s, *eq ? arena_printf(&s->arena, "%.*s+=%s", (int)(end - key), key, eq) : arena_printf(&s->arena, "%.*s=", (int)(end - key), key), e);
}

int starting_share(struct starting *s, int id, const char *value, struct err *e)
{
	static const struct {
		int id;
		const char *key;
	} kinds[] = {{STARTING_SHARE_NET, "lxc.namespace.share.net"},
		     {STARTING_SHARE_IPC, "lxc.namespace.share.ipc"},
		     {STARTING_SHARE_UTS, "lxc.namespace.share.uts"},
		     {STARTING_SHARE_PID, "lxc.namespace.share.pid"}};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].id == id)
			return starting_set(s, kinds[i].key, value, e);
	return 1;
}

int starting_config(struct lxc *l, struct starting *s, const char **ret, struct err *e)
{
	autoclose int fd = FD_NONE;
	int r;

	*ret = NULL;
	if (!l->rcfile)
		return 0;
	fd = fd_open(AT_FDCWD, l->rcfile, O_RDONLY | O_NOCTTY, 0);
	r = fd < 0 ? fd : fd_read_all(fd, &s->config, CONFIG_MAX);
	if (r < 0) {
		(void)err_sys(e, r, "read '%s'", l->rcfile);
		return err_what(e, "cannot read the configuration file");
	}
	if (buf_failed(&s->config))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (strlen(buf_str(&s->config)) != s->config.len)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' holds a NUL byte", l->rcfile);
	*ret = buf_str(&s->config);
	return 0;
}
