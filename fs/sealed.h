/* SPDX-License-Identifier: ISC */
/*
 * sealed - a bounded memory of values that have been opened, still sealed, so that opening one again
 * reads no file and costs one pass of the cipher, and works while the store is away.
 *
 * Hash, signature and agreement are done once for each version.  What is kept is cipher text of
 * this process's own, and its key, wrapped by a key that lies in locked memory.
 * Not thread-safe.
 */
#ifndef SEALED_H
#define SEALED_H

#include <stdbool.h>

#include "backend.h"
#include "keys.h"
#include "page.h"

struct sealed;

struct sealed_source { /* where a version comes from */
	struct backend *backend;
	struct keyring *ring;
	const struct version *version;
	const char *name;
};

/* limit: bytes kept at most. */
WUR int sealed_open(size_t limit, struct sealed **out);
void sealed_close(struct sealed *c); /* NULL is fine */

/* Open a version into locked memory of the caller's, version->len + 1 bytes at least.  Errors as
 * object_fetch and value_open. */
WUR int sealed_unseal(struct sealed *c, const struct sealed_source *src, uint8_t *out);
/* It has been opened and checked before, and is kept at the moment. */
bool sealed_has(struct sealed *c, const struct sealed_source *src);

#endif
