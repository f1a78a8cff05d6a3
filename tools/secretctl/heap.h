/* SPDX-License-Identifier: ISC */
/*
 * heap - the heap of the libraries that values pass through, jansson and libyaml: what is freed is wiped,
 * and between heap_lock and the end of the process all of it is locked memory.
 */
#ifndef HEAP_H
#define HEAP_H

#include <stddef.h>

/* From here on, memory is locked; NULL when it cannot be, as without memory. */
void heap_lock(void);
/* NULL was returned for want of locked memory. */
int heap_failed(void);

void *heap_alloc(size_t size);
void heap_free(void *p); /* NULL is fine */

#endif
