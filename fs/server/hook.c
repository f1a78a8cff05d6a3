/* SPDX-License-Identifier: ISC */
#include "hook.h"

#ifdef TEST_HOOKS

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "handover.h"

#define PREFIX "user.secretfs.hook."

static int hook_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int hook_write(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int hook_socket(const char *path)
{
	(void)path;
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

/* The calls below do not return. */
static int hook_connect(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return connect(0, (struct sockaddr *)&to, sizeof(to));
}

static int hook_exec(const char *path)
{
	return execl(path, path, NULL);
}

static int hook_fork(const char *path)
{
	(void)path;
	return (int)syscall(SYS_clone, 17 /* SIGCHLD */, 0, 0, 0, 0);
}

static int hook_code(const char *path)
{
	(void)path;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? -1
		       : 0;
}

static const struct {
	const char *name;
	int (*run)(const char *arg);
} hooks[] = {
	{"open:", hook_open},	    {"write:", hook_write}, {"socket:", hook_socket},
	{"connect:", hook_connect}, {"exec:", hook_exec},   {"fork:", hook_fork},
	{"code:", hook_code},
};

bool hook_xattr(const char *name, char *out, size_t size)
{
	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return false;
	name += strlen(PREFIX);
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		size_t n = strlen(hooks[i].name);

		if (strncmp(name, hooks[i].name, n) != 0)
			continue;
		snprintf(out, size, "%s",
			 hooks[i].run(name + n) >= 0 ? "OK" : strerrorname_np(errno));
		return true;
	}
	return false;
}

static struct message flood;
static int flooded = -1;

static void *flood_on(void *arg)
{
	for (;;)
		if (send(flooded, &flood, sizeof(flood), MSG_NOSIGNAL) < 0 && errno == EPIPE)
			return arg;
}

void hook_say(struct message *m, int channel)
{
	const char *text = getenv("SECRETFS_TEST_SAY");
	pthread_t thread;

	if (text)
		snprintf(m->scope.project, sizeof(m->scope.project), "%s", text);
	if (!getenv("SECRETFS_TEST_FLOOD"))
		return;
	flood = *m;
	flooded = channel;
	(void)pthread_create(&thread, NULL, flood_on, NULL);
}

bool hook_no_slot(void)
{
	return getenv("SECRETFS_TEST_NO_SLOT") != NULL;
}

#else

void hook_say(struct message *m, int channel)
{
	(void)m, (void)channel;
}

bool hook_xattr(const char *name, char *out, size_t size)
{
	(void)name, (void)out, (void)size;
	return false;
}

bool hook_no_slot(void)
{
	return false;
}

#endif
