/* SPDX-License-Identifier: ISC */
#include "pool.h"

#include <sodium.h>
#include <stdlib.h>

#include "secret.h"

#define SLAB_SIZE 65536u
#define SLAB_BUFFERS_MAX (SLAB_SIZE / 256)

/* A value of SECRET_MAX and the byte behind it must fit the last one. */
static const size_t classes[] = {256, 1024, 4096, 16384, 65536, 262144, SECRET_MAX + 4096};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

struct pool_slab {
	uint8_t *memory;
	size_t class;
	unsigned total, nfree;
	struct pool_slab *next, *prev; /* among the slabs of the class with something free */
	uint16_t free[SLAB_BUFFERS_MAX];
};

struct pool {
	struct pool_slab *partial[CLASSES];
	unsigned empty[CLASSES];
	size_t locked;
};

int pool_open(struct pool **out)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return ERR_NOMEM;
	*out = p;
	return 0;
}

static unsigned buffers_in(size_t class)
{
	return classes[class] < SLAB_SIZE ? (unsigned)(SLAB_SIZE / classes[class]) : 1;
}

static void link_slab(struct pool *p, struct pool_slab *s)
{
	s->prev = NULL;
	s->next = p->partial[s->class];
	if (s->next)
		s->next->prev = s;
	p->partial[s->class] = s;
}

static void unlink_slab(struct pool *p, struct pool_slab *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		p->partial[s->class] = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

static void free_slab(struct pool *p, struct pool_slab *s)
{
	unlink_slab(p, s);
	p->locked -= s->total * classes[s->class];
	secret_delete(s->memory);
	free(s);
}

void pool_close(struct pool *p)
{
	if (!p)
		return;
	for (size_t c = 0; c < CLASSES; c++)
		while (p->partial[c])
			free_slab(p, p->partial[c]);
	free(p);
}

static int add_slab(struct pool *p, size_t class)
{
	struct pool_slab *s = calloc(1, sizeof(*s));
	void *memory;
	int r;

	if (!s)
		return ERR_NOMEM;
	s->class = class;
	s->total = buffers_in(class);
	if ((r = secret_new(s->total * classes[class], &memory)) < 0) {
		free(s);
		return r;
	}
	s->memory = memory;
	while (s->nfree < s->total) {
		s->free[s->nfree] = (uint16_t)(s->total - 1 - s->nfree);
		s->nfree++;
	}
	p->locked += s->total * classes[class];
	p->empty[class]++;
	link_slab(p, s);
	return 0;
}

int pool_get(struct pool *p, size_t len, struct pool_buffer *out)
{
	struct pool_slab *s;
	size_t class = 0;
	int r;

	while (class < CLASSES && classes[class] < len)
		class ++;
	if (class == CLASSES)
		return ERR_TOOBIG;
	if (!p->partial[class] && (r = add_slab(p, class)) < 0)
		return r;
	s = p->partial[class];
	if (s->nfree == s->total)
		p->empty[class]--;
	out->data = s->memory + s->free[--s->nfree] * classes[class];
	out->len = len;
	out->slab = s;
	if (!s->nfree)
		unlink_slab(p, s);
	return 0;
}

void pool_put(struct pool *p, struct pool_buffer *b)
{
	struct pool_slab *s = b->slab;

	sodium_memzero(b->data, b->len);
	if (!s->nfree)
		link_slab(p, s);
	s->free[s->nfree++] = (uint16_t)((size_t)(b->data - s->memory) / classes[s->class]);
	if (s->nfree == s->total && ++p->empty[s->class] > 1) {
		p->empty[s->class]--;
		free_slab(p, s);
	}
	b->data = NULL;
	b->slab = NULL;
}

size_t pool_locked(const struct pool *p)
{
	return p->locked;
}
