/* SPDX-License-Identifier: ISC */
/*
 * fetch - what the serving thread needs from outside to answer a request: an object of the store, the
 * groups of the caller.  A worker gets it; the request is parked meanwhile, and gives up when the
 * deadline is over, whatever becomes of the worker.
 *
 * What several requests wait for is fetched once.  A worker sees sealed bytes and numbers of groups,
 * never a key or a value.
 *
 * The store's workers and those for /proc are not the same: either may hang.
 */
#ifndef FETCH_H
#define FETCH_H

#include "backend.h"
#include "keys.h"
#include "worker.h"

#define FETCH_SECONDS 5 /* that a request waits at most */
#define FETCH_GROUPS_MAX 1024

struct fetcher;

struct fetch {
	struct job job;
	bool done; /* what follows is there */
	int error; /* of store/; for groups: not 0, they are not to be known */
	int saved_errno;
	struct blob sealed; /* an object, its hash checked */
	int ngroups;	    /* more than FETCH_GROUPS_MAX: that many at least */
	gid_t *groups;
	/* fetch.c's */
	struct fetch *next;
	unsigned waiters;
	int64_t since;
	struct backend *backend;
	const struct keyring *ring; /* NULL: groups */
	uint8_t id[HASH_SIZE];
	int proc;
	pid_t pid;
};

/* proc: of a procfs, O_PATH; the caller's. */
WUR int fetcher_open(int proc, struct fetcher **out);
/* Poll readable when something is there: then fetcher_take. */
int fetcher_store_fd(const struct fetcher *f);
int fetcher_proc_fd(const struct fetcher *f);
void fetcher_take(struct fetcher *f);

/* One that is under way, or a new one; with a reference that fetch_leave gives back.  NULL: no memory. */
struct fetch *fetch_object(struct fetcher *f, uid_t uid, struct backend *b,
			   const struct keyring *ring, const uint8_t id[static HASH_SIZE]);
struct fetch *fetch_groups(struct fetcher *f, uid_t uid, pid_t pid);
bool fetch_is(const struct fetch *t, const struct keyring *ring,
	      const uint8_t id[static HASH_SIZE]);
void fetch_leave(struct fetcher *f, struct fetch *t); /* NULL is fine */

#endif
