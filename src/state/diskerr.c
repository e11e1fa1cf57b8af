/* diskerr.c - see diskerr.h. */
#include "state/diskerr.h"

#include <errno.h>
#include <stdio.h>

int disk_err(struct err *e, int code, const char *path, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int r;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r = err_sys(e, code, "%s", text);
	switch (-r) {
	case ENOSPC:
		return err_hint(e, "df -h --output=avail,iavail,target %s", path);
	case EDQUOT:
		return err_hint(e, "df -h %s", path);
	case EROFS:
		return err_hint(e, "findmnt -T %s", path);
	case EACCES:
	case EPERM:
		return err_hint(e, "ls -ld %s", path);
	default:
		return r;
	}
}
