/* SPDX-License-Identifier: ISC */
/*
 * harden - what this process gives up, and what a command it becomes gets back.
 */
#ifndef HARDEN_H
#define HARDEN_H

#include "err.h"

/* No core, no debugger; a closed pipe is an error and not an end. ERR_IO when libsodium fails. */
WUR int harden(void);
/* Before exec: the limits and signals that we were started with. */
void harden_undo(void);

#endif
