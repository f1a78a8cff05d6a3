/* SPDX-License-Identifier: ISC */
/*
 * batch - secrets gathered for one commit.  Their values lie encrypted in ordinary memory, under a key
 * in locked memory, of which there is little: each is opened when it is sealed for the store.
 */
#ifndef BATCH_H
#define BATCH_H

#include "apply.h"
#include "ctx.h"

struct batch_item {
	char name[NAME_SIZE];
	char env[ENV_NAME_SIZE];
	unsigned set; /* CHANGE_SET_* */
	uint8_t type;
	uint64_t expires, created;
	struct secret value; /* its length; the data are the batch's own, like those of the past */
	struct change_past *past;
	size_t npast;
};

struct batch {
	struct batch_item *items;
	size_t n, cap;
	uint8_t **values; /* nonce | ciphertext, a heap block each */
	size_t nvalues, values_cap;
	struct secret *key;
};

/* An item with that value; it stays where it is until the next one. ERR_NAME, ERR_NOMEM … */
WUR int batch_add(struct batch *b, const char *name, const uint8_t *data, size_t len,
		  struct batch_item **out);
/* An older version of the item added last, older than those before it. */
WUR int batch_add_past(struct batch *b, const uint8_t *data, size_t len, uint64_t time,
		       const uint8_t writer[static WRITER_TAG]);
void batch_fini(struct batch *b);
#define BATCH_CLEANUP __attribute__((cleanup(batch_fini)))

struct batch_counts {
	size_t created, replaced;
};

/*
 * What of it is there already. With names that are there and no replace: says them all and fails.
 * Also refuses two items of one name. Exit status.
 */
int batch_check(struct ctx *s, struct scope_ctx *p, struct batch *b, bool replace,
		struct batch_counts *out);
/* All of it as one commit, or nothing; with a progress bar called what. Exit status. */
int batch_commit(struct ctx *s, struct scope_ctx *p, const struct batch *b, bool replace,
		 const char *what);

#endif
