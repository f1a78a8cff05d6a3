/* SPDX-License-Identifier: ISC */
/*
 * timefmt - dates and durations as people type and read them.
 */
#ifndef TIMEFMT_H
#define TIMEFMT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define TIMEFMT_SIZE 40

/* "30d", "12h30m", "1w": seconds. ERR_FORMAT. */
WUR int timefmt_duration(const char *text, uint64_t *seconds);
/*
 * A moment: a duration from now, YYYY-MM-DD (its first second, local), or RFC 3339, seconds since
 * 1970; a time without an offset is local. "never" is 0. ERR_FORMAT; ERR_STALE when it is past.
 */
WUR int timefmt_parse(const char *text, uint64_t now, uint64_t *seconds);

const char *timefmt_utc(uint64_t seconds, char out[TIMEFMT_SIZE]); /* 2026-01-31T12:00:00Z */
const char *timefmt_local(uint64_t seconds,
			  char out[TIMEFMT_SIZE]); /* 2026-01-31 12:00:00; "-" for 0 */
uint64_t timefmt_now(void);

#endif
