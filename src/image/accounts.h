/* accounts.h - the host's accounts, reduced to those the packages of a smaller system have. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Removes from etc/passwd, group, shadow and gshadow of the tree the host's people (ids from 1000 on, but not nobody) and those service
 * accounts (100 to 999) that no maintainer script in directory @info and no usr/lib/sysusers.d file of the tree names: their packages are
 * not there. */
int accounts_trim(int tree, const char *info, struct err *e) MUST_USE;

/* True when @word stands in @text between bytes that cannot be part of an account's name. */
bool accounts_mentions(const char *text, const char *word, size_t len);
