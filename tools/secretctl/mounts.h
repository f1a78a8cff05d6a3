/* SPDX-License-Identifier: ISC */
/*
 * mounts - what is mounted where, and which processes serve or use it. Nothing here touches the
 * mount itself, which could be dead and hang.
 */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Absolute, the directories above resolved, no trailing slash; heap, NULL without memory. */
char *mounts_path(const char *path);

struct mounts_line { /* one mount of this namespace */
	const char *path, *type;
	unsigned major, minor;
	bool shared; /* its propagation */
	uid_t owner; /* of a FUSE mount; else 0 */
};
/* Calls fn for each, in the kernel's order; stops when it returns nonzero and returns that. */
int mounts_each(int (*fn)(void *arg, const struct mounts_line *line), void *arg);

/* The type of the file system mounted last at exactly path; false when nothing is. */
bool mounts_find(const char *path, char *type, size_t cap);
/* It is a secretfs. */
bool mounts_is_ours(const char *path);

/* Processes called secretfs that have path among their arguments. */
size_t mounts_daemons(const char *path, pid_t *out, size_t max);
/* Processes that have something open below path. */
size_t mounts_users(const char *path, pid_t *out, size_t max);
/* The command's name of pid. */
void mounts_comm(pid_t pid, char *out, size_t cap);
/* Wait until none of the processes runs; false when some still do after ms. */
bool mounts_wait_gone(const pid_t *pids, size_t n, int ms);

#endif
