/* SPDX-License-Identifier: ISC */
/*
 * stats - the server keeps what it tells about itself (stats_layout.h).  It goes on counting where a
 * predecessor was killed.
 *
 * An alarm stands until its cause has healed: a store that could not be taken is taken again, an
 * altered value opens, or is not shown any more.
 */
#ifndef STATS_H
#define STATS_H

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"
#include "stats_layout.h"

struct bundle;
struct load_error;
struct policy_error;
struct view;

/* Of this process; what is written before stats_attach is lost. */
extern struct stats *stats_own;

/* To where struct stats begins in shared, a descriptor.  From here on alarms are kept too.  ERR_IO. */
WUR int stats_attach(int shared, off_t at);

/* With the keys of this bundle. */
void stats_serves(const struct bundle *b);
/* Another view is served; first: by a server that has just started. */
void stats_view(const struct view *v, bool first);
void stats_rules(void); /* other rules are */

/* How loading went: NULL: well. */
void stats_store(const struct load_error *e);
void stats_policy(const char *error, unsigned line);
/* How opening a value went. */
void stats_value(uint64_t ino, const uint8_t id[static HASH_SIZE], int err, int store_error);
/* The same of an open(2), by its errno; 0: granted. */
void stats_open(int err);

static inline void stats_count(enum stats_counter c)
{
	_Atomic uint64_t *n = &stats_own->counters[c];

	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

#endif
