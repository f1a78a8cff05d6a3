/* SPDX-License-Identifier: ISC */
/*
 * access - who may open what, and the one place where errors of store/ become errno.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy.h"

/*
 * Judge by the policy, of whom the numbers alone do not decide (POLICY_ASK_GROUPS).  n groups, of which
 * the first max are known; -1: none is.
 */
struct policy_decision access_decide_groups(const struct policy_access *a, uid_t uid, gid_t gid,
					    const gid_t *groups, int n, int max);

/* expires in s since 1970, 0 = never; commit_time in ns.  The later of clock and commit counts. */
bool access_expired(uint64_t expires, uint64_t commit_time);

/* True for errors of store/ that mean somebody tampers, or keys and store do not match. */
bool access_is_alarming(int r);

/* The errno that a reader gets for an error of store/. */
int access_errno(int r);

#endif
