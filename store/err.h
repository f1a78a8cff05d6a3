/* SPDX-License-Identifier: ISC */
/*
 * err - the errors of store/.
 *
 * Every function of store/ that can fail returns 0 or one of these, never a bare -1 and never an
 * errno.  Whatever is wrong with authenticated data is ERR_AUTH and nothing finer: which check
 * failed is of use to an attacker only.
 */
#ifndef ERR_H
#define ERR_H

#define WUR __attribute__((warn_unused_result))

enum err {
	ERR_OK = 0,
	ERR_NOMEM = -1,	      /* no heap memory */
	ERR_MLOCK = -2,	      /* memory for a secret could not be locked (RLIMIT_MEMLOCK) */
	ERR_IO = -3,	      /* a system call failed; errno tells which way */
	ERR_NOENT = -4,	      /* no such object, secret, file */
	ERR_EXIST = -5,	      /* it is there already */
	ERR_CONFLICT = -6,    /* compare-and-swap lost: somebody committed first */
	ERR_AUTH = -7,	      /* altered, spliced, forged or not ours: refused */
	ERR_FORMAT = -8,      /* a file of ours (bundle, slots, policy) that does not parse */
	ERR_GENERATION = -9,  /* sealed under a key generation this bundle lacks: re-mint it */
	ERR_STALE = -10,      /* older than, or a fork of, what was accepted before */
	ERR_NAME = -11,	      /* not a valid name */
	ERR_NOTDIR = -12,     /* the path would be file and directory at once */
	ERR_TOOBIG = -13,     /* over a size limit */
	ERR_DENIED = -14,     /* the key, file mode or grant does not permit it */
	ERR_INCOMPLETE = -15, /* the commit names an object that is not (yet) there */
	ERR_UNKNOWN = -16,    /* written perhaps, or not to survive a power cut: look */
	ERR_TIMEOUT = -17,    /* the backend did not answer within the deadline */
	ERR_PASSPHRASE = -18, /* no slot opened with what was given */
	ERR_MODE = -19,	      /* a key file that others may read, or that is not ours */
	ERR_INVAL = -20,      /* the caller broke a contract */
	ERR_VERSION = -21,    /* a file of ours, written by another version of secretfs */
	ERR_CHANGED = -22,    /* somebody changed it since it was read */
};

/* A short lower-case English phrase for r, without a full stop.  Never NULL; static storage. */
const char *err_str(int r);

#endif
