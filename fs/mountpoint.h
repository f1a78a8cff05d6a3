/* SPDX-License-Identifier: ISC */
/*
 * mountpoint - where it is mounted, and the mounting itself: by mount(2) for root, through
 * fusermount3 for everyone else.
 *
 * What cannot be done is told through log_say with the next step, since what went wrong is known
 * best here; these functions return false then.
 */
#ifndef MOUNTPOINT_H
#define MOUNTPOINT_H

#include <stdbool.h>

struct mountpoint_options {
	const char *path;   /* absolute */
	const char *source; /* as shown by mount(8) */
	bool allow_other;
	bool noatime;
	bool may_be_nonempty;
};

/* Is it there, a directory, empty, and not ours already?  A dead mount of ours is taken off. */
bool mountpoint_check(const struct mountpoint_options *o);

/* May this process mount with allow_other? */
bool mountpoint_may_allow_other(void);

/* Mount and return the /dev/fuse descriptor.  Nothing answers until it is served. */
bool mountpoint_mount(const struct mountpoint_options *o, int *fuse_fd);

/* Is what is on top at path one of ours?  Its device, as /proc has it.  Asks the mount nothing. */
#define MOUNTPOINT_DEVICE 24
bool mountpoint_device(const char *path, char device[static MOUNTPOINT_DEVICE]);

/* Unmount; lazily when it is busy. */
void mountpoint_unmount(const char *path);

#endif
