/* SPDX-License-Identifier: ISC */
/*
 * mountpoint - where it is mounted, and the mounting itself: by mount(2) for root, through
 * fusermount3 for everyone else.
 *
 * What is at a path may be another thing a moment later: it is looked at, and acted on, by one
 * descriptor, and what is not known to be ours is left alone (mount_id.h).
 *
 * What cannot be done is told through log_say with the next step, since what went wrong is known
 * best here; these functions return false then.
 */
#ifndef MOUNTPOINT_H
#define MOUNTPOINT_H

#include <stdbool.h>

#include "mount_id.h"

struct mountpoint_options {
	const char *path;   /* absolute, without symbolic links */
	const char *source; /* as shown by mount(8) */
	bool allow_other;
	bool noatime;
	bool may_be_nonempty;
};

#define MOUNTPOINT_SUBTYPE "secretfs"
#define MOUNTPOINT_TYPE "fuse." MOUNTPOINT_SUBTYPE

/* Is it there, a directory, empty, and not ours already?  A dead mount of ours will do: that is taken
 * off by mountpoint_mount.  Changes nothing. */
bool mountpoint_check(const struct mountpoint_options *o);

/* May this process mount with allow_other? */
bool mountpoint_may_allow_other(void);

struct mountpoint_mounted {
	int fuse_fd;
	/* The mount that nobody sees, and that is not read-only as the one people see is: changes that
	 * are made in it are heard by watchers everywhere.  -1: none, people's own mount serves. */
	int private_fd;
	struct mount_id mount; /* that people see; zeroed: not known */
};

/* Look again, and mount.  Nothing answers until it is served. */
bool mountpoint_mount(const struct mountpoint_options *o, struct mountpoint_mounted *out);

/* A private mount of what mount, a descriptor, is on; -1, and a warning. */
int mountpoint_private(int mount, const char *path);

/* Take that mount off, wherever it is now, lazily; but not when it is under or above somebody else's:
 * that is told, and false. */
bool mountpoint_unmount(const struct mount_id *m);

#endif
