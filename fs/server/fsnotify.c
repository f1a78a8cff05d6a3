/* SPDX-License-Identifier: ISC */
#include "fsnotify.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "handover.h"
#include "log.h"
#include "name.h"

#define GIVE_UP_MS 3000
#define FULL_MS 5 /* until there may be room in the channel */
#define TOKEN_SIZE 16
_Static_assert(EVENT_TOKEN_STR == 2 * TOKEN_SIZE + 1, "a token in hex");

struct event {
	struct event *next;
	uint64_t ino;	   /* of the name, without a version */
	uint64_t old_node; /* 0: nothing was there */
	uint64_t old_len;
	uint8_t kind;
	char path[];
};

struct fsnotify {
	int helper;
	struct event *first, *last;
	/* The first one, once it has been sent. */
	bool sent, done;
	int64_t sent_at; /* ms */
	char token[EVENT_TOKEN_STR];
	pid_t pid; /* who announced itself with it; 0: nobody yet */
	bool mute; /* said that nobody makes events */
};

static void name_with(char out[static EVENT_STAGING_SIZE], const char *token, const char *what)
{
	snprintf(out, EVENT_STAGING_SIZE, ".%s%s", token, what);
}

/* ---- lists ---- */

static void append(struct event **first, struct event **last, struct event *e)
{
	*(*last ? &(*last)->next : first) = e;
	*last = e;
}

int fsnotify_note(struct event_list *l, const struct view *old, const struct view_entry *was,
		  const struct view *new, const struct view_entry *is)
{
	const struct view *v = is ? new : old;
	const struct view_entry *named = is ? is : was;
	struct event *e;

	if (!named)
		return ERR_INVAL;
	e = calloc(1, sizeof(*e) + named->path_len + 1u);
	if (!e)
		return ERR_NOMEM;
	view_path(v, named, e->path);
	e->ino = named->ino;
	if (was) {
		e->old_node = view_node(old, was);
		e->old_len = was->kind == VIEW_FILE ? view_file_of(old, was)->len : 0;
	}
	if (named->kind == VIEW_DIR)
		e->kind = is ? EVENT_MKDIR : EVENT_RMDIR;
	else
		e->kind = is ? EVENT_PUT : EVENT_UNLINK;
	append(&l->first, &l->last, e);
	return 0;
}

void event_list_free(struct event_list *l)
{
	while (l->first) {
		struct event *e = l->first;

		l->first = e->next;
		free(e);
	}
	l->last = NULL;
}

/* ---- the queue ---- */

bool fsnotify_settled(const struct fsnotify *ev)
{
	return !ev->first;
}

int fsnotify_open(int helper, struct fsnotify **out)
{
	struct fsnotify *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return ERR_NOMEM;
	ev->helper = helper;
	*out = ev;
	return 0;
}

void fsnotify_close(struct fsnotify *ev)
{
	struct event_list rest = {0};

	if (!ev)
		return;
	rest.first = ev->first;
	event_list_free(&rest);
	free(ev);
}

static void drop_first(struct fsnotify *ev)
{
	struct event *e = ev->first;

	ev->first = e->next;
	if (!ev->first)
		ev->last = NULL;
	ev->sent = ev->done = false;
	ev->pid = 0;
	free(e);
}

/* Gone again, or another kind of thing, before its turn came. */
static bool is_void(const struct event *e, const struct view *v)
{
	return (e->kind == EVENT_PUT || e->kind == EVENT_MKDIR) && !view_by_ino(v, e->ino);
}

static void send_first(struct fsnotify *ev, const struct view *v)
{
	struct event_order o = {
		.head = {HANDOVER_VERSION, HELPER_EVENT, sizeof(o) - sizeof(o.head)},
	};
	uint8_t token[TOKEN_SIZE];

	while (ev->first && !ev->sent && is_void(ev->first, v))
		drop_first(ev);
	if (!ev->first || ev->sent)
		return;
	if (!ev->sent_at)
		ev->sent_at = clock_ms();
	randombytes_buf(token, sizeof(token));
	sodium_bin2hex(ev->token, sizeof(ev->token), token, sizeof(token));
	o.kind = ev->first->kind;
	memcpy(o.token, ev->token, sizeof(o.token));
	snprintf(o.path, sizeof(o.path), "%s", ev->first->path);
	if (send(ev->helper, &o, sizeof(o), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* full; fsnotify_expire tries again */
	ev->sent = true;
	ev->sent_at = clock_ms();
}

void fsnotify_add(struct fsnotify *ev, struct event_list *l, const struct view *v)
{
	if (l->first) {
		*(ev->last ? &ev->last->next : &ev->first) = l->first;
		ev->last = l->last;
	}
	*l = (struct event_list){0};
	send_first(ev, v);
}

static void forget_first(struct fsnotify *ev, const struct view *v, struct inval_list *forget)
{
	const struct event *e = ev->first;
	const char *slash = strrchr(e->path, '/');
	char dir[NAME_SIZE] = "";
	const struct view_entry *parent;

	if (slash)
		memcpy(dir, e->path, (size_t)(slash - e->path));
	parent = view_find(v, dir);
	if (parent && parent->kind == VIEW_DIR &&
	    inval_add_entry(forget, view_node(v, parent), slash ? slash + 1 : e->path) < 0)
		log_say(LOGGED_DEBUG, "out of memory");
	drop_first(ev);
}

int fsnotify_expire(struct fsnotify *ev, const struct view *v, struct inval_list *forget)
{
	int64_t due;

	if (!ev->first)
		return -1;
	if (!ev->sent)
		send_first(ev, v);
	if (!ev->first)
		return -1;
	due = ev->sent_at + GIVE_UP_MS - clock_ms();
	if (due > 0)
		return !ev->sent && due > FULL_MS ? FULL_MS : (int)due;
	if (!ev->mute)
		log_say(LOGGED_WARNING, "change notification is off: the helper does not respond");
	ev->mute = true;
	while (ev->first)
		forget_first(ev, v, forget);
	ev->sent_at = 0;
	return -1;
}

/* ---- what the helper does, as the server sees it ---- */

/* Path of a directory by its node id; of one that is about to go, too. */
static bool path_of(const struct fsnotify *ev, const struct view *v, uint64_t node,
		    char out[static NAME_SIZE])
{
	const struct view_entry *dir = view_by_ino(v, node);

	if (dir) {
		view_path(v, dir, out);
		return dir->kind == VIEW_DIR;
	}
	for (const struct event *e = ev->first; e; e = e->next)
		if (e->kind == EVENT_RMDIR && e->ino == (node & VIEW_INO_MASK)) {
			snprintf(out, NAME_SIZE, "%s", e->path);
			return true;
		}
	return false;
}

static bool join(const struct fsnotify *ev, const struct view *v, uint64_t parent, const char *name,
		 char out[static NAME_SIZE])
{
	size_t len;

	if (!path_of(ev, v, parent, out))
		return false;
	len = strlen(out);
	if (len + (len > 0) + strlen(name) >= NAME_SIZE)
		return false;
	if (len)
		out[len++] = '/';
	memcpy(out + len, name, strlen(name) + 1);
	return true;
}

/* Is it the name that the operation is about? */
static bool is_target(const struct fsnotify *ev, const struct view *v, uint64_t parent,
		      const char *name)
{
	char path[NAME_SIZE];

	return join(ev, v, parent, name, path) && strcmp(path, ev->first->path) == 0;
}

/* Is it the staging name, beside the target? */
static bool is_staging(const struct fsnotify *ev, const struct view *v, uint64_t parent,
		       const char *name)
{
	const char *slash = strrchr(ev->first->path, '/');
	char expected[EVENT_STAGING_SIZE], dir[NAME_SIZE];
	size_t len = slash ? (size_t)(slash - ev->first->path) : 0;

	name_with(expected, ev->token, EVENT_STAGING);
	return strcmp(name, expected) == 0 && path_of(ev, v, parent, dir) && strlen(dir) == len &&
	       memcmp(dir, ev->first->path, len) == 0;
}

static bool is_helper(const struct fsnotify *ev, pid_t pid)
{
	return ev->sent && ev->pid && ev->pid == pid;
}

static enum event_lookup old_of(const struct event *e, struct event_old *old)
{
	*old = (struct event_old){e->old_node, e->old_len, e->kind == EVENT_RMDIR};
	return e->old_node ? EVENT_OLD : EVENT_NOTHING;
}

/* True when that was all the name was for. */
static bool announced(struct fsnotify *ev, const struct view *v, pid_t pid, const char *name)
{
	char begin[EVENT_STAGING_SIZE], finish[EVENT_STAGING_SIZE];

	name_with(begin, ev->token, EVENT_BEGIN);
	name_with(finish, ev->token, EVENT_FINISH);
	if (strcmp(name, begin) == 0) {
		ev->pid = pid;
	} else if (strcmp(name, finish) == 0) {
		ev->mute = false;
		ev->sent_at = 0;
		drop_first(ev);
		send_first(ev, v);
	} else {
		return false;
	}
	return true;
}

enum event_lookup fsnotify_lookup(struct fsnotify *ev, const struct view *v, pid_t pid,
				  uint64_t parent, const char *name, const struct view_entry **e,
				  struct event_old *old)
{
	const struct event *op = ev->first;
	char path[NAME_SIZE];

	if (!ev->sent)
		return EVENT_USUAL;
	if (parent == VIEW_ROOT_INO && announced(ev, v, pid, name))
		return EVENT_NOTHING;
	if (!is_helper(ev, pid) || ev->done)
		return EVENT_USUAL;
	if (is_staging(ev, v, parent, name)) {
		*e = op->kind == EVENT_PUT ? view_by_ino(v, op->ino) : NULL;
		return *e ? EVENT_NEW : EVENT_NOTHING;
	}
	if (is_target(ev, v, parent, name))
		return old_of(op, old);
	/* A directory on the way that is to go after this. */
	if (!join(ev, v, parent, name, path))
		return EVENT_USUAL;
	for (op = op->next; op; op = op->next)
		if (op->kind == EVENT_RMDIR && strcmp(op->path, path) == 0)
			return old_of(op, old);
	return EVENT_USUAL;
}

bool fsnotify_rename(struct fsnotify *ev, const struct view *v, pid_t pid, uint64_t parent,
		     const char *name, uint64_t new_parent, const char *new_name)
{
	if (!is_helper(ev, pid) || ev->done || ev->first->kind != EVENT_PUT ||
	    !is_staging(ev, v, parent, name) || !is_target(ev, v, new_parent, new_name))
		return false;
	ev->done = true;
	return true;
}

bool fsnotify_remove(struct fsnotify *ev, const struct view *v, pid_t pid, uint64_t parent,
		     const char *name)
{
	if (!is_helper(ev, pid) || ev->done ||
	    (ev->first->kind != EVENT_UNLINK && ev->first->kind != EVENT_RMDIR) ||
	    !is_target(ev, v, parent, name))
		return false;
	ev->done = true;
	return true;
}

const struct view_entry *fsnotify_mkdir(struct fsnotify *ev, const struct view *v, pid_t pid,
					uint64_t parent, const char *name)
{
	const struct view_entry *dir;

	if (!is_helper(ev, pid) || ev->done || ev->first->kind != EVENT_MKDIR ||
	    !is_target(ev, v, parent, name))
		return NULL;
	dir = view_by_ino(v, ev->first->ino);
	if (dir)
		ev->done = true;
	return dir;
}
