/* SPDX-License-Identifier: ISC */
/*
 * open_file - opened versions: one locked buffer per value that anybody has open, shared by all who do,
 * unsealed once, wiped at the last close.
 *
 * A handle is the number of a row in the shared memory (shm.h), so that a successor of this
 * process understands the handles it gave out; what a handle leads to is unsealed again when the
 * successor is first asked to read from it.
 *
 * Files are known by any node id of their name (view.h), and a handle by the version it is of.
 *
 * A uid holds as many handles, and bytes of opened values, each version counted once, as its account
 * says (account.h): EMFILE for the handles, ENFILE for the bytes and for what is left to others.
 * Memory that cannot be locked is ENOMEM.  Not thread-safe: it belongs to the serving thread.
 */
#ifndef OPEN_FILE_H
#define OPEN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "value_cache.h"
#include "shm.h"

#define OPEN_FILE_SEALED_BYTES (16u * 1024 * 1024) /* of sealed values remembered */

struct accounts;
struct files;

struct open_file_data { /* of an open version; borrowed, valid while it is open */
	const uint8_t *data;
	size_t len;
};

struct open_file_opener {
	uint64_t node; /* of the version (view_node) */
	uid_t uid;
	uint64_t unique;  /* of the request */
	uint64_t expires; /* s since 1970; 0 = never */
	uint8_t level;	  /* enum scope_level, of the version */
	bool again;	  /* a predecessor may have answered it */
	bool later;	  /* what has been checked before may stay sealed until it is read */
};

/* Borrows the shared memory, and takes over what a predecessor had open. */
WUR int files_open(struct shm *shared, struct files **out);
void files_close(struct files *f);		  /* wipes everything; NULL is fine */
struct accounts *files_accounts(struct files *f); /* borrowed */

/* Has a predecessor opened something for this request? */
bool open_file_knows(const struct files *f, uint64_t unique);
/* Can a version be opened without its object? */
bool open_file_is_warm(struct files *f, const struct open_file_opener *by,
		       const struct value_cache_source *src);
/*
 * Open a version.  0, or the errno for the caller; *store_error is then the error of store/ behind
 * it, or 0.
 */
WUR int open_file_open(struct files *f, const struct open_file_opener *by,
		       const struct value_cache_source *src, uint64_t *handle, int *store_error);
/* What has to be fetched before this handle has data; NULL when nothing has, or no such handle is
 * open. */
const struct shm_version *open_file_missing(struct files *f, uint64_t ino, uint64_t handle);
/* Can it be fetched without its object?  src's version is not looked at. */
bool open_file_can_fetch(struct files *f, uint64_t ino, uint64_t handle,
			 const struct value_cache_source *src);
/* Fetch it; src's version is not looked at.  As open_file_open. */
WUR int open_file_fetch(struct files *f, uint64_t ino, uint64_t handle,
			const struct value_cache_source *src, int *store_error);
/* False when no such handle is open. */
bool open_file_data(struct files *f, uint64_t ino, uint64_t handle, struct open_file_data *out);
/* The open version that has this very node id, or whose pages its inode has; borrowed, until the next
 * call. */
const struct shm_version *open_file_version(const struct files *f, uint64_t node);
/* Does this uid have it open? */
bool open_file_holds(const struct files *f, uint64_t node, uid_t uid);
/*
 * The kernel may now hold pages of this version for the inode ino.  An inode's pages are to be of one
 * version: its own, or, where that is not open, the one that was first to be read so by way of it, as by
 * a bind mount of a single file.  False: not this one.
 */
bool open_file_mark_paged(struct files *f, uint64_t ino, uint64_t handle);
/* nodes: whose pages are to be dropped, when this was the last handle of a version that was marked; they
 * are remembered (inval_remember).  How many. */
unsigned open_file_release(struct files *f, uint64_t ino, uint64_t handle,
			   uint64_t nodes[static SHM_PAGED]);

/* The uid it was opened for; fallback when no such handle is open. */
uid_t open_file_owner(const struct files *f, uint64_t handle, uid_t fallback);

#endif
