/* SPDX-License-Identifier: ISC */
/*
 * event_maker - the helper's part of fsnotify.h: makes a change that has happened in the store once more
 * as a real operation, so that watchers hear of it.
 *
 * 1. It works below a descriptor that is known to be this mount's, and never by a path.
 * 2. It leaves that mount by nothing that the server says: names are checked, no link is followed, no
 *    other mount entered.
 */
#ifndef EVENT_MAKER_H
#define EVENT_MAKER_H

#include <stdbool.h>
#include <stddef.h>

#include "helper_message.h"

/* Is it what a server may ask for? */
bool event_maker_is_sound(const struct event_order *o);
/* root: of the mount.  What is no sound order does nothing. */
void event_maker_run(int root, const void *message, size_t len);

#endif
