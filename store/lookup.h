/* SPDX-License-Identifier: ISC */
/*
 * lookup - which scope's secret a name is, for whoever sees several scopes.
 *
 * The rule, for mounts, explain and run alike: at each step of a path the most specific scope that
 * has anything there decides whether it is a secret or a group; the others' secrets are shadowed,
 * and where a secret stands, nothing shows below it.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "name.h"
#include "scope.h"
#include "snapshot.h"

enum lookup_kind { LOOKUP_NONE, LOOKUP_FILE, LOOKUP_GROUP };

/* What each level has at one step of a path (ascending, as enum scope_level): the level that
 * decides, or -1. */
int lookup_decides(const enum lookup_kind kinds[static SCOPE_LEVELS]);

struct lookup {
	const char *name;
	char paths[NAME_DEPTH][NAME_SIZE]; /* a, a/b, a/b/c */
	size_t depth;
	enum lookup_kind kinds[NAME_DEPTH][SCOPE_LEVELS];
	bool there[SCOPE_LEVELS]; /* the level has a secret of the full name: */
	struct record records[SCOPE_LEVELS];
	int wins;      /* level, or -1 */
	int hidden_by; /* with wins -1: the level that has something else at paths[step]; -1: no level
			 * has the name */
	size_t step;
};

/* name has passed name_check and is borrowed. */
void lookup_init(struct lookup *l, const char *name);
/* What s has there, as that level. */
WUR int lookup_add(struct lookup *l, enum scope_level level, struct backend *b, struct keyring *k,
		   struct snapshot *s);
/* When all levels have been added. */
void lookup_judge(struct lookup *l);

#endif
