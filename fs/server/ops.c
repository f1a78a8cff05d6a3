/* SPDX-License-Identifier: ISC */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "account.h"
#include "attr.h"
#include "decision.h"
#include "hook.h"
#include "log.h"
#include "name.h"
#include "retry.h"
#include "server.h"
#include "stats.h"

#define MAX_BACKGROUND 65535 /* the kernel takes it down to its own limit */

static struct server *server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* The entry of a node id as of now, which session.c has waited for; NULL after the request was answered. */
static const struct view_entry *current(fuse_req_t req, fuse_ino_t ino)
{
	const struct view_entry *e = view_by_ino(server_of(req)->view, ino);

	if (!e)
		fuse_reply_err(req, ESTALE); /* makes the kernel look the name up again */
	return e;
}

/* The same, and what is open without a name any more. */
static bool find_node(fuse_req_t req, fuse_ino_t ino, struct attr_node *n)
{
	if (attr_find(server_of(req), ino, n))
		return true;
	fuse_reply_err(req, ESTALE);
	return false;
}

/* ---- the session ---- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* Nothing here is worth a pipe, and secrets do not go through one. */
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				  FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE);
	conn->time_gran = 1;
	/*
	 * A RELEASE is a request of the background to the kernel, which has 12 of those under way by
	 * default: readers that open and close faster than that would pile up handles.
	 */
	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = MAX_BACKGROUND;
	conn->max_write = 4096; /* a request fits the slot */
}

/* ---- names and attributes ---- */

/* By the helper, about what it was asked to do (fsnotify.h).  True when it is answered. */
static bool lookup_for_event(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *s = server_of(req);
	const struct view_entry *e;
	struct fuse_entry_param p;
	struct event_old old;

	switch (fsnotify_lookup(s->events, s->view, fuse_req_ctx(req)->pid, parent, name, &e,
				&old)) {
	case EVENT_USUAL:
		return false;
	case EVENT_NOTHING:
		fuse_reply_err(req, ENOENT);
		server_told(s);
		return true;
	case EVENT_OLD:
		attr_old(s, &old, &p);
		break;
	case EVENT_NEW:
		attr_new(s, e, &p);
		break;
	}
	fuse_reply_entry(req, &p);
	return true;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *s = server_of(req);
	const struct view_entry *dir, *e;
	struct fuse_entry_param p;

	if (!fsnotify_settled(s->events)) {
		if (lookup_for_event(req, parent, name))
			return;
	}
	dir = current(req, parent);
	if (!dir)
		return;
	if (dir->kind != VIEW_DIR) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	if (strlen(name) > 255) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	e = view_child(s->view, dir, name);
	if (!e) {
		fuse_reply_err(req,
			       ENOENT); /* not remembered by the kernel: it may come any time */
		return;
	}
	attr_entry(s, e, parent, name, &p);
	fuse_reply_entry(req, &p);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct server *s = server_of(req); /* first: req may be gone then */
	struct attr_node n;
	struct stat st;

	(void)fi;
	if (!find_node(req, ino, &n))
		return;
	attr_stat_node(s, &n, &st);
	fuse_reply_attr(req, &st, attr_timeout(s, n.entry, ino));
}

/* Nothing is kept per node id, so there is nothing to forget. */
static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino;
	(void)nlookup;
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct server *s = server_of(req);
	const struct statvfs st = {
		.f_bsize = 4096,
		.f_frsize = 4096,
		/* As many are free as entries could still be numbered. */
		.f_files = UINT32_MAX,
		.f_ffree = UINT32_MAX - view_count(s->view),
		.f_favail = UINT32_MAX - view_count(s->view),
		.f_namemax = NAME_MAX_LEN,
	};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

/* ---- access ---- */

/* False: the groups of the caller decide, and the request waits for them. */
static bool decide(fuse_req_t req, uint8_t level, const char *name, struct policy_decision *d)
{
	struct server *s = server_of(req);
	const struct fuse_ctx ctx = *fuse_req_ctx(req);
	const struct fetch *groups = NULL;
	struct policy_access access;
	int err;

	mount_policy_access(s->rules, server_scope(s, level), name, &access);
	*d = policy_decide(&access, ctx.uid, ctx.gid, NULL, 0);
	if (d->answer != POLICY_ASK_GROUPS)
		return true;
	/* Who is outside this pid namespace has no number here. */
	err = ctx.pid ? server_groups(s, req, &groups) : ESRCH;
	if (err < 0)
		return false;
	*d = access_decide_groups(&access, ctx.uid, ctx.gid, groups ? groups->groups : NULL,
				  groups && !groups->error ? groups->ngroups : -1,
				  FETCH_GROUPS_MAX);
	return true;
}

/* 0, the errno, or -1: it waits. */
static int may_access(fuse_req_t req, const struct attr_node *n, int mask)
{
	struct policy_decision d;
	char path[NAME_SIZE];
	const char *name = path;

	if (n->entry && n->entry->kind == VIEW_DIR)
		return 0;
	if (mask & X_OK)
		return EACCES;
	if (!(mask & R_OK))
		return 0;
	if (n->entry)
		view_path(server_of(req)->view, n->entry, path);
	else
		name = n->held->name;
	if (!decide(req, n->entry ? n->entry->level : n->held->level, name, &d))
		return -1;
	return d.answer == POLICY_ALLOW ? 0 : EACCES;
}

static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct attr_node n;
	int err;

	if (!find_node(req, ino, &n))
		return;
	err = mask & W_OK ? EROFS : may_access(req, &n, mask);
	if (err >= 0)
		fuse_reply_err(req, err);
}

static void log_open_decision(fuse_req_t req, uint64_t ino, uint8_t level, const char *name,
			      const struct policy_decision *d, const char *reason)
{
	const struct server *s = server_of(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	char scope[SCOPE_STR];
	const struct decision line = {
		.name = name,
		.scope = scope_str(server_scope(s, level), scope),
		.ino = ino & VIEW_INO_MASK,
		.uid = ctx->uid,
		.gid = ctx->gid,
		.pid = ctx->pid,
		.granted = !reason && d->answer == POLICY_ALLOW,
		.reason = reason ? reason : d->reason,
		.line = d->line,
	};

	decision_log(&line);
}

/* ---- files ---- */

static void log_store_error(struct server *s, uint64_t ino, const char *name, uint8_t level,
			    int error)
{
	char scope[SCOPE_STR];

	ino &= VIEW_INO_MASK;
	if (!error)
		log_once_forget(&s->said, ino);
	else if (!log_once_before(&s->said, ino, error))
		log_say(error == ERR_AUTH ? LOGGED_ALARM : LOGGED_ERROR, "%s (%s): %s", name,
			scope_str(server_scope(s, level), scope), err_str(error));
}

/*
 * The object that src is opened from, unless it can be opened without.  0, the errno, or -1: the
 * request waits for it; *store_error is then the error behind it, or 0.
 */
static int get_object(fuse_req_t req, bool warm, const uint8_t id[static HASH_SIZE],
		      struct value_cache_source *src, int *store_error)
{
	const struct fetch *t = NULL;
	int err = warm ? 0 : server_object(server_of(req), req, src->ring, id, &t);

	*store_error = t ? t->error : err == EIO ? ERR_TIMEOUT : 0;
	if (err)
		return err;
	src->sealed = t ? &t->sealed : NULL;
	return access_errno(*store_error);
}

/* 0, the errno, or -1: it waits. */
static int unseal(fuse_req_t req, const struct view_entry *e, const char *name, uint64_t *handle)
{
	struct server *s = server_of(req);
	const struct view_file *f = view_file_of(s->view, e);
	struct version v = {
		.set_epoch = f->set_epoch, .time = f->time, .gen = f->gen, .len = f->len};
	struct value_cache_source src = {s->backend, server_ring(s, e->level), &v, name, NULL};
	const struct open_file_opener by = {
		.node = view_node(s->view, e),
		.uid = fuse_req_ctx(req)->uid,
		.unique = server_unique(s),
		.expires = f->expires,
		.level = e->level,
		.again = s->again,
		/* What the kernel has kept it will not read. */
		.later = pagecache_has(s->cached, view_node(s->view, e)),
	};
	int store_error, err;

	memcpy(v.id, f->id, HASH_SIZE);
	err = get_object(req, open_file_is_warm(s->files, &by, &src), f->id, &src, &store_error);
	if (err < 0)
		return err;
	if (!err)
		err = open_file_open(s->files, &by, &src, handle, &store_error);
	log_store_error(s, e->ino, name, e->level, store_error);
	stats_value(e->ino, f->id, err, store_error);
	return err;
}

/* What was opened from a predecessor of this process.  0, the errno, or -1: it waits. */
static int unseal_again(fuse_req_t req, uint64_t ino, uint64_t handle)
{
	struct server *s = server_of(req);
	const struct shm_version *v = open_file_missing(s->files, ino, handle);
	struct value_cache_source src = {.backend = s->backend};
	int store_error, err;

	if (!v)
		return 0;
	if (v->level >= SCOPE_LEVELS)
		return EBADF;
	src.ring = server_ring_of(s, v->level, v->gen);
	src.name = v->name;
	err = get_object(req, open_file_can_fetch(s->files, ino, handle, &src), v->id, &src,
			 &store_error);
	if (err < 0)
		return err;
	if (!err)
		err = open_file_fetch(s->files, ino, handle, &src, &store_error);
	log_store_error(s, ino, v->name, v->level, store_error);
	return err;
}

/* 0, the errno, or -1: it waits. */
static int open_file(fuse_req_t req, const struct view_entry *e, fuse_ino_t ino, uint64_t *handle)
{
	const struct server *s = server_of(req);
	const struct fuse_ctx ctx = *fuse_req_ctx(req);
	char name[NAME_SIZE];
	struct policy_decision d;
	int err;

	view_path(s->view, e, name);
	if (!decide(req, e->level, name, &d))
		return -1;
	if (d.answer != POLICY_ALLOW) {
		log_open_decision(req, e->ino, e->level, name, &d, NULL);
		return EACCES;
	}
	if (access_expired(view_file_of(s->view, e)->expires,
			   view_commit_time(s->view, e->level))) {
		log_open_decision(req, e->ino, e->level, name, &d, "expired");
		return EKEYEXPIRED;
	}
	if (ino != view_node(s->view, e) && !server_has_waited(s) &&
	    retry_first(s->shared, ino, ctx.uid, ctx.pid))
		return ESTALE;
	err = unseal(req, e, name, handle);
	if (err == EMFILE || err == ENFILE)
		log_open_decision(req, e->ino, e->level, name, &d, "too much open");
	else if (!err)
		log_open_decision(req, e->ino, e->level, name, &d, NULL);
	return err;
}

/*
 * The name is gone.  Who has the version open may open it again, as by /proc/self/fd; others who come by
 * its node id, as by a bind mount of it, do not get what was deleted.
 */
static int open_held(fuse_req_t req, const struct shm_version *held, uint64_t *handle)
{
	struct server *s = server_of(req);
	const struct shm_version row = *held; /* the table may change */
	struct version v = {
		.set_epoch = row.set_epoch, .time = row.time, .gen = row.gen, .len = row.len};
	const struct value_cache_source src = {s->backend, server_ring_of(s, row.level, row.gen),
					       &v, row.name, NULL};
	const struct open_file_opener by = {
		.node = row.node,
		.uid = fuse_req_ctx(req)->uid,
		.unique = server_unique(s),
		.expires = row.expires,
		.level = row.level,
		.again = s->again,
	};
	struct policy_decision d;
	const char *reason = NULL;
	int store_error, err = 0;

	memcpy(v.id, row.id, HASH_SIZE);
	if (!decide(req, row.level, row.name, &d))
		return -1;
	if (!open_file_holds(s->files, row.node, by.uid))
		return ESTALE;
	if (d.answer != POLICY_ALLOW)
		err = EACCES;
	else if (access_expired(row.expires, view_commit_time(s->view, row.level)))
		err = EKEYEXPIRED, reason = "expired";
	else if ((err = open_file_open(s->files, &by, &src, handle, &store_error)))
		reason = "too much open";
	log_open_decision(req, row.node, row.level, row.name, &d, reason);
	return err;
}

/* 0, the errno, or -1: it waits. */
static int open_node(fuse_req_t req, fuse_ino_t ino, const struct attr_node *n,
		     struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	pid_t pid = fuse_req_ctx(req)->pid;
	int err;

	if (n->entry && n->entry->kind == VIEW_DIR)
		return EISDIR;
	if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC))
		return EROFS;
	if (!n->entry)
		return open_held(req, n->held, &fi->fh);
	err = open_file(req, n->entry, ino, &fi->fh);
	if (!err && ino == view_node(s->view, n->entry))
		retry_done(s->shared, ino, pid);
	return err;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct server *s = server_of(req); /* first: req may be gone then */
	uint64_t nodes[SHM_PAGED];
	struct attr_node n;
	bool known, own;
	int err;

	if (!find_node(req, ino, &n))
		return;
	known = s->again && open_file_knows(s->files, server_unique(s));
	own = n.entry && ino == view_node(s->view, n.entry);
	err = open_node(req, ino, &n, fi);
	if (err < 0)
		return; /* it waits */
	stats_open(err);
	if (err) {
		fuse_reply_err(req, err);
		return;
	}
	/* Pages belong to the inode, and an older version's inode does not get this one's. */
	fi->keep_cache = s->cached && own && pagecache_use(s->cached, ino);
	fi->direct_io = !fi->keep_cache;
	fi->noflush = 1;
	/* The caller was interrupted, and will not close what it does not know of; or it knows already,
	 * from a predecessor. */
	if (fuse_reply_open(req, fi) == -ENOENT && !known)
		(void)open_file_release(s->files, ino, fi->fh, nodes);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct open_file_data d;
	size_t at = (size_t)off;
	int err = unseal_again(req, ino, fi->fh);

	if (err < 0)
		return; /* it waits */
	if (err) {
		fuse_reply_err(req, err);
		return;
	}
	if (!open_file_data(s->files, ino, fi->fh, &d)) {
		fuse_reply_err(req, EBADF);
		return;
	}
	/*
	 * mmap and sendfile read through the page cache, which belongs to the inode: its pages are to
	 * be of one version only.  Who opened a newer one by the old node id (a bind mount of a single
	 * file) while the older one is open has to read(2), as such callers do when this fails.
	 */
	if (!fi->lock_owner && !open_file_mark_paged(s->files, ino, fi->fh)) {
		fuse_reply_err(req, EIO);
		return;
	}
	if (off < 0 || at > d.len)
		at = d.len;
	if (size > d.len - at)
		size = d.len - at;
	stats_count(STATS_READS);
	fuse_reply_buf(req, (const char *)d.data + at, size);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct server *s = server_of(req);
	struct inval_list pages = {0};
	uint64_t nodes[SHM_PAGED];
	unsigned n = open_file_release(s->files, ino, fi->fh, nodes);

	for (unsigned i = 0; i < n; i++)
		if (pagecache_has(s->cached, nodes[i]))
			inval_keep(s->shared, nodes[i]);
		else if (inval_add_pages(&pages, nodes[i]) < 0)
			log_say(LOGGED_DEBUG, "out of memory"); /* a successor drops them */
	inval_send(s->notify, &pages);
	fuse_reply_err(req, 0);
}

/* ---- directories ---- */

/*
 * One pass through a directory is to see one state: an opened one holds on to its view.  Who has its
 * share of those, or when there is no memory for one, goes on in the newest view: opening a directory
 * never fails for want of something.
 */
static void hold_view(struct server *s, uint64_t handle, uid_t uid)
{
	struct accounts *a = files_accounts(s->files);

	if (account_charge(a, uid, ACCOUNT_DIRS, 1, 1) == 0 &&
	    dir_handle_open(s->dir_handles, handle, uid, s->view) < 0)
		account_refund(a, uid, ACCOUNT_DIRS, 1, 1);
}

static void let_view_go(struct server *s, uint64_t handle)
{
	uid_t uid;

	if (dir_handle_release(s->dir_handles, handle, &uid) == 0)
		account_refund(files_accounts(s->files), uid, ACCOUNT_DIRS, 1, 1);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	uid_t uid = fuse_req_ctx(req)->uid; /* first: req may be gone then */
	struct server *s = server_of(req);
	const struct view_entry *e = current(req, ino);

	if (!e)
		return;
	if (e->kind != VIEW_DIR) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	fi->fh = server_unique(s);
	hold_view(s, fi->fh, uid);
	if (fuse_reply_open(req, fi) == -ENOENT)
		let_view_go(s, fi->fh);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	let_view_go(server_of(req), fi->fh);
	fuse_reply_err(req, 0);
}

struct dir_handle_buf {
	fuse_req_t req;
	fuse_ino_t dir;
	const struct view *view;
	bool plus;
	char *data;
	size_t used, size;
};

/* Positions: 1 behind ".", 2 behind "..", else the node id of the entry before it. */
#define AFTER_DOT 1
#define AFTER_DOTDOT 2
_Static_assert(AFTER_DOTDOT <= VIEW_RESERVED, "positions and node ids do not mix");

static bool put_entry(struct dir_handle_buf *b, const char *name, const struct fuse_entry_param *p,
		      off_t next)
{
	size_t room = b->size - b->used, n;

	n = b->plus ? fuse_add_direntry_plus(b->req, b->data + b->used, room, name, p, next)
		    : fuse_add_direntry(b->req, b->data + b->used, room, name, &p->attr, next);
	if (n > room)
		return false;
	b->used += n;
	return true;
}

/* Node id 0: the kernel is to learn nothing about the directory itself from this. */
static bool put_dot(struct dir_handle_buf *b, const char *name, uint64_t ino, off_t next)
{
	const struct fuse_entry_param p = {.attr = {.st_ino = ino, .st_mode = S_IFDIR}};

	return put_entry(b, name, &p, next);
}

/* What the listing shows may be gone or changed by now: attributes are the current ones or none. */
static bool put_child(struct dir_handle_buf *b, const struct view_entry *e)
{
	const struct server *s = server_of(b->req);
	const struct view_entry *now = b->view == s->view ? e : view_by_ino(s->view, e->ino);
	char name[NAME_SIZE];
	struct fuse_entry_param p = {.attr = {.st_ino = view_node(b->view, e),
					      .st_mode = e->kind == VIEW_DIR ? S_IFDIR : S_IFREG}};

	view_base(b->view, e, name);
	if (b->plus && now)
		attr_entry(s, now, b->dir, name, &p);
	return put_entry(b, name, &p, (off_t)e->ino);
}

static void fill(struct dir_handle_buf *b, const struct view_entry *dir, uint32_t i, off_t off)
{
	const struct view_entry *parent = view_at(b->view, dir->parent);

	if (off < AFTER_DOT && !put_dot(b, ".", view_node(b->view, dir), AFTER_DOT))
		return;
	if (off < AFTER_DOTDOT && !put_dot(b, "..", view_node(b->view, parent), AFTER_DOTDOT))
		return;
	for (; i; i = view_next(b->view, dir, i))
		if (!put_child(b, view_at(b->view, i)))
			return;
}

/* The first index to show at off.  False when off means nothing in this view. */
static bool resume(const struct view *v, const struct view_entry *dir, off_t off, uint32_t *i)
{
	const struct view_entry *e;

	if (off <= AFTER_DOTDOT) {
		*i = view_first(v, dir);
		return true;
	}
	e = view_by_ino(v, (uint64_t)off);
	if (!e || e == dir || view_at(v, e->parent) != dir)
		return false;
	*i = view_next(v, dir, view_index(v, e));
	return true;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, uint64_t handle, bool plus)
{
	struct server *s = server_of(req);
	struct dir_handle_buf b = {.req = req, .dir = ino, .plus = plus, .size = size};
	const struct view_entry *dir;
	uint32_t i;

	if (off == 0)
		dir_handle_rewind(s->dir_handles, handle, s->view);
	b.view = dir_handle_view(s->dir_handles, handle, s->view);
	dir = view_by_ino(b.view, ino);
	if (!dir || !resume(b.view, dir, off, &i)) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	b.data = malloc(size ? size : 1);
	if (!b.data) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	fill(&b, dir, i, off);
	fuse_reply_buf(req, b.data, b.used);
	free(b.data);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi->fh, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi->fh, true);
}

/* ---- extended attributes ---- */

static void reply_bytes(fuse_req_t req, const char *data, size_t len, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, data, len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct attr_node n;
	char value[ATTR_XATTR_SIZE];

	if (!find_node(req, ino, &n))
		return;
	if (!attr_xattr(server_of(req), &n, name, value) && !hook_xattr(name, value, sizeof(value)))
		fuse_reply_err(req, ENODATA);
	else
		reply_bytes(req, value, strlen(value), size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct attr_node n;
	char names[ATTR_XATTR_SIZE];

	if (!find_node(req, ino, &n))
		return;
	reply_bytes(req, names, attr_xattr_list(server_of(req), &n, names), size);
}

/* ---- changes: by the helper, what has happened in the store already (fsnotify.h); by others, none ---- */

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	(void)ino, (void)attr, (void)to_set, (void)fi;
	fuse_reply_err(req, EROFS);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	fuse_reply_err(req, EROFS);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct server *s = server_of(req);
	const struct view_entry *e;
	struct fuse_entry_param p;

	(void)mode;
	e = fsnotify_mkdir(s->events, s->view, fuse_req_ctx(req)->pid, parent, name);
	if (e) {
		attr_new(s, e, &p);
		fuse_reply_entry(req, &p);
	} else {
		fuse_reply_err(req, EROFS);
	}
}

static void op_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct server *s = server_of(req);
	bool ours = fsnotify_remove(s->events, s->view, fuse_req_ctx(req)->pid, parent, name);

	fuse_reply_err(req, ours ? 0 : EROFS);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target, (void)parent, (void)name;
	fuse_reply_err(req, EROFS);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *newname, unsigned flags)
{
	struct server *s = server_of(req);
	bool ours = !flags && fsnotify_rename(s->events, s->view, fuse_req_ctx(req)->pid, parent,
					      name, newparent, newname);

	fuse_reply_err(req, ours ? 0 : EROFS);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino, (void)parent, (void)name;
	fuse_reply_err(req, EROFS);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	(void)parent, (void)name, (void)mode, (void)fi;
	fuse_reply_err(req, EROFS);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	(void)ino, (void)data, (void)size, (void)off, (void)fi;
	fuse_reply_err(req, EROFS);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	(void)ino, (void)name, (void)value, (void)size, (void)flags;
	fuse_reply_err(req, EROFS);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino, (void)name;
	fuse_reply_err(req, EROFS);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			 struct fuse_file_info *fi)
{
	(void)ino, (void)mode, (void)off, (void)len, (void)fi;
	fuse_reply_err(req, EROFS);
}

const struct fuse_lowlevel_ops ops_table = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.access = op_access,
	.statfs = op_statfs,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setattr = op_setattr,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_remove,
	.rmdir = op_remove,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.create = op_create,
	.write = op_write,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
	.fallocate = op_fallocate,
};
