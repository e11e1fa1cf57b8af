/* fit.c - see fit.h. */
#include "image/fit.h"

#include "image/inittab.h"
#include "image/tree.h"

#include <errno.h>
#include <string.h>

#define INITTAB "etc/inittab"
#define UNITS "usr/lib/systemd/system"

static int fit_inittab(struct job *j, struct err *e)
{
	autodone(buf_done) struct buf old = BUF_INIT;
	autodone(buf_done) struct buf new = BUF_INIT;
	int r = tree_is_file(j->tree, INITTAB) ? tree_read(j->tree, INITTAB, &old, 65536) : -ENOENT;

	if (r == -ENOENT || r == -EFBIG || strlen(buf_str(&old)) != old.len)
		return 0;
	if (r < 0)
		return err_sys(e, r, "read '%s'", INITTAB);
	if (!inittab_fit(buf_str(&old), &new))
		return 0;
	r = buf_failed(&new) ? -ENOMEM : tree_write(j->tree, INITTAB, buf_str(&new), new.len, 0644);
	return r < 0 ? err_sys(e, r, "write '%s'", INITTAB) : 0;
}

/* In the bind mode /usr/local is a mount that the container may not take away: without this, systemd reports a failure at every stop. */
static int fit_systemd(struct job *j, struct err *e)
{
	static const char dir[] = UNITS "/usr-local.mount.d", file[] = UNITS "/usr-local.mount.d/10-container.conf";
	static const char text[] = "# /usr/local belongs to the container's root: it stays mounted until the container ends.\n"
				   "[Unit]\nDefaultDependencies=no\n";
	int r;

	if (!tree_is_dir(j->tree, UNITS))
		return 0;
	r = tree_mkdir(j->tree, dir, 0755);
	if (r == 0)
		r = tree_write(j->tree, file, text, strlen(text), 0644);
	return r < 0 ? err_sys(e, r, "write '%s'", file) : 0;
}

int fit(struct job *j, struct err *e)
{
	int r = fit_inittab(j, e);

	return r < 0 ? r : fit_systemd(j, e);
}
