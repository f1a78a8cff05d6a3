/* SPDX-License-Identifier: ISC */
/*
 * service_manager - the service manager: what it is told (sd_notify(3)), and what it keeps for us while none
 * of our processes runs (the file descriptor store, sd_pid_notify_with_fds(3)).
 *
 * A mount lives as long as somebody has its /dev/fuse descriptor.  With that in the store, even all
 * processes killed at once fail no reader: the next start goes on where they ended.  Neither keys nor
 * the bundle go there; that is opened anew.
 *
 * What comes back is believed only when all of it fits: of this version, a connection that is
 * alive, and the very one that is mounted there now.
 */
#ifndef SERVICE_MANAGER_H
#define SERVICE_MANAGER_H

#include <stdbool.h>

#include "handover.h"

#define MANAGER_KEPT 3
struct service_manager {
	int fd[MANAGER_KEPT]; /* -1: not given */
};

/* In the process that was started, if it stays that: the descriptors are for no child. */
void service_manager_take(struct service_manager *m);
/* Into h what makes the mount at mountpoint ours again.  False: nothing was kept, or it is no good,
 * which is logged; it is forgotten then, and a mount that it was is taken off. */
bool service_manager_adopt(struct service_manager *m, const char *mountpoint, struct handover *h,
			   struct mount_id *mount);

/* A message ("READY=1").  All of these do nothing without a service manager. */
void service_manager_notify(const char *message);
/* Have it keep the mount, which is there. */
void service_manager_keep(const char *mountpoint, const struct mount_id *mount,
			  const struct handover *h);
/* Have it let go of that. */
void service_manager_forget(void);

#endif
