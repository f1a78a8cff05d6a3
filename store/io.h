/* SPDX-License-Identifier: ISC */
/*
 * io - the few things every file that touches descriptors needs.
 */
#ifndef IO_H
#define IO_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* Close at the end of the block; -1 is fine; errno stays. */
void io_fd_cleanup(int *fd);
#define FD_CLEANUP __attribute__((cleanup(io_fd_cleanup)))

/* Close and unlink keeping errno, for the paths that already failed. */
void io_close(int fd);
void io_unlinkat(int dir, const char *name);

/*
 * Rename in dir, and find out what an error means: a call that is reported as failed may have been
 * done (a network file system whose reply was lost).  excl: never over something else, ERR_EXIST.
 * ERR_IO: it was not done, from is still there.  ERR_UNKNOWN: neither can be told.
 */
WUR int io_rename(int dir, const char *from, const char *to, bool excl);
/* The same for a temporary file: with any error but ERR_UNKNOWN it is gone, and never gets its name. */
WUR int io_rename_temp(int dir, const char *temp, const char *name, bool excl);

/* All of it. ERR_IO. */
WUR int io_write(int fd, const void *data, size_t len);

/* Up to cap bytes or the end of the file, whichever comes first.  ERR_IO. */
WUR int io_read(int fd, void *data, size_t cap, size_t *len);

#endif
