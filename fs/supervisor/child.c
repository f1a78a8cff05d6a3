/* SPDX-License-Identifier: ISC */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILL_MS 5000 /* one that the kernel does not let go (a dead disk) is not waited for */

static bool watch(struct child *c, pid_t pid)
{
	struct timespec t;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	*c = (struct child){
		.pid = pid,
		.pidfd = handover_keep(fd),
		.since = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000,
		.status = SIGKILL,
	};
	return true;
}

static void forget(struct child *c)
{
	if (c->pidfd >= 0)
		close(c->pidfd);
	*c = (struct child){.pidfd = -1};
}

void child_start(struct child *c, const struct handover *h, unsigned which, int exe, enum role role,
		 const char *mountpoint)
{
	pid_t pid = handover_spawn(h, which, exe, role, mountpoint);

	if (pid > 0 && !watch(c, pid)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* Its number may have been given to another process before it was opened, but that holds no lock. */
bool child_adopt(struct child *c, int fd, int lock)
{
	pid_t pid = handover_holder(fd, lock);

	if (!pid || !watch(c, pid))
		return false;
	if (handover_holder(fd, lock) == pid)
		return true;
	forget(c);
	return false;
}

void child_signal(const struct child *c, int signal)
{
	if (c->pid > 0 && !c->ended)
		syscall(SYS_pidfd_send_signal, c->pidfd, signal, NULL, 0);
}

static bool has_ended(const struct child *c, int ms)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

void child_look(struct child *c)
{
	int status;

	if (c->pid <= 0 || c->ended || !has_ended(c, 0))
		return;
	c->ended = true;
	if (waitpid(c->pid, &status, WNOHANG) == c->pid)
		c->status = status;
}

bool child_take_end(struct child *c, int *status)
{
	if (c->pid <= 0 || !c->ended)
		return false;
	*status = c->status;
	forget(c);
	return true;
}

void child_wait(struct child *c, int ms)
{
	if (c->pid > 0 && !c->ended && has_ended(c, ms))
		child_look(c);
}

void child_kill(struct child *c)
{
	if (c->pid > 0 && !c->ended) {
		child_signal(c, SIGKILL);
		child_wait(c, KILL_MS);
	}
	forget(c);
}
