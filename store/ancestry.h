/* SPDX-License-Identifier: ISC */
/*
 * ancestry - from a commit back to an older one, believing no more than each step proves.
 *
 * Every step leads from a commit to its predecessor, whose epoch is one less, and which carries the
 * same grant; or else an older grant, and the newer one names this very predecessor as the commit it
 * came after.  A jump stands for many steps and is its writer's word only.  It is taken where all of
 * them lie within one grant, whose writers may sign there anyway, and where it fails the steps are
 * walked.
 */
#ifndef ANCESTRY_H
#define ANCESTRY_H

#include "backend.h"
#include "floor.h"

/* The predecessor of child, which is not a first commit.  ERR_AUTH also when its epoch is not the one
 * before; ERR_INCOMPLETE. */
WUR int ancestry_prev(struct backend *b, struct keyring *k, const struct commit *child,
		      struct commit *out);
/* May child carry its grant after a commit of that id, grant and grant epoch? */
bool ancestry_grant_holds(const struct commit *child, const uint8_t id[static HASH_SIZE],
			  const uint8_t grant[static HASH_SIZE], uint64_t grant_epoch);
/*
 * 0 when tip is the commit that to describes, or descends from it.  ERR_STALE when it does not;
 * ERR_AUTH, ERR_INCOMPLETE and the like when a step cannot be made.  jumps: take them.
 */
WUR int ancestry_leads(struct backend *b, struct keyring *k, const struct commit *tip,
		       const struct floor *to, bool jumps);
/* tip's ancestor at epoch (1 <= epoch <= tip->epoch), by the same steps, and jumps where they hold. */
WUR int ancestry_at(struct backend *b, struct keyring *k, const struct commit *tip, uint64_t epoch,
		    struct commit *out);

/*
 * Is tip fresh?  It is if it is the floor's commit or descends from it, or if a root-signed discontinuity
 * newer than the floor's grant leads to it.  Under the floor's own grant jumps will do; where the grant
 * is another, every step is walked, and each new grant must have been made for its place: so that no
 * commit of a writer who was taken out since comes in, whoever may have built on it.
 *
 * 0 or ERR_STALE (older, or a fork); ERR_AUTH/ERR_IO/ERR_INCOMPLETE when the history cannot be walked.
 */
WUR int ancestry_check(struct backend *b, struct keyring *k, const struct floor *f,
		       const struct commit *tip);

#endif
