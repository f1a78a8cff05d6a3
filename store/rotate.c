/* SPDX-License-Identifier: ISC */
#include "rotate.h"

#include <string.h>

#include "txn.h"
#include "rewrite.h"
#include "value.h"

/* Versions re-sealed in one commit: the list of what they replace must fit it. */
#define STEP 8192

static int fill_begin(struct txn *a, void *arg, size_t *failed)
{
	struct grant *g = &a->next.grant;

	(void)arg;
	(void)failed;
	if (g->flags & GRANT_ROTATING)
		return ERR_EXIST;
	g->flags |= GRANT_ROTATING;
	g->epoch++;
	return commit_sign_grant(a->k, &a->next);
}

int rotate_begin(struct backend *b, struct keyring *k, const struct apply_options *opt,
		 struct apply_result *result)
{
	struct txn_job job = {.fill = fill_begin};

	*result = (struct apply_result){0};
	return k->has_root ? txn_run(b, k, opt, &job, result) : ERR_DENIED;
}

/* Re-seal the versions of rec that are not of generation gen yet; *n counts them. */
static int reseal_record(struct txn *a, uint32_t gen, struct record *rec, size_t *n)
{
	for (unsigned i = 0; i < rec->nversions; i++) {
		SECRET_CLEANUP struct secret *value = NULL;
		BLOB_CLEANUP struct blob sealed = {0};
		struct version *v = &rec->versions[i];
		int r;

		if (v->gen == gen)
			continue;
		r = value_get(a->b, a->k, v, rec->name, &value);
		if (r == 0)
			r = txn_retire(&a->next, v->id);
		if (r == 0)
			r = value_seal(a->k, gen, v->set_epoch, rec->name, value, &sealed, v->id);
		if (r == 0)
			r = txn_put(a, &sealed, v->id);
		if (r < 0)
			return r;
		v->gen = gen;
		++*n;
	}
	return 0;
}

static int reseal_page(struct txn *a, uint32_t gen, size_t at, struct merge_out *out, size_t *n)
{
	const struct page *page;
	struct page_cursor c;
	struct record rec;
	int r = snapshot_page(a->b, a->k, a->tip, at, &page);

	if (r < 0)
		return r;
	c = page_walk(&page->body);
	while (r == 0 && page_next(&c, &rec)) {
		ENC_CLEANUP struct enc w = {0};

		r = reseal_record(a, gen, &rec, n);
		page_put(&w, &rec);
		if (r == 0)
			r = w.failed ? ERR_NOMEM : merge_add(out, w.data, w.len);
	}
	return r;
}

struct step {
	size_t limit; /* versions in this commit */
	bool all;     /* rewrite every page, and switch */
	size_t done;
};

static int fill_step(struct txn *a, void *arg, size_t *failed)
{
	struct step *step = arg;
	struct grant *g = &a->next.grant;
	uint32_t gen = a->tip->commit.gen + 1;
	const struct keyring_gen *keys;
	int r;

	(void)failed;
	if (!(g->flags & GRANT_ROTATING))
		return ERR_NOENT;
	if (step->all)
		a->next.gen = gen;
	step->done = 0;
	/* Records keep their size, so a page yields one page and the indices stay. */
	for (size_t i = 0; i < a->tip->commit.npages; i++) {
		struct merge_out m = {0};
		size_t made, before = step->done;

		if (!step->all && before >= step->limit)
			break;
		r = reseal_page(a, gen, i, &m, &step->done);
		if (r == 0 && (step->all || step->done != before))
			r = rewrite_page(a, i, &m, &made);
		merge_fini(&m);
		if (r < 0)
			return r;
	}
	if (!step->all)
		return 0;
	r = keyring_at(a->k, gen, &keys);
	if (r < 0)
		return r;
	g->gen = gen;
	memcpy(g->pk, keys->pk, sizeof(g->pk));
	g->flags &= (uint8_t)~GRANT_ROTATING;
	g->epoch++;
	return commit_sign_grant(a->k, &a->next);
}

/* How many kept versions are not of generation gen, counted no further than limit. */
struct census {
	uint32_t gen;
	size_t n, limit;
};

static int count_old(void *arg, const struct record *rec)
{
	struct census *c = arg;

	for (unsigned i = 0; i < rec->nversions; i++)
		c->n += rec->versions[i].gen != c->gen;
	return c->n > c->limit;
}

static int many_left(struct backend *b, struct keyring *k, const struct apply_options *opt,
		     bool *many)
{
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct census census = {.limit = STEP};
	int r = snapshot_open(b, k, opt ? opt->floor : NULL, &s);

	if (r < 0)
		return r;
	if (!(s->commit.grant.flags & GRANT_ROTATING))
		return ERR_NOENT;
	census.gen = s->commit.gen + 1;
	r = snapshot_each(b, k, s, count_old, &census);
	*many = r > 0;
	return r < 0 ? r : 0;
}

int rotate_finish(struct backend *b, struct keyring *k, const struct apply_options *opt,
		  struct apply_result *result)
{
	struct step step = {.limit = STEP};
	struct txn_job job = {.fill = fill_step, .arg = &step, .expected = STEP};
	bool many = true;
	int r = k->has_root ? 0 : ERR_DENIED;

	*result = (struct apply_result){0};
	while (r == 0) {
		r = many_left(b, k, opt, &many);
		step.all = !many;
		if (r == 0)
			r = txn_run(b, k, opt, &job, result);
		if (step.all)
			break;
	}
	return r;
}
