/* SPDX-License-Identifier: ISC */
/*
 * wait - until the mounts of this host show what was committed.
 */
#ifndef WAIT_H
#define WAIT_H

#include "ctx.h"

struct wait {
	char name[NAME_SIZE];
	struct scope scope;
	uint8_t store_id[STORE_ID_SIZE];
	uint64_t epoch;	  /* of the commit */
	uint64_t version; /* what it left of the secret; 0: nothing, it is deleted */
	uint64_t expires;
};

/* What a commit made of name, to be waited for. A library error. */
WUR int wait_for(struct ctx *s, struct scope_ctx *p, const char *name, uint64_t epoch,
		 struct wait *out);

/* Wait. Holds no key: call it when the session is closed, since it forks. Exit status. */
int wait_shown(const struct call *c, const struct wait *w);

#endif
