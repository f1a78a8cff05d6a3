/* SPDX-License-Identifier: ISC */
/*
 * mount_policy - the policy as it stands for one mount, immutable and shared.
 */
#ifndef MOUNT_POLICY_H
#define MOUNT_POLICY_H

#include "policy.h"

struct mount_policy;

/*
 * For the mount at mountpoint; fallback_owner owns what the policy gives no owner.  Takes p over, also
 * on failure.  ERR_NOMEM.  Born with one reference.  Thread-safe.
 */
WUR int mount_policy_new(struct policy *p, const char *mountpoint, uid_t fallback_owner,
			 struct mount_policy **out);
struct mount_policy *mount_policy_ref(struct mount_policy *r);
void mount_policy_unref(struct mount_policy *r); /* NULL is fine */

/* The [mount PATH] section; without one, what it would say by default, with line 0. */
const struct policy_mount *mount_policy_mount(const struct mount_policy *r);
/* What stands for one secret; borrows. */
void mount_policy_access(const struct mount_policy *r, const struct scope *scope, const char *name,
			 struct policy_access *out);

#endif
