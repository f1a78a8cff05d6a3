/* SPDX-License-Identifier: ISC */
#include "dir_handle.h"

#include <stdlib.h>

#define BUCKETS 4096u /* a power of two */

struct dir_handle {
	uint64_t handle;
	uid_t uid;
	uint64_t age; /* number of views served before its */
	struct view *view;
	struct dir_handle *chain;
};

struct dir_handles {
	uint64_t age;
	struct dir_handle *buckets[BUCKETS];
};

int listings_open(struct dir_handles **out)
{
	struct dir_handles *l = calloc(1, sizeof(*l));

	if (!l)
		return ERR_NOMEM;
	*out = l;
	return 0;
}

void listings_close(struct dir_handles *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct dir_handle *e = l->buckets[i], *next; e; e = next) {
			next = e->chain;
			view_unref(e->view);
			free(e);
		}
	}
	free(l);
}

static void move_to(struct dir_handles *l, struct dir_handle *e, struct view *v)
{
	struct view *old = e->view;

	e->view = view_ref(v);
	e->age = l->age;
	view_unref(old);
}

void listings_adopt(struct dir_handles *l, struct view *v)
{
	l->age++;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct dir_handle *e = l->buckets[i]; e; e = e->chain)
			if (l->age - e->age >= DIR_HANDLE_VIEWS)
				move_to(l, e, v);
}

/* Ids of requests are even. */
static struct dir_handle **bucket(struct dir_handles *l, uint64_t handle)
{
	return &l->buckets[handle >> 1 & (BUCKETS - 1)];
}

static struct dir_handle **slot(struct dir_handles *l, uint64_t handle)
{
	struct dir_handle **p = bucket(l, handle);

	while (*p && (*p)->handle != handle)
		p = &(*p)->chain;
	return p;
}

int dir_handle_open(struct dir_handles *l, uint64_t handle, uid_t uid, struct view *v)
{
	struct dir_handle *e = calloc(1, sizeof(*e)), **p;

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

struct view *dir_handle_view(struct dir_handles *l, uint64_t handle, struct view *v)
{
	struct dir_handle *e = *slot(l, handle);

	return e ? e->view : v;
}

void dir_handle_rewind(struct dir_handles *l, uint64_t handle, struct view *v)
{
	struct dir_handle *e = *slot(l, handle);

	if (e && e->view != v)
		move_to(l, e, v);
}

uid_t dir_handle_owner(struct dir_handles *l, uint64_t handle, uid_t fallback)
{
	const struct dir_handle *e = *slot(l, handle);

	return e ? e->uid : fallback;
}

int dir_handle_release(struct dir_handles *l, uint64_t handle, uid_t *uid)
{
	struct dir_handle **p = slot(l, handle), *e = *p;

	if (!e)
		return ERR_NOENT;
	*uid = e->uid;
	*p = e->chain;
	view_unref(e->view);
	free(e);
	return 0;
}
