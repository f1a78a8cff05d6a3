/* SPDX-License-Identifier: ISC */
/*
 * hasher - takes the hash of a large object in a thread of its own, since that is half of the work
 * of opening one for the first time.  A small one is hashed by whoever asks.
 *
 * One at a time.  What is hashed is sealed; the thread never sees a key or a value.
 */
#ifndef HASHER_H
#define HASHER_H

#include "blob.h"
#include "keys.h"

#define HASHER_LARGE 65536u

struct hasher;

/* Without a thread, when none is to be had, it works all the same. */
WUR int hasher_open(struct hasher **out);
void hasher_close(struct hasher *h); /* NULL is fine */

/* data stays as it is until hasher_end. */
void hasher_begin(struct hasher *h, const struct blob *data);
void hasher_end(struct hasher *h, uint8_t id[static HASH_SIZE]);

#endif
