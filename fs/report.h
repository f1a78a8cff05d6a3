/* SPDX-License-Identifier: ISC */
/*
 * report - how a mount is, for whoever connects to its socket: one JSON object, a newline, the end.
 *
 * The keeper answers, from what it knows itself and from what the server has written down (status.h),
 * which it does not trust: numbers are numbers, texts are cut and printable.  It waits for nobody:
 * an answer fits the socket's buffer or is lost.
 *
 * Keeper and helper hold the listening descriptor, so that a question asked while the keeper is
 * killed is answered by the next one.
 */
#ifndef REPORT_H
#define REPORT_H

#include "handover.h"
#include "shared.h"

enum report_state {
	REPORT_STARTING, /* requests wait for a server */
	REPORT_SERVING,
	REPORT_STUCK,	/* a server that has work does not answer */
	REPORT_FAILING, /* no server stays */
};

struct report {
	const struct mount_config *c;
	const struct control *control;
	const struct shared *shared;
	enum report_state state;
	pid_t server, helper; /* <= 0: none */
};

/* Bind the socket of a mount, which exists, in the place of a dead one; says once what keeps it
 * from that. */
void report_listen(struct handover *h, const struct mount_config *c, struct control *control);
/* Answer who has connected. */
void report_answer(int fd, const struct report *r);
/* The mount ends: take the socket away, if it is still this mount's. */
void report_end(const struct mount_config *c, const struct control *control);

/* A server ended, and another one is going to be started. */
void report_death(struct control *control);

/* The object as text with a newline, for free(3); NULL without memory. */
char *report_text(const struct report *r);

#endif
