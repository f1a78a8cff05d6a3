/* SPDX-License-Identifier: ISC */
/*
 * linger - how long the serving thread looks for the next request before it sleeps.
 *
 * Waking up costs more than an answer, so looking on for some microseconds pays when the next
 * request is close.  It does not when nobody comes, and it harms when others want the processor: then
 * it is given up for a while.
 */
#ifndef LINGER_H
#define LINGER_H

#include <stdbool.h>
#include <stdint.h>

struct linger {	       /* zeroed = fresh */
	int64_t until; /* ns; 0: not looking */
	int score;     /* of late: found against not found */
	unsigned rest; /* answers that it is still given up for */
	unsigned answers;
	long preempted; /* times, as last seen */
};

/* A request was answered. */
void linger_answered(struct linger *l);
/* None is there: look on? */
bool linger_on(struct linger *l);

#endif
