/* SPDX-License-Identifier: ISC */
/*
 * pagecache - with -o cache: the inodes whose values the kernel may hold in its page cache, and since
 * when nobody has opened them, so that they are dropped a while after the last open.
 *
 * Bounded: what it has no room for is not to be kept by the kernel.  Not thread-safe: it belongs to
 * the serving thread.
 */
#ifndef PAGECACHE_H
#define PAGECACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "inval.h"
#include "shm.h"

struct pagecache;

/* seconds: how long after the last open.  Which inodes they are lies in shared memory: what a
 * predecessor let the kernel keep is over at once. */
WUR int pagecache_open(struct shm *s, unsigned seconds, struct pagecache **out);

/* node is being opened.  False: the kernel must not keep its pages. */
bool pagecache_use(struct pagecache *c, uint64_t node);
/* Is it kept?  False when c is NULL. */
bool pagecache_has(const struct pagecache *c, uint64_t node);
/* True when it was: its pages are to be dropped now. */
bool pagecache_forget(struct pagecache *c, uint64_t node);
/* Add what is over to l.  Milliseconds until the next is, or -1 (also when c is NULL). */
int pagecache_expire(struct pagecache *c, struct inval_list *l);

#endif
