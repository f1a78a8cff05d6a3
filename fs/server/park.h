/* SPDX-License-Identifier: ISC */
/*
 * park - requests that wait: for a change that is being loaded, for an object of the store, for the
 * groups of their caller.
 *
 * A parked request is nothing but its bytes, in a row of the shared memory.  When what it waits for is
 * there, or the time is over, it is taken up again from its beginning; a successor takes up what a
 * killed server has left.
 *
 * Who has many rows gets another one only while four times as many are free, and the last part of all is
 * root's: so one uid has 768 at most, and some dozens of them leave room for one not seen yet.
 * Belongs to the serving thread.
 */
#ifndef PARK_H
#define PARK_H

#include <stdbool.h>

#include "fetch.h"
#include "shm.h"

#define PARK_STATE_MS 1000 /* that a request waits for a change to be loaded */

struct park;

struct parked { /* one that waits */
	uint32_t row;
	uid_t uid;
	bool left; /* by a predecessor */
	bool late; /* its time is over */
	bool for_state, for_object, for_groups;
	struct fetch *object, *groups; /* references; NULL: not asked for */
	struct parked *next;
};

/* Takes over what a predecessor has left, to be taken up at once. */
WUR int park_open(struct shm *shared, struct fetcher *f, struct park **out);
/* A request of uid, len bytes.  NULL: there is no room for it. */
struct parked *park_add(struct park *p, const void *request, size_t len, uid_t uid);
/* Its bytes. */
void *park_request(struct park *p, const struct parked *r);
/* It is answered. */
void park_done(struct park *p, struct parked *r);
/* The first of all, by next. */
struct parked *park_first(struct park *p);
/* Nothing waits? */
bool park_is_empty(const struct park *p);
/* One that can be taken up now, or NULL.  settled: no change is being loaded. */
struct parked *park_ready(struct park *p, bool settled);
/* Milliseconds until the time of one is over, or -1. */
int park_due(const struct park *p);
/* Forget all: the kernel sends them again. */
void park_drop(struct park *p);

#endif
