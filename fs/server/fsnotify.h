/* SPDX-License-Identifier: ISC */
/*
 * fsnotify - lets watchers (inotify, fanotify) hear what changed: the helper makes each change once
 * more as a real operation in the mount, through a mount of its own that nobody sees.
 *
 * New and updated secrets are renamed over their name from a staging name, which is how files are
 * replaced atomically and what every program that watches knows; deleted ones are unlinked,
 * directories made and removed.  The view is adopted before the first of them: a reader who comes
 * because of an event sees all that was committed with it.
 *
 * The helper is told that the name is still what it was, since the old inode is the one watched, and
 * a rename within one inode would be none; the kernel asks again for the target of a rename, whatever
 * it has been told before (Linux 6.1.26).  Everybody else is given the new version meanwhile.  The
 * helper is known by names that are drawn for each operation and told to nobody else; whoever else
 * tries to change something gets EROFS.
 *
 * Operations go one after the other.  One that is not done in time, as without a helper, is given up
 * with all that wait behind it: nobody hears of those, and every open is right all the same.
 *
 * Belongs to the serving thread; lists of changes may be made elsewhere.
 */
#ifndef FSNOTIFY_H
#define FSNOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper_message.h"
#include "name.h"
#include "inval.h"
#include "view.h"

struct fsnotify;
struct event;

struct event_list { /* changes, in order; zeroed = empty */
	struct event *first, *last;
};

/* What view_diff reports of an entry, added to a list.  ERR_NOMEM. */
WUR int fsnotify_note(struct event_list *l, const struct view *old, const struct view_entry *was,
		      const struct view *new, const struct view_entry *is);
void event_list_free(struct event_list *l);

/* helper: the channel to it. */
WUR int fsnotify_open(int helper, struct fsnotify **out);
void fsnotify_close(struct fsnotify *ev); /* NULL is fine */

/* v is served now, and these are its changes; takes them over. */
void fsnotify_add(struct fsnotify *ev, struct event_list *l, const struct view *v);
/* Is everything out? */
bool fsnotify_settled(const struct fsnotify *ev);
/* Give up what takes too long: adds what the kernel must forget instead.  Milliseconds until there
 * may be more, or -1. */
int fsnotify_expire(struct fsnotify *ev, const struct view *v, struct inval_list *forget);

/* What is answered to a LOOKUP by the helper. */
enum event_lookup {
	EVENT_USUAL,   /* nothing special; the same as everybody */
	EVENT_NOTHING, /* ENOENT */
	EVENT_NEW,     /* *e: the version that is to take the name's place */
	EVENT_OLD,     /* *old: what is to go */
};
struct event_old {
	uint64_t node;
	uint64_t len; /* bytes; 0 for a directory */
	bool dir;
};
/* Whether or not it is the helper who asks. */
enum event_lookup fsnotify_lookup(struct fsnotify *ev, const struct view *v, pid_t pid,
				  uint64_t parent, const char *name, const struct view_entry **e,
				  struct event_old *old);

/* Is this the helper, doing what it was asked to?  It is done then, as far as the server goes. */
bool fsnotify_rename(struct fsnotify *ev, const struct view *v, pid_t pid, uint64_t parent,
		     const char *name, uint64_t new_parent, const char *new_name);
bool fsnotify_remove(struct fsnotify *ev, const struct view *v, pid_t pid, uint64_t parent,
		     const char *name);
/* The directory, or NULL. */
const struct view_entry *fsnotify_mkdir(struct fsnotify *ev, const struct view *v, pid_t pid,
					uint64_t parent, const char *name);

#endif
