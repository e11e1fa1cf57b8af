/* cmd-create.c - lxc-create: the default lines, a root, a template. */
#include "lxc/cmds.h"

#include "coppice/coppice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/lxc/default.conf"

enum { OPT_DIR = 256, OPT_LVNAME, OPT_VGNAME, OPT_THINPOOL, OPT_FSTYPE, OPT_FSSIZE, OPT_ZFSROOT, OPT_RBDNAME, OPT_RBDPOOL, OPT_RBDUSER };

static const struct lxc_opt opts[] = {
	{'t', "template", "TEMPLATE", "a template's name, the path of one, or none for a config without a root", NULL},
	{'f', "config", "FILE", "config that the new one begins with, instead of the default one", NULL},
	{'B', "bdev", "TYPE", "what the root lies in: dir, best, btrfs, loop, lvm", NULL},
	{OPT_DIR, "dir", "DIR", "with dir: the root's directory", NULL},
	{OPT_LVNAME, "lvname", "NAME", "with lvm: name of the volume, else the container's", NULL},
	{OPT_VGNAME, "vgname", "GROUP", "with lvm: volume group, else lxc", NULL},
	{OPT_THINPOOL, "thinpool", "POOL", "with lvm: thin pool", NULL},
	{OPT_FSTYPE, "fstype", "TYPE", "with loop and lvm: file system, else ext4", NULL},
	{OPT_FSSIZE, "fssize", "SIZE", "with loop and lvm: size such as 4G or 512, which are megabytes; else 1G", NULL},
	{OPT_ZFSROOT, "zfsroot", "PATH", "with zfs", "refused: zfs is outside of Linux; make the dataset, then use --dir"},
	{OPT_RBDNAME, "rbdname", "NAME", "with rbd", "refused: map the image with its own tools, then use --dir"},
	{OPT_RBDPOOL, "rbdpool", "POOL", "with rbd", "refused: map the image with its own tools, then use --dir"},
	{OPT_RBDUSER, "rbduser", "USER", "with rbd", "refused: map the image with its own tools, then use --dir"},
};

struct data {
	struct coppice_make make;
};

static int refuse(struct err *e, const char *flag, const char *why)
{
	(void)err_set(e, ERR_UNSUPPORTED, 95, "--%s: %s", flag, why);
	return err_what(e, "this kind of storage is not made here");
}

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct coppice_make *m = &((struct data *)l->data)->make;

	switch (id) {
	case 't':
		m->template = value;
		return 0;
	case 'f':
		m->config = value;
		return 0;
	case 'B':
		m->backing = value;
		return 0;
	case OPT_DIR:
		m->dir = value;
		return 0;
	case OPT_LVNAME:
		m->lv = value;
		return 0;
	case OPT_VGNAME:
		m->vg = value;
		return 0;
	case OPT_THINPOOL:
		m->thin_pool = value;
		return 0;
	case OPT_FSTYPE:
		m->fstype = value;
		return 0;
	case OPT_FSSIZE:
		return lxc_volume_size("--fssize", value, &m->size, e);
	case OPT_ZFSROOT:
		return refuse(e, "zfsroot", "zfs is outside of Linux; make the dataset, then use --dir");
	default:
		return refuse(e, "rbd...", "map the image with its own tools, then use --dir");
	}
}

/* The user's own file wins for a user without root, as in LXC; malloc'd, NULL when there is none. */
static char *default_config(void)
{
	char *said = lxc_system_item("lxc.default_config");
	const char *home = getenv("HOME"), *chosen = said && *said ? said : DEFAULT_CONFIG;
	char own[512] = "";
	char *ret;

	if (home)
		(void)snprintf(own, sizeof(own), "%s/.config/lxc/default.conf", home);
	if (!(said && *said) && own[0] && access(own, R_OK) == 0 && (geteuid() != 0 || access(DEFAULT_CONFIG, R_OK) < 0))
		chosen = own;
	ret = said == chosen || access(chosen, R_OK) == 0 ? strdup(chosen) : NULL;
	free(said);
	return ret;
}

/* As LXC's: lxc-create -t NAME -h tells what may stand behind "--". */
static int more_help(struct lxc *l, struct err *e)
{
	const struct coppice_make *m = &((const struct data *)l->data)->make;

	printf("\nWords behind -- are the template's%s\n", m->template ? ":\n" : "; lxc-create -t TEMPLATE -h tells which it takes.");
	if (m->template && coppice_template_help(m->template, e) < 0)
		return err_what(e, "the template cannot be asked");
	return 0;
}

static int run(struct lxc *l, struct err *e)
{
	struct coppice_make *m = &((struct data *)l->data)->make;
	char *config = NULL, *vg = NULL, *pool = NULL;
	struct coppice *c = NULL;
	int r;

	if (!m->template) {
		(void)lxc_usage(e, "no template was given: -t NAME; none for a config without a root");
		return err_hint(e, "lxc-create -n %s -t busybox", l->name);
	}
	if (!m->config && !l->rcfile)
		m->config = config = default_config();
	else if (!m->config)
		m->config = l->rcfile;
	if (!m->vg)
		m->vg = vg = lxc_system_item("lxc.bdev.lvm.vg");
	if (!m->thin_pool)
		m->thin_pool = pool = lxc_system_item("lxc.bdev.lvm.thin_pool");
	m->args = (const char *const *)l->args;
	r = lxc_engine(l, NULL, &c, e);
	if (r == 0)
		r = coppice_make(c, l->name, m, e);
	free(config);
	free(vg);
	free(pool);
	return r;
}

const struct lxc_cmd lxc_cmd_create = {.program = "lxc-create",
				       .about = "create a container",
				       .synopsis = "-n NAME -t TEMPLATE [OPTION...] [-- TEMPLATE-OPTION...]",
				       .name = LXC_NAME_NEEDED,
				       .opts = opts,
				       .opt_count = ARRAY_LEN(opts),
				       .data_size = sizeof(struct data),
				       .option = option,
				       .run = run,
				       .more_help = more_help};
