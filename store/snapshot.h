/* SPDX-License-Identifier: ISC */
/*
 * snapshot - one scope as of one commit, verified.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "commit.h"
#include "floor.h"
#include "page.h"

struct page {
	unsigned refs;
	uint8_t id[HASH_SIZE];
	struct blob body; /* page_check has passed; walk it with page_walk */
	char last[NAME_SIZE];
};

struct snapshot {
	struct commit commit;
	struct page **pages; /* commit.npages of them; NULL until loaded */
	struct blob ref;     /* the ref as stored, for the swap of a writer */
};

/*
 * Read the ref, its commit, check them against floor (NULL: none).  No page is read yet.
 * ERR_NOENT: the scope is not in the store; for a mount, which never goes on without.
 */
WUR int snapshot_open(struct backend *b, struct keyring *k, const struct floor *floor,
		      struct snapshot **out);
/*
 * The same for whoever goes on where nothing was ever stored: ERR_NOENT means that.  A scope that
 * was there and is gone is ERR_STALE, by the floor or by the commits it has left behind.
 */
WUR int snapshot_open_judged(struct backend *b, struct keyring *k, const struct floor *floor,
			     struct snapshot **out);
/* As of an older commit, by its id.  Verified like any, but nothing says that it was ever the newest. */
WUR int snapshot_at(struct backend *b, struct keyring *k, const uint8_t id[static HASH_SIZE],
		    struct snapshot **out);
void snapshot_close(struct snapshot *s); /* NULL is fine */

/* Page i, loaded on first use; borrowed from the snapshot. */
WUR int snapshot_page(struct backend *b, struct keyring *k, struct snapshot *s, size_t i,
		      const struct page **out);
/* Load every page; those that prev (may be NULL) has too are shared, not read again, but judged
 * between their new neighbours as if they were. */
WUR int snapshot_load(struct backend *b, struct keyring *k, struct snapshot *s,
		      const struct snapshot *prev);
/* Every newest value that s names and prev (may be NULL) does not is there, whole as far as its size
 * tells.  ERR_INCOMPLETE; ERR_AUTH. */
WUR int snapshot_complete(struct backend *b, struct keyring *k, struct snapshot *s,
			  const struct snapshot *prev);
/* The record of that name.  ERR_NOENT. */
WUR int snapshot_find(struct backend *b, struct keyring *k, struct snapshot *s, const char *name,
		      struct record *out);
/* Call fn for every record in order; stop when it returns nonzero and return that. */
WUR int snapshot_each(struct backend *b, struct keyring *k, struct snapshot *s,
		      int (*fn)(void *arg, const struct record *rec), void *arg);

static inline void snapshot_cleanup(struct snapshot **s)
{
	snapshot_close(*s);
}
#define SNAPSHOT_CLEANUP __attribute__((cleanup(snapshot_cleanup)))

#endif
