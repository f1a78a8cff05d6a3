/* SPDX-License-Identifier: ISC */
/*
 * ops - the answers to the kernel's requests.  The session's user data is the struct server.
 *
 * Everyone who reaches the mount may look around: names, sizes, owners, modes and times are
 * answered without asking the policy.  Opening is where access is decided.  Every change is EROFS.
 */
#ifndef OPS_H
#define OPS_H

struct fuse_lowlevel_ops;

extern const struct fuse_lowlevel_ops ops_table;

#endif
