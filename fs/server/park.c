/* SPDX-License-Identifier: ISC */
#include "park.h"

#include <linux/fuse.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define FOR_ROOT (SHM_PARKED / 16)
#define SPARE 4u /* rows that are free for each that one has */

struct park {
	struct shm *shared;
	struct fetcher *fetcher;
	unsigned used;
	struct parked *first, **end; /* in the order they came */
	struct parked rows[SHM_PARKED];
	uint32_t free[SHM_PARKED], nfree;
};

static _Atomic uint32_t *length(struct shm_parked *row)
{
	return (_Atomic uint32_t *)(void *)row->request;
}

static void link_last(struct park *p, struct parked *r)
{
	r->next = NULL;
	*p->end = r;
	p->end = &r->next;
	p->used++;
}

static void take_over(struct park *p, uint32_t row)
{
	const struct fuse_in_header *in = (const void *)p->shared->parked[row].request;

	p->rows[row] = (struct parked){.row = row, .uid = in->uid, .left = true};
	link_last(p, &p->rows[row]);
}

int park_open(struct shm *shared, struct fetcher *f, struct park **out)
{
	struct park *p = calloc(1, sizeof(*p));

	if (!p)
		return ERR_NOMEM;
	p->shared = shared;
	p->fetcher = f;
	p->end = &p->first;
	for (uint32_t i = SHM_PARKED; i-- > 0;) {
		uint32_t len = atomic_load(length(&shared->parked[i]));

		if (len >= sizeof(struct fuse_in_header) && len <= SHM_PARKED_SIZE)
			take_over(p, i);
		else
			p->free[p->nfree++] = i;
	}
	*out = p;
	return 0;
}

static bool has_room(const struct park *p, uid_t uid)
{
	unsigned kept = uid ? FOR_ROOT : 0, n = 0;

	for (const struct parked *r = p->first; r; r = r->next)
		n += r->uid == uid;
	return p->nfree > kept + SPARE * n;
}

/* The length is written last: a row is whole, or free. */
struct parked *park_add(struct park *p, const void *request, size_t len, uid_t uid)
{
	uint32_t row, size = (uint32_t)len;
	struct shm_parked *s;

	if (len > SHM_PARKED_SIZE || !has_room(p, uid))
		return NULL;
	row = p->free[--p->nfree];
	s = &p->shared->parked[row];
	memcpy(s->request + sizeof(size), (const uint8_t *)request + sizeof(size),
	       len - sizeof(size));
	s->since = clock_ms();
	atomic_store(length(s), size);
	p->rows[row] = (struct parked){.row = row, .uid = uid};
	link_last(p, &p->rows[row]);
	return &p->rows[row];
}

void *park_request(struct park *p, const struct parked *r)
{
	return p->shared->parked[r->row].request;
}

void park_done(struct park *p, struct parked *r)
{
	struct parked **at = &p->first;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (!r->next)
		p->end = at;
	p->used--;
	fetch_leave(p->fetcher, r->object);
	fetch_leave(p->fetcher, r->groups);
	atomic_store(length(&p->shared->parked[r->row]), 0);
	p->free[p->nfree++] = r->row;
}

struct parked *park_first(struct park *p)
{
	return p->first;
}

bool park_is_empty(const struct park *p)
{
	return !p->used;
}

static int64_t due(const struct park *p, const struct parked *r)
{
	return p->shared->parked[r->row].since +
	       (r->for_state ? PARK_STATE_MS : FETCH_SECONDS * 1000);
}

static bool is_there(const struct parked *r, bool settled)
{
	return (!r->for_state || settled) && (!r->for_object || r->object->done) &&
	       (!r->for_groups || r->groups->done);
}

struct parked *park_ready(struct park *p, bool settled)
{
	int64_t now = p->used ? clock_ms() : 0;

	for (struct parked *r = p->first; r; r = r->next) {
		r->late |= now >= due(p, r);
		if (r->late || is_there(r, settled))
			return r;
	}
	return NULL;
}

int park_due(const struct park *p)
{
	int64_t now = p->used ? clock_ms() : 0, first = 0;

	for (const struct parked *r = p->first; r; r = r->next)
		if (!first || due(p, r) < first)
			first = due(p, r);
	if (!first)
		return -1;
	return first > now ? (int)(first - now) : 0;
}

void park_drop(struct park *p)
{
	while (p->first)
		park_done(p, p->first);
}
