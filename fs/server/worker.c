/* SPDX-License-Identifier: ISC */
#include "worker.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"

#define STACK 262144 /* bytes */
#define NICE 19
#define LONG_NS 1000000
#define REST_MAX_NS 500000000

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct workers_options o;
	unsigned threads, idle;
	int fd;
	struct job *queue, **end, *done;
	struct seat { /* of each thread */
		struct workers *w;
		bool taken;
		uid_t uid;
	} * seats;
};

int workers_open(const struct workers_options *o, struct workers **out)
{
	struct workers *w = calloc(1, sizeof(*w));

	if (w)
		w->seats = calloc(o->max, sizeof(*w->seats));
	if (!w || !w->seats) {
		free(w);
		return ERR_NOMEM;
	}
	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->fd < 0) {
		free(w->seats);
		free(w);
		return ERR_IO;
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->o = *o;
	w->end = &w->queue;
	*out = w;
	return 0;
}

static unsigned running(const struct workers *w, uid_t uid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->threads; i++)
		n += w->seats[i].taken && w->seats[i].uid == uid;
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
		if ((!best || (*p)->rank < (*best)->rank) && running(w, (*p)->uid) < w->o.per_uid)
			best = p;
	return best ? take_out(w, best) : NULL;
}

/* Locked on return. */
static void run(struct seat *seat, struct job *j)
{
	struct workers *w = seat->w;
	const uint64_t one = 1;
	int64_t took = clock_ns();

	seat->taken = true;
	seat->uid = j->uid;
	pthread_mutex_unlock(&w->lock);
	j->run(j);
	took = clock_ns() - took;
	pthread_mutex_lock(&w->lock);
	j->next = w->done;
	w->done = j;
	if (write(w->fd, &one, sizeof(one)) < 0)
		pthread_cond_broadcast(&w->work); /* it cannot: the counter is 64 bits */
	if (took >= LONG_NS && w->o.rest) {
		int64_t rest = took * w->o.rest;

		pthread_mutex_unlock(&w->lock);
		poll(NULL, 0, rest < REST_MAX_NS ? (int)(rest / 1000000) : REST_MAX_NS / 1000000);
		pthread_mutex_lock(&w->lock);
	}
	seat->taken = false;
}

static void *work(void *arg)
{
	struct seat *seat = arg;
	struct workers *w = seat->w;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct job *j = pick(w);

		if (j) {
			run(seat, j);
			/* Another may have waited for this uid to have a thread less. */
			pthread_cond_signal(&w->work);
			continue;
		}
		w->idle++;
		pthread_cond_wait(&w->work, &w->lock);
		w->idle--;
	}
	return NULL;
}

/* Locked. */
static bool start_thread(struct workers *w)
{
	struct seat *seat = &w->seats[w->threads];
	pthread_attr_t small;
	pthread_t thread;
	bool ok;

	seat->w = w;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	ok = pthread_create(&thread, &small, work, seat) == 0;
	pthread_attr_destroy(&small);
	w->threads += ok;
	return ok;
}

int workers_submit(struct workers *w, struct job *j)
{
	int r = 0;

	pthread_mutex_lock(&w->lock);
	j->rank = running(w, j->uid);
	for (const struct job *q = w->queue; q; q = q->next)
		j->rank += q->uid == j->uid;
	if (!w->idle && w->threads < w->o.max && !start_thread(w) && !w->threads)
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
