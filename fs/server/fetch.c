/* SPDX-License-Identifier: ISC */
#include "fetch.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "io.h"
#include "object.h"

/* For one uid half of them at most: the other half is for the others. */
static const struct workers_options of_store = {.max = 8, .per_uid = 4};
/* The kernel writes out all groups of a process, and may take many ms for that: one in twenty. */
static const struct workers_options of_proc = {.max = 16, .per_uid = 1, .rest = 19};

struct fetcher {
	struct workers *store, *proc;
	int proc_fd;
	struct fetch *objects; /* under way or waited for */
};

int fetcher_open(int proc, struct fetcher **out)
{
	struct fetcher *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return ERR_NOMEM;
	f->proc_fd = proc;
	r = workers_open(&of_store, &f->store);
	if (r == 0)
		r = workers_open(&of_proc, &f->proc);
	if (r < 0)
		free(f); /* and the process ends */
	else
		*out = f;
	return r;
}

int fetcher_store_fd(const struct fetcher *f)
{
	return workers_fd(f->store);
}

int fetcher_proc_fd(const struct fetcher *f)
{
	return workers_fd(f->proc);
}

/* ---- by a worker ---- */

static void read_object(struct job *j)
{
	struct fetch *t = (struct fetch *)j;

	t->error = object_fetch(t->backend, t->ring, t->id, &t->sealed);
	t->saved_errno = errno;
}

/* Takes the numbers of a line, which may be as long as it likes, from a stream. */
static int take_groups(FILE *status, gid_t *out)
{
	int n = 0, c = getc(status);

	while (c != '\n' && c != EOF && n <= FETCH_GROUPS_MAX) {
		unsigned long id = 0;

		if (!isdigit(c)) {
			c = getc(status);
			continue;
		}
		for (; isdigit(c); c = getc(status))
			id = id * 10 + (unsigned long)(c - '0');
		if (n < FETCH_GROUPS_MAX)
			out[n] = (gid_t)id;
		n++;
	}
	return c == EOF ? -1 : n;
}

/* The line "Groups:" of proc(5)'s status. */
static int find_groups(FILE *status, gid_t *out)
{
	char line[256];

	for (;;) {
		size_t len = 0;
		int c;

		while ((c = getc(status)) != '\n' && c != EOF && c != ':')
			if (len < sizeof(line) - 1)
				line[len++] = (char)c;
		line[len] = '\0';
		if (c == ':' && strcmp(line, "Groups") == 0)
			return take_groups(status, out);
		while (c != '\n' && c != EOF)
			c = getc(status);
		if (c == EOF)
			return -1;
	}
}

static void read_groups(struct job *j)
{
	struct fetch *t = (struct fetch *)j;
	char path[32];
	FILE *status;
	int fd;

	snprintf(path, sizeof(path), "%d/status", t->pid);
	fd = openat(t->proc, path, O_RDONLY | O_CLOEXEC);
	status = fd >= 0 ? fdopen(fd, "r") : NULL;
	t->ngroups = status ? find_groups(status, t->groups) : -1;
	t->error = t->ngroups < 0 ? ERR_IO : 0;
	if (status)
		fclose(status);
	else
		io_close(fd);
}

/* ---- by the serving thread ---- */

static void free_fetch(struct fetch *t)
{
	blob_free(&t->sealed);
	free(t->groups);
	free(t);
}

static void forget(struct fetcher *f, struct fetch *t)
{
	struct fetch **p = &f->objects;

	while (*p && *p != t)
		p = &(*p)->next;
	if (*p)
		*p = t->next;
	free_fetch(t);
}

static void take(struct fetcher *f, struct workers *w)
{
	struct job *next;

	for (struct job *j = workers_take(w); j; j = next) {
		struct fetch *t = (struct fetch *)j;

		next = j->next;
		t->done = true;
		if (!t->waiters)
			forget(f, t);
	}
}

void fetcher_take(struct fetcher *f)
{
	take(f, f->store);
	take(f, f->proc);
}

static struct fetch *start(struct workers *w, struct fetch *t, uid_t uid, void (*run)(struct job *))
{
	t->job.run = run;
	t->job.uid = uid;
	t->waiters = 1;
	t->since = clock_ms();
	if (workers_submit(w, &t->job) == 0)
		return t;
	free_fetch(t);
	return NULL;
}

bool fetch_is(const struct fetch *t, const struct keyring *ring, const uint8_t id[static HASH_SIZE])
{
	return t->ring == ring && memcmp(t->id, id, HASH_SIZE) == 0;
}

struct fetch *fetch_object(struct fetcher *f, uid_t uid, struct backend *b,
			   const struct keyring *ring, const uint8_t id[static HASH_SIZE])
{
	struct fetch *t;

	/* Not one that hangs: by another worker it may work. */
	for (t = f->objects; t; t = t->next)
		if (!t->done && fetch_is(t, ring, id) &&
		    clock_ms() - t->since < FETCH_SECONDS * 1000) {
			t->waiters++;
			return t;
		}
	if (!(t = calloc(1, sizeof(*t))))
		return NULL;
	t->backend = b;
	t->ring = ring;
	memcpy(t->id, id, HASH_SIZE);
	if (!(t = start(f->store, t, uid, read_object)))
		return NULL;
	t->next = f->objects;
	f->objects = t;
	return t;
}

struct fetch *fetch_groups(struct fetcher *f, uid_t uid, pid_t pid)
{
	struct fetch *t = calloc(1, sizeof(*t));

	if (t)
		t->groups = calloc(FETCH_GROUPS_MAX, sizeof(*t->groups));
	if (!t || !t->groups) {
		free(t);
		return NULL;
	}
	t->proc = f->proc_fd;
	t->pid = pid;
	return start(f->proc, t, uid, read_groups);
}

void fetch_leave(struct fetcher *f, struct fetch *t)
{
	if (!t || --t->waiters)
		return;
	if (t->done || workers_cancel(t->ring ? f->store : f->proc, &t->job))
		forget(f, t);
}
