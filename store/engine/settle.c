/* SPDX-License-Identifier: ISC */
#include "settle.h"

#include <errno.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool settle_again(int64_t *begun, unsigned n)
{
	unsigned ms = n < 6 ? 10u << n : 500;
	struct timespec pause = {.tv_nsec = (long)ms * 1000000};
	int saved = errno;

	if (!*begun)
		*begun = now_ms();
	if (now_ms() - *begun > SETTLE_SECONDS * 1000)
		return false;
	if (n)
		nanosleep(&pause, NULL);
	errno = saved;
	return true;
}

int settle_swap(const struct settle_swap *s)
{
	bool doubt = false;
	int64_t begun = 0;

	for (unsigned n = 0; settle_again(&begun, n); n++) {
		BLOB_CLEANUP struct blob now = {0};

		switch (s->attempt(s, &now)) {
		case SETTLE_DONE:
			return 0;
		case SETTLE_REFUSED:
			if (!doubt)
				return ERR_CONFLICT;
			/* Ours may have been done, and somebody gone on from there. */
			return blob_eq(&now, s->new) ? 0 : ERR_UNKNOWN;
		case SETTLE_LOST:
			doubt = true;
			break;
		case SETTLE_NOT_DONE:
			break;
		case SETTLE_FAILED:
			return doubt ? ERR_UNKNOWN : ERR_IO;
		}
	}
	return doubt ? ERR_UNKNOWN : ERR_IO;
}

/* All of it is there, as it was to be. */
static bool is_there(const struct settle_put *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct backend_item *item = &s->items[i];
		const struct blob wanted = {(uint8_t *)(uintptr_t)item->data, item->len};
		BLOB_CLEANUP struct blob found = {0};

		if (s->b->ops->get(s->b, item->key, item->len, 0, &found) ||
		    !blob_eq(&found, &wanted))
			return false;
	}
	return true;
}

static int put_batch(const struct settle_put *s)
{
	bool doubt = false;
	int64_t begun = 0;

	for (unsigned n = 0; settle_again(&begun, n); n++) {
		switch (s->attempt(s)) {
		case SETTLE_DONE:
			return 0;
		case SETTLE_REFUSED:
			return doubt && is_there(s) ? 0 : ERR_EXIST;
		case SETTLE_LOST:
			doubt = true;
			break;
		case SETTLE_NOT_DONE:
			break;
		case SETTLE_FAILED:
			return ERR_IO;
		}
	}
	return ERR_IO;
}

/* How many of the leading items go at once; one that is too large by itself goes alone. */
static size_t batch_of(const struct settle_put *s, const struct settle_limits *most)
{
	size_t bytes = 0, i;

	for (i = 0; i < s->n && i < most->items; i++) {
		bytes += s->items[i].len + most->overhead;
		if (i && bytes > most->bytes)
			break;
	}
	return i;
}

int settle_put(const struct settle_put *s, const struct settle_limits *most)
{
	struct settle_put rest = *s;
	int r = 0;

	while (!r && rest.n) {
		struct settle_put batch = rest;

		batch.n = batch_of(&rest, most);
		r = put_batch(&batch);
		rest.items += batch.n;
		rest.n -= batch.n;
	}
	return r;
}
