/* inittab.h - a login prompt where a container's user looks for it: on the console.
 *
 * A machine's inittab starts its logins on tty1 to tty6. A container has a console, which may be the only terminal somebody ever opens, and tty1 to
 * tty4: a login on tty5 would end at once, again and again. */
#pragma once

#include "base/buf.h"

/* Appends @text to @out, as sysvinit or busybox init (told by its "initdefault" or missing run levels) should read it: with a login on the
 * console, made like the first login in it, and without those on terminals that do not exist. True when that differs from @text. */
bool inittab_fit(const char *text, struct buf *out);
