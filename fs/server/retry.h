/* SPDX-License-Identifier: ISC */
/*
 * retry - opens that were sent back to look their name up again.
 *
 * The node id is that of an older version.  ESTALE makes the kernel look the name up and come back
 * with the new one, and nobody notices; but it does so once only.  So the same thread gets the
 * current value the second time, by whatever node id of that name: another update may have come in
 * between, and a bind mount of a single file has no name to look up.
 *
 * Sending back is a favour: who does not get it opens the new value by the old inode.  So a row that
 * somebody may still come back for is never given to another, and when there is none, or one uid has
 * half of those that could be had, the open is simply answered.  Rows of threads that never came back
 * (they were killed) are free again after RETRY_MS.
 */
#ifndef RETRY_H
#define RETRY_H

#include "shm.h"

#define RETRY_MS 60000

/* Send this one back?  Not when that was done before, or its thread has no number here (pid 0). */
bool retry_first(struct shm *s, uint64_t ino, uid_t uid, pid_t pid);
/* It came back with the newest: its next old one is a first try again. */
void retry_done(struct shm *s, uint64_t ino, pid_t pid);

#endif
