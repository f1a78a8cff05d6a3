/* SPDX-License-Identifier: ISC */
#include "secret_lookup.h"

#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "mounts.h"
#include "scopes.h"
#include "ui.h"

int secret_lookup_refresh(struct secret_lookup *x, size_t *at)
{
	for (size_t i = 0; i < x->nplaces; i++) {
		struct snapshot *snap = NULL;
		int r = ctx_snapshot(&x->s, &x->places[i], &snap);

		/* the root finds no ref where nothing was ever stored; a bundle always has one */
		if (r && !(r == ERR_NOENT && x->s.keys)) {
			*at = i;
			return r == ERR_NOENT ? ERR_STALE : r;
		}
		snapshot_close(x->snaps[i]);
		x->snaps[i] = snap;
	}
	return 0;
}

static int open_snapshots(struct secret_lookup *x)
{
	size_t at = 0;
	int r = secret_lookup_refresh(x, &at);

	return r ? errmsg_fail(&(struct errmsg){.doing = "open", .scope = &x->places[at].scope}, r)
		 : 0;
}

static int open_bundle(struct call *c, struct secret_lookup *x, const char *path)
{
	int status = ctx_open(c, &x->s);
	int r = status ? 0 : bundle_open(path, &x->bundle);

	if (!status && !r)
		r = ctx_store(&x->s, 0, &x->s.backend);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "open the bundle", .path = path}, r);
	if (status)
		return status;
	if (x->bundle->kind != BUNDLE_READER) {
		ui_error("%s is a writer's bundle: it opens no value", path);
		return STATUS_FAILED;
	}
	for (size_t i = x->bundle->n; i-- > 0;) {
		struct scope_ctx *p = &x->places[x->nplaces++];

		p->scope = x->bundle->rings[i]->scope;
		p->ring = x->bundle->rings[i];
		p->borrowed = true;
		p->floor = x->bundle->floors[i];
		r = floor_load(x->s.paths[PATH_STATE], p->ring, &p->floor);
		if (r)
			return errmsg_fail(&(struct errmsg){.doing = "read what was accepted",
							    .path = x->s.paths[PATH_STATE]},
					   r);
	}
	return open_snapshots(x);
}

static int open_root(struct call *c, struct secret_lookup *x)
{
	struct scope scope, at;
	int status = ctx_scope(c, &scope);

	if (!status)
		status = ctx_root(c, &x->s);
	if (!status)
		status = scopes_require(&x->s, &scope, false);
	for (int level = SCOPE_PROJECT_DOMAIN; !status && level >= 0; level--) {
		at = scope_at(&scope, (enum scope_level)level);
		if (scope_level(&at) != (enum scope_level)level)
			continue;
		status = scope_ctx_open(&x->s, &at, &x->places[x->nplaces++]);
	}
	return status ? status : open_snapshots(x);
}

int secret_lookup_open(struct call *c, struct secret_lookup *x)
{
	const char *bundle = call_flag(c, FLAG_BUNDLE);
	bool scoped = call_has(c, FLAG_PROJECT) || call_has(c, FLAG_DOMAIN);
	char *mount;
	int status;

	if (bundle && scoped)
		return ui_usage(c, "a bundle has its scope: leave out -p and -d");
	if (bundle)
		return open_bundle(c, x, bundle);
	if (scoped)
		return open_root(c, x);
	status = ctx_open(c, &x->s);
	if (status)
		return status;
	mount = mounts_path(x->s.paths[PATH_MOUNT]);
	if (!mount)
		return errmsg_fail(&(struct errmsg){.doing = "find the mount"}, ERR_NOMEM);
	if (call_has(c, FLAG_MOUNT) || mounts_is_ours(mount)) {
		x->mount = mount;
		return 0;
	}
	free(mount);
	ctx_close(&x->s);
	return open_root(c, x);
}

int secret_lookup_find(struct secret_lookup *x, const char *name, struct record *rec, size_t *at)
{
	struct lookup l;

	lookup_init(&l, name);
	for (size_t i = 0; i < x->nplaces; i++) {
		struct scope_ctx *p = &x->places[i];
		int r = x->snaps[i] ? lookup_add(&l, scope_level(&p->scope), x->s.backend, p->ring,
						 x->snaps[i])
				    : 0;

		if (r)
			return r;
	}
	lookup_judge(&l);
	for (size_t i = 0; i < x->nplaces; i++) {
		if ((int)scope_level(&x->places[i].scope) != l.wins)
			continue;
		*at = i;
		*rec = l.records[l.wins];
		return 0;
	}
	return ERR_NOENT;
}

void secret_lookup_close(struct secret_lookup *x)
{
	for (size_t i = 0; i < x->nplaces; i++) {
		snapshot_close(x->snaps[i]);
		scope_ctx_close(&x->places[i]);
	}
	free(x->mount);
	bundle_free(x->bundle);
	ctx_close(&x->s);
}
