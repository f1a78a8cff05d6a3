/* SPDX-License-Identifier: ISC */
/*
 * mount_user - mounting and unmounting for those who may not, through fusermount3, which goes by paths.
 */
#ifndef MOUNT_USER_H
#define MOUNT_USER_H

#include "mountpoint.h"

/* The descriptor of /dev/fuse; -1: told. */
int mount_user_mount(const struct mountpoint_options *o);
/* Lazily. */
void mount_user_unmount(const char *path);

#endif
