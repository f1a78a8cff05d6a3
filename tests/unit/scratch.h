/* SPDX-License-Identifier: ISC */
/*
 * scratch - a directory of a test's own.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <limits.h>

/* Make one beneath $TMPDIR and change into it; remove it with all that is in it. */
void scratch_enter(void);
void scratch_leave(void);

#endif
