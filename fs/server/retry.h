/* SPDX-License-Identifier: ISC */
/*
 * retry - opens that were sent back to look their name up again.
 *
 * The node id is that of an older version.  ESTALE makes the kernel look the name up and come back
 * with the new one, and nobody notices; but it does so once only.  So the same thread gets the
 * current value the second time, by whatever node id of that name: another update may have come in
 * between, and a bind mount of a single file has no name to look up.
 */
#ifndef RETRY_H
#define RETRY_H

#include "shm.h"

/* Send this one back?  Not when that was done before. */
bool retry_first(struct shm *s, uint64_t ino, pid_t pid);
/* It came back with the newest: its next old one is a first try again. */
void retry_done(struct shm *s, uint64_t ino, pid_t pid);

#endif
