/* SPDX-License-Identifier: ISC */
/*
 * backend_dir - what the files of the directory backend share; see backend_dir.c.
 */
#ifndef BACKEND_DIR_H
#define BACKEND_DIR_H

#include <stdbool.h>

#include "backend.h"

struct backend_dir {
	struct backend backend; /* first */
	int top;
	int inotify, watch_top, watch_refs; /* -1: none */
	bool layout_durable;
};

static inline struct backend_dir *backend_dir_of(struct backend *b)
{
	return (struct backend_dir *)b;
}

struct dir_key { /* a checked key, taken apart */
	char dir[BACKEND_KEY_SIZE];
	const char *name; /* into the key */
};

/* ERR_INVAL unless it is a key of the store. */
WUR int backend_dir_split(const char *key, struct dir_key *out);

/* refs and objects are there after a power cut.  For writers, before they rely on it. */
WUR int backend_dir_layout(struct backend_dir *d);

/* The verbs, as in backend.h. */
int backend_dir_put(struct backend *b, const struct backend_item *items, size_t n);
int backend_dir_swap(struct backend *b, const char *key, const struct blob *old,
		     const struct blob *new);
int backend_dir_delete(struct backend *b, const char *key);
int backend_dir_watch(struct backend *b, int *fd);
void backend_dir_watch_clear(struct backend *b);

#endif
