/* SPDX-License-Identifier: ISC */
/*
 * busy_poll - whether the serving thread looks for the next request for some microseconds before it
 * sleeps: to be woken costs several times what an answer does.
 *
 * Only for a single busy reader, only while it pays, and only within a budget: BUSY_POLL_BURST_NS at
 * a time and a BUSY_POLL_SHARE-th of the time in the long run, whatever anybody asks for.
 * When nobody reads it costs nothing: it is only ever called after a request.
 */
#ifndef BUSY_POLL_H
#define BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BUSY_POLL_BURST_NS 20000000
#define BUSY_POLL_SHARE 20

struct busy_poll {	/* zeroed = fresh */
	int64_t since;	/* ns; nothing has been there since then; 0: busy */
	bool looked;	/* and has been looked for */
	int score;	/* found against not found, of late */
	unsigned rest;	/* not looked for that many requests */
	pid_t reader;	/* 0: nobody yet */
	unsigned alone; /* answers to this reader alone */
	int64_t spent;	/* ns of the budget */
	int64_t repaid; /* ns; when spent was last brought down */
};

/* A request of that thread (0: not known) is there. */
void busy_poll_arrived(struct busy_poll *l, pid_t reader);
/* None is there: look on, instead of sleeping? */
bool busy_poll_on(struct busy_poll *l);

#endif
