/* figures.h - states and sizes as LXC writes them. */
#pragma once

#include "coppice/coppice.h"

/* "RUNNING"; a broken one that does not run is "STOPPED" for LXC. */
const char *lxc_state_name(enum coppice_state s);

/* "616.00 KiB", "0 bytes": two digits, rounded as LXC does. @small: behind a number below 1 KiB, " bytes", or ".00   " which is padded as in lxc-top. 24 bytes. */
void lxc_size(uint64_t bytes, const char *small, char out[24]);

/* Calls @fn with every interface of coppice_info's inside ("eth0=10.0.0.2,fd00::2 lo="): its name and its addresses with commas. */
void lxc_each_nic(const char *inside, void (*fn)(void *data, const char *nic, const char *addresses), void *data);
