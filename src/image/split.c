/* split.c - see split.h. */
#include "image/split.h"

#include "base/fd.h"
#include "base/path.h"
#include "image/copy.h"
#include "image/rules.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void split_detect(int tree, struct split *ret)
{
	static const char *const names[] = {"bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"};

	_Static_assert(ARRAY_LEN(names) + 1 <= SPLIT_DIRS_MAX, "room for usr and these");
	*ret = (struct split){.common = {"usr"}, .count = 1};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (tree_is_dir(tree, names[i]))
			ret->common[ret->count++] = names[i];
	ret->merged_usr = ret->count == 1;
}

static bool is_at_or_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

bool split_is_common(const struct split *s, const char *path)
{
	for (unsigned i = 0; i < s->count; i++)
		if (is_at_or_below(path, s->common[i]))
			return !is_at_or_below(path, "usr/local");
	return false;
}

char split_part(const struct split *s, const char *path)
{
	for (unsigned i = 0; i < s->count; i++)
		if (strcmp(path, s->common[i]) == 0)
			return 'b'; /* the place to mount on */
	return split_is_common(s, path) || rules_not_in_skel(path) ? 'i' : 'b';
}

static enum copy_verdict choose(void *data, const char *path, const struct stat *st)
{
	(void)st;
	return split_part(data, path) == 'b' ? COPY_TAKE : COPY_SKIP;
}

int split_make_skel(struct job *j, const struct split *s, struct err *e)
{
	autoclose int skel = FD_NONE;
	autodone(copy_done) struct copy c = COPY_INIT(j, FD_NONE, "split");

	if (mkdirat(j->out, "skel", 0700) < 0)
		return err_sys(e, errno, "make directory 'skel'");
	skel = path_open_beneath(j->out, "skel", O_RDONLY | O_DIRECTORY, 0);
	if (skel < 0)
		return err_sys(e, skel, "open directory 'skel'");
	c.root = skel;
	c.choose = choose;
	c.data = (void *)(uintptr_t)s;
	return copy_tree(&c, j->tree, skel, "", e);
}
