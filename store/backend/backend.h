/* SPDX-License-Identifier: ISC */
/*
 * backend - where the bytes of a store lie, as six verbs.
 *
 * Keys are "refs/<hex>" and "objects/<hex>/<hex>".  A backend knows nothing of keys, sealing or
 * freshness; whatever it returns is verified by its caller.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "blob.h"
#include "err.h"

struct backend;

struct backend_item { /* one object to put */
	const char *key;
	const uint8_t *data;
	size_t len;
};

/* get: */
#define BACKEND_DURABLE 1 /* what is returned survives a power cut */
#define BACKEND_SIZE 2	  /* out->len alone is wanted: no byte is read, out->data is NULL */

struct backend_ops {
	/* At most cap bytes (ERR_TOOBIG), whole or not at all.  ERR_NOENT, ERR_IO, ERR_AUTH when the
	 * thing there is no plain file (a FIFO, a link). */
	int (*get)(struct backend *b, const char *key, size_t cap, int flags, struct blob *out);
	/* All durable on return.  ERR_EXIST if a key is taken.  On error some may be there; they are
	 * strays. */
	int (*put)(struct backend *b, const struct backend_item *items, size_t n);
	/* Replace the value of key if it still equals old (NULL: is absent).  ERR_CONFLICT.
	 * ERR_UNKNOWN when it is written but perhaps not durable, or when nobody can tell whether it
	 * is written (a lost reply): what the new value leads to must stay.  Any other error: it is
	 * not written, nor ever will be by this call. */
	int (*swap)(struct backend *b, const char *key, const struct blob *old,
		    const struct blob *new);
	/* Call fn for every key below prefix ("refs", "objects/<hex>"), no order; stop when it returns
	 * nonzero and return that. */
	int (*list)(struct backend *b, const char *prefix, int (*fn)(void *arg, const char *key),
		    void *arg);
	/* 0 also when it was not there. */
	int (*delete)(struct backend *b, const char *key);
	/* A descriptor, owned by the backend, that polls readable when any ref may have changed;
	 * reading it empty is watch_clear's job.  -1 descriptors are never returned. */
	int (*watch)(struct backend *b, int *fd);
	void (*watch_clear)(struct backend *b);
	void (*close)(struct backend *b);
};

struct backend {
	const struct backend_ops *ops;
};

#define BACKEND_KEY_SIZE 160

/* A directory.  create: make the layout if it is not there.  */
WUR int backend_dir_open(const char *path, int create, struct backend **out);

static inline void backend_close(struct backend *b)
{
	if (b)
		b->ops->close(b);
}
static inline void backend_cleanup(struct backend **b)
{
	backend_close(*b);
}
#define BACKEND_CLEANUP __attribute__((cleanup(backend_cleanup)))

/* "refs/<scope_id>" and "objects/<scope_id>/<id>" in hex; out holds BACKEND_KEY_SIZE. */
void backend_ref_key(const uint8_t scope_id[static 16], char *out);
void backend_object_key(const uint8_t scope_id[static 16], const uint8_t id[static 32], char *out);

#endif
