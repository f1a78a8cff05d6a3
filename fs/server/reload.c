/* SPDX-License-Identifier: ISC */
#include "reload.h"

#include <errno.h>
#include <libgen.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "log.h"
#include "stats.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 5000

/* A file made in place is complete when it is closed, one moved in when it arrives. */
#define POLICY_EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

struct reload {
	struct reload_options o;
	char *policy_path, *mountpoint;
	pthread_t thread;
	int store_fd;  /* the backend's watch */
	int policy_fd; /* inotify on the policy's directory; -1: none */
	int news_fd, kick_fd;

	pthread_mutex_t lock;
	pthread_cond_t done;
	/* Loads are numbered.  A load is started, in one step, with the watches emptied: what was
	 * committed before an empty watch was seen is in the last load started. */
	uint64_t started, finished, given_up;
	bool kicked, stop;
	struct reload_news *first, *last;

	/* The thread's own. */
	struct view *view;
	struct mount_policy *rules;
	int store_error, policy_error; /* as last logged; 0 = fine */
	struct scope store_error_scope;
	unsigned policy_error_line;
	bool floors_due, floors_error;
	int retry_ms; /* 0: nothing to try again */
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
static int publish(struct reload *r, struct view *view, struct mount_policy *rules)
{
	struct reload_news *n = calloc(1, sizeof(*n));
	struct collecting c = {.news = n, .old = r->view, .new = view};
	const struct view_changes changes = {collect_entry, collect_attr, &c};
	uint64_t one = 1;

	if (!n) {
		view_unref(view);
		mount_policy_unref(rules);
		return ERR_NOMEM;
	}
	n->view = view;
	n->rules = rules;
	if (view)
		view_diff(r->view, view, &changes);
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
	if (write(r->news_fd, &one, sizeof(one)) < 0)
		log_say(LOGGED_DEBUG, "eventfd: %s", strerror(errno));
	return 0;
}

/* ---- loading ---- */

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
		"the store's scope %s cannot be taken: %s%s%s; the last good view goes on",
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

static void policy_failed(struct reload *r, int err, const struct policy_error *e)
{
	if (r->policy_error == err && r->policy_error_line == e->line)
		return;
	r->policy_error = err;
	r->policy_error_line = e->line;
	if (err == ERR_IO && r->o.renew) {
		log_say(LOGGED_INFO, "policy %s: %s here; a new server reads it", r->policy_path,
			e->text);
		r->o.renew(r->o.arg);
		return;
	}
	if (err == ERR_FORMAT)
		log_say(LOGGED_ERROR, "%s:%u: %s; the last good policy goes on", r->policy_path,
			e->line, e->text);
	else
		log_say(LOGGED_ERROR, "%s: %s; the last good policy goes on", r->policy_path,
			err == ERR_IO ? strerror(errno) : err_str(err));
}

static int load_rules(struct reload *r)
{
	struct policy_error e = {0};
	struct mount_policy *rules = NULL;
	int err;

	if (mount_policy_current(r->rules)) {
		stats_policy(NULL, 0);
		return 0;
	}
	/* A policy that was there and is gone is no empty policy. */
	err = mount_policy_load(r->policy_path, r->mountpoint, r->o.fallback_owner, false, &rules,
				&e);
	if (err < 0) {
		policy_failed(r, err, &e);
		stats_policy(e.text, e.line);
		return err == ERR_IO || err == ERR_NOMEM ? err : 0;
	}
	r->policy_error = 0;
	stats_policy(NULL, 0);
	log_say(LOGGED_INFO, "policy %s taken up", r->policy_path);
	return publish(r, NULL, rules);
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

/* ---- the thread ---- */

static void drain(int fd)
{
	char buf[4096];

	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
}

static bool begin_load(struct reload *r)
{
	bool go;

	pthread_mutex_lock(&r->lock);
	r->started++;
	r->kicked = false;
	drain(r->kick_fd);
	r->o.backend->ops->watch_clear(r->o.backend);
	drain(r->policy_fd);
	go = !r->stop;
	pthread_mutex_unlock(&r->lock);
	return go;
}

static void end_load(struct reload *r)
{
	pthread_mutex_lock(&r->lock);
	r->finished = r->started;
	pthread_cond_broadcast(&r->done);
	pthread_mutex_unlock(&r->lock);
}

static int patience(const struct reload *r)
{
	int ms = r->o.poll_seconds ? (int)r->o.poll_seconds * 1000 : -1;

	if (r->retry_ms && (ms < 0 || r->retry_ms < ms))
		ms = r->retry_ms;
	return ms;
}

static void *run(void *arg)
{
	struct reload *r = arg;

	for (;;) {
		struct pollfd p[3] = {
			{.fd = r->store_fd, .events = POLLIN},
			{.fd = r->policy_fd, .events = POLLIN},
			{.fd = r->kick_fd, .events = POLLIN},
		};
		int policy, store;

		if (poll(p, 3, patience(r)) < 0 && errno != EINTR)
			log_say(LOGGED_ERROR, "poll: %s", strerror(errno));
		if (!begin_load(r))
			return NULL;
		policy = load_rules(r);
		store = load_store(r);
		end_load(r);
		store_floors(r);
		malloc_trim(0); /* what building took is not to stay with us */
		if (policy == 0 && store == 0 && !r->floors_error)
			r->retry_ms = 0;
		else if (!r->retry_ms)
			r->retry_ms = RETRY_MIN_MS;
		else if (r->retry_ms < RETRY_MAX_MS)
			r->retry_ms *= 2;
	}
}

/* ---- the serving thread's side ---- */

/* The number of the load that must have ended before an answer is true.  Locked. */
static uint64_t needed(struct reload *r)
{
	struct pollfd p[2] = {
		{.fd = r->store_fd, .events = POLLIN},
		{.fd = r->policy_fd, .events = POLLIN},
	};

	return poll(p, 2, 0) > 0 || r->kicked ? r->started + 1 : r->started;
}

static void wait_for(struct reload *r, uint64_t number)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RELOAD_WAIT_MS / 1000;
	until.tv_nsec += (RELOAD_WAIT_MS % 1000) * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	while (r->finished < number && !r->stop) {
		if (pthread_cond_timedwait(&r->done, &r->lock, &until) != ETIMEDOUT)
			continue;
		r->given_up = number;
		log_say(LOGGED_WARNING,
			"the store does not answer in time; the last good view goes on");
		return;
	}
}

struct reload_news *reload_settle(struct reload *r)
{
	struct reload_news *n;
	uint64_t number;

	pthread_mutex_lock(&r->lock);
	number = needed(r);
	if (number > r->finished && number > r->given_up)
		wait_for(r, number);
	n = r->first;
	r->first = r->last = NULL;
	pthread_mutex_unlock(&r->lock);
	return n;
}

int reload_fd(const struct reload *r)
{
	return r->news_fd;
}

static void kick(struct reload *r, bool stop)
{
	uint64_t one = 1;

	pthread_mutex_lock(&r->lock);
	r->kicked = true;
	r->stop |= stop;
	pthread_mutex_unlock(&r->lock);
	if (write(r->kick_fd, &one, sizeof(one)) < 0)
		log_say(LOGGED_DEBUG, "eventfd: %s", strerror(errno));
}

void reload_kick(struct reload *r)
{
	kick(r, false);
}

/* ---- start and stop ---- */

static int watch_policy(const char *path)
{
	char *copy = strdup(path);
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (copy && fd >= 0 && inotify_add_watch(fd, dirname(copy), POLICY_EVENTS) < 0) {
		close(fd);
		fd = -1;
	}
	free(copy);
	return fd;
}

static void release(struct reload *r)
{
	for (size_t i = 0; i < 3; i++) {
		const int fds[] = {r->policy_fd, r->news_fd, r->kick_fd};

		if (fds[i] >= 0)
			close(fds[i]);
	}
	reload_news_free(r->first);
	view_unref(r->view);
	mount_policy_unref(r->rules);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->done);
	free(r->policy_path);
	free(r->mountpoint);
	free(r);
}

static int prepare(struct reload *r)
{
	pthread_condattr_t monotonic;
	int e;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	/* What changed since the first load, before there was a watch, is in the first one here. */
	r->kicked = true;
	r->kick_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	r->policy_fd = watch_policy(r->o.policy_path);
	r->policy_path = strdup(r->o.policy_path);
	r->mountpoint = strdup(r->o.mountpoint);
	if (r->news_fd < 0 || r->kick_fd < 0)
		return ERR_IO;
	if (!r->policy_path || !r->mountpoint)
		return ERR_NOMEM;
	if ((e = r->o.backend->ops->watch(r->o.backend, &r->store_fd)) < 0)
		return e;
	return 0;
}

int reload_start(const struct reload_options *o, struct view *view, struct mount_policy *rules,
		 struct reload **out)
{
	struct reload *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return ERR_NOMEM;
	r->o = *o;
	r->view = view_ref(view);
	r->rules = mount_policy_ref(rules);
	if ((e = prepare(r)) < 0) {
		release(r);
		return e;
	}
	if (pthread_create(&r->thread, NULL, run, r) != 0) {
		release(r);
		return ERR_NOMEM;
	}
	*out = r;
	return 0;
}

void reload_stop(struct reload *r)
{
	if (!r)
		return;
	kick(r, true);
	pthread_join(r->thread, NULL);
	release(r);
}
