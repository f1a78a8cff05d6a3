/* SPDX-License-Identifier: ISC */
/*
 * cached - with -o cache: the inodes whose values the kernel may hold in its page cache, and since
 * when nobody has opened them, so that they are dropped a while after the last open.
 *
 * Bounded: what it has no room for is not to be kept by the kernel.  Not thread-safe: it belongs to
 * the serving thread.
 */
#ifndef CACHED_H
#define CACHED_H

#include <stdbool.h>
#include <stdint.h>

#include "notify.h"
#include "shared.h"

struct cached;

/* seconds: how long after the last open.  Which inodes they are lies in shared memory: what a
 * predecessor let the kernel keep is over at once. */
WUR int cached_open(struct shared *s, unsigned seconds, struct cached **out);

/* node is being opened.  False: the kernel must not keep its pages. */
bool cached_use(struct cached *c, uint64_t node);
/* Is it kept?  False when c is NULL. */
bool cached_has(const struct cached *c, uint64_t node);
/* True when it was: its pages are to be dropped now. */
bool cached_forget(struct cached *c, uint64_t node);
/* Add what is over to l.  Milliseconds until the next is, or -1 (also when c is NULL). */
int cached_expire(struct cached *c, struct notify_list *l);

#endif
