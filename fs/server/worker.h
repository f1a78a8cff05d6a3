/* SPDX-License-Identifier: ISC */
/*
 * worker - threads that do what may have to wait, so that the serving one never does.
 *
 * There are as many as there is work for, up to a limit: one that hangs is replaced by the next job.
 * No uid has more than its share of them, and who has asked for little is served before who has asked
 * for much.
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

/* max threads, per_uid of them for one uid.  They end with the process. */
WUR int workers_open(unsigned max, unsigned per_uid, struct workers **out);
/* ERR_NOMEM: no thread can be created, and there is none. */
WUR int workers_submit(struct workers *w, struct job *j);
/* Take back one that no thread has begun.  False: one has. */
bool workers_cancel(struct workers *w, struct job *j);
/* Polls readable when a job is done, and stays so until workers_take. */
int workers_fd(const struct workers *w);
/* All that are done, by next. */
struct job *workers_take(struct workers *w);

#endif
