/* SPDX-License-Identifier: ISC */
/*
 * secret_lookup - where run and watch find secrets: the mount, if there is one; --bundle; or the root key,
 * in the scopes that a mount of -p and -d shows.
 */
#ifndef SECRET_LOOKUP_H
#define SECRET_LOOKUP_H

#include "ctx.h"

struct secret_lookup {
	struct ctx s;
	struct bundle *bundle;
	char *mount;			       /* there; else by keys: */
	struct scope_ctx places[SCOPE_LEVELS]; /* most specific first */
	struct snapshot *snaps[SCOPE_LEVELS];
	size_t nplaces;
};

/* Exit status; close it in any case. */
int secret_lookup_open(struct call *c, struct secret_lookup *x);
void secret_lookup_close(struct secret_lookup *x);

/* Take up the newest state of every scope. A library error; *at: the place at fault. */
WUR int secret_lookup_refresh(struct secret_lookup *x, size_t *at);

/* By keys: the secret that a mount shows under that name, and its place. ERR_NOENT: it shows none. */
WUR int secret_lookup_find(struct secret_lookup *x, const char *name, struct record *rec,
			   size_t *at);

#endif
