/* SPDX-License-Identifier: ISC */
/*
 * shm - the memory that outlives a server: the requests under way, how the session with the
 * kernel began, and what is open.  No key, no value.
 *
 * The requests.  The server reads /dev/fuse straight into the slot, and empties the slot after the
 * reply, or after it has put the request among those that wait.  A successor answers all that it
 * finds: a second reply to one request is harmless.  One that waits for something else moves on to a row
 * of its own (park.h).
 *
 * What is open.  A handle is a row here, found again by the id of the request that opened it, so
 * that an OPEN which is answered twice is one row.  A row leads to the version that was opened.
 *
 * The server owns it; the supervisor reads the slot's length, the counters and the status, and trusts
 * none of them.
 */
#ifndef SHM_H
#define SHM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "name.h"
#include "page.h"
#include "scope.h"
#include "stats_layout.h"

#define SHM_PAGE                                                                                   \
	65536u /* a multiple of every page size: slot and status are mapped or locked alone */
#define SHM_SLOT_SIZE 16384
#define SHM_REQUESTS 1024u
#define SHM_REQUEST_BYTES 504u /* room for two names' worth of most; longer ones do not wait */
#define SHM_INIT_SIZE 512
#define SHM_RETRY_SETS 512u
#define SHM_RETRY_WAYS 8u
#define SHM_HANDLES 65536u
#define SHM_VERSIONS 65536u
#define SHM_KEPT 4096u
#define SHM_DIRS 65536u
#define SHM_NODE_KEY 16
#define SHM_PAGED 4
#define SHM_DROPS 131072u
#define SHM_PARKED 4096u
#define SHM_PARKED_SIZE 320 /* of a request: a name of 255 bytes fits */

struct shm_request {	      /* that waits to be answered */
	_Atomic uint32_t len; /* 0 = free; written last */
	_Alignas(8) uint8_t bytes[SHM_REQUEST_BYTES];
};

struct shm_handle {
	_Atomic uint64_t unique; /* of the request; 0 = free; written last */
	uint64_t node;
	uint32_t version; /* index */
	uint32_t uid;
};

struct shm_version { /* in use while a handle leads to it */
	uint64_t node, set_epoch, time, expires;
	uint32_t gen, len;
	uint8_t id[HASH_SIZE];
	uint8_t level;
	bool barred;		   /* from inodes that are not its own */
	uint64_t paged[SHM_PAGED]; /* inodes in whose pages the kernel may hold it; 0 = free */
	char name[NAME_SIZE];
};

struct shm_retry {     /* an open that was sent back to look the name up again */
	uint64_t node; /* 0 = free */
	int64_t since; /* ms */
	pid_t pid;
	uid_t uid;
};

struct shm_dir {       /* dir_record.h */
	uint64_t ino;  /* 0 = free */
	uint64_t time; /* ns since 1970: changed at least so late; 0: never without one who tells */
	uint32_t gone; /* that many of this name */
};

struct shm_parked {				      /* a request that waits (park.h) */
	_Alignas(8) uint8_t request[SHM_PARKED_SIZE]; /* begins with its length, 0: free */
	int64_t since;				      /* ms of the monotonic clock */
};

/* Slot and status are on pages of their own by padding and not by _Alignas: mmap aligns to the pages that
 * this machine has, and the type asks for no more. */
struct shm {
	union {
		uint8_t slot[SHM_SLOT_SIZE];
		uint8_t slot_pages[SHM_PAGE];
	};
	union {
		struct stats status;
		uint8_t status_pages[SHM_PAGE];
	};
	uint32_t version;
	/* Of the mount, and drawn for it: a node id follows from nothing that anybody else knows, who
	 * could find names that meet in one. */
	uint8_t node_key[SHM_NODE_KEY];
	_Atomic uint64_t answered; /* requests */
	_Atomic bool init_answered;
	uint32_t init_len; /* 0: none came yet */
	uint8_t init[SHM_INIT_SIZE];
	_Atomic uint64_t active;  /* the request that is being answered; 0: none */
	_Atomic uint32_t waiting; /* how many others were taken from the kernel */
	uint64_t tried;		  /* the request that a server died of last, */
	uint32_t tries;		  /* and how often */
	struct shm_retry retries[SHM_RETRY_SETS * SHM_RETRY_WAYS];
	uint32_t retrying;	   /* no more rows are in use; 0: none */
	uint64_t kept[SHM_KEPT];   /* inodes with pages in the page cache, by -o cache; 0 = free */
	uint8_t served[HASH_SIZE]; /* what the kernel has been told of (server_digest) */
	uint8_t told[SCOPE_LEVELS][HASH_SIZE]; /* commits of which watchers have heard everything */
	char refused[256]; /* why the last server could not start; said already */
	struct shm_request requests[SHM_REQUESTS];
	uint32_t handles_high, versions_high; /* rows behind were never used */
	struct shm_handle handles[SHM_HANDLES];
	struct shm_version versions[SHM_VERSIONS];
	struct shm_dir dirs[SHM_DIRS];
	/* Inodes whose pages are to be dropped and that the helper was not told of yet; 0 = free. */
	uint32_t next_drop;
	_Atomic uint32_t dropping; /* how many */
	_Atomic uint64_t drops[SHM_DROPS];
	struct shm_parked parked[SHM_PARKED];
};

_Static_assert(offsetof(struct shm, slot) % SHM_PAGE == 0 &&
		       offsetof(struct shm, status) % SHM_PAGE == 0 &&
		       offsetof(struct shm, version) % SHM_PAGE == 0,
	       "pages of their own");

/* ERR_IO. */
WUR int shm_new(int *fd);
/* ERR_IO; ERR_FORMAT: of another version.  The slot is in memory and stays there. */
WUR int shm_map(int fd, struct shm **out);
void shm_unmap(struct shm *s); /* NULL is fine */

/* Length of the request in the slot; 0 = none. */
static inline uint32_t shm_pending(const struct shm *s)
{
	return atomic_load_explicit((const _Atomic uint32_t *)(const void *)s->slot,
				    memory_order_acquire);
}
static inline void shm_clear(struct shm *s)
{
	atomic_store_explicit((_Atomic uint32_t *)(void *)s->slot, 0, memory_order_release);
}

#endif
