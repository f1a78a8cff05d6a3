/* SPDX-License-Identifier: ISC */
/*
 * archive_item - one message of an archive as bytes, but for its end (archive.h).
 */
#ifndef ARCHIVE_ITEM_H
#define ARCHIVE_ITEM_H

#include "blob.h"
#include "page.h"
#include "scope.h"
#include "secret.h"

enum archive_what {
	ARCHIVE_DECLARED = 1,
	ARCHIVE_SCOPE = 2,
	ARCHIVE_SECRET = 3,
	ARCHIVE_VERSION = 4,
	ARCHIVE_END = 5,
};

struct archive_item {
	enum archive_what what;
	struct scope scope;	/* DECLARED, SCOPE */
	struct record secret;	/* SECRET: name, type, env, expires, created, nversions */
	struct version version; /* VERSION: time, writer, len */
	uint8_t from[32];	/* END: the public key of the root that signed it all */
	struct secret *value;	/* VERSION: when written, borrowed; when read, the caller's */
};

/* w->failed: it does not fit. */
void archive_item_put(struct enc *w, const struct archive_item *item);
/* What follows item->what, which is taken already; the caller frees item->value, and looks whether r
 * overran or has bytes left.  ERR_AUTH, or an error of memory. */
WUR int archive_item_take(struct dec *r, struct archive_item *item);

#endif
