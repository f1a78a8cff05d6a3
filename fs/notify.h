/* SPDX-License-Identifier: ISC */
/*
 * notify - tells the kernel what it must forget, from a thread of its own.
 *
 * Dropping an entry waits for its directory's lock, and dropping pages for the pages' locks; a
 * request in flight may hold either, and it is answered by the serving thread.  So neither that
 * thread nor one that it waits for may do this.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct fuse_session;
struct notify;

struct notify_list { /* things to forget, in order; zeroed = empty */
	struct notify_item *first, *last;
};

/* Add to a list; ERR_NOMEM. */
WUR int notify_add_entry(struct notify_list *l, uint64_t parent, const char *name);
WUR int notify_add_pages(struct notify_list *l, uint64_t ino);
WUR int notify_add_attr(struct notify_list *l, uint64_t ino);
void notify_list_free(struct notify_list *l);

WUR int notify_start(struct fuse_session *se, struct notify **out);
/* Takes the list's items over. */
void notify_send(struct notify *n, struct notify_list *l);
/*
 * The end comes in two steps, since a notification under way may wait for an answer: notify_end drops
 * what is not sent yet, then requests have to be answered until notify_ended.  Once the mount is gone
 * notify_stop does it all.  NULL is fine for it.
 */
void notify_end(struct notify *n);
bool notify_ended(struct notify *n);
void notify_stop(struct notify *n);

/* Forget an inode's attributes, here and now.  Takes no lock that a request may hold
 * (fs/fuse/inode.c, fuse_reverse_inval_inode with a negative offset): any thread may call it. */
void notify_attr_now(struct fuse_session *se, uint64_t ino);

#endif
