/* SPDX-License-Identifier: ISC */
/*
 * scopes - every scope there can be, what is declared, and where else a name stands.
 */
#ifndef SCOPES_H
#define SCOPES_H

#include "ctx.h"

/* Calls fn for the organization, every domain, every project, every pair of them. Stops when it
 * returns nonzero and returns that. */
int scopes_each(struct ctx *s, int (*fn)(void *arg, const struct scope *scope), void *arg);
size_t scopes_count(const struct ctx *s);

/* That the scope's project and domain are declared; else, with may_declare, asks on a terminal and
 * declares them, or refuses with the list of what is. */
int scopes_require(struct ctx *s, const struct scope *scope, bool may_declare);

/* Declare in the policy and the registry; either may be NULL. */
int scopes_declare(struct ctx *s, const char *project, const char *domain);

/* Of a name that the scope lacks: says which of its names is near.  Who opens it may list it. */
void scopes_say_nearest(struct ctx *s, struct scope_ctx *p, const char *name);
/* Says in which other scopes the name stands, or that it stands in none. */
void scopes_say_where(struct ctx *s, const struct scope *not_here, const char *name);

/* The newest state and the record of that name, or what is wrong, said. Exit status. */
int scopes_find(struct ctx *s, struct scope_ctx *p, const char *name, struct snapshot **snap,
		struct record *rec);

#endif
