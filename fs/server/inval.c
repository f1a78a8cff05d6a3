/* SPDX-License-Identifier: ISC */
#include "inval.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "helper.h"
#include "log.h"
#include "name.h"

enum inval_kind { INVAL_ENTRY, INVAL_PAGES, INVAL_ATTR };

struct inval_item {
	struct inval_item *next;
	enum inval_kind kind;
	uint64_t ino; /* INVAL_ENTRY: the parent's */
	size_t len;
	char name[]; /* NUL-terminated */
};

struct inval {
	int helper;
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

/* ---- to the helper, and there ---- */

struct order { /* HELPER_FORGET */
	struct helper_message head;
	uint32_t kind, name_len;
	uint64_t ino;
	char name[NAME_SIZE];
};

/* Waits for room; a helper that is gone is started again and finds it. */
static void send_item(int helper, const struct inval_item *i)
{
	struct order o = {
		.head = {HANDOVER_VERSION, HELPER_FORGET, sizeof(o) - sizeof(o.head)},
		.kind = i->kind,
		.name_len = (uint32_t)i->len,
		.ino = i->ino,
	};

	if (i->len >= sizeof(o.name))
		return;
	memcpy(o.name, i->name, i->len);
	while (send(helper, &o, sizeof(o), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* linux/fuse.h.  Errors are of no interest: what the kernel does not know it need not forget. */
static void write_notice(int fd, int what, const void *body, size_t len, char *name,
			 size_t name_len)
{
	struct fuse_out_header head = {.len = (uint32_t)(sizeof(head) + len + name_len),
				       .error = what};
	struct iovec iov[3] = {
		{&head, sizeof(head)}, {(void *)(uintptr_t)body, len}, {name, name_len}};

	if (writev(fd, iov, name_len ? 3 : 2) < 0 && errno != ENOENT)
		log_say(LOGGED_DEBUG, "notification %d: %s", what, strerror(errno));
}

void inval_do(int fuse_fd, const void *message, size_t len)
{
	struct order o;

	if (len != sizeof(o))
		return;
	memcpy(&o, message, sizeof(o));
	log_say(LOGGED_DEBUG, "the kernel is to forget %s of %llu",
		o.kind == INVAL_ENTRY	? "a name"
		: o.kind == INVAL_PAGES ? "pages"
					: "attributes",
		(unsigned long long)o.ino);
	o.name[sizeof(o.name) - 1] = '\0';
	if (o.kind == INVAL_ENTRY && o.name_len < sizeof(o.name)) {
		const struct fuse_notify_inval_entry_out e = {.parent = o.ino,
							      .namelen = o.name_len};

		/* with its NUL */
		write_notice(fuse_fd, FUSE_NOTIFY_INVAL_ENTRY, &e, sizeof(e), o.name,
			     o.name_len + 1);
	} else if (o.kind == INVAL_PAGES || o.kind == INVAL_ATTR) {
		const struct fuse_notify_inval_inode_out i = {.ino = o.ino,
							      .off = o.kind == INVAL_ATTR ? -1 : 0};

		write_notice(fuse_fd, FUSE_NOTIFY_INVAL_INODE, &i, sizeof(i), NULL, 0);
	}
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
		send_item(n->helper, i);
		free(i);
		pthread_mutex_lock(&n->lock);
	}
	return NULL;
}

int inval_start(int helper, struct inval **out)
{
	struct inval *n = calloc(1, sizeof(*n));

	if (!n)
		return ERR_NOMEM;
	n->helper = helper;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->more, NULL);
	if (pthread_create(&n->thread, NULL, run, n) != 0) {
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
