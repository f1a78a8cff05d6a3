/* SPDX-License-Identifier: ISC */
#include "sealed.h"

#include <stdlib.h>
#include <string.h>

#include "object.h"

#define BUCKETS 1024u /* a power of two */

struct item {
	uint8_t id[HASH_SIZE];
	struct blob blob;
	struct item *chain;	    /* of the bucket */
	struct item *newer, *older; /* by last use */
};

struct sealed {
	size_t limit, used;
	struct item *newest, *oldest;
	struct item *buckets[BUCKETS];
	struct blob last; /* one that is too large to keep */
};

int sealed_open(size_t limit, struct sealed **out)
{
	struct sealed *c = calloc(1, sizeof(*c));

	if (!c)
		return ERR_NOMEM;
	c->limit = limit;
	*out = c;
	return 0;
}

/* Ids are hashes: any of their bytes will do. */
static struct item **bucket(struct sealed *c, const uint8_t *id)
{
	return &c->buckets[(id[0] | (unsigned)id[1] << 8) & (BUCKETS - 1)];
}

static void unlink_item(struct sealed *c, struct item *i)
{
	*(i->newer ? &i->newer->older : &c->newest) = i->older;
	*(i->older ? &i->older->newer : &c->oldest) = i->newer;
}

static void link_newest(struct sealed *c, struct item *i)
{
	i->newer = NULL;
	i->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = i;
	c->newest = i;
}

static void drop(struct sealed *c, struct item *i)
{
	struct item **p = bucket(c, i->id);

	while (*p != i)
		p = &(*p)->chain;
	*p = i->chain;
	unlink_item(c, i);
	c->used -= i->blob.len + sizeof(*i);
	blob_free(&i->blob);
	free(i);
}

void sealed_close(struct sealed *c)
{
	if (!c)
		return;
	while (c->oldest)
		drop(c, c->oldest);
	blob_free(&c->last);
	free(c);
}

static struct item *find(struct sealed *c, const uint8_t *id)
{
	struct item *i = *bucket(c, id);

	while (i && memcmp(i->id, id, HASH_SIZE) != 0)
		i = i->chain;
	return i;
}

/* Takes the blob over; NULL when it cannot be kept. */
static struct item *keep(struct sealed *c, const uint8_t *id, struct blob *blob)
{
	struct item *i, **head;

	if (blob->len + sizeof(*i) > c->limit)
		return NULL;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	while (c->oldest && c->used + blob->len + sizeof(*i) > c->limit)
		drop(c, c->oldest);
	memcpy(i->id, id, HASH_SIZE);
	i->blob = *blob;
	*blob = (struct blob){0};
	head = bucket(c, id);
	i->chain = *head;
	*head = i;
	link_newest(c, i);
	c->used += i->blob.len + sizeof(*i);
	return i;
}

int sealed_get(struct sealed *c, struct backend *b, const struct keyring *k,
	       const uint8_t id[static HASH_SIZE], const struct blob **out)
{
	struct item *i = find(c, id);
	struct blob fresh = {0};
	int r;

	if (i) {
		unlink_item(c, i);
		link_newest(c, i);
		*out = &i->blob;
		return 0;
	}
	if ((r = object_fetch(b, k, id, &fresh)) < 0)
		return r;
	if ((i = keep(c, id, &fresh))) {
		*out = &i->blob;
		return 0;
	}
	blob_free(&c->last);
	c->last = fresh;
	*out = &c->last;
	return 0;
}
