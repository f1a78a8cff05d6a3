/* SPDX-License-Identifier: ISC */
/*
 * notify - tells the kernel what it must forget.
 *
 * Dropping an entry waits for its directory's lock, and dropping pages for the pages' locks; a
 * request in flight may hold either, it is answered by the server, and the wait cannot be
 * interrupted, not even by SIGKILL.  So the helper does that, which serves nothing: a server that
 * waited there could neither answer nor die and be replaced.  A thread waits for room in the
 * channel to the helper.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stddef.h>
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

/* helper: the channel to it. */
WUR int notify_start(int helper, struct notify **out);
/* Takes the list's items over. */
void notify_send(struct notify *n, struct notify_list *l);

/* Of the helper: do what a message says. */
void notify_do(int fuse_fd, const void *message, size_t len);

/* Forget an inode's attributes, here and now.  Takes no lock that a request may hold
 * (fs/fuse/inode.c, fuse_reverse_inval_inode with a negative offset): any thread may call it. */
void notify_attr_now(struct fuse_session *se, uint64_t ino);

#endif
