/* SPDX-License-Identifier: ISC */
/*
 * The store as a directory:
 *
 *	lock                        held by writers around a swap; readers never open it
 *	refs/<scope_id>             replaced by rename
 *	refs/.<scope_id>.new        a swap under way, or the stray of one that was killed
 *	objects/<scope_id>/<id>     written once
 *
 * What holds here:
 * 1. Whoever may write the directory is an adversary.  Nothing beneath the top is reached through a
 *    link, nothing but a plain file is read, nothing blocks, and what is read is a private copy.
 * 2. An object is complete and durable before put returns, and a ref is swapped only after that.
 *    A put that dies halfway leaves a torn file under its final name.  That is harmless: no ref
 *    leads to it, its bytes do not hash to its name, and no later put wants the name, since an
 *    id is the hash of bytes sealed under a fresh random nonce.  So no temporary is needed.  Whoever
 *    copies a store wants the same names again, and looks at the bytes (secretctl replicate).
 * 3. A failed fsync is final.  The kernel reports a lost write once and marks the page clean, so a
 *    second fsync would succeed over bytes that are gone
 *    (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
 * 4. Modes follow the directory: 0600 and 0700 as created; an admin who opens the top for a group
 *    (chgrp, chmod 2750) gets objects which that group can read.
 */
#include "backend_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dir.h"
#include "io.h"
#include "paths.h"

static bool is_hex(const char *s, size_t len)
{
	return len > 0 && strspn(s, "0123456789abcdef") >= len;
}

static bool is_prefix(const char *s, size_t len)
{
	if (len == 4 && memcmp(s, "refs", 4) == 0)
		return true;
	return len > 8 && memcmp(s, "objects/", 8) == 0 && is_hex(s + 8, len - 8);
}

int backend_dir_split(const char *key, struct dir_key *out)
{
	const char *slash = strrchr(key, '/');
	size_t len = slash ? (size_t)(slash - key) : 0;

	if (!slash || len >= sizeof(out->dir) || strlen(key) >= BACKEND_KEY_SIZE)
		return ERR_INVAL;
	if (!is_prefix(key, len) || !is_hex(slash + 1, strlen(slash + 1)))
		return ERR_INVAL;
	memcpy(out->dir, key, len);
	out->dir[len] = '\0';
	out->name = slash + 1;
	return 0;
}

static int backend_dir_get(struct backend *b, const char *key, size_t cap, int flags,
			   struct blob *out)
{
	FD_CLEANUP int sub = -1;
	struct dir_key k;
	int r;

	r = backend_dir_split(key, &k);
	if (r)
		return r;
	if (!(flags & BACKEND_DURABLE))
		return dir_read(backend_dir_of(b)->top, key, cap, flags, out);
	r = dir_open(backend_dir_of(b)->top, k.dir, &sub);
	if (r)
		return r;
	return dir_read(sub, k.name, cap, flags, out);
}

static int list_each(DIR *dp, const char *prefix, int (*fn)(void *arg, const char *key), void *arg)
{
	char key[BACKEND_KEY_SIZE];
	const struct dirent *e;
	int r;

	for (;;) {
		errno = 0;
		e = readdir(dp);
		if (!e)
			return errno ? ERR_IO : 0;
		if (!is_hex(e->d_name, strlen(e->d_name)))
			continue;
		r = snprintf(key, sizeof(key), "%s/%s", prefix, e->d_name);
		if (r < 0 || (size_t)r >= sizeof(key))
			continue; /* no key is that long */
		r = fn(arg, key);
		if (r)
			return r;
	}
}

static int backend_dir_list(struct backend *b, const char *prefix,
			    int (*fn)(void *arg, const char *key), void *arg)
{
	int fd = -1, saved, r;
	DIR *dp;

	if (strcmp(prefix, "objects") != 0 && !is_prefix(prefix, strlen(prefix)))
		return ERR_INVAL;
	r = dir_open(backend_dir_of(b)->top, prefix, &fd);
	if (r)
		return r == ERR_NOENT ? 0 : r;
	dp = fdopendir(fd);
	if (!dp) {
		io_close(fd);
		return ERR_NOMEM;
	}
	r = list_each(dp, prefix, fn, arg);
	saved = errno;
	closedir(dp);
	errno = saved;
	return r;
}

/* Once per handle: whoever made refs and objects may have died before they were durable. */
int backend_dir_layout(struct backend_dir *d)
{
	int r = d->layout_durable ? 0 : dir_sync(d->top);

	if (!r)
		d->layout_durable = true;
	return r;
}

static void backend_dir_close(struct backend *b)
{
	struct backend_dir *d = backend_dir_of(b);

	io_close(d->inotify);
	io_close(d->top);
	free(d);
}

static const struct backend_ops ops = {
	.get = backend_dir_get,
	.put = backend_dir_put,
	.swap = backend_dir_swap,
	.list = backend_dir_list,
	.delete = backend_dir_delete,
	.watch = backend_dir_watch,
	.watch_clear = backend_dir_watch_clear,
	.close = backend_dir_close,
};

static int layout_make(struct backend_dir *d, const char *name, int create)
{
	FD_CLEANUP int fd = -1;
	int r = dir_open(d->top, name, &fd);

	if (r == ERR_NOENT && create)
		r = dir_make(d->top, name, &fd);
	return r;
}

int backend_dir_open(const char *path, int create, struct backend **out)
{
	struct backend *b;
	struct backend_dir *d;
	int r = 0;

	if (create)
		r = paths_mkdir(path, 0700);
	if (r)
		return r;
	d = calloc(1, sizeof(*d));
	if (!d)
		return ERR_NOMEM;
	b = &d->backend;
	b->ops = &ops;
	d->inotify = d->watch_top = d->watch_refs = -1;
	/* The one place where a link is followed: the admin named it. */
	d->top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->top < 0)
		r = errno == ENOENT ? ERR_NOENT : ERR_IO;
	if (!r)
		r = layout_make(d, "refs", create);
	if (!r)
		r = layout_make(d, "objects", create);
	if (!r && create)
		r = backend_dir_layout(d);
	if (r) {
		backend_dir_close(b);
		return r;
	}
	*out = b;
	return 0;
}
