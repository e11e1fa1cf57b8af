/* copy.h - one tree copied by descriptors, with few system calls an inode; for this folder only. */
#pragma once

#include "store/store.h"

struct copy_result {
	uint64_t bytes, files; /* files: every inode made */
	bool reflinked;        /* some file shares its blocks with the source */
};

/* Copies what is in directory @from into the empty directory @to, and the attributes of @from itself onto it. */
int copy_tree(int from, int to, struct copy_result *ret, struct err *e) MUST_USE;
