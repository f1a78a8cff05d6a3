/* SPDX-License-Identifier: ISC */
/*
 * rewrite - merged records take a page's place in the commit being made.  Private to store/.
 */
#ifndef REWRITE_H
#define REWRITE_H

#include "txn.h"
#include "merge.h"

/* Replace page `at` of a->next (at == npages: add) by the records of m, in as many pages as it
 * takes, none if there are none, and retire the old one.  *made is their number. */
WUR int rewrite_page(struct txn *a, size_t at, const struct merge_out *m, size_t *made);

#endif
