/* domain.h - a libvirt domain of type lxc as lines of a config. */
#pragma once

#include "import/out.h"

/* Reads @len bytes of XML. 0, or -EINVAL with a line "E ..." in @o. */
int domain_read(const char *text, size_t len, struct out *o) MUST_USE;
