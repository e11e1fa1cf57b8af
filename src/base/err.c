/* err.c - fixed-size failure records; see err.h for the idea. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void err_clear(struct err *e)
{
	if (e)
		memset(e, 0, sizeof(*e));
}

static int code_of(const struct err *e)
{
	return e && e->code ? -e->code : -EINVAL;
}

int err_set(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
{
	va_list ap;

	if (code < 0)
		code = -code;
	if (code == 0)
		code = EINVAL;
	if (!e)
		return -code;
	err_clear(e);
	e->code = code;
	e->kind = kind;
	va_start(ap, fmt);
	(void)vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
	return -code;
}

int err_sys(struct err *e, int code, const char *fmt, ...)
{
	char text[sizeof(e->why)];
	va_list ap;

	if (code < 0)
		code = -code;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, err_kind_of(code), code, "%s: %s", text, strerrordesc_np(code) ?: "unknown error");
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->why)];
	size_t used;
	va_list ap;

	if (!e)
		return -EINVAL;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	used = strlen(text);
	/* The cause at the end matters more than the outermost context: drop context that does not fit. */
	if (used + 2 + strlen(e->why) < sizeof(e->why)) {
		memmove(e->why + used + 2, e->why, strlen(e->why) + 1);
		memcpy(e->why, text, used);
		memcpy(e->why + used, ": ", 2);
	}
	return code_of(e);
}

static void fill_once(char *field, size_t size, const char *fmt, va_list ap)
{
	if (!field[0])
		(void)vsnprintf(field, size, fmt, ap);
}

int err_what(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -EINVAL;
	va_start(ap, fmt);
	fill_once(e->what, sizeof(e->what), fmt, ap);
	va_end(ap);
	return code_of(e);
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -EINVAL;
	va_start(ap, fmt);
	fill_once(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return code_of(e);
}

enum err_kind err_kind_of(int code)
{
	switch (code < 0 ? -code : code) {
	case 0:
		return ERR_NONE;
	case EPERM:
	case EACCES:
	case EROFS:
		return ERR_DENIED;
	case ENOENT:
		return ERR_MISSING;
	case EEXIST:
	case ENOTEMPTY:
		return ERR_EXISTS;
	case EBUSY:
	case ETXTBSY:
	case EAGAIN:
		return ERR_BUSY;
	case ENOSYS:
	case EOPNOTSUPP:
	case ENODEV:
		return ERR_UNSUPPORTED;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	default:
		return ERR_SYSTEM;
	}
}

const char *err_kind_name(enum err_kind kind)
{
	static const char *const names[ERR_KIND_COUNT] = {
		[ERR_NONE] = "none",
		[ERR_INPUT] = "input",
		[ERR_MISSING] = "missing",
		[ERR_EXISTS] = "exists",
		[ERR_STATE] = "state",
		[ERR_BUSY] = "busy",
		[ERR_DENIED] = "denied",
		[ERR_UNSUPPORTED] = "unsupported",
		[ERR_TIMEOUT] = "timeout",
		[ERR_SYSTEM] = "system",
		[ERR_DAMAGED] = "damaged",
		[ERR_INTERNAL] = "internal",
	};

	return kind < ERR_KIND_COUNT && names[kind] ? names[kind] : "internal";
}
