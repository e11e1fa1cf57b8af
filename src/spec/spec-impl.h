/* spec-impl.h - what the parts of spec_freeze() share. Internal to src/spec. */
#pragma once

#include "spec/spec.h"

#include <errno.h>

/* ERR_INPUT "WHERE: text", without WHERE when it was not said in a file (NULL). */
#define REFUSE(where, e, ...)                                  \
	({                                                     \
		const char *refuse_where_ = (where);           \
		(void)err_set((e), ERR_INPUT, EINVAL, __VA_ARGS__); \
		refuse_where_ ? err_wrap((e), "%s", refuse_where_) : -(e)->code; \
	})

/* spec-net.c: types become the network, interfaces are sorted and named, ports are checked against each other. */
int spec_freeze_net(struct spec *s, struct err *e) MUST_USE;
