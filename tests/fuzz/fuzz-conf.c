/* Config text: parse, give back the same bytes, apply, freeze, dump; then edit, and what was set must be read again. */
#include "base/buf.h"
#include "spec/conf.h"
#include "spec/keys.h"
#include "spec/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_include(const char *key, const char *value, unsigned line, void *data)
{
	(void)line;
	(void)data;
	return (strcmp(key, "lxc.include") == 0 || strcmp(key, "lxc.mount.fstab") == 0 || strcmp(key, "lxc.mount") == 0) && *value;
}

static void must(int truth)
{
	if (!truth)
		abort();
}

static void apply(const struct conf *c)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autodone(spec_done) struct spec s = {0};
	struct err e;

	spec_init(&s);
	s.name = "fuzz";
	/* Files of the machine are no part of the input. */
	if (!conf_each(c, is_include, NULL) && conf_apply(c, &s, &e) == 0) {
		if (spec_freeze(&s, &e) < 0)
			must(e.code > 0 && e.why[0] && !s.frozen);
	}
	spec_dump(&s, &text);
	must(text.len > 0);
}

static int edit_line(const char *key, const char *value, unsigned line, void *data)
{
	struct conf *c = data;
	struct err e;

	(void)line;
	if (conf_set(c, key, value, &e) < 0)
		return 0;
	must(strcmp(conf_get(c, key), value) == 0);
	return 1; /* the lines have moved */
}

static void edit(struct conf *c, const struct conf *source)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autodone(conf_free) struct conf *again = NULL;
	struct err e;

	(void)conf_each(source, edit_line, c);
	if (conf_add(c, "lxc.cap.drop", "chown", &e) < 0)
		must(e.code > 0);
	if (conf_set(c, "lxc.tty.max", "7", &e) < 0)
		must(e.code > 0);
	conf_render(c, &text);
	if (conf_parse(buf_str(&text), text.len, "again", &again, &e) < 0)
		must(e.code == 7 || e.code == 27); /* E2BIG, EFBIG: grown beyond the limits */
	else if (conf_get(c, "lxc.tty.max"))
		must(strcmp(conf_get(again, "lxc.tty.max"), conf_get(c, "lxc.tty.max")) == 0);
	must(conf_unset(c, "lxc.tty.max", NULL, &e) == 0);
	must(!conf_get(c, "lxc.tty.max"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autodone(conf_free) struct conf *c = NULL, *twin = NULL;
	struct err e;

	if (conf_parse((const char *)data, size, "fuzz", &c, &e) < 0) {
		must(e.code > 0 && strncmp(e.why, "fuzz:", 5) == 0);
		return 0;
	}
	conf_render(c, &text);
	must(text.len == size && (size == 0 || memcmp(buf_str(&text), data, size) == 0));
	apply(c);
	if (conf_parse((const char *)data, size, "fuzz", &twin, &e) == 0)
		edit(twin, c);
	return 0;
}
