/* SPDX-License-Identifier: ISC */
/*
 * session - the serving loop over the /dev/fuse descriptor of a mount.
 *
 * One thread answers all requests, in a fair order of their users when several wait
 * (request_queue.h).  After each it may look for the next one for a few microseconds before it sleeps
 * (busy_poll.h).
 *
 * The kernel begins a session once, when it is mounted.  A successor begins its own with the bytes
 * that were kept of that, keeps the answer to itself, and answers the request it finds in the slot.
 * Then it asks the kernel for whatever else a predecessor took and did not answer (FUSE_NOTIFY_RESEND,
 * Linux 6.9): the slot should have told of all, and this is the second line.
 * The descriptor is never cloned (FUSE_DEV_IOC_CLONE): closing a clone fails its requests.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>

#include "server.h"

enum session_end {
	SESSION_UNMOUNTED, /* somebody else unmounted */
	SESSION_STOPPED,   /* the supervisor said so */
	SESSION_FAILED,
};

struct session_options {
	int fuse_fd;
	int channel; /* to the supervisor */
	bool debug;
	bool no_resend; /* do not ask for that */
	/* Called once, when the kernel has got its first answer. */
	void (*ready)(void *arg);
	/* The supervisor says something; false: to stop. */
	bool (*heard)(void *arg);
	void *arg;
};

/* Make s->se over the descriptor.  s->shared is set; no thread runs yet.  ERR_IO; ERR_FORMAT: what a
 * predecessor left makes no sense. */
WUR int session_open(struct server *s, const struct session_options *o);
/* Answer until the end.  The threads of s run (server_start). */
enum session_end session_run(struct server *s, const struct session_options *o);

#endif
