/* SPDX-License-Identifier: ISC */
/*
 * log_once - what has been logged about secrets that cannot be read, so that it is logged once and not
 * at each attempt.
 */
#ifndef LOG_ONCE_H
#define LOG_ONCE_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_ONCE_ROWS 64u

struct log_once { /* zeroed = nothing */
	unsigned used, next;
	struct {
		uint64_t ino;
		int error;
	} rows[LOG_ONCE_ROWS];
};

/* Was that said of it before?  From now on it was. */
bool log_once_before(struct log_once *s, uint64_t ino, int error);
/* It can be read. */
void log_once_forget(struct log_once *s, uint64_t ino);

#endif
