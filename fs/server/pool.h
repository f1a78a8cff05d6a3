/* SPDX-License-Identifier: ISC */
/*
 * pool - locked buffers for plaintext, without the cost of an allocation each.
 *
 * Small sizes share slabs of locked memory, large ones have one each.  A buffer is wiped when it
 * is put back.  One empty slab per size class is kept, the others are given back to the system.
 * Not thread-safe: it belongs to the serving thread.
 */
#ifndef POOL_H
#define POOL_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct pool;
struct pool_slab;

struct pool_buffer {
	uint8_t *data; /* locked; len bytes */
	size_t len;    /* as asked for: no more of it is wiped, so no more may be written */
	struct pool_slab *slab; /* for pool.c */
};

WUR int pool_open(struct pool **out);
void pool_close(struct pool *p); /* wipes all; no buffer may be in use after; NULL is fine */

/* len is at most SECRET_MAX + 1.  ERR_MLOCK, ERR_NOMEM; ERR_TOOBIG. */
WUR int pool_get(struct pool *p, size_t len, struct pool_buffer *out);
void pool_put(struct pool *p, struct pool_buffer *b);

/* Bytes of locked memory held, slack included. */
size_t pool_locked(const struct pool *p);

#endif
