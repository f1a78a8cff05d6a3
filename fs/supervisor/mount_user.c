/* SPDX-License-Identifier: ISC */
#include "mount_user.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

/* The descriptor that fusermount3 passes (its man page; message of one byte with SCM_RIGHTS). */
static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* posix_spawn, since it copies no memory: a fork would copy secrets out of their locked pages. */
static bool run_helper(char *const argv[], int socket, int *status)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;
	int e;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&actions);
	if (socket >= 0)
		posix_spawn_file_actions_adddup2(&actions, socket,
						 socket); /* clears close-on-exec */
	e = posix_spawnp(&pid, argv[0], &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (e) {
		log_say(LOGGED_ERROR, "%s: %s; install the package fuse3", argv[0], strerror(e));
		return false;
	}
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

int mount_user_mount(const char *path, const char *options)
{
	char helper[] = MOUNT_USER_HELPER, dash_o[] = "-o", end[] = "--", number[16];
	char *with = strdup(options), *at = strdup(path);
	int pair[2], status = -1, fd = -1;

	if (with && at && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		char *argv[] = {helper, dash_o, with, end, at, NULL};

		snprintf(number, sizeof(number), "%d", pair[0]);
		setenv("_FUSE_COMMFD", number, 1);
		if (run_helper(argv, pair[0], &status) && status == 0)
			fd = receive_fd(pair[1]);
		unsetenv("_FUSE_COMMFD");
		close(pair[0]);
		close(pair[1]);
	}
	free(with);
	free(at);
	if (fd < 0)
		log_say(LOGGED_ERROR,
			"%s: fusermount3 did not mount it (what it says stands above); the directory must be yours and /dev/fuse accessible",
			path);
	return fd;
}

void mount_user_unmount(const char *path)
{
	char helper[] = MOUNT_USER_HELPER, u[] = "-u", q[] = "-q", z[] = "-z", end[] = "--";
	char *copy = strdup(path), *argv[] = {helper, u, q, z, end, copy, NULL};
	int status;

	if (copy)
		run_helper(argv, -1, &status);
	free(copy);
}
