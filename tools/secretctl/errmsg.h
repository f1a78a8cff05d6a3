/* SPDX-License-Identifier: ISC */
/*
 * errmsg - the one place where an error of the store becomes words: the thing, the scope, the next
 * step. Nothing here ever sees a value.
 */
#ifndef ERRMSG_H
#define ERRMSG_H

#include "command.h"
#include "policy.h"
#include "scope.h"

/* What was being done when the library failed; what is NULL is left out. */
struct errmsg {
	const char *doing; /* "create secret" */
	const char *name;  /* "KEY" */
	const struct scope *scope;
	const char *path; /* of a file */
};

/* Says it and returns STATUS_FAILED. errno counts for ERR_IO, so call it at once. */
int errmsg_fail(const struct errmsg *w, int r);
/*
 * What is wrong with the policy at path: "PATH:LINE: REASON", whatever kind of error it is. r counts
 * where the library gave no reason.
 */
#define ERRMSG_POLICY 4400
const char *errmsg_policy(const char *path, const struct policy_error *e, int r,
			  char out[ERRMSG_POLICY]);
/* The scope as flags: "", " -p P", " -d D", " -p P -d D". */
#define ERRMSG_FLAGS (2 * SCOPE_PART_MAX + 16)
const char *errmsg_flags(const struct scope *s, char out[ERRMSG_FLAGS]);

#endif
