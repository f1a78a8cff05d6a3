/* SPDX-License-Identifier: ISC */
#include "txn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "object.h"
#include "gc.h"

#define ATTEMPTS 64
#define BATCH_ITEMS 4096
#define BATCH_BYTES (16u << 20)
#define RETIRE_STEP 16384 /* ids; beside COMMIT_PAGES_MAX pages they fit OBJECT_MAX */

static void txn_fini(struct txn *a)
{
	for (size_t i = 0; i < a->n; i++)
		blob_free(&a->items[i].sealed);
	free(a->items);
	free(a->late);
	commit_fini(&a->next);
	snapshot_close(a->tip);
}

static int flush(struct txn *a)
{
	size_t n = a->n - a->put;
	struct backend_item *items = calloc(n ? n : 1, sizeof(*items));
	int r;

	if (!items)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct pending *p = &a->items[a->put + i];

		items[i] = (struct backend_item){p->key, p->sealed.data, p->sealed.len};
	}
	r = n ? a->b->ops->put(a->b, items, n) : 0;
	/* An id is the hash of fresh randomness: what is there is ours, of a call whose reply was lost. */
	if (r == ERR_EXIST)
		r = ERR_CONFLICT;
	free(items);
	/* Counted even after a failure: some may be there, and all of them are strays then. */
	for (; a->put < a->n; a->put++)
		blob_free(&a->items[a->put].sealed);
	a->bytes = 0;
	if (r == 0 && a->opt && a->opt->progress)
		a->opt->progress(a->opt->progress_arg, a->put, a->expected);
	return r;
}

int txn_put(struct txn *a, struct blob *sealed, const uint8_t id[static HASH_SIZE])
{
	if (a->n == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 16;
		void *p = realloc(a->items, cap * sizeof(*a->items));

		if (!p)
			return ERR_NOMEM;
		a->items = p;
		a->cap = cap;
	}
	backend_object_key(a->k->scope_id, id, a->items[a->n].key);
	a->items[a->n++].sealed = *sealed;
	a->bytes += sealed->len;
	*sealed = (struct blob){0};
	if (a->n - a->put >= BATCH_ITEMS || a->bytes >= BATCH_BYTES)
		return flush(a);
	return 0;
}

static void delete_strays(struct txn *a)
{
	for (size_t i = 0; i < a->put; i++)
		(void)a->b->ops->delete (a->b, a->items[i].key);
}

/* After ERR_UNKNOWN the ref may name what was put, and then nobody else does: it stays. */
static int conclude(struct txn *a, int r, struct apply_result *result)
{
	int error = errno; /* what went wrong, and not what the clean-up met */

	if (r == 0) {
		result->floor = floor_of(&a->next);
		result->time = a->next.time;
	} else if (r != ERR_UNKNOWN) {
		delete_strays(a);
	}
	txn_fini(a);
	errno = error;
	return r;
}

int txn_retire(struct commit *c, const uint8_t id[static HASH_SIZE])
{
	/* Grown by doubling at powers of two, so that no capacity need be kept. */
	if ((c->nretired & (c->nretired - 1)) == 0) {
		void *p = realloc(c->retired, (c->nretired ? 2 * c->nretired : 1) * HASH_SIZE);

		if (!p)
			return ERR_NOMEM;
		c->retired = p;
	}
	memcpy(c->retired[c->nretired++], id, HASH_SIZE);
	return 0;
}

static int swap_ref(struct txn *a)
{
	BLOB_CLEANUP struct blob ref = {0};
	char key[BACKEND_KEY_SIZE];
	int r = ref_seal(a->k, a->next.gen, a->next.id, &ref);

	if (r < 0)
		return r;
	backend_ref_key(a->k->scope_id, key);
	return a->b->ops->swap(a->b, key, a->tip && a->tip->ref.data ? &a->tip->ref : NULL, &ref);
}

/* All changes of a batch are in one commit; what they retire need not be. */
static int set_late(struct txn *a)
{
	struct commit *c = &a->next;
	size_t n = c->nretired > RETIRE_STEP ? c->nretired - RETIRE_STEP : 0;

	if (!n)
		return 0;
	a->late = calloc(n, HASH_SIZE);
	if (!a->late)
		return ERR_NOMEM;
	memcpy(a->late, c->retired + RETIRE_STEP, n * HASH_SIZE);
	a->nlate = n;
	c->nretired = RETIRE_STEP;
	return 0;
}

/* a->next is complete but for its own object. */
static int finish(struct txn *a)
{
	BLOB_CLEANUP struct blob sealed = {0};
	int r = set_late(a);

	if (r == 0)
		r = commit_seal(a->k, &a->next, &sealed);
	if (r == 0)
		r = txn_put(a, &sealed, a->next.id);
	if (r == 0)
		r = flush(a);
	return r == 0 ? swap_ref(a) : r;
}

static uint64_t grace_of(const struct apply_options *opt)
{
	return opt->grace ? opt->grace : GC_GRACE;
}

/* The disk is full: what is due to go goes now, so that a delete finds room for its commit. */
static bool make_room(struct backend *b, struct keyring *k, const struct apply_options *opt)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	int error = errno;
	bool made = (error == ENOSPC || error == EDQUOT) &&
		    snapshot_open(b, k, opt->floor, &tip) == 0 && gc_all(b, k, tip, grace_of(opt));

	errno = error;
	return made;
}

static int begin(struct txn *a)
{
	int r = snapshot_open(a->b, a->k, a->opt->floor, &a->tip);

	if (r < 0)
		return r;
	if (!a->k->has_writer || !grant_find(&a->tip->commit.grant, a->k->writer_pk))
		return ERR_DENIED;
	r = commit_follow(a->b, a->k, &a->tip->commit, &a->next);
	if (r == 0)
		gc_run(a->b, a->k, a->tip, grace_of(a->opt), &a->next.swept);
	return r;
}

static void pause_after_conflict(unsigned attempt)
{
	unsigned most = attempt < 8 ? 1u << attempt : 256; /* ms */
	struct timespec t = {.tv_nsec = (long)randombytes_uniform(most * 1000) * 1000};

	nanosleep(&t, NULL);
}

int txn_upon(struct backend *b, struct keyring *k, struct snapshot *tip, const struct txn_job *job,
	     struct apply_result *result)
{
	static const struct apply_options none;
	struct txn a = {.b = b, .k = k, .opt = &none, .tip = tip, .expected = job->expected};
	int r = commit_follow(b, k, &tip->commit, &a.next);

	result->attempts = 1;
	if (r == 0)
		r = job->fill(&a, job->arg, &result->failed);
	if (r == 0)
		r = finish(&a);
	return conclude(&a, r, result);
}

/* --- what comes after the commit ------------------------------------------------------------ */

struct late {
	uint8_t (*ids)[HASH_SIZE];
	size_t n;
};

static int fill_late(struct txn *a, void *arg, size_t *failed)
{
	const struct late *late = arg;
	int r = 0;

	(void)failed;
	for (size_t i = 0; r == 0 && i < late->n && i < RETIRE_STEP; i++)
		r = txn_retire(&a->next, late->ids[i]);
	return r;
}

static int attempts(struct backend *b, struct keyring *k, const struct apply_options *opt,
		    const struct txn_job *job, struct late *late, struct apply_result *result);

/* The change is made; whatever fails here leaves strays, for check --prune. */
static void retire_late(struct backend *b, struct keyring *k, const struct apply_options *opt,
			struct late late)
{
	struct apply_options quiet = {.floor = opt->floor, .grace = opt->grace};
	struct apply_result result = {0};
	struct late none = {0};

	while (late.n) {
		const struct txn_job job = {.fill = fill_late, .arg = &late};
		size_t n = late.n < RETIRE_STEP ? late.n : RETIRE_STEP;

		if (attempts(b, k, &quiet, &job, &none, &result) < 0)
			return;
		late.ids += n;
		late.n -= n;
	}
}

/* --- the loop --------------------------------------------------------------------------------- */

static int attempts(struct backend *b, struct keyring *k, const struct apply_options *opt,
		    const struct txn_job *job, struct late *late, struct apply_result *result)
{
	bool made_room = false;
	int r = ERR_CONFLICT;

	for (unsigned i = 0; r == ERR_CONFLICT && i < ATTEMPTS; i++) {
		struct txn a = {.b = b, .k = k, .opt = opt, .expected = job->expected};

		if (i)
			pause_after_conflict(i);
		result->attempts = i + 1;
		r = begin(&a);
		if (r == 0)
			r = job->fill(&a, job->arg, &result->failed);
		if (r == 0)
			r = finish(&a);
		if (r == 0) {
			*late = (struct late){a.late, a.nlate};
			a.late = NULL;
		}
		r = conclude(&a, r, result);
		if (r == ERR_IO && !made_room && make_room(b, k, opt)) {
			made_room = true;
			r = ERR_CONFLICT;
		}
	}
	return r;
}

int txn_run(struct backend *b, struct keyring *k, const struct apply_options *opt,
	    const struct txn_job *job, struct apply_result *result)
{
	static const struct apply_options none;
	struct late late = {0};
	int r;

	opt = opt ? opt : &none;
	r = attempts(b, k, opt, job, &late, result);
	if (r == 0)
		retire_late(b, k, opt, late);
	free(late.ids);
	return r;
}

int txn_first(struct backend *b, struct keyring *k, struct commit *first,
	      struct apply_result *result)
{
	struct txn a = {.b = b, .k = k, .next = *first};
	int r;

	commit_init(first);
	*result = (struct apply_result){.attempts = 1};
	r = conclude(&a, finish(&a), result);
	return r == ERR_CONFLICT ? ERR_EXIST : r;
}
