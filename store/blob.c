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

bool blob_eq(const struct blob *a, const struct blob *b)
{
	return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static uint8_t *enc_room(struct enc *w, size_t len)
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

static void put_le(struct enc *w, uint64_t v, size_t len)
{
	uint8_t *p = enc_room(w, len);

	for (size_t i = 0; p && i < len; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void put_u8(struct enc *w, uint8_t v)
{
	put_le(w, v, 1);
}

void put_u16(struct enc *w, uint16_t v)
{
	put_le(w, v, 2);
}

void put_u32(struct enc *w, uint32_t v)
{
	put_le(w, v, 4);
}

void put_u64(struct enc *w, uint64_t v)
{
	put_le(w, v, 8);
}

void put_bytes(struct enc *w, const void *data, size_t len)
{
	uint8_t *p = enc_room(w, len);

	if (p && len)
		memcpy(p, data, len);
}

void put_str8(struct enc *w, const char *s)
{
	size_t len = strlen(s);

	if (len > UINT8_MAX) {
		w->failed = true;
		return;
	}
	put_u8(w, (uint8_t)len);
	put_bytes(w, s, len);
}

struct enc enc_over(uint8_t *data, size_t cap)
{
	return (struct enc){.data = data, .cap = cap, .fixed = true};
}

void enc_free(struct enc *w)
{
	if (!w->fixed)
		free(w->data);
	*w = (struct enc){0};
}

int enc_finish(struct enc *w, struct blob *out)
{
	if (w->failed)
		return ERR_NOMEM;
	*out = (struct blob){.data = w->data, .len = w->len};
	*w = (struct enc){0};
	return 0;
}

struct dec dec_of(const uint8_t *data, size_t len)
{
	return (struct dec){.p = data, .end = data ? data + len : data};
}

const uint8_t *take_bytes(struct dec *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->failed || (size_t)(r->end - r->p) < len) {
		r->failed = true;
		return NULL;
	}
	r->p += len;
	return p;
}

static uint64_t take_le(struct dec *r, size_t len)
{
	const uint8_t *p = take_bytes(r, len);
	uint64_t v = 0;

	for (size_t i = 0; p && i < len; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint8_t take_u8(struct dec *r)
{
	return (uint8_t)take_le(r, 1);
}

uint16_t take_u16(struct dec *r)
{
	return (uint16_t)take_le(r, 2);
}

uint32_t take_u32(struct dec *r)
{
	return (uint32_t)take_le(r, 4);
}

uint64_t take_u64(struct dec *r)
{
	return take_le(r, 8);
}

void take_copy(struct dec *r, void *out, size_t len)
{
	const uint8_t *p = take_bytes(r, len);

	if (p && len)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

void take_str8(struct dec *r, char *out, size_t cap)
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

bool dec_done(const struct dec *r)
{
	return !r->failed && r->p == r->end;
}
