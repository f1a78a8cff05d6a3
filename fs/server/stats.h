/* SPDX-License-Identifier: ISC */
/*
 * stats - what a server tells about itself: the scopes it shows, what went wrong last, counters.
 * No key, no value, no name of a secret but in an alarm, which the log has too.
 *
 * It lies in the memory that server and supervisor share, and goes on counting where a predecessor was
 * killed.  One process writes, with plain stores; the supervisor reads, and trusts none of it.
 *
 * An alarm stands until its cause has healed: a store that could not be taken is taken again, an
 * altered value opens, or is not shown any more.
 */
#ifndef STATS_H
#define STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "keys.h"
#include "page.h"
#include "scope.h"

#define STATS_TEXT 256
#define STATS_ALTERED 16

enum stats_counter {
	STATS_GRANTED, /* opens */
	STATS_DENIED,
	STATS_FAILED,
	STATS_READS,
	STATS_COUNTERS,
};

struct stats_said { /* the newest is in slot[(count - 1) % 2] */
	_Atomic uint32_t count;
	struct {
		uint64_t time; /* s since 1970 */
		char text[STATS_TEXT];
	} slot[2];
};

struct stats_scope {
	_Atomic uint64_t epoch, time;	     /* of the newest commit; ns */
	_Atomic uint32_t gens[KEYRING_GENS]; /* of the keys that are held; 0: none */
};

struct stats_altered { /* a value that failed authentication */
	uint64_t ino;  /* 0 = free */
	uint8_t id[HASH_SIZE];
};

struct stats {
	char project[SCOPE_PART_MAX + 1], domain[SCOPE_PART_MAX + 1]; /* of the mount */
	uint8_t store_id[STORE_ID_SIZE];
	_Atomic uint32_t levels; /* bits: scopes it shows */
	_Atomic uint32_t secrets;
	struct stats_scope scopes[SCOPE_LEVELS];
	_Atomic uint64_t reloads, reloaded; /* s since 1970: another view or other rules */
	struct stats_said alarm, store, policy;
	_Atomic uint32_t store_fails, store_alarms, policy_fails;
	_Atomic uint32_t naltered;
	struct stats_altered altered[STATS_ALTERED];
	_Atomic uint64_t counters[STATS_COUNTERS];
};

struct bundle;
struct load_error;
struct policy_error;
struct view;

/* Of this process; what is written before stats_attach is lost. */
extern struct stats *stats_own;

/* shared: the descriptor of struct shared.  From here on alarms are kept too.  ERR_IO. */
WUR int stats_attach(int shared);

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
