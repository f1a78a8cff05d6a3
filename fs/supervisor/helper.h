/* SPDX-License-Identifier: ISC */
/*
 * helper - the process beside the supervisor: starts it again when it ends.  Privileged, without keys.
 *
 * It also stands at the end of a channel from the server, for what the server may not do itself
 * (helper_message.h): one message, one thing to be done in the mount.  A thread of its own does
 * that: it may have to wait for a server that the supervisor must be there to start.
 */
#ifndef HELPER_H
#define HELPER_H

#include "handover.h"

/* Returns the exit status. */
int helper_run(struct handover *h, const struct mount_config *c);

#endif
