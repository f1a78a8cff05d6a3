/* SPDX-License-Identifier: ISC */
/*
 * deleted - a secret that the newest state has no more, as it last stood.
 *
 * What a commit stops naming stays in the store for a day, and until the first change of the scope
 * after it.  Library errors.
 */
#ifndef DELETED_H
#define DELETED_H

#include "ctx.h"

/*
 * The record, with those of its versions whose values are still there.  by: the commit that deleted
 * it, without its lists; initialised by the caller, who ends it.  ERR_NOENT: nothing of it is there.
 */
WUR int deleted_find(struct ctx *s, struct scope_ctx *p, const struct snapshot *newest,
		     const char *name, struct record *out, struct commit *by);
/*
 * Every value out of the store that a secret of that name has had, as far back as any can be there.
 * *found is how many there were.  newest has no such secret.
 */
WUR int deleted_purge(struct ctx *s, struct scope_ctx *p, struct snapshot *newest, const char *name,
		      size_t *found);

#endif
