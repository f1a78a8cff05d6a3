/* SPDX-License-Identifier: ISC */
/*
 * path_watch - notices that another file is under a name, or the same one written again: a bundle that
 * was minted anew; or another directory: a store that was replaced.
 *
 * A name is watched by its directory; one that is not there (any more) is looked for again and again, and
 * so is one that cannot be watched.  All watches share one inotify instance: a user has 128 of them.
 *
 * A file may be a symbolic link: as Kubernetes lays secrets, name -> ..data/name, ..data -> ..TIME, and
 * ..data is renamed over.
 */
#ifndef PATH_WATCH_H
#define PATH_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct path_id { /* of the file in use */
	dev_t dev;
	ino_t ino;
};

struct path_watch {
	const char *path;
	bool directory;
	int fd;	     /* inotify; -1: none */
	int64_t due; /* when to ask path_watch_changed; ms of the monotonic clock, 0: not */
	int wd;
	bool written; /* and not taken up yet */
	int64_t wait; /* before the next try */
};

/* What watches share: polls readable for path_watch_read; -1: none is to be had. */
int path_watch_new(void);
/* path must outlive it. */
void path_watch_open(struct path_watch *w, int fd, const char *path, bool directory);
/* Of all watches on fd. */
void path_watch_read(int fd, struct path_watch *const *watches, size_t n_watches);
/* What is there now.  False: nothing. */
bool path_watch_id(const struct path_watch *w, struct path_id *id);
/* When due.  taken: what is in use.  Is there another one? */
bool path_watch_changed(struct path_watch *w, const struct path_id *taken);
/* It could not be taken up: it is tried again later, since the store may be what is behind. */
void path_watch_retry(struct path_watch *w);

#endif
