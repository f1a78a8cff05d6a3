/* SPDX-License-Identifier: ISC */
#include "commit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "object.h"

#define SIGNATURE crypto_sign_BYTES
/* A writer that dates a commit far ahead ages what expires; it shall not wrap the time of those
 * after, which stays there until the root takes it back. */
#define TIME_MAX (UINT64_MAX / 4) /* the year 2116 */
#define DAY (86400 * UINT64_C(1000000000))
#define RETIRED_MAX (1u << 20) /* OBJECT_MAX bounds it far below */

void commit_init(struct commit *c)
{
	*c = (struct commit){0};
}

void commit_fini(struct commit *c)
{
	grant_fini(&c->grant);
	for (size_t i = 0; i < c->npages; i++)
		free(c->pages[i].first);
	free(c->pages);
	free(c->retired);
	*c = (struct commit){0};
}

static void put_body(struct enc *w, const struct commit *c)
{
	put_u64(w, c->epoch);
	put_bytes(w, c->prev, HASH_SIZE);
	put_bytes(w, c->jump, HASH_SIZE);
	put_u64(w, c->jump_epoch);
	put_u64(w, c->time);
	put_bytes(w, c->writer, sizeof(c->writer));
	put_u64(w, c->swept);
	put_u32(w, (uint32_t)c->npages);
	for (size_t i = 0; i < c->npages; i++) {
		put_bytes(w, c->pages[i].id, HASH_SIZE);
		put_str8(w, c->pages[i].first);
	}
	put_u32(w, (uint32_t)c->nretired);
	for (size_t i = 0; i < c->nretired; i++)
		put_bytes(w, c->retired[i], HASH_SIZE);
}

/* What a writer signs.  The grant goes in by its hash: a new grant cannot be put on an old body. */
static void put_message(struct enc *w, const struct keyring *k, uint32_t gen,
			const struct grant *grant, const uint8_t *body, size_t len)
{
	put_bytes(w, "sfs2cmit", 8);
	put_bytes(w, k->store_id, STORE_ID_SIZE);
	put_bytes(w, k->scope_id, SCOPE_ID_SIZE);
	put_u32(w, gen);
	put_bytes(w, grant->hash, HASH_SIZE);
	put_bytes(w, body, len);
}

int commit_seal(struct keyring *k, struct commit *c, struct blob *sealed)
{
	ENC_CLEANUP struct enc body = {0}, message = {0}, plain = {0};
	BLOB_CLEANUP struct blob whole = {0};
	uint8_t sig[SIGNATURE];
	int r;

	if (!k->has_writer || !grant_find(&c->grant, k->writer_pk))
		return ERR_DENIED;
	memcpy(c->writer, k->writer_pk, sizeof(c->writer));
	put_body(&body, c);
	if (body.failed)
		return ERR_NOMEM;
	put_message(&message, k, c->gen, &c->grant, body.data, body.len);
	if (message.failed)
		return ERR_NOMEM;
	crypto_sign_detached(sig, NULL, message.data, message.len, k->writer_sk);
	put_u32(&plain, (uint32_t)c->grant.bytes.len);
	put_bytes(&plain, c->grant.bytes.data, c->grant.bytes.len);
	put_bytes(&plain, body.data, body.len);
	put_bytes(&plain, sig, sizeof(sig));
	r = enc_finish(&plain, &whole);
	if (r == 0)
		r = object_seal(k, OBJECT_COMMIT, c->gen, &whole, sealed);
	if (r == 0)
		object_id(sealed, c->id);
	return r;
}

static int take_pages(struct dec *r, struct commit *c)
{
	uint32_t n = take_u32(r);

	if (r->failed || n > COMMIT_PAGES_MAX || (size_t)(r->end - r->p) / (HASH_SIZE + 2) < n)
		return ERR_AUTH;
	c->pages = calloc(n ? n : 1, sizeof(*c->pages));
	if (!c->pages)
		return ERR_NOMEM;
	for (; c->npages < n; c->npages++) {
		struct commit_page *p = &c->pages[c->npages];
		char first[NAME_SIZE];

		take_copy(r, p->id, HASH_SIZE);
		take_str8(r, first, sizeof(first));
		if (r->failed || name_check(first) < 0)
			return ERR_AUTH;
		if (c->npages && name_cmp(p[-1].first, first) >= 0)
			return ERR_AUTH;
		p->first = strdup(first);
		if (!p->first)
			return ERR_NOMEM;
	}
	return 0;
}

static int take_retired(struct dec *r, struct commit *c)
{
	uint32_t n = take_u32(r);

	if (r->failed || n > RETIRED_MAX || (size_t)(r->end - r->p) / HASH_SIZE < n)
		return ERR_AUTH;
	c->retired = calloc(n ? n : 1, HASH_SIZE);
	if (!c->retired)
		return ERR_NOMEM;
	for (; c->nretired < n; c->nretired++)
		take_copy(r, c->retired[c->nretired], HASH_SIZE);
	return 0;
}

static int parse_body(struct commit *c, const uint8_t *body, size_t len)
{
	struct dec r = dec_of(body, len);
	int err;

	c->epoch = take_u64(&r);
	take_copy(&r, c->prev, HASH_SIZE);
	take_copy(&r, c->jump, HASH_SIZE);
	c->jump_epoch = take_u64(&r);
	c->time = take_u64(&r);
	take_copy(&r, c->writer, sizeof(c->writer));
	c->swept = take_u64(&r);
	err = take_pages(&r, c);
	if (err == 0)
		err = take_retired(&r, c);
	if (err < 0)
		return err;
	if (!dec_done(&r) || c->epoch == 0 || c->swept >= c->epoch || c->time > TIME_MAX)
		return ERR_AUTH;
	if (c->epoch == 1)
		return c->jump_epoch == 0 && sodium_is_zero(c->prev, HASH_SIZE) &&
				       sodium_is_zero(c->grant.after, HASH_SIZE)
			       ? 0
			       : ERR_AUTH;
	return c->jump_epoch >= 1 && c->jump_epoch < c->epoch ? 0 : ERR_AUTH;
}

static int take_grant(const struct keyring *k, const uint8_t *bytes, size_t len,
		      const struct grant *known, struct grant *out)
{
	if (known && known->bytes.len == len && memcmp(known->bytes.data, bytes, len) == 0)
		return grant_copy(known, out);
	return grant_parse(k, bytes, len, out);
}

/* whole: the opened envelope.  c->gen is the envelope's. */
static int parse(struct keyring *k, const struct blob *whole, const struct grant *known,
		 struct commit *c)
{
	ENC_CLEANUP struct enc message = {0};
	struct dec r = dec_of(whole->data, whole->len);
	size_t grant_len = take_u32(&r);
	const uint8_t *grant = take_bytes(&r, grant_len), *body = r.p;
	const struct keyring_gen *g;
	size_t len = (size_t)(r.end - r.p);
	int err;

	if (r.failed || len < SIGNATURE)
		return ERR_AUTH;
	len -= SIGNATURE;
	err = take_grant(k, grant, grant_len, known, &c->grant);
	if (err == 0)
		err = keyring_at(k, c->gen, &g);
	if (err != 0)
		return err;
	if (c->grant.gen != c->gen || memcmp(c->grant.pk, g->pk, sizeof(g->pk)) != 0)
		return ERR_AUTH;
	err = parse_body(c, body, len);
	if (err < 0)
		return err;
	if (!grant_find(&c->grant, c->writer))
		return ERR_AUTH;
	put_message(&message, k, c->gen, &c->grant, body, len);
	if (message.failed)
		return ERR_NOMEM;
	return crypto_sign_verify_detached(body + len, message.data, message.len, c->writer) == 0
		       ? 0
		       : ERR_AUTH;
}

int commit_get_known(struct backend *b, struct keyring *k, const uint8_t id[static HASH_SIZE],
		     const struct grant *known, struct commit *out)
{
	BLOB_CLEANUP struct blob whole = {0};
	COMMIT_CLEANUP struct commit c;
	int r;

	commit_init(&c);
	memcpy(c.id, id, HASH_SIZE);
	r = object_get(b, k, OBJECT_COMMIT, id, &whole, &c.gen);
	if (r == 0)
		r = parse(k, &whole, known, &c);
	if (r < 0)
		return r == ERR_NOENT ? ERR_INCOMPLETE : r;
	*out = c;
	commit_init(&c);
	return 0;
}

int commit_get(struct backend *b, struct keyring *k, const uint8_t id[static HASH_SIZE],
	       struct commit *out)
{
	return commit_get_known(b, k, id, NULL, out);
}

int commit_head(const struct commit *from, struct commit *to)
{
	struct commit made = *from;

	made.npages = made.nretired = 0;
	made.pages = NULL;
	made.retired = NULL;
	if (grant_copy(&from->grant, &made.grant) < 0)
		return ERR_NOMEM;
	*to = made;
	return 0;
}

int commit_sign_grant(const struct keyring *k, struct commit *c)
{
	memcpy(c->grant.after, c->prev, HASH_SIZE);
	return grant_sign(k, &c->grant);
}

/* Myers' rule: two jumps of equal length in a row are joined into one.  A short jump is right too,
 * only slower: before this party's keys began, or where tip's own does not hold. */
static int set_jump(struct backend *b, struct keyring *k, const struct commit *tip,
		    struct commit *child)
{
	COMMIT_CLEANUP struct commit j;
	int r;

	commit_init(&j);
	memcpy(child->jump, tip->id, HASH_SIZE);
	child->jump_epoch = tip->epoch;
	if (tip->epoch < 3)
		return 0;
	r = commit_get_known(b, k, tip->jump, &tip->grant, &j);
	if (r == ERR_NOMEM || r == ERR_TIMEOUT)
		return r;
	if (r < 0 || j.epoch != tip->jump_epoch)
		return 0;
	if (j.jump_epoch && tip->epoch - j.epoch == j.epoch - j.jump_epoch) {
		memcpy(child->jump, j.jump, HASH_SIZE);
		child->jump_epoch = j.jump_epoch;
	}
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) != 0 || t.tv_sec < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t time_after(const struct keyring *k, const struct commit *tip)
{
	uint64_t now = now_ns();

	if (now > tip->time || (k->has_root && now && now + DAY < tip->time))
		return now;
	return tip->time < TIME_MAX ? tip->time + 1 : TIME_MAX;
}

int commit_follow(struct backend *b, struct keyring *k, const struct commit *tip,
		  struct commit *child)
{
	int r;

	if (tip->epoch == UINT64_MAX)
		return ERR_AUTH; /* only a writer that lies gets so far */
	r = set_jump(b, k, tip, child);
	if (r == 0)
		r = grant_copy(&tip->grant, &child->grant);
	if (r < 0)
		return r;
	child->gen = tip->gen;
	child->epoch = tip->epoch + 1;
	memcpy(child->prev, tip->id, HASH_SIZE);
	child->time = time_after(k, tip);
	child->swept = tip->swept;
	child->pages = calloc(tip->npages ? tip->npages : 1, sizeof(*child->pages));
	if (!child->pages)
		return ERR_NOMEM;
	for (; child->npages < tip->npages; child->npages++) {
		struct commit_page *p = &child->pages[child->npages];

		*p = tip->pages[child->npages];
		p->first = strdup(p->first);
		if (!p->first)
			return ERR_NOMEM;
	}
	return 0;
}

size_t commit_page_of(const struct commit *c, const char *name)
{
	size_t lo = 0, hi = c->npages;

	/* The last page whose first name is not after name. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (name_cmp(c->pages[mid].first, name) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? lo - 1 : 0;
}

int ref_get(struct backend *b, struct keyring *k, int flags, uint8_t id[static HASH_SIZE],
	    struct blob *raw)
{
	BLOB_CLEANUP struct blob sealed = {0}, body = {0};
	char key[BACKEND_KEY_SIZE];
	uint32_t gen;
	int r;

	backend_ref_key(k->scope_id, key);
	r = b->ops->get(b, key, 4096, flags, &sealed);
	if (r == ERR_TOOBIG)
		return ERR_AUTH;
	if (r == 0)
		r = object_open(k, OBJECT_REF, &sealed, &body, &gen);
	if (r < 0)
		return r;
	if (body.len != HASH_SIZE)
		return ERR_AUTH;
	memcpy(id, body.data, HASH_SIZE);
	if (raw) {
		*raw = sealed;
		sealed = (struct blob){0};
	}
	return 0;
}

int ref_seal(struct keyring *k, uint32_t gen, const uint8_t id[static HASH_SIZE], struct blob *out)
{
	uint8_t copy[HASH_SIZE];
	struct blob body = {.data = copy, .len = sizeof(copy)};

	memcpy(copy, id, sizeof(copy));
	return object_seal(k, OBJECT_REF, gen, &body, out);
}
