/* SPDX-License-Identifier: ISC */
/*
 * reload - follows the store and the policy: a thread for each, which build the next view and the next
 * rules and do not wait for one another, and the barrier by which the serving thread never answers
 * from an older state than what was committed before the request.
 *
 * Whatever fails to load changes nothing: the last good view and rules go on, the failure is logged
 * once, and loading is tried again with a growing delay until it succeeds.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "fsnotify.h"
#include "load.h"
#include "inval.h"
#include "mount_policy.h"
#include "policy_area.h"

struct reload;

struct reload_options {
	struct backend *backend;
	struct load *load;
	const char *policy_path; /* to be named */
	const struct policy_area *policy;
	int policy_watch;	/* as of policy_area_needed */
	uint32_t policy_number; /* of the state that is served first, */
	uint32_t policy_text;	/* and where its text is from */
	const char *mountpoint;
	uid_t fallback_owner;
	unsigned poll_seconds; /* look that often even without an event; 0 = never */
	/* Called when the store cannot be read by this process, which is confined: a directory of the
	 * store that was replaced is one it was not given.  One that starts anew sees it. */
	void (*renew)(void *arg);
	/* The store could not be loaded, and can again. */
	void (*whole)(void *arg);
	void *arg;
};

struct reload_news { /* in the order they came about; the receiver takes all over */
	struct reload_news *next;
	struct view *view;	    /* NULL: as before */
	struct mount_policy *rules; /* NULL: as before */
	uint64_t *attrs; /* node ids: to be forgotten by the kernel once this is adopted */
	size_t nattrs;
	struct event_list changes;
};

/* Borrows what options point to; takes references of the view and rules that are served first. */
WUR int reload_start(const struct reload_options *o, struct view *view, struct mount_policy *rules,
		     struct reload **out);
/* Polls readable when there is news, or none is to be waited for any more. */
int reload_fd(const struct reload *r);

/*
 * What news there is, or NULL; does not wait.  *settled: it was committed before this call, and is
 * loaded, or was given up; else reload_fd polls readable when it may be.
 */
struct reload_news *reload_take(struct reload *r, bool *settled);
/* It was waited for long enough: what is being loaded now is not waited for again. */
void reload_give_up(struct reload *r);
void reload_news_free(struct reload_news *n); /* this one and all behind it */

#endif
