/* out.c - see out.h. */
#include "import/out.h"

#include <stdarg.h>
#include <stdio.h>

static void put(struct out *o, const char *prefix, const char *fmt, va_list ap)
{
	char text[12288]; /* two paths, each of their bytes written with four */

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	buf_printf(&o->text, "%s%s\n", prefix, text);
}

void out_key(struct out *o, const char *key, const char *fmt, ...)
{
	char prefix[200];
	va_list ap;

	(void)snprintf(prefix, sizeof(prefix), "C %s = ", key);
	va_start(ap, fmt);
	put(o, prefix, fmt, ap);
	va_end(ap);
}

void out_comment(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(o, "C # ", fmt, ap);
	va_end(ap);
}

void out_note(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(o, "! ", fmt, ap);
	va_end(ap);
}

void out_line(struct out *o, char letter, const char *fmt, ...)
{
	char prefix[3] = {letter, ' ', '\0'};
	va_list ap;

	va_start(ap, fmt);
	put(o, prefix, fmt, ap);
	va_end(ap);
}
