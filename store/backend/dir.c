/* SPDX-License-Identifier: ISC */
#include "dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"
#include "io.h"

/* Links, sockets, files where directories belong: somebody's doing, not the disk's. */
static int open_error(void)
{
	switch (errno) {
	case ENOENT:
		return ERR_NOENT;
	case ELOOP:
	case EXDEV:
	case ENXIO:
	case ENODEV:
	case ENOTDIR:
	case EISDIR:
		return ERR_AUTH;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

int dir_open_file(int at, const char *path, int flags, mode_t mode, int *out)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, at, path, &how, sizeof(how));
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return open_error();
	*out = (int)fd;
	return 0;
}

int dir_open(int at, const char *path, int *out)
{
	return dir_open_file(at, path, O_RDONLY | O_DIRECTORY, 0, out);
}

int dir_sync(int fd)
{
	return fsync(fd) == 0 ? 0 : ERR_IO;
}

int dir_mode(int dir, mode_t mask, mode_t base, mode_t *out)
{
	struct stat st;

	if (fstat(dir, &st) != 0)
		return ERR_IO;
	*out = base | (st.st_mode & mask);
	return 0;
}

int dir_mode_exact(int fd, mode_t mode)
{
	if ((mode & 077) && fchmod(fd, mode) != 0)
		return ERR_IO;
	return 0;
}

/* Exactly size bytes to the end of fd: one that shrank or grew is being rewritten under our eyes. */
static int read_exact(int fd, size_t size, struct blob *out)
{
	uint8_t *data = malloc(size + 1);
	size_t len = 0;
	int r;

	if (!data)
		return ERR_NOMEM;
	r = io_read(fd, data, size + 1, &len);
	if (!r && len != size)
		r = ERR_AUTH;
	if (r || size == 0) {
		free(data);
		data = NULL;
	}
	if (!r)
		*out = (struct blob){.data = data, .len = size};
	return r;
}

int dir_read(int dir, const char *name, size_t cap, int flags, struct blob *out)
{
	BLOB_CLEANUP struct blob data = {0};
	FD_CLEANUP int fd = -1;
	struct stat st;
	int r;

	r = dir_open_file(dir, name, O_RDONLY, 0, &fd);
	if (r)
		return r;
	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode))
		return ERR_AUTH;
	if (st.st_size < 0 || (uint64_t)st.st_size > cap)
		return ERR_TOOBIG;
	if (flags & BACKEND_SIZE) {
		*out = (struct blob){.len = (size_t)st.st_size};
		return 0;
	}
	r = read_exact(fd, (size_t)st.st_size, &data);
	if (r)
		return r;
	/* After the read, not before it: a rename that falls between an fsync and the read would be
	 * seen and not be durable.  The file too, for a store that was copied here. */
	if ((flags & BACKEND_DURABLE) && (dir_sync(fd) || dir_sync(dir)))
		return ERR_IO;
	*out = data;
	data = (struct blob){0};
	return 0;
}

int dir_make(int at, const char *name, int *out)
{
	FD_CLEANUP int fd = -1;
	mode_t mode = 0;
	int r;

	r = dir_mode(at, 02077, 0700, &mode);
	if (r)
		return r;
	if (mkdirat(at, name, mode & 0777) != 0)
		return errno == EEXIST ? dir_open(at, name, out) : ERR_IO;
	r = dir_open(at, name, &fd);
	if (!r)
		r = dir_mode_exact(fd, mode);
	if (r)
		return r;
	*out = fd;
	fd = -1;
	return 0;
}
