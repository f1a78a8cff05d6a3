/* SPDX-License-Identifier: ISC */
/*
 * engine - a store in a database: a module of its own that is loaded when a location names it, so that
 * nobody else waits for its libraries to be loaded, or has them in the process.
 *
 * A module is secretfs-NAME.so, made of one file of this room, settle and what these need.  It exports
 * one function.  It has no other way to the program than the backend that it returns.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "backend.h"

#define ENGINE_REASON 256

/*
 * Locations have no password: that comes from a file and is on no command line.
 *
 *	etcd://HOST:PORT[,HOST:PORT...]/PREFIX[?OPTION=VALUE[&...]]
 *	etcds://... options ca, cert, key (paths), user, password-file
 *	postgresql://... as libpq takes it, its passfile included
 *
 * create: make the layout if it is not there.  ERR_NOENT: there is no store there.  ERR_INVAL: no
 * location of this engine.  On failure reason says what the engine said, "" if it said nothing.
 */
typedef int engine_open_fn(const char *location, int create, struct backend **out,
			   char reason[static ENGINE_REASON]);

/* The name under which a module exports it.  Another number: struct backend is another. */
#define ENGINE_OPEN secretfs_engine_1
#define ENGINE_EXPORT __attribute__((visibility("default")))
extern engine_open_fn ENGINE_OPEN;

/* What an engine said, as a line that may be printed.  reason NULL: nobody asks. */
void engine_explain(char *reason, const char *text);

#endif
