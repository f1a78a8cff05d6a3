/* SPDX-License-Identifier: ISC */
/*
 * settle - writing over a network, where an answer may get lost: what was asked for may have been
 * done or not.  It is asked again until it is known; a delayed first request cannot do harm, since
 * only one of several swaps from the same old value can succeed, and what is put is immutable.
 *
 * After an answer was lost, a value found that is the new one is taken for ours: sealed under fresh
 * random nonces, no two writers ever write the same.
 */
#ifndef SETTLE_H
#define SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"

#define SETTLE_SECONDS 15

/* How one attempt of a swap went. */
enum settle_end {
	SETTLE_DONE,
	SETTLE_REFUSED,	 /* the value is another than old; it is in *now, or *absent */
	SETTLE_NOT_DONE, /* worth another try */
	SETTLE_LOST,	 /* no answer: done or not */
	SETTLE_FAILED,	 /* for good; errno tells why */
};

struct settle_swap {
	struct backend *b;
	const char *key;
	const struct blob *old; /* NULL: absent */
	const struct blob *new;
	enum settle_end (*attempt)(const struct settle_swap *s, struct blob *now);
};

/* ERR_CONFLICT; ERR_IO: not done; ERR_UNKNOWN: perhaps done. */
WUR int settle_swap(const struct settle_swap *s);

/* What an engine takes at once. */
struct settle_limits {
	size_t items, bytes;
	size_t overhead; /* bytes an item costs beside its data */
};

struct settle_put {
	struct backend *b;
	const struct backend_item *items;
	size_t n;
	/* These items, all or none.  SETTLE_REFUSED: a key is taken. */
	enum settle_end (*attempt)(const struct settle_put *s);
};

/* In as many attempts as the limits ask for.  ERR_EXIST; ERR_IO: some may be there all the same, as
 * strays. */
WUR int settle_put(const struct settle_put *s, const struct settle_limits *most);

/* For everything that may be asked any number of times: pauses before try number n, false when the
 * time since *begun (ms, 0: now) is over. */
bool settle_again(int64_t *begun, unsigned n);

#endif
