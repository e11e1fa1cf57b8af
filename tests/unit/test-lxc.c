/* test-lxc.c - the tables of the lxc-* commands: every row is complete, nothing collides, what LXC's own commands take is taken. */
#include "lxc/lxc.h"
#include "lxc/man.h"
#include "unit/test.h"

#include "base/buf.h"


#include <string.h>

static const struct lxc_cmd *command(const char *program)
{
	size_t count;
	const struct lxc_cmd *const *all = lxc_cmds(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i]->program, program) == 0)
			return all[i];
	return NULL;
}

static const struct lxc_opt *flag(const struct lxc_cmd *cmd, const char *text)
{
	for (size_t i = 0; i < cmd->opt_count; i++) {
		const struct lxc_opt *o = &cmd->opts[i];

		if (strlen(text) == 1 ? o->id == text[0] : o->word && strcmp(o->word, text) == 0)
			return o;
	}
	return NULL;
}

static void rows_are_complete(void **state)
{
	size_t count;
	const struct lxc_cmd *const *all = lxc_cmds(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct lxc_cmd *c = all[i];

		assert_int_equal(strncmp(c->program, "lxc-", 4), 0);
		assert_true(lxc_is_program(c->program));
		assert_non_null(c->about);
		assert_non_null(c->synopsis);
		assert_non_null(c->run);
		assert_true(c->opt_count == 0 || c->option);
		assert_true(i == 0 || strcmp(all[i - 1]->program, c->program) < 0);
		for (size_t k = 0; k < c->opt_count; k++) {
			const struct lxc_opt *o = &c->opts[k];

			assert_true(o->id >= 256 ? o->word != NULL : o->id > ' ');
			assert_non_null(o->help);
			assert_true(o->help[0] && o->help[strlen(o->help) - 1] != '.');
			for (size_t n = 0; n < k; n++) {
				assert_int_not_equal(c->opts[n].id, o->id);
				assert_true(!o->word || !c->opts[n].word || strcmp(o->word, c->opts[n].word) != 0);
			}
		}
	}
}

/* A letter and a word are two names of one flag; '=' behind a word: it takes a value, '[': it may. */
static void flags_of_lxc_are_there(void **state)
{
	static const struct {
		const char *program, *flags;
	} known[] = {
		{"lxc-attach", "e[ elevated-privileges[ a= arch= s= namespaces= R remount-sys-proc clear-env keep-env L= pty-log= v= set-var= keep-var= f= rcfile= u= uid= g= gid= c= context="},
		{"lxc-autostart", "k kill L list r reboot s shutdown a all A ignore-auto g= groups= t= timeout="},
		{"lxc-checkpoint", "r restore D= checkpoint-dir= v verbose A= action-script= s stop p pre-dump predump-dir= d daemon F foreground"},
		{"lxc-config", "l"},
		{"lxc-console", "t= tty= e= escape="},
		{"lxc-copy", "N= newname= p= newpath= R rename s snapshot a allowrunning F foreground d daemon e ephemeral m= mount= B= backingstorage= t tmpfs L= fssize= D keepdata K keepname M keepmac"},
		{"lxc-create", "f= config= t= template= B= bdev= dir= lvname= vgname= thinpool= rbdname= rbdpool= rbduser= zfsroot= fstype= fssize="},
		{"lxc-destroy", "s snapshots f force"},
		{"lxc-execute", "d daemon f= rcfile= s= define= u= uid= g= gid= share-net= share-ipc= share-uts= share-pid="},
		{"lxc-info", "c= config= i ips p pid S stats H no-humanize s state"},
		{"lxc-ls", "1 line f fancy F= fancy-format= active running frozen stopped defined nesting[ filter= g= groups="},
		{"lxc-monitor", "Q quit"},
		{"lxc-snapshot", "L list r= restore= N= newname= d= destroy= c= comment= C showcomments"},
		{"lxc-start", "d daemon F foreground p= pidfile= f= rcfile= c= console= L= console-log= C close-all-fds s= define= share-net= share-ipc= share-uts= share-pid="},
		{"lxc-stop", "r reboot W nowait t= timeout= k kill nolock nokill"},
		{"lxc-top", "d= delay= b batch s= sort= r reverse"},
		{"lxc-unpriv-attach", "e[ v= set-var= clear-env"},
		{"lxc-unpriv-start", "F foreground f= rcfile= s= define="},
		{"lxc-unshare", "s= namespaces= u= user= H= hostname= i= ifname= d daemon M remount"},
		{"lxc-update-config", "c= config= h"},
		{"lxc-usernsexec", "m= s"},
		{"lxc-wait", "s= state= t= timeout="},
		/* those that are gone from LXC */
		{"lxc-clone", "s snapshot B= backingstore= L= size= fssize= v= vgname= t= fstype= o= orig= n= new= K keepname M keepmac H p= lxcpath= P= newpath= R rename"},
		{"lxc-kill", ""},
		{"lxc-ps", "lxc"},
		{"lxc-shutdown", "w wait r reboot t= timeout="},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const struct lxc_cmd *c = command(known[i].program);

		assert_non_null(c);
		for (const char *at = known[i].flags; *at;) {
			size_t len = strcspn(at, " "), n = len;
			char name[64], mark = at[len - 1];
			const struct lxc_opt *o;

			if (mark == '=' || mark == '[')
				n--;
			memcpy(name, at, n);
			name[n] = '\0';
			o = flag(c, name);
			if (!o)
				fail_msg("%s lacks %s", c->program, name);
			if (mark == '=')
				assert_true(o->value && o->value[0] != '[');
			else if (mark == '[')
				assert_true(o->value && o->value[0] == '[');
			else
				assert_null(o->value);
			at += len + (at[len] == ' ');
		}
	}
}

static void pages_tell_exit_codes(void **state)
{
	static const struct {
		const char *program, *text;
	} known[] = {{"lxc-stop", "\n2 when"}, {"lxc-autostart", "2 when some"}, {"lxc-attach", "127 when"}, {"lxc-execute", "255 when"}, {"lxc-wait", "1 also when"},
		     {"lxc-freeze", "0 when it was done, 1 when not"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		autodone(buf_done) struct buf page = BUF_INIT;

		lxc_man(command(known[i].program), &page);
		if (!strstr(buf_str(&page), known[i].text))
			fail_msg("the page of %s lacks '%s'", known[i].program, known[i].text);
	}
}

static void times(void **state)
{
	struct err e = {0};
	uint64_t ms = 0;

	(void)state;
	assert_int_equal(lxc_seconds("-t", "5", &ms, &e), 0);
	assert_int_equal(ms, 5000);
	assert_int_equal(lxc_seconds("-t", "0.25", &ms, &e), 0);
	assert_int_equal(ms, 250);
	assert_int_equal(lxc_seconds("-t", "0", &ms, &e), 0);
	assert_int_equal(ms, 0);
	assert_int_equal(lxc_seconds("-t", "soon", &ms, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(flags_of_lxc_are_there),
		cmocka_unit_test(pages_tell_exit_codes),
		cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
