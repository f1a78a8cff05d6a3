/* SPDX-License-Identifier: ISC */
/*
 * mount_user - mounting and unmounting for those who may not, through fusermount3, which goes by paths.
 */
#ifndef MOUNT_USER_H
#define MOUNT_USER_H

#define MOUNT_USER_HELPER "fusermount3"

/* options: as mount(8) takes them.  The descriptor of /dev/fuse; -1: told. */
int mount_user_mount(const char *path, const char *options);
/* Lazily. */
void mount_user_unmount(const char *path);

#endif
