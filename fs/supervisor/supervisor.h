/* SPDX-License-Identifier: ISC */
/*
 * supervisor - the process that holds the mount: mounts, starts server and helper, starts them again
 * when they end, replaces them when told to, takes everything down at the end.
 *
 * A bundle that is minted anew is taken up as by SIGHUP.
 *
 * It has no key.  What it reads of the memory it shares with the server are two numbers.
 *
 *	SIGTERM, SIGINT	unmount and end
 *	SIGHUP		a new server, with the bundle opened anew
 *	SIGUSR2		the same with the program installed now, then helper and supervisor too
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "handover.h"
#include "mountpoint.h"

/* Block the signals that supervisor_run waits for; before a child is started. */
void supervisor_block_signals(void);

/* mount NULL: it is mounted already, by a predecessor.  Returns the exit status. */
int supervisor_run(struct handover *h, const struct mount_config *c,
		   const struct mountpoint_options *mount);

/* Open a bundle as it is handed to the server; says what is wrong.  -1. */
int supervisor_open_bundle(const char *path);

#endif
