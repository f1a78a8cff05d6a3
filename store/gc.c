/* SPDX-License-Identifier: ISC */
#include "gc.h"

#include <string.h>
#include <time.h>

#include "ancestry.h"
#include "object.h"

#define EVERY 16	/* commits between two sweeps of a busy scope */
#define WINDOW 64	/* commits that one sweep goes through */
#define WINDOW_MAX 2048 /* when nobody in so many vouches for their age */

struct sweep {
	struct backend *b;
	struct keyring *k;
	uint64_t grace;
	/* Of the commits seen so far, from the newest back: who has said that it is long ago? */
	bool trusted; /* the root, or this writer itself */
	bool several; /* two or more: one of them is not whoever retired what lies before */
	const uint8_t *only;
	uint8_t only_pk[crypto_sign_PUBLICKEYBYTES];
	/* What is due of the oldest commits in a row, up to this epoch. */
	uint64_t done;
	struct idset due;
};

static bool is_old(const struct commit *c, uint64_t grace)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < 0)
		return false;
	return c->time / 1000000000u + grace < (uint64_t)now.tv_sec;
}

static bool same_key(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, crypto_sign_PUBLICKEYBYTES) == 0;
}

static void hear(struct sweep *s, const struct commit *c)
{
	if (!is_old(c, s->grace))
		return;
	if (same_key(c->writer, s->k->root_pk) || same_key(c->writer, s->k->writer_pk)) {
		s->trusted = true;
	} else if (!s->only) {
		memcpy(s->only_pk, c->writer, sizeof(s->only_pk));
		s->only = s->only_pk;
	} else if (!same_key(c->writer, s->only)) {
		s->several = true;
	}
}

/* Every later commit's date is one before which c was there, if it is not a lie. */
static bool is_over(const struct sweep *s, const struct commit *c)
{
	if (s->trusted || s->several)
		return true;
	return s->only && !same_key(c->writer, s->only) && is_old(c, s->grace);
}

static int take(struct sweep *s, const struct commit *c)
{
	int r = 0;

	hear(s, c);
	if (!is_over(s, c)) {
		s->done = 0;
		s->due.n = 0;
		return 0;
	}
	s->done = s->done ? s->done : c->epoch;
	for (size_t i = 0; r == 0 && i < c->nretired; i++)
		r = idset_add(&s->due, c->retired[i]);
	return r;
}

/* The commits from top back to first. */
static int look(struct sweep *s, const struct commit *tip, uint64_t first, uint64_t top)
{
	COMMIT_CLEANUP struct commit c;
	int r;

	s->trusted = s->several = false;
	s->only = NULL;
	commit_init(&c);
	r = ancestry_at(s->b, s->k, tip, top, &c);
	while (r == 0 && (r = take(s, &c)) == 0 && c.epoch > first) {
		COMMIT_CLEANUP struct commit prev;

		commit_init(&prev);
		r = ancestry_prev(s->b, s->k, &c, &prev);
		commit_fini(&c);
		c = prev;
		commit_init(&prev);
	}
	return r;
}

/* The oldest tells in a few steps whether there is anything to do. */
static bool is_due(struct sweep *s, const struct commit *tip, uint64_t first)
{
	COMMIT_CLEANUP struct commit oldest;

	commit_init(&oldest);
	if (ancestry_at(s->b, s->k, tip, first, &oldest) != 0)
		return false;
	return is_old(&oldest, s->grace) || oldest.time > tip->time;
}

static int name_record(void *arg, const struct record *rec)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < rec->nversions; i++)
		r = idset_add(arg, rec->versions[i].id);
	return r;
}

static int named_by(struct sweep *s, struct snapshot *tip, struct idset *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < tip->commit.npages; i++)
		r = idset_add(out, tip->commit.pages[i].id);
	if (r == 0)
		r = snapshot_each(s->b, s->k, tip, name_record, out);
	idset_sort(out);
	return r;
}

/* What cannot be opened for want of keys, or of the disk, may be one. */
static bool may_be_commit(const struct sweep *s, const uint8_t id[static HASH_SIZE])
{
	BLOB_CLEANUP struct blob body = {0};
	uint32_t gen;

	return object_get(s->b, s->k, OBJECT_COMMIT, id, &body, &gen) != ERR_AUTH;
}

/* The first error, after all have been tried. */
static int delete_due(struct sweep *s, const struct idset *named)
{
	char key[BACKEND_KEY_SIZE];
	int r = 0, e;

	for (size_t i = 0; i < s->due.n; i++) {
		if (idset_has(named, s->due.ids[i]) || may_be_commit(s, s->due.ids[i]))
			continue;
		backend_object_key(s->k->scope_id, s->due.ids[i], key);
		e = s->b->ops->delete (s->b, key);
		r = r ? r : e;
	}
	return r;
}

static void run(struct sweep *s, struct snapshot *tip, uint64_t *swept)
{
	IDSET_CLEANUP struct idset named = {0};
	uint64_t first = tip->commit.swept + 1, newest = tip->commit.epoch, top = 0;
	int r = 0;

	for (uint64_t n = WINDOW; r == 0 && !s->done && top < newest && n <= WINDOW_MAX; n *= 2) {
		top = newest - first < n ? newest : first + n - 1;
		r = look(s, &tip->commit, first, top);
	}
	if (r < 0 || !s->done)
		return;
	if (s->due.n) {
		if (named_by(s, tip, &named) < 0)
			return;
		(void)delete_due(s, &named);
	}
	*swept = s->done;
}

void gc_run(struct backend *b, struct keyring *k, struct snapshot *tip, uint64_t grace,
	    uint64_t *swept)
{
	struct sweep s = {.b = b, .k = k, .grace = grace};
	const struct commit *c = &tip->commit;

	/* A quiet scope is swept by its first commit after the grace time, a busy one now and then. */
	if (c->swept >= c->epoch || (c->epoch % EVERY && !is_old(c, grace)))
		return;
	if (is_due(&s, c, c->swept + 1))
		run(&s, tip, swept);
	idset_free(&s.due);
}

bool gc_all(struct backend *b, struct keyring *k, struct snapshot *tip, uint64_t grace)
{
	const uint64_t before = tip->commit.swept;
	uint64_t swept;

	do {
		struct sweep s = {.b = b, .k = k, .grace = grace};

		swept = tip->commit.swept;
		if (swept < tip->commit.epoch && is_due(&s, &tip->commit, swept + 1))
			run(&s, tip, &tip->commit.swept);
		idset_free(&s.due);
	} while (tip->commit.swept > swept);
	return swept > before;
}

int gc_drop(struct backend *b, struct keyring *k, struct snapshot *tip, const struct idset *ids)
{
	IDSET_CLEANUP struct idset named = {0};
	struct sweep s = {.b = b, .k = k, .due = *ids};
	int r = named_by(&s, tip, &named);

	return r ? r : delete_due(&s, &named);
}
