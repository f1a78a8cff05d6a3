/* SPDX-License-Identifier: ISC */
#include "event_maker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

bool event_maker_is_sound(const struct event_order *o)
{
	return strnlen(o->token, sizeof(o->token)) == sizeof(o->token) - 1 &&
	       strspn(o->token, "0123456789abcdef") == sizeof(o->token) - 1 &&
	       memchr(o->path, '\0', sizeof(o->path)) && name_check(o->path) == 0;
}

static void name_with(char out[static EVENT_STAGING_SIZE], const struct event_order *o,
		      const char *what)
{
	snprintf(out, EVENT_STAGING_SIZE, ".%s%s", o->token, what);
}

static int open_below(int root, const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static void look_up(int root, const struct event_order *o, const char *what)
{
	char name[EVENT_STAGING_SIZE];
	struct stat st;

	name_with(name, o, what);
	(void)!fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW);
}

static int operate(int dir, const char *name, const struct event_order *o)
{
	char staging[EVENT_STAGING_SIZE];

	name_with(staging, o, EVENT_STAGING);
	switch ((enum event_kind)o->kind) {
	case EVENT_PUT:
		return renameat(dir, staging, dir, name);
	case EVENT_UNLINK:
		return unlinkat(dir, name, 0);
	case EVENT_MKDIR:
		return mkdirat(dir, name, 0555);
	case EVENT_RMDIR:
		return unlinkat(dir, name, AT_REMOVEDIR);
	}
	errno = EINVAL;
	return -1;
}

static void make_event(int root, const struct event_order *o)
{
	const char *slash = strrchr(o->path, '/'), *name = slash ? slash + 1 : o->path;
	char path[NAME_SIZE] = ".";
	int dir;

	if (slash) {
		memcpy(path, o->path, (size_t)(slash - o->path));
		path[slash - o->path] = '\0';
	}
	look_up(root, o, EVENT_BEGIN);
	dir = open_below(root, path);
	/* What is gone meanwhile needs no event. */
	if (dir < 0 || operate(dir, name, o) != 0)
		log_say(LOGGED_DEBUG, "no event for a name: %s", strerror(errno));
	if (dir >= 0)
		close(dir);
	look_up(root, o, EVENT_FINISH);
}

void event_maker_run(int root, const void *message, size_t len)
{
	struct event_order o;

	if (len != sizeof(o))
		return;
	memcpy(&o, message, sizeof(o));
	if (event_maker_is_sound(&o))
		make_event(root, &o);
	else
		log_say(LOGGED_ALARM,
			"the server asked for an event at what is no name of a secret");
}
