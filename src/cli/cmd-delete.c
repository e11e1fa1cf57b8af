/* cmd-delete.c - delete, which asks nothing because it can be undone; undelete. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/out.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include "base/parse.h"

#include <stdio.h>

static int delete_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	const struct coppice_delete *o = data;
	int ret = coppice_delete(c, name, o, e);

	(void)cli;
	if (ret < 0) {
		(void)err_what(e, "cannot delete '%s'", name);
		if (e->kind == ERR_STATE && !o->force)
			(void)err_hint(e, "coppice delete %s --force", name);
		return ret;
	}
	r->changed = ret == 0;
	r->state = !r->changed ? "absent" : o->purge ? "purged" : "deleted";
	if (!o->purge && r->changed)
		r->hint = "undo: coppice undelete";
	return 0;
}

static int run_delete(struct cli *cli, struct args *args)
{
	struct coppice_delete o = {
		.force = args_has(args, "force"),
		.if_exists = args_has(args, "if-exists"),
		.purge = args_has(args, "purge"),
	};
	struct target_op op = {.run = delete_one, .data = &o, .was = "does not exist", .would = "would be deleted"};

	return targets_run(cli, args, args->count, &op);
}

/* ---- the trash ---- */

static void col_id(const void *row, struct cell *c)
{
	cell_text(c, ((const struct coppice_trash *)row)->id);
}

static void col_name(const void *row, struct cell *c)
{
	cell_text(c, ((const struct coppice_trash *)row)->name);
}

static void col_deleted(const void *row, struct cell *c)
{
	cell_number(c, CELL_TIME, (uint64_t)((const struct coppice_trash *)row)->deleted);
}

static void col_bytes(const void *row, struct cell *c)
{
	cell_number(c, CELL_BYTES, ((const struct coppice_trash *)row)->bytes);
}

static const struct column trash_columns[] = {
	{.key = "id", .title = "ID", .flags = COLUMN_TABLE, .get = col_id, .paint = PAINT_NAME},
	{.key = "name", .title = "NAME", .flags = COLUMN_TABLE, .get = col_name},
	{.key = "deleted", .title = "DELETED", .flags = COLUMN_TABLE, .get = col_deleted},
	{.key = "bytes", .title = "SIZE", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_bytes},
};

static const struct view trash_view = {"coppice.trash/1", "trash", trash_columns, ARRAY_LEN(trash_columns)};

static int list_trash(struct cli *cli)
{
	autofree struct coppice_trash *items = NULL;
	struct coppice *c = NULL;
	struct selection sel;
	struct err e = {0};
	size_t count = 0;

	if (cli_engine(cli, &c, &e) < 0 || coppice_trash_list(c, &items, &count, &e) < 0)
		return fail(cli, &e);
	out_select_default(&trash_view, &sel);
	out_rows(cli, &(struct out_job){.view = &trash_view,
					.sel = &sel,
					.rows = items,
					.count = count,
					.size = sizeof(*items),
					.footer = "bring one back: coppice undelete ID"});
	if (count == 0 && cli_human(cli))
		cli_note(cli, "the trash is empty");
	return CLI_OK;
}

static int undelete_one(struct cli *cli, struct coppice *c, const char *id, void *data, struct result *r, struct err *e)
{
	const char *as = *(const char *const *)data;
	int ret = coppice_undelete(c, id, as, e);

	(void)cli;
	if (ret < 0) {
		(void)err_what(e, "cannot bring back '%s'", id);
		if (e->kind == ERR_EXISTS)
			(void)err_hint(e, "coppice undelete %s --as NEWNAME", id);
		return ret;
	}
	if (as)
		(void)snprintf(r->name, sizeof(r->name), "%s", as);
	r->state = "stopped";
	(void)snprintf(r->note, sizeof(r->note), "back from the trash");
	return 0;
}

static int run_undelete(struct cli *cli, struct args *args)
{
	const char *as = args_text(args, "as");
	struct target_op op = {.run = undelete_one, .data = &as};

	if (args_has(args, "list") || args->count == 0)
		return list_trash(cli);
	if (as && (args->count > 1 || !parse_is_name(as)))
		return fail_usage(cli, "'--as' cannot be used so", "it gives one container one new name");
	return targets_run_names(cli, args->words, args->count, &op);
}

static const struct opt_def delete_opts[] = {
	TARGET_ALL,
	{.name = "force", .type = OPT_FLAG, .help = "stop it first when it runs"},
	TARGET_IF_EXISTS,
	{.name = "purge", .type = OPT_FLAG, .help = "do not keep it in the trash: this cannot be undone"},
};

static const struct opt_def undelete_opts[] = {
	{.name = "list", .letter = 'l', .type = OPT_FLAG, .help = "list the trash"},
	{.name = "as", .type = OPT_TEXT, .arg = "NAME", .help = "under a new name"},
};

static const struct cmd_example delete_examples[] = {
	{"coppice delete web1", "to the trash"},
	{"coppice delete tag=lab --force", "running ones too"},
	{"coppice delete web1 --purge", "for good"},
};

static const struct cmd_example undelete_examples[] = {
	{"coppice undelete", "list the trash"},
	{"coppice undelete web1", "bring the latest web1 back"},
	{"coppice undelete web1 --as web1-old", "beside a new web1"},
};

const struct cmd cmd_delete = {
	.name = "delete",
	.foreign = "rm,remove,destroy,del,erase",
	.help = "delete containers, to the trash",
	.text = "Nothing is asked: a deleted container stays in the trash until gc finds it old, and undelete brings it back. A running one is refused unless "
		"--force is given.",
	CMD_OPTS(delete_opts),
	CMD_EXAMPLES(delete_examples),
	TARGET_ROW,
	.run = run_delete,
};

const struct cmd cmd_undelete = {
	.name = "undelete",
	.foreign = "restore,recover,trash",
	.args = "[NAME[.STAMP]...]",
	.help = "bring containers back from the trash",
	.text = "Without words it lists the trash. NAME means the latest one of that name.",
	CMD_OPTS(undelete_opts),
	CMD_EXAMPLES(undelete_examples),
	.max = 65536,
	.group = GROUP_LIFE,
	.topic = TOPIC_TRASH,
	.complete = {COMPLETE_TRASH},
	.run = run_undelete,
};
