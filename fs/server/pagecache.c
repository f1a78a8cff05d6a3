/* SPDX-License-Identifier: ISC */
#include "pagecache.h"

#include <stdlib.h>

#include "clock.h"

#define TABLE (2 * SHM_KEPT) /* a power of two */
#define NONE UINT32_MAX

struct kept {
	int64_t used;  /* ms */
	uint32_t next; /* of the bucket, or free */
	uint32_t newer, older;
};

struct pagecache {
	int64_t linger; /* ms */
	uint32_t newest, oldest, free;
	uint32_t buckets[TABLE];
	struct shm *shm;
	uint64_t *nodes; /* in it; 0: free */
	struct kept kept[SHM_KEPT];
};

/* Node ids are hashes: any of their bits will do. */
static uint32_t *bucket_of(struct pagecache *c, uint64_t node)
{
	return &c->buckets[(node ^ node >> 48) & (TABLE - 1)];
}

static uint32_t find(const struct pagecache *c, uint64_t node)
{
	uint32_t i = c->buckets[(node ^ node >> 48) & (TABLE - 1)];

	while (i != NONE && c->nodes[i] != node)
		i = c->kept[i].next;
	return i;
}

static void unlink_kept(struct pagecache *c, uint32_t i)
{
	const struct kept *k = &c->kept[i];

	*(k->newer != NONE ? &c->kept[k->newer].older : &c->newest) = k->older;
	*(k->older != NONE ? &c->kept[k->older].newer : &c->oldest) = k->newer;
}

static void link_newest(struct pagecache *c, uint32_t i)
{
	c->kept[i].newer = NONE;
	c->kept[i].older = c->newest;
	*(c->newest != NONE ? &c->kept[c->newest].newer : &c->oldest) = i;
	c->newest = i;
}

static void drop(struct pagecache *c, uint32_t i)
{
	uint32_t *p = bucket_of(c, c->nodes[i]);

	while (*p != i)
		p = &c->kept[*p].next;
	*p = c->kept[i].next;
	unlink_kept(c, i);
	inval_remember(c->shm, c->nodes[i]);
	c->nodes[i] = 0;
	c->kept[i].next = c->free;
	c->free = i;
}

static void add(struct pagecache *c, uint32_t i, uint64_t node)
{
	uint32_t *head = bucket_of(c, node);

	c->nodes[i] = node;
	c->kept[i].next = *head;
	*head = i;
	link_newest(c, i);
}

int pagecache_open(struct shm *s, unsigned seconds, struct pagecache **out)
{
	struct pagecache *c = calloc(1, sizeof(*c));

	if (!c)
		return ERR_NOMEM;
	c->linger = (int64_t)seconds * 1000;
	c->newest = c->oldest = c->free = NONE;
	c->shm = s;
	c->nodes = s->kept;
	for (uint32_t i = 0; i < TABLE; i++)
		c->buckets[i] = NONE;
	for (uint32_t i = SHM_KEPT; i-- > 0;) {
		if (c->nodes[i]) {
			add(c, i, c->nodes[i]);
		} else {
			c->kept[i].next = c->free;
			c->free = i;
		}
	}
	*out = c;
	return 0;
}

bool pagecache_use(struct pagecache *c, uint64_t node)
{
	uint32_t i = find(c, node);

	if (i != NONE) {
		unlink_kept(c, i);
		link_newest(c, i);
		c->kept[i].used = clock_tick_ms();
		return true;
	}
	if (c->free == NONE || inval_behind(c->shm))
		return false;
	i = c->free;
	c->free = c->kept[i].next;
	add(c, i, node);
	c->kept[i].used = clock_tick_ms();
	return true;
}

bool pagecache_has(const struct pagecache *c, uint64_t node)
{
	return c && find(c, node) != NONE;
}

bool pagecache_forget(struct pagecache *c, uint64_t node)
{
	uint32_t i = c ? find(c, node) : NONE;

	if (i == NONE)
		return false;
	drop(c, i);
	return true;
}

int pagecache_expire(struct pagecache *c, struct inval_list *l)
{
	int64_t now;

	if (!c || c->oldest == NONE)
		return -1;
	now = clock_tick_ms();
	while (c->oldest != NONE) {
		const struct kept *k = &c->kept[c->oldest];
		int64_t left = k->used + c->linger - now;

		if (left > 0)
			return (int)left;
		if (inval_add_pages(l, c->nodes[c->oldest]) < 0)
			return 1000; /* no memory now: again later */
		drop(c, c->oldest);
	}
	return -1;
}
