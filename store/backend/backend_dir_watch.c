/* SPDX-License-Identifier: ISC */
#include "backend_dir.h"

#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "io.h"

/*
 * refs for the refs themselves, however they are written (renamed in, linked, rewritten in place),
 * and the top for a refs directory that is put in place of the watched one.
 */
#define WATCH_REFS                                                                                 \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF |   \
	 IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW)
#define WATCH_TOP (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* Through /proc the descriptor is watched, whatever has become of its path. */
static int watch_add(const struct backend_dir *d, const char *sub, uint32_t mask)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", d->top, sub);
	return inotify_add_watch(d->inotify, path, mask);
}

static void watch_again(struct backend_dir *d)
{
	int wd = watch_add(d, "refs", WATCH_REFS);

	/* A directory moved away is still watched; its successor is what counts. */
	if (d->watch_refs >= 0 && wd != d->watch_refs)
		inotify_rm_watch(d->inotify, d->watch_refs);
	d->watch_refs = wd;
}

int backend_dir_watch(struct backend *b, int *fd)
{
	struct backend_dir *d = backend_dir_of(b);

	if (d->inotify < 0) {
		d->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (d->inotify < 0)
			return ERR_IO;
		d->watch_top = watch_add(d, ".", WATCH_TOP);
		d->watch_refs = watch_add(d, "refs", WATCH_REFS);
		if (d->watch_top < 0 || d->watch_refs < 0) {
			io_close(d->inotify);
			d->inotify = -1;
			return ERR_IO;
		}
	}
	*fd = d->inotify;
	return 0;
}

/* Bounded: a store written to without end is not to keep us here; the rest polls readable again. */
void backend_dir_watch_clear(struct backend *b)
{
	_Alignas(struct inotify_event) char buf[16384];
	struct backend_dir *d = backend_dir_of(b);
	bool moved = false;

	for (int round = 0; d->inotify >= 0 && round < 16; round++) {
		ssize_t n = read(d->inotify, buf, sizeof(buf));

		if (n <= 0)
			break;
		for (const char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const void *)p;

			moved |= e->wd == d->watch_top || (e->mask & (IN_IGNORED | IN_MOVE_SELF)) ||
				 (e->mask & IN_Q_OVERFLOW);
			p += sizeof(*e) + e->len;
		}
	}
	if (moved)
		watch_again(d);
}
