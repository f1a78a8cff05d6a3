/* SPDX-License-Identifier: ISC */
/*
 * pick - which secrets of a scope are meant by names and groups: "NAME", and "GROUP/" for all below it.
 */
#ifndef PICK_H
#define PICK_H

#include <stdbool.h>

#include "ctx.h"
#include "name.h"

struct pick {
	char (*names)
		[NAME_SIZE]; /* as they are stored, each once, in the store's order within a group */
	size_t n;
	bool groups; /* a group was among them: not all were named */
};

/* "web/", "web/v1/": with a name behind it, it is a secret's. */
bool pick_is_group(const char *arg);

/* All of them are there, or it says which is not. Exit status. */
int pick_find(struct ctx *s, struct scope_ctx *p, char *const *args, size_t nargs,
	      struct pick *out);
void pick_fini(struct pick *x);
#define PICK_CLEANUP __attribute__((cleanup(pick_fini)))

#endif
