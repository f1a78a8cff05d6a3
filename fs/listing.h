/* SPDX-License-Identifier: ISC */
/*
 * listing - opened directories: each holds on to the view it was opened in, so that one pass sees
 * one state.
 *
 * A handle is the id of the request that opened it, and positions are node ids: a successor of this
 * process gives out no handle twice, and goes on with a listing it does not know in its own view.
 * A listing that is LISTING_VIEWS views behind is moved to the newest, so that what an idle reader
 * keeps alive is bounded.  Not thread-safe: it belongs to the serving thread.
 */
#ifndef LISTING_H
#define LISTING_H

#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "view.h"

#define LISTING_VIEWS 8

struct listings;

WUR int listings_open(struct listings **out);
void listings_close(struct listings *l); /* NULL is fine */
/* A new view is served. */
void listings_adopt(struct listings *l, struct view *v);

/* handle is not in use.  ERR_NOMEM. */
WUR int listing_open(struct listings *l, uint64_t handle, uid_t uid, struct view *v);
/* The view of a handle, borrowed until the next call; a handle that is not known gets v. */
struct view *listing_view(struct listings *l, uint64_t handle, struct view *v);
/* Start over: the handle holds on to v from now on. */
void listing_rewind(struct listings *l, uint64_t handle, struct view *v);
/* The uid it was opened for.  ERR_NOENT. */
WUR int listing_release(struct listings *l, uint64_t handle, uid_t *uid);

#endif
