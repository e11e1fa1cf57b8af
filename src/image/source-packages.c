/* source-packages.c - a small system out of the running one: the files of chosen packages and of what those need.
 *
 * The package database of the host says which files belong to a package; they are copied from the host, as they are now, and a database
 * that speaks of these packages alone is written beside them. What no package lists but a system needs is added by name: accounts, name
 * service and loader set-up, and the links that package scripts made (alternatives, enabled services) where their targets are in the set.
 * No script is run. */
#include "image/source.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/accounts.h"
#include "image/child.h"
#include "image/copy.h"
#include "image/dpkg.h"
#include "image/hostdb.h"
#include "image/rules.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_MAX (16u << 20)
#define NAMES_MAX (1u << 20)

/* A path of the host and where it goes. */
struct place {
	char parent[4096];    /* as last asked for */
	char canonical[4096]; /* of that parent, without links */
	int host, tree;       /* descriptors of it on both sides */
};

struct pick {
	struct job *j;
	struct copy c;
	struct dpkg db;
	struct hostdb host_db;
	struct place place;
	int host; /* "/" */
	unsigned missing, moved;
};

static void pick_done(struct pick *p)
{
	copy_done(&p->c);
	dpkg_done(&p->db);
	hostdb_done(&p->host_db);
	fd_close(&p->place.host);
	fd_close(&p->place.tree);
	fd_close(&p->host);
}

/* ---- which packages ---- */

static int want_names(struct pick *p, char *text, const char *separators, struct err *e)
{
	for (char *name = text, *next; *(name += strspn(name, separators)); name = next) {
		int r = 0;

		next = name + strcspn(name, separators);
		if (*next)
			*next++ = '\0';
		if (strcmp(name, "essential") == 0)
			(void)dpkg_want_essential(&p->db);
		else
			r = dpkg_want(&p->db, name, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A file of names, blanks or newlines between them, # to the end of a line is a comment. */
static int want_file(struct pick *p, const char *path, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0);
	int r = fd < 0 ? fd : fd_read_all(fd, &text, NAMES_MAX);

	if (r < 0)
		return err_sys(e, r, "read package list '%s'", path);
	for (char *comment = text.data; (comment = strchr(comment, '#'));)
		while (*comment && *comment != '\n')
			*comment++ = ' ';
	return want_names(p, text.data, " \t\r\n", e);
}

static int want_all(struct pick *p, struct err *e)
{
	const struct build_options *o = p->j->opt;
	int r = 0;

	if (strcmp(o->packages, "essential") == 0)
		(void)dpkg_want_essential(&p->db);
	else
		r = want_file(p, o->packages, e);
	if (r == 0 && o->include) {
		char *names = arena_strdup(&p->j->strings, o->include);

		r = names ? want_names(p, names, ",", e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	if (r == 0)
		r = dpkg_close(&p->db, e);
	for (size_t i = 0; i < p->db.gap_count && r == 0; i++)
		job_warn(p->j, "package '%s' needs '%s', which this host does not have either", p->db.gaps[i].pkg, p->db.gaps[i].relation);
	return r;
}

/* ---- one path ---- */

/* Makes the canonical directory in the tree, part by part, each with the host's owner and mode. */
static int make_dirs(struct pick *p, const char *canonical, struct err *e)
{
	struct place *at = &p->place;
	char part[256];

	fd_close(&at->host);
	fd_close(&at->tree);
	at->host = fd_open(p->host, ".", O_RDONLY | O_DIRECTORY, 0);
	at->tree = path_open_beneath(p->j->tree, ".", O_RDONLY | O_DIRECTORY, 0);
	for (const char *from = canonical, *end; *from && at->host >= 0 && at->tree >= 0; from = end + (*end == '/')) {
		char sofar[4096];
		int host, tree, r;

		end = from + strcspn(from, "/");
		(void)snprintf(part, sizeof(part), "%.*s", (int)(end - from), from);
		(void)snprintf(sofar, sizeof(sofar), "%.*s", (int)(end - canonical), canonical);
		r = copy_entry(&p->c, at->host, part, at->tree, part, sofar, e);
		if (r < 0)
			return r == -ENOENT ? err_sys(e, r, "copy '/%s'", sofar) : r;
		host = fd_open(at->host, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		tree = path_open_beneath(at->tree, part, O_RDONLY | O_DIRECTORY, 0);
		fd_close(&at->host);
		fd_close(&at->tree);
		at->host = host;
		at->tree = tree;
	}
	if (at->host < 0 || at->tree < 0)
		return err_sys(e, at->host < 0 ? at->host : at->tree, "open '/%s'", canonical);
	return 0;
}

/* The directory part of @path on both sides. Lists name /lib/x where the file is in /usr/lib: links on the way are resolved on the host,
 * which is trusted. -ENOENT without @e set when the host has no such directory. */
static int enter_parent(struct pick *p, const char *path, struct err *e)
{
	struct place *at = &p->place;
	const char *slash = strrchr(path, '/');
	char parent[4096], link[64];
	autoclose int fd = FD_NONE;
	ssize_t n;

	(void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 0, path);
	if (at->host >= 0 && at->tree >= 0 && strcmp(parent, at->parent) == 0)
		return 0;
	fd = path_open_in(p->host, parent[0] ? parent : ".", O_PATH | O_DIRECTORY, 0);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return -ENOENT;
	if (fd < 0)
		return err_sys(e, fd, "open '/%s'", parent);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, at->canonical, sizeof(at->canonical) - 1);
	if (n <= 0 || n == (ssize_t)sizeof(at->canonical) - 1)
		return err_sys(e, n < 0 ? errno : ENAMETOOLONG, "resolve '/%s'", parent);
	at->canonical[n] = '\0';
	memcpy(at->parent, parent, sizeof(parent));
	return make_dirs(p, at->canonical + 1, e);
}

/* Copies one path of the host to the same place. 0 when done or not wanted, -ENOENT without @e set when the host does not have it. */
static int pick_path(struct pick *p, const char *path, const char *to_name, struct err *e)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char full[4400];
	struct stat st;
	int r;

	if (!*name)
		return 0;
	r = enter_parent(p, path, e);
	if (r < 0)
		return r;
	(void)snprintf(full, sizeof(full), "%s%s%s", p->place.canonical + 1, p->place.canonical[1] ? "/" : "", to_name);
	if (fstatat(p->place.host, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && rules_any(full, &st) == COPY_SKIP)
		return 0;
	return copy_entry(&p->c, p->place.host, name, p->place.tree, to_name, full, e);
}

/* As pick_path, for what may or may not be there. */
static int pick_optional(struct pick *p, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	int r = pick_path(p, path, slash ? slash + 1 : path, e);

	return r == -ENOENT && e->code == 0 ? 0 : r;
}

/* ---- files of packages ---- */

/* A listed path, without its leading slash. Diverted: another package has its file there, ours lies under another name; without that other
 * package it gets its own name back. */
static int pick_listed(struct pick *p, const struct dpkg_pkg *pkg, const char *path, struct err *e)
{
	const struct hostdb_diversion *d = hostdb_diverted(&p->host_db, path, pkg->name);
	const char *source = d ? d->to : path, *slash, *name;
	int r;

	slash = strrchr(source, '/');
	name = slash ? slash + 1 : source;
	if (d && !hostdb_diverter_wanted(d, &p->db)) {
		const char *own = strrchr(path, '/');
		size_t dir = slash ? (size_t)(slash - source) : 0, own_dir = own ? (size_t)(own - path) : 0;

		if (dir != own_dir || strncmp(source, path, dir) != 0) {
			p->moved++;
			return 0;
		}
		name = own ? own + 1 : path;
	}
	r = pick_path(p, source, name, e);
	if (r == -ENOENT && e->code == 0) {
		p->missing++;
		return 0;
	}
	return r;
}

static int pick_package(struct pick *p, const struct dpkg_pkg *pkg, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	char name[256];
	int r = hostdb_read_list(&p->host_db, dpkg_info_name(pkg, name), &text, e);

	if (r < 0)
		return r;
	for (char *line = text.data, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (line[0] != '/' || !line[1] || strcmp(line, "/.") == 0)
			continue;
		r = pick_listed(p, pkg, line + 1, e);
		if (r < 0)
			return err_wrap(e, "package '%s'", pkg->name);
	}
	return 0;
}

static int pick_packages(struct pick *p, struct err *e)
{
	size_t wanted = 0;

	for (size_t i = 0; i < p->db.count; i++)
		wanted += p->db.pkgs[i].wanted;
	for (size_t i = 0, done = 0; i < p->db.count; i++) {
		int r;

		if (!p->db.pkgs[i].wanted)
			continue;
		p->c.percent = (int)(done++ * 100 / wanted);
		r = pick_package(p, &p->db.pkgs[i], e);
		if (r < 0)
			return r;
	}
	if (p->missing)
		job_warn(p->j, "%u files that packages list are not on this host, and so not in the base", p->missing);
	if (p->moved)
		job_warn(p->j, "%u diverted files were left out", p->moved);
	return 0;
}

/* ---- what no package lists ---- */

static int pick_named(struct pick *p, struct err *e)
{
	static const char *const names[] = {
		"etc/passwd",
		"etc/group",
		"etc/shadow",
		"etc/gshadow",
		"etc/nsswitch.conf",
		"etc/ld.so.conf",
		"etc/environment",
		"etc/localtime",
		"etc/timezone",
		"etc/shells",
		"etc/mtab",
		"etc/os-release",
		"etc/profile",
		"etc/inputrc",
		"etc/default/locale",
		"etc/locale.conf",
		"etc/pam.d/common-account",
		"etc/pam.d/common-auth",
		"etc/pam.d/common-password",
		"etc/pam.d/common-session",
		"etc/pam.d/common-session-noninteractive",
		"etc/apt/sources.list",
		"etc/rmt",
		"var/tmp",
		"var/run",
		"var/lock",
		"var/mail",
		"var/local",
		"var/opt",
		"usr/local/bin",
		"usr/local/sbin",
		"usr/local/lib",
		"usr/local/share",
		"usr/local/etc",
		"usr/local/games",
		"usr/local/include",
		"usr/local/src",
		"usr/local/man",
		"usr/src",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int r = pick_optional(p, names[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Every name of a directory of the host that fits. */
static int pick_matching(struct pick *p, const char *dir, const char *pattern, struct err *e)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int fd = tree_open_dir(p->host, dir);
	char path[600];
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : tree_list(fd, &names);

	if (r < 0)
		return err_sys(e, r, "read '/%s'", dir);
	for (size_t i = 0; i < names.count && r == 0; i++) {
		if (fnmatch(pattern, names.names[i], 0) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names.names[i]);
		r = pick_optional(p, path, e);
	}
	return r;
}

static bool exists_in_tree(struct pick *p, const char *path)
{
	autoclose int fd = path_open_in(p->j->tree, path, O_PATH, 0);

	return fd >= 0;
}

/* Links that switch services on: those whose target is in the set. @relative: a link's own directory, for targets that are not absolute. */
static int pick_links(struct pick *p, const char *dir, struct err *e)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int fd = tree_open_dir(p->host, dir);
	char path[600], target[4096], full[4800];
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : tree_list(fd, &names);

	if (r < 0)
		return err_sys(e, r, "read '/%s'", dir);
	for (size_t i = 0; i < names.count && r == 0; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names.names[i]);
		if (tree_readlink(p->host, path, target) < 0)
			continue;
		(void)snprintf(full, sizeof(full), "%s%s%s", target[0] == '/' ? "" : dir, target[0] == '/' ? "" : "/", target);
		if (exists_in_tree(p, full))
			r = pick_optional(p, path, e);
	}
	return r;
}

static int pick_service_links(struct pick *p, struct err *e)
{
	static const char *const fixed[] = {"etc/rc0.d", "etc/rc1.d", "etc/rc2.d", "etc/rc3.d",		"etc/rc4.d",
						"etc/rc5.d", "etc/rc6.d", "etc/rcS.d", "etc/systemd/system"};
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int fd = tree_open_dir(p->host, "etc/systemd/system");
	char path[400];
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : tree_list(fd, &names);

	if (r < 0)
		return err_sys(e, r, "read '/etc/systemd/system'");
	for (size_t i = 0; i < ARRAY_LEN(fixed) && r == 0; i++)
		r = pick_links(p, fixed[i], e);
	for (size_t i = 0; i < names.count && r == 0; i++) {
		(void)snprintf(path, sizeof(path), "etc/systemd/system/%s", names.names[i]);
		if (tree_is_dir(p->host, path))
			r = pick_links(p, path, e);
	}
	return r;
}

static bool package_wanted(const struct pick *p, const char *name)
{
	const struct dpkg_pkg *pkg = dpkg_find(&p->db, name);

	return pkg && pkg->wanted;
}

static int pick_unlisted(struct pick *p, struct err *e)
{
	int r = pick_named(p, e);

	if (r == 0)
		r = pick_matching(p, "etc/ld.so.conf.d", "*.conf", e);
	if (r == 0 && package_wanted(p, "apt"))
		r = pick_matching(p, "etc/apt/sources.list.d", "*.sources", e) ?: pick_matching(p, "etc/apt/sources.list.d", "*.list", e);
	if (r == 0 && package_wanted(p, "ca-certificates"))
		r = pick_optional(p, "etc/ca-certificates.conf", e) ?: pick_matching(p, "etc/ssl/certs", "*.0", e) ?:
			pick_matching(p, "etc/ssl/certs", "*.pem", e) ?: pick_matching(p, "etc/ssl/certs", "*.crt", e);
	return r ? r : pick_service_links(p, e);
}

/* ---- loader ---- */

/* What ldconfig writes to, as it was before. */
struct written {
	const char *path;
	struct stat st;
	bool was_there;
};

static void look_before(int tree, struct written *w, size_t count)
{
	for (size_t i = 0; i < count; i++)
		w[i].was_there = tree_stat(tree, w[i].path, &w[i].st) == 0;
}

/* Nothing in the cache depends on the moment it was made, and nothing else shall show it. */
static int settle(int tree, const struct written *w, size_t count)
{
	int r = tree_remove(tree, "var/cache/ldconfig/aux-cache");

	for (size_t i = 0; i < count && r >= 0; i++) {
		autoclose int fd = FD_NONE;

		if (!w[i].was_there) {
			r = tree_remove(tree, w[i].path);
			continue;
		}
		fd = path_open_in(tree, w[i].path, O_RDONLY | O_DIRECTORY, 0);
		r = fd < 0 ? fd : futimens(fd, (const struct timespec[2]){w[i].st.st_atim, w[i].st.st_mtim}) < 0 ? -errno : 0;
	}
	return r < 0 ? r : 0;
}

/* The loader's cache for the libraries that are there. The program is the host's own, the libraries are copies of the host's. */
static int make_loader_cache(struct pick *p, struct err *e)
{
	autodone(child_done) struct child c = CHILD_INIT;
	const char *argv[] = {NULL, "-i", "-X", "-r", "tree", NULL};
	struct written dirs[] = {{.path = "etc"}, {.path = "var/cache/ldconfig"}, {.path = "var/cache"}, {.path = "var"}};
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	autoclose int etc = path_open_beneath(p->j->tree, "etc", O_RDONLY | O_DIRECTORY, 0);
	char program[64], tail[320];
	int status, r;

	if (child_find("ldconfig", program) < 0 || etc < 0 || !exists_in_tree(p, "etc/ld.so.conf"))
		return 0;
	argv[0] = program;
	c.argv = argv;
	c.cwd = p->j->staging;
	look_before(p->j->tree, dirs, ARRAY_LEN(dirs));
	r = child_run(p->j, &c, &status, e);
	if (r < 0)
		return r;
	if (status)
		job_warn(p->j, "ldconfig ended with status %d: %s", status, child_tail(&c, tail, sizeof(tail)));
	times[1] = dirs[0].st.st_mtim;
	if (utimensat(etc, "ld.so.cache", times, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		return err_sys(e, errno, "set times of 'etc/ld.so.cache'");
	r = settle(p->j->tree, dirs, ARRAY_LEN(dirs));
	return r < 0 ? err_sys(e, r, "set times of directories") : 0;
}

/* ---- alternatives and the database ---- */

static bool alternative_exists(void *data, const char *path)
{
	return exists_in_tree(data, path);
}

static int alternative_link(void *data, const char *link, const char *name, const char *target)
{
	struct pick *p = data;
	char path[600], middle[600];
	struct err e;
	int r;

	err_clear(&e);
	(void)snprintf(middle, sizeof(middle), "/etc/alternatives/%s", name);
	(void)snprintf(path, sizeof(path), "etc/alternatives/%s", name);
	r = enter_parent(p, link + 1, &e);
	if (r < 0)
		return r;
	r = tree_symlink(p->j->tree, link + 1, middle);
	return r ? r : tree_symlink(p->j->tree, path, target);
}

static int write_database(struct pick *p, struct err *e)
{
	const struct alternatives_ops ops = {.exists = alternative_exists, .link = alternative_link, .data = p};
	int r = pick_path(p, "var/lib/dpkg", "dpkg", e);

	if (r == 0)
		r = pick_path(p, "etc/alternatives", "alternatives", e);
	if (r == -ENOENT && e->code == 0)
		r = tree_mkdir(p->j->tree, "etc/alternatives", 0755);
	if (r < 0)
		return e->code ? r : err_sys(e, r, "make the package database");
	return hostdb_write(&p->host_db, &p->db, p->j->tree, &ops, e);
}

static int open_host(struct pick *p, struct err *e)
{
	int r;

	p->host = fd_open(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0);
	if (p->host < 0)
		return err_sys(e, p->host, "open '/'");
	r = hostdb_open(&p->host_db, p->host, &p->db, e);
	return r ? err_hint(e, "coppice base build %s --from host", p->j->opt->name) : 0;
}

#define FILES_PER_PACKAGE 150u

static int prepare_tree(struct pick *p, struct err *e)
{
	uint64_t bytes = 0, wanted = 0;
	struct stat root;
	int r;

	for (size_t i = 0; i < p->db.count; i++) {
		if (!p->db.pkgs[i].wanted)
			continue;
		bytes += p->db.pkgs[i].kib << 10;
		wanted++;
	}
	if (wanted == 0)
		return err_set(e, ERR_INPUT, EINVAL, "no package is chosen");
	job_stage_in_memory(p->j, wanted * FILES_PER_PACKAGE, bytes);
	p->c.root = p->j->tree;
	if (fstat(p->host, &root) < 0)
		return err_sys(e, errno, "stat '/'");
	r = copy_metadata(&p->c, p->host, p->j->tree, &root, "/", e);
	if (r < 0)
		return r;
	/* Where /bin is a link to usr/bin no package says so. */
	for (const char *const *top = rules_host_tops; *top && r == 0; top++) {
		struct stat st;

		if (fstatat(p->host, *top, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
			r = pick_optional(p, *top, e);
	}
	return r;
}

int source_packages(struct job *j, struct err *e)
{
	autodone(pick_done) struct pick p = {.j = j,
					     .c = COPY_INIT(j, j->tree, "copy"),
					     .db = DPKG_INIT,
					     .host_db = HOSTDB_INIT,
					     .place = {.host = FD_NONE, .tree = FD_NONE},
					     .host = FD_NONE};
	int r;

	r = open_host(&p, e);
	if (r == 0)
		r = want_all(&p, e);
	if (r == 0)
		r = prepare_tree(&p, e);
	if (r == 0)
		r = pick_packages(&p, e);
	if (r == 0)
		r = pick_unlisted(&p, e);
	if (r == 0)
		r = write_database(&p, e);
	if (r == 0)
		r = accounts_trim(j->tree, "var/lib/dpkg/info", e);
	if (r == 0)
		r = source_host_skeleton(j, e);
	return r ? r : make_loader_cache(&p, e);
}
