/* SPDX-License-Identifier: ISC */
/*
 * mount_policy - the policy as it stands for one mount, immutable and shared.
 */
#ifndef MOUNT_POLICY_H
#define MOUNT_POLICY_H

#include "policy.h"

struct mount_policy;

/*
 * Load path for the mount at mountpoint; fallback_owner owns what the policy gives no owner.
 * may_be_absent: no file is an empty policy.  Errors as policy_load.
 */
WUR int mount_policy_load(const char *path, const char *mountpoint, uid_t fallback_owner,
			  bool may_be_absent, struct mount_policy **out, struct policy_error *e);
/* False when the file is another one, or has been written to, since it was loaded. */
bool mount_policy_current(const struct mount_policy *r);
/* Born with one reference.  Thread-safe. */
struct mount_policy *mount_policy_ref(struct mount_policy *r);
void mount_policy_unref(struct mount_policy *r); /* NULL is fine */

const struct policy *mount_policy_policy(const struct mount_policy *r);
/* The [mount PATH] section; without one, what it would say by default, with line 0. */
const struct policy_mount *mount_policy_mount(const struct mount_policy *r);
/* What stands for one secret; borrows. */
void mount_policy_access(const struct mount_policy *r, const struct scope *scope, const char *name,
			 struct policy_access *out);

#endif
