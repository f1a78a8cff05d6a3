/* SPDX-License-Identifier: ISC */
/*
 * worker - threads that do what may have to wait, so that the serving one never does.
 *
 * There are as many as there is work for, up to a limit: one that hangs is replaced by the next job.
 * No uid has more than its share of them, and who has asked for little is served before who has asked
 * for much.  Where jobs can cost much time of a processor, a thread rests after such a one, and its uid
 * with it: nobody else is to feel what is computed for that uid.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"

struct workers;

struct job { /* the caller's, its own again when workers_take returns it */
	void (*run)(
		struct job *j); /* in a thread; no more may be touched there than is the job's */
	uid_t uid;		/* that it is done for */
	/* worker.c's */
	struct job *next;
	unsigned rank;
};

struct workers_options {
	unsigned max, per_uid; /* threads; for one uid */
	unsigned rest;	       /* after a long job: so many times what it took */
};

/* The threads end with the process.  On them the serving one takes precedence by far. */
WUR int workers_open(const struct workers_options *o, struct workers **out);
/* ERR_NOMEM: no thread can be created, and there is none. */
WUR int workers_submit(struct workers *w, struct job *j);
/* Take back one that no thread has begun.  False: one has. */
bool workers_cancel(struct workers *w, struct job *j);
/* Polls readable when a job is done, and stays so until workers_take. */
int workers_fd(const struct workers *w);
/* All that are done, by next. */
struct job *workers_take(struct workers *w);

#endif
