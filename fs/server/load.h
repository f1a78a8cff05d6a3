/* SPDX-License-Identifier: ISC */
/*
 * load - from a bundle and a store to a view: every scope of the bundle verified, fresh and whole,
 * or no view at all.
 *
 * It remembers what it accepted, and never goes behind it, with a state directory or without.
 * Not thread-safe.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>

#include "bundle.h"
#include "view.h"

struct load;
struct shm;

struct load_error {
	int error; /* of store/ */
	int saved_errno;
	struct scope scope; /* that it happened in */
};

/*
 * Borrows all; bundle is a reader's.  state_dir NULL: the bundle's floors alone.  shm has the key of the
 * node ids and what is known of directories; NULL: a key of its own, and nothing is.
 */
WUR int load_open(struct backend *b, struct bundle *bundle, const char *state_dir, struct shm *shm,
		  struct load **out);
void load_close(struct load *l); /* NULL is fine */

/* *out is a new view, or NULL when nothing changed since the last one.  On error fills *e. */
WUR int load_view(struct load *l, struct view **out, struct load_error *e);

/*
 * What a predecessor showed, by its commits (view_commit_id of each level).  Only to be compared with:
 * where one of them cannot be read any more, or not with these keys, *out is NULL.
 */
WUR int load_earlier(struct load *l, const uint8_t ids[SCOPE_LEVELS][HASH_SIZE], struct view **out);

/* The next load_view builds a view even when nothing changed. */
void load_again(struct load *l);

/* v is to be served after was (dir_record_succeed). */
void load_succeed(const struct load *l, const struct view *was, struct view *v);

/* By level; what the bundle has not is empty. */
const struct scope *load_scopes(const struct load *l);

/* Make durable what the last view was made of; without a state directory does nothing. */
WUR int load_store_floors(struct load *l, struct load_error *e);

#endif
