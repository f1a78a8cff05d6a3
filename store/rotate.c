/* SPDX-License-Identifier: ISC */
#include "rotate.h"

#include <stdlib.h>
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

/* --- versions that do not open --------------------------------------------------------------- */

struct broken {
	char name[NAME_SIZE];
	struct version version;
	unsigned i;
	int error;
};

struct step {
	uint32_t gen; /* the coming one */
	size_t limit; /* versions in this commit */
	bool all;     /* rewrite every page, and switch */
	size_t done;
	struct broken *broken;
	size_t nbroken;
};

/* Somebody's doing, or lost: not what the next try may bring. */
static bool is_broken(int r)
{
	return r == ERR_AUTH || r == ERR_INCOMPLETE || r == ERR_GENERATION;
}

static int note_broken(struct step *step, const struct record *rec, unsigned i, int error)
{
	struct broken *p = reallocarray(step->broken, step->nbroken + 1, sizeof(*p));

	if (!p)
		return ERR_NOMEM;
	step->broken = p;
	p += step->nbroken++;
	memcpy(p->name, rec->name, sizeof(p->name));
	p->version = rec->versions[i];
	p->i = i;
	p->error = error;
	return 0;
}

static void say_broken(const struct step *step, const struct apply_options *opt)
{
	for (size_t i = 0; opt && opt->broken && i < step->nbroken; i++) {
		const struct broken *b = &step->broken[i];

		opt->broken(opt->broken_arg, b->name, &b->version, b->i, b->error);
	}
}

/* --- the second phase -------------------------------------------------------------------------- */

static int reseal(struct txn *a, uint32_t gen, const char *name, struct version *v)
{
	SECRET_CLEANUP struct secret *value = NULL;
	BLOB_CLEANUP struct blob sealed = {0};
	int r = value_get(a->b, a->k, v, name, &value);

	if (r == 0)
		r = txn_retire(&a->next, v->id);
	if (r == 0)
		r = value_seal(a->k, gen, v->set_epoch, name, value, &sealed, v->id);
	if (r == 0)
		r = txn_put(a, &sealed, v->id);
	if (r == 0)
		v->gen = gen;
	return r;
}

/* The versions of rec that are not of the coming generation yet.  What a dropped one names is not
 * retired: it may be anything. */
static int reseal_record(struct txn *a, struct step *step, struct record *rec)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < rec->nversions; i++) {
		struct version v = rec->versions[i];
		int r = v.gen == step->gen ? 0 : reseal(a, step->gen, rec->name, &v);
		bool broken = is_broken(r);

		step->done += r == 0 && rec->versions[i].gen != step->gen;
		if (broken)
			r = note_broken(step, rec, i, r);
		if (r < 0)
			return r;
		/* In the last step, which tells of them. */
		if (!broken || i == 0 || !step->all || !a->opt->drop_broken)
			rec->versions[kept++] = v;
	}
	rec->nversions = kept;
	return 0;
}

static int reseal_page(struct txn *a, struct step *step, size_t at, struct merge_out *out)
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

		r = reseal_record(a, step, &rec);
		page_put(&w, &rec);
		if (r == 0)
			r = w.failed ? ERR_NOMEM : merge_add(out, w.data, w.len);
	}
	return r;
}

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
	step->gen = gen;
	step->done = step->nbroken = 0;
	/* No record grows, so a page yields one page and the indices stay. */
	for (size_t i = 0; i < a->tip->commit.npages; i++) {
		struct merge_out m = {0};
		size_t made, before = step->done;

		if (!step->all && before >= step->limit)
			break;
		r = reseal_page(a, step, i, &m);
		if (r == 0 && (step->all || step->done != before))
			r = rewrite_page(a, i, &m, &made);
		merge_fini(&m);
		if (r < 0)
			return r;
	}
	if (!step->all)
		return 0;
	if (step->nbroken && !a->opt->drop_broken)
		return step->broken[0].error;
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
	bool many = true, stuck = false;
	int r = k->has_root ? 0 : ERR_DENIED;

	*result = (struct apply_result){0};
	while (r == 0) {
		r = many_left(b, k, opt, &many);
		/* What cannot be sealed anew is left over, and is not to be tried for ever. */
		step.all = !many || stuck;
		if (r == 0)
			r = txn_run(b, k, opt, &job, result);
		stuck = step.done == 0;
		if (step.all)
			break;
	}
	if (step.all)
		say_broken(&step, opt);
	free(step.broken);
	return r;
}
