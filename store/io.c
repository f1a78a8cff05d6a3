/* SPDX-License-Identifier: ISC */
#include "io.h"

#include <errno.h>
#include <stdint.h>
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
