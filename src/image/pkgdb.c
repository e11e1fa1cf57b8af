/* pkgdb.c - see pkgdb.h. */
#include "image/pkgdb.h"

#include "base/fd.h"
#include "image/tree.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

struct database {
	const char *name;
	const char *from, *to;
	const char *const *stale; /* names in it that are locks or copies made before a change */
};

static const char *const dpkg_stale[] = {"lock", "lock-frontend", "*-old", NULL};
static const char *const rpm_stale[] = {".rpm.lock", ".dbenv.lock", "__db.*", NULL};

static const struct database databases[] = {
	{"dpkg", "var/lib/dpkg", PKGDB_DPKG, dpkg_stale},
	{"rpm", "var/lib/rpm", "usr/lib/sysimage/rpm", rpm_stale},
};

static int drop_stale(struct job *j, const struct database *db)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int dir = tree_open_dir(j->tree, db->to);
	int r = dir < 0 ? dir : tree_list(dir, &names);

	for (size_t i = 0; i < names.count && r >= 0; i++)
		for (const char *const *p = db->stale; *p && r >= 0; p++)
			if (fnmatch(*p, names.names[i], 0) == 0)
				r = tree_remove(dir, names.names[i]);
	return r < 0 ? r : 0;
}

static int move_one(struct job *j, const struct database *db, struct err *e)
{
	char target[128];
	struct stat st;
	int r;

	if (!tree_is_dir(j->tree, db->from))
		return 0; /* none, or a link already */
	if (tree_stat(j->tree, db->to, &st) == 0) {
		job_warn(j, "package database '%s' stays in place: '%s' exists too", db->from, db->to);
		return 0;
	}
	(void)snprintf(target, sizeof(target), "../../%s", db->to);
	r = tree_mkdir(j->tree, "usr/lib", 0755) ?: tree_mkdir(j->tree, "usr/lib/sysimage", 0755);
	if (r == 0)
		r = tree_rename(j->tree, db->from, db->to);
	if (r == 0)
		r = tree_symlink(j->tree, db->from, target);
	if (r == 0)
		r = drop_stale(j, db);
	return r < 0 ? err_sys(e, r, "move the %s database to '%s'", db->name, db->to) : 0;
}

int pkgdb_move(struct job *j, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
		int r = move_one(j, &databases[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}
