/* SPDX-License-Identifier: ISC */
/*
 * archive_item - one message of an archive as bytes, but for its end (archive.h).
 */
#ifndef ARCHIVE_ITEM_H
#define ARCHIVE_ITEM_H

#include "archive.h"
#include "blob.h"

/* w->failed: it does not fit. */
void archive_item_put(struct enc *w, const struct archive_item *item);
/* What follows item->what, which is taken already; the caller frees item->value, and looks whether r
 * overran or has bytes left.  ERR_AUTH, or an error of memory. */
WUR int archive_item_take(struct dec *r, struct archive_item *item);

#endif
