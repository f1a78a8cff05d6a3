/* SPDX-License-Identifier: ISC */
#include "notify.h"

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum notify_kind { NOTIFY_ENTRY, NOTIFY_PAGES, NOTIFY_ATTR };

struct notify_item {
	struct notify_item *next;
	enum notify_kind kind;
	uint64_t ino; /* NOTIFY_ENTRY: the parent's */
	size_t len;
	char name[]; /* NUL-terminated */
};

struct notify {
	struct fuse_session *se;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct notify_list list;
	bool stop, ended;
};

static int list_add(struct notify_list *l, enum notify_kind kind, uint64_t ino, const char *name)
{
	size_t len = strlen(name);
	struct notify_item *i = calloc(1, sizeof(*i) + len + 1);

	if (!i)
		return ERR_NOMEM;
	i->kind = kind;
	i->ino = ino;
	i->len = len;
	memcpy(i->name, name, len + 1);
	*(l->last ? &l->last->next : &l->first) = i;
	l->last = i;
	return 0;
}

int notify_add_entry(struct notify_list *l, uint64_t parent, const char *name)
{
	return list_add(l, NOTIFY_ENTRY, parent, name);
}

int notify_add_pages(struct notify_list *l, uint64_t ino)
{
	return list_add(l, NOTIFY_PAGES, ino, "");
}

int notify_add_attr(struct notify_list *l, uint64_t ino)
{
	return list_add(l, NOTIFY_ATTR, ino, "");
}

void notify_list_free(struct notify_list *l)
{
	while (l->first) {
		struct notify_item *i = l->first;

		l->first = i->next;
		free(i);
	}
	l->last = NULL;
}

void notify_attr_now(struct fuse_session *se, uint64_t ino)
{
	fuse_lowlevel_notify_inval_inode(se, ino, -1, 0);
}

/* Errors are of no interest: what the kernel does not know it need not forget. */
static void send_item(struct fuse_session *se, const struct notify_item *i)
{
	switch (i->kind) {
	case NOTIFY_ENTRY:
		fuse_lowlevel_notify_inval_entry(se, i->ino, i->name, i->len);
		break;
	case NOTIFY_PAGES:
		fuse_lowlevel_notify_inval_inode(se, i->ino, 0, 0);
		break;
	case NOTIFY_ATTR:
		notify_attr_now(se, i->ino);
		break;
	}
}

static void *run(void *arg)
{
	struct notify *n = arg;

	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		struct notify_item *i = n->list.first;

		if (!i) {
			pthread_cond_wait(&n->more, &n->lock);
			continue;
		}
		n->list.first = i->next;
		if (!n->list.first)
			n->list.last = NULL;
		pthread_mutex_unlock(&n->lock);
		send_item(n->se, i);
		free(i);
		pthread_mutex_lock(&n->lock);
	}
	n->ended = true;
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int notify_start(struct fuse_session *se, struct notify **out)
{
	struct notify *n = calloc(1, sizeof(*n));

	if (!n)
		return ERR_NOMEM;
	n->se = se;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->more, NULL);
	if (pthread_create(&n->thread, NULL, run, n) != 0) {
		free(n);
		return ERR_NOMEM;
	}
	*out = n;
	return 0;
}

void notify_send(struct notify *n, struct notify_list *l)
{
	if (!l->first)
		return;
	pthread_mutex_lock(&n->lock);
	*(n->list.last ? &n->list.last->next : &n->list.first) = l->first;
	n->list.last = l->last;
	pthread_cond_signal(&n->more);
	pthread_mutex_unlock(&n->lock);
	*l = (struct notify_list){0};
}

void notify_end(struct notify *n)
{
	pthread_mutex_lock(&n->lock);
	n->stop = true;
	pthread_cond_signal(&n->more);
	pthread_mutex_unlock(&n->lock);
}

bool notify_ended(struct notify *n)
{
	bool ended;

	pthread_mutex_lock(&n->lock);
	ended = n->ended;
	pthread_mutex_unlock(&n->lock);
	return ended;
}

void notify_stop(struct notify *n)
{
	if (!n)
		return;
	notify_end(n);
	pthread_join(n->thread, NULL);
	notify_list_free(&n->list);
	pthread_mutex_destroy(&n->lock);
	pthread_cond_destroy(&n->more);
	free(n);
}
