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
#include <stdint.h>

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

struct mountpoint_mounted {
	int fuse_fd;
	/* The mount that nobody sees, and that is not read-only as the one people see is: changes that
	 * are made in it are heard by watchers everywhere.  -1: none, people's own mount serves. */
	int private_fd;
	uint64_t id; /* of the mount that people see (proc(5), mountinfo); 0: not known */
};

/* Mount.  Nothing answers until it is served. */
bool mountpoint_mount(const struct mountpoint_options *o, struct mountpoint_mounted *out);

/* Of what is mounted at path already: all but the descriptor. */
void mountpoint_find(const char *path, struct mountpoint_mounted *out);

/* Is the mount with that id still there?  Reads all of mountinfo, an open /proc/self/mountinfo. */
bool mountpoint_is_there(int mountinfo, uint64_t id);

/* Is what is on top at path one of ours?  Its device, as /proc has it.  Asks the mount nothing. */
#define MOUNTPOINT_DEVICE 24
bool mountpoint_device(const char *path, char device[static MOUNTPOINT_DEVICE]);

/* Unmount; lazily when it is busy. */
void mountpoint_unmount(const char *path);

#endif
