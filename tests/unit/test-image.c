/* What the image helper reads and writes as text: the package database and its closure, manifests, alternatives, package sources, meta,
 * JSON. */
#include "image/accounts.h"
#include "image/alternatives.h"
#include "image/aptsources.h"
#include "image/dpkg.h"
#include "image/inittab.h"
#include "image/json.h"
#include "image/manifest.h"
#include "image/meta.h"
#include "image/rules.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- package database ---- */

static const char status_text[] =
	"Package: dpkg\nEssential: yes\nStatus: install ok installed\nPriority: required\nArchitecture: amd64\nVersion: 1.21\nPre-Depends: "
	"libc6 (>= 2.36)\n\n"
	"Package: libc6\nStatus: install ok installed\nArchitecture: i386\nMulti-Arch: same\nVersion: 2.36-9\n\n"
	"Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nInstalled-Size: 12345\nVersion: 2.36-9\nDepends: "
	"libgcc-s1\n\n"
	"Package: libgcc-s1\nStatus: install ok triggers-pending\nArchitecture: amd64\nMulti-Arch: same\nVersion: 12\nProvides: libgcc1 (= "
	"1:12)\n\n"
	"Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n"
	"Package: mailer\nStatus: install ok installed\nArchitecture: all\nVersion: 2\nDepends: exim4 | mail-transport-agent, libc6,\n "
	"default-thing (<< 3)\n\n"
	"Package: postfix\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 3.7\nProvides: mail-transport-agent\nDepends: "
	"postfix-loop\nDescription: mail\n more: text\n .\n"
	"Conffiles:\n /etc/x 0123\n\n"
	"Package: postfix-loop\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDepends: postfix\n\n"
	"Package: default-thing\nStatus: install ok installed\nArchitecture: all\nVersion: 4\n";

static void parse_ok(struct dpkg *db, const char *text)
{
	struct err e = {0};

	assert_int_equal(dpkg_parse(db, text, strlen(text), &e), 0);
}

static bool is_wanted(const struct dpkg *db, const char *name)
{
	const struct dpkg_pkg *p = dpkg_find(db, name);

	return p && p->wanted;
}

static void status_fields_are_read(void **state)
{
	autodone(dpkg_done) struct dpkg db = DPKG_INIT;
	char name[256];

	(void)state;
	parse_ok(&db, status_text);
	assert_int_equal(db.count, 9);
	assert_string_equal(db.native, "amd64");
	assert_true(dpkg_find(&db, "dpkg")->essential);
	assert_string_equal(dpkg_find(&db, "dpkg")->pre_depends, "libc6 (>= 2.36)");
	assert_true(dpkg_find(&db, "libgcc-s1")->installed);
	assert_null(dpkg_find(&db, "gone"));
	assert_null(dpkg_find(&db, "nothing"));
	assert_int_equal(dpkg_find(&db, "libc6:amd64")->kib, 12345);
	assert_string_equal(dpkg_info_name(dpkg_find(&db, "libc6:i386"), name), "libc6:i386");
	assert_string_equal(dpkg_info_name(dpkg_find(&db, "dpkg"), name), "dpkg");
}

static void closure_takes_the_own_architecture_and_what_provides(void **state)
{
	autodone(dpkg_done) struct dpkg db = DPKG_INIT;
	struct err e = {0};

	(void)state;
	parse_ok(&db, status_text);
	assert_int_equal(dpkg_want(&db, "mailer", &e), 0);
	assert_int_equal(dpkg_close(&db, &e), 0);
	assert_true(is_wanted(&db, "postfix"));      /* through Provides, exim4 is not installed */
	assert_true(is_wanted(&db, "postfix-loop")); /* a circle ends */
	assert_true(is_wanted(&db, "libc6:amd64"));
	assert_false(is_wanted(&db, "libc6:i386"));
	assert_true(is_wanted(&db, "libgcc-s1"));
	assert_false(is_wanted(&db, "dpkg"));
	assert_int_equal(db.gap_count, 1); /* version 4 is not below 3 */
	assert_string_equal(db.gaps[0].relation, "default-thing (<< 3)");
}

static void essential_packages_bring_their_needs(void **state)
{
	autodone(dpkg_done) struct dpkg db = DPKG_INIT;
	autodone(buf_done) struct buf out = BUF_INIT;
	autodone(dpkg_done) struct dpkg again = DPKG_INIT;
	struct err e = {0};

	(void)state;
	parse_ok(&db, status_text);
	assert_int_equal(dpkg_want_essential(&db), 1);
	assert_int_equal(dpkg_close(&db, &e), 0);
	dpkg_write_status(&db, &out);
	parse_ok(&again, buf_str(&out));
	assert_int_equal(again.count, 3);
	assert_non_null(dpkg_find(&again, "dpkg"));
	assert_non_null(dpkg_find(&again, "libc6"));
	assert_null(dpkg_find(&again, "mailer"));
}

static void a_missing_package_is_named_with_a_command(void **state)
{
	autodone(dpkg_done) struct dpkg db = DPKG_INIT;
	struct err e = {0};

	(void)state;
	parse_ok(&db, status_text);
	assert_int_equal(dpkg_want(&db, "gone", &e), -ENOENT);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_non_null(strstr(e.why, "'gone'"));
	assert_string_equal(e.hint, "apt-get install gone");
}

static void databases_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {
		"no field here\n", "Package: ../evil\n", "Package: a/b\n", "Version: 1\n", ": x\n", "Package: a\nArchitecture: x/y\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autodone(dpkg_done) struct dpkg db = DPKG_INIT;
		struct err e = {0};

		assert_int_equal(dpkg_parse(&db, bad[i], strlen(bad[i]), &e), -EINVAL);
	}
	{
		autodone(dpkg_done) struct dpkg db = DPKG_INIT;
		struct err e = {0};

		assert_int_equal(dpkg_parse(&db, "Package: a\0b\n", 13, &e), -EINVAL);
		assert_int_equal(dpkg_parse(&db, "", 0, &e), 0);
		assert_int_equal(db.count, 0);
	}
}

static void versions_compare_as_debian_says(void **state)
{
	static const struct {
		const char *a, *b;
		int want;
	} rows[] = {
		{"1.0", "1.0", 0},	 {"1.0", "1.1", -1},   {"1.10", "1.9", 1},     {"1.0-1", "1.0-2", -1},
		{"1:0.1", "2.0", 1}, {"0:1", "1", 0},      {"1.0~rc1", "1.0", -1}, {"1.0~~", "1.0~", -1},
		{"1.0", "1.0-0", 0}, {"1.0a", "1.0+", -1}, {"1.0", "1.0a", -1},    {"2.36-9+deb12u10", "2.36-9+deb12u9", 1},
		{"007", "7", 0},	 {"", "", 0},	       {"1.0-", "1.0", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int c = dpkg_version_compare(rows[i].a, rows[i].b), d = dpkg_version_compare(rows[i].b, rows[i].a);

		assert_int_equal((c > 0) - (c < 0), rows[i].want);
		assert_int_equal((d > 0) - (d < 0), -rows[i].want);
	}
}

/* ---- manifest ---- */

#define H64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void odd_names_survive_escaping(void **state)
{
	static const char *const names[] = {"plain",	"with space",	"new\nline", "tab\t", "back\\slash",
						"\x1b[31m", "h\xc3\xa9llo", "\xff\xfe",  "\\x20"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autodone(buf_done) struct buf b = BUF_INIT;

		manifest_escape(&b, names[i]);
		for (const char *p = buf_str(&b); *p; p++)
			assert_true(*p > 0x20 && *p < 0x7f);
		assert_true(manifest_unescape(b.data));
		assert_string_equal(b.data, names[i]);
	}
}

static void only_the_one_right_escape_is_read(void **state)
{
	static const char *const bad[] = {"\\", "\\x", "\\x4", "\\x41", "\\x00", "\\n", "\\X20", "\\xA0", "a b", "\xc3"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%s", bad[i]);
		assert_false(manifest_unescape(text));
	}
}

static void entries_come_back_as_written(void **state)
{
	static const struct manifest_entry in[] = {
		{'b', 'd', 0755, 0, 0, 0, "", "", ".", ""},
		{'i', 'f', 04755, 0, 42, 1234, H64, H64, "bin/su", ""},
		{'i', 'h', 04755, 0, 42, 1234, H64, H64, "bin/su 2", "bin/su"},
		{'b', 'l', 0777, 0, 0, 0, "a target\nwith lines", "", "etc/link", ""},
		{'b', 'p', 0600, 4294967294u, 1, 0, "", "", "var/fifo", ""},
	};
	autodone(buf_done) struct buf text = BUF_INIT;
	struct manifest_reader r;
	struct manifest_entry m;
	struct err e = {0};

	(void)state;
	buf_puts(&text, MANIFEST_HEAD);
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		manifest_write(&text, &in[i]);
	assert_int_equal(manifest_open(&r, text.data, text.len, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		assert_int_equal(manifest_next(&r, &m, &e), 1);
		assert_int_equal(m.part, in[i].part);
		assert_int_equal(m.type, in[i].type);
		assert_int_equal(m.mode, in[i].mode);
		assert_int_equal(m.uid, in[i].uid);
		assert_int_equal(m.size, in[i].size);
		assert_string_equal(m.data, in[i].data);
		assert_string_equal(m.xattrs, in[i].xattrs);
		assert_string_equal(m.path, in[i].path);
		assert_string_equal(m.first, in[i].first);
	}
	assert_int_equal(manifest_next(&r, &m, &e), 0);
}

static void damaged_manifests_are_refused_with_their_line(void **state)
{
	static const char *const bad[] = {
		"",                        /* no root needed to be read, but see below */
		"b d 755 0 0 0 - - etc\n", /* not the root first */
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - - ../x\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - - /x\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - - a//b\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - - a/\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - - b\nb d 755 0 0 0 - - a\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - - a\nb d 755 0 0 0 - - a\n",
		"b d 755 0 0 0 - - .\nb d 10000 0 0 0 - - a\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 1 - - a\n",
		"b d 755 0 0 0 - - .\nb d 755 -1 0 0 - - a\n",
		"b d 755 0 0 0 - - .\nb d 755 0 4294967296 0 - - a\n",
		"b d 755 0 0 0 - - .\nx d 755 0 0 0 - - a\n",
		"b d 755 0 0 0 - - .\nb q 755 0 0 0 - - a\n",
		"b d 755 0 0 0 - - .\nb f 755 0 0 0 - - a\n",
		"b d 755 0 0 0 - - .\nb f 755 0 0 0 " H64 " zz a\n",
		"b d 755 0 0 0 - - .\nb h 755 0 0 0 " H64 " - a\n",
		"b d 755 0 0 0 - - .\nb h 755 0 0 0 " H64 " - a z\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - - a extra\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - -\n",
		"b d 755 0 0 0 - - .\nb d 755   0 - - b\n", /* empty fields */
		"b d 755 0 0 0 - - .\nb d 755 0 0 0   b\n",
		"b d 755 0 0 0 - - .\nb d 755 0 0 0 - - a", /* cut off */
	};

	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(bad); i++) {
		autodone(buf_done) struct buf text = BUF_INIT;
		struct manifest_reader r;
		struct manifest_entry m;
		struct err e = {0};
		int n;

		buf_printf(&text, "%s%s", MANIFEST_HEAD, bad[i]);
		assert_int_equal(manifest_open(&r, text.data, text.len, &e), 0);
		while ((n = manifest_next(&r, &m, &e)) > 0)
			;
		assert_int_equal(n, -EUCLEAN);
		assert_int_equal(e.kind, ERR_DAMAGED);
		assert_non_null(strstr(e.why, "manifest line "));
	}
	{
		char other[] = "coppice-manifest 2\n";
		struct manifest_reader r;
		struct err e = {0};

		assert_int_equal(manifest_open(&r, other, strlen(other), &e), -EUCLEAN);
	}
}

static void a_directory_comes_right_before_what_is_in_it(void **state)
{
	static const char *const sorted[] = {"a", "a/b", "a/b/c", "a b", "a-b", "a.b", "ab", "b", "\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t k = 0; k < ARRAY_LEN(sorted); k++) {
			int c = manifest_path_compare(sorted[i], sorted[k]);

			assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
		}
}

/* ---- alternatives ---- */

struct world {
	const char *present; /* ":/usr/bin/mawk:..." */
	struct buf links;
};

static bool world_has(void *data, const char *path)
{
	const struct world *w = data;
	char key[256];

	(void)snprintf(key, sizeof(key), ":%s:", path);
	return strstr(w->present, key) != NULL;
}

static int world_link(void *data, const char *link, const char *name, const char *target)
{
	struct world *w = data;

	buf_printf(&w->links, "%s=%s=%s ", link, name, target);
	return 0;
}

static int reduce(struct world *w, const char *note, const char *current, struct buf *out)
{
	const struct alternatives_ops ops = {.exists = world_has, .link = world_link, .data = w};
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s", note);
	return alternatives_reduce(&ops, "awk", text, current, out);
}

static const char awk_note[] = "auto\n/usr/bin/awk\nnawk\n/usr/bin/nawk\nawk.1.gz\n/usr/share/man/awk.1.gz\n\n"
			       "/usr/bin/gawk\n10\n/usr/bin/gawk\n/usr/share/man/gawk.1.gz\n/usr/bin/mawk\n5\n/usr/bin/mawk\n\n\n";

static void an_alternative_falls_back_to_what_is_there(void **state)
{
	struct world w = {.present = ":/usr/bin/mawk:", .links = BUF_INIT};
	autodone(buf_done) struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(reduce(&w, awk_note, "/usr/bin/gawk", &out), 1);
	assert_string_equal(buf_str(&w.links), "/usr/bin/awk=awk=/usr/bin/mawk /usr/bin/nawk=nawk=/usr/bin/mawk ");
	assert_string_equal(
		buf_str(&out),
		"auto\n/usr/bin/awk\nnawk\n/usr/bin/nawk\nawk.1.gz\n/usr/share/man/awk.1.gz\n\n/usr/bin/mawk\n5\n/usr/bin/mawk\n\n\n");
	buf_done(&w.links);
}

static void a_choice_by_hand_stays_where_it_can(void **state)
{
	struct world w = {.present = ":/usr/bin/mawk::/usr/bin/gawk:", .links = BUF_INIT};
	autodone(buf_done) struct buf out = BUF_INIT, note = BUF_INIT;

	(void)state;
	buf_printf(&note, "manual%s", awk_note + strlen("auto"));
	assert_int_equal(reduce(&w, buf_str(&note), "/usr/bin/mawk", &out), 1);
	assert_non_null(strstr(buf_str(&w.links), "awk=/usr/bin/mawk"));
	assert_memory_equal(buf_str(&out), "manual", 6);
	buf_done(&w.links);
}

static void an_alternative_without_candidates_is_dropped(void **state)
{
	struct world w = {.present = "", .links = BUF_INIT};
	autodone(buf_done) struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(reduce(&w, awk_note, "", &out), 0);
	assert_int_equal(out.len + w.links.len, 0);
	assert_int_equal(reduce(&w, "auto\n", "", &out), -EINVAL);
	assert_int_equal(reduce(&w, "auto\n/l\n\n/c\nnot-a-number\n", "", &out), -EINVAL);
	assert_int_equal(reduce(&w, "auto\nrelative\n\n", "", &out), -EINVAL);
	buf_done(&w.links);
}

/* ---- package sources ---- */

static void sources_of_a_release_are_found_in_both_styles(void **state)
{
	autodone(apt_sources_done) struct apt_sources s = APT_SOURCES_INIT;

	(void)state;
	apt_sources_add_list(&s,
			     "# deb http://off/ one main\ndeb [signed-by=/k.gpg arch=amd64] http://m/debian one main contrib # why\n"
			     "deb-src http://m/debian one main\ndeb http://m/sec one-security main\ndeb http://m/other two main\ndeb "
			     "http://third/ one stable\ndeb broken\n",
			     "one", NULL);
	assert_string_equal(buf_str(&s.lines),
				"deb [signed-by=/k.gpg arch=amd64] http://m/debian one main contrib \ndeb http://m/sec one-security main\n");
	apt_sources_add_deb822(&s,
			       "# head\nTypes: deb deb-src\nURIs: http://m/d\nSuites: one one-updates two\nComponents: main\nSigned-By:\n "
			       "-----BEGIN\n .\n # no\n AAA\n\n"
			       "Types: deb\nEnabled: no\nURIs: http://m/x\nSuites: one\nComponents: main\n\nTypes: deb\nURIs: "
			       "http://m/y\nSuites: two\nComponents: main\n",
			       "one", NULL);
	assert_string_equal(
		buf_str(&s.deb822),
		"Types: deb\nSuites: one one-updates\nURIs: http://m/d\nComponents: main\nSigned-By:\n -----BEGIN\n .\n # no\n AAA\n");
}

static void another_release_comes_from_the_same_archive(void **state)
{
	autodone(apt_sources_done) struct apt_sources s = APT_SOURCES_INIT;

	(void)state;
	apt_sources_add_list(&s, "deb http://m/debian one main\ndeb http://m/debian one-updates main\n", "next", "one");
	assert_string_equal(buf_str(&s.lines), "deb http://m/debian next main\n");
}

/* ---- the rest ---- */

static void rules_match_at_their_depth(void **state)
{
	struct stat file = {.st_mode = S_IFREG | 0644}, dir = {.st_mode = S_IFDIR | 0755};

	(void)state;
	assert_true(rules_match("var/tmp/**", "var/tmp/a/b"));
	assert_false(rules_match("var/tmp/**", "var/tmp"));
	assert_false(rules_match("var/tmp/**", "usr/var/tmp/a"));
	assert_true(rules_match("a/*-x/**", "a/1-x/y/z"));
	assert_false(rules_match("a/*", "a/b/c"));
	assert_int_equal(rules_any("dev/null", &file), COPY_SKIP);
	assert_int_equal(rules_any("dev", &dir), COPY_TAKE);
	assert_int_equal(rules_any("var/log/nginx", &dir), COPY_TAKE);
	assert_int_equal(rules_any("var/log/nginx/access.log", &file), COPY_SKIP);
	assert_int_equal(rules_any("var/cache/debconf/config.dat", &file), COPY_TAKE);
	assert_int_equal(rules_any("usr/share/cache/x", &file), COPY_TAKE);
	assert_int_equal(rules_host("var/lib/docker", &dir), COPY_EMPTY);
	assert_int_equal(rules_host("usr/local/bin", &dir), COPY_EMPTY);
	assert_true(rules_not_in_skel("etc/passwd-"));
	assert_false(rules_not_in_skel("etc/passwd"));
}

static void accounts_are_found_as_words(void **state)
{
	(void)state;
	assert_true(accounts_mentions("adduser --system messagebus\n", "messagebus", 10));
	assert_true(accounts_mentions("u _apt -", "_apt", 4));
	assert_false(accounts_mentions("messagebus-x xmessagebus", "messagebus", 10));
	assert_false(accounts_mentions("", "a", 1));
}

static void meta_comes_back_as_written(void **state)
{
	struct meta in = {.name = "deb",
			  .version = "e3b0c44298fc1c14",
			  .digest = H64,
			  .os = "debian 12",
			  .arch = "amd64",
			  .source = "",
			  .seal = "tree",
			  .common = "usr",
			  .created = -5,
			  .common_bytes = UINT64_MAX,
			  .skel_files = 7,
			  .merged_usr = true};
	autodone(buf_done) struct buf text = BUF_INIT;
	char dir[] = "/tmp/coppice-test-meta-XXXXXX", path[64];
	struct meta out;
	struct err e = {0};
	int fd;

	(void)state;
	meta_write(&in, &text);
	buf_puts(&text, "a_later_key = something\n");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/meta", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text.data, text.len), text.len);
	(void)close(fd);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(meta_read(fd, &out, &e), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(truncate(path, (off_t)(strstr(text.data, "digest") - text.data)), 0);
	assert_int_equal(meta_read(fd, &out, &e), -EUCLEAN);
	(void)close(fd);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void json_is_valid_whatever_a_text_holds(void **state)
{
	autodone(buf_done) struct buf b = BUF_INIT;
	struct json j = {.b = &b};

	(void)state;
	json_object(&j, NULL);
	json_string(&j, "a\"b", "x\n\x01\\\"\xff\xc3\xa9\xed\xa0\x80");
	json_array(&j, "list");
	json_u64(&j, NULL, UINT64_MAX);
	json_i64(&j, NULL, -1);
	json_array_end(&j);
	json_object(&j, "o");
	json_object_end(&j);
	json_bool(&j, "t", true);
	json_object_end(&j);
	assert_string_equal(buf_str(&b), "{\"a\\\"b\":\"x\\u000a\\u0001\\\\\\\"\\ufffd\xc3\xa9\\ufffd\\ufffd\\ufffd\",\"list\":["
					 "18446744073709551615,-1],\"o\":{},\"t\":true}");
}

/* ---- inittab ---- */

static void fits(const char *before, const char *after)
{
	autodone(buf_done) struct buf out = BUF_INIT;
	autodone(buf_done) struct buf again = BUF_INIT;

	assert_true(inittab_fit(before, &out));
	assert_string_equal(buf_str(&out), after);
	assert_false(inittab_fit(buf_str(&out), &again));
	assert_string_equal(buf_str(&again), after);
}

static void stays(const char *text)
{
	autodone(buf_done) struct buf out = BUF_INIT;

	assert_false(inittab_fit(text, &out));
	assert_string_equal(buf_str(&out), text);
}

static void inittab_gets_a_login_on_the_console(void **state)
{
	(void)state;
	fits("# c\nid:2:initdefault:\n1:2345:respawn:/sbin/getty --noclear 38400 tty1\n5:23:respawn:/sbin/getty 38400 tty5\n",
	     "# c\nid:2:initdefault:\n1:2345:respawn:/sbin/getty --noclear 38400 tty1\n#5:23:respawn:/sbin/getty 38400 tty5\n"
	     "co:2345:respawn:/sbin/getty -L 115200 console linux\n");
	fits("id:2:initdefault:\nco:2:once:/bin/true\n1:2:respawn:/sbin/agetty tty1", "id:2:initdefault:\nco:2:once:/bin/true\n"
	     "1:2:respawn:/sbin/agetty tty1\ncons:2345:respawn:/sbin/agetty -L 115200 console linux\n");
	fits("tty1::respawn:/sbin/getty 38400 tty1\ntty6::respawn:/sbin/getty 38400 tty6\n",
	     "tty1::respawn:/sbin/getty 38400 tty1\n#tty6::respawn:/sbin/getty 38400 tty6\nconsole::respawn:/sbin/getty -L 115200 console linux\n");
}

static void inittab_that_has_one_stays(void **state)
{
	(void)state;
	stays("");
	stays(":::\n");
	stays("# 1:2:respawn:/sbin/getty tty1\n");
	stays("id:2:initdefault:\nx:2:respawn:/sbin/getty -L 9600 console vt100\n1:2:respawn:/sbin/getty tty1\n");
	stays("console::respawn:/bin/sh\ntty2::askfirst:/sbin/getty 0 tty2\n");
	stays("::askfirst:-/bin/sh\ntty2::askfirst:/sbin/getty 0 tty2\n");
	stays("id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS\n1:2:respawn:/usr/bin/daemon tty5\n"); /* no login at all: nothing to copy */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_fields_are_read),
		cmocka_unit_test(closure_takes_the_own_architecture_and_what_provides),
		cmocka_unit_test(essential_packages_bring_their_needs),
		cmocka_unit_test(a_missing_package_is_named_with_a_command),
		cmocka_unit_test(databases_that_are_none_are_refused),
		cmocka_unit_test(versions_compare_as_debian_says),
		cmocka_unit_test(odd_names_survive_escaping),
		cmocka_unit_test(only_the_one_right_escape_is_read),
		cmocka_unit_test(entries_come_back_as_written),
		cmocka_unit_test(damaged_manifests_are_refused_with_their_line),
		cmocka_unit_test(a_directory_comes_right_before_what_is_in_it),
		cmocka_unit_test(an_alternative_falls_back_to_what_is_there),
		cmocka_unit_test(a_choice_by_hand_stays_where_it_can),
		cmocka_unit_test(an_alternative_without_candidates_is_dropped),
		cmocka_unit_test(sources_of_a_release_are_found_in_both_styles),
		cmocka_unit_test(another_release_comes_from_the_same_archive),
		cmocka_unit_test(rules_match_at_their_depth),
		cmocka_unit_test(accounts_are_found_as_words),
		cmocka_unit_test(meta_comes_back_as_written),
		cmocka_unit_test(json_is_valid_whatever_a_text_holds),
		cmocka_unit_test(inittab_gets_a_login_on_the_console),
		cmocka_unit_test(inittab_that_has_one_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
