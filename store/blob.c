/* SPDX-License-Identifier: ISC */
#include "blob.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void blob_free(struct blob *b)
{
	free(b->data);
	*b = (struct blob){0};
}

static uint8_t *writer_room(struct writer *w, size_t len)
{
	uint8_t *p;

	if (w->failed)
		return NULL;
	if (len > w->cap - w->len && w->fixed) {
		w->failed = true;
		return NULL;
	}
	if (len > w->cap - w->len) {
		size_t cap = w->cap ? w->cap : 256;

		while (cap - w->len < len) {
			if (cap > SIZE_MAX / 2) {
				w->failed = true;
				return NULL;
			}
			cap *= 2;
		}
		p = realloc(w->data, cap);
		if (!p) {
			w->failed = true;
			return NULL;
		}
		w->data = p;
		w->cap = cap;
	}
	p = w->data + w->len;
	w->len += len;
	return p;
}

static void put_le(struct writer *w, uint64_t v, size_t len)
{
	uint8_t *p = writer_room(w, len);

	for (size_t i = 0; p && i < len; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void put_u8(struct writer *w, uint8_t v)
{
	put_le(w, v, 1);
}

void put_u16(struct writer *w, uint16_t v)
{
	put_le(w, v, 2);
}

void put_u32(struct writer *w, uint32_t v)
{
	put_le(w, v, 4);
}

void put_u64(struct writer *w, uint64_t v)
{
	put_le(w, v, 8);
}

void put_bytes(struct writer *w, const void *data, size_t len)
{
	uint8_t *p = writer_room(w, len);

	if (p && len)
		memcpy(p, data, len);
}

void put_str8(struct writer *w, const char *s)
{
	size_t len = strlen(s);

	if (len > UINT8_MAX) {
		w->failed = true;
		return;
	}
	put_u8(w, (uint8_t)len);
	put_bytes(w, s, len);
}

struct writer writer_over(uint8_t *data, size_t cap)
{
	return (struct writer){.data = data, .cap = cap, .fixed = true};
}

void writer_free(struct writer *w)
{
	if (!w->fixed)
		free(w->data);
	*w = (struct writer){0};
}

int writer_finish(struct writer *w, struct blob *out)
{
	if (w->failed)
		return ERR_NOMEM;
	*out = (struct blob){.data = w->data, .len = w->len};
	*w = (struct writer){0};
	return 0;
}

struct reader reader_of(const uint8_t *data, size_t len)
{
	return (struct reader){.p = data, .end = data ? data + len : data};
}

const uint8_t *take_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->failed || (size_t)(r->end - r->p) < len) {
		r->failed = true;
		return NULL;
	}
	r->p += len;
	return p;
}

static uint64_t take_le(struct reader *r, size_t len)
{
	const uint8_t *p = take_bytes(r, len);
	uint64_t v = 0;

	for (size_t i = 0; p && i < len; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint8_t take_u8(struct reader *r)
{
	return (uint8_t)take_le(r, 1);
}

uint16_t take_u16(struct reader *r)
{
	return (uint16_t)take_le(r, 2);
}

uint32_t take_u32(struct reader *r)
{
	return (uint32_t)take_le(r, 4);
}

uint64_t take_u64(struct reader *r)
{
	return take_le(r, 8);
}

void take_copy(struct reader *r, void *out, size_t len)
{
	const uint8_t *p = take_bytes(r, len);

	if (p && len)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

void take_str8(struct reader *r, char *out, size_t cap)
{
	size_t len = take_u8(r);
	const uint8_t *p = take_bytes(r, len);

	if (!p || len >= cap || memchr(p, 0, len)) {
		r->failed = true;
		out[0] = '\0';
		return;
	}
	memcpy(out, p, len);
	out[len] = '\0';
}

bool reader_done(const struct reader *r)
{
	return !r->failed && r->p == r->end;
}
