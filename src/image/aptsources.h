/* aptsources.h - the package sources of this host that serve a given release. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* What the host's sources say about one release, in the two forms apt knows. */
struct apt_sources {
	struct buf lines;  /* sources.list(5), one line an entry */
	struct buf deb822; /* paragraphs */
};

#define APT_SOURCES_INIT {BUF_INIT, BUF_INIT}

/* Adds what @text (of a .list file) or @text (of a .sources file) has for release @want: its own suite, and those named after it (-updates,
 * -security). With @instead the base suite @instead is looked for and written as @want: the same archive, another release. Only binary
 * packages, only enabled entries, only those with a component "main". */
void apt_sources_add_list(struct apt_sources *s, const char *text, const char *want, const char *instead);
void apt_sources_add_deb822(struct apt_sources *s, const char *text, const char *want, const char *instead);

/* Reads /etc/apt of this host for release @want; when it has nothing, the host's own release is asked for instead. Both empty: nothing
 * known. */
int apt_sources_read(struct apt_sources *s, const char *want, struct err *e) MUST_USE;
void apt_sources_done(struct apt_sources *s);
