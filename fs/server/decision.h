/* SPDX-License-Identifier: ISC */
/*
 * decision - who opened what, or was refused, in the log.
 *
 * The first of its kind (uid, secret, answer and reason) is written at once.  Further ones within a
 * second are counted, and written as one line when the second is over.  A uid has DECISION_ROWS_PER_UID
 * such rows at a time, fewer when many need some; beyond that its decisions are counted together,
 * without the names.  So one uid fills the log with some lines a second at most, keeps no other's from it,
 * and the counts of all lines add up to exactly the number of decisions.
 *
 * Not thread-safe: it belongs to the serving thread.
 */
#ifndef DECISION_H
#define DECISION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DECISION_ROWS 512u
#define DECISION_ROWS_PER_UID 32u

struct decision {
	const char *name, *scope;
	uint64_t ino; /* tells secrets apart */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool granted;
	const char *reason; /* static */
	unsigned line;	    /* of the policy; 0 = none */
};

void decision_log(const struct decision *d);

/* Write the counts that are due.  Milliseconds until the next is, or -1. */
int decision_flush(void);
/* Write them all. */
void decision_flush_all(void);

#endif
