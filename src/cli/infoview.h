/* infoview.h - a container as a row: the columns of list, the members of its JSON and of show. */
#pragma once

#include "cli/out.h"

extern const struct view infoview;

/* "debian12@1f2e3a4b", with the short version; "-" for a container with a root of its own. */
struct coppice_info;
void infoview_base(const struct coppice_info *info, struct buf *b);
/* Processes of it exist: what is counted since the start means something. */
bool infoview_is_up(const struct coppice_info *info);
/* Share of one processor since the start, in percent; UINT64_MAX unknown. */
uint64_t infoview_cpu_percent(const struct coppice_info *info, int64_t now);
