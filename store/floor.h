/* SPDX-License-Identifier: ISC */
/*
 * floor - freshness: what has been accepted once is never gone behind.
 *
 * A floor names a commit and its grant.  Floors come from a bundle and from a state file outside the
 * store; the later one counts.  Whether a tip is fresh by one says ancestry.h.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include "commit.h"
#include "keys.h"

struct floor {
	uint64_t epoch; /* 0 = nothing accepted yet */
	uint64_t grant_epoch;
	uint32_t gen; /* the key generation of that commit; 0 in a bundle's floor: not known */
	uint8_t id[HASH_SIZE];
	uint8_t grant[HASH_SIZE]; /* the grant's hash */
};

void floor_put(struct enc *w, const struct floor *f);
struct floor floor_take(struct dec *r); /* gen is 0 */

struct floor floor_of(const struct commit *c);

/*
 * State files: <dir>/<store_id>/<scope_id>/floor, sealed under the scope's K_meta; nothing else is in
 * that directory but what is being written.
 * floor_load yields the later of *f and the state's (grant epoch first, then epoch); a missing file
 * changes nothing.  floor_store takes a floor from floor_of or an apply_result, never lowers what is
 * there, and is durable on return.
 */
WUR int floor_load(const char *state_dir, struct keyring *k, struct floor *f);
WUR int floor_store(const char *state_dir, struct keyring *k, const struct floor *f);
/* Make that directory, for a process that may only write in it; *out: its path, the caller's to free. */
WUR int floor_prepare(const char *state_dir, const struct keyring *k, char **out);

#endif
