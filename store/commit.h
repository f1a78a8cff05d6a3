/* SPDX-License-Identifier: ISC */
/*
 * commit - a signed state of one scope.
 *
 * plaintext: u32 length | grant | body | signature[64]
 *	body:   epoch u64, prev[32], jump[32], jump epoch u64, time u64, writer[32], swept u64,
 *		u32 n x (page id[32], u8 length | first name), u32 n x retired id[32]
 *	signature by the writer over "sfs2cmit" | store_id | scope_id | gen | BLAKE2b-256(grant) | body
 *
 * jump points further back than prev, so that any ancestor is reached in O(log n) steps
 * (E. Myers, "An applicative random-access stack", IPL 17(5), 1983).  What a writer says of epochs,
 * jumps, times and retired objects is its word, and proves nothing by itself: see ancestry.h, gc.h.
 */
#ifndef COMMIT_H
#define COMMIT_H

#include "backend.h"
#include "blob.h"
#include "grant.h"
#include "keys.h"
#include "name.h"

/* More would be too much for a daemon to hold, at PAGE_MAX each: 64 MiB. */
#define COMMIT_PAGES_MAX 1024

struct commit_page {
	uint8_t id[HASH_SIZE];
	char *first; /* heap: the first record's name */
};

struct commit {
	uint8_t id[HASH_SIZE]; /* of the sealed object; not part of it */
	uint32_t gen;
	struct grant grant;
	uint64_t epoch;		 /* 1, 2, 3 … */
	uint8_t prev[HASH_SIZE]; /* zero for the first */
	uint8_t jump[HASH_SIZE];
	uint64_t jump_epoch;
	uint64_t time; /* ns since 1970 */
	uint8_t writer[crypto_sign_PUBLICKEYBYTES];
	uint64_t swept; /* retired objects of commits up to this epoch have been seen to */
	size_t npages;
	struct commit_page *pages; /* ascending */
	size_t nretired;
	uint8_t (*retired)[HASH_SIZE]; /* objects this commit stopped naming, at its time */
};

void commit_init(struct commit *c); /* all zero */
void commit_fini(struct commit *c);

/* Sign with the ring's writer key (or root key) and seal under c->gen.  Sets c->id, c->writer. */
WUR int commit_seal(struct keyring *k, struct commit *c, struct blob *sealed);
/* Fetch, open, verify everything that one commit alone can prove.  ERR_AUTH and the like. */
WUR int commit_get(struct backend *b, struct keyring *k, const uint8_t id[static HASH_SIZE],
		   struct commit *out);
/* The same, by somebody who has the grant that it probably carries: verified once is enough. */
WUR int commit_get_known(struct backend *b, struct keyring *k, const uint8_t id[static HASH_SIZE],
			 const struct grant *known, struct commit *out);
/* All of from but its lists, which are empty in to. */
WUR int commit_head(const struct commit *from, struct commit *to);
/*
 * child (initialised) becomes tip's successor: next epoch, prev and jump, later time, the same grant
 * and pages, nothing retired.  The root takes back a time that lies more than a day ahead.  ERR_AUTH:
 * nothing can follow an epoch like that.
 */
WUR int commit_follow(struct backend *b, struct keyring *k, const struct commit *tip,
		      struct commit *child);
/* Root-sign c's grant, which was changed, as one that c brings.  ERR_DENIED without the root key. */
WUR int commit_sign_grant(const struct keyring *k, struct commit *c);
/* The page that holds name, or would: index into pages; 0 when there is none before it. */
size_t commit_page_of(const struct commit *c, const char *name);

/* The ref: the newest commit's id.  raw, when wanted, is the ref as stored, for backend swap. */
WUR int ref_get(struct backend *b, struct keyring *k, int flags, uint8_t id[static HASH_SIZE],
		struct blob *raw);
WUR int ref_seal(struct keyring *k, uint32_t gen, const uint8_t id[static HASH_SIZE],
		 struct blob *out);

static inline void commit_cleanup(struct commit *c)
{
	commit_fini(c);
}
#define COMMIT_CLEANUP __attribute__((cleanup(commit_cleanup)))

#endif
