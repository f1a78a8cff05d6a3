/* SPDX-License-Identifier: ISC */
/*
 * request_queue - requests that were taken from the kernel and are not answered yet, in a fair order.
 *
 * The kernel hands requests out in the order in which they came, so that everybody waits behind all
 * the threads of everybody else.  Here each user has a lane, and next is the lane for which the least
 * time was spent of late (start-time fair queueing: Goyal, Vin, Cheng, SIGCOMM 1996; what is spent is
 * measured, not foreseen).  A lane that was idle has no claim on the time it did not use.
 *
 * The requests lie in the shared memory until they are answered, and a successor begins with them.
 * Not thread-safe: it belongs to the serving thread.
 */
#ifndef REQUEST_QUEUE_H
#define REQUEST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shm.h"

struct request_queue;

/* What a predecessor left is in it, each in the lane of the user that its header names.  ERR_NOMEM. */
WUR int request_queue_open(struct shm *shared, struct request_queue **out);
void request_queue_close(struct request_queue *q); /* NULL is fine */

unsigned request_queue_len(
	const struct request_queue *q); /* without the one that is being served */
/* Is there room for one more of that length? */
bool request_queue_fits(const struct request_queue *q, size_t len);
/* It fits. */
void request_queue_put(struct request_queue *q, uid_t uid, const void *request, size_t len);

/* The next to serve, with its bytes in place until it is done; NULL: there is none.  *left: a
 * predecessor took it, and may have begun to answer it. */
struct shm_request *request_queue_next(struct request_queue *q, bool *left);
/* It is answered, and took that long (ns). */
void request_queue_done(struct request_queue *q, struct shm_request *r, int64_t ns);

#endif
