/* SPDX-License-Identifier: ISC */
#include "standin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fetch.h"
#include "log.h"
#include "park.h"
#include "sandbox.h"
#include "shm.h"

#define TICK_MS 100
#define BURST 64 /* requests, until the lock is looked at */

struct standin {
	int fuse, lock;
	struct shm *shared;
	struct park *park;
	bool full; /* in the slot is what has no room, and cannot be refused */
};

static bool has_successor(const struct standin *s)
{
	return handover_holder(s->lock, HANDOVER_LOCK_SERVER) != 0;
}

static const struct fuse_in_header *in_slot(const struct standin *s)
{
	return (const void *)s->shared->slot;
}

static void refuse(struct standin *s, const struct fuse_in_header *in, int err)
{
	const struct fuse_out_header out = {
		.len = sizeof(out), .error = -err, .unique = in->unique};

	if (write(s->fuse, &out, sizeof(out)) < 0)
		log_say(LOGGED_DEBUG, "nobody waited for it any more");
	s->shared->answered++;
}

static bool has_no_answer(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT;
}

/* Somebody waits for it, and nothing is lost with it.  Changes are the helper's, which makes events. */
static bool is_to_be_refused(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_GETATTR:
	case FUSE_ACCESS:
	case FUSE_OPEN:
	case FUSE_READ:
	case FUSE_LSEEK:
	case FUSE_FLUSH:
	case FUSE_OPENDIR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_STATFS:
		return true;
	default:
		return false;
	}
}

/* It waits in a row of its own, or is refused.  False: neither. */
static bool take(struct standin *s, const struct fuse_in_header *in)
{
	if (has_no_answer(in->opcode) || park_add(s->park, in, in->len, in->uid))
		return true;
	if (!is_to_be_refused(in->opcode) && in->len <= SHM_PARKED_SIZE)
		return false;
	refuse(s, in, EAGAIN);
	return true;
}

static void take_slot(struct standin *s)
{
	s->full = !take(s, in_slot(s));
	if (!s->full)
		shm_clear(s->shared);
}

/* What the last server had taken. */
static void take_left(struct standin *s)
{
	uint32_t pending = shm_pending(s->shared);

	for (uint32_t i = 0; i < SHM_REQUESTS; i++) {
		struct shm_request *r = &s->shared->requests[i];
		const struct fuse_in_header *in = (const void *)r->bytes;
		uint32_t len = r->len;

		if (len >= sizeof(*in) && len <= SHM_REQUEST_BYTES &&
		    is_to_be_refused(in->opcode) && take(s, in))
			r->len = 0;
	}
	if (pending >= sizeof(struct fuse_in_header) && pending <= SHM_SLOT_SIZE)
		take_slot(s);
	s->shared->waiting = 0; /* for this one, that is */
}

static void refuse_late(struct standin *s)
{
	int64_t now = clock_ms();
	struct parked *next;

	for (struct parked *p = park_first(s->park); p; p = next) {
		const struct fuse_in_header *in = park_request(s->park, p);

		next = p->next;
		if (!is_to_be_refused(in->opcode) ||
		    now < s->shared->parked[p->row].since + FETCH_SECONDS * 1000)
			continue;
		refuse(s, in, EIO);
		park_done(s->park, p);
	}
}

/* False: the mount is gone. */
static bool receive(struct standin *s)
{
	for (int i = 0; i < BURST && !s->full; i++) {
		ssize_t n = read(s->fuse, s->shared->slot, sizeof(s->shared->slot));

		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			return true;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			return false;
		take_slot(s);
	}
	return true;
}

static int stand_in(struct standin *s)
{
	take_left(s);
	while (!has_successor(s)) {
		struct pollfd p = {.fd = s->full ? -1 : s->fuse, .events = POLLIN};

		refuse_late(s);
		if (poll(&p, 1, TICK_MS) > 0 && !has_successor(s) && !receive(s))
			break;
	}
	return 0;
}

static bool confine(const struct mount_config *c)
{
	const struct sandbox box = {
		.any = c->sandbox_any,
		.uid = c->drop ? c->uid : 0,
		.gid = c->gid,
		.store = "/dev/null", /* none: all it needs is open */
		.proc = -1,
	};

	return sandbox_drop(&box) == 0 && sandbox_files(&box, "", NULL, 0) == 0 &&
	       sandbox_calls() == 0;
}

int standin_main(struct handover *h)
{
	struct standin s = {.fuse = h->fd[HANDOVER_FUSE], .lock = h->fd[HANDOVER_SHARED]};
	const struct mount_config *c;

	if (handover_map_config(h->fd[HANDOVER_CONFIG], &c) < 0 || shm_map(s.lock, &s.shared) < 0 ||
	    fcntl(s.fuse, F_SETFL, O_NONBLOCK) < 0)
		return EXIT_FAILURE;
	if (c->log_syslog)
		log_connect();
	if (handover_lock(s.lock, HANDOVER_LOCK_STANDIN, false) < 0 || has_successor(&s))
		return EXIT_SUCCESS;
	if (!confine(c)) {
		log_say(LOGGED_ERROR, "nobody answers until the server has loaded: %s",
			strerror(errno));
		return EXIT_FAILURE;
	}
	return park_open(s.shared, NULL, &s.park) < 0 ? EXIT_FAILURE : stand_in(&s);
}
