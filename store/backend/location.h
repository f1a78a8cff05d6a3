/* SPDX-License-Identifier: ISC */
/*
 * location - where a store is, in one string: the path of a directory, etcd://, etcds:// or
 * postgresql:// (engine.h), and the one door through which any of them is opened.
 */
#ifndef LOCATION_H
#define LOCATION_H

#include "engine.h"

#define LOCATION_REASON ENGINE_REASON

/*
 * create: make the layout if it is not there.  ERR_NOENT: there is no store there.  ERR_INVAL: no
 * location of any kind we know.  On failure reason says what the engine said, or why it cannot be
 * loaded (ERR_IO), "" if there is nothing to say.
 */
WUR int location_open(const char *location, int create, struct backend **out,
		      char reason[static LOCATION_REASON]);

#endif
