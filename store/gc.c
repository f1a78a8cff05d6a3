/* SPDX-License-Identifier: ISC */
#include "gc.h"

#include <string.h>
#include <time.h>

#define EVERY 16  /* commits between two sweeps of a busy scope */
#define WINDOW 64 /* commits that one sweep goes through */

static bool over(const struct commit *c, uint64_t grace)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < 0)
		return false;
	return c->time / 1000000000u + grace < (uint64_t)now.tv_sec;
}

static void delete_retired(struct backend *b, const struct keyring *k, const struct commit *c)
{
	char key[BACKEND_KEY_SIZE];

	for (size_t i = 0; i < c->nretired; i++) {
		backend_object_key(k->scope_id, c->retired[i], key);
		(void)b->ops->delete (b, key);
	}
}

static int ancestor(struct backend *b, struct keyring *k, const struct commit *tip, uint64_t epoch,
		    struct commit *out)
{
	uint8_t id[HASH_SIZE];
	int r = commit_ancestor(b, k, tip, epoch, id);

	if (r == 0)
		r = commit_get(b, k, id, out);
	return r == 0 && out->epoch != epoch ? ERR_AUTH : r;
}

/* The commits from epoch first to top, newest first: delete where the grace is over.  Returns the
 * newest epoch so treated, or 0; commit times never decrease, so all before it are treated too. */
static uint64_t gc_back(struct backend *b, struct keyring *k, const struct commit *tip,
			uint64_t first, uint64_t top, uint64_t grace)
{
	uint64_t done = 0;
	struct commit c;
	int r = ancestor(b, k, tip, top, &c);

	while (r == 0) {
		uint8_t prev[HASH_SIZE];
		uint64_t epoch = c.epoch;

		if (over(&c, grace)) {
			delete_retired(b, k, &c);
			done = done ? done : epoch;
		}
		memcpy(prev, c.prev, HASH_SIZE);
		commit_fini(&c);
		if (epoch <= first)
			return done;
		r = commit_get(b, k, prev, &c);
	}
	return 0;
}

void gc_run(struct backend *b, struct keyring *k, const struct commit *tip, uint64_t grace,
	    uint64_t *swept)
{
	uint64_t first = tip->swept + 1, top = tip->swept + WINDOW, done;
	struct commit oldest;
	bool due;

	/* A quiet scope is swept by its first commit after the grace time, a busy one now and then. */
	if (first > tip->epoch || (tip->epoch % EVERY && !over(tip, grace)))
		return;
	if (top > tip->epoch)
		top = tip->epoch;
	/* The oldest tells in a few steps whether there is anything to do. */
	if (ancestor(b, k, tip, first, &oldest) != 0)
		return;
	due = over(&oldest, grace);
	commit_fini(&oldest);
	done = due ? gc_back(b, k, tip, first, top, grace) : 0;
	if (done)
		*swept = done;
}
