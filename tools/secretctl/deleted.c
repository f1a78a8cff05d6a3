/* SPDX-License-Identifier: ISC */
#include "deleted.h"

#include "ancestry.h"
#include "gc.h"
#include "object.h"

/* Called with each older record of that name and the commit after it; nonzero ends the walk. */
typedef int each_fn(void *arg, const struct record *rec, const struct commit *after);

/* One step back: at becomes its predecessor, whose record of that name is told, if it has one. */
static int step(struct ctx *s, struct scope_ctx *p, const char *name, struct commit *at,
		each_fn *fn, void *arg)
{
	COMMIT_CLEANUP struct commit prev;
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct record rec;
	int r;

	commit_init(&prev);
	r = ancestry_prev(s->backend, p->ring, at, &prev);
	if (!r)
		r = snapshot_at(s->backend, p->ring, prev.id, &snap);
	if (!r)
		r = snapshot_find(s->backend, p->ring, snap, name, &rec);
	if (!r)
		r = fn(arg, &rec, at);
	if (r && r != ERR_NOENT)
		return r;
	commit_fini(at);
	*at = prev;
	commit_init(&prev);
	return 0;
}

/* Back to where everything retired has been deleted; pages of before are not there either. */
static int walk(struct ctx *s, struct scope_ctx *p, const struct snapshot *newest, const char *name,
		each_fn *fn, void *arg)
{
	COMMIT_CLEANUP struct commit at;
	int r;

	commit_init(&at);
	r = commit_head(&newest->commit, &at);
	while (!r && at.epoch > 1 && at.epoch > newest->commit.swept)
		r = step(s, p, name, &at, fn, arg);
	return r == ERR_INCOMPLETE ? 0 : r; /* a sweep is further than it has said */
}

struct find {
	struct ctx *s;
	struct scope_ctx *p;
	struct record *out;
	struct commit *by;
};

#define FOUND 1 /* no library error */

static int keep_versions(struct find *f, const struct record *rec)
{
	size_t size;

	*f->out = *rec;
	f->out->nversions = 0;
	for (unsigned i = 0; i < rec->nversions; i++) {
		int r = object_size(f->s->backend, f->p->ring, rec->versions[i].id, &size);

		if (!r)
			f->out->versions[f->out->nversions++] = rec->versions[i];
		else if (r != ERR_NOENT)
			return r;
	}
	return f->out->nversions ? FOUND : ERR_NOENT;
}

static int take(void *arg, const struct record *rec, const struct commit *after)
{
	struct find *f = arg;
	int r = keep_versions(f, rec);

	return r == FOUND && commit_head(after, f->by) ? ERR_NOMEM : r;
}

int deleted_find(struct ctx *s, struct scope_ctx *p, const struct snapshot *newest,
		 const char *name, struct record *out, struct commit *by)
{
	struct find f = {.s = s, .p = p, .out = out, .by = by};
	int r = walk(s, p, newest, name, take, &f);

	return r == FOUND ? 0 : r ? r : ERR_NOENT;
}

static int note_versions(void *arg, const struct record *rec, const struct commit *after)
{
	int r = 0;

	(void)after;
	for (unsigned i = 0; !r && i < rec->nversions; i++)
		r = idset_add(arg, rec->versions[i].id);
	return r;
}

int deleted_purge(struct ctx *s, struct scope_ctx *p, struct snapshot *newest, const char *name,
		  size_t *found)
{
	IDSET_CLEANUP struct idset all = {0}, there = {0};
	size_t size;
	int r = walk(s, p, newest, name, note_versions, &all);

	idset_sort(&all);
	for (size_t i = 0; !r && i < all.n; i++) {
		int e = object_size(s->backend, p->ring, all.ids[i], &size);

		if (e != ERR_NOENT)
			r = idset_add(&there, all.ids[i]);
	}
	*found = there.n;
	return r ? r : gc_drop(s->backend, p->ring, newest, &there);
}
