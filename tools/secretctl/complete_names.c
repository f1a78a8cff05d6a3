/* SPDX-License-Identifier: ISC */
#include "complete_names.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bundles.h"
#include "mounts.h"
#include "mount_list.h"

struct names {
	void (*fn)(void *arg, const char *name);
	void *arg;
};

static int give_record(void *arg, const struct record *rec)
{
	const struct names *n = arg;

	n->fn(n->arg, rec->name);
	return 0;
}

/* Nothing is recorded as accepted: this is not the place to say what is wrong. */
static void give_scope(const struct complete_names *n, struct keyring *k, struct names *names)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;

	if (snapshot_open(n->s->backend, k, NULL, &snap) == 0)
		(void)!snapshot_each(n->s->backend, k, snap, give_record, names);
}

static bool is_wanted(const struct scope *wanted, bool seen, const struct scope *scope)
{
	struct scope at = seen ? scope_at(wanted, scope_level(scope)) : *wanted;

	return scope_eq(&at, scope);
}

static bool from_bundle(const struct complete_names *n, const char *path,
			const struct scope *wanted, bool seen, struct names *names)
{
	BUNDLE_CLEANUP struct bundle *b = NULL;
	bool found = false;

	if (bundle_open(path, &b))
		return false;
	for (size_t i = 0; i < b->n; i++) {
		if (wanted && !is_wanted(wanted, seen, &b->rings[i]->scope))
			continue;
		give_scope(n, b->rings[i], names);
		found = true;
	}
	return found;
}

/* Only a slot that opens by itself. */
static bool from_root(const struct complete_names *n, const struct scope *wanted, bool seen,
		      struct names *names)
{
	KEYS_CLEANUP struct root_keys *keys = NULL;
	struct root *root = NULL;
	int r = root_open(n->s->paths[PATH_ROOT_KEY], NULL, &root);

	if (r == 0)
		r = root_keys(root, &keys);
	root_close(root);
	for (int level = 0; r == 0 && level < SCOPE_LEVELS; level++) {
		KEYRING_CLEANUP struct keyring *k = NULL;
		struct scope at = scope_at(wanted, (enum scope_level)level);

		if (scope_level(&at) != (enum scope_level)level || !is_wanted(wanted, seen, &at))
			continue;
		if (keyring_from_root(keys, &at, &k) == 0)
			give_scope(n, k, names);
	}
	return r == 0;
}

/* Names as the mount shows them, at most three deep. */
static void from_directory(const char *top, const char *below, int depth, struct names *names)
{
	char path[4096], name[NAME_SIZE];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", top, below);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] == '.' ||
		    (size_t)snprintf(name, sizeof(name), "%s%s%s", below, *below ? "/" : "",
				     d->d_name) >= sizeof(name))
			continue;
		if (d->d_type == DT_DIR && depth > 1)
			from_directory(top, name, depth - 1, names);
		else if (d->d_type == DT_REG)
			names->fn(names->arg, name);
	}
	if (dir)
		closedir(dir);
}

struct
try {
	const struct complete_names *n;
	const struct scope *wanted;
	bool seen;
	struct names *names;
};

static int try_bundle(void *arg, const char *name, const char *path)
{
	const struct try *t = arg;

	(void)name;
	return from_bundle(t->n, path, t->wanted, t->seen, t->names); /* one is enough */
}

void complete_names_secrets(const struct complete_names *n, bool seen,
			    void (*fn)(void *arg, const char *name), void *arg)
{
	struct names names = {fn, arg};
	struct scope wanted;
	struct try t = {n, &wanted, seen, &names};

	if (scope_set(&wanted, n->project, n->domain))
		return;
	if (ctx_store(n->s, 0, &n->s->backend) == 0) {
		if (n->bundle || n->writer) {
			(void)from_bundle(n, n->bundle ? n->bundle : n->writer,
					  n->project || n->domain ? &wanted : NULL, seen, &names);
			return;
		}
		if (from_root(n, &wanted, seen, &names) || bundles_each(n->s, try_bundle, &t))
			return;
	}
	if (!n->project && !n->domain && mounts_is_ours(n->s->paths[PATH_MOUNT]))
		from_directory(n->s->paths[PATH_MOUNT], "", NAME_DEPTH, &names);
}

static void load_policy(const struct complete_names *n)
{
	if (!n->s->policy && policy_load(n->s->paths[PATH_POLICY], &n->s->policy, NULL))
		n->s->policy = NULL;
}

void complete_names_declared(const struct complete_names *n, bool projects,
			     void (*fn)(void *arg, const char *name), void *arg)
{
	const char *name;

	load_policy(n);
	for (size_t i = 0; n->s->policy && (name = projects ? policy_project(n->s->policy, i)
							    : policy_domain(n->s->policy, i));
	     i++)
		fn(arg, name);
}

static int give_bundle(void *arg, const char *name, const char *path)
{
	const struct names *n = arg;

	(void)path;
	n->fn(n->arg, name);
	return 0;
}

void complete_names_bundles(const struct complete_names *n, void (*fn)(void *arg, const char *name),
			    void *arg)
{
	struct names names = {fn, arg};

	(void)bundles_each(n->s, give_bundle, &names);
}

void complete_names_writers(const struct complete_names *n, void (*fn)(void *arg, const char *name),
			    void *arg)
{
	const struct policy_writer *w;

	load_policy(n);
	for (size_t i = 0; n->s->policy && (w = policy_writer(n->s->policy, i)); i++)
		fn(arg, w->name);
}

void complete_names_mounts(const struct complete_names *n, void (*fn)(void *arg, const char *name),
			   void *arg)
{
	MOUNT_LIST_CLEANUP struct mount_list l = {0};

	load_policy(n);
	if (mount_list_load(n->s->policy, &l))
		return;
	for (size_t i = 0; i < l.n; i++)
		fn(arg, l.v[i].path);
}
