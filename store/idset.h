/* SPDX-License-Identifier: ISC */
/*
 * idset - a growing set of object ids, sorted once and then asked.
 */
#ifndef IDSET_H
#define IDSET_H

#include <stdbool.h>

#include "keys.h"

struct idset {
	uint8_t (*ids)[HASH_SIZE];
	size_t n, cap;
};

WUR int idset_add(struct idset *set, const uint8_t id[static HASH_SIZE]);
void idset_sort(struct idset *set);
bool idset_has(const struct idset *set, const uint8_t id[static HASH_SIZE]); /* it is sorted */
void idset_free(struct idset *set);
#define IDSET_CLEANUP __attribute__((cleanup(idset_free)))

#endif
