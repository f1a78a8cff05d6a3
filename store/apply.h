/* SPDX-License-Identifier: ISC */
/*
 * apply - the one way a scope changes: a batch of changes becomes one commit.
 *
 * The loop: read and verify, put objects, compare-and-swap the ref, on conflict start again.
 * Old or new, never neither; all changes of a batch or none.
 */
#ifndef APPLY_H
#define APPLY_H

#include "change.h"
#include "snapshot.h"

/* Changes may be in any order; two of one name are ERR_INVAL.  ERR_DENIED when the key is not
 * granted.  result is filled on error too (failed). */
WUR int apply_changes(struct backend *b, struct keyring *k, const struct apply_options *opt,
		      const struct change *changes, size_t n, struct apply_result *result);

/* The first, empty commit of a scope, generation 1, its only writer the root key.  ERR_EXIST if
 * there is one, ERR_DENIED without the root key. */
WUR int apply_genesis(struct backend *b, struct keyring *k, struct apply_result *result);

/* A commit that changes the list of granted writers: add w, or (remove) strike out the one of its
 * name.  ERR_EXIST, ERR_NOENT; ERR_DENIED for striking out the root. */
WUR int apply_grant(struct backend *b, struct keyring *k, const struct apply_options *opt,
		    const struct grant_writer *w, bool remove, struct apply_result *result);
/* The same, giving the granted writer of that name the key of w. */
WUR int apply_regrant(struct backend *b, struct keyring *k, const struct apply_options *opt,
		      const struct grant_writer *w, struct apply_result *result);

/*
 * After a backup was restored, or a writer has ruined the scope: declare the newest state that can be
 * trusted by passed (the newest floor that anybody may have), to be where history goes on, with the
 * root as its only writer.  The root's word alone does this; every reader follows once and refuses
 * what came before.  rewind.h has the parts.
 */
WUR int apply_discontinuity(struct backend *b, struct keyring *k, const struct floor *passed,
			    struct apply_result *result);

#endif
