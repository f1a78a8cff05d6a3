/* SPDX-License-Identifier: ISC */
/*
 * sealed - a bounded memory of sealed values as read from the store, so that a repeated open reads
 * no file, and what was read once can be opened while the store is away.
 *
 * What it holds is ciphertext whose hash was checked.  Not thread-safe.
 */
#ifndef SEALED_H
#define SEALED_H

#include "backend.h"
#include "keys.h"

struct sealed;

/* limit: bytes kept at most. */
WUR int sealed_open(size_t limit, struct sealed **out);
void sealed_close(struct sealed *c); /* NULL is fine */

/* The bytes of object id, valid until the next call.  Errors as object_fetch. */
WUR int sealed_get(struct sealed *c, struct backend *b, const struct keyring *k,
		   const uint8_t id[static HASH_SIZE], const struct blob **out);

#endif
