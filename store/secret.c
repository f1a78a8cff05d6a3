/* SPDX-License-Identifier: ISC */
#include "secret.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_FIRST (16u * 1024) /* of what tells no size */

/*
 * sodium_malloc hands out unlocked memory when mlock fails, and says nothing (libsodium 1.0.18,
 * _sodium_malloc ignores sodium_mlock's result).  Locking again is harmless and tells.
 */
static void *locked_alloc(size_t size, int *r)
{
	/* First use in the process: harmless when the caller has done it already. */
	void *p = sodium_init() < 0 ? NULL : sodium_malloc(size);

	if (!p) {
		*r = ERR_NOMEM;
		return NULL;
	}
	if (sodium_mlock(p, size) != 0) {
		/* sodium_mlock's own failure leaves the bytes as they were; nothing is in them yet. */
		sodium_free(p);
		*r = ERR_MLOCK;
		return NULL;
	}
	return p;
}

int secret_new(size_t size, void **out)
{
	/* sodium_malloc puts the end, not the start, at a page border: a multiple of 16 aligns both. */
	size_t rounded = (size + 15) & ~(size_t)15;
	int r = 0;
	void *p = locked_alloc(rounded, &r);

	if (!p)
		return r;
	memset(p, 0, rounded);
	*out = p;
	return 0;
}

void secret_delete(void *p)
{
	sodium_free(p);
}

int secret_alloc(size_t cap, struct secret **out)
{
	/* The header lies before the data in the same locked pages: one allocation, one lock. */
	struct secret *s = NULL;
	int r;

	if (cap > SIZE_MAX / 2)
		return ERR_TOOBIG;
	r = secret_new(sizeof(*s) + cap + 1, (void **)&s);
	if (r < 0 || !s)
		return r < 0 ? r : ERR_NOMEM;
	s->data = (uint8_t *)(s + 1);
	s->len = 0;
	s->cap = cap;
	*out = s;
	return 0;
}

int secret_from(const uint8_t *data, size_t len, struct secret **out)
{
	int r = secret_alloc(len, out);

	if (r < 0)
		return r;
	if (len)
		memcpy((*out)->data, data, len);
	(*out)->len = len;
	return 0;
}

/* Room for more: locked memory is scarce, so it grows with what comes. */
static int grow(struct secret **s, size_t cap)
{
	struct secret *more;
	int r = secret_alloc(cap, &more);

	if (r < 0)
		return r;
	memcpy(more->data, (*s)->data, (*s)->len);
	more->len = (*s)->len;
	secret_free(*s);
	*s = more;
	return 0;
}

int secret_read_max(int fd, size_t max, struct secret **out)
{
	SECRET_CLEANUP struct secret *s = NULL;
	struct stat st;
	size_t cap = READ_FIRST;
	int r;

	/* A file that tells its size needs no more; a byte over shows that it has grown. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0)
		cap = (size_t)st.st_size;
	r = secret_alloc((cap < max ? cap : max) + 1, &s);
	while (r == 0) {
		ssize_t n = read(fd, s->data + s->len, s->cap - s->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? ERR_IO : 0;
			break;
		}
		s->len += (size_t)n;
		if (s->len > max)
			r = ERR_TOOBIG;
		else if (s->len == s->cap)
			r = grow(&s, 2 * s->cap < max ? 2 * s->cap : max + 1);
	}
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

int secret_read(int fd, struct secret **out)
{
	SECRET_CLEANUP struct secret *s = NULL;
	int r = secret_read_max(fd, SECRET_MAX, &s);

	/* Right-sized, so that a small value keeps no more locked than it needs. */
	return r < 0 ? r : secret_from(s->data, s->len, out);
}

void secret_free(struct secret *s)
{
	sodium_free(s);
}
