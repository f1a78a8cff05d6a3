/* SPDX-License-Identifier: ISC */
/*
 * mount_id - which mount it is: what is at a path may be another one at any time, so whoever is about
 * to change something looks first whether it is the one that is meant, and then acts on the descriptor
 * that was looked at.
 *
 * The device is the file system's alone as long as that lives, and that it does as long as the
 * connection of the descriptor that answers it stands (watchdog_is_over).  The number tells its mounts
 * apart; the short one may be given to another mount once this one is gone, the long one (Linux 6.8)
 * is not.
 *
 * Nothing here asks a file system anything: a dead or hung one answers all the same.
 */
#ifndef MOUNT_ID_H
#define MOUNT_ID_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct mount_id {	 /* zeroed: none */
	uint64_t id;	 /* proc(5), mountinfo */
	uint64_t unique; /* 0: the kernel has none */
	uint32_t major, minor;
};

/* Of what fd (O_PATH will do) is open on.  False: the kernel does not tell. */
bool mount_id_of(int fd, struct mount_id *out);
bool mount_id_eq(const struct mount_id *a, const struct mount_id *b);

/* The root of that mount, if it is what is on top at path: a descriptor (O_PATH), else -1.  The
 * descriptor keeps it from being unmounted. */
int mount_id_open(const char *path, const struct mount_id *m);

struct mount_entry {	       /* a line of mountinfo */
	struct mount_id mount; /* without unique */
	uint64_t parent;
	char path[PATH_MAX]; /* where it is now */
	char type[64];	     /* "fuse.secretfs" */
};

/* Call fn for every mount that this process sees, until it returns false.  False: /proc does not tell. */
bool mount_id_each(bool (*fn)(void *arg, const struct mount_entry *e), void *arg);
/* Its line.  False: there is no such mount any more; or, when the kernel does not tell, true with an
 * empty path. */
bool mount_id_find(const struct mount_id *m, struct mount_entry *out);
/* Is another mount inside it? */
bool mount_id_has_children(const struct mount_id *m);

#endif
