/* SPDX-License-Identifier: ISC */
/*
 * policy_feed - reads the policy file for the server: watches it, checks and parses it, finds the numbers
 * of its users and groups, and publishes the result (policy_area.h).
 *
 * The server may neither read the directory nor ask the user database; both may hang, and nothing here
 * but this has to wait for them.
 */
#ifndef POLICY_FEED_H
#define POLICY_FEED_H

#include <sys/stat.h>

#include "handover.h"
#include "policy_area.h"

struct policy_feed {
	struct policy_area *area;
	const char *path;
	bool may_be_absent; /* no file, and none before: an empty policy */
	int watch, wd;	    /* inotify, and the directory's watch; -1: none */
	unsigned poll_seconds;
	bool loaded; /* seen is of a text that was published, or is */
	struct stat seen;
	int retry_ms; /* 0: nothing is to be tried again */
	bool warned;
};

/* Make what is handed over: HANDOVER_POLICY, _POLICY_READ, _POLICY_WATCH.  ERR_IO. */
WUR int policy_feed_make(struct handover *h);
/* path must outlive it. */
WUR int policy_feed_open(struct policy_feed *f, const struct handover *h, const char *path,
			 bool may_be_absent, unsigned poll_seconds);
/* Look at the file; publish what is new.  As policy_load: 0 also when nothing is new. */
WUR int policy_feed_look(struct policy_feed *f, struct policy_error *e);
/* Look whenever there may be something to see.  Does not return. */
void policy_feed_run(struct policy_feed *f);

#endif
