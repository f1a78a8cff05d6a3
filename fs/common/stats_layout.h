/* SPDX-License-Identifier: ISC */
/*
 * stats_layout - what a server tells about itself, as it lies in the memory that it shares with the
 * supervisor (shm.h): the scopes it shows, what went wrong last, counters.  No key, no value, no name of
 * a secret but in an alarm, which the log has too.
 *
 * The server writes it, by stats.h, with plain stores; the supervisor reads, and trusts none of it.
 */
#ifndef STATS_LAYOUT_H
#define STATS_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

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

#endif
