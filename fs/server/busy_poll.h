/* SPDX-License-Identifier: ISC */
/*
 * busy_poll - what the serving thread does between two requests, so that neither it nor the reader has
 * to be woken on another processor: that costs several times what an answer does.
 *
 * Three means, each given up for a while when it does not pay:
 * - It moves to the reader's processor when the requests of a single reader take that long to come.
 *   Reader and server then take turns there, and no processor has to be woken at all.
 * - Where they do not stay together, it looks for the next request for some microseconds before
 *   it sleeps.
 * - It keeps the processors awake when the reader's falls asleep meanwhile all the same (awake.h).
 * When nobody reads it costs nothing: it is only ever called after a request.
 */
#ifndef BUSY_POLL_H
#define BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "awake.h"

struct busy_poll {	   /* zeroed = fresh */
	int64_t since;	   /* ns; nothing has been there since then; 0: busy */
	bool off;	   /* no means, ever */
	bool looked;	   /* and has been looked for */
	int score;	   /* looking: found against not found, of late */
	unsigned rest;	   /* looking is given up for that many requests */
	unsigned far;	   /* requests of late that came as from another processor */
	unsigned near;	   /* and as from this one, since the last move */
	unsigned stay;	   /* no move for that many requests */
	unsigned patience; /* the next stay, as a power of two */
	pid_t reader;	   /* 0: nobody yet */
	unsigned alone;	   /* answers to this reader alone */
	struct awake awake;
};

/* A request of that thread (0: not known) is there. */
void busy_poll_arrived(struct busy_poll *l, pid_t reader);
/* The reader has much to read, and will come back for all of it. */
void busy_poll_expect(struct busy_poll *l);
/* None is there: look on, instead of sleeping? */
bool busy_poll_on(struct busy_poll *l);
/* How long (ms) to sleep at most, of ms (-1: for good). */
int busy_poll_sleep(const struct busy_poll *l, int ms);
/* It was slept that long, and nothing came. */
void busy_poll_end(struct busy_poll *l);

#endif
