/* SPDX-License-Identifier: ISC */
#include "apply.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "merge.h"
#include "rewrite.h"
#include "txn.h"
#include "value.h"

/* --- one record and one change ---------------------------------------------------------------- */

static int retire_versions(struct commit *c, struct record *rec, unsigned keep)
{
	for (; rec->nversions > keep; rec->nversions--) {
		int r = txn_retire(c, rec->versions[rec->nversions - 1].id);

		if (r < 0)
			return r;
	}
	return 0;
}

static int seal_value(struct txn *a, const struct version *v, const char *name,
		      const struct secret *value, struct blob *sealed, uint8_t id[static HASH_SIZE])
{
	SECRET_CLEANUP struct secret *opened = NULL;
	int r = a->opt->open ? a->opt->open(a->opt->open_arg, value, &opened) : 0;

	if (r < 0)
		return r;
	return value_seal(a->k, v->gen, v->set_epoch, name, opened ? opened : value, sealed, id);
}

static int add_version(struct txn *a, struct record *rec, const struct secret *value, uint64_t time,
		       const uint8_t writer[static WRITER_TAG])
{
	BLOB_CLEANUP struct blob sealed = {0};
	unsigned keep = a->opt->history ? a->opt->history : VERSIONS_DEFAULT;
	struct version v = {.set_epoch = a->next.epoch,
			    .time = time,
			    .gen = a->next.gen,
			    .len = (uint32_t)value->len};
	int r;

	if (keep > VERSIONS_MAX)
		return ERR_INVAL;
	memcpy(v.writer, writer, sizeof(v.writer));
	r = seal_value(a, &v, rec->name, value, &sealed, v.id);
	if (r == 0)
		r = txn_put(a, &sealed, v.id);
	if (r == 0)
		r = retire_versions(&a->next, rec, keep - 1);
	if (r < 0)
		return r;
	memmove(rec->versions + 1, rec->versions, rec->nversions * sizeof(v));
	rec->versions[0] = v;
	rec->nversions++;
	return 0;
}

static int set_attributes(struct record *rec, const struct change *c)
{
	if (c->set & CHANGE_SET_TYPE) {
		if (c->type >= RECORD_TYPES)
			return ERR_INVAL;
		rec->type = c->type;
	}
	if (c->set & CHANGE_SET_ENV) {
		const char *env = c->env ? c->env : "";

		if (env[0] && name_check_env(env) < 0)
			return ERR_NAME;
		memcpy(rec->env, env, strlen(env) + 1);
	}
	if (c->set & CHANGE_SET_EXPIRES)
		rec->expires = c->expires;
	return 0;
}

static bool same_record(const struct record *a, const struct record *b)
{
	return a->versions[0].set_epoch == b->versions[0].set_epoch && a->created == b->created &&
	       a->type == b->type && a->expires == b->expires && strcmp(a->env, b->env) == 0;
}

/* rec is the record there is (NULL: none), and becomes what is to stand; *gone: nothing is. */
static int change_record(struct txn *a, const struct change *c, struct record *rec, bool exists,
			 bool *gone)
{
	int r;

	*gone = false;
	if (c->was && (!exists || !same_record(c->was, rec)))
		return ERR_CHANGED;
	if (c->op == CHANGE_CREATE && exists)
		return ERR_EXIST;
	if ((c->op == CHANGE_UPDATE || c->op == CHANGE_DELETE) && !exists)
		return ERR_NOENT;
	if (c->op == CHANGE_DELETE) {
		*gone = true;
		return retire_versions(&a->next, rec, 0);
	}
	if (!exists) {
		if (!c->value)
			return ERR_INVAL;
		*rec = (struct record){.created = c->created ? c->created : a->next.time};
		memcpy(rec->name, c->name, strlen(c->name) + 1);
	}
	r = set_attributes(rec, c);
	for (size_t i = exists ? 0 : c->npast; r == 0 && i > 0; i--)
		r = add_version(a, rec, c->past[i - 1].value, c->past[i - 1].time,
				c->past[i - 1].writer);
	if (r == 0 && c->value)
		r = add_version(a, rec, c->value, a->next.time, a->k->writer_pk);
	return r;
}

/* --- one page ---------------------------------------------------------------------------------- */

static int add_changed(struct txn *a, const struct change *c, struct record *rec, bool exists,
		       struct merge_out *out)
{
	ENC_CLEANUP struct enc w = {0};
	bool gone;
	int r = change_record(a, c, rec, exists, &gone);

	if (r < 0 || gone)
		return r;
	page_put(&w, rec);
	return w.failed ? ERR_NOMEM : merge_add(out, w.data, w.len);
}

/* Merge the changes order[0..n) into the records of body (may be empty).  *done counts the changes
 * gone through, so that a failure is at order[*done]. */
static int merge_page(struct txn *a, const struct blob *body, const struct change *const *order,
		      size_t n, struct merge_out *out, size_t *done)
{
	struct page_cursor c = page_walk(body);
	struct record rec, fresh;
	bool more = page_next(&c, &rec);

	for (*done = 0; more || *done < n;) {
		int cmp = !more ? 1 : *done == n ? -1 : name_cmp(rec.name, order[*done]->name);
		int r;

		if (cmp < 0)
			r = merge_add(out, c.start, c.raw_len);
		else if (cmp == 0)
			r = add_changed(a, order[*done], &rec, true, out);
		else
			r = add_changed(a, order[*done], &fresh, false, out);
		if (r < 0)
			return r;
		if (cmp >= 0)
			++*done;
		if (cmp <= 0)
			more = page_next(&c, &rec);
	}
	return 0;
}

/* Where in order[0..n) a change to either name stands. */
static size_t blame(const struct change *const *order, size_t n, const char *a, const char *b)
{
	size_t i = 0;

	while (i < n && name_cmp(order[i]->name, a) != 0 && name_cmp(order[i]->name, b) != 0)
		i++;
	return i < n ? i : 0;
}

/* No path may be file and directory: neighbours tell, for a subtree is one run (name.h).  next: the
 * first name of the page after, or "". */
static int check_paths(const struct merge_out *m, const char *next,
		       const struct change *const *order, size_t n, size_t *failed)
{
	char name[NAME_SIZE], after[NAME_SIZE];

	for (size_t i = 0; i < m->n; i++) {
		merge_name(m, i, name);
		if (i + 1 < m->n)
			merge_name(m, i + 1, after);
		else
			memcpy(after, next, strlen(next) + 1);
		if (name_is_below(after, name)) {
			*failed += blame(order, n, name, after);
			return ERR_NOTDIR;
		}
	}
	return 0;
}

/* --- the whole batch ---------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct change *const *x = a, *const *y = b;

	return name_cmp((*x)->name, (*y)->name);
}

/*
 * Pages from the last to the first, so that the indices of those before stay right and the first
 * name of the page after is already the new one.
 */
static int merge_all(struct txn *a, const struct change *const *order, size_t n, size_t *failed)
{
	size_t hi = n;

	while (hi) {
		const struct commit *tip = &a->tip->commit;
		size_t at = commit_page_of(tip, order[hi - 1]->name), lo = hi, done = 0, made = 0;
		struct merge_out m = {0};
		const struct page *page = NULL;
		int r = 0;

		while (lo && commit_page_of(tip, order[lo - 1]->name) == at)
			lo--;
		*failed = lo;
		if (at < tip->npages)
			r = snapshot_page(a->b, a->k, a->tip, at, &page);
		if (r == 0)
			r = merge_page(a, page ? &page->body : &(struct blob){0}, order + lo,
				       hi - lo, &m, &done);
		*failed = lo + done;
		if (r == 0) {
			const char *next =
				at + 1 < a->next.npages ? a->next.pages[at + 1].first : "";

			*failed = lo;
			r = check_paths(&m, next, order + lo, hi - lo, failed);
		}
		if (r == 0)
			r = rewrite_page(a, at, &m, &made);
		merge_fini(&m);
		if (r < 0)
			return r;
		hi = lo;
	}
	*failed = n;
	return 0;
}

struct batch {
	const struct change **order;
	size_t n;
};

static int fill_batch(struct txn *a, void *arg, size_t *failed)
{
	struct batch *batch = arg;

	return merge_all(a, batch->order, batch->n, failed);
}

static int check_changes(struct batch *batch, size_t *failed)
{
	for (*failed = 0; *failed < batch->n; ++*failed)
		if (name_check(batch->order[*failed]->name) < 0)
			return ERR_NAME;
	qsort(batch->order, batch->n, sizeof(struct change *), by_name);
	for (*failed = 1; *failed < batch->n; ++*failed)
		if (name_cmp(batch->order[*failed - 1]->name, batch->order[*failed]->name) == 0)
			return ERR_INVAL;
	return 0;
}

int apply_changes(struct backend *b, struct keyring *k, const struct apply_options *opt,
		  const struct change *changes, size_t n, struct apply_result *result)
{
	struct batch batch = {.order = calloc(n ? n : 1, sizeof(struct change *)), .n = n};
	struct txn_job job = {.fill = fill_batch, .arg = &batch, .expected = n};
	int r;

	*result = (struct apply_result){.failed = n};
	if (!batch.order)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++)
		batch.order[i] = &changes[i];
	r = n ? check_changes(&batch, &result->failed) : ERR_INVAL;
	if (r == 0) {
		result->failed = n;
		r = txn_run(b, k, opt, &job, result);
	}
	/* From the place in the sorted order to the caller's own. */
	if (result->failed < n)
		result->failed = (size_t)(batch.order[result->failed] - changes);
	free(batch.order);
	return r;
}

static int sign_first(struct keyring *k, struct commit *c)
{
	struct grant *g = &c->grant;
	const struct keyring_gen *gen;
	struct timespec now;
	int r = keyring_at(k, 1, &gen);

	if (r < 0)
		return r;
	clock_gettime(CLOCK_REALTIME, &now);
	c->gen = g->gen = 1;
	c->epoch = g->epoch = 1;
	c->time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	memcpy(g->pk, gen->pk, sizeof(g->pk));
	g->writers = calloc(1, sizeof(*g->writers));
	if (!g->writers)
		return ERR_NOMEM;
	g->nwriters = 1;
	memcpy(g->writers[0].pk, k->root_pk, sizeof(g->writers[0].pk));
	memcpy(g->writers[0].name, "root", 5);
	return commit_sign_grant(k, c);
}

int apply_genesis(struct backend *b, struct keyring *k, struct apply_result *result)
{
	COMMIT_CLEANUP struct commit first;
	int r;

	commit_init(&first);
	*result = (struct apply_result){0};
	r = k->has_root ? sign_first(k, &first) : ERR_DENIED;
	return r < 0 ? r : txn_first(b, k, &first, result);
}
