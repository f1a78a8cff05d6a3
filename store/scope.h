/* SPDX-License-Identifier: ISC */
/*
 * scope - organization, project, domain, project and domain.
 */
#ifndef SCOPE_H
#define SCOPE_H

#include <stdbool.h>

#include "err.h"

#define SCOPE_PART_MAX 63

enum scope_level { /* ascending: more specific wins */
		   SCOPE_ORGANIZATION = 0,
		   SCOPE_DOMAIN = 1,
		   SCOPE_PROJECT = 2,
		   SCOPE_PROJECT_DOMAIN = 3,
};
#define SCOPE_LEVELS 4

struct scope {
	char project[SCOPE_PART_MAX + 1]; /* lower case; "" = any */
	char domain[SCOPE_PART_MAX + 1];
};

/* Folds and checks; NULL or "" means any.  ERR_NAME. */
WUR int scope_set(struct scope *s, const char *project, const char *domain);
enum scope_level scope_level(const struct scope *s);
bool scope_eq(const struct scope *a, const struct scope *b);

/* The scope of that level that a mount for (s->project, s->domain) shows. */
struct scope scope_at(const struct scope *s, enum scope_level level);

/* "organization", "project P", "domain D", "project P, domain D".  out holds SCOPE_STR. */
#define SCOPE_STR 160
const char *scope_str(const struct scope *s, char out[SCOPE_STR]);
/* "organization", "project", "domain", "project+domain". */
const char *scope_level_str(enum scope_level level);

#endif
