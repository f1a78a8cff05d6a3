/* SPDX-License-Identifier: ISC */
/*
 * live - what the daemons of this host's mounts say of themselves, by the sockets in the run
 * directory, and which mounts have nobody to say anything. Nothing here touches a mount itself.
 */
#ifndef LIVE_H
#define LIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum live_state {
	LIVE_ANSWERS,
	LIVE_DEAD,    /* no process serves it */
	LIVE_SILENT,  /* something is there and does not answer in time */
	LIVE_UNKNOWN, /* this user may not ask, or it has no socket */
};

struct live {
	char *path;
	enum live_state state;
	json_t *facts; /* LIVE_ANSWERS: the object that secretfs(8) describes, with these of their types */
	bool mounted; /* in this namespace */
};

struct live_list {
	struct live *v; /* by path */
	size_t n;
	char **left; /* sockets of daemons that are gone, without a mount */
	size_t nleft;
};

/* run: the directory. ERR_NOMEM. */
WUR int live_load(const char *run, struct live_list *out);
/* The facts of the mount at path, a new reference; NULL: no answer. */
json_t *live_ask(const char *run, const char *path);
const struct live *live_find(const struct live_list *l, const char *path); /* or NULL */
void live_fini(struct live_list *l);
#define LIVE_CLEANUP __attribute__((cleanup(live_fini)))

/* "serving", "starting", "stuck", "failing"; "dead", "silent", "unknown". */
const char *live_state(const struct live *m);
/* A text or number of the facts, by up to two keys (the second may be NULL); "" or 0: not there. */
const char *live_text(const json_t *facts, const char *key, const char *in);
uint64_t live_number(const json_t *facts, const char *key, const char *in);
/* Whether "alarm", "store_fault" or "policy_fault" stands. */
bool live_stands(const json_t *facts, const char *key);

#endif
