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
#define BLOB_CLEANUP __attribute__((cleanup(blob_free)))

struct writer {
	uint8_t *data;
	size_t len, cap;
	bool failed;
	bool fixed; /* over the caller's memory: never grows, never freed */
};

/* A writer over memory of the caller's, for bytes that must stay in locked memory. */
struct writer writer_over(uint8_t *data, size_t cap);

void put_u8(struct writer *w, uint8_t v);
void put_u16(struct writer *w, uint16_t v);
void put_u32(struct writer *w, uint32_t v);
void put_u64(struct writer *w, uint64_t v);
void put_bytes(struct writer *w, const void *data, size_t len);
void put_str8(struct writer *w, const char *s); /* u8 length, bytes; fails over 255 */
void writer_free(struct writer *w);
#define WRITER_CLEANUP __attribute__((cleanup(writer_free)))

/* Hands the bytes over; w is empty after.  ERR_NOMEM if any put failed. */
WUR int writer_finish(struct writer *w, struct blob *out);

struct reader {
	const uint8_t *p, *end;
	bool failed;
};

struct reader reader_of(const uint8_t *data, size_t len);
uint8_t take_u8(struct reader *r);
uint16_t take_u16(struct reader *r);
uint32_t take_u32(struct reader *r);
uint64_t take_u64(struct reader *r);
void take_copy(struct reader *r, void *out, size_t len); /* zeroes out on overrun */
const uint8_t *take_bytes(struct reader *r, size_t len); /* into the data; NULL on overrun */
void take_str8(struct reader *r, char *out, size_t cap); /* NUL-terminated; a NUL inside fails */
/* True when nothing overran and every byte was taken. */
bool reader_done(const struct reader *r);

#endif
