/* SPDX-License-Identifier: ISC */
/*
 * path_watch - notices that another file is under a name, or the same one written again: a bundle that
 * was minted anew; or another directory: a store that was replaced.
 *
 * A name is watched by its directory; one that is not there (any more) is looked for again and again, and
 * so is one that cannot be watched.  All watches share one inotify instance: a user has 128 of them.
 *
 * Whether there is another one is found out by a thread of its own: the name may be on a file system that
 * hangs, and nobody else waits for that.
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
	int64_t due; /* when to path_watch_look; ms of the monotonic clock, 0: not */
	_Atomic int wd;
	bool written; /* and not looked at yet */
	int64_t wait; /* before the next try */
	/* Of the thread that looks. */
	int done_fd;		    /* eventfd, shared with others */
	bool looking, seen_written; /* seen_written: as written was when it began */
	_Atomic bool looked;
	bool found; /* something is there, and it is: */
	struct path_id there;
	int used_fd; /* -1: none */
	struct path_id used;
};

/* What watches share: polls readable for path_watch_read; -1: none is to be had. */
int path_watch_new(void);
/* path and w must outlive the process; done_fd becomes readable when a look is over. */
void path_watch_open(struct path_watch *w, int fd, int done_fd, const char *path, bool directory);
/* Of all watches on fd. */
void path_watch_read(int fd, struct path_watch *const *watches, size_t n_watches);
/* When due: find out what is there, and of used (-1: nothing) what that is: even a file that is open can hang. */
void path_watch_look(struct path_watch *w, int used);
/* The same, waiting for it. */
void path_watch_look_now(struct path_watch *w);
/* Is a look over?  True once for each. */
bool path_watch_looked(struct path_watch *w);
/* As of the last look.  taken: what is in use.  Is there another one? */
bool path_watch_changed(const struct path_watch *w, const struct path_id *taken);
/* What was seen could not be used now: look soon again. */
void path_watch_again(struct path_watch *w);
/* It could not be taken up: it is tried again later, since the store may be what is behind. */
void path_watch_retry(struct path_watch *w);

#endif
