/* SPDX-License-Identifier: ISC */
#include "server.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "decision.h"
#include "log.h"
#include "name.h"
#include "stats.h"

/* ---- news ---- */

/* A successor begins where this is. */
static void remember_told(struct server *s)
{
	for (int l = 0; l < SCOPE_LEVELS; l++)
		memcpy(s->shared->told[l], view_commit_id(s->view, (enum scope_level)l), HASH_SIZE);
}

void server_told(struct server *s)
{
	if (fsnotify_settled(s->events))
		remember_told(s);
}

/* Not before it is adopted: an answer from the old view would be remembered again. */
static void forget(struct server *s, uint64_t node, struct inval_list *pages)
{
	inval_attr_now(s->se, node);
	if (pagecache_has(s->cached, node) && inval_add_pages(pages, node) == 0)
		pagecache_forget(s->cached, node);
}

static void adopt(struct server *s, struct reload_news *n)
{
	struct inval_list pages = {0};

	if (n->view) {
		view_unref(s->view);
		s->view = n->view;
		n->view = NULL;
		listings_adopt(s->dir_handles, s->view);
		stats_view(s->view, false);
	}
	if (n->rules) {
		mount_policy_unref(s->rules);
		s->rules = n->rules;
		stats_rules();
		n->rules = NULL;
	}
	for (size_t i = 0; i < n->nattrs; i++)
		forget(s, n->attrs[i], &pages);
	inval_send(s->notify, &pages);
	fsnotify_add(s->events, &n->changes, s->view);
	server_told(s);
	/* From now on no successor knows what the kernel was told, and when. */
	memset(s->shared->served, 0xff, HASH_SIZE);
}

bool server_refresh(struct server *s)
{
	bool settled;
	struct reload_news *news = reload_take(s->reload, &settled);

	for (struct reload_news *n = news; n; n = n->next)
		adopt(s, n);
	reload_news_free(news);
	return settled;
}

/* ---- waiting ---- */

/* Its row, as long as it waits. */
static struct parked *park(struct server *s)
{
	if (!s->parked)
		s->parked = park_add(s->park, s->request, s->request->len, s->request->uid);
	s->stays = s->parked != NULL;
	return s->parked;
}

bool server_has_waited(const struct server *s)
{
	return s->parked && s->parked->object;
}

bool server_wait(struct server *s)
{
	struct parked *p = park(s);

	if (p)
		p->for_state = true;
	return p;
}

/* Takes a reference of t over, if it is to be waited for. */
static int wait_for(struct server *s, fuse_req_t req, struct fetch *t, bool object)
{
	struct parked *p = t ? park(s) : NULL;

	if (!p) {
		fetch_leave(s->fetcher, t);
		return t ? EAGAIN : ENOMEM;
	}
	*(object ? &p->object : &p->groups) = t;
	*(object ? &p->for_object : &p->for_groups) = true;
	fuse_reply_none(req);
	return -1;
}

int server_object(struct server *s, fuse_req_t req, const struct keyring *ring,
		  const uint8_t id[static HASH_SIZE], const struct fetch **out)
{
	struct parked *p = s->parked;

	if (p && p->object && fetch_is(p->object, ring, id) && p->object->done) {
		*out = p->object;
		return 0;
	}
	if (p && p->late)
		return EIO;
	if (p && p->object) { /* there is a newer version meanwhile */
		fetch_leave(s->fetcher, p->object);
		p->object = NULL;
	}
	return wait_for(s, req, fetch_object(s->fetcher, s->request->uid, s->backend, ring, id),
			true);
}

int server_groups(struct server *s, fuse_req_t req, const struct fetch **out)
{
	struct parked *p = s->parked;

	if (p && p->groups && p->groups->done) {
		*out = p->groups;
		return 0;
	}
	if (p && p->late)
		return EIO;
	return wait_for(s, req, fetch_groups(s->fetcher, s->request->uid, (pid_t)s->request->pid),
			false);
}

/* ---- beginning ---- */

struct catching_up {
	struct event_list changes;
	const struct view *old, *new;
	struct inval_list *attrs;
	bool failed;
};

static void note_change(void *arg, const struct view_entry *was, const struct view_entry *is)
{
	struct catching_up *c = arg;

	c->failed |= fsnotify_note(&c->changes, c->old, was, c->new, is) < 0;
}

static void note_attr(void *arg, uint64_t node)
{
	struct catching_up *c = arg;

	c->failed |= inval_add_attr(c->attrs, node) < 0;
}

/* Was everything in this view told of, as far as is known? */
static bool is_told(const struct server *s)
{
	if (sodium_is_zero(s->shared->told[0], sizeof(s->shared->told)))
		return true; /* nobody served before */
	for (int l = 0; l < SCOPE_LEVELS; l++)
		if (memcmp(s->shared->told[l], view_commit_id(s->view, (enum scope_level)l),
			   HASH_SIZE) != 0)
			return false;
	return true;
}

/* What was committed while nobody served, or its events were not all out. */
static void catch_up(struct server *s)
{
	struct inval_list attrs = {0};
	struct catching_up c = {.new = s->view, .attrs = &attrs};
	const struct view_changes changes = {note_change, note_attr, &c};
	VIEW_CLEANUP struct view *old = NULL;

	if (is_told(s))
		return;
	if (load_earlier(s->load, s->shared->told, &old) < 0 || !old)
		return;
	c.old = old;
	view_diff(old, s->view, &changes);
	if (c.failed)
		event_list_free(&c.changes);
	fsnotify_add(s->events, &c.changes, s->view);
	inval_send(s->notify, &attrs);
}

int server_start(struct server *s, int helper, const struct reload_options *o)
{
	int r = inval_start(helper, s->shared, &s->notify);

	if (r == 0)
		r = fsnotify_open(helper, &s->events);
	if (r < 0)
		return r;
	catch_up(s);
	server_told(s);
	return reload_start(o, s->view, s->rules, &s->reload);
}

/* ---- time ---- */

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int server_tick(struct server *s)
{
	bool settled = fsnotify_settled(s->events);
	struct inval_list list = {0};
	int ms = sooner(log_flush(), decision_flush());

	ms = sooner(ms, pagecache_expire(s->cached, &list));
	ms = sooner(ms, fsnotify_expire(s->events, s->view, &list));
	inval_send(s->notify, &list);
	if (!settled)
		server_told(s);
	return ms;
}

const struct scope *server_scope(const struct server *s, uint8_t level)
{
	return &load_scopes(s->load)[level];
}

static struct keyring *ring_in(const struct bundle *b, uint8_t level)
{
	return b->n > 1 ? b->rings[level] : b->rings[0];
}

struct keyring *server_ring(const struct server *s, uint8_t level)
{
	return ring_in(s->bundle, level);
}

static bool has(const struct keyring *k, uint32_t gen)
{
	for (size_t i = 0; i < KEYRING_GENS; i++)
		if (k->gens[i].gen == gen)
			return true;
	return false;
}

struct keyring *server_ring_of(const struct server *s, uint8_t level, uint32_t gen)
{
	struct keyring *now = ring_in(s->bundle, level);

	return has(now, gen) || !s->before ? now : ring_in(s->before, level);
}

uint64_t server_unique(const struct server *s)
{
	return s->request->unique & ~SERVER_RESENT;
}

/* ---- what the kernel was told ---- */

/* Of everything that attributes and names come from. */
static void digest(const struct server *s, uint8_t out[static HASH_SIZE])
{
	crypto_generichash_state h;
	struct policy_access access;
	uint64_t numbers[8];

	crypto_generichash_init(&h, NULL, 0, HASH_SIZE);
	for (int l = 0; l < SCOPE_LEVELS; l++) {
		numbers[2 * l] = view_commit_time(s->view, (enum scope_level)l);
		numbers[2 * l + 1] = view_commit_epoch(s->view, (enum scope_level)l);
	}
	_Static_assert(2 * SCOPE_LEVELS == 8, "room for each");
	crypto_generichash_update(&h, (const uint8_t *)numbers, sizeof(numbers));
	for (uint32_t i = 1; i < view_count(s->view); i++) {
		const struct view_entry *e = view_at(s->view, i);
		char name[NAME_SIZE];

		if (e->kind != VIEW_FILE)
			continue;
		mount_policy_access(s->rules, server_scope(s, e->level),
				    view_path(s->view, e, name), &access);
		numbers[0] = access.mode;
		numbers[1] = access.owner;
		numbers[2] = access.group;
		crypto_generichash_update(&h, (const uint8_t *)numbers, 3 * sizeof(numbers[0]));
	}
	crypto_generichash_final(&h, out, HASH_SIZE);
}

void server_succeed(struct server *s)
{
	struct inval_list forget = {0};
	uint8_t now[HASH_SIZE];

	digest(s, now);
	if (sodium_is_zero(s->shared->served, HASH_SIZE))
		memcpy(s->shared->served, now, HASH_SIZE);
	else if (sodium_memcmp(now, s->shared->served, HASH_SIZE) != 0)
		for (uint32_t i = 0; i < view_count(s->view); i++)
			if (inval_add_attr(&forget, view_node(s->view, view_at(s->view, i))) < 0)
				break;
	inval_send(s->notify, &forget);
}
