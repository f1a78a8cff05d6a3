/* SPDX-License-Identifier: ISC */
/*
 * inval - tells the kernel what it must forget.
 *
 * Dropping an entry waits for its directory's lock, and dropping pages for the pages' locks; a
 * request in flight may hold either, it is answered by the server, and the wait cannot be
 * interrupted, not even by SIGKILL.  So the helper does that, which serves nothing: a server that
 * waited there could neither answer nor die and be replaced.  A thread waits for room in the
 * channel to the helper.
 *
 * Pages that nobody holds any more are plaintext: which they are lies in the memory that outlives a
 * server until the helper has been told, and a successor tells it what its predecessor did not.
 */
#ifndef INVAL_H
#define INVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct fuse_session;
struct inval;
struct shm;

struct inval_list { /* things to forget, in order; zeroed = empty */
	struct inval_item *first, *last;
};

/* Add to a list; ERR_NOMEM. */
WUR int inval_add_entry(struct inval_list *l, uint64_t parent, const char *name);
WUR int inval_add_pages(struct inval_list *l, uint64_t ino);
WUR int inval_add_attr(struct inval_list *l, uint64_t ino);
void inval_list_free(struct inval_list *l);

/* helper: the channel to it.  Begins with what a predecessor left. */
WUR int inval_start(int helper, struct shm *shm, struct inval **out);
/* Takes the list's items over. */
void inval_send(struct inval *n, struct inval_list *l);

/* To be called by the serving thread before it forgets that there are pages of ino; inval_add_pages and
 * inval_send come after, or inval_keep when they are to stay. */
void inval_remember(struct shm *s, uint64_t ino);
void inval_keep(struct shm *s, uint64_t ino);
/* Is there so much to be dropped that nothing more should be kept in pages? */
bool inval_behind(const struct shm *s);

/* Forget an inode's attributes, here and now.  Takes no lock that a request may hold
 * (fs/fuse/inode.c, fuse_reverse_inval_inode with a negative offset): any thread may call it. */
void inval_attr_now(struct fuse_session *se, uint64_t ino);

#endif
