/* SPDX-License-Identifier: ISC */
/*
 * account - who holds how much of what is finite, and how much one may hold.
 *
 * A uid may hold ACCOUNT's limit of a kind at most.  And the more it holds, the more has to be free
 * for others before it gets more: half of everything for a uid at its limit, nothing for one that
 * holds nothing.  So a few uids that take what they can leave half of it, hundreds more leave room
 * for some handles of each, and who has not been seen yet gets what there is.  The last part of all is
 * root's alone.
 *
 * Not thread-safe: it belongs to the serving thread.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"
#include "shm.h"

enum account_kind {
	ACCOUNT_HANDLES, /* open files */
	ACCOUNT_BYTES,	 /* of opened values */
	ACCOUNT_DIRS,	 /* opened directories that hold on to a view */
	ACCOUNT_KINDS,
};

#define ACCOUNT_HANDLES_PER_UID 4096u
#define ACCOUNT_BYTES_PER_UID (64u * 1024 * 1024)
#define ACCOUNT_DIRS_PER_UID 1024u
#define ACCOUNT_HANDLES_ALL SHM_HANDLES
#define ACCOUNT_BYTES_ALL (256u * 1024 * 1024)
#define ACCOUNT_DIRS_ALL 16384u

struct accounts;

WUR int accounts_open(struct accounts **out);
void accounts_close(struct accounts *a); /* NULL is fine */

/*
 * uid is to hold n more, of which fresh are not held by anybody yet.  0, EMFILE: it has its limit;
 * ENFILE: the rest is for others; ENOMEM.
 */
WUR int account_charge(struct accounts *a, uid_t uid, enum account_kind k, size_t n, size_t fresh);
/* The same without asking: what a predecessor permitted.  0, ENOMEM. */
WUR int account_add(struct accounts *a, uid_t uid, enum account_kind k, size_t n, size_t fresh);
/* It lets go of n, of which fresh are held by nobody any more. */
void account_refund(struct accounts *a, uid_t uid, enum account_kind k, size_t n, size_t fresh);

/* What all hold together, and one. */
size_t account_total(const struct accounts *a, enum account_kind k);
size_t account_of(struct accounts *a, uid_t uid, enum account_kind k);

#endif
