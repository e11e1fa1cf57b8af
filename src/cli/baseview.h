/* baseview.h - a base as a row. */
#pragma once

#include "cli/out.h"

extern const struct view baseview;
