/* SPDX-License-Identifier: ISC */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

void io_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

void io_fd_cleanup(int *fd)
{
	io_close(*fd);
}

void io_unlinkat(int dir, const char *name)
{
	int saved = errno;

	(void)unlinkat(dir, name, 0);
	errno = saved;
}

/* The file of that name as opened: a network file system asks its server then, for a name alone it
 * may not. */
static int stat_opened(int dir, const char *name, struct stat *st)
{
	FD_CLEANUP int fd =
		openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		return fstat(fd, st) == 0 ? 0 : ERR_IO;
	/* Not for its owner to read. */
	return errno == EACCES && fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : ERR_IO;
}

static bool is_file(int dir, const char *name, const struct stat *file)
{
	struct stat st;

	return stat_opened(dir, name, &st) == 0 && st.st_dev == file->st_dev &&
	       st.st_ino == file->st_ino;
}

static int try_rename(int dir, const char *from, const char *to, bool excl)
{
	if (!excl)
		return renameat(dir, from, dir, to);
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	/* A file system without RENAME_NOREPLACE. */
	if (errno != EINVAL || linkat(dir, from, dir, to, 0) != 0)
		return -1;
	io_unlinkat(dir, from);
	return 0;
}

int io_rename(int dir, const char *from, const char *to, bool excl)
{
	struct stat file;
	int error, r;

	if (stat_opened(dir, from, &file) != 0)
		return ERR_IO;
	if (try_rename(dir, from, to, excl) == 0)
		return 0;
	error = errno;
	if (is_file(dir, to, &file)) {
		io_unlinkat(dir, from); /* it was a link that was made */
		return 0;
	}
	r = is_file(dir, from, &file) ? ERR_IO : ERR_UNKNOWN;
	errno = error;
	return r == ERR_IO && excl && error == EEXIST ? ERR_EXIST : r;
}

int io_rename_temp(int dir, const char *temp, const char *name, bool excl)
{
	int r = io_rename(dir, temp, name, excl), error = errno;

	/* Gone, it cannot get the name any more, whatever is still under way. */
	if (r && r != ERR_UNKNOWN && unlinkat(dir, temp, 0) != 0)
		r = ERR_UNKNOWN;
	errno = error;
	return r;
}

int io_write(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_read(int fd, void *data, size_t cap, size_t *len)
{
	uint8_t *p = data;
	size_t have = 0;

	while (have < cap) {
		ssize_t n = read(fd, p + have, cap - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*len = have;
	return 0;
}
