/* SPDX-License-Identifier: ISC */
/*
 * dir - directories and files beneath an opened directory that an adversary may write to.
 *
 * No link is followed, nothing escapes, nothing blocks.  What should not be there (a link, a FIFO, a
 * file for a directory) is ERR_AUTH; ERR_NOENT, ERR_NOMEM and ERR_IO are what they say.
 */
#ifndef DIR_H
#define DIR_H

#include <stddef.h>
#include <sys/types.h>

#include "blob.h"
#include "err.h"

/* path may have several components; flags as for open, mode only with O_CREAT. */
WUR int dir_open_file(int at, const char *path, int flags, mode_t mode, int *out);
WUR int dir_open(int at, const char *path, int *out);

/* Make the directory name, its mode after at's, or open the one that is there. */
WUR int dir_make(int at, const char *name, int *out);

/* fsync, of a file as well. */
WUR int dir_sync(int fd);

/* The bits in mask of dir's mode, and never less than base. */
WUR int dir_mode(int dir, mode_t mask, mode_t base, mode_t *out);
/* Give fd bits for group and others that the umask may have withheld. */
WUR int dir_mode_exact(int fd, mode_t mode);

/* A private copy of a plain file: whole, at most cap bytes (ERR_TOOBIG), ERR_AUTH when it changes its
 * size meanwhile.  flags: as for the backend's get; name then has one component. */
WUR int dir_read(int dir, const char *name, size_t cap, int flags, struct blob *out);

#endif
