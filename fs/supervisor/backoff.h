/* SPDX-License-Identifier: ISC */
/*
 * backoff - when a process that ended is started again: at once, unless it keeps dying, and after a
 * growing while when it cannot even load.
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_MS 200 /* between two restarts of one that keeps dying */

struct backoff {
	int64_t credit_ms; /* restarts are paid from it; it grows with time */
	int64_t since;
	unsigned refused; /* in a row */
	bool loud;	  /* said that it keeps dying */
};

/* All in ms of clock_ms(). */
void backoff_open(struct backoff *r);
/* When what may be started again. */
int64_t backoff_died(struct backoff *r, const char *what);
/* The same, for a server that said why it cannot. */
int64_t backoff_refused(struct backoff *r);
/* It serves. */
void backoff_well(struct backoff *r);
/* Does nothing stay? */
bool backoff_is_failing(const struct backoff *r);

#endif
