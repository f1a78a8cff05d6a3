/* SPDX-License-Identifier: ISC */
/*
 * restore_accept - the root's word that history goes on from what is there: from a backup, or from
 * before what a writer has ruined.
 */
#ifndef RESTORE_ACCEPT_H
#define RESTORE_ACCEPT_H

#include "command.h"

/* An exit status. */
int restore_accept(struct call *c);

#endif
