/* SPDX-License-Identifier: ISC */
/*
 * rewind - where the root goes on from when the newest commit is not what it trusts: a backup was put
 * back, a ref is lost, or a writer has made something that nobody can follow.
 *
 * It is the root's word alone, a discontinuity (grant.h), that leads readers there; and of the
 * writers only those come along that are named, for a state of the past grants what was taken back
 * since.
 */
#ifndef REWIND_H
#define REWIND_H

#include "apply.h"

struct rewind {
	struct snapshot
		*at;	 /* to go on from: verified, its pages loaded; ->ref is the ref as found */
	bool fresh;	 /* the ref's commit passes the floor, so that there is nothing to accept */
	int broken;	 /* but this is the error of its pages, and at is an older one */
	uint64_t newest; /* epoch that the ref's commit states; 0: it cannot be read */
	uint64_t grant_epoch; /* the greatest that was met */
};

/*
 * Judge the scope as it lies there against what was accepted.  The newest commit counts as far back as
 * every step from it holds.  If that does not lead to the floor, and the floor's commit is there and
 * is no descendant, the newest descendant of the floor's commit counts instead, whatever the ref says.
 * to: that epoch before it, 0: it.  ERR_NOENT: no ref; or no such epoch.  ERR_AUTH and the like:
 * nothing there can be trusted.
 */
WUR int rewind_find(struct backend *b, struct keyring *k, const struct floor *floor, uint64_t to,
		    struct rewind *out);
/*
 * Go on from rw->at.  keep: names of writers of its grant that stay besides the root.  ERR_CONFLICT:
 * the ref is not any more what was judged.  ERR_DENIED without the root.
 */
WUR int rewind_commit(struct backend *b, struct keyring *k, struct rewind *rw,
		      const char *const *keep, size_t nkeep, struct apply_result *result);
void rewind_fini(struct rewind *rw);
#define REWIND_CLEANUP __attribute__((cleanup(rewind_fini)))

#endif
