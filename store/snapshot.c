/* SPDX-License-Identifier: ISC */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "ancestry.h"
#include "idset.h"
#include "object.h"
#include "traces.h"
#include "value.h"

#define FEW 16 /* values read whole to see that they are there */

static void page_release(struct page *p)
{
	if (!p || --p->refs)
		return;
	blob_free(&p->body);
	free(p);
}

void snapshot_close(struct snapshot *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->pages && i < s->commit.npages; i++)
		page_release(s->pages[i]);
	free(s->pages);
	commit_fini(&s->commit);
	blob_free(&s->ref);
	free(s);
}

int snapshot_at(struct backend *b, struct keyring *k, const uint8_t id[static HASH_SIZE],
		struct snapshot **out)
{
	SNAPSHOT_CLEANUP struct snapshot *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return ERR_NOMEM;
	if ((r = commit_get(b, k, id, &s->commit)) < 0)
		return r;
	s->pages = calloc(s->commit.npages ? s->commit.npages : 1, sizeof(struct page *));
	if (!s->pages)
		return ERR_NOMEM;
	*out = s;
	s = NULL;
	return 0;
}

int snapshot_open(struct backend *b, struct keyring *k, const struct floor *floor,
		  struct snapshot **out)
{
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct blob ref = {0};
	uint8_t id[HASH_SIZE];
	int r;

	/* Durable: a floor will be made of what is read here, and a power cut must not undo it. */
	r = ref_get(b, k, BACKEND_DURABLE, id, &ref);
	if (r == 0)
		r = snapshot_at(b, k, id, &s);
	if (r == 0 && floor)
		r = ancestry_check(b, k, floor, &s->commit);
	if (r < 0 || !s) {
		blob_free(&ref);
		return r;
	}
	s->ref = ref;
	*out = s;
	s = NULL;
	return 0;
}

/* The first name of the page after page i. */
static const char *next_first(const struct commit *c, size_t i)
{
	return i + 1 < c->npages ? c->pages[i + 1].first : NULL;
}

int snapshot_open_judged(struct backend *b, struct keyring *k, const struct floor *floor,
			 struct snapshot **out)
{
	int r = snapshot_open(b, k, floor, out);

	if (r == ERR_NOENT && (r = traces_judge(b, k, floor)) == 0)
		r = snapshot_open(b, k, floor, out);
	return r;
}

int snapshot_page(struct backend *b, struct keyring *k, struct snapshot *s, size_t i,
		  const struct page **out)
{
	const struct commit *c = &s->commit;
	struct page *p;
	uint32_t gen;
	int r;

	if (i >= c->npages)
		return ERR_INVAL;
	if (!s->pages[i]) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return ERR_NOMEM;
		p->refs = 1;
		memcpy(p->id, c->pages[i].id, HASH_SIZE);
		r = object_get(b, k, OBJECT_PAGE, p->id, &p->body, &gen);
		if (r == ERR_NOENT)
			r = ERR_INCOMPLETE;
		if (r == 0)
			r = page_check(&p->body, c->pages[i].first, next_first(c, i), p->last);
		if (r < 0) {
			page_release(p);
			return r;
		}
		s->pages[i] = p;
	}
	if (out)
		*out = s->pages[i];
	return 0;
}

static struct page *shared_page(const struct snapshot *prev, const struct commit_page *want,
				size_t *i)
{
	size_t at;

	if (!prev || !prev->commit.npages)
		return NULL;
	at = commit_page_of(&prev->commit, want->first);
	if (memcmp(prev->commit.pages[at].id, want->id, HASH_SIZE) != 0)
		return NULL;
	*i = at;
	return prev->pages[at];
}

static int share_page(struct snapshot *s, size_t i, struct page *p)
{
	const struct commit *c = &s->commit;
	int r = page_check_place(&p->body, p->last, c->pages[i].first, next_first(c, i));

	if (r < 0)
		return r;
	s->pages[i] = p;
	p->refs++;
	return 0;
}

int snapshot_load(struct backend *b, struct keyring *k, struct snapshot *s,
		  const struct snapshot *prev)
{
	for (size_t i = 0; i < s->commit.npages; i++) {
		struct page *shared = NULL;
		size_t at;
		int r;

		if (!s->pages[i])
			shared = shared_page(prev, &s->commit.pages[i], &at);
		r = shared ? share_page(s, i, shared) : snapshot_page(b, k, s, i, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- completeness ---------------------------------------------------------------------------- */

/* The newest values of the pages of s that other does not share. */
static int collect(const struct snapshot *s, const struct snapshot *other, struct idset *set)
{
	for (size_t i = 0; i < s->commit.npages; i++) {
		struct page_cursor c;
		struct record rec;
		size_t at;
		int r = 0;

		if (!s->pages[i])
			return ERR_INVAL;
		if (shared_page(other, &s->commit.pages[i], &at))
			continue;
		c = page_walk(&s->pages[i]->body);
		while (r == 0 && page_next(&c, &rec))
			r = idset_add(set, rec.versions[0].id);
		if (r < 0)
			return r;
	}
	idset_sort(set);
	return 0;
}

/* There, and of the size that the record says: one that is still being copied is not. */
static int is_there(struct backend *b, struct keyring *k, const struct version *v)
{
	size_t size = 0;
	int r = object_size(b, k, v->id, &size);

	if (r == 0 && size != value_sealed(v->len))
		r = ERR_INCOMPLETE;
	return r == ERR_NOENT ? ERR_INCOMPLETE : r;
}

/* A few are read whole; of many the sizes are asked. */
static int all_there(struct backend *b, struct keyring *k, const struct snapshot *s,
		     const struct idset *want)
{
	int r = 0;

	for (size_t i = 0; want->n <= FEW && r == 0 && i < want->n; i++) {
		BLOB_CLEANUP struct blob sealed = {0};

		r = object_fetch(b, k, want->ids[i], &sealed);
		if (r == ERR_NOENT)
			r = ERR_INCOMPLETE;
	}
	for (size_t i = 0; want->n > FEW && r == 0 && i < s->commit.npages; i++) {
		struct page_cursor c = page_walk(&s->pages[i]->body);
		struct record rec;

		while (r == 0 && page_next(&c, &rec))
			if (idset_has(want, rec.versions[0].id))
				r = is_there(b, k, &rec.versions[0]);
	}
	return r;
}

int snapshot_complete(struct backend *b, struct keyring *k, struct snapshot *s,
		      const struct snapshot *prev)
{
	struct idset now = {0}, before = {0};
	size_t kept = 0;
	int r = collect(s, prev, &now);

	if (r == 0 && prev)
		r = collect(prev, s, &before);
	for (size_t i = 0; r == 0 && i < now.n; i++)
		if (!idset_has(&before, now.ids[i]))
			memmove(now.ids[kept++], now.ids[i], HASH_SIZE);
	now.n = kept;
	if (r == 0)
		r = all_there(b, k, s, &now);
	idset_free(&now);
	idset_free(&before);
	return r;
}

int snapshot_find(struct backend *b, struct keyring *k, struct snapshot *s, const char *name,
		  struct record *out)
{
	const struct page *p;
	int r;

	if (!s->commit.npages)
		return ERR_NOENT;
	r = snapshot_page(b, k, s, commit_page_of(&s->commit, name), &p);
	return r < 0 ? r : page_find(&p->body, name, out);
}

int snapshot_each(struct backend *b, struct keyring *k, struct snapshot *s,
		  int (*fn)(void *arg, const struct record *rec), void *arg)
{
	for (size_t i = 0; i < s->commit.npages; i++) {
		const struct page *p;
		struct page_cursor c;
		struct record rec;
		int r = snapshot_page(b, k, s, i, &p);

		if (r < 0)
			return r;
		c = page_walk(&p->body);
		while (page_next(&c, &rec)) {
			r = fn(arg, &rec);
			if (r)
				return r;
		}
	}
	return 0;
}
