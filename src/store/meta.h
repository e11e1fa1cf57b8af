/* meta.h - the text form of a base's meta file, for this folder, tests and fuzzing. */
#pragma once

#include "store/store.h"

/* Parses "key = value" lines (docs/formats/store.md). 0 or -EBADMSG; @ret is written on success only. */
int meta_parse(const char *text, size_t len, struct store_base *ret) MUST_USE;
