/* SPDX-License-Identifier: ISC */
#include "secret.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
	struct secret *s;
	int r;

	if (cap > SIZE_MAX / 2)
		return ERR_TOOBIG;
	r = secret_new(sizeof(*s) + cap + 1, (void **)&s);
	if (r < 0)
		return r;
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

int secret_read(int fd, struct secret **out)
{
	SECRET_CLEANUP struct secret *big = NULL;
	int r = secret_alloc(SECRET_MAX + 1, &big);

	if (r < 0)
		return r;
	for (;;) {
		ssize_t n = read(fd, big->data + big->len, big->cap - big->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			break;
		big->len += (size_t)n;
		if (big->len > SECRET_MAX)
			return ERR_TOOBIG;
	}
	/* Right-sized, so that a small value does not keep a mebibyte locked. */
	return secret_from(big->data, big->len, out);
}

void secret_free(struct secret *s)
{
	sodium_free(s);
}
