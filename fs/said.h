/* SPDX-License-Identifier: ISC */
/*
 * said - what has been logged about secrets that cannot be read, so that it is logged once and not
 * at each attempt.
 */
#ifndef SAID_H
#define SAID_H

#include <stdbool.h>
#include <stdint.h>

#define SAID_ROWS 64u

struct said { /* zeroed = nothing */
	unsigned used, next;
	struct {
		uint64_t ino;
		int error;
	} rows[SAID_ROWS];
};

/* Was that said of it before?  From now on it was. */
bool said_before(struct said *s, uint64_t ino, int error);
/* It can be read. */
void said_forget(struct said *s, uint64_t ino);

#endif
