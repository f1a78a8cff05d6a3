/* SPDX-License-Identifier: ISC */
/*
 * rules - the policy as it stands for one mount, immutable and shared.
 */
#ifndef RULES_H
#define RULES_H

#include "policy.h"

struct rules;

/*
 * Load path for the mount at mountpoint; fallback_owner owns what the policy gives no owner.
 * may_be_absent: no file is an empty policy.  Errors as policy_load.
 */
WUR int rules_load(const char *path, const char *mountpoint, uid_t fallback_owner,
		   bool may_be_absent, struct rules **out, struct policy_error *e);
/* False when the file is another one, or has been written to, since it was loaded. */
bool rules_current(const struct rules *r);
/* Born with one reference.  Thread-safe. */
struct rules *rules_ref(struct rules *r);
void rules_unref(struct rules *r); /* NULL is fine */

const struct policy *rules_policy(const struct rules *r);
/* The [mount PATH] section; without one, what it would say by default, with line 0. */
const struct policy_mount *rules_mount(const struct rules *r);
/* What stands for one secret; borrows. */
void rules_access(const struct rules *r, const struct scope *scope, const char *name,
		  struct policy_access *out);

#endif
