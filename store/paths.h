/* SPDX-License-Identifier: ISC */
/*
 * paths - where things lie unless told otherwise, in one place.
 *
 * Order: the flag, the environment variable, the default; root's defaults are the system's, others'
 * their own XDG directories.
 */
#ifndef PATHS_H
#define PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum path {
	PATH_ROOT_KEY, /* /etc/secretfs/root.key     SECRETFS_ROOT_KEY */
	PATH_POLICY,   /* /etc/secretfs/policy.ini   SECRETFS_POLICY */
	PATH_BUNDLES,  /* /etc/secretfs/bundles      SECRETFS_BUNDLES */
	PATH_STORE,    /* /var/lib/secretfs/store    SECRETFS_STORE */
	PATH_STATE,    /* /var/lib/secretfs/state    SECRETFS_STATE */
	PATH_MOUNT,    /* /etc/flyte/secrets         SECRETFS_MOUNT */
	PATH_RUN,      /* /run/secretfs              SECRETFS_RUN */
	PATHS,
};

/* flag: the value of the command line's flag, or NULL.  The result is heap, absolute. ERR_NOMEM; ERR_INVAL
 * when no home directory is known. */
WUR int paths_get(enum path which, const char *flag, char **out);
const char *paths_env(enum path which); /* the variable's name */
/* A store that is a URL, and not a path: backend/location.h. */
bool paths_is_url(const char *path);

/* The file in PATH_RUN by which the daemon of the mount at mountpoint is asked how it is. */
#define PATHS_SOCKET 38
void paths_socket(const char *mountpoint, char out[static PATHS_SOCKET]);

/* mkdir -p: directories that are missing get mode. ERR_IO. */
WUR int paths_mkdir(const char *path, unsigned mode);

/* Write a whole small file atomically: temp, fsync, rename, fsync directory.  excl: ERR_EXIST.
 * ERR_NOENT without its directory; ERR_UNKNOWN: it is written but perhaps not durable,
 * or nobody can tell whether it is. */
WUR int paths_write(const char *path, const void *data, size_t len, unsigned mode, bool excl);

#endif
