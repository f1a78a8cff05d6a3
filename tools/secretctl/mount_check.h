/* SPDX-License-Identifier: ISC */
/*
 * mount_check - what mount sees to before it makes anything: that the bundle and the mount point may be
 * those. Exit status.
 */
#ifndef MOUNT_CHECK_H
#define MOUNT_CHECK_H

#include "ctx.h"

struct mount_check {
	const char *path, *bundle;
	struct scope scope;
	bool asked;   /* the scope stands on the command line, or nowhere */
	bool mounted; /* already */
};

/* Mint the bundle, or use it as it is where it is not this host's to mint. */
int mount_check_bundle(struct ctx *s, const struct mount_check *p);
/* It is not above, below or at what secretfs itself lives on. */
int mount_check_point(const struct ctx *s, const struct mount_check *p);

/* The mount point that the command line means, heap. */
int mount_check_path(const struct ctx *s, char **out);

#endif
