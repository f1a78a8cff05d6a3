/* SPDX-License-Identifier: ISC */
#include "value_cache.h"

#include <stdlib.h>
#include <string.h>

#include "name.h"
#include "object.h"
#include "value.h"

#define BUCKETS 1024u /* a power of two */

_Static_assert(crypto_stream_xchacha20_NONCEBYTES <= HASH_SIZE, "an id makes a nonce");

struct item {
	uint8_t id[HASH_SIZE];
	/* A value is bound to all of these: an id alone proves nothing about another record. */
	const struct keyring *ring;
	uint64_t set_epoch;
	uint32_t gen, len;
	uint8_t wrapped[VALUE_KEY_SIZE];
	struct blob cipher;
	struct item *chain;	    /* of the bucket */
	struct item *newer, *older; /* by last use */
	char name[];
};

struct value_cache {
	size_t limit, used;
	struct item *newest, *oldest;
	struct item *buckets[BUCKETS];
	struct locked {
		uint8_t wrap[crypto_stream_xchacha20_KEYBYTES];
		uint8_t key[VALUE_KEY_SIZE]; /* for the moment of use */
	} * locked;
};

int value_cache_open(size_t limit, struct value_cache **out)
{
	struct value_cache *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return ERR_NOMEM;
	if ((r = secret_new(sizeof(*c->locked), (void **)&c->locked)) < 0) {
		free(c);
		return r;
	}
	randombytes_buf(c->locked->wrap, sizeof(c->locked->wrap));
	c->limit = limit;
	*out = c;
	return 0;
}

/* Ids are hashes: any of their bytes will do. */
static struct item **bucket(struct value_cache *c, const uint8_t *id)
{
	return &c->buckets[(id[0] | (unsigned)id[1] << 8) & (BUCKETS - 1)];
}

static size_t cost(size_t name_len, size_t len)
{
	return sizeof(struct item) + name_len + 1 + len;
}

static void unlink_item(struct value_cache *c, struct item *i)
{
	*(i->newer ? &i->newer->older : &c->newest) = i->older;
	*(i->older ? &i->older->newer : &c->oldest) = i->newer;
}

static void link_newest(struct value_cache *c, struct item *i)
{
	i->newer = NULL;
	i->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = i;
	c->newest = i;
}

static void drop(struct value_cache *c, struct item *i)
{
	struct item **p = bucket(c, i->id);

	while (*p != i)
		p = &(*p)->chain;
	*p = i->chain;
	unlink_item(c, i);
	c->used -= cost(strlen(i->name), i->cipher.len);
	blob_free(&i->cipher);
	free(i);
}

void value_cache_close(struct value_cache *c)
{
	if (!c)
		return;
	while (c->oldest)
		drop(c, c->oldest);
	secret_delete(c->locked);
	free(c);
}

static bool is_of(const struct item *i, const struct value_cache_source *src)
{
	const struct version *v = src->version;

	return memcmp(i->id, v->id, HASH_SIZE) == 0 && i->ring == src->ring &&
	       i->set_epoch == v->set_epoch && i->gen == v->gen && i->len == v->len &&
	       name_cmp(i->name, src->name) == 0;
}

static struct item *find(struct value_cache *c, const struct value_cache_source *src)
{
	struct item *i = *bucket(c, src->version->id);

	while (i && !is_of(i, src))
		i = i->chain;
	return i;
}

/* The object's hash makes the nonce: no other key is ever wrapped under it. */
static void wrap(const struct value_cache *c, const uint8_t *id, const uint8_t *in, uint8_t *out)
{
	crypto_stream_xchacha20_xor(out, in, VALUE_KEY_SIZE, id, c->locked->wrap);
}

/* Takes the cipher text over if it can be kept; c->locked->key is its key. */
static void keep(struct value_cache *c, const struct value_cache_source *src, struct blob *cipher)
{
	const struct version *v = src->version;
	size_t name_len = strlen(src->name), size = cost(name_len, cipher->len);
	struct item *i, **head;

	if (size > c->limit || !(i = calloc(1, sizeof(*i) + name_len + 1)))
		return;
	while (c->oldest && c->used + size > c->limit)
		drop(c, c->oldest);
	memcpy(i->id, v->id, HASH_SIZE);
	i->ring = src->ring;
	i->set_epoch = v->set_epoch;
	i->gen = v->gen;
	i->len = v->len;
	memcpy(i->name, src->name, name_len + 1);
	wrap(c, i->id, c->locked->key, i->wrapped);
	i->cipher = *cipher;
	*cipher = (struct blob){0};
	head = bucket(c, i->id);
	i->chain = *head;
	*head = i;
	link_newest(c, i);
	c->used += size;
}

static int open_first(struct value_cache *c, const struct value_cache_source *src, uint8_t *out,
		      struct blob *cipher)
{
	BLOB_CLEANUP struct blob read = {0};
	int r = src->sealed ? 0 : object_fetch(src->backend, src->ring, src->version->id, &read);

	if (r < 0)
		return r;
	return value_open_keep(src->ring, src->version, src->name,
			       src->sealed ? src->sealed : &read, out, c->locked->key, cipher);
}

static int unseal_first(struct value_cache *c, const struct value_cache_source *src, uint8_t *out)
{
	BLOB_CLEANUP struct blob cipher = {0};
	int r = open_first(c, src, out, &cipher);

	if (r < 0)
		return r;
	keep(c, src, &cipher);
	sodium_memzero(c->locked->key, sizeof(c->locked->key));
	return 0;
}

int value_cache_unseal(struct value_cache *c, const struct value_cache_source *src, uint8_t *out)
{
	struct item *i = find(c, src);

	if (!i)
		return unseal_first(c, src, out);
	unlink_item(c, i);
	link_newest(c, i);
	wrap(c, i->id, i->wrapped, c->locked->key);
	value_decrypt_cached(c->locked->key, &i->cipher, out);
	sodium_memzero(c->locked->key, sizeof(c->locked->key));
	return 0;
}

bool value_cache_has(struct value_cache *c, const struct value_cache_source *src)
{
	return find(c, src) != NULL;
}
