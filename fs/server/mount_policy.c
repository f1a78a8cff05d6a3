/* SPDX-License-Identifier: ISC */
#include "mount_policy.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct mount_policy {
	atomic_uint refs;
	char *path;
	struct stat stat; /* all zero: there is no file */
	struct policy *policy;
	struct policy_mount mount; /* borrows from policy */
};

static void stat_file(const char *path, struct stat *st)
{
	if (stat(path, st) != 0)
		memset(st, 0, sizeof(*st));
}

bool mount_policy_current(const struct mount_policy *r)
{
	const struct stat *a = &r->stat;
	struct stat b;

	stat_file(r->path, &b);
	return a->st_dev == b.st_dev && a->st_ino == b.st_ino && a->st_size == b.st_size &&
	       a->st_mtim.tv_sec == b.st_mtim.tv_sec && a->st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b.st_ctim.tv_sec && a->st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

int mount_policy_load(const char *path, const char *mountpoint, uid_t fallback_owner,
		      bool may_be_absent, struct mount_policy **out, struct policy_error *e)
{
	POLICY_CLEANUP struct policy *p = NULL;
	struct mount_policy *r;
	struct stat st;
	int err;

	stat_file(path, &st); /* before it is read: a change in between is found later */
	err = policy_load(path, &p, e);

	if (err == ERR_NOENT && may_be_absent)
		err = policy_parse("", 0, &p, e);
	if (err < 0)
		return err;
	r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	atomic_init(&r->refs, 1);
	r->stat = st;
	r->path = strdup(path);
	if (!r->path) {
		free(r);
		return ERR_NOMEM;
	}
	r->mount = policy_mount_for(p, mountpoint, fallback_owner);
	r->policy = p;
	p = NULL;
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
	free(r->path);
	free(r);
}

const struct policy *mount_policy_policy(const struct mount_policy *r)
{
	return r->policy;
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
