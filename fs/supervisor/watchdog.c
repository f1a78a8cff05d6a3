/* SPDX-License-Identifier: ISC */
#include "watchdog.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include "clock.h"
#include "handover.h"
#include "backoff.h"

#define LOOK_MS 1000 /* between two looks at a server that has work */

bool watchdog_is_over(int fuse_fd)
{
	struct pollfd p = {.fd = fuse_fd, .events = POLLIN};

	return fuse_fd >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

static bool has_work(const struct watchdog *w)
{
	struct pollfd p = {.fd = w->fuse_fd, .events = POLLIN};

	return shm_pending(w->shared) || w->shared->waiting ||
	       (poll(&p, 1, 0) == 1 && (p.revents & POLLIN));
}

int watchdog_open(struct watchdog *w, const struct shm *shared)
{
	*w = (struct watchdog){.fuse_fd = -1, .shared = shared};
	w->fd = handover_keep(epoll_create1(EPOLL_CLOEXEC));
	return w->fd >= 0 ? 0 : ERR_IO;
}

void watchdog_sleep(struct watchdog *w, int fuse_fd)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};

	w->fuse_fd = fuse_fd;
	w->looking = false;
	if (epoll_ctl(w->fd, EPOLL_CTL_MOD, fuse_fd, &e) != 0 && errno == ENOENT)
		epoll_ctl(w->fd, EPOLL_CTL_ADD, fuse_fd, &e);
}

void watchdog_start(struct watchdog *w, int fuse_fd)
{
	w->fuse_fd = fuse_fd;
	w->looking = true;
	w->answered = w->shared->answered;
	w->look_at = clock_ms() + LOOK_MS;
	w->stuck_since = 0;
}

enum watchdog_sight watchdog_wake(struct watchdog *w)
{
	struct epoll_event e;

	if (epoll_wait(w->fd, &e, 1, 0) < 1)
		return WATCHDOG_WELL;
	if (watchdog_is_over(w->fuse_fd))
		return WATCHDOG_OVER;
	watchdog_start(w, w->fuse_fd);
	return WATCHDOG_WELL;
}

enum watchdog_sight watchdog_look(struct watchdog *w, bool serving, unsigned hang_seconds)
{
	uint64_t answered = w->shared->answered;
	int64_t now = clock_ms();

	w->look_at = now + LOOK_MS;
	if (watchdog_is_over(w->fuse_fd))
		return WATCHDOG_OVER;
	if (answered != w->answered || !serving) {
		w->answered = answered;
		w->stuck_since = 0;
	} else if (!has_work(w)) {
		watchdog_sleep(w, w->fuse_fd);
	} else if (!w->stuck_since) {
		w->stuck_since = now;
	} else if (hang_seconds && now - w->stuck_since >= 1000 * hang_seconds - LOOK_MS) {
		w->stuck_since = 0;
		return WATCHDOG_STUCK;
	}
	return WATCHDOG_WELL;
}
