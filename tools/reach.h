/* SPDX-License-Identifier: ISC */
/*
 * reach - where run and watch find secrets: the mount, if there is one; --bundle; or the root key,
 * in the scopes that a mount of -p and -d shows.
 */
#ifndef REACH_H
#define REACH_H

#include "session.h"

struct reach {
	struct session s;
	struct bundle *bundle;
	char *mount;			   /* there; else by keys: */
	struct place places[SCOPE_LEVELS]; /* most specific first */
	struct snapshot *snaps[SCOPE_LEVELS];
	size_t nplaces;
};

/* Exit status; close it in any case. */
int reach_open(struct call *c, struct reach *x);
void reach_close(struct reach *x);

/* Take up the newest state of every scope. A library error; *at: the place at fault. */
WUR int reach_refresh(struct reach *x, size_t *at);

/* By keys: the most specific secret of that name and its place. ERR_NOENT. */
WUR int reach_find(struct reach *x, const char *name, struct record *rec, size_t *at);

#endif
