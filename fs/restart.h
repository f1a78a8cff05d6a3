/* SPDX-License-Identifier: ISC */
/*
 * restart - when a process that ended is started again: at once, unless it keeps dying, and after a
 * growing while when it cannot even load.
 */
#ifndef RESTART_H
#define RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_MS 200 /* between two restarts of one that keeps dying */

struct restart {
	int64_t credit_ms; /* restarts are paid from it; it grows with time */
	int64_t since;
	unsigned refused; /* in a row */
	bool loud;	  /* said that it keeps dying */
};

/* All in ms of clock_ms(). */
void restart_open(struct restart *r);
/* When what may be started again. */
int64_t restart_died(struct restart *r, const char *what);
/* The same, for a server that said why it cannot. */
int64_t restart_refused(struct restart *r);
/* It serves. */
void restart_well(struct restart *r);
/* Does nothing stay? */
bool restart_is_failing(const struct restart *r);

#endif
