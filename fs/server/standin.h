/* SPDX-License-Identifier: ISC */
/*
 * standin - answers while there is no server, because its successor cannot load: the store hangs.
 *
 * It has no key and opens no file. Whoever asks waits as for a store that hangs, and gets EIO when the time
 * is over; what nobody waits for, as that a file was closed, is left to the successor, and so is all that
 * waits when that has loaded. It ends when the server's lock is held, and a server begins to serve
 * after that.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include "handover.h"

#define STANDIN_MS 1000 /* without a server, until there is one */

/* Returns the exit status. */
int standin_main(struct handover *h);

#endif
