/* owner.h - which package a path of a base belongs to, by the file lists in the base's own database. */
#pragma once

#include "base/arena.h"

struct owner_query {
	const char *path;  /* relative, as in the manifest; may be NULL */
	const char *what;  /* for the asker */
	const char *owner; /* answer, in the arena; NULL = none known */
};

/* Answers the queries from the dpkg lists in the tree at @root; silent when there are none or they cannot be read. */
void owner_find(int root, struct arena *a, struct owner_query *queries, size_t count);
