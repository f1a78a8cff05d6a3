/* SPDX-License-Identifier: ISC */
/*
 * gc - deletes what commits have retired, once its grace time is over.
 */
#ifndef GC_H
#define GC_H

#include "commit.h"

#define GC_GRACE (24u * 60 * 60) /* seconds */

/*
 * Delete the retired objects of old ancestors of tip, a bounded number of commits at a time, and
 * set *swept to the epoch up to which it is done (for the next commit to record).  Whatever fails
 * is left for the next sweep: retired objects harm nobody.
 */
void gc_run(struct backend *b, struct keyring *k, const struct commit *tip, uint64_t grace,
	    uint64_t *swept);

#endif
