/* SPDX-License-Identifier: ISC */
/*
 * served - the mounts of this host, those that are there and those that the policy records, with
 * what is known of each: its scope, its bundle, its store. Nothing here touches a mount itself.
 */
#ifndef SERVED_H
#define SERVED_H

#include <stdbool.h>
#include <sys/types.h>

#include "keys.h"
#include "policy.h"

struct served {
	char *path;
	bool mounted;
	bool recorded; /* in the policy */
	bool shared;   /* if mounted: what is mounted or bound below reaches other namespaces */
	unsigned major, minor; /* of the device, if mounted */
	pid_t pid;	       /* a process that serves it, or 0 */
	char *bundle;	       /* its path, or NULL */
	bool has_scope;
	struct scope scope;
	bool has_store;
	uint8_t store_id[STORE_ID_SIZE];
};

struct served_list {
	struct served *v;
	size_t n;
};

/* policy may be NULL. ERR_NOMEM. */
WUR int served_load(const struct policy *policy, struct served_list *out);
void served_fini(struct served_list *l);
#define SERVED_CLEANUP __attribute__((cleanup(served_fini)))

/* It shows what stands in scope; store_id: of that store. */
bool served_sees(const struct served *s, const struct scope *scope,
		 const uint8_t store_id[static STORE_ID_SIZE]);

#endif
