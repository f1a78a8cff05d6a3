/* SPDX-License-Identifier: ISC */
/*
 * txn - the optimistic loop behind every write: read, fill the next commit, put its objects,
 * swap the ref; on conflict clean up and start again.  Private to store/.
 */
#ifndef TXN_H
#define TXN_H

#include "change.h"
#include "snapshot.h"

struct pending { /* a sealed object to be put; sealed is freed once it is */
	char key[BACKEND_KEY_SIZE];
	struct blob sealed;
};

struct txn {
	struct backend *b;
	struct keyring *k;
	const struct apply_options *opt; /* never NULL inside a job */
	struct snapshot *tip;		 /* NULL for the first commit of a scope */
	struct commit next;		 /* what is being made; follows tip */
	struct pending *items;		 /* the first `put` of them lie in the backend */
	size_t n, cap, put, bytes, expected;
	uint8_t (*late)[HASH_SIZE]; /* retired, and more than this commit lists */
	size_t nlate;
};

/* What is done between reading the tip and sealing the next commit; again on every conflict. */
struct txn_job {
	/* Change a->next.  *failed is apply_result's. */
	int (*fill)(struct txn *a, void *arg, size_t *failed);
	void *arg;
	size_t expected; /* objects to be put, about; for progress */
};

/* Put a sealed object, id its hash, at the latest before the commit.  Takes sealed over on success. */
WUR int txn_put(struct txn *a, struct blob *sealed, const uint8_t id[static HASH_SIZE]);
/* List id among the objects that a->next no longer names.  What one commit cannot list, further ones
 * do that change nothing else. */
WUR int txn_retire(struct commit *c, const uint8_t id[static HASH_SIZE]);

/* One attempt upon tip, which it takes; ERR_CONFLICT when the ref is not tip->ref (empty: absent). */
WUR int txn_upon(struct backend *b, struct keyring *k, struct snapshot *tip,
		 const struct txn_job *job, struct apply_result *result);
WUR int txn_run(struct backend *b, struct keyring *k, const struct apply_options *opt,
		const struct txn_job *job, struct apply_result *result);
/* Upon no tip: the first commit of a scope, which it takes.  ERR_EXIST when there is one. */
WUR int txn_first(struct backend *b, struct keyring *k, struct commit *first,
		  struct apply_result *result);

#endif
