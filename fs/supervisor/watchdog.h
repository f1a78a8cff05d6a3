/* SPDX-License-Identifier: ISC */
/*
 * watchdog - notices a server that has work and does not answer, stopped or hung.
 *
 * It costs a busy mount one look a second, and an idle one nothing: the kernel says once that there
 * is work (epoll, one shot), and nothing more is asked until looking found none.
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "shm.h"

struct watchdog {
	int fd; /* polls readable: watchdog_wake */
	int fuse_fd;
	const struct shm *shared;
	bool looking;
	int64_t look_at, stuck_since; /* ms of the monotonic clock */
	uint64_t answered;
};

enum watchdog_sight {
	WATCHDOG_WELL,
	WATCHDOG_OVER,	/* unmounted or aborted: nobody will ask again */
	WATCHDOG_STUCK, /* for hang_seconds; said once */
};

/* ERR_IO.  fuse_fd -1: none yet. */
WUR int watchdog_open(struct watchdog *w, const struct shm *shared);
/* Sleep until there is work on fuse_fd, which is mounted. */
void watchdog_sleep(struct watchdog *w, int fuse_fd);
/* The same, but look first: nobody knows how it is. */
void watchdog_start(struct watchdog *w, int fuse_fd);
/* It polls readable. */
enum watchdog_sight watchdog_wake(struct watchdog *w);
/* At look_at while looking.  serving: there is a server that could answer. */
enum watchdog_sight watchdog_look(struct watchdog *w, bool serving, unsigned hang_seconds);

/* Is the mount of that descriptor (-1: none) over? */
bool watchdog_is_over(int fuse_fd);

#endif
