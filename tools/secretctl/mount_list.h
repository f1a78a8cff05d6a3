/* SPDX-License-Identifier: ISC */
/*
 * mount_list - the mounts of this host, those that are there and those that the policy records, with
 * what is known of each: its scope, its bundle, its store. Nothing here touches a mount itself.
 */
#ifndef MOUNT_LIST_H
#define MOUNT_LIST_H

#include <stdbool.h>
#include <sys/types.h>

#include "keys.h"
#include "policy.h"

struct mount_entry {
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

struct mount_list {
	struct mount_entry *v;
	size_t n;
};

/* policy may be NULL. ERR_NOMEM. */
WUR int mount_list_load(const struct policy *policy, struct mount_list *out);
void mount_list_fini(struct mount_list *l);
#define MOUNT_LIST_CLEANUP __attribute__((cleanup(mount_list_fini)))

/* It shows what stands in scope; store_id: of that store. */
bool mount_list_sees(const struct mount_entry *s, const struct scope *scope,
		     const uint8_t store_id[static STORE_ID_SIZE]);

#endif
