/* SPDX-License-Identifier: ISC */
#include "reload.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "log.h"
#include "policy_errmsg.h"
#include "stats.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 5000

struct reload {
	struct reload_options o;
	int store_fd; /* the backend's watch */
	int news_fd, kick_fd;

	pthread_mutex_t lock;
	/* Loads are numbered.  A load is started, in one step, with the watches emptied: what was
	 * committed before an empty watch was seen is in the last load started. */
	uint64_t started, finished, given_up;
	uint32_t policy_taken, policy_given_up; /* state; look */
	bool kicked;
	struct reload_news *first, *last;

	/* What was published last, by either thread. */
	pthread_mutex_t publishing;
	struct view *view;
	struct mount_policy *rules;

	/* The store's thread. */
	int store_error; /* as last logged; 0 = fine */
	struct scope store_error_scope;
	bool floors_due, floors_error;
	int retry_ms; /* 0: nothing to try again */

	/* The policy's. */
	uint32_t policy_text;
	int policy_error; /* as last logged; 0 = fine */
	struct policy_error policy_reason;
};

/* ---- news ---- */

void reload_news_free(struct reload_news *n)
{
	while (n) {
		struct reload_news *next = n->next;

		view_unref(n->view);
		mount_policy_unref(n->rules);
		free(n->attrs);
		event_list_free(&n->changes);
		free(n);
		n = next;
	}
}

struct collecting {
	struct reload_news *news;
	const struct view *old, *new;
	size_t cap;
	bool failed;
};

static void collect_attr(void *arg, uint64_t ino)
{
	struct collecting *c = arg;
	struct reload_news *n = c->news;

	if (n->nattrs == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		void *p = reallocarray(n->attrs, cap, sizeof(*n->attrs));

		if (!p) {
			c->failed = true;
			return;
		}
		n->attrs = p;
		c->cap = cap;
	}
	n->attrs[n->nattrs++] = ino;
}

static void collect_entry(void *arg, const struct view_entry *was, const struct view_entry *is)
{
	struct collecting *c = arg;

	c->failed |= fsnotify_note(&c->news->changes, c->old, was, c->new, is) < 0;
}

static void wake(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		log_say(LOGGED_DEBUG, "eventfd: %s", strerror(errno));
}

/* Files whose owner or mode the new rules change. */
static void collect_ownership(struct collecting *c, const struct view *v,
			      const struct mount_policy *old, const struct mount_policy *new,
			      const struct scope scopes[SCOPE_LEVELS])
{
	for (uint32_t i = 1; i < view_count(v); i++) {
		const struct view_entry *e = view_at(v, i);
		struct policy_access was, is;
		char name[NAME_SIZE];

		if (e->kind != VIEW_FILE)
			continue;
		view_path(v, e, name);
		mount_policy_access(old, &scopes[e->level], name, &was);
		mount_policy_access(new, &scopes[e->level], name, &is);
		if (was.mode != is.mode || was.owner != is.owner || was.group != is.group)
			collect_attr(c, view_node(v, e));
	}
}

/* Takes both over (either may be NULL), also on failure. */
static int publish_locked(struct reload *r, struct view *view, struct mount_policy *rules)
{
	struct reload_news *n = calloc(1, sizeof(*n));
	struct collecting c = {.news = n, .old = r->view, .new = view};
	const struct view_changes changes = {collect_entry, collect_attr, &c};

	if (!n) {
		view_unref(view);
		mount_policy_unref(rules);
		return ERR_NOMEM;
	}
	n->view = view;
	n->rules = rules;
	if (view) {
		load_succeed(r->o.load, r->view, view);
		view_diff(r->view, view, &changes);
	}
	if (rules)
		collect_ownership(&c, view ? view : r->view, r->rules, rules,
				  load_scopes(r->o.load));
	if (c.failed) {
		reload_news_free(n);
		return ERR_NOMEM;
	}
	if (view) {
		view_unref(r->view);
		r->view = view_ref(view);
	}
	if (rules) {
		mount_policy_unref(r->rules);
		r->rules = mount_policy_ref(rules);
	}
	pthread_mutex_lock(&r->lock);
	*(r->last ? &r->last->next : &r->first) = n;
	r->last = n;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static int publish(struct reload *r, struct view *view, struct mount_policy *rules)
{
	int err;

	pthread_mutex_lock(&r->publishing);
	err = publish_locked(r, view, rules);
	pthread_mutex_unlock(&r->publishing);
	return err;
}

/* ---- the store ---- */

static void store_failed(struct reload *r, const struct load_error *e)
{
	char scope[SCOPE_STR];
	/* What is not there, or may not be seen, may be there for one that starts anew. */
	bool hidden = r->o.renew &&
		      (e->error == ERR_NOENT || (e->error == ERR_IO && e->saved_errno == EACCES));
	bool said = r->store_error == e->error && scope_eq(&r->store_error_scope, &e->scope);

	r->store_error = e->error;
	r->store_error_scope = e->scope;
	if (hidden) { /* as often as loading is tried again; it says why it cannot, once */
		log_say(LOGGED_DEBUG, "a new server looks for scope %s",
			scope_str(&e->scope, scope));
		r->o.renew(r->o.arg);
	}
	if (hidden || said)
		return;
	log_say(access_is_alarming(e->error) ? LOGGED_ALARM : LOGGED_ERROR,
		"the store's scope %s cannot be taken: %s%s%s; still serving the last good view",
		scope_str(&e->scope, scope), err_str(e->error), e->error == ERR_IO ? ": " : "",
		e->error == ERR_IO ? strerror(e->saved_errno) : "");
}

static int load_store(struct reload *r)
{
	struct view *view = NULL;
	struct load_error e = {0};
	int err = load_view(r->o.load, &view, &e);

	if (err < 0) {
		stats_store(&e);
		store_failed(r, &e);
		return err;
	}
	if (r->store_error) {
		log_say(LOGGED_INFO, "the store is whole again");
		r->o.whole(r->o.arg);
	}
	r->store_error = 0;
	stats_store(NULL);
	if (!view)
		return 0;
	r->floors_due = true;
	log_say(LOGGED_DEBUG, "a new view of %u secrets", view_secrets(view));
	if ((err = publish(r, view, NULL)) < 0)
		load_again(r->o.load);
	return err;
}

static void store_floors(struct reload *r)
{
	struct load_error e = {0};
	char scope[SCOPE_STR];

	if (!r->floors_due)
		return;
	if (load_store_floors(r->o.load, &e) == 0) {
		r->floors_due = r->floors_error = false;
		return;
	}
	if (!r->floors_error)
		log_say(LOGGED_ERROR, "what was accepted of %s cannot be remembered: %s",
			scope_str(&e.scope, scope),
			e.error == ERR_IO ? strerror(e.saved_errno) : err_str(e.error));
	r->floors_error = true;
}

/* ---- the policy ---- */

/* A new error is said, whatever line it is of; the same one once. */
static void policy_failed(struct reload *r, const struct policy_area_news *n)
{
	char text[POLICY_ERRMSG_SIZE];

	stats_policy(n->e.text, n->e.line);
	if (r->policy_error == n->error && r->policy_reason.line == n->e.line &&
	    strcmp(r->policy_reason.text, n->e.text) == 0)
		return;
	r->policy_error = n->error;
	r->policy_reason = n->e;
	log_say(LOGGED_ERROR, "%s; the last good policy stays in force",
		policy_errmsg(r->o.policy_path, n->error, &n->e, text));
}

static int take_rules(struct reload *r, struct policy_area_news *n)
{
	struct mount_policy *rules;
	int err;

	if (n->text_from == r->policy_text) {
		policy_free(n->policy);
		return 0;
	}
	err = mount_policy_new(n->policy, r->o.mountpoint, r->o.fallback_owner, &rules);
	if (err == 0)
		err = publish(r, NULL, rules);
	if (err < 0)
		return err;
	r->policy_text = n->text_from;
	log_say(LOGGED_INFO, "policy %s taken up", r->o.policy_path);
	return 0;
}

static void take_policy(struct reload *r)
{
	struct policy_area_news n;
	int err = policy_area_load(r->o.policy, &n);

	if (err == 0)
		err = take_rules(r, &n);
	if (err < 0) {
		n.e = (struct policy_error){0};
		n.error = err;
	}
	if (n.error) {
		policy_failed(r, &n);
	} else {
		r->policy_error = 0;
		stats_policy(NULL, 0);
	}
	pthread_mutex_lock(&r->lock);
	r->policy_taken = n.number;
	pthread_mutex_unlock(&r->lock);
}

static void *follow_policy(void *arg)
{
	struct reload *r = arg;

	for (;;) {
		uint32_t finished = r->o.policy->finished;

		if (r->o.policy->state != r->policy_taken)
			take_policy(r);
		wake(r->news_fd);
		policy_area_wait(r->o.policy, finished);
	}
	return NULL;
}

/* ---- the store's thread ---- */

static void drain(int fd)
{
	char buf[4096];

	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
}

static void begin_load(struct reload *r)
{
	pthread_mutex_lock(&r->lock);
	r->started++;
	r->kicked = false;
	drain(r->kick_fd);
	r->o.backend->ops->watch_clear(r->o.backend);
	pthread_mutex_unlock(&r->lock);
}

static void end_load(struct reload *r)
{
	pthread_mutex_lock(&r->lock);
	r->finished = r->started;
	pthread_mutex_unlock(&r->lock);
	wake(r->news_fd);
}

static int patience(const struct reload *r)
{
	int ms = r->o.poll_seconds ? (int)r->o.poll_seconds * 1000 : -1;

	if (r->retry_ms && (ms < 0 || r->retry_ms < ms))
		ms = r->retry_ms;
	return ms;
}

static void *follow_store(void *arg)
{
	struct reload *r = arg;

	for (;;) {
		struct pollfd p[2] = {
			{.fd = r->store_fd, .events = POLLIN},
			{.fd = r->kick_fd, .events = POLLIN},
		};
		int err;

		if (poll(p, 2, patience(r)) < 0 && errno != EINTR)
			log_say(LOGGED_ERROR, "poll: %s", strerror(errno));
		begin_load(r);
		err = load_store(r);
		end_load(r);
		store_floors(r);
		malloc_trim(0); /* what building took is not to stay with us */
		if (err == 0 && !r->floors_error)
			r->retry_ms = 0;
		else if (!r->retry_ms)
			r->retry_ms = RETRY_MIN_MS;
		else if (r->retry_ms < RETRY_MAX_MS)
			r->retry_ms *= 2;
	}
	return NULL;
}

/* ---- the serving thread's side ---- */

/* The number of the load that must have ended before an answer is true.  Locked. */
static uint64_t needed(struct reload *r)
{
	struct pollfd p = {.fd = r->store_fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 || r->kicked ? r->started + 1 : r->started;
}

static bool has_store(struct reload *r)
{
	uint64_t number = needed(r);

	return number <= r->finished || number <= r->given_up;
}

static bool has_policy(struct reload *r)
{
	uint32_t look = policy_area_needed(r->o.policy, r->o.policy_watch);

	return look ? look <= r->policy_given_up : r->policy_taken == r->o.policy->state;
}

void reload_give_up(struct reload *r)
{
	bool store, policy;

	pthread_mutex_lock(&r->lock);
	if (!(store = has_store(r)))
		r->given_up = needed(r);
	if (!(policy = has_policy(r)))
		r->policy_given_up = policy_area_needed(r->o.policy, r->o.policy_watch);
	pthread_mutex_unlock(&r->lock);
	if (!store)
		log_say(LOGGED_WARNING,
			"the store does not answer in time; still serving the last good view");
	if (!policy)
		log_say(LOGGED_WARNING,
			"%s: its file system or the user database does not answer in time; the last good policy stays in force",
			r->o.policy_path);
}

struct reload_news *reload_take(struct reload *r, bool *settled)
{
	struct reload_news *n;

	pthread_mutex_lock(&r->lock);
	*settled = has_store(r) && has_policy(r);
	n = r->first;
	r->first = r->last = NULL;
	pthread_mutex_unlock(&r->lock);
	return n;
}

int reload_fd(const struct reload *r)
{
	return r->news_fd;
}

/* ---- the start ---- */

static void release(struct reload *r)
{
	for (size_t i = 0; i < 2; i++) {
		const int fds[] = {r->news_fd, r->kick_fd};

		if (fds[i] >= 0)
			close(fds[i]);
	}
	reload_news_free(r->first);
	view_unref(r->view);
	mount_policy_unref(r->rules);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->publishing);
	free(r);
}

static int prepare(struct reload *r)
{
	int e;

	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->publishing, NULL);
	r->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	/* What changed since the first load, before there was a watch, is in the first one here. */
	r->kicked = true;
	r->kick_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->news_fd < 0 || r->kick_fd < 0)
		return ERR_IO;
	if ((e = r->o.backend->ops->watch(r->o.backend, &r->store_fd)) < 0)
		return e;
	return 0;
}

int reload_start(const struct reload_options *o, struct view *view, struct mount_policy *rules,
		 struct reload **out)
{
	struct reload *r = calloc(1, sizeof(*r));
	pthread_t store, policy;
	int e;

	if (!r)
		return ERR_NOMEM;
	r->o = *o;
	r->policy_taken = o->policy_number;
	r->policy_text = o->policy_text;
	r->view = view_ref(view);
	r->rules = mount_policy_ref(rules);
	if ((e = prepare(r)) < 0) {
		release(r);
		return e;
	}
	/* They end with the process. */
	if (pthread_create(&store, NULL, follow_store, r) != 0 ||
	    pthread_create(&policy, NULL, follow_policy, r) != 0)
		return ERR_NOMEM;
	*out = r;
	return 0;
}
