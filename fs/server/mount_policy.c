/* SPDX-License-Identifier: ISC */
#include "mount_policy.h"

#include <stdatomic.h>
#include <stdlib.h>

struct mount_policy {
	atomic_uint refs;
	struct policy *policy;
	struct policy_mount mount; /* borrows from policy */
};

int mount_policy_new(struct policy *p, const char *mountpoint, uid_t fallback_owner,
		     struct mount_policy **out)
{
	struct mount_policy *r = calloc(1, sizeof(*r));

	if (!r) {
		policy_free(p);
		return ERR_NOMEM;
	}
	atomic_init(&r->refs, 1);
	r->policy = p;
	r->mount = policy_mount_for(p, mountpoint, fallback_owner);
	*out = r;
	return 0;
}

struct mount_policy *mount_policy_ref(struct mount_policy *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void mount_policy_unref(struct mount_policy *r)
{
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	policy_free(r->policy);
	free(r);
}

const struct policy_mount *mount_policy_mount(const struct mount_policy *r)
{
	return &r->mount;
}

void mount_policy_access(const struct mount_policy *r, const struct scope *scope, const char *name,
			 struct policy_access *out)
{
	policy_access(r->policy, scope, name, &r->mount, out);
}
