/* SPDX-License-Identifier: ISC */
#include "status_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "paths.h"
#include "version.h"

#define BACKLOG 16
#define AT_ONCE 16 /* answers, before the supervisor looks at something else */
#define NS 1000000000u
#define LATELY_MS (10 * 60 * 1000)

/* ---- the socket ---- */

/* A path that is too long for an address goes by the directory's descriptor. */
static bool address(const char *run, int dir, const char *name, struct sockaddr_un *out)
{
	int n;

	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(out->sun_path, sizeof(out->sun_path), "%s/%s", run, name);
	if (n < 0 || (size_t)n >= sizeof(out->sun_path))
		n = snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", dir,
			     name);
	return n > 0 && (size_t)n < sizeof(out->sun_path);
}

/* Left by a daemon that was killed: a socket of ours that nobody listens at.  Nothing else is taken away. */
static bool is_left(int dir, const char *name, const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;
	bool left = fd >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISSOCK(st.st_mode) && st.st_uid == geteuid() &&
		    connect(fd, (const struct sockaddr *)a, sizeof(*a)) != 0 &&
		    errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return left;
}

static bool bind_to(int fd, int dir, const char *name, const struct sockaddr_un *a)
{
	if (bind(fd, (const struct sockaddr *)a, sizeof(*a)) == 0)
		return true;
	if (errno == EADDRINUSE && is_left(dir, name, a) && unlinkat(dir, name, 0) == 0)
		return bind(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;
	errno = EADDRINUSE;
	return false;
}

static int bind_in(const char *run, int dir, const char *name, struct control *control)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un a;
	struct stat st;
	int e;

	if (fd >= 0 && address(run, dir, name, &a) && bind_to(fd, dir, name, &a) &&
	    fchmodat(dir, name, 0600, 0) == 0 && listen(fd, BACKLOG) == 0 &&
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		control->socket[0] = st.st_dev;
		control->socket[1] = st.st_ino;
		return fd;
	}
	e = errno;
	if (fd >= 0)
		close(fd);
	errno = e;
	return -1;
}

void status_socket_listen(struct handover *h, const struct mount_config *c, struct control *control)
{
	char name[PATHS_SOCKET];
	int dir = -1;

	if (!control->since)
		control->since = time(NULL);
	paths_socket(c->mountpoint, name);
	if (c->run[0] && paths_mkdir(c->run, 0755) == 0)
		dir = open(c->run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		h->fd[HANDOVER_STATUS] = handover_keep(bind_in(c->run, dir, name, control));
	if (h->fd[HANDOVER_STATUS] < 0)
		log_say(LOGGED_WARNING,
			"%s%s%s: %s: secretctl get mount cannot report on this mount",
			c->run[0] ? c->run : "-o run", dir >= 0 ? "/" : "", dir >= 0 ? name : "",
			c->run[0] ? strerror(errno) : "no home directory is known");
	if (dir >= 0)
		close(dir);
}

void status_socket_end(const struct mount_config *c, const struct control *control)
{
	int dir = c->run[0] ? open(c->run, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	char name[PATHS_SOCKET];
	struct stat st;

	if (dir < 0)
		return;
	paths_socket(c->mountpoint, name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == control->socket[0] &&
	    st.st_ino == control->socket[1])
		unlinkat(dir, name, 0);
	close(dir);
}

void status_socket_answer(int fd, const struct status_socket *r)
{
	for (int i = 0; i < AT_ONCE; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		char *text;

		if (client < 0)
			return;
		text = status_socket_text(r);
		if (!text || send(client, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			log_say(LOGGED_DEBUG, "nobody waited for the status");
		free(text);
		close(client);
	}
}

/* ---- servers that died ---- */

#define DEATHS (sizeof(((struct control *)0)->died) / sizeof(int64_t))

void report_death(struct control *control)
{
	uint32_t n = control->server_restarts++;

	control->died[n % DEATHS] = clock_ms();
}

/* Of the last ten minutes; no more than DEATHS. */
static unsigned lately(const struct control *control)
{
	int64_t now = clock_ms();
	unsigned n = 0;

	for (size_t i = 0; i < DEATHS; i++)
		n += control->died[i] && now - control->died[i] < LATELY_MS;
	return n;
}

/* ---- what it says ---- */

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)(n & INT64_MAX));
}

/* null for 0. */
static json_t *moment(uint64_t seconds)
{
	return seconds ? number(seconds) : json_null();
}

/* What somebody else may be writing right now; size bytes at most, printable. null for "". */
static json_t *text_of(const char *from, size_t size)
{
	char copy[STATS_TEXT];
	size_t n = 0;

	for (; n < size && n + 1 < sizeof(copy); n++) {
		char c = ((const volatile char *)from)[n];

		if (!c)
			break;
		copy[n] = c;
		if (c < 0x20 || c > 0x7e)
			copy[n] = '?';
	}
	copy[n] = '\0';
	return n ? json_string(copy) : json_null();
}

static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

/* The newest of a kind, with "standing" if it still holds; null: there was none. */
static json_t *said(const struct stats_said *s, bool standing)
{
	uint32_t n = atomic_load_explicit(&s->count, memory_order_acquire);
	json_t *o;

	if (!n)
		return json_null();
	o = json_object();
	put(o, "text", text_of(s->slot[(n - 1) % 2].text, STATS_TEXT));
	put(o, "time", moment(s->slot[(n - 1) % 2].time));
	put(o, "count", number(n));
	put(o, "standing", json_boolean(standing));
	return o;
}

static json_t *generations(const struct stats_scope *s)
{
	json_t *all = json_array();

	for (int i = 0; i < KEYRING_GENS; i++)
		if (s->gens[i])
			json_array_append_new(all, number(s->gens[i]));
	return all;
}

static json_t *store_id(const struct stats *s)
{
	char hex[2 * STORE_ID_SIZE + 1];

	return json_string(sodium_bin2hex(hex, sizeof(hex), s->store_id, sizeof(s->store_id)));
}

static json_t *scopes(const struct stats *s)
{
	json_t *all = json_array();
	uint32_t levels = s->levels;

	for (int l = 0; l < SCOPE_LEVELS; l++) {
		bool project = l == SCOPE_PROJECT || l == SCOPE_PROJECT_DOMAIN;
		bool domain = l == SCOPE_DOMAIN || l == SCOPE_PROJECT_DOMAIN;
		json_t *o;

		if (!(levels & 1u << l))
			continue;
		o = json_object();
		put(o, "project", project ? text_of(s->project, sizeof(s->project)) : json_null());
		put(o, "domain", domain ? text_of(s->domain, sizeof(s->domain)) : json_null());
		put(o, "epoch", number(s->scopes[l].epoch));
		put(o, "committed", moment(s->scopes[l].time / NS));
		put(o, "generations", generations(&s->scopes[l]));
		json_array_append_new(all, o);
	}
	return all;
}

static unsigned open_handles(const struct shm *s)
{
	uint32_t high = *(const volatile uint32_t *)&s->handles_high;
	unsigned n = 0;

	for (uint32_t i = 0; i < high && i < SHM_HANDLES; i++)
		n += atomic_load_explicit(&s->handles[i].unique, memory_order_relaxed) != 0;
	return n;
}

static json_t *process(pid_t pid, uint32_t restarts)
{
	json_t *o = json_object();

	put(o, "pid", pid > 0 ? json_integer(pid) : json_null());
	put(o, "restarts", number(restarts));
	return o;
}

static void put_processes(json_t *o, const struct status_socket *r)
{
	json_t *server = process(r->server, r->control->server_restarts);

	put(server, "restarts_lately", number(lately(r->control)));
	put(o, "server", server);
	put(o, "supervisor", process(getpid(), r->control->supervisor_restarts));
	put(o, "helper", process(r->helper, r->control->helper_restarts));
	put(o, "upgrades", number(r->control->upgrades));
}

static void put_counters(json_t *o, const struct shm *s)
{
	const _Atomic uint64_t *n = s->status.counters;
	json_t *opens = json_object();

	put(opens, "granted", number(n[STATS_GRANTED]));
	put(opens, "denied", number(n[STATS_DENIED]));
	put(opens, "failed", number(n[STATS_FAILED]));
	put(o, "open_handles", number(open_handles(s)));
	put(o, "opens", opens);
	put(o, "reads", number(n[STATS_READS]));
	put(o, "requests", number(s->answered));
}

char *status_socket_text(const struct status_socket *r)
{
	static const char *const states[] = {
		[STATS_SOCKET_STARTING] = "starting",
		[STATS_SOCKET_SERVING] = "serving",
		[STATS_SOCKET_STUCK] = "stuck",
		[STATS_SOCKET_FAILING] = "failing",
	};
	const struct stats *s = &r->shared->status;
	json_t *o = json_object();
	char *text, *line = NULL;

	/* A path may be no UTF-8, which JSON has to be. */
	put(o, "path", json_string(r->c->mountpoint) ?: text_of(r->c->mountpoint, PATH_MAX));
	put(o, "state", json_string(states[r->state]));
	put(o, "store", store_id(s));
	put(o, "project", text_of(s->project, sizeof(s->project)));
	put(o, "domain", text_of(s->domain, sizeof(s->domain)));
	put(o, "version", json_string(SECRETFS_VERSION));
	put(o, "mounted", moment((uint64_t)r->control->since));
	put(o, "secrets", number(s->secrets));
	put(o, "scopes", scopes(s));
	put(o, "reloads", number(s->reloads));
	put(o, "reloaded", moment(s->reloaded));
	put(o, "alarm", said(&s->alarm, s->store_alarms || s->naltered));
	put(o, "store_fault", said(&s->store, s->store_fails));
	put(o, "policy_fault", said(&s->policy, s->policy_fails));
	put_processes(o, r);
	put_counters(o, r->shared);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}
