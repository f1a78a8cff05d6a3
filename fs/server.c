/* SPDX-License-Identifier: ISC */
#include "server.h"

#include <linux/fuse.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "name.h"

int server_start(struct server *s, int helper, const struct reload_options *o)
{
	int r = notify_start(helper, &s->notify);

	if (r == 0)
		r = reload_start(o, s->view, s->rules, &s->reload);
	return r;
}

static void adopt(struct server *s, struct reload_news *n)
{
	if (n->view) {
		view_unref(s->view);
		s->view = n->view;
		n->view = NULL;
		listings_adopt(s->listings, s->view);
	}
	if (n->rules) {
		rules_unref(s->rules);
		s->rules = n->rules;
		n->rules = NULL;
	}
	/* Not before: an answer from the old view would be remembered again. */
	for (size_t i = 0; i < n->nattrs; i++) {
		notify_attr_now(s->se, n->attrs[i]);
		if (cached_has(s->cached, n->attrs[i]) &&
		    notify_add_pages(&n->later, n->attrs[i]) == 0)
			cached_forget(s->cached, n->attrs[i]);
	}
	notify_send(s->notify, &n->later);
	/* From now on no successor knows what the kernel was told, and when. */
	memset(s->shared->served, 0xff, HASH_SIZE);
}

void server_refresh(struct server *s)
{
	struct reload_news *news = reload_settle(s->reload);

	for (struct reload_news *n = news; n; n = n->next)
		adopt(s, n);
	reload_news_free(news);
}

int server_tick(struct server *s)
{
	struct notify_list pages = {0};
	int log = log_flush(), cached = cached_expire(s->cached, &pages);

	if (pages.first)
		notify_send(s->notify, &pages);
	return cached < 0 || (log >= 0 && log < cached) ? log : cached;
}

const struct scope *server_scope(const struct server *s, uint8_t level)
{
	return &load_scopes(s->load)[level];
}

struct keyring *server_ring(const struct server *s, uint8_t level)
{
	return s->bundle->n > 1 ? s->bundle->rings[level] : s->bundle->rings[0];
}

uint64_t server_unique(const struct server *s)
{
	const struct fuse_in_header *in = (const void *)s->shared->slot;

	return in->unique & ~(1ull << 63); /* FUSE_UNIQUE_RESEND */
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
		rules_access(s->rules, server_scope(s, e->level), view_path(s->view, e, name),
			     &access);
		numbers[0] = access.mode;
		numbers[1] = access.owner;
		numbers[2] = access.group;
		crypto_generichash_update(&h, (const uint8_t *)numbers, 3 * sizeof(numbers[0]));
	}
	crypto_generichash_final(&h, out, HASH_SIZE);
}

void server_succeed(struct server *s)
{
	struct notify_list forget = {0};
	uint8_t now[HASH_SIZE];

	digest(s, now);
	if (sodium_memcmp(now, s->shared->served, HASH_SIZE) == 0)
		return;
	if (sodium_is_zero(s->shared->served, HASH_SIZE)) {
		memcpy(s->shared->served, now, HASH_SIZE);
		return;
	}
	for (uint32_t i = 0; i < view_count(s->view); i++)
		if (notify_add_attr(&forget, view_node(s->view, view_at(s->view, i))) < 0)
			break;
	notify_send(s->notify, &forget);
}
