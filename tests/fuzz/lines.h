/* lines.h - for targets that read values of one key, a line each. */
#pragma once

#include "spec/keys.h"
#include "spec/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Begins @s and gives each line of @data to @key: a value is taken or refused with a message that shows it. -1 = out of memory, nothing to look at. */
static inline int fuzz_lines(const uint8_t *data, size_t size, const char *key, struct spec *s)
{
	char *text = malloc(size + 1), *line, *next;
	struct err e;

	spec_init(s);
	if (!text)
		return -1;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	s->name = "fuzz";
	s->rootfs = "/srv/root";
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (key_apply(s, NULL, key, line, &e) < 0 && (e.code <= 0 || !strstr(e.why, " = '")))
			abort();
	}
	free(text);
	return 0;
}

/* What was taken makes a spec (true), or a refusal with a code. */
static inline bool fuzz_freeze(struct spec *s)
{
	struct err e;
	int r = spec_freeze(s, &e);

	if (r < 0 && e.code <= 0)
		abort();
	return r == 0;
}
