/* SPDX-License-Identifier: ISC */
#ifndef VERSION_H
#define VERSION_H

/* The one place the version stands; every --version prints it. */
#define SECRETFS_VERSION "0.1.0"

#endif
