/* The pages that are made of tables: docs/lxc-keys.md, docs/lxc-commands.md and the tables in docs/formats/config.md. Each must be what the program would write today;
 * UPDATE_PAGES=1 in the environment writes them. */
#include "base/buf.h"
#include "base/fd.h"
#include "lxc/lxc.h"
#include "spec/keys.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static void put_cell(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_printf(out, *text == '*' || *text == '|' ? "\\%c" : "%c", *text);
}

/* ---- keys ---- */

static const char *type_word(const struct key_row *row)
{
	static const char *const words[KEY_TYPE_COUNT] = {
		[KEY_STRING] = "text", [KEY_BOOL] = "yes or no", [KEY_U64] = "number", [KEY_SIZE] = "size", [KEY_SIGNAL] = "signal", [KEY_DURATION] = "time",
		[KEY_LIST] = "list", [KEY_PREFIX] = "family"};

	return words[row->type];
}

static void put_old(struct buf *out, const struct key_row *row)
{
	const char *at = row->also;

	/* most members of an interface are called the same under both names of the family */
	if (!row->legacy && strncmp(row->name, "lxc.net.N.", 10) == 0 && strcmp(row->since ?: "", "2.1") == 0)
		buf_printf(out, "`lxc.network.%s`", row->name + 10);
	if (row->legacy)
		buf_printf(out, "`%s%s`", row->legacy, row->type == KEY_PREFIX ? "*" : "");
	while (at && *at) {
		size_t len = strcspn(at, " ");

		buf_printf(out, "%s`%.*s`", row->legacy || at != row->also ? ", " : "", (int)len, at);
		at += len + strspn(at + len, " ");
	}
}

static void put_status(struct buf *out, const struct key_row *row)
{
	static const char *const words[KEY_STATUS_COUNT] = {"works", "accepted and ignored", "refused"};

	buf_puts(out, words[row->status]);
	if (row->why) {
		buf_puts(out, row->status == KEY_WORKS ? "; " : ": ");
		put_cell(out, row->why);
	}
}

static void put_key(struct buf *out, const struct key_row *row, bool own)
{
	buf_printf(out, "| `%s%s` | ", row->name, row->type == KEY_PREFIX ? "*" : "");
	if (!own) {
		put_old(out, row);
		buf_printf(out, " | %s%s%s%s | ", row->since ?: row->until ? "" : "always", row->since && row->until ? ", " : "", row->until ? "until " : "", row->until ?: "");
	}
	buf_printf(out, "%s | ", type_word(row));
	put_cell(out, row->help);
	buf_puts(out, " | ");
	put_cell(out, row->values);
	buf_puts(out, row->list ? "; may be repeated | " : " | ");
	put_status(out, row);
	buf_puts(out, " |\n");
}

static void put_keys(struct buf *out, const struct key_row *rows, size_t count, bool own)
{
	buf_puts(out, own ? "| key | type | sets | allowed | status |\n|---|---|---|---|---|\n" :
			    "| key | before 2.1 | in LXC | type | sets | allowed | status |\n|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++)
		if (own == (strncmp(rows[i].name, "coppice.", 8) == 0))
			put_key(out, &rows[i], own);
}

static void make_keys(struct buf *out)
{
	size_t count, net_count;
	const struct key_row *rows = key_rows(&count), *nets = key_net_rows(&net_count);

	buf_puts(out, "# Every config key, and what becomes of it\n\n"
		      "Written by `test-pages` from the table in src/spec/keys.c; [formats/config.md](formats/config.md) has the grammar and what belongs together. Names from before LXC\n"
		      "2.1 are read for ever, beside the new ones; `coppice config upgrade` rewrites them. *In LXC* says which release brought the name of today and which took it away\n"
		      "(always: since 0.7 or before, and still there). An empty value puts every key back to its default. `coppice config check` tells everything that is wrong with a text.\n\n"
		      "## Keys of LXC\n\n");
	put_keys(out, rows, count, false);
	buf_puts(out, "\n## Interfaces\n\nThe members of `lxc.net.N.*`. `lxc.network.type` opens an interface that the `lxc.network` keys behind it belong to; `lxc.network.N.*` names one.\n\n");
	put_keys(out, nets, net_count, false);
	buf_puts(out, "\n## Keys of Coppice\n\n");
	put_keys(out, rows, count, true);
}

/* ---- commands ---- */

static void put_flag(struct buf *out, const struct lxc_opt *o)
{
	buf_puts(out, "| `");
	if (o->id < 256)
		buf_printf(out, "-%c%s", o->id, o->word ? ", " : "");
	if (o->word)
		buf_printf(out, "--%s", o->word);
	buf_puts(out, "` | ");
	put_cell(out, o->value ?: "");
	buf_puts(out, " | ");
	put_cell(out, o->help);
	buf_puts(out, " | ");
	put_cell(out, !o->note ? "works" : o->note);
	buf_puts(out, " |\n");
}

static void put_flags(struct buf *out, const struct lxc_opt *opts, size_t count)
{
	buf_puts(out, "| flag | value | does | status |\n|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++)
		put_flag(out, &opts[i]);
}

static void make_commands(struct buf *out)
{
	size_t count, common_count;
	const struct lxc_cmd *const *cmds = lxc_cmds(&count);
	const struct lxc_opt *common = lxc_common_opts(&common_count);

	buf_puts(out, "# Every lxc-* command and flag\n\n"
		      "Written by `test-pages` from the tables in src/lxc. The commands are names of the one program. A flag works as LXC's does, or its status says that it is ignored\n"
		      "or refused, and why.\n\n## Flags of all commands\n\n");
	put_flags(out, common, common_count);
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "\n## %s\n\n%s.\n\n    %s %s\n", cmds[i]->program, cmds[i]->about, cmds[i]->program, cmds[i]->synopsis);
		if (cmds[i]->opt_count) {
			buf_puts(out, "\n");
			put_flags(out, cmds[i]->opts, cmds[i]->opt_count);
		}
	}
}

/* ---- docs/formats/config.md: its text with today's tables ---- */

static void put_short(struct buf *out, const struct key_row *row)
{
	const char *star = row->type == KEY_PREFIX ? "*" : "";

	buf_printf(out, "| `%s%s`", row->name, star);
	if (row->legacy)
		buf_printf(out, ", before 2.1 `%s%s`", row->legacy, star);
	buf_puts(out, " | ");
	put_cell(out, row->help);
	buf_puts(out, " | ");
	put_cell(out, row->values);
	buf_printf(out, "%s |\n", row->list ? "; may be repeated" : "");
}

/* Each table of keys in @page is replaced by the one it is: first interfaces, then all. */
static void make_config(const char *page, struct buf *out)
{
	static const char head[] = "| key | sets | allowed |\n|---|---|---|\n";
	const char *at;

	for (int table = 0; (at = strstr(page, head)); table++) {
		size_t count;
		const struct key_row *rows = table == 0 ? key_net_rows(&count) : key_rows(&count);

		at += strlen(head);
		buf_add(out, page, (size_t)(at - page));
		for (size_t i = 0; i < count; i++)
			put_short(out, &rows[i]);
		while (*at == '|')
			at += strcspn(at, "\n") + 1;
		page = at;
	}
	buf_puts(out, page);
}

/* ---- holding them against each other ---- */

static void read_page(const char *path, struct buf *page)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);

	if (fd >= 0)
		assert_int_equal(fd_read_all(fd, page, 1 << 20), 0);
}

static void hold(const char *path, const struct buf *old, const struct buf *now)
{
	FILE *out;

	if (strcmp(buf_str(old), buf_str(now)) == 0)
		return;
	if (!getenv("UPDATE_PAGES"))
		fail_msg("%s is not what the tables say: UPDATE_PAGES=1 build/tests/test-pages writes it", path);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_int_equal(fwrite(buf_str(now), 1, now->len, out), now->len);
	assert_int_equal(fclose(out), 0);
}

static void keys_page(void **state)
{
	autodone(buf_done) struct buf old = BUF_INIT, now = BUF_INIT;

	(void)state;
	read_page(COPPICE_SOURCE "/docs/lxc-keys.md", &old);
	make_keys(&now);
	hold(COPPICE_SOURCE "/docs/lxc-keys.md", &old, &now);
}

static void commands_page(void **state)
{
	autodone(buf_done) struct buf old = BUF_INIT, now = BUF_INIT;

	(void)state;
	read_page(COPPICE_SOURCE "/docs/lxc-commands.md", &old);
	make_commands(&now);
	hold(COPPICE_SOURCE "/docs/lxc-commands.md", &old, &now);
}

static void config_page(void **state)
{
	autodone(buf_done) struct buf old = BUF_INIT, now = BUF_INIT;

	(void)state;
	read_page(COPPICE_SOURCE "/docs/formats/config.md", &old);
	make_config(buf_str(&old), &now);
	hold(COPPICE_SOURCE "/docs/formats/config.md", &old, &now);
}

/* What a row says must be whole: a flag that does not work says why, and how it is called. */
static void flags_are_whole(void **state)
{
	size_t count;
	const struct lxc_cmd *const *cmds = lxc_cmds(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || strcmp(cmds[i - 1]->program, cmds[i]->program) < 0);
		assert_true(cmds[i]->about && cmds[i]->synopsis && cmds[i]->run);
		for (size_t k = 0; k < cmds[i]->opt_count; k++) {
			const struct lxc_opt *o = &cmds[i]->opts[k];

			if (!o->help || o->help[strlen(o->help) - 1] == '.' || (o->id >= 256 && !o->word))
				fail_msg("%s: a flag's row is not whole", cmds[i]->program);
			if (o->note && strncmp(o->note, "ignored: ", 9) != 0 && strncmp(o->note, "refused: ", 9) != 0)
				fail_msg("%s: '%s' is neither 'ignored: why' nor 'refused: why'", cmds[i]->program, o->note);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_page),
		cmocka_unit_test(commands_page),
		cmocka_unit_test(config_page),
		cmocka_unit_test(flags_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
