/* SPDX-License-Identifier: ISC */
/*
 * server - what one mount serves from: the current view and rules, open files and dir_handles, and
 * how they are replaced while it serves.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "bundle.h"
#include "pagecache.h"
#include "fsnotify.h"
#include "park.h"
#include "open_file.h"
#include "busy_poll.h"
#include "dir_handle.h"
#include "load.h"
#include "inval.h"
#include "reload.h"
#include "request_queue.h"
#include "mount_policy.h"
#include "log_once.h"
#include "shm.h"
#include "view.h"

/* In the id of a request: the kernel sends it again (FUSE_UNIQUE_RESEND, linux/fuse.h). */
#define SERVER_RESENT (1ull << 63)

struct fuse_in_header;
struct fuse_session;
struct fuse_req;

struct server {
	/* Set up before serving, in this order; taken down by the end of the process. */
	struct shm *shared;
	gid_t group; /* of directories */
	struct mount_policy *rules;
	struct bundle *bundle, *before; /* before: of the server before this one; may be NULL */
	struct backend *backend;
	struct load *load;
	struct view *view;
	struct files *files;
	struct dir_handles *dir_handles;
	struct pagecache *cached; /* NULL: the kernel is to keep no value */
	/* While serving. */
	struct fuse_session *se; /* owned by session.c */
	struct reload *reload;
	struct inval *notify;
	struct fsnotify *events;
	struct request_queue *queue;
	struct log_once said;
	struct busy_poll busy_poll;
	struct fetcher *fetcher;
	struct park *park;
	const struct fuse_in_header *request; /* that is being answered */
	struct parked *parked;		      /* its row, if it has waited; else NULL */
	bool stays;			      /* it waits on, and is taken up again */
	bool again; /* it is one that a predecessor may have begun to answer */
};

/* Let watchers hear what changed since a predecessor, and start the threads beside the serving one;
 * s->se and s->shared are set, helper is the channel to it. */
WUR int server_start(struct server *s, int helper, const struct reload_options *o);

/* Take up what has been committed and loaded so far.  False: something is being loaded that answers
 * have to wait for. */
bool server_refresh(struct server *s);

/*
 * What the request needs from outside.  0: there it is, as long as the request is.  The errno, when it
 * is not to be had.  -1: the request is parked, req is gone, and it begins anew when it is there.
 */
int server_object(struct server *s, struct fuse_req *req, const struct keyring *ring,
		  const uint8_t id[static HASH_SIZE], const struct fetch **out);
int server_groups(struct server *s, struct fuse_req *req, const struct fetch **out);
/* Has it been parked for an object before? */
bool server_has_waited(const struct server *s);
/* Park it until nothing is being loaded.  False: there is no room. */
bool server_wait(struct server *s);

/* Remember for a successor that watchers have heard of everything, if they have. */
void server_told(struct server *s);

/* Do what is due by time.  Milliseconds until there is more, or -1. */
int server_tick(struct server *s);

/* The scope of a level, and the key ring that opens it. */
const struct scope *server_scope(const struct server *s, uint8_t level);
struct keyring *server_ring(const struct server *s, uint8_t level);
/* The same for what was opened when there were other keys. */
struct keyring *server_ring_of(const struct server *s, uint8_t level, uint32_t gen);

/* Id of the request that is being answered. */
uint64_t server_unique(const struct server *s);

/* Tell the kernel to forget what a predecessor told it, if that is not what s serves. */
void server_succeed(struct server *s);

#endif
