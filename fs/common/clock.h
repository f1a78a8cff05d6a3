/* SPDX-License-Identifier: ISC */
/* clock - the time for intervals: it goes on whatever the time of day is set to. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ns_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t clock_ns(void)
{
	return clock_ns_of(CLOCK_MONOTONIC);
}

static inline int64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

/* As of the last tick, a few ms ago: for what is asked at every open. */
static inline int64_t clock_tick_ms(void)
{
	return clock_ns_of(CLOCK_MONOTONIC_COARSE) / 1000000;
}

#endif
