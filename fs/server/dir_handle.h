/* SPDX-License-Identifier: ISC */
/*
 * dir_handle - opened directories: each holds on to the view it was opened in, so that one pass sees
 * one state.
 *
 * A handle is the id of the request that opened it, and positions are node ids: a successor of this
 * process gives out no handle twice, and goes on with a listing it does not know in its own view.
 * A listing that is DIR_HANDLE_VIEWS views behind is moved to the newest, so that what an idle reader
 * keeps alive is bounded.  Not thread-safe: it belongs to the serving thread.
 */
#ifndef DIR_HANDLE_H
#define DIR_HANDLE_H

#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "view.h"

#define DIR_HANDLE_VIEWS 8

struct dir_handles;

WUR int listings_open(struct dir_handles **out);
void listings_close(struct dir_handles *l); /* NULL is fine */
/* A new view is served. */
void listings_adopt(struct dir_handles *l, struct view *v);

/* handle is not in use.  ERR_NOMEM. */
WUR int dir_handle_open(struct dir_handles *l, uint64_t handle, uid_t uid, struct view *v);
/* The view of a handle, borrowed until the next call; a handle that is not known gets v. */
struct view *dir_handle_view(struct dir_handles *l, uint64_t handle, struct view *v);
/* Start over: the handle holds on to v from now on. */
void dir_handle_rewind(struct dir_handles *l, uint64_t handle, struct view *v);
/* The uid it was opened for; fallback when the handle is not known. */
uid_t dir_handle_owner(struct dir_handles *l, uint64_t handle, uid_t fallback);
/* The uid it was opened for.  ERR_NOENT. */
WUR int dir_handle_release(struct dir_handles *l, uint64_t handle, uid_t *uid);

#endif
