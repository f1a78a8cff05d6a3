/* SPDX-License-Identifier: ISC */
/*
 * words - the one place where an error of the store becomes words: the thing, the scope, the next
 * step. Nothing here ever sees a value.
 */
#ifndef WORDS_H
#define WORDS_H

#include "command.h"
#include "scope.h"

/* What was being done when the library failed; what is NULL is left out. */
struct words {
	const char *doing; /* "create secret" */
	const char *name;  /* "KEY" */
	const struct scope *scope;
	const char *path; /* of a file */
};

/* Says it and returns STATUS_FAILED. errno counts for ERR_IO, so call it at once. */
int words_fail(const struct words *w, int r);
/* The scope as flags: "", " -p P", " -d D", " -p P -d D". */
#define WORDS_FLAGS (2 * SCOPE_PART_MAX + 16)
const char *words_flags(const struct scope *s, char out[WORDS_FLAGS]);

#endif
