/* SPDX-License-Identifier: ISC */
/*
 * status_socket - how a mount is, for whoever connects to its socket: one JSON object, a newline, the end.
 *
 * The supervisor answers, from what it knows itself and from what the server has written down (stats.h),
 * which it does not trust: numbers are numbers, texts are cut and printable.  It waits for nobody:
 * an answer fits the socket's buffer or is lost.
 *
 * Supervisor and helper hold the listening descriptor, so that a question asked while the supervisor is
 * killed is answered by the next one.
 */
#ifndef STATUS_SOCKET_H
#define STATUS_SOCKET_H

#include "handover.h"
#include "shm.h"

enum status_socket_state {
	STATS_SOCKET_STARTING, /* requests wait for a server */
	STATS_SOCKET_SERVING,
	STATS_SOCKET_STUCK,   /* a server that has work does not answer */
	STATS_SOCKET_FAILING, /* no server stays */
};

struct status_socket {
	const struct mount_config *c;
	const struct control *control;
	const struct shm *shared;
	enum status_socket_state state;
	pid_t server, helper; /* <= 0: none */
};

/* Bind the socket of a mount, which exists, in the place of a dead one; says once what keeps it
 * from that. */
void status_socket_listen(struct handover *h, const struct mount_config *c,
			  struct control *control);
/* Answer who has connected. */
void status_socket_answer(int fd, const struct status_socket *r);
/* The mount ends: take the socket away, if it is still this mount's. */
void status_socket_end(const struct mount_config *c, const struct control *control);

/* A server ended, and another one is going to be started. */
void report_death(struct control *control);

/* The object as text with a newline, for free(3); NULL without memory. */
char *status_socket_text(const struct status_socket *r);

#endif
