/* SPDX-License-Identifier: ISC */
#include "inval.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "handover.h"
#include "helper_message.h"
#include "log.h"
#include "name.h"
#include "shm.h"

struct inval_item {
	struct inval_item *next;
	enum inval_kind kind;
	uint64_t ino; /* INVAL_ENTRY: the parent's */
	size_t len;
	char name[]; /* NUL-terminated */
};

struct inval {
	int helper;
	struct shm *shm;
	uint32_t next_told; /* where the next drop to be told of is likely */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct inval_list list;
};

static int list_add(struct inval_list *l, enum inval_kind kind, uint64_t ino, const char *name)
{
	size_t len = strlen(name);
	struct inval_item *i = calloc(1, sizeof(*i) + len + 1);

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

int inval_add_entry(struct inval_list *l, uint64_t parent, const char *name)
{
	return list_add(l, INVAL_ENTRY, parent, name);
}

int inval_add_pages(struct inval_list *l, uint64_t ino)
{
	return list_add(l, INVAL_PAGES, ino, "");
}

int inval_add_attr(struct inval_list *l, uint64_t ino)
{
	return list_add(l, INVAL_ATTR, ino, "");
}

void inval_list_free(struct inval_list *l)
{
	while (l->first) {
		struct inval_item *i = l->first;

		l->first = i->next;
		free(i);
	}
	l->last = NULL;
}

void inval_attr_now(struct fuse_session *se, uint64_t ino)
{
	fuse_lowlevel_notify_inval_inode(se, ino, -1, 0);
}

/* ---- to the helper ---- */

/* Waits for room; a helper that is gone is started again and finds it. */
static bool send_item(int helper, const struct inval_item *i)
{
	struct inval_order o = {
		.head = {HANDOVER_VERSION, HELPER_FORGET, sizeof(o) - sizeof(o.head)},
		.kind = i->kind,
		.name_len = (uint32_t)i->len,
		.ino = i->ino,
	};

	ssize_t n;

	if (i->len >= sizeof(o.name))
		return false;
	memcpy(o.name, i->name, i->len);
	do
		n = send(helper, &o, sizeof(o), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(o);
}

/* ---- pages that are to be dropped ---- */

/* All but half of the room is for what may be open, of which each version has pages once. */
bool inval_behind(const struct shm *s)
{
	return atomic_load_explicit(&s->dropping, memory_order_relaxed) >= SHM_DROPS / 2;
}

void inval_remember(struct shm *s, uint64_t ino)
{
	for (uint32_t i = 0; i < SHM_DROPS; i++) {
		_Atomic uint64_t *d = &s->drops[s->next_drop++ % SHM_DROPS];

		if (*d)
			continue;
		atomic_fetch_add(&s->dropping, 1);
		atomic_store(d, ino);
		return;
	}
}

/* Looks from *at on, and leaves it behind what was found. */
static void forget_drop(struct shm *s, uint64_t ino, uint32_t *at)
{
	for (uint32_t i = 0; i < SHM_DROPS; i++) {
		uint32_t slot = (*at + i) % SHM_DROPS;
		uint64_t found = ino;

		if (!atomic_compare_exchange_strong(&s->drops[slot], &found, 0))
			continue;
		atomic_fetch_sub(&s->dropping, 1);
		*at = slot + 1;
		return;
	}
}

void inval_keep(struct shm *s, uint64_t ino)
{
	uint32_t at = s->next_drop + SHM_DROPS - 1;

	forget_drop(s, ino, &at);
}

static int take_left(struct inval *n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < SHM_DROPS; i++) {
		if (!n->shm->drops[i])
			continue;
		count++;
		if (inval_add_pages(&n->list, n->shm->drops[i]) < 0)
			return ERR_NOMEM;
	}
	atomic_store(&n->shm->dropping, count);
	return 0;
}

/* ---- the thread ---- */

static void *run(void *arg)
{
	struct inval *n = arg;

	pthread_mutex_lock(&n->lock);
	for (;;) {
		struct inval_item *i = n->list.first;

		if (!i) {
			pthread_cond_wait(&n->more, &n->lock);
			continue;
		}
		n->list.first = i->next;
		if (!n->list.first)
			n->list.last = NULL;
		pthread_mutex_unlock(&n->lock);
		if (send_item(n->helper, i) && i->kind == INVAL_PAGES)
			forget_drop(n->shm, i->ino, &n->next_told);
		free(i);
		pthread_mutex_lock(&n->lock);
	}
	return NULL;
}

int inval_start(int helper, struct shm *shm, struct inval **out)
{
	struct inval *n = calloc(1, sizeof(*n));

	if (!n)
		return ERR_NOMEM;
	n->helper = helper;
	n->shm = shm;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->more, NULL);
	if (take_left(n) < 0 || pthread_create(&n->thread, NULL, run, n) != 0) {
		inval_list_free(&n->list);
		free(n);
		return ERR_NOMEM;
	}
	*out = n;
	return 0;
}

void inval_send(struct inval *n, struct inval_list *l)
{
	if (!l->first)
		return;
	pthread_mutex_lock(&n->lock);
	*(n->list.last ? &n->list.last->next : &n->list.first) = l->first;
	n->list.last = l->last;
	pthread_cond_signal(&n->more);
	pthread_mutex_unlock(&n->lock);
	*l = (struct inval_list){0};
}
