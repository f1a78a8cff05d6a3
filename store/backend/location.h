/* SPDX-License-Identifier: ISC */
/*
 * location - where a store is, in one string: the path of a directory, etcd://, etcds:// or
 * postgresql://, and the one door through which any of them is opened.
 */
#ifndef LOCATION_H
#define LOCATION_H

#include "backend.h"

#define LOCATION_REASON 256

/* For the engines: what one said, as a line that may be printed.  reason NULL: nobody asks. */
void location_explain(char *reason, const char *text);

/*
 * create: make the layout if it is not there.  ERR_NOENT: there is no store there.  ERR_INVAL: no
 * location of any kind we know.  On failure reason says what the engine said, "" if it said nothing.
 */
WUR int location_open(const char *location, int create, struct backend **out,
		      char reason[static LOCATION_REASON]);

/*
 * The engines, each in one file.  Location without a password: that comes from a file (etcd: option
 * password-file; PostgreSQL: its passfile) and is on no command line.
 *
 *	etcd://HOST:PORT[,HOST:PORT...]/PREFIX[?OPTION=VALUE[&...]]
 *	etcds://... options ca, cert, key (paths), user, password-file
 *	postgresql://... as libpq takes it
 */
WUR int etcd_open(const char *location, int create, struct backend **out,
		  char reason[static LOCATION_REASON]);
WUR int postgres_open(const char *location, int create, struct backend **out,
		      char reason[static LOCATION_REASON]);

#endif
