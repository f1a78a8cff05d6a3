/* SPDX-License-Identifier: ISC */
/*
 * path_watch - notices that another file is under a name, or the same one written again: a bundle that
 * was minted anew; or another directory: a store that was replaced.
 *
 * A name is watched by its directory; one that is not there (any more) is looked for again and again.
 */
#ifndef PATH_WATCH_H
#define PATH_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct path_id { /* of the file in use */
	dev_t dev;
	ino_t ino;
};

struct path_watch {
	const char *path;
	bool directory;
	int fd;	     /* polls readable: path_watch_read; -1: none */
	int64_t due; /* when to ask path_watch_changed; ms of the monotonic clock, 0: not */
	int wd;
	bool written; /* and not taken up yet */
	int64_t wait; /* before the next try */
};

/* path must outlive it.  A file's last component is no symbolic link. */
void path_watch_open(struct path_watch *w, const char *path, bool directory);
void path_watch_read(struct path_watch *w);
/* What is there now.  False: nothing. */
bool path_watch_id(const struct path_watch *w, struct path_id *id);
/* When due.  taken: what is in use.  Is there another one? */
bool path_watch_changed(struct path_watch *w, const struct path_id *taken);
/* It could not be taken up: it is tried again later, since the store may be what is behind. */
void path_watch_retry(struct path_watch *w);

#endif
