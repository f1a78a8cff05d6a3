/* SPDX-License-Identifier: ISC */
/*
 * bundles - the key files of this host.
 */
#ifndef BUNDLES_H
#define BUNDLES_H

#include "ctx.h"

/* "P+D", or "organization". */
#define BUNDLES_NAME (2 * SCOPE_PART_MAX + 16)
void bundles_name(const struct scope *s, char out[BUNDLES_NAME]);
/* DIR/NAME.bundle, heap. Exit status. */
int bundles_path(const struct ctx *s, const char *name, char **out);
/* Mint a reader bundle and save it there. Exit status. */
int bundles_mint(struct ctx *s, const struct scope *scope, const char *path);
/* Calls fn for each bundle in the directory of bundles, by name; stops when it returns nonzero and
 * returns that. Exit status. */
int bundles_each(const struct ctx *s, int (*fn)(void *arg, const char *name, const char *path),
		 void *arg);
/* That a mount can be made for it: both project and domain, or neither. Exit status. */
int bundles_check_scope(const struct call *c, const struct scope *scope);

#endif
