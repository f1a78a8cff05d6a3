/* SPDX-License-Identifier: ISC */
#include "hasher.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

#define STACK 65536 /* bytes */

struct hasher {
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { IDLE, ASKED, DONE, STOP } state;
	bool beside; /* the one under way is the thread's */
	const struct blob *data;
	uint8_t id[HASH_SIZE];
};

static void *run(void *arg)
{
	struct hasher *h = arg;

	pthread_mutex_lock(&h->lock);
	while (h->state != STOP) {
		if (h->state != ASKED) {
			pthread_cond_wait(&h->changed, &h->lock);
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		object_id(h->data, h->id);
		pthread_mutex_lock(&h->lock);
		h->state = DONE;
		pthread_cond_broadcast(&h->changed);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

int hasher_open(struct hasher **out)
{
	struct hasher *h = calloc(1, sizeof(*h));
	pthread_attr_t small;

	if (!h)
		return ERR_NOMEM;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK);
	h->has_thread = pthread_create(&h->thread, &small, run, h) == 0;
	pthread_attr_destroy(&small);
	*out = h;
	return 0;
}

static void set(struct hasher *h, int state)
{
	pthread_mutex_lock(&h->lock);
	h->state = state;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

void hasher_close(struct hasher *h)
{
	if (!h)
		return;
	if (h->has_thread) {
		set(h, STOP);
		pthread_join(h->thread, NULL);
	}
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->changed);
	free(h);
}

/* Left to the scheduler a woken thread may stay where its waker runs, and they would take turns. */
static void go_elsewhere(struct hasher *h)
{
	int here = sched_getcpu();
	cpu_set_t others;

	if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof(others), &others) != 0)
		return;
	CPU_CLR((size_t)here, &others);
	if (CPU_COUNT(&others))
		pthread_setaffinity_np(h->thread, sizeof(others), &others);
}

void hasher_begin(struct hasher *h, const struct blob *data)
{
	h->data = data;
	h->beside = h->has_thread && data->len >= HASHER_LARGE;
	if (h->beside) {
		go_elsewhere(h);
		set(h, ASKED);
	}
}

void hasher_end(struct hasher *h, uint8_t id[static HASH_SIZE])
{
	if (!h->beside) {
		object_id(h->data, id);
		return;
	}
	pthread_mutex_lock(&h->lock);
	while (h->state != DONE)
		pthread_cond_wait(&h->changed, &h->lock);
	h->state = IDLE;
	memcpy(id, h->id, HASH_SIZE);
	pthread_mutex_unlock(&h->lock);
}
