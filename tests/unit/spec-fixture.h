/* A spec out of config text, for tests of what the text means. */
#pragma once

#include "spec/conf.h"
#include "spec/spec.h"
#include "unit/test.h"

/* Applies @text to @s with @name; the root is a base when the text gives none. */
static inline int load(struct spec *s, const char *text, struct err *e)
{
	autodone(conf_free) struct conf *c = NULL;
	int r;

	spec_init(s);
	s->name = "web1";
	r = conf_parse(text, strlen(text), "c", &c, e);
	if (r < 0)
		return r;
	r = conf_apply(c, s, e);
	if (r < 0)
		return r;
	if (!s->base && !s->rootfs)
		s->base = "deb";
	return spec_freeze(s, e);
}

static inline void good(struct spec *s, const char *text)
{
	struct err e = {0};

	if (load(s, text, &e) < 0)
		fail_msg("%s", e.why);
	assert_true(s->frozen);
}

/* @text fails; @why (NULL = anything) begins the message. */
static inline void bad(const char *text, enum err_kind kind, const char *why)
{
	struct spec s;
	struct err e = {0};

	if (load(&s, text, &e) >= 0)
		fail_msg("accepted: %s", text);
	if (why && strncmp(e.why, why, strlen(why)) != 0)
		fail_msg("tells '%s', not '%s'", e.why, why);
	if (e.kind != (uint32_t)kind)
		fail_msg("'%s' is of kind %s", e.why, err_kind_name((enum err_kind)e.kind));
	assert_false(s.frozen);
	spec_done(&s);
}
