/* SPDX-License-Identifier: ISC */
#include "worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK 262144 /* bytes */

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t work;
	unsigned max, per_uid, threads, idle;
	int fd;
	struct job *queue, **end, *done;
	struct job **running; /* of each thread; NULL: idle */
};

int workers_open(unsigned max, unsigned per_uid, struct workers **out)
{
	struct workers *w = calloc(1, sizeof(*w));

	if (w)
		w->running = calloc(max, sizeof(struct job *));
	if (!w || !w->running) {
		free(w);
		return ERR_NOMEM;
	}
	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->fd < 0) {
		free(w->running);
		free(w);
		return ERR_IO;
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->max = max;
	w->per_uid = per_uid;
	w->end = &w->queue;
	*out = w;
	return 0;
}

static unsigned running(const struct workers *w, uid_t uid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->threads; i++)
		n += w->running[i] && w->running[i]->uid == uid;
	return n;
}

static struct job *take_out(struct workers *w, struct job **at)
{
	struct job *j = *at;

	*at = j->next;
	if (!j->next)
		w->end = at;
	return j;
}

/* The first of the lowest rank: a uid's first job goes before another's second. */
static struct job *pick(struct workers *w)
{
	struct job **best = NULL;

	for (struct job **p = &w->queue; *p; p = &(*p)->next)
		if ((!best || (*p)->rank < (*best)->rank) && running(w, (*p)->uid) < w->per_uid)
			best = p;
	return best ? take_out(w, best) : NULL;
}

struct seat {
	struct workers *w;
	unsigned n;
};

static void *work(void *arg)
{
	struct seat seat = *(struct seat *)arg;
	struct workers *w = seat.w;
	const uint64_t one = 1;

	free(arg);
	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct job *j = pick(w);

		if (!j) {
			w->idle++;
			pthread_cond_wait(&w->work, &w->lock);
			w->idle--;
			continue;
		}
		w->running[seat.n] = j;
		pthread_mutex_unlock(&w->lock);
		j->run(j);
		pthread_mutex_lock(&w->lock);
		w->running[seat.n] = NULL;
		j->next = w->done;
		w->done = j;
		if (write(w->fd, &one, sizeof(one)) < 0)
			pthread_cond_broadcast(&w->work); /* it cannot: the counter is 64 bits */
	}
	return NULL;
}

/* Locked. */
static bool start_thread(struct workers *w)
{
	struct seat *seat = malloc(sizeof(*seat));
	pthread_attr_t small;
	pthread_t thread;
	bool ok;

	if (!seat)
		return false;
	*seat = (struct seat){w, w->threads};
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	ok = pthread_create(&thread, &small, work, seat) == 0;
	pthread_attr_destroy(&small);
	if (ok)
		w->threads++;
	else
		free(seat);
	return ok;
}

int workers_submit(struct workers *w, struct job *j)
{
	int r = 0;

	pthread_mutex_lock(&w->lock);
	j->rank = running(w, j->uid);
	for (const struct job *q = w->queue; q; q = q->next)
		j->rank += q->uid == j->uid;
	if (!w->idle && w->threads < w->max && !start_thread(w) && !w->threads)
		r = ERR_NOMEM;
	if (r == 0) {
		j->next = NULL;
		*w->end = j;
		w->end = &j->next;
		pthread_cond_broadcast(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

bool workers_cancel(struct workers *w, struct job *j)
{
	struct job **p = &w->queue;
	bool found;

	pthread_mutex_lock(&w->lock);
	while (*p && *p != j)
		p = &(*p)->next;
	found = *p != NULL;
	if (found)
		take_out(w, p);
	pthread_mutex_unlock(&w->lock);
	return found;
}

int workers_fd(const struct workers *w)
{
	return w->fd;
}

struct job *workers_take(struct workers *w)
{
	uint64_t count;
	struct job *done;

	pthread_mutex_lock(&w->lock);
	done = read(w->fd, &count, sizeof(count)) > 0 ? w->done : NULL;
	if (done)
		w->done = NULL;
	pthread_mutex_unlock(&w->lock);
	return done;
}
