/* SPDX-License-Identifier: ISC */
/*
 * session - the serving loop over the /dev/fuse descriptor of a mount.
 *
 * One thread answers all requests.  After each it looks for the next one for a few microseconds
 * before it sleeps: waking up costs more than the work itself.
 */
#ifndef SESSION_H
#define SESSION_H

#include <signal.h>
#include <stdbool.h>

#include "server.h"

enum session_end {
	SESSION_UNMOUNTED, /* somebody else unmounted */
	SESSION_SIGNAL,	   /* SIGTERM or SIGINT */
	SESSION_FAILED,
};

struct session_options {
	int fuse_fd; /* taken over */
	bool debug;
	/* Called once, when the kernel has got its first answer. */
	void (*ready)(void *arg);
	void *ready_arg;
};

/* Block the signals that session_run waits for; before any thread is started. */
void session_block_signals(void);

/* Make s->se over the descriptor.  ERR_IO. */
WUR int session_open(struct server *s, const struct session_options *o);
/* Answer until the end.  The threads of s run (server_start). */
enum session_end session_run(struct server *s, const struct session_options *o);
/* Closes the descriptor. */
void session_close(struct server *s);

#endif
