/* SPDX-License-Identifier: ISC */
/*
 * sandbox - what the server gives away before it reads anything that others may write: its user, its
 * capabilities, the file system, the system calls it does not need.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"

struct sandbox {
	uid_t uid; /* 0: stay who we are */
	bool any;  /* what there is will do, even if nothing is */
	gid_t gid;
	const char *store, *state; /* state NULL: none */
	int proc; /* of a procfs that shows all processes, as far as one is to be had; O_PATH */
	char store_path[64], state_path[64]; /* by what they are opened from now on */
};

/* While still privileged: open what will be needed, as uid sees it.  Without it (an old kernel, a file
 * system that cannot do it) uid becomes 0, and a line says so. */
void sandbox_prepare(struct sandbox *s);
/* No way back, in this order: memory, user, capabilities, privileges, tracing.  ERR_IO. */
WUR int sandbox_drop(const struct sandbox *s);
/* The files: refs and the objects of these scopes (hex) to read, their floors to write,
 * /proc to read.  On a kernel without Landlock a line says so; ERR_IO: and no user of its
 * own keeps it from other files either. */
WUR int sandbox_files(const struct sandbox *s, const char *store_id, const char *const *scopes,
		      size_t n);
/* The system calls; every other ends the process.  ERR_IO. */
WUR int sandbox_calls(void);

/* Can the groups of any caller be read?  Asked when privileges are dropped. */
bool sandbox_sees_all(const struct sandbox *s);

#endif
