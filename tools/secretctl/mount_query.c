/* SPDX-License-Identifier: ISC */
#include "mount_query.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "mounts.h"
#include "paths.h"
#include "mount_list.h"

#define ANSWER_MS 1000 /* a supervisor that is well takes one of them */
#define ANSWER_MAX 65536

/* ---- asking one ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* By the directory's descriptor, so that a path of any length fits. */
static int open_socket(int dir, const char *name)
{
	const struct timeval patience = {.tv_sec = ANSWER_MS / 1000};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), e;

	if (fd < 0)
		return -1;
	/* It waits while too many others do. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%.60s", dir, name);
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

/* Up to the end; the length, or -1. */
static ssize_t read_all(int fd, char out[static ANSWER_MAX])
{
	int64_t until = now_ms() + ANSWER_MS;
	size_t len = 0;

	while (len < ANSWER_MAX) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) != 1)
			return -1;
		n = recv(fd, out + len, ANSWER_MAX - len, MSG_DONTWAIT);
		if (n <= 0)
			return n < 0 ? -1 : (ssize_t)len;
		len += (size_t)n;
	}
	return -1;
}

/* *facts is an object with "path" when the answer is MOUNT_QUERY_ANSWERS. */
static enum mount_query_state ask(int dir, const char *name, json_t **facts)
{
	FD_CLEANUP int fd = open_socket(dir, name);
	char *text = fd < 0 ? NULL : malloc(ANSWER_MAX);
	ssize_t len;
	json_t *j;

	if (fd < 0 && errno == ECONNREFUSED)
		return MOUNT_QUERY_DEAD;
	if (fd < 0)
		return errno == EAGAIN ? MOUNT_QUERY_SILENT : MOUNT_QUERY_UNKNOWN;
	len = text ? read_all(fd, text) : -1;
	j = len > 0 ? json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	free(text);
	if (!json_is_string(json_object_get(j, "path"))) {
		json_decref(j);
		return MOUNT_QUERY_SILENT;
	}
	*facts = j;
	return MOUNT_QUERY_ANSWERS;
}

json_t *mount_query_ask(const char *run, const char *path)
{
	FD_CLEANUP int dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[PATHS_SOCKET];
	json_t *facts = NULL;

	paths_socket(path, name);
	return dir >= 0 && ask(dir, name, &facts) == MOUNT_QUERY_ANSWERS ? facts : NULL;
}

/* ---- all of them ---- */

static struct mount_query *add(struct mount_query_list *l, const char *path)
{
	struct mount_query *more = reallocarray(l->v, l->n + 1, sizeof(*more));

	if (!more)
		return NULL;
	l->v = more;
	more += l->n;
	*more = (struct mount_query){.path = strdup(path)};
	if (!more->path)
		return NULL;
	l->n++;
	return more;
}

static int leave(struct mount_query_list *l, const char *name)
{
	char **more = reallocarray(l->left, l->nleft + 1, sizeof(*more));

	if (!more)
		return ERR_NOMEM;
	l->left = more;
	more[l->nleft] = strdup(name);
	return more[l->nleft++] ? 0 : ERR_NOMEM;
}

static int take_socket(struct mount_query_list *l, int dir, const char *name)
{
	json_t *facts = NULL;
	struct mount_query *m;

	switch (ask(dir, name, &facts)) {
	case MOUNT_QUERY_ANSWERS:
		m = add(l, json_string_value(json_object_get(facts, "path")));
		if (!m) {
			json_decref(facts);
			return ERR_NOMEM;
		}
		m->facts = facts;
		m->state = MOUNT_QUERY_ANSWERS;
		return 0;
	case MOUNT_QUERY_DEAD:
		return leave(l, name);
	default:
		return 0; /* no mount belongs to it that we see */
	}
}

/* A mount that was asked already? */
static bool is_asked(const struct mount_query_list *l, const char *name)
{
	char own[PATHS_SOCKET];

	for (size_t i = 0; i < l->n; i++) {
		paths_socket(l->v[i].path, own);
		if (strcmp(own, name) == 0)
			return true;
	}
	return false;
}

static int take_sockets(struct mount_query_list *l, int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *e;

	if (!d && copy >= 0)
		close(copy);
	while (d && r == 0 && (e = readdir(d)))
		if (strlen(e->d_name) + 1 == PATHS_SOCKET && strstr(e->d_name, ".sock") &&
		    !is_asked(l, e->d_name))
			r = take_socket(l, dir, e->d_name);
	if (d)
		closedir(d);
	return r;
}

static int take_mount(struct mount_query_list *l, int dir, const struct mount_entry *s)
{
	struct mount_query *m = NULL;
	char name[PATHS_SOCKET];

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].path, s->path) == 0)
			m = &l->v[i];
	if (!m) {
		m = add(l, s->path);
		if (!m)
			return ERR_NOMEM;
		paths_socket(s->path, name);
		m->state = dir < 0 ? MOUNT_QUERY_UNKNOWN : ask(dir, name, &m->facts);
		/* Who may see every process sees that there is none. */
		if (m->state == MOUNT_QUERY_UNKNOWN && !s->pid && geteuid() == 0)
			m->state = MOUNT_QUERY_DEAD;
	}
	m->mounted = true;
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct mount_query *)a)->path, ((const struct mount_query *)b)->path);
}

int mount_query_load(const char *run, struct mount_query_list *out)
{
	FD_CLEANUP int dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	MOUNT_LIST_CLEANUP struct mount_list s = {0};
	struct mount_query_list l = {0};
	int r = mount_list_load(NULL, &s);

	for (size_t i = 0; r == 0 && i < s.n; i++)
		if (s.v[i].mounted)
			r = take_mount(&l, dir, &s.v[i]);
	if (r == 0 && dir >= 0)
		r = take_sockets(&l, dir);
	if (r) {
		mount_query_fini(&l);
		return r;
	}
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_path);
	*out = l;
	return 0;
}

void mount_query_fini(struct mount_query_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		json_decref(l->v[i].facts);
	}
	for (size_t i = 0; i < l->nleft; i++)
		free(l->left[i]);
	free(l->v);
	free(l->left);
	*l = (struct mount_query_list){0};
}

const struct mount_query *mount_query_find(const struct mount_query_list *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].path, path) == 0)
			return &l->v[i];
	return NULL;
}

/* ---- what they say ---- */

const char *mount_query_state(const struct mount_query *m)
{
	switch (m->state) {
	case MOUNT_QUERY_ANSWERS:
		return mount_query_text(m->facts, "state", NULL);
	case MOUNT_QUERY_DEAD:
		return "dead";
	case MOUNT_QUERY_SILENT:
		return "silent";
	case MOUNT_QUERY_UNKNOWN:
		break;
	}
	return "unknown";
}

static const json_t *fact(const json_t *facts, const char *key, const char *in)
{
	const json_t *j = json_object_get(facts, key);

	return in ? json_object_get(j, in) : j;
}

const char *mount_query_text(const json_t *facts, const char *key, const char *in)
{
	const char *s = json_string_value(fact(facts, key, in));

	return s ? s : "";
}

uint64_t mount_query_number(const json_t *facts, const char *key, const char *in)
{
	json_int_t n = json_integer_value(fact(facts, key, in));

	return n > 0 ? (uint64_t)n : 0;
}

bool mount_query_stands(const json_t *facts, const char *key)
{
	return json_is_true(fact(facts, key, "standing"));
}
