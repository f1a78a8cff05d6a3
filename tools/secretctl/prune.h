/* SPDX-License-Identifier: ISC */
/*
 * prune - when each stray was first seen, so that none is deleted that a writer has put and will
 * name in a moment.
 *
 * STATE/<store id>/strays, mode 0600: a line for each, "<seconds since 1970> objects/<scope>/<id>".
 * Lines that are not so are dropped.
 */
#ifndef PRUNE_H
#define PRUNE_H

#include "backend.h"
#include "keys.h"

struct prune_stray {
	char key[BACKEND_KEY_SIZE];
	uint64_t first; /* when a check first saw it, seconds */
	bool now;	/* this one did too */
};

struct prune {
	char *path;
	struct prune_stray *v;
	size_t n, sorted, cap; /* the first `sorted` are those of the file, in order */
	bool changed;
};

/* Read what earlier checks saw. A library error; a missing file is an empty one. */
WUR int prune_open(struct prune *p, const char *state_dir,
		   const uint8_t store_id[static STORE_ID_SIZE]);
/* A stray that is there now; ERR_NOMEM. */
WUR int prune_see(struct prune *p, const char *key, uint64_t now);
/* All strays below prefix have been seen: what else is known there is one no more. */
void prune_settle(struct prune *p, const char *prefix);
/* Write it. A library error. */
WUR int prune_save(struct prune *p);
void prune_close(struct prune *p);

#endif
