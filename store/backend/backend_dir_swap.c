/* SPDX-License-Identifier: ISC */
#include "backend_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dir.h"
#include "io.h"

#define LOCK_SECONDS 30
#define REF_MAX (64u * 1024u)

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * An open file description lock: other threads are kept out too, and the kernel lets go when the
 * holder dies.  Polled, because a stopped holder is not to hang us for good.  Readers of the store
 * cannot even open the file: a lock for reading would keep writers out.
 */
static int lock_take(struct backend_dir *d, int *out)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int64_t deadline = now_ms() + (int64_t)LOCK_SECONDS * 1000;
	struct timespec pause = {.tv_nsec = 500000};
	FD_CLEANUP int fd = -1;
	struct stat st;
	mode_t mode = 0;
	int r;

	r = dir_mode(d->top, 020, 0600, &mode);
	if (r)
		return r;
	mode |= (mode & 020) << 1;
	r = dir_open_file(d->top, "lock", O_RDWR | O_CREAT, mode, &fd);
	if (r)
		return r;
	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode))
		return ERR_AUTH;
	while (fcntl(fd, F_OFD_SETLK, &l) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return ERR_IO;
		if (now_ms() > deadline)
			return ERR_TIMEOUT;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
	}
	*out = fd;
	fd = -1;
	return 0;
}

static int ref_is(int refs, const char *name, const struct blob *old)
{
	BLOB_CLEANUP struct blob now = {0};
	int r = dir_read(refs, name, REF_MAX, 0, &now);

	if (r == ERR_NOENT)
		return old ? ERR_CONFLICT : 0;
	if (r)
		return r;
	return old && blob_eq(old, &now) ? 0 : ERR_CONFLICT;
}

/* Write temp, durable.  Under the lock one of that name can only be the stray of a dead writer. */
static int temp_write(int refs, const char *temp, const struct blob *data)
{
	FD_CLEANUP int fd = -1;
	mode_t mode = 0;
	int r;

	if (unlinkat(refs, temp, 0) != 0 && errno != ENOENT)
		return ERR_IO;
	r = dir_mode(refs, 044, 0600, &mode);
	if (!r)
		r = dir_open_file(refs, temp, O_WRONLY | O_CREAT | O_EXCL, mode, &fd);
	if (r)
		return r;
	r = dir_mode_exact(fd, mode);
	if (!r)
		r = io_write(fd, data->data, data->len);
	if (!r)
		r = dir_sync(fd);
	if (r)
		io_unlinkat(refs, temp);
	return r;
}

static int swap_locked(int refs, const char *name, const struct blob *old, const struct blob *new)
{
	char temp[BACKEND_KEY_SIZE + 8];
	int r;

	r = ref_is(refs, name, old);
	if (r)
		return r;
	snprintf(temp, sizeof(temp), ".%s.new", name);
	r = temp_write(refs, temp, new);
	if (r)
		return r;
	r = io_rename_temp(refs, temp, name, false);
	if (r)
		return r;
	return dir_sync(refs) ? ERR_UNKNOWN : 0;
}

int backend_dir_swap(struct backend *b, const char *key, const struct blob *old,
		     const struct blob *new)
{
	FD_CLEANUP int refs = -1;
	FD_CLEANUP int lock = -1;
	struct dir_key k;
	int r;

	r = backend_dir_split(key, &k);
	if (r)
		return r;
	if (strcmp(k.dir, "refs") != 0 || new->len > REF_MAX)
		return ERR_INVAL;
	r = dir_open(backend_dir_of(b)->top, "refs", &refs);
	if (!r)
		r = backend_dir_layout(backend_dir_of(b));
	if (!r)
		r = lock_take(backend_dir_of(b), &lock);
	return r ? r : swap_locked(refs, k.name, old, new);
}

/* A ref goes under the lock and durably; an object that comes back after a power cut is a stray. */
int backend_dir_delete(struct backend *b, const char *key)
{
	FD_CLEANUP int lock = -1;
	FD_CLEANUP int sub = -1;
	struct dir_key k;
	bool ref;
	int r;

	r = backend_dir_split(key, &k);
	if (r)
		return r;
	ref = strcmp(k.dir, "refs") == 0;
	r = dir_open(backend_dir_of(b)->top, k.dir, &sub);
	if (r)
		return r == ERR_NOENT ? 0 : r;
	if (ref)
		r = lock_take(backend_dir_of(b), &lock);
	if (r)
		return r;
	if (unlinkat(sub, k.name, 0) != 0)
		return errno == ENOENT ? 0 : ERR_IO;
	return ref && dir_sync(sub) ? ERR_UNKNOWN : 0;
}
