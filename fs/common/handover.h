/* SPDX-License-Identifier: ISC */
/*
 * handover - what the processes of one mount hand each other when one starts another: descriptors
 * at fixed numbers, and a sealed description of the mount.
 *
 * supervisor: holds the mount, starts and watches the others; privileged, without keys.
 * server: holds the keys and answers; unprivileged, confined, never forks.
 * helper: starts the supervisor again when that dies, makes the events; privileged, without keys.
 * stand-in: refuses in time while a server cannot load; unprivileged, confined, without keys.
 *
 * All are the same program, executed anew for each role, so that each starts with clean memory and
 * an upgrade is the next execution.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "mount_id.h"
#include "scope.h"

#define HANDOVER_VERSION 7 /* of struct mount_config, struct control, struct shm and messages */

enum role { ROLE_START, ROLE_SUPERVISOR, ROLE_SERVER, ROLE_HELPER, ROLE_STANDIN };

enum handover_fd {
	HANDOVER_EXE,		/* the program: what is started again is what was started */
	HANDOVER_CONFIG,	/* struct mount_config, sealed */
	HANDOVER_SHARED,	/* struct shm: of server and supervisor */
	HANDOVER_CONTROL,	/* struct control: of supervisor and helper, never the server's */
	HANDOVER_FUSE,		/* of the mount */
	HANDOVER_PRIVATE,	/* mountpoint_mounted.private_fd; never the server's */
	HANDOVER_BUNDLE,	/* opened by the supervisor, read by the server only */
	HANDOVER_BUNDLE_BEFORE, /* the one before it, for what was opened then; -1: none */
	HANDOVER_SUPERVISOR,  /* the channel between supervisor and server: the supervisor's end, */
	HANDOVER_SERVER,      /* and the server's; both live as long as the mount */
	HANDOVER_EVENTS_OUT,  /* the channel from server to helper: the server's end, */
	HANDOVER_EVENTS_IN,   /* and the helper's */
	HANDOVER_STATUS,      /* listens for who asks how it is; never the server's */
	HANDOVER_POLICY,      /* struct policy_area; never the server's, which gets */
	HANDOVER_POLICY_READ, /* the same to read only, */
	HANDOVER_POLICY_WATCH, /* and inotify on the policy's directory, to poll; -1: none */
	HANDOVER_FDS,
};

struct mount_config {
	uint32_t version, size;
	bool debug, log_syslog, log_json, log_given, no_state, policy_default, foreground;
	bool no_resend, sandbox_any;
	bool drop;	  /* the server changes to uid and gid */
	uid_t uid, owner; /* owner: who started it, the fallback owner of what is shown */
	gid_t gid;
	unsigned poll_seconds, hang_seconds;
	unsigned cache_seconds; /* 0: the kernel is to keep no value */
	char exe[PATH_MAX];	/* where the next version is found */
	char mountpoint[PATH_MAX], store[PATH_MAX], policy[PATH_MAX], state[PATH_MAX],
		bundle[PATH_MAX];
	char run[PATH_MAX]; /* "": none is known */
};

struct control {
	uint32_t version;
	_Atomic bool stopping; /* deliberately: nothing is started again */
	_Atomic bool ready;    /* has answered once */
	_Atomic uint64_t store_dev,
		store_ino;	/* of the directory that the newest server was given */
	struct mount_id mount;	/* that people see; zeroed: not known */
	_Atomic bool unmounted; /* it was taken away from us; others of its file system go on */
	_Atomic bool mute;	/* said that watchers hear nothing any more */
	_Atomic uint32_t server_restarts, supervisor_restarts, helper_restarts, upgrades;
	_Atomic int64_t died[16]; /* when the last servers did: ms of CLOCK_MONOTONIC */
	int64_t since;		  /* s since 1970: mounted */
	uint64_t socket[2];	  /* device and inode of what HANDOVER_STATUS is bound to */
};

/* The descriptors of this process; -1: not given. */
struct handover {
	int fd[HANDOVER_FDS];
};

/* Which role this process was executed for. */
enum role handover_role(int argc, char **argv);
/* Take what was handed over off the fixed numbers; close-on-exec from then on. */
void handover_take(struct handover *h);
/* Put fd (taken over, -1 is fine) out of the way of the fixed numbers. */
int handover_keep(int fd);

/* ERR_IO; ERR_FORMAT: of another version. */
WUR int handover_save_config(const struct mount_config *c, int *fd);
WUR int handover_map_config(int fd, const struct mount_config **out);
WUR int handover_map_control(int fd, struct control **out);
WUR int handover_new_control(const struct mount_id *mount, int *fd);

/* Become role: hand over those of h whose bit is set in which, and nothing else.  exe: an open
 * program.  Returns only when that fails. */
void handover_exec(const struct handover *h, unsigned which, int exe, enum role role,
		   const char *mountpoint);
/* The same in a child.  The pid, or -1. */
pid_t handover_spawn(const struct handover *h, unsigned which, int exe, enum role role,
		     const char *mountpoint);
extern const unsigned handover_for_supervisor, handover_for_server, handover_for_helper,
	handover_for_standin;

/*
 * One process of a role at a time: a lock on byte `which` of fd, held until the process ends, and
 * the only truth about who it is.  Nothing that refers to the same file may be closed afterwards.
 */
#define HANDOVER_LOCK_SUPERVISOR 0 /* of the control */
#define HANDOVER_LOCK_HELPER 1
#define HANDOVER_LOCK_SERVER 0 /* of the shared memory */
#define HANDOVER_LOCK_STANDIN 1
WUR int handover_lock(int fd, int which, bool wait); /* ERR_CONFLICT: somebody holds it */
pid_t handover_holder(int fd, int which);	     /* 0: nobody */

/* ---- messages on the channel between supervisor and server ---- */

enum message_type {
	MESSAGE_LOADED = 1, /* server: everything that can be refused is checked */
	MESSAGE_SERVING,    /* server: the kernel gets its answers from me; what of: below */
	MESSAGE_POLICY, /* server: send me the policy; supervisor's child: here it is, a descriptor */
	MESSAGE_FUSE,	/* supervisor: the mount's descriptor */
	MESSAGE_STOP,	/* supervisor: finish what you are at, and end */
	MESSAGE_RENEW, /* server: replace me, I cannot see what changed */
};

struct message {
	uint32_t type;
	int32_t pid; /* of the server that sends it, or that it is for */
	/* No text of a server's making: what it says is numbers, and names that are checked. */
	uint32_t secrets;
	struct scope scope;
};

/* fd -1: none.  False when it cannot be sent now. */
bool message_send(int channel, const struct message *m, int fd);
/* The next message; *fd is -1 or a descriptor to close.  False when there is none. */
bool message_receive(int channel, struct message *m, int *fd);

#endif
