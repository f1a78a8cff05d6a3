/* SPDX-License-Identifier: ISC */
/*
 * child - a process that is watched: one's own child, or one that a predecessor started.
 */
#ifndef CHILD_H
#define CHILD_H

#include "handover.h"

struct child { /* {.pidfd = -1}: none */
	pid_t pid;
	int pidfd;		/* polls readable when it has ended */
	int64_t since, told_at; /* ms of the monotonic clock: started; told to stop */
	bool ended;
	int status; /* as waitpid has it; of an adopted one not known: as if by SIGKILL */
};

/* pid stays 0 when it fails. */
void child_start(struct child *c, const struct handover *h, unsigned which, int exe, enum role role,
		 const char *mountpoint);
/* Watch a process that is not one's own child: the one that holds that lock (handover_holder).  False
 * when there is none. */
bool child_adopt(struct child *c, int fd, int lock);
/* To that very process, or to none. */
void child_signal(const struct child *c, int signal);
/* Notice the end of one that waitpid does not tell of. */
void child_look(struct child *c);
/* True once, when it has ended; c is none then. */
bool child_take_end(struct child *c, int *status);
/* Wait for its end, so long at most. */
void child_wait(struct child *c, int ms);
/* End it, and wait for that; c is none then. */
void child_kill(struct child *c);

#endif
