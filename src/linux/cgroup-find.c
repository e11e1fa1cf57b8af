/* cgroup-find.c - a container's init, found by what the kernel knows alone: its records may be lost, its cgroup is not. */
#include "linux/cgroup-internal.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* "NSpid:\t4711\t1": one namespace below the reader's, and pid 1 there. Processes that entered later, and inits of nested containers,
 * look different. */
static bool is_init(uint32_t pid)
{
	char path[32], status[4096], *at, *inner;
	uint32_t outer_pid, inner_pid;

	(void)snprintf(path, sizeof(path), "/proc/%u/status", pid);
	if (fd_read_file(AT_FDCWD, path, status, sizeof(status)) < 0)
		return false;
	at = strstr(status, "\nNSpid:\t");
	if (!at || strstr(status, "\nState:\tZ"))
		return false;
	at += strlen("\nNSpid:\t");
	at[strcspn(at, "\n")] = '\0';
	inner = strchr(at, '\t');
	if (!inner)
		return false;
	*inner++ = '\0';
	return parse_u32(at, &outer_pid) == 0 && outer_pid == pid && parse_u32(inner, &inner_pid) == 0 && inner_pid == 1;
}

static int find_init(int dir, unsigned depth, pid_t *ret_pid) /* NOLINT(misc-no-recursion) */
{
	autodone(buf_done) struct buf procs = BUF_INIT;
	autoclosedir DIR *d = fd_open_dir(dir, ".", 0);
	const struct dirent *e;
	char *save = NULL;
	uint32_t pid;
	int r = cg_read_procs(dir, &procs);

	/* a threaded node lists no processes (EOPNOTSUPP), those below may */
	for (char *line = r == 0 && procs.len ? strtok_r(procs.data, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		if (parse_u32(line, &pid) == 0 && pid > 1 && is_init(pid)) {
			*ret_pid = (pid_t)pid;
			return 0;
		}
	}
	while (d && depth && (e = cg_dir_next(d))) {
		autoclose int child = path_open_beneath(dir, e->d_name, O_PATH | O_DIRECTORY, 0);

		if (child >= 0 && find_init(child, depth - 1, ret_pid) == 0)
			return 0;
	}
	return -ESRCH;
}

int cgroup_find_init(const struct facts *f, const char *group, pid_t *ret_pid)
{
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	autoclose int node = FD_NONE;
	char path[CG_PATH_MAX];
	int r = cg_group_path(group, path, NULL);

	if (r == 0)
		r = cg_roots_open(f, 0, &roots);
	if (r < 0)
		return r;
	node = cg_node_find(&roots, &roots.v2, path);
	return node < 0 ? node : find_init(node, CG_GUEST_DEPTH + 1, ret_pid);
}
