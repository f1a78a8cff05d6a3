/* SPDX-License-Identifier: ISC */
/*
 * mount_query - what the daemons of this host's mounts say of themselves, by the sockets in the run
 * directory, and which mounts have nobody to say anything. Nothing here touches a mount itself.
 */
#ifndef MOUNT_QUERY_H
#define MOUNT_QUERY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum mount_query_state {
	MOUNT_QUERY_ANSWERS,
	MOUNT_QUERY_DEAD,    /* no process serves it */
	MOUNT_QUERY_SILENT,  /* something is there and does not answer in time */
	MOUNT_QUERY_UNKNOWN, /* this user may not ask, or it has no socket */
};

struct mount_query {
	char *path;
	enum mount_query_state state;
	json_t *facts; /* MOUNT_QUERY_ANSWERS: the object that secretfs(8) describes, with these of their types */
	bool mounted; /* in this namespace */
};

struct mount_query_list {
	struct mount_query *v; /* by path */
	size_t n;
	char **left; /* sockets of daemons that are gone, without a mount */
	size_t nleft;
};

/* run: the directory. ERR_NOMEM. */
WUR int mount_query_load(const char *run, struct mount_query_list *out);
/* The facts of the mount at path, a new reference; NULL: no answer. */
json_t *mount_query_ask(const char *run, const char *path);
const struct mount_query *mount_query_find(const struct mount_query_list *l,
					   const char *path); /* or NULL */
void mount_query_fini(struct mount_query_list *l);
#define MOUNT_QUERY_CLEANUP __attribute__((cleanup(mount_query_fini)))

/* "serving", "starting", "stuck", "failing"; "dead", "silent", "unknown". */
const char *mount_query_state(const struct mount_query *m);
/* A text or number of the facts, by up to two keys (the second may be NULL); "" or 0: not there. */
const char *mount_query_text(const json_t *facts, const char *key, const char *in);
uint64_t mount_query_number(const json_t *facts, const char *key, const char *in);
/* Whether "alarm", "store_fault" or "policy_fault" stands. */
bool mount_query_stands(const json_t *facts, const char *key);

#endif
