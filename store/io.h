/* SPDX-License-Identifier: ISC */
/*
 * io - the few things every file that touches descriptors needs.
 */
#ifndef IO_H
#define IO_H

#include <stddef.h>

#include "err.h"

/* Close at the end of the block; -1 is fine; errno stays. */
void io_fd_cleanup(int *fd);
#define FD_CLEANUP __attribute__((cleanup(io_fd_cleanup)))

/* Close and unlink keeping errno, for the paths that already failed. */
void io_close(int fd);
void io_unlinkat(int dir, const char *name);

/* All of it. ERR_IO. */
WUR int io_write(int fd, const void *data, size_t len);

/* Up to cap bytes or the end of the file, whichever comes first.  ERR_IO. */
WUR int io_read(int fd, void *data, size_t cap, size_t *len);

#endif
