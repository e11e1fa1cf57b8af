/* lsm.h - security modules: which ones confine here, and the label that a process takes at its next exec.
 *
 * Functions return -errno on failure. */
#pragma once

#include "linux/facts.h"

/* Asks the kernel, by its files below the directory @root ("/" when FD_NONE). What cannot be asked is not there. */
void lsm_probe(int root, struct lsm *ret);

/* Writes @text to attribute @file ("exec", "apparmor/exec", "keycreate") of the calling process, which @procfs (a procfs directory) knows as "self". An AppArmor attribute of a kernel before 5.8
 * is the one that all modules shared. */
int lsm_label(int procfs, const char *file, const char *text) MUST_USE;
