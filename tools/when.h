/* SPDX-License-Identifier: ISC */
/*
 * when - dates and durations as people type and read them.
 */
#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define WHEN_SIZE 40

/* "30d", "12h30m", "1w": seconds. ERR_FORMAT. */
WUR int when_duration(const char *text, uint64_t *seconds);
/*
 * A moment: a duration from now, YYYY-MM-DD (its first second, local), or RFC 3339, seconds since
 * 1970; a time without an offset is local. "never" is 0. ERR_FORMAT; ERR_STALE when it is past.
 */
WUR int when_parse(const char *text, uint64_t now, uint64_t *seconds);

const char *when_utc(uint64_t seconds, char out[WHEN_SIZE]);   /* 2026-01-31T12:00:00Z */
const char *when_local(uint64_t seconds, char out[WHEN_SIZE]); /* 2026-01-31 12:00:00; "-" for 0 */
uint64_t when_now(void);

#endif
