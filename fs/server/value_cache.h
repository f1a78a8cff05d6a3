/* SPDX-License-Identifier: ISC */
/*
 * value_cache - a bounded memory of values that have been opened, still sealed, so that opening one again
 * reads no file and costs one pass of the cipher, and works while the store is away.
 *
 * Hash, signature and agreement are done once for each version.  What is kept is cipher text of
 * this process's own, and its key, wrapped by a key that lies in locked memory.
 * Not thread-safe.
 */
#ifndef VALUE_CACHE_H
#define VALUE_CACHE_H

#include <stdbool.h>

#include "backend.h"
#include "keys.h"
#include "page.h"

struct value_cache;

struct value_cache_source { /* where a version comes from */
	struct backend *backend;
	struct keyring *ring;
	const struct version *version;
	const char *name;
	const struct blob *sealed; /* the object, its hash checked; NULL: it is read here */
};

/* limit: bytes kept at most. */
WUR int value_cache_open(size_t limit, struct value_cache **out);
void value_cache_close(struct value_cache *c); /* NULL is fine */

/* Open a version into locked memory of the caller's, version->len + 1 bytes at least.  Errors as
 * object_fetch and value_open. */
WUR int value_cache_unseal(struct value_cache *c, const struct value_cache_source *src,
			   uint8_t *out);
/* It has been opened and checked before, and is kept at the moment. */
bool value_cache_has(struct value_cache *c, const struct value_cache_source *src);

#endif
