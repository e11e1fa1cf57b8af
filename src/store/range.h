/* range.h - the id ranges file and who else has ids, as pure text work; for this folder, tests and fuzzing. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

/* Ranges come from here, in steps of STORE_RANGE_SIZE: above login users, useradd's subordinate ids (from 100000), systemd's dynamic
 * (61184-65519) and nspawn (524288-1879048191) ranges, and below 2^31, where some file systems and programs stop. */
#define RANGE_FIRST 0x70000000u
#define RANGE_SLOTS 4096u

struct range_map {
	uint64_t used[RANGE_SLOTS / 64];
};

/* Marks the slots that [first, first + count) touches. */
void range_mark(struct range_map *m, uint64_t first, uint64_t count);

/* Marks every range of a ranges file ("FIRST COUNT OWNER" lines; others are skipped). Returns true and the first id when @owner (may be
 * NULL) has one. */
bool range_scan(struct range_map *m, const char *text, const char *owner, uint32_t *ret_first);

/* Marks subordinate ids: "NAME:FIRST:COUNT" lines. */
void range_scan_sub(struct range_map *m, const char *text);

/* Marks single ids: field 3 of passwd or group lines. */
void range_scan_ids(struct range_map *m, const char *text);

/* A free range for @owner; the same owner gets the same one again when it is free, so that a container made anew keeps its ids, and
 * others do not come by its old ones soon. False when all are taken. */
bool range_pick(const struct range_map *m, const char *owner, uint32_t *ret_first);
