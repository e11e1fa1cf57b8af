/* account.c - passwd and group lines, bounded. */
#include "engine/account.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PASSWD_MAX ((size_t)1 << 20)

static char *field(char **line)
{
	char *start = *line, *colon;

	if (!start)
		return NULL;
	colon = strchr(start, ':');
	if (colon)
		*colon = '\0';
	*line = colon ? colon + 1 : NULL;
	return start;
}

static int read_text(int rootfd, const char *path, struct buf *text)
{
	autoclose int fd = FD_NONE;

	if (rootfd == AT_FDCWD)
		rootfd = fd = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	if (rootfd < 0)
		return rootfd;
	autoclose int file = path_open_in(rootfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	return file < 0 ? file : fd_read_all(file, text, PASSWD_MAX);
}

static void copy(char *out, size_t size, const char *in)
{
	(void)snprintf(out, size, "%s", in ?: "");
}

/* An absolute path that fits, or nothing: a shortened one would name another place. */
static void copy_path(char *out, size_t size, const char *in)
{
	copy(out, size, in && in[0] == '/' && strlen(in) < size ? in : "");
}

/* 4294967295 is no id: to setresuid(2) and setgroups(2) it means "as before", which here is root. */
static int parse_id(const char *text, uint32_t *ret)
{
	uint32_t id;
	int r = parse_u32(text, &id);

	if (r == 0 && id == UINT32_MAX)
		r = -ERANGE;
	if (r == 0)
		*ret = id;
	return r;
}

/* Fills @ac from the line of @name, or of @uid when @name is NULL. */
static bool find_account(char *text, const char *name, uid_t uid, struct account *ac)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *rest = line, *user = field(&rest);
		uint32_t u, g;

		(void)field(&rest);
		char *uid_text = field(&rest), *gid_text = field(&rest);

		(void)field(&rest);
		char *home = field(&rest), *shell = field(&rest);

		if (!user[0] || !uid_text || !gid_text || parse_id(uid_text, &u) < 0 || parse_id(gid_text, &g) < 0)
			continue;
		if (name ? strcmp(user, name) != 0 : u != uid)
			continue;
		ac->uid = u;
		ac->gid = g;
		copy(ac->name, sizeof(ac->name), strlen(user) < sizeof(ac->name) ? user : ""); /* shortened, it might be a member of somebody else's groups */
		copy_path(ac->home, sizeof(ac->home), home);
		copy_path(ac->shell, sizeof(ac->shell), shell);
		return true;
	}
	return false;
}

static bool is_member(char *members, const char *name)
{
	char *save = NULL;

	for (char *m = members ? strtok_r(members, ",", &save) : NULL; m; m = strtok_r(NULL, ",", &save))
		if (strcmp(m, name) == 0)
			return true;
	return false;
}

static void find_groups(int rootfd, struct account *ac)
{
	struct buf text = BUF_INIT;
	char *save = NULL, *all = NULL;

	ac->groups[ac->group_count++] = ac->gid;
	if (ac->name[0] && read_text(rootfd, "etc/group", &text) == 0)
		all = buf_reserve(&text, 0) ? text.data : NULL;
	for (char *line = all ? strtok_r(all, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *rest = line;
		uint32_t g;

		(void)field(&rest);
		(void)field(&rest);
		char *gid_text = field(&rest);

		if (!gid_text || parse_id(gid_text, &g) < 0 || g == ac->gid || !is_member(rest, ac->name))
			continue;
		if (ac->group_count < ARRAY_LEN(ac->groups))
			ac->groups[ac->group_count++] = g;
	}
	buf_done(&text);
}

int account_resolve(int rootfd, const char *user, struct account *ret, struct err *e)
{
	struct account found_account = {0}, *ac = &found_account;
	struct buf text = BUF_INIT;
	char name[64] = "root", *colon;
	uint32_t uid = 0, gid = 0;
	bool numeric, found = false;

	if (user && strlen(user) >= sizeof(name))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "the user name is too long");
	copy(name, sizeof(name), user ?: "root");
	colon = strchr(name, ':');
	if (colon) {
		*colon = '\0';
		if (parse_id(colon + 1, &gid) < 0)
			return err_set(e, ERR_INPUT, EINVAL, "group '%s' is not a number", colon + 1);
	}
	numeric = parse_u32(name, &uid) == 0;
	if (numeric && parse_id(name, &uid) < 0)
		return err_set(e, ERR_INPUT, ERANGE, "'%s' is not a user id", name);
	if (read_text(rootfd, "etc/passwd", &text) == 0 && text.len)
		found = find_account(text.data, numeric ? NULL : name, uid, ac);
	buf_done(&text);
	if (!found && !numeric && strcmp(name, "root") != 0)
		return err_set(e, ERR_MISSING, ENOENT, "the container has no user '%s'", name);
	if (!found) {
		ac->uid = uid;
		ac->gid = 0;
	}
	if (colon)
		ac->gid = gid;
	if (!ac->home[0])
		copy(ac->home, sizeof(ac->home), ac->uid == 0 ? "/root" : "/");
	if (!ac->shell[0])
		copy(ac->shell, sizeof(ac->shell), "/bin/sh");
	find_groups(rootfd, ac);
	*ret = *ac;
	return 0;
}
