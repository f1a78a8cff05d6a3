/* SPDX-License-Identifier: ISC */
#include "server.h"

#include <stdlib.h>

int server_start(struct server *s, const struct reload_options *o)
{
	int r = notify_start(s->se, &s->notify);

	if (r == 0)
		r = reload_start(o, s->view, s->rules, &s->reload);
	return r;
}

void server_stop(struct server *s)
{
	reload_stop(s->reload);
	s->reload = NULL;
	notify_stop(s->notify);
	s->notify = NULL;
}

void server_close(struct server *s)
{
	listings_close(s->listings);
	files_close(s->files);
	view_unref(s->view);
	load_close(s->load);
	backend_close(s->backend);
	bundle_free(s->bundle);
	rules_unref(s->rules);
	*s = (struct server){0};
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
	for (size_t i = 0; i < n->nattrs; i++)
		notify_attr_now(s->se, n->attrs[i]);
	notify_send(s->notify, &n->later);
}

void server_refresh(struct server *s)
{
	struct reload_news *news = reload_settle(s->reload);

	for (struct reload_news *n = news; n; n = n->next)
		adopt(s, n);
	reload_news_free(news);
}

const struct scope *server_scope(const struct server *s, const struct view_entry *e)
{
	return &load_scopes(s->load)[e->level];
}

struct keyring *server_ring(const struct server *s, const struct view_entry *e)
{
	return s->bundle->n > 1 ? s->bundle->rings[e->level] : s->bundle->rings[0];
}
