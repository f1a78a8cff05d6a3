/* SPDX-License-Identifier: ISC */
/*
 * blob - bytes that are not secret, and the two cursors that write and read them.
 *
 * All integers of the store format are little-endian.  A writer remembers the first failure and
 * a reader the first overrun, so that a codec is a list of fields with one check at its end.
 */
#ifndef BLOB_H
#define BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct blob {
	uint8_t *data; /* heap, NULL when empty */
	size_t len;
};

void blob_free(struct blob *b); /* frees and empties; an empty one is fine */
bool blob_eq(const struct blob *a, const struct blob *b); /* the same bytes, or none in both */
#define BLOB_CLEANUP __attribute__((cleanup(blob_free)))

struct enc {
	uint8_t *data;
	size_t len, cap;
	bool failed;
	bool fixed; /* over the caller's memory: never grows, never freed */
};

/* A writer over memory of the caller's, for bytes that must stay in locked memory. */
struct enc enc_over(uint8_t *data, size_t cap);

void put_u8(struct enc *w, uint8_t v);
void put_u16(struct enc *w, uint16_t v);
void put_u32(struct enc *w, uint32_t v);
void put_u64(struct enc *w, uint64_t v);
void put_bytes(struct enc *w, const void *data, size_t len);
void put_str8(struct enc *w, const char *s); /* u8 length, bytes; fails over 255 */
void enc_free(struct enc *w);
#define ENC_CLEANUP __attribute__((cleanup(enc_free)))

/* Hands the bytes over; w is empty after.  ERR_NOMEM if any put failed. */
WUR int enc_finish(struct enc *w, struct blob *out);

struct dec {
	const uint8_t *p, *end;
	bool failed;
};

struct dec dec_of(const uint8_t *data, size_t len);
uint8_t take_u8(struct dec *r);
uint16_t take_u16(struct dec *r);
uint32_t take_u32(struct dec *r);
uint64_t take_u64(struct dec *r);
void take_copy(struct dec *r, void *out, size_t len); /* zeroes out on overrun */
const uint8_t *take_bytes(struct dec *r, size_t len); /* into the data; NULL on overrun */
void take_str8(struct dec *r, char *out, size_t cap); /* NUL-terminated; a NUL inside fails */
/* True when nothing overran and every byte was taken. */
bool dec_done(const struct dec *r);

#endif
