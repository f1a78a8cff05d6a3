/* SPDX-License-Identifier: ISC */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
	char key[BACKEND_KEY_SIZE];
	struct blob blob;
	bool read;
};

struct memory {
	struct backend backend; /* first */
	struct item *items;
	size_t n, calls, fail_at;
	int error;
};

static struct memory *memory_of(const struct backend *b)
{
	return (struct memory *)b;
}

static void *must(void *p)
{
	if (!p) {
		perror("memory");
		exit(1);
	}
	return p;
}

static struct item *find(const struct memory *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->items[i].key, key) == 0)
			return &m->items[i];
	return NULL;
}

struct blob *memory_find(struct backend *b, const char *key)
{
	struct item *i = find(memory_of(b), key);

	return i ? &i->blob : NULL;
}

static struct blob copy_of(const uint8_t *data, size_t len)
{
	struct blob made = {.data = must(malloc(len + 1)), .len = len};

	if (len)
		memcpy(made.data, data, len);
	return made;
}

void memory_set(struct backend *b, const char *key, const uint8_t *data, size_t len)
{
	struct memory *m = memory_of(b);
	struct blob made = copy_of(data, len);
	struct item *i = find(m, key);

	if (!i) {
		m->items = must(realloc(m->items, (m->n + 1) * sizeof(*m->items)));
		i = &m->items[m->n++];
		*i = (struct item){0};
		snprintf(i->key, sizeof(i->key), "%s", key);
	}
	blob_free(&i->blob);
	i->blob = made;
}

void memory_remove(struct backend *b, const char *key)
{
	struct memory *m = memory_of(b);
	struct item *i = find(m, key);

	if (!i)
		return;
	blob_free(&i->blob);
	*i = m->items[--m->n];
}

size_t memory_count(const struct backend *b)
{
	return memory_of(b)->n;
}

const char *memory_key(const struct backend *b, size_t i)
{
	return memory_of(b)->items[i].key;
}

bool memory_was_read(const struct backend *b, const char *key)
{
	const struct item *i = find(memory_of(b), key);

	return i && i->read;
}

void memory_forget(struct backend *b)
{
	for (size_t i = 0; i < memory_of(b)->n; i++)
		memory_of(b)->items[i].read = false;
}

void memory_fail(struct backend *b, size_t nth, int error)
{
	memory_of(b)->calls = 0;
	memory_of(b)->fail_at = nth;
	memory_of(b)->error = error;
}

bool memory_failed(const struct backend *b)
{
	return memory_of(b)->fail_at && memory_of(b)->calls >= memory_of(b)->fail_at;
}

/* Counts a call that writes; its error, or 0. */
static int fault(struct memory *m)
{
	m->calls++;
	return m->fail_at && m->calls >= m->fail_at ? m->error : 0;
}

/* --- the verbs -------------------------------------------------------------------------------- */

static int get(struct backend *b, const char *key, size_t cap, int flags, struct blob *out)
{
	struct memory *m = memory_of(b);
	struct item *i = find(m, key);

	if (!i)
		return ERR_NOENT;
	if (i->blob.len > cap)
		return ERR_TOOBIG;
	if (flags & BACKEND_SIZE) {
		*out = (struct blob){.len = i->blob.len};
		return 0;
	}
	i->read = true;
	*out = copy_of(i->blob.data, i->blob.len);
	return 0;
}

static int put(struct backend *b, const struct backend_item *items, size_t n)
{
	int r = fault(memory_of(b));

	for (size_t i = 0; i < (r ? n / 2 : n); i++) {
		if (find(memory_of(b), items[i].key))
			return ERR_EXIST;
		memory_set(b, items[i].key, items[i].data, items[i].len);
	}
	return r;
}

static int swap(struct backend *b, const char *key, const struct blob *old, const struct blob *new)
{
	const struct item *now = find(memory_of(b), key);
	int r = fault(memory_of(b));

	if (r && r != ERR_UNKNOWN)
		return r;
	if (!old != !now)
		return ERR_CONFLICT;
	if (old && (old->len != now->blob.len || memcmp(old->data, now->blob.data, old->len) != 0))
		return ERR_CONFLICT;
	memory_set(b, key, new->data, new->len);
	return r;
}

static int list(struct backend *b, const char *prefix, int (*fn)(void *arg, const char *key),
		void *arg)
{
	const struct memory *m = memory_of(b);
	size_t len = strlen(prefix);
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n; i++)
		if (strncmp(m->items[i].key, prefix, len) == 0 && m->items[i].key[len] == '/')
			r = fn(arg, m->items[i].key);
	return r;
}

static int delete (struct backend *b, const char *key)
{
	int r = fault(memory_of(b));

	if (r == 0)
		memory_remove(b, key);
	return r;
}

static int watch(struct backend *b, int *fd)
{
	(void)b;
	(void)fd;
	return ERR_IO;
}

static void watch_clear(struct backend *b)
{
	(void)b;
}

static void clear(struct memory *m)
{
	for (size_t i = 0; i < m->n; i++)
		blob_free(&m->items[i].blob);
	free(m->items);
	m->items = NULL;
	m->n = 0;
}

static void memory_close(struct backend *b)
{
	clear(memory_of(b));
	free(b);
}

struct backend *memory_new(void)
{
	static const struct backend_ops ops = {
		.get = get,
		.put = put,
		.swap = swap,
		.list = list,
		.delete = delete,
		.watch = watch,
		.watch_clear = watch_clear,
		.close = memory_close,
	};
	struct memory *m = must(calloc(1, sizeof(*m)));

	m->backend.ops = &ops;
	return &m->backend;
}

void memory_restore(struct backend *b, const struct backend *other)
{
	const struct memory *o = memory_of(other);

	clear(memory_of(b));
	for (size_t i = 0; i < o->n; i++)
		memory_set(b, o->items[i].key, o->items[i].blob.data, o->items[i].blob.len);
}

struct backend *memory_copy(const struct backend *b)
{
	struct backend *made = memory_new();

	memory_restore(made, b);
	return made;
}
