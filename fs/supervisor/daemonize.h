/* SPDX-License-Identifier: ISC */
/*
 * daemonize - leaving the terminal, and telling who started us how it went.
 *
 * The fork comes first of all, before a key is in memory: locks on memory do not survive it.
 */
#ifndef DAEMONIZE_H
#define DAEMONIZE_H

#include <stdbool.h>

/*
 * Fork.  Returns false in the parent, with the exit status for it in *status: that of the child when
 * the child ends, 0 when it calls daemonize_ready.  Returns true in the child.
 */
bool daemonize_start(int *status);
/* In the child: the parent may go.  Leaves the terminal; keeps standard error when told so. */
void daemonize_ready(bool keep_stderr);

#endif
