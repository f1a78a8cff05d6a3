/* SPDX-License-Identifier: ISC */
/*
 * doctor - what its checks share.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <limits.h>

#include "json.h"
#include "ctx.h"
#include "table.h"

enum state { STATE_OK, STATE_NOTE, STATE_MEND };

struct doctor {
	struct ctx s;
	struct table *table; /* or */
	json_t *array;
	bool mend;
	uint64_t newest; /* commit that was seen, ns */
	char newest_in[SCOPE_STR];
};

/* mend: the command, or NULL. */
void doctor_say(struct doctor *d, const char *what, enum state state, const char *mend,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* A command with one path in it. */
#define DOCTOR_COMMAND (PATH_MAX + 64)
const char *doctor_command(char out[DOCTOR_COMMAND], const char *before, const char *path,
			   const char *after);

/* doctor_system.c: locked memory, the device, the program that mounts for users. */
void doctor_system(struct doctor *d);
/* Whether the file system of path is full. */
void doctor_room(struct doctor *d, const char *path);
/* doctor_mounts.c: every mount that is there or recorded. */
void doctor_mounts(struct doctor *d);
/* doctor_updatedb.c: whether locate(1) indexes what is mounted. */
void doctor_updatedb(struct doctor *d);

#endif
