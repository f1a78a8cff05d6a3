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

struct access_caller {
	uid_t uid;
	gid_t gid;
	/* Asks for the supplementary groups, called only when they decide: writes up to cap of them
	 * and returns how many there are, or a negative number. */
	int (*groups)(void *arg, gid_t *out, int cap);
	void *arg;
};

/* Judge by the policy; never POLICY_ASK_GROUPS. */
struct policy_decision access_decide(const struct policy_access *a, const struct access_caller *c);

/* expires in s since 1970, 0 = never; commit_time in ns.  The later of clock and commit counts. */
bool access_expired(uint64_t expires, uint64_t commit_time);

/* True for errors of store/ that mean somebody tampers, or keys and store do not match. */
bool access_is_alarming(int r);

/* The errno that a reader gets for an error of store/. */
int access_errno(int r);

#endif
