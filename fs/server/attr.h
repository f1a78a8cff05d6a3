/* SPDX-License-Identifier: ISC */
/*
 * attr - how an entry of the view looks from outside: stat, node ids, extended attributes.
 *
 * The kernel may keep what it is told about an entry spelled as shown, since it is told of every
 * change; nothing else.  A directory reached in another spelling gets a node id of its own (the same
 * but for the upper bits, with VIEW_SPELLED among them): the kernel gives a directory inode one name only, and would rename the
 * one others stand in.
 */
#ifndef ATTR_H
#define ATTR_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>

#include "server.h"

#define ATTR_XATTR_SIZE 256

/*
 * What a node id stands for: a version that is open and no longer its name's stays what it was, as a
 * file does that was replaced or unlinked; any other leads to what the name is now.
 */
struct attr_node {
	const struct view_entry *entry; /* of the name, as of now; NULL: it is gone */
	const struct shm_version
		*held; /* the version that is open; NULL: none, or the name's own */
};
/* False: nothing any more.  Borrows, until anything is opened or closed or another view is served. */
bool attr_find(const struct server *s, fuse_ino_t ino, struct attr_node *out);
void attr_stat_node(const struct server *s, const struct attr_node *n, struct stat *st);

void attr_stat(const struct server *s, const struct view_entry *e, struct stat *st);
/* Seconds that the kernel may keep the attributes of e (NULL is fine) as known by node id ino. */
double attr_timeout(const struct server *s, const struct view_entry *e, fuse_ino_t ino);
/* e as found under name in the directory that is known to the kernel as parent. */
void attr_entry(const struct server *s, const struct view_entry *e, fuse_ino_t parent,
		const char *name, struct fuse_entry_param *p);

/* What the helper is told of a name that it is to replace or remove, and of what takes its place. */
void attr_old(const struct server *s, const struct event_old *old, struct fuse_entry_param *p);
void attr_new(const struct server *s, const struct view_entry *e, struct fuse_entry_param *p);

/* The extended attribute as a string; false when there is none.  out holds ATTR_XATTR_SIZE. */
bool attr_xattr(const struct server *s, const struct attr_node *n, const char *name, char *out);
/* Their names, each with its NUL; returns the bytes used of ATTR_XATTR_SIZE. */
size_t attr_xattr_list(const struct server *s, const struct attr_node *n, char *out);

#endif
