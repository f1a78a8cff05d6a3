/* SPDX-License-Identifier: ISC */
/*
 * history - all commits of a scope that lie in a store, whatever the ref says.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "commit.h"

/*
 * The newest commit that descends from from by steps that hold (ancestry.h), from itself if there is
 * none; without its lists.  *grant_epoch is raised to the greatest of any commit there.  Reads every
 * object of the scope.
 */
WUR int history_newest(struct backend *b, struct keyring *k, const struct commit *from,
		       struct commit *out, uint64_t *grant_epoch);

#endif
