/* SPDX-License-Identifier: ISC */
/*
 * memory - a backend in memory: what an adversary does to a store is one assignment here, and a
 * thousand commits need no disk.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "backend.h"

struct backend *memory_new(void);		      /* empty; backend_close frees it */
struct backend *memory_copy(const struct backend *b); /* of a memory backend */
/* Back to what other holds; both of memory. */
void memory_restore(struct backend *b, const struct backend *other);

size_t memory_count(const struct backend *b);
const char *memory_key(const struct backend *b, size_t i);
/* The bytes of key, to be altered in place at will; NULL. */
struct blob *memory_find(struct backend *b, const char *key);
void memory_set(struct backend *b, const char *key, const uint8_t *data, size_t len);
void memory_remove(struct backend *b, const char *key);

/* Was key read since memory_forget? */
bool memory_was_read(const struct backend *b, const char *key);
void memory_forget(struct backend *b);

/*
 * Let the nth call (from 1) of put, swap or delete fail with error, a put after half of its items
 * and with all later calls failing too, as when the disk is gone; 0: never.
 */
void memory_fail(struct backend *b, size_t nth, int error);
bool memory_failed(const struct backend *b); /* it came to that */

#endif
