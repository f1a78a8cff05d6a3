/* SPDX-License-Identifier: ISC */
#include "path_watch.h"

#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "handover.h"
#include "io.h"

#define SETTLE_MS 20   /* after the last event */
#define AGAIN_MS 2000  /* for a directory to be there */
#define RETRY_MIN 2000 /* doubles */
#define RETRY_MAX 3600000
#define RETRY_MAX_DIRECTORY 10000 /* it may be filled without an event here */

static bool watch(struct path_watch *w)
{
	char *copy = strdup(w->path);

	/* Two may be in one directory. */
	w->wd = copy && w->fd >= 0
			? inotify_add_watch(w->fd, dirname(copy),
					    IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR | IN_DELETE_SELF |
						    IN_MOVE_SELF | IN_MASK_ADD |
						    (w->directory ? IN_CREATE : IN_CLOSE_WRITE))
			: -1;
	free(copy);
	return w->wd >= 0;
}

int path_watch_new(void)
{
	return handover_keep(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

void path_watch_open(struct path_watch *w, int fd, int done_fd, const char *path, bool directory)
{
	*w = (struct path_watch){
		.path = path, .directory = directory, .fd = fd, .done_fd = done_fd, .wd = -1};
	w->due = clock_ms(); /* it may have changed before this */
}

/* Its directory is another one, or none. */
static bool is_gone(const struct inotify_event *e)
{
	return e->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF);
}

static bool is_named(const struct path_watch *w, const struct inotify_event *e)
{
	const char *slash = strrchr(w->path, '/');

	return e->wd == w->wd && e->len &&
	       (strcmp(e->name, slash ? slash + 1 : w->path) == 0 ||
		strcmp(e->name, "..data") == 0);
}

static void take(struct path_watch *w, const struct inotify_event *e)
{
	if (e->wd == w->wd && is_gone(e)) {
		inotify_rm_watch(w->fd, w->wd);
		w->wd = -1;
	} else if (!(e->mask & IN_Q_OVERFLOW) && !is_named(w, e)) {
		return;
	}
	w->written |= (e->mask & IN_CLOSE_WRITE) != 0;
	w->wait = 0;
	w->due = clock_ms() + SETTLE_MS;
}

void path_watch_read(int fd, struct path_watch *const *watches, size_t n_watches)
{
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const void *)p;

			for (size_t i = 0; i < n_watches; i++)
				take(watches[i], e);
			p += sizeof(*e) + e->len;
		}
}

/* The watch first: what changes afterwards is told, and what did before is seen. */
static void *look(void *arg)
{
	const uint64_t one = 1;
	struct path_watch *w = arg;
	struct stat st;

	if (w->wd < 0)
		(void)watch(w);
	w->found = stat(w->path, &st) == 0;
	if (w->found)
		w->there = (struct path_id){st.st_dev, st.st_ino};
	if (w->used_fd >= 0 && fstat(w->used_fd, &st) == 0)
		w->used = (struct path_id){st.st_dev, st.st_ino};
	io_close(w->used_fd);
	w->looked = true;
	if (write(w->done_fd, &one, sizeof(one)) < 0)
		return w; /* it cannot: the counter is 64 bits */
	return NULL;
}

static void begin(struct path_watch *w, int used)
{
	w->used_fd = used >= 0 ? handover_keep(fcntl(used, F_DUPFD_CLOEXEC, 0)) : -1;
	w->due = 0;
	w->seen_written = w->written;
	w->written = false;
	w->looking = true;
}

void path_watch_look(struct path_watch *w, int used)
{
	pthread_t thread;

	if (w->looking) { /* it hangs; what comes of it will do */
		w->due = clock_ms() + AGAIN_MS;
		return;
	}
	begin(w, used);
	if (pthread_create(&thread, NULL, look, w) == 0) {
		pthread_detach(thread);
		return;
	}
	io_close(w->used_fd);
	w->looking = false;
	w->written = w->seen_written;
	w->due = clock_ms() + AGAIN_MS;
}

void path_watch_look_now(struct path_watch *w)
{
	begin(w, -1);
	(void)look(w);
}

bool path_watch_looked(struct path_watch *w)
{
	if (!w->looking || !w->looked)
		return false;
	w->looking = false;
	w->looked = false;
	if (w->wd < 0 && !w->due)
		w->due = clock_ms() + AGAIN_MS;
	return true;
}

bool path_watch_changed(const struct path_watch *w, const struct path_id *taken)
{
	return w->found &&
	       (w->seen_written || w->there.dev != taken->dev || w->there.ino != taken->ino);
}

void path_watch_again(struct path_watch *w)
{
	w->written |= w->seen_written;
	w->due = clock_ms() + SETTLE_MS;
}

void path_watch_retry(struct path_watch *w)
{
	w->wait = w->wait ? 2 * w->wait : RETRY_MIN;
	if (w->wait > (w->directory ? RETRY_MAX_DIRECTORY : RETRY_MAX))
		w->wait = w->directory ? RETRY_MAX_DIRECTORY : RETRY_MAX;
	w->written = true;
	w->due = clock_ms() + w->wait;
}
