/* system.h - what a tree says about itself: its operating system and machine. Read as data, nothing is run. */
#pragma once

#include "base/attr.h"

#include <stddef.h>

/* "debian 12" from os-release(5); "linux" when it says nothing. */
void system_os(int tree, char *out, size_t size);

/* "amd64", "arm64" ... from the ELF header of a program everybody has; "any" when there is none. */
void system_arch(int tree, char *out, size_t size);
