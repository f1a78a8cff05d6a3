/* SPDX-License-Identifier: ISC */
#include "daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

static int ready_pipe = -1;

/* The child writes one byte when it is ready; if it ends before, the pipe does too. */
static int wait_for_child(pid_t pid, int pipe_fd)
{
	int status;
	ssize_t n;
	char byte;

	do
		n = read(pipe_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status))
		log_say(LOGGED_ERROR, "the daemon was killed by signal %d while it started",
			WTERMSIG(status));
	return 1;
}

/* Whoever waits for the other end of a descriptor that was left open to us would wait for good. */
static int keep_only(int fd)
{
	const int kept = STDERR_FILENO + 1;

	if (fd != kept && dup3(fd, kept, O_CLOEXEC) < 0)
		return fd;
	close_range((unsigned)kept + 1, ~0u, 0);
	return kept;
}

bool daemonize_start(int *status)
{
	int pair[2];
	pid_t pid;

	*status = 1;
	if (pipe2(pair, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		log_say(LOGGED_ERROR, "cannot go to the background: %s", strerror(errno));
		return false;
	}
	if (pid > 0) {
		close(pair[1]);
		*status = wait_for_child(pid, pair[0]);
		return false;
	}
	ready_pipe = keep_only(pair[1]);
	setsid();
	return true;
}

void daemonize_ready(bool keep_stderr)
{
	int null;

	if (ready_pipe < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (!keep_stderr)
			dup2(null, STDERR_FILENO);
		close(null);
	}
	if (write(ready_pipe, "", 1) < 0)
		log_say(LOGGED_DEBUG, "who started this has gone");
	close(ready_pipe);
	ready_pipe = -1;
}
