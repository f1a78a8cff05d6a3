/* SPDX-License-Identifier: ISC */
/*
 * complete_names - the names that are stored, declared and kept here, for completion: from whatever
 * is at hand without asking. What cannot be read is left out in silence.
 */
#ifndef COMPLETE_NAMES_H
#define COMPLETE_NAMES_H

#include "ctx.h"

/* Flags as they stand on the command line so far; NULL: not given. */
struct complete_names {
	struct ctx *s;
	const char *project, *domain, *bundle, *writer;
};

/* Of exactly the scope, or, seen, of all that a mount of it shows. */
void complete_names_secrets(const struct complete_names *n, bool seen,
			    void (*fn)(void *arg, const char *name), void *arg);
void complete_names_declared(const struct complete_names *n, bool projects,
			     void (*fn)(void *arg, const char *name), void *arg);
void complete_names_bundles(const struct complete_names *n, void (*fn)(void *arg, const char *name),
			    void *arg);
void complete_names_writers(const struct complete_names *n, void (*fn)(void *arg, const char *name),
			    void *arg);
void complete_names_mounts(const struct complete_names *n, void (*fn)(void *arg, const char *name),
			   void *arg);

#endif
