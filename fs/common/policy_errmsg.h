/* SPDX-License-Identifier: ISC */
/*
 * policy_errmsg - the one form in which secretfs tells what is wrong with a policy.
 */
#ifndef POLICY_ERRMSG_H
#define POLICY_ERRMSG_H

#include <limits.h>

#include "policy.h"

#define POLICY_ERRMSG_SIZE (PATH_MAX + sizeof(struct policy_error) + 64)

/* "PATH:LINE: reason", or "PATH: reason"; where there is none, how to make one.  Returns out. */
const char *policy_errmsg(const char *path, int error, const struct policy_error *e,
			  char out[static POLICY_ERRMSG_SIZE]);

#endif
