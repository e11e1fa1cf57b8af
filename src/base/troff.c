/* troff.c - text made safe for a manual page. */
#include "base/troff.h"

#include "base/buf.h"

#include <stdbool.h>

void troff_escape(struct buf *b, const char *text)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			buf_puts(b, "\\&");
		start = *text == '\n';
		if (*text == '\\')
			buf_puts(b, "\\e");
		else if (*text == '-')
			buf_puts(b, "\\-");
		else if (*text == '\'')
			buf_puts(b, "\\(aq");
		else if (*text == '`')
			buf_puts(b, "\\(ga");
		else if (*text == '^')
			buf_puts(b, "\\(ha");
		else if (*text == '~')
			buf_puts(b, "\\(ti");
		else
			buf_putc(b, *text);
	}
}
