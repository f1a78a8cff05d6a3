/* SPDX-License-Identifier: ISC */
/*
 * name - secret names: "KEY", "group/KEY", "group/version/KEY".
 *
 * A component is [A-Za-z0-9_-][A-Za-z0-9._-]*; a whole name has one to three of them and at most
 * 253 bytes (Flyte's and RFC 1123's rules together).  Identity is the ASCII-lower-case form: two names
 * that fold alike are one secret.  The order of names is the byte order of the folded form with
 * '/' counting as the lowest byte, so that "a" stands right before "a/b", and a subtree is one
 * contiguous run.
 */
#ifndef NAME_H
#define NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define NAME_MAX_LEN 253
#define NAME_SIZE (NAME_MAX_LEN + 1)
#define NAME_DEPTH 3
#define ENV_NAME_SIZE 256

/* 0 or ERR_NAME. */
WUR int name_check(const char *name);

/* One component (project, domain, writer and such): as above without '/', at most max bytes. */
WUR int name_check_component(const char *name, size_t max);

/* Lower-case copy of name (any NUL-terminated string below cap bytes; truncated never: name must
 * have passed name_check, or be shorter than cap). */
void name_fold(const char *name, char *out, size_t cap);

/* <0, 0, >0 in the order above; folds as it goes. */
int name_cmp(const char *a, const char *b);

/* True when name lies below dir ("a/b" below "a"); dir "" is above every name. */
bool name_is_below(const char *name, const char *dir);

/* Flyte's default environment name: "group_key" or "key", '-' and '.' to '_', upper case.  out holds
 * ENV_NAME_SIZE.  ERR_NAME when the result does not match ^[A-Z_][A-Z0-9_]*$. */
WUR int name_env(const char *name, char *out);

/* 0 when env matches ^[A-Z_][A-Z0-9_]*$, at most 255 bytes. */
WUR int name_check_env(const char *env);

#endif
