/* troff.h - text made safe for a manual page in the man(7) macros. */
#pragma once

struct buf;

/* Adds @text with everything that troff gives a meaning to made harmless. Newlines inside stay: troff fills. */
void troff_escape(struct buf *b, const char *text);
