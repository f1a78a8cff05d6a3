/* SPDX-License-Identifier: ISC */
#include "request_queue.h"

#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define MEMORY 1024u	     /* idle users whose use is remembered; a power of two */
#define DEBT_MAX_NS 20000000 /* nobody waits longer than this for what was spent before */

struct lane {
	uid_t uid;
	uint32_t first, last;
	int64_t spent; /* ns, on the scale of the queue's clock */
};

struct idle { /* a user without requests */
	uid_t uid;
	int64_t spent;
};

struct request_queue {
	struct shm *shared;
	int64_t clock; /* what was spent on the lane that is served */
	unsigned len, nlanes;
	uid_t serving;
	uint32_t nfree;
	struct lane lanes[SHM_REQUESTS + 1]; /* the one that is being served may be empty */
	struct idle idle[MEMORY];
	uint32_t free[SHM_REQUESTS], next[SHM_REQUESTS];
	bool left[SHM_REQUESTS];
};

static struct lane *lane_of(struct request_queue *q, uid_t uid)
{
	for (unsigned i = 0; i < q->nlanes; i++)
		if (q->lanes[i].uid == uid)
			return &q->lanes[i];
	return NULL;
}

static struct lane *new_lane(struct request_queue *q, uid_t uid)
{
	const struct idle *was = &q->idle[uid & (MEMORY - 1)];
	struct lane *l = &q->lanes[q->nlanes++];

	*l = (struct lane){.uid = uid, .first = NONE, .last = NONE, .spent = q->clock};
	if (was->uid == uid && was->spent > q->clock)
		l->spent =
			was->spent < q->clock + DEBT_MAX_NS ? was->spent : q->clock + DEBT_MAX_NS;
	return l;
}

static void drop_lane(struct request_queue *q, struct lane *l)
{
	q->idle[l->uid & (MEMORY - 1)] = (struct idle){l->uid, l->spent};
	*l = q->lanes[--q->nlanes];
}

static void append(struct request_queue *q, uid_t uid, uint32_t row)
{
	struct lane *l = lane_of(q, uid);

	if (!l)
		l = new_lane(q, uid);
	q->next[row] = NONE;
	*(l->last == NONE ? &l->first : &q->next[l->last]) = row;
	l->last = row;
	q->len++;
	atomic_store_explicit(&q->shared->waiting, q->len, memory_order_relaxed);
}

static uid_t uid_in(const struct shm_request *r)
{
	struct fuse_in_header in;

	memcpy(&in, r->bytes, sizeof(in));
	return in.uid;
}

int request_queue_open(struct shm *shared, struct request_queue **out)
{
	struct request_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return ERR_NOMEM;
	q->shared = shared;
	for (uint32_t i = SHM_REQUESTS; i-- > 0;) {
		uint32_t len = shared->requests[i].len;

		q->left[i] = len >= sizeof(struct fuse_in_header) && len <= SHM_REQUEST_BYTES;
		if (q->left[i]) {
			append(q, uid_in(&shared->requests[i]), i);
		} else {
			shared->requests[i].len = 0;
			q->free[q->nfree++] = i;
		}
	}
	*out = q;
	return 0;
}

void request_queue_close(struct request_queue *q)
{
	free(q);
}

unsigned request_queue_len(const struct request_queue *q)
{
	return q->len;
}

bool request_queue_fits(const struct request_queue *q, size_t len)
{
	return q->nfree && len <= SHM_REQUEST_BYTES;
}

void request_queue_put(struct request_queue *q, uid_t uid, const void *request, size_t len)
{
	uint32_t row = q->free[--q->nfree];
	struct shm_request *r = &q->shared->requests[row];

	memcpy(r->bytes, request, len);
	atomic_store_explicit(&r->len, (uint32_t)len, memory_order_release);
	append(q, uid, row);
}

struct shm_request *request_queue_next(struct request_queue *q, bool *left)
{
	struct lane *best = NULL;
	uint32_t row;

	for (struct lane *l = q->lanes; l < q->lanes + q->nlanes; l++)
		if (!best || l->spent < best->spent)
			best = l;
	if (!best)
		return NULL;
	row = best->first;
	best->first = q->next[row];
	if (best->first == NONE)
		best->last = NONE;
	q->len--;
	q->clock = best->spent;
	q->serving = best->uid;
	*left = q->left[row];
	return &q->shared->requests[row];
}

void request_queue_done(struct request_queue *q, struct shm_request *r, int64_t ns)
{
	uint32_t row = (uint32_t)(r - q->shared->requests);
	struct lane *l = lane_of(q, q->serving);

	atomic_store_explicit(&r->len, 0, memory_order_release);
	atomic_store_explicit(&q->shared->waiting, q->len, memory_order_relaxed);
	q->left[row] = false;
	q->free[q->nfree++] = row;
	if (!l)
		return;
	l->spent += ns;
	if (l->first == NONE)
		drop_lane(q, l);
}
