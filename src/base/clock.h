/* clock.h - deadlines. Every wait in the program has one. */
#pragma once

#include "base/attr.h"

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t clock_now_ms(void);

/* CLOCK_REALTIME in seconds. */
int64_t clock_unix(void);

/* Milliseconds left until @deadline (0 when passed), fit for poll(2): at most INT_MAX. CLOCK_NEVER gives -1. */
#define CLOCK_NEVER UINT64_MAX
int clock_left_ms(uint64_t deadline);

/* now + @ms, saturating at CLOCK_NEVER. */
uint64_t clock_deadline(uint64_t ms);
