/* SPDX-License-Identifier: ISC */
/*
 * hook - lets a test do from inside the server what a burglar there would do.  Compiled with
 * -DTEST_HOOKS only, which no installed program is.
 */
#ifndef HOOK_H
#define HOOK_H

#include <stdbool.h>
#include <stddef.h>

/* The extended attribute "user.secretfs.hook.WHAT:ARG": does it, and its value is the name of the
 * error, or "OK".  False when name is no hook. */
bool hook_xattr(const char *name, char *out, size_t size);

/* Forget the request that a predecessor left in the slot?  When SECRETFS_TEST_NO_SLOT is set. */
bool hook_no_slot(void);

struct message;

/* Say what a burglar would to the supervisor: with SECRETFS_TEST_SAY it takes the place of the
 * project's name, with SECRETFS_TEST_FLOOD the message is sent without end. */
void hook_say(struct message *m, int channel);

#endif
