/* SPDX-License-Identifier: ISC */
/*
 * helper - the process beside the supervisor: starts it again when it ends.  Privileged, without keys.
 *
 * It also stands at the end of a channel from the server, for what the server may not do itself
 * (struct helper_message): one message, one thing to be done in the mount.  A thread of its own does
 * that: it may have to wait for a server that the supervisor must be there to start.
 */
#ifndef HELPER_H
#define HELPER_H

#include "handover.h"

/* Header of each message on HANDOVER_EVENTS_*; size bytes of payload follow.  A type that the
 * helper does not know is passed over.  A message is taken off the channel when it has been done: a
 * helper that is killed meanwhile leaves it to the next. */
struct helper_message {
	uint16_t version; /* HANDOVER_VERSION */
	uint16_t type;
	uint32_t size;
};
#define HELPER_MESSAGE_MAX 4096
enum helper_type {
	HELPER_FORGET = 1, /* inval.h */
	HELPER_EVENT,	   /* fsnotify.h */
};

/* Returns the exit status. */
int helper_run(struct handover *h, const struct mount_config *c);

#endif
