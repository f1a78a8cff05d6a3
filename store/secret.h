/* SPDX-License-Identifier: ISC */
/*
 * secret - the one type that holds a plaintext value or key.
 *
 * Rules:
 * 1. Memory is from sodium_malloc, checked to be really locked, never swapped, never dumped,
 *    wiped when freed.
 * 2. Only this file allocates it.  Locks do not survive fork: do not fork with a secret alive.
 * 3. It is handed on as const struct secret *, or moved whole.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define SECRET_MAX (1024u * 1024u) /* bytes of a value: 0 to 1 MiB */

struct secret {
	uint8_t *data; /* locked; never NULL */
	size_t len;    /* bytes in use */
	size_t cap;    /* bytes there are */
};

/* Room for cap bytes, len 0.  ERR_MLOCK when it would be unlocked, ERR_NOMEM.  Free with
 * secret_free. */
WUR int secret_alloc(size_t cap, struct secret **out);

/* A copy of the len bytes at data. */
WUR int secret_from(const uint8_t *data, size_t len, struct secret **out);

/* Read fd to its end, at most SECRET_MAX bytes (ERR_TOOBIG beyond).  Blocks as fd does. */
WUR int secret_read(int fd, struct secret **out);

/* The same with another limit.  What is locked is twice of what was read, at most. */
WUR int secret_read_max(int fd, size_t max, struct secret **out);

/* Wipes and frees; NULL is fine. */
void secret_free(struct secret *s);

/* Locked, zeroed memory for a struct that holds keys; free with secret_delete (NULL is fine). */
WUR int secret_new(size_t size, void **out);
void secret_delete(void *p);

static inline void secret_cleanup(struct secret **s)
{
	secret_free(*s);
}
#define SECRET_CLEANUP __attribute__((cleanup(secret_cleanup)))

#endif
