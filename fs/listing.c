/* SPDX-License-Identifier: ISC */
#include "listing.h"

#include <stdlib.h>

#define BUCKETS 256u /* a power of two */

struct listing {
	uint64_t handle;
	uid_t uid;
	uint64_t age; /* number of views served before its */
	struct view *view;
	struct listing *chain;
};

struct listings {
	uint64_t age;
	struct listing *buckets[BUCKETS];
};

int listings_open(struct listings **out)
{
	struct listings *l = calloc(1, sizeof(*l));

	if (!l)
		return ERR_NOMEM;
	*out = l;
	return 0;
}

void listings_close(struct listings *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct listing *e = l->buckets[i], *next; e; e = next) {
			next = e->chain;
			view_unref(e->view);
			free(e);
		}
	}
	free(l);
}

static void move_to(struct listings *l, struct listing *e, struct view *v)
{
	struct view *old = e->view;

	e->view = view_ref(v);
	e->age = l->age;
	view_unref(old);
}

void listings_adopt(struct listings *l, struct view *v)
{
	l->age++;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct listing *e = l->buckets[i]; e; e = e->chain)
			if (l->age - e->age >= LISTING_VIEWS)
				move_to(l, e, v);
}

/* Ids of requests are even. */
static struct listing **bucket(struct listings *l, uint64_t handle)
{
	return &l->buckets[handle >> 1 & (BUCKETS - 1)];
}

static struct listing **slot(struct listings *l, uint64_t handle)
{
	struct listing **p = bucket(l, handle);

	while (*p && (*p)->handle != handle)
		p = &(*p)->chain;
	return p;
}

int listing_open(struct listings *l, uint64_t handle, uid_t uid, struct view *v)
{
	struct listing *e = calloc(1, sizeof(*e)), **p;

	if (!e)
		return ERR_NOMEM;
	e->handle = handle;
	e->uid = uid;
	move_to(l, e, v);
	p = bucket(l, handle);
	e->chain = *p;
	*p = e;
	return 0;
}

struct view *listing_view(struct listings *l, uint64_t handle, struct view *v)
{
	struct listing *e = *slot(l, handle);

	return e ? e->view : v;
}

void listing_rewind(struct listings *l, uint64_t handle, struct view *v)
{
	struct listing *e = *slot(l, handle);

	if (e && e->view != v)
		move_to(l, e, v);
}

int listing_release(struct listings *l, uint64_t handle, uid_t *uid)
{
	struct listing **p = slot(l, handle), *e = *p;

	if (!e)
		return ERR_NOENT;
	*uid = e->uid;
	*p = e->chain;
	view_unref(e->view);
	free(e);
	return 0;
}
