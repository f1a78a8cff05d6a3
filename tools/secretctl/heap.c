/* SPDX-License-Identifier: ISC */
/*
 * Locked memory is dear by the page, so small pieces share chunks of it. A piece that is freed goes to
 * the list of its size, a power of two; chunks stay for the process. Large ones have a chunk each.
 */
#include "heap.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

#define CHUNK (64u * 1024)
#define SMALLEST 5 /* log2: with its head, 32 bytes */
#define LARGEST 14
#define CLASSES (LARGEST - SMALLEST + 1)

/* Before each piece; as large as malloc's alignment. */
struct head {
	uint64_t size;	 /* of the piece, without the head */
	uint32_t class_; /* of a small locked one */
	uint32_t place;	 /* enum place */
};
_Static_assert(sizeof(struct head) == 16, "alignment");

enum place { PLACE_HEAP, PLACE_SMALL, PLACE_LARGE };

/* In front of a large piece's head, to find its secret by. */
struct large {
	struct secret *secret;
	uint64_t pad;
};
_Static_assert(sizeof(struct large) == 16, "alignment");

static bool locked, failed;
static struct secret *chunk; /* the newest; len of it is used */
static void *free_pieces[CLASSES];

void heap_lock(void)
{
	locked = true;
}

int heap_failed(void)
{
	return failed;
}

static unsigned class_of(size_t total)
{
	unsigned c = 0;

	while (((size_t)1 << (SMALLEST + c)) < total)
		c++;
	return c;
}

static void *take_large(size_t size)
{
	struct secret *s;
	struct large *l;

	if (secret_alloc(sizeof(struct large) + sizeof(struct head) + size, &s)) {
		failed = true;
		return NULL;
	}
	l = (struct large *)(void *)s->data;
	l->secret = s;
	return l + 1;
}

static void *take_small(unsigned c)
{
	size_t size = (size_t)1 << (SMALLEST + c);
	void *p = free_pieces[c];

	if (p) {
		memcpy(&free_pieces[c], (char *)p + sizeof(struct head), sizeof(void *));
		return p;
	}
	if ((!chunk || chunk->cap - chunk->len < size) && secret_alloc(CHUNK, &chunk)) {
		failed = true;
		return NULL;
	}
	p = chunk->data + chunk->len;
	chunk->len += size;
	return p;
}

void *heap_alloc(size_t size)
{
	struct head head = {.size = size, .place = PLACE_HEAP};
	size_t total;
	char *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	/* a free piece keeps the next one's address in it */
	total = sizeof(head) + (size < sizeof(void *) ? sizeof(void *) : size);
	if (!locked) {
		p = malloc(total);
	} else if (total > (size_t)1 << LARGEST) {
		head.place = PLACE_LARGE;
		p = take_large(size);
	} else {
		head.place = PLACE_SMALL;
		head.class_ = class_of(total);
		p = take_small(head.class_);
	}
	if (!p)
		return NULL;
	memcpy(p, &head, sizeof(head));
	return p + sizeof(head);
}

void heap_free(void *data)
{
	char *p = data;
	struct head head;

	if (!p)
		return;
	p -= sizeof(head);
	memcpy(&head, p, sizeof(head));
	sodium_memzero(p, sizeof(head) + head.size);
	if (head.place == PLACE_HEAP) {
		free(p);
	} else if (head.place == PLACE_SMALL) {
		/* cppcheck-suppress pointerSize ; a list through the pieces themselves */
		memcpy(p + sizeof(head), &free_pieces[head.class_], sizeof(void *));
		free_pieces[head.class_] = p;
	} else {
		secret_free(((struct large *)(void *)p - 1)->secret);
	}
}

/*
 * libyaml has no hooks, but calls these of its own by name: the program's come first. (src/api.c of
 * libyaml 0.2.5; the test sees it if a libyaml is linked where that does not hold.)
 */
void *yaml_malloc(size_t size);
void *yaml_realloc(void *p, size_t size);
void yaml_free(void *p);
char *yaml_strdup(const char *s);

void *yaml_malloc(size_t size)
{
	return heap_alloc(size ? size : 1);
}

void *yaml_realloc(void *p, size_t size)
{
	struct head head;
	void *more = heap_alloc(size ? size : 1);

	if (!p || !more)
		return more;
	memcpy(&head, (char *)p - sizeof(head), sizeof(head));
	memcpy(more, p, head.size < size ? head.size : size);
	heap_free(p);
	return more;
}

void yaml_free(void *p)
{
	heap_free(p);
}

char *yaml_strdup(const char *s)
{
	size_t n = s ? strlen(s) + 1 : 0;
	char *copy = s ? heap_alloc(n) : NULL;

	if (copy)
		memcpy(copy, s, n);
	return copy;
}
