/* SPDX-License-Identifier: ISC */
#include "history.h"

#include <stdlib.h>
#include <string.h>

#include "ancestry.h"

struct history {
	struct backend *b;
	struct keyring *k;
	struct commit *all; /* heads */
	bool *good;
	size_t n, cap;
};

static void history_fini(struct history *h)
{
	for (size_t i = 0; i < h->n; i++)
		commit_fini(&h->all[i]);
	free(h->all);
	free(h->good);
}

static int add(struct history *h, const struct commit *c)
{
	int r;

	if (h->n == h->cap) {
		size_t cap = h->cap ? 2 * h->cap : 64;
		void *p = reallocarray(h->all, cap, sizeof(*h->all));

		if (!p)
			return ERR_NOMEM;
		h->all = p;
		h->cap = cap;
	}
	r = commit_head(c, &h->all[h->n]);
	if (r == 0)
		h->n++;
	return r;
}

static int add_object(void *arg, const char *key)
{
	struct history *h = arg;
	COMMIT_CLEANUP struct commit c;
	const char *hex = strrchr(key, '/');
	uint8_t id[HASH_SIZE];
	size_t len;
	int r;

	commit_init(&c);
	if (!hex || sodium_hex2bin(id, sizeof(id), hex + 1, strlen(hex + 1), NULL, &len, NULL) ||
	    len != HASH_SIZE)
		return 0;
	r = commit_get_known(h->b, h->k, id, h->n ? &h->all[h->n - 1].grant : NULL, &c);
	if (r == ERR_NOMEM || r == ERR_TIMEOUT)
		return r;
	return r == 0 ? add(h, &c) : 0;
}

static int by_epoch(const void *a, const void *b)
{
	const struct commit *x = a, *y = b;

	return (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

/* The first of that epoch, or past the end. */
static size_t first_of(const struct history *h, uint64_t epoch)
{
	size_t lo = 0, hi = h->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (h->all[mid].epoch < epoch)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool goes_on(const struct history *h, const struct commit *c)
{
	for (size_t i = first_of(h, c->epoch - 1); i < h->n && h->all[i].epoch == c->epoch - 1;
	     i++) {
		const struct commit *p = &h->all[i];

		if (h->good[i] && memcmp(c->prev, p->id, HASH_SIZE) == 0)
			return ancestry_grant_holds(c, p->id, p->grant.hash, p->grant.epoch);
	}
	return false;
}

static int pick(struct history *h, const struct commit *from, struct commit *out,
		uint64_t *grant_epoch)
{
	const struct commit *best = from;

	h->good = calloc(h->n + 1, sizeof(*h->good));
	if (!h->good)
		return ERR_NOMEM;
	if (h->n)
		qsort(h->all, h->n, sizeof(*h->all), by_epoch);
	for (size_t i = 0; i < h->n; i++) {
		const struct commit *c = &h->all[i];

		if (c->grant.epoch > *grant_epoch)
			*grant_epoch = c->grant.epoch;
		h->good[i] = memcmp(c->id, from->id, HASH_SIZE) == 0 ||
			     (c->epoch > from->epoch && c->epoch != UINT64_MAX && goes_on(h, c));
		if (h->good[i] && c->epoch > best->epoch)
			best = c;
	}
	return commit_head(best, out);
}

int history_newest(struct backend *b, struct keyring *k, const struct commit *from,
		   struct commit *out, uint64_t *grant_epoch)
{
	struct history h = {.b = b, .k = k};
	char prefix[BACKEND_KEY_SIZE] = "objects/";
	int r;

	sodium_bin2hex(prefix + 8, sizeof(prefix) - 8, k->scope_id, SCOPE_ID_SIZE);
	r = b->ops->list(b, prefix, add_object, &h);
	if (r == 0)
		r = pick(&h, from, out, grant_epoch);
	history_fini(&h);
	return r;
}
