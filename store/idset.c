/* SPDX-License-Identifier: ISC */
#include "idset.h"

#include <stdlib.h>
#include <string.h>

int idset_add(struct idset *set, const uint8_t id[static HASH_SIZE])
{
	if (set->n == set->cap) {
		size_t cap = set->cap ? 2 * set->cap : 64;
		void *p = realloc(set->ids, cap * HASH_SIZE);

		if (!p)
			return ERR_NOMEM;
		set->ids = p;
		set->cap = cap;
	}
	memcpy(set->ids[set->n++], id, HASH_SIZE);
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, HASH_SIZE);
}

void idset_sort(struct idset *set)
{
	if (set->n)
		qsort(set->ids, set->n, HASH_SIZE, by_bytes);
}

bool idset_has(const struct idset *set, const uint8_t id[static HASH_SIZE])
{
	return set->n && bsearch(id, set->ids, set->n, HASH_SIZE, by_bytes);
}

void idset_free(struct idset *set)
{
	free(set->ids);
	*set = (struct idset){0};
}
