/* owner.c - see owner.h. */
#include "image/owner.h"

#include "base/fd.h"
#include "base/path.h"
#include "image/pkgdb.h"
#include "image/tree.h"

#include <fcntl.h>
#include <string.h>

#define LIST_MAX (8u << 20)

/* A list may name usr/bin/ls as /bin/ls, from before the directories were merged. */
static bool same_path(const char *listed, size_t len, const char *path)
{
	if (len > 0 && listed[0] == '/') {
		listed++;
		len--;
	}
	if (strlen(path) == len && memcmp(path, listed, len) == 0)
		return true;
	return strncmp(path, "usr/", 4) == 0 && strlen(path + 4) == len && memcmp(path + 4, listed, len) == 0;
}

static void look_in_list(const char *text, const char *package, size_t package_len, struct arena *a, struct owner_query *q, size_t count)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		for (size_t i = 0; i < count; i++)
			if (q[i].path && !q[i].owner && same_path(text, len, q[i].path))
				q[i].owner = arena_strndup(a, package, package_len);
		text += len + (text[len] == '\n');
	}
}

void owner_find(int root, struct arena *a, struct owner_query *queries, size_t count)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int info = path_open_in(root, PKGDB_DPKG "/info", O_RDONLY | O_DIRECTORY, 0);

	if (info < 0 || tree_list(info, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		autodone(buf_done) struct buf text = BUF_INIT;
		const char *name = names.names[i], *dot = strrchr(name, '.');

		if (!dot || strcmp(dot, ".list") != 0 || tree_read(info, name, &text, LIST_MAX) < 0)
			continue;
		look_in_list(buf_str(&text), name, (size_t)(dot - name), a, queries, count);
	}
}
