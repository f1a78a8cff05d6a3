/* SPDX-License-Identifier: ISC */
/*
 * gc - deletes what commits have retired, once its grace time is over.
 *
 * A list of retired objects, and the date on it, is the word of whoever signed that commit.  Nothing
 * goes that the tip still names, nor anything that opens as a commit; and that the grace time is over
 * is taken from the root, from oneself, or from somebody else than who retired it.
 */
#ifndef GC_H
#define GC_H

#include "idset.h"
#include "snapshot.h"

#define GC_GRACE (24u * 60 * 60) /* seconds */

/*
 * Delete the retired objects of old ancestors of tip, a bounded number of commits at a time, and
 * set *swept to the epoch up to which it is done (for the next commit to record).  May load tip's
 * pages.  Whatever fails is left for the next time, or for check --prune: retired objects harm nobody.
 */
void gc_run(struct backend *b, struct keyring *k, struct snapshot *tip, uint64_t grace,
	    uint64_t *swept);

/* The same for all that is due, when the disk is full: true if anything was.  Sets tip's swept. */
bool gc_all(struct backend *b, struct keyring *k, struct snapshot *tip, uint64_t grace);

/*
 * Delete these objects now, for the owner of a secret who wants it gone at once: whoever is still at an
 * older commit, or goes back to one, finds them missing.  What tip names and what opens as a commit
 * stays, for the list is some writer's word.  The first error, after all have been tried.
 */
WUR int gc_drop(struct backend *b, struct keyring *k, struct snapshot *tip,
		const struct idset *ids);

#endif
