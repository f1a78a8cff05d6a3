/* SPDX-License-Identifier: ISC */
/*
 * merge - a page's records and sorted changes to them become the records of its successors.
 */
#ifndef MERGE_H
#define MERGE_H

#include "page.h"

struct merge_out { /* records in order, raw */
	struct enc raw;
	size_t *starts; /* offset of each record */
	size_t n, cap;
};

void merge_fini(struct merge_out *m);

/* Append a raw record. */
WUR int merge_add(struct merge_out *m, const uint8_t *raw, size_t len);

/* The name of record i into out, NAME_SIZE bytes. */
void merge_name(const struct merge_out *m, size_t i, char *out);

/*
 * The end of the page that starts with record i: the records i..end-1 fit it.  Everything goes in
 * one page if it can; else pages are filled alike, with room to grow.
 */
size_t merge_cut(const struct merge_out *m, size_t i);

/* The bytes of records i..end-1. */
struct blob merge_slice(const struct merge_out *m, size_t i, size_t end);

#endif
