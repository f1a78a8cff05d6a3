/* SPDX-License-Identifier: ISC */
/*
 * bundle_watch - notices that the bundle was minted anew: another file under its name, or the same
 * one written again.
 *
 * A name is watched by its directory; one that is not there (any more) is looked for again and again.
 */
#ifndef BUNDLE_WATCH_H
#define BUNDLE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct bundle_watch {
	const char *path;
	int fd;	     /* polls readable: bundle_watch_read; -1: none */
	int64_t due; /* when to ask bundle_watch_changed; ms of the monotonic clock, 0: not */
	int wd;
	bool written; /* and not taken up yet */
	int64_t wait; /* before the next try */
};

/* path must outlive it. */
void bundle_watch_open(struct bundle_watch *w, const char *path);
void bundle_watch_read(struct bundle_watch *w);
/* When due.  taken: the bundle in use, opened.  Is there another one? */
bool bundle_watch_changed(struct bundle_watch *w, int taken);
/* It could not be taken up: it is tried again later, since the store may be what is behind. */
void bundle_watch_retry(struct bundle_watch *w);

#endif
