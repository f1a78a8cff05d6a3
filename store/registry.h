/* SPDX-License-Identifier: ISC */
/*
 * registry - the declared projects and domains, so that check, rotate and export know every scope.
 *
 * It is a scope of its own, whose only granted writer is the root, with records "project/P" and
 * "domain/D" of empty value.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "backend.h"
#include "keys.h"

struct registry {
	size_t nprojects, ndomains;
	char (*projects)[SCOPE_PART_MAX + 1]; /* ascending */
	char (*domains)[SCOPE_PART_MAX + 1];
};

/* Make it if it is not there. */
WUR int registry_create(struct backend *b, const struct root_keys *root, const char *state_dir);
WUR int registry_load(struct backend *b, const struct root_keys *root, const char *state_dir,
		      struct registry **out);
void registry_free(struct registry *r);
bool registry_has_project(const struct registry *r, const char *project);
bool registry_has_domain(const struct registry *r, const char *domain);

/* Declare or strike out; names are folded.  Declaring what is there is fine; ERR_NOENT for removing
 * what is not. Either part may be NULL. */
WUR int registry_declare(struct backend *b, const struct root_keys *root, const char *state_dir,
			 const char *project, const char *domain);
WUR int registry_remove(struct backend *b, const struct root_keys *root, const char *state_dir,
			const char *project, const char *domain);

static inline void registry_cleanup(struct registry **r)
{
	registry_free(*r);
}
#define REGISTRY_CLEANUP __attribute__((cleanup(registry_cleanup)))

#endif
