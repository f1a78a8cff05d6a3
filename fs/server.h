/* SPDX-License-Identifier: ISC */
/*
 * server - what one mount serves from: the current view and rules, open files and listings, and
 * how they are replaced while it serves.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "bundle.h"
#include "file.h"
#include "listing.h"
#include "load.h"
#include "notify.h"
#include "reload.h"
#include "rules.h"
#include "view.h"

struct fuse_session;

#define SERVER_RETRIES 32

struct server_retry { /* an open that was sent back to look the name up again */
	uint64_t node;
	pid_t pid;
};

struct server {
	/* Set up before serving, in this order; taken down in reverse by server_close. */
	struct rules *rules;
	struct bundle *bundle;
	struct backend *backend;
	struct load *load;
	struct view *view;
	struct files *files;
	struct listings *listings;
	/* While serving. */
	struct fuse_session *se; /* owned by session.c */
	struct reload *reload;
	struct notify *notify;
	struct server_retry retries[SERVER_RETRIES];
	unsigned next_retry;
	bool answered; /* the kernel has got its first answer */
};

/* Start and stop the threads beside the serving one; s->se is set. */
WUR int server_start(struct server *s, const struct reload_options *o);
void server_stop(struct server *s);
/* Wipes and frees everything. */
void server_close(struct server *s);

/* Take up what has been committed so far (reload_settle).  Before every answer that depends on it. */
void server_refresh(struct server *s);

/* The scope that e comes from, and the key ring that opens it. */
const struct scope *server_scope(const struct server *s, const struct view_entry *e);
struct keyring *server_ring(const struct server *s, const struct view_entry *e);

#endif
