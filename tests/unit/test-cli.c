/* test-cli.c - the command's own machinery: the table of verbs, the option parser, selectors, tables and JSON. What a person sees of the
 * verbs is in tests/cli/transcripts. */
#include "unit/test.h"

/* cmocka has a macro of this name. */
#pragma push_macro("fail")
#undef fail
#include "cli/fail.h"
#pragma pop_macro("fail")

#include "base/clock.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/infoview.h"
#include "cli/jout.h"
#include "cli/near.h"
#include "cli/out.h"
#include "cli/selector.h"
#include "coppice/coppice.h"

#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

/* ---- the table ---- */

static void check_opts(const struct opt_def *defs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		assert_non_null(defs[i].name);
		assert_non_null(defs[i].help);
		assert_true(defs[i].help[strlen(defs[i].help) - 1] != '.');
		assert_int_equal(defs[i].type == OPT_FLAG, defs[i].arg == NULL);
		assert_int_equal(defs[i].type == OPT_CHOICE, defs[i].choices != NULL);
		for (unsigned k = 0; k < i; k++) {
			assert_string_not_equal(defs[i].name, defs[k].name);
			assert_true(!defs[i].letter || defs[i].letter != defs[k].letter);
		}
	}
}

static void test_table(void **state)
{
	(void)state;
	check_opts(cmd_globals, GLOBAL_COUNT);
	for (size_t i = 0; i < cmd_count(); i++) {
		const struct cmd *cmd = cmd_at(i);

		assert_ptr_equal(cmd_find(cmd->noun, cmd->name), cmd);
		assert_non_null(cmd->run);
		assert_true(cmd->help[0] && cmd->help[strlen(cmd->help) - 1] != '.');
		assert_true(cmd->opt_count <= ARGS_OPT_MAX);
		assert_true(cmd->max >= cmd->min);
		assert_true(cmd->flags & CMD_HIDDEN || cmd->example_count > 0 || strcmp(cmd->name, "version") == 0);
		check_opts(cmd->opts, cmd->opt_count);
		/* A long option of a verb never hides a global one. */
		for (unsigned k = 0; k < cmd->opt_count; k++)
			for (unsigned g = 0; g < GLOBAL_COUNT; g++)
				assert_string_not_equal(cmd->opts[k].name, cmd_globals[g].name);
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(cmd_at(k), cmd);
	}
	assert_ptr_equal(cmd_find(NULL, "ls"), &cmd_list);
	assert_null(cmd_find(NULL, "nosuch"));
	assert_null(cmd_find("base", "launch"));
	assert_null(cmd_at(cmd_count()));
}

static int parse(char **argv, struct args *args, struct err *e);

/* Examples in help are real command lines. */
static void test_examples_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < cmd_count(); i++)
		for (unsigned k = 0; k < cmd_at(i)->example_count; k++) {
			char line[256], *argv[40] = {NULL}, *save = NULL, *start;
			struct args args;
			struct err e = {0};
			int argc = 0;

			(void)snprintf(line, sizeof(line), "%s", cmd_at(i)->examples[k].line);
			start = strstr(line, "coppice ");
			assert_non_null(start);
			for (char *p = start; *p; p++)
				if (*p == '<' || *p == '>' || *p == '|' || *p == ')')
					*p = '\0';
				else if (*p == '\'')
					*p = ' ';
			for (char *w = strtok_r(start, " ", &save); w && argc < 39; w = strtok_r(NULL, " ", &save))
				argv[argc++] = w;
			if (parse(argv, &args, &e) < 0)
				fail_msg("%s: %s: %s", cmd_at(i)->examples[k].line, e.what, e.why);
			assert_ptr_equal(args.cmd, cmd_at(i));
			args_done(&args);
		}
}

static void test_codes(void **state)
{
	static const int documented[] = {1, 2, 3, 4, 5, 6, 7, 124, 126, 127, 130};

	(void)state;
	for (int i = 0; i < FAIL_COUNT; i++) {
		const struct fail_row *row = fail_row((enum fail_code)i);
		bool known = false;

		assert_ptr_equal(fail_find(row->code), row);
		assert_ptr_equal(fail_find(row->code + 2), row);
		for (size_t k = 0; k < ARRAY_LEN(documented); k++)
			known |= documented[k] == row->exit;
		assert_true(known);
		assert_true(row->means[0] && row->todo[0] && row->attempt[0]);
	}
	assert_null(fail_find("E_NOSUCH"));
}

static void test_kinds(void **state)
{
	static const struct {
		const struct cmd *cmd;
		enum err_kind kind;
		int code;
		const char *want;
		int exit;
	} rows[] = {
		{&cmd_start, ERR_MISSING, ENOENT, "E_NO_CONTAINER", 3},	    {&cmd_create, ERR_MISSING, ENOENT, "E_NO_BASE", 3},
		{&cmd_create, ERR_EXISTS, EEXIST, "E_CONTAINER_EXISTS", 4}, {&cmd_start, ERR_STATE, EBADFD, "E_STATE", 4},
		{&cmd_start, ERR_BUSY, EBUSY, "E_CONTAINER_BUSY", 4},	    {&cmd_base_delete, ERR_BUSY, EBUSY, "E_BASE_BUSY", 4},
		{&cmd_start, ERR_DENIED, EACCES, "E_DENIED", 5},	    {&cmd_start, ERR_DENIED, EROFS, "E_READ_ONLY", 5},
		{&cmd_start, ERR_UNSUPPORTED, ENOSYS, "E_UNSUPPORTED", 6},  {&cmd_stop, ERR_TIMEOUT, ETIMEDOUT, "E_TIMEOUT", 124},
		{&cmd_start, ERR_SYSTEM, EIO, "E_SYSTEM", 1},		    {&cmd_start, ERR_SYSTEM, ENOSPC, "E_NO_SPACE", 1},
		{&cmd_start, ERR_DAMAGED, EUCLEAN, "E_DAMAGED", 1},	    {&cmd_base_verify, ERR_DAMAGED, EUCLEAN, "E_BASE_DAMAGED", 1},
		{&cmd_start, ERR_INTERNAL, EINVAL, "E_INTERNAL", 1},	    {&cmd_start, ERR_INPUT, EINVAL, "E_INPUT", 2},
		{&cmd_config_set, ERR_INPUT, EINVAL, "E_CONFIG", 2},	    {&cmd_exec, ERR_STATE, EBADFD, "E_STATE", 125},
		{&cmd_exec, ERR_MISSING, ENOENT, "E_NO_CONTAINER", 3},	    {&cmd_run, ERR_DENIED, EACCES, "E_DENIED", 125},
		{&cmd_run, ERR_TIMEOUT, ETIMEDOUT, "E_TIMEOUT", 125},	    {&cmd_undelete, ERR_MISSING, ENOENT, "E_NO_TRASH", 3},
		{&cmd_cp, ERR_MISSING, ENOENT, "E_MISSING", 3},		    {&cmd_exec, ERR_INPUT, EINVAL, "E_INPUT", 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cli cli = {.cmd = rows[i].cmd};
		struct err e = {.code = rows[i].code, .kind = rows[i].kind};
		enum fail_code code = fail_code_of(&cli, &e);

		assert_string_equal(fail_row(code)->code, rows[i].want);
		assert_int_equal(fail_exit(&cli, code), rows[i].exit);
	}
}

/* ---- parser ---- */

static int parse(char **argv, struct args *args, struct err *e)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return args_parse(argc, argv, args, e);
}

#define LINE(...) ((char *[]){(char *)"coppice", __VA_ARGS__, NULL})
#define W(s) ((char *)(uintptr_t)(s))

static void test_option_forms(void **state)
{
	struct args a;
	struct err e = {0};

	(void)state;
	assert_int_equal(parse(LINE(W("-fjson"), W("stop"), W("web1"), W("--timeout=1.5s"), W("web2"), W("-kq")), &a, &e), 0);
	assert_ptr_equal(a.cmd, &cmd_stop);
	assert_int_equal(a.count, 2);
	assert_string_equal(a.words[1], "web2");
	assert_null(a.words[2]);
	assert_int_equal(a.word_at[1], 5);
	assert_int_equal(args_number(&a, "timeout", 0), 1500);
	assert_true(args_has(&a, "kill"));
	assert_false(args_has(&a, "strict"));
	assert_string_equal(a.global[GLOBAL_FORMAT].text, "json");
	assert_int_equal(a.global[GLOBAL_QUIET].count, 1);
	args_done(&a);

	/* A verb's own -f is not the global one; a number may stick to its letter. */
	assert_int_equal(parse(LINE(W("logs"), W("-fn5"), W("web1"), W("--format"), W("json")), &a, &e), 0);
	assert_true(args_has(&a, "follow"));
	assert_int_equal(args_number(&a, "lines", 0), 5);
	assert_string_equal(a.global[GLOBAL_FORMAT].text, "json");
	args_done(&a);

	/* Lists keep their order, the last of a plain option wins, numeric ones are converted. */
	assert_int_equal(parse(LINE(W("create"), W("b"), W("-s"), W("a=1"), W("--set=b=2"), W("--memory"), W("1G"), W("--memory"), W("512M"), W("--cpus"),
				    W("1.5"), W("-")),
			       &a, &e),
			 0);
	assert_string_equal(args_opt(&a, "set")->list[0], "a=1");
	assert_string_equal(args_opt(&a, "set")->list[1], "b=2");
	assert_null(args_opt(&a, "set")->list[2]);
	assert_int_equal(args_number(&a, "memory", 0), 512u << 20);
	assert_int_equal(args_number(&a, "cpus", 0), 1500);
	assert_string_equal(a.words[1], "-");
	args_done(&a);
}

static void test_inner(void **state)
{
	struct args a;
	struct err e = {0};

	(void)state;
	assert_int_equal(parse(LINE(W("exec"), W("web1"), W("-u"), W("www"), W("--"), W("ls"), W("-la"), W("--"), W("x")), &a, &e), 0);
	assert_int_equal(a.inner_count, 4);
	assert_string_equal(a.inner[1], "-la");
	assert_string_equal(a.inner[2], "--");
	assert_null(a.inner[4]);
	args_done(&a);

	/* Without an inner command "--" only ends the options. */
	assert_int_equal(parse(LINE(W("delete"), W("--"), W("--force")), &a, &e), 0);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.words[0], "--force");
	assert_null(a.inner);
	args_done(&a);

	assert_true(parse(LINE(W("exec"), W("web1"), W("ls"), W("-la")), &a, &e) < 0);
	assert_string_equal(e.hint, "coppice exec web1 -- ls -la");
	args_done(&a);
	err_clear(&e);
	assert_true(parse(LINE(W("exec"), W("web1"), W("-Z"), W("x y")), &a, &e) < 0);
	assert_string_equal(e.hint, "coppice exec web1 -- -Z 'x y'");
	args_done(&a);
	err_clear(&e);
	/* With dashes later on, the stranger is ours. */
	assert_true(parse(LINE(W("exec"), W("web1"), W("--usr"), W("x"), W("--"), W("ls")), &a, &e) < 0);
	assert_string_equal(e.hint, "coppice exec web1 --user x -- ls");
	args_done(&a);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *words[6];
		const char *hint;
	} rows[] = {
		{{"strat", "a b"}, "coppice start 'a b'"},
		{{"rm", "x"}, "coppice delete x"},
		{{"bas", "list"}, "coppice base list"},
		{{"base", "biuld", "x"}, "coppice base build x"},
		{{"delete", "--frce", "it's"}, "coppice delete --force 'it'\\''s'"},
		{{"stop", "x", "--timeut=3s"}, "coppice stop x --timeout=3s"},
		{{"stop"}, "coppice help stop"},
		{{"stop", "x", "--timeout"}, "coppice help stop"},
		{{"stop", "x", "--timeout", "soon"}, "coppice help stop"},
		{{"stop", "x", "--timeout", "99999999999999999999d"}, "coppice help stop"},
		{{"stop", "x", "--kill=yes"}, "coppice help stop"},
		{{"list", "-f", "xml"}, "coppice help list"},
		{{"list", "-Z"}, "coppice help list"},
		{{"list", "--dry-run"}, "coppice help list"},
		{{"kill", "x", "-s", "NOSUCH"}, "coppice help kill"},
		{{"wait", "--all"}, "coppice help wait"},
		{{"df", "x"}, "coppice help df"},
		{{"run", "debian12"}, "coppice help run"},
		{{"zzzzzzzz"}, "coppice help"},
		{{"--", "x"}, "coppice help"},
		{{""}, "coppice help"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *argv[8] = {W("coppice")};
		struct args a;
		struct err e = {0};

		for (size_t k = 0; k < 6 && rows[i].words[k]; k++)
			argv[k + 1] = W(rows[i].words[k]);
		if (parse(argv, &a, &e) >= 0)
			fail_msg("row %zu is accepted", i);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_string_equal(e.hint, rows[i].hint);
		assert_true(e.what[0] && e.why[0]);
		args_done(&a);
	}
}

static void test_help_skips_checks(void **state)
{
	struct args a;
	struct err e = {0};

	(void)state;
	assert_int_equal(parse(LINE(W("stop"), W("--help")), &a, &e), 0);
	args_done(&a);
	assert_int_equal(parse(LINE(W("--version")), &a, &e), 0);
	assert_null(a.cmd);
	args_done(&a);
	assert_int_equal(parse((char *[]){W("coppice"), NULL}, &a, &e), 0);
	args_done(&a);
	assert_int_equal(args_parse(0, (char *[]){NULL}, &a, &e), 0);
	args_done(&a);
}

static void test_respell(void **state)
{
	char out[64];
	char *argv[] = {W("x"), W("a"), W("$(b)"), W(""), NULL};

	(void)state;
	args_respell(4, argv, -1, NULL, out, sizeof(out));
	assert_string_equal(out, "coppice a '$(b)' ''");
	args_respell(4, argv, 1, "c", out, sizeof(out));
	assert_string_equal(out, "coppice c '$(b)' ''");
	/* Too long: nothing rather than half. */
	args_respell(4, argv, -1, NULL, out, 12);
	assert_string_equal(out, "");
}

static void test_near(void **state)
{
	static const char *const words[] = {"start", "stop", "restart", "delete", "undelete", "doctor"};

	(void)state;
	assert_string_equal(near_word("strat", words, 6), "start");
	assert_string_equal(near_word("sotp", words, 6), "stop");
	assert_string_equal(near_word("del", words, 6), "delete");
	assert_null(near_word("st", words, 6));
	assert_null(near_word("", words, 6));
	assert_null(near_word("xyz", words, 6));
}

/* ---- selectors ---- */

static struct coppice_info some(const char *name, enum coppice_state state, const char *base, const char *mode, const char *tags)
{
	struct coppice_info i = {.state = state};

	(void)snprintf(i.name, sizeof(i.name), "%s", name);
	(void)snprintf(i.base, sizeof(i.base), "%s", base);
	(void)snprintf(i.version, sizeof(i.version), "1f2e3a4b");
	(void)snprintf(i.mode, sizeof(i.mode), "%s", mode);
	(void)snprintf(i.tags, sizeof(i.tags), "%s", tags);
	return i;
}

static bool chooses(const char *text, const struct coppice_info *info)
{
	struct arena a = ARENA_INIT;
	struct selector s;
	struct err e = {0};
	bool fits;

	assert_int_equal(selector_parse(&a, &text, 1, false, &s, &e), 0);
	fits = selector_fits(&s, info);
	arena_done(&a);
	return fits;
}

static void test_selector_fits(void **state)
{
	struct coppice_info web = some("web1", COPPICE_RUNNING, "debian12", "bind", "lab, shop");

	(void)state;
	assert_true(chooses("web1", &web));
	assert_false(chooses("web2", &web));
	assert_true(chooses("web2,web1", &web));
	assert_true(chooses("web*", &web));
	assert_true(chooses("we[ab]?", &web));
	assert_false(chooses("x*", &web));
	assert_true(chooses("status=running", &web));
	assert_true(chooses("state=run*", &web));
	assert_false(chooses("status=paused", &web));
	assert_true(chooses("base=debian12", &web));
	assert_true(chooses("base=debian12@1f2e", &web));
	assert_false(chooses("base=debian12@2", &web));
	assert_true(chooses("base=deb*", &web));
	assert_true(chooses("tag=lab", &web));
	assert_true(chooses("tag=sh*", &web));
	assert_false(chooses("tag=la", &web));
	assert_true(chooses("mode=bind", &web));
	/* Filters of one key add up, of different keys narrow; names and filters narrow too. */
	assert_true(chooses("status=stopped,status=running", &web));
	assert_false(chooses("status=running,tag=none", &web));
	assert_true(chooses("web*,status=running", &web));
	assert_false(chooses("web*,status=stopped", &web));
	assert_false(chooses("x*,status=running", &web));
	assert_false(chooses(",", &web));
}

static void test_selector_refuses(void **state)
{
	static const char *const bad[] = {"", "bas=x", "=x", "base=", "status=runing", "-x", "a/b", "a b",
					  "0123456789012345678901234567890123456789012345678901234567890123456789"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct arena a = ARENA_INIT;
		struct selector s;
		struct err e = {0};

		assert_true(selector_parse(&a, &bad[i], 1, false, &s, &e) < 0);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_true(e.what[0] && e.why[0]);
		arena_done(&a);
	}
}

static void test_selector_names(void **state)
{
	const char *words[] = {"a", "b,a", "c"};
	struct arena a = ARENA_INIT;
	struct selector s;
	struct err e = {0};

	(void)state;
	assert_int_equal(selector_parse(&a, words, 3, false, &s, &e), 0);
	assert_true(selector_is_names(&s));
	assert_int_equal(s.count, 3);
	assert_int_equal(selector_parse(&a, words, 3, true, &s, &e), 0);
	assert_false(selector_is_names(&s));
	assert_int_equal(selector_parse(&a, words, 0, false, &s, &e), 0);
	assert_true(selector_is_empty(&s));
	arena_done(&a);
}

/* ---- output ---- */

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(out_width("abc"), 3);
	assert_int_equal(out_width("naïve"), 5);
	assert_int_equal(out_width("日本"), 4);
	assert_int_equal(out_width("e\u0301"), 1);
	assert_int_equal(out_width("…"), 1);
}

static void test_csv(void **state)
{
	autodone(buf_done) struct buf b = BUF_INIT;

	(void)state;
	out_csv_field(&b, "plain");
	buf_putc(&b, '|');
	out_csv_field(&b, "a,b \"c\"\n");
	assert_string_equal(buf_str(&b), "plain|\"a,b \"\"c\"\"\n\"");
}

static void test_json_is_valid(void **state)
{
	autodone(buf_done) struct buf b = BUF_INIT;
	struct jout j = JOUT_INIT(&b);
	struct json_object *o, *v = NULL;
	char all[260];

	(void)state;
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	jout_open(&j, '{');
	jout_key(&j, "all");
	jout_text(&j, all);
	jout_key(&j, "big");
	jout_u64(&j, UINT64_MAX);
	jout_key(&j, "small");
	jout_i64(&j, INT64_MIN);
	jout_key(&j, "bad");
	jout_text(&j, "a\xff\xc0\x80\xed\xa0\x80z\xf4\x90\x80\x80");
	jout_key(&j, "none");
	jout_text(&j, NULL);
	jout_key(&j, "rows");
	jout_open_rows(&j);
	jout_u64(&j, 1);
	jout_u64(&j, 2);
	jout_close(&j, ']');
	jout_key(&j, "words");
	jout_words(&j, " a, b,,c", ", ");
	jout_key(&j, "empty");
	jout_open_rows(&j);
	jout_close(&j, ']');
	jout_close(&j, '}');
	o = json_tokener_parse(buf_str(&b));
	assert_non_null(o);
	assert_true(json_object_object_get_ex(o, "big", &v));
	assert_true(json_object_get_uint64(v) == UINT64_MAX);
	assert_true(json_object_object_get_ex(o, "small", &v));
	assert_true(json_object_get_int64(v) == INT64_MIN);
	assert_true(json_object_object_get_ex(o, "words", &v));
	assert_int_equal(json_object_array_length(v), 3);
	assert_non_null(strstr(buf_str(&b), "\"a\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffdz"));
	assert_non_null(strstr(buf_str(&b), "\"rows\":[\n1,\n2\n]"));
	assert_non_null(strstr(buf_str(&b), "\"empty\":[]"));
	json_object_put(o);
}

static struct cli quiet_cli(enum cli_format format)
{
	return (struct cli){.cmd = &cmd_list, .format = format};
}

/* Renders @count rows in @format; the caller frees cli->out. */
static void render(struct cli *cli, struct coppice_info *infos, size_t count, char **argv)
{
	struct args args;
	struct selection sel;
	struct err e = {0};

	assert_int_equal(parse(argv, &args, &e), 0);
	assert_int_equal(out_select(&infoview, &args, &sel, &e), 0);
	out_sort(&infoview, &sel, infos, count, sizeof(*infos));
	out_rows(cli, &(struct out_job){.view = &infoview, .sel = &sel, .rows = infos, .count = count, .size = sizeof(*infos), .footer = "end"});
	assert_false(buf_failed(&cli->out));
	args_done(&args);
}

static void test_rows(void **state)
{
	struct coppice_info infos[2] = {some("b", COPPICE_STOPPED, "x", "bind", ""), some("aaaa", COPPICE_RUNNING, "", "bind", "")};
	struct cli cli = quiet_cli(FORMAT_TABLE);

	(void)state;
	render(&cli, infos, 2, LINE(W("list"), W("-c"), W("name,state,base"), W("--sort"), W("name")));
	assert_string_equal(buf_str(&cli.out), "NAME  STATE    BASE\naaaa  running  -\nb     stopped  x@1f2e3a4b\nend\n");
	buf_clear(&cli.out);
	render(&cli, infos, 2, LINE(W("list"), W("-c"), W("name"), W("--sort"), W("-name")));
	assert_string_equal(buf_str(&cli.out), "NAME\nb\naaaa\nend\n");
	buf_clear(&cli.out);
	cli.format = FORMAT_PLAIN;
	render(&cli, infos, 2, LINE(W("list"), W("-c"), W("name,base"), W("--sort=name")));
	assert_string_equal(buf_str(&cli.out), "aaaa\t-\nb\tx\n");
	buf_clear(&cli.out);
	cli.format = FORMAT_CSV;
	render(&cli, infos, 2, LINE(W("list"), W("-c"), W("name,base")));
	assert_string_equal(buf_str(&cli.out), "name,base\r\naaaa,\r\nb,x\r\n");
	buf_clear(&cli.out);
	cli.format = FORMAT_JSON;
	render(&cli, infos, 0, LINE(W("list"), W("-c"), W("name")));
	assert_string_equal(buf_str(&cli.out), "{\"schema\":\"coppice.list/1\",\"containers\":[]}\n");
	buf_done(&cli.out);
}

static void test_columns_refused(void **state)
{
	struct args args;
	struct selection sel;
	struct err e = {0};

	(void)state;
	assert_int_equal(parse(LINE(W("list"), W("-c"), W("nmae")), &args, &e), 0);
	assert_true(out_select(&infoview, &args, &sel, &e) < 0);
	assert_non_null(strstr(e.why, "'name'"));
	args_done(&args);
	err_clear(&e);
	assert_int_equal(parse(LINE(W("list"), W("--sort"), W("--x")), &args, &e), 0);
	assert_true(out_select(&infoview, &args, &sel, &e) < 0);
	args_done(&args);
	assert_true(infoview.count <= OUT_COLUMNS_MAX);
}

static void test_thousand(void **state)
{
	static struct coppice_info infos[1000];
	uint64_t best[2] = {UINT64_MAX, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(infos); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "box%05zu", ARRAY_LEN(infos) - i);
		infos[i] = some(name, COPPICE_RUNNING, "debian12", "bind", "lab");
		infos[i].started = 1790000000;
		infos[i].memory = 1000000 + i;
	}
	for (int round = 0; round < 10; round++)
		for (int k = 0; k < 2; k++) {
			struct cli cli = quiet_cli(k ? FORMAT_JSON : FORMAT_TABLE);
			struct timespec a, b;
			uint64_t us;

			(void)clock_gettime(CLOCK_MONOTONIC, &a);
			render(&cli, infos, ARRAY_LEN(infos), LINE(W("list"), W("--sort"), W("memory")));
			(void)clock_gettime(CLOCK_MONOTONIC, &b);
			us = (uint64_t)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
			best[k] = us < best[k] ? us : best[k];
			buf_done(&cli.out);
		}
	print_message("1000 rows: table %llu us, json %llu us\n", (unsigned long long)best[0], (unsigned long long)best[1]);
	/* Ten times what is aimed at: the machine may be busy, sanitizers slow. */
	assert_true(best[0] < 3000000 && best[1] < 3000000);
}

static void test_fill(void **state)
{
	autodone(buf_done) struct buf b = BUF_INIT;

	(void)state;
	help_fill(&b, "one two three\nfour\n\n as it\n is", 2, 10);
	assert_string_equal(buf_str(&b), "  one two\n  three\n  four\n\n   as it\n   is\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),		cmocka_unit_test(test_examples_parse), cmocka_unit_test(test_codes),
		cmocka_unit_test(test_kinds),		cmocka_unit_test(test_option_forms),   cmocka_unit_test(test_inner),
		cmocka_unit_test(test_refusals),	cmocka_unit_test(test_help_skips_checks), cmocka_unit_test(test_respell),
		cmocka_unit_test(test_near),		cmocka_unit_test(test_selector_fits),  cmocka_unit_test(test_selector_refuses),
		cmocka_unit_test(test_selector_names),	cmocka_unit_test(test_width),	       cmocka_unit_test(test_csv),
		cmocka_unit_test(test_json_is_valid),	cmocka_unit_test(test_rows),	       cmocka_unit_test(test_columns_refused),
		cmocka_unit_test(test_thousand),	cmocka_unit_test(test_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
