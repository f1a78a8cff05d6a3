/* SPDX-License-Identifier: ISC */
/*
 * delete_several - delete secret with several names, or a group.
 */
#ifndef DELETE_SEVERAL_H
#define DELETE_SEVERAL_H

#include "command.h"
#include "wait.h"

/* w: what --wait will wait for.  Exit status. */
int delete_several(struct call *c, struct wait *w);

#endif
