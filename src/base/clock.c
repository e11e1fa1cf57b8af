/* clock.c - monotonic milliseconds. */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

uint64_t clock_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int64_t clock_unix(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

int clock_left_ms(uint64_t deadline)
{
	uint64_t now;

	if (deadline == CLOCK_NEVER)
		return -1;
	now = clock_now_ms();
	if (deadline <= now)
		return 0;
	return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

uint64_t clock_deadline(uint64_t ms)
{
	uint64_t at;

	return __builtin_add_overflow(clock_now_ms(), ms, &at) ? CLOCK_NEVER : at;
}
