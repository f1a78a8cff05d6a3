/* SPDX-License-Identifier: ISC */
/*
 * policy_types - what policy.h hands out, and the files behind it work on.
 */
#ifndef POLICY_TYPES_H
#define POLICY_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "scope.h"

#define POLICY_FILE_MAX (1024u * 1024u)
#define POLICY_LINE_MAX 199 /* inih splits longer lines silently: refused before it sees them */

struct policy_error {
	unsigned line; /* 0: the file as a whole */
	char text[256];
};

/* Who has which name.  The system's database is files and services that a confined process does not
 * reach: it is told by one that does. */
#define POLICY_ACCOUNT_SIZE 64 /* of a user's or group's name, NUL included */
struct policy_accounts {
	/* 0 and *id; ERR_NOENT: nobody has it; ERR_IO: no answer; ERR_NOMEM. */
	int (*find)(void *arg, bool group, const char *name, uint32_t *id);
	void *arg;
};

struct policy_writer {
	const char *name;
	struct scope scope;
	const char *key; /* public key in hex, or "" */
};

struct policy_mount {
	const char *path; /* absolute */
	struct scope scope;
	const char *bundle; /* path, or "" */
	bool has_owner, has_mode;
	uid_t owner;
	mode_t mode;
	unsigned line;
};

#endif
