/* SPDX-License-Identifier: ISC */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "object.h"
#include "paths.h"

#define LOCK_MS 5000 /* for other processes that store a floor */

struct floor floor_of(const struct commit *c)
{
	struct floor f = {.epoch = c->epoch, .grant_epoch = c->grant.epoch, .gen = c->gen};

	memcpy(f.id, c->id, HASH_SIZE);
	memcpy(f.grant, c->grant.hash, HASH_SIZE);
	return f;
}

void floor_put(struct enc *w, const struct floor *f)
{
	put_u64(w, f->epoch);
	put_u64(w, f->grant_epoch);
	put_bytes(w, f->id, HASH_SIZE);
	put_bytes(w, f->grant, HASH_SIZE);
}

struct floor floor_take(struct dec *r)
{
	struct floor f = {.epoch = take_u64(r)};

	f.grant_epoch = take_u64(r);
	take_copy(r, f.id, HASH_SIZE);
	take_copy(r, f.grant, HASH_SIZE);
	return f;
}

/* Is a the later of the two? Across a discontinuity the epoch may fall, the grant's never does. */
static bool later(const struct floor *a, const struct floor *b)
{
	if (a->grant_epoch != b->grant_epoch)
		return a->grant_epoch > b->grant_epoch;
	return a->epoch > b->epoch;
}

/* A directory a scope: one that may write the floor of one scope need not be able to write another's. */
static int state_path(const char *state_dir, const struct keyring *k, char **dir, char **file)
{
	char store[2 * STORE_ID_SIZE + 1], scope[2 * SCOPE_ID_SIZE + 1];

	sodium_bin2hex(store, sizeof(store), k->store_id, STORE_ID_SIZE);
	sodium_bin2hex(scope, sizeof(scope), k->scope_id, SCOPE_ID_SIZE);
	if (asprintf(dir, "%s/%s/%s", state_dir, store, scope) < 0) {
		*dir = *file = NULL;
		return ERR_NOMEM;
	}
	if (asprintf(file, "%s/floor", *dir) < 0) {
		free(*dir);
		*dir = *file = NULL;
		return ERR_NOMEM;
	}
	return 0;
}

/* A sealed floor is a few hundred bytes. */
static int read_state(const char *file, struct blob *out)
{
	uint8_t buf[4096];
	ssize_t n;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOENT : ERR_IO;
	do
		n = read(fd, buf, sizeof(buf));
	while (n < 0 && errno == EINTR);
	close(fd);
	if (n < 0)
		return ERR_IO;
	out->data = malloc((size_t)n + 1);
	if (!out->data)
		return ERR_NOMEM;
	memcpy(out->data, buf, (size_t)n);
	out->len = (size_t)n;
	return 0;
}

/* Is the generation that sealed states in the clear older than all that this ring holds? */
static bool superseded(const struct keyring *k, const struct blob *sealed)
{
	struct dec r = dec_of(sealed->data, sealed->len);
	uint32_t gen = take_u32(&r), oldest = UINT32_MAX;

	for (size_t i = 0; i < KEYRING_GENS; i++)
		if (k->gens[i].gen && k->gens[i].gen < oldest)
			oldest = k->gens[i].gen;
	return !r.failed && gen < oldest;
}

/*
 * ERR_NOENT also for a state of a generation gone by: whoever made this ring had seen later ones, and
 * the floor that came with it says so.  ERR_GENERATION: it is of one still to come.
 */
static int load(const char *file, struct keyring *k, struct floor *f)
{
	BLOB_CLEANUP struct blob sealed = {0}, body = {0};
	struct floor found;
	struct dec in;
	uint32_t gen;
	int r = read_state(file, &sealed);

	if (r == 0)
		r = object_open(k, OBJECT_FLOOR, &sealed, &body, &gen);
	if (r == ERR_GENERATION && superseded(k, &sealed))
		r = ERR_NOENT;
	if (r != 0)
		return r;
	in = dec_of(body.data, body.len);
	found = floor_take(&in);
	if (!dec_done(&in))
		return ERR_AUTH;
	found.gen = gen;
	if (later(&found, f))
		*f = found;
	return 0;
}

int floor_load(const char *state_dir, struct keyring *k, struct floor *f)
{
	char *dir, *file;
	int r = state_path(state_dir, k, &dir, &file);

	if (r == 0)
		r = load(file, k, f);
	free(dir);
	free(file);
	return r == ERR_NOENT ? 0 : r;
}

static int save(const char *file, struct keyring *k, const struct floor *new)
{
	ENC_CLEANUP struct enc w = {0};
	BLOB_CLEANUP struct blob body = {0}, sealed = {0};
	struct floor old = {0};
	int r = load(file, k, &old);

	if (r == ERR_GENERATION)
		return 0; /* a later one, of a party that was re-minted before us */
	if (r < 0 && r != ERR_NOENT)
		return r;
	if (!later(new, &old))
		return 0;
	floor_put(&w, new);
	r = enc_finish(&w, &body);
	if (r == 0)
		r = object_seal(k, OBJECT_FLOOR, new->gen, &body, &sealed);
	if (r == 0)
		r = paths_write(file, sealed.data, sealed.len, 0600, false);
	return r;
}

/* Polled: whoever holds it may hang, on a disk that does not answer. */
static int lock(int fd)
{
	struct timespec pause = {.tv_nsec = 500000};

	for (int64_t left = LOCK_MS; flock(fd, LOCK_EX | LOCK_NB) != 0; left--) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ERR_IO;
		if (left == 0)
			return ERR_TIMEOUT;
		nanosleep(&pause, NULL);
		pause.tv_nsec = 1000000;
	}
	return 0;
}

/* Load and save under one lock, so that of two processes neither lowers what the other stored. */
static int locked_save(const char *dir, const char *file, struct keyring *k, const struct floor *f)
{
	int fd, r = paths_mkdir(dir, 0700);

	if (r < 0)
		return r;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	r = lock(fd);
	if (r == 0)
		r = save(file, k, f);
	io_close(fd);
	return r;
}

int floor_store(const char *state_dir, struct keyring *k, const struct floor *f)
{
	char *dir, *file;
	int r = state_path(state_dir, k, &dir, &file);

	if (r == 0)
		r = locked_save(dir, file, k, f);
	free(dir);
	free(file);
	return r;
}

int floor_prepare(const char *state_dir, const struct keyring *k, char **out)
{
	char *dir, *file;
	int r = state_path(state_dir, k, &dir, &file);

	if (r < 0)
		return r;
	free(file);
	r = paths_mkdir(dir, 0700);
	if (r == 0)
		*out = dir;
	else
		free(dir);
	return r;
}
