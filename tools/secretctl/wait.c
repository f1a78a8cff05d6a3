/* SPDX-License-Identifier: ISC */
/*
 * A mount whose daemon is stuck cannot be looked at without being stuck as well, so that each is
 * looked at by a child of its own, which is left behind when the time is over.
 */
#include "wait.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "mount_list.h"
#include "mount_query.h"
#include "ui.h"
#include "timefmt.h"

#define LIMIT_MS 10000
#define STEP_MS 20

enum look { LOOK_SHOWN, LOOK_SHADOWED, LOOK_NOT_YET, LOOK_DEAD, LOOK_STUCK };

int wait_for(struct ctx *s, struct scope_ctx *p, const char *name, uint64_t epoch, struct wait *out)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct record rec;
	int r = ctx_snapshot(s, p, &snap);

	if (!r)
		r = snapshot_find(s->backend, p->ring, snap, name, &rec);
	if (r && r != ERR_NOENT)
		return r;
	*out = (struct wait){.scope = p->scope, .epoch = epoch};
	snprintf(out->name, sizeof(out->name), "%s", name);
	memcpy(out->store_id, p->ring->store_id, STORE_ID_SIZE);
	if (!r) {
		out->version = rec.versions[0].set_epoch;
		out->expires = rec.expires;
	}
	return 0;
}

/* "" when there is none of that name. */
static bool attribute(const char *file, const char *which, char *out, size_t cap)
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "user.secretfs.%s", which);
	n = getxattr(file, name, out, cap - 1);
	out[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* The level of the scope that is called text, as the mount m sees it; -1: of none. */
static int level_of(const struct scope *m, const char *text)
{
	char name[SCOPE_STR];

	for (int level = SCOPE_LEVELS - 1; level >= 0; level--) {
		struct scope at = scope_at(m, (enum scope_level)level);

		if (strcmp(scope_str(&at, name), text) == 0)
			return (int)scope_level(&at);
	}
	return -1;
}

static enum look look_absent(const struct wait *w, const char *file)
{
	char up[4096], scope[SCOPE_STR];
	char *slash;

	if (!w->version)
		return LOOK_SHOWN;
	/* a secret of a narrower scope may stand where the group would be */
	snprintf(up, sizeof(up), "%s", file);
	slash = strrchr(up, '/');
	*slash = 0;
	return attribute(up, "scope", scope, sizeof(scope)) ? LOOK_SHADOWED : LOOK_NOT_YET;
}

static enum look look(const struct wait *w, const struct mount_entry *m, const char *file)
{
	char scope[SCOPE_STR], mine[SCOPE_STR], text[32], when[TIMEFMT_SIZE] = "";
	uint64_t version;
	struct stat st;
	int level;

	if (stat(file, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? look_absent(w, file) : LOOK_DEAD;
	if (S_ISDIR(st.st_mode))
		return w->version ? LOOK_SHADOWED : LOOK_SHOWN;
	if (!attribute(file, "scope", scope, sizeof(scope)) ||
	    !attribute(file, "version", text, sizeof(text)))
		return LOOK_NOT_YET; /* gone in between */
	version = strtoull(text, NULL, 10);
	if (strcmp(scope, scope_str(&w->scope, mine)) != 0) {
		level = level_of(&m->scope, scope);
		if (!w->version)
			return LOOK_SHOWN;
		return level > (int)scope_level(&w->scope) ? LOOK_SHADOWED : LOOK_NOT_YET;
	}
	if (!w->version)
		return version > w->epoch ? LOOK_SHOWN : LOOK_NOT_YET;
	if (version != w->version)
		return version > w->version ? LOOK_SHOWN : LOOK_NOT_YET;
	(void)attribute(file, "expires", text, sizeof(text));
	return strcmp(text, w->expires ? timefmt_utc(w->expires, when) : "") == 0 ? LOOK_SHOWN
										  : LOOK_NOT_YET;
}

static int left_ms(const struct timespec *from)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
	return ms < LIMIT_MS ? (int)(LIMIT_MS - ms) : 0;
}

static enum look look_until(const struct wait *w, const struct mount_entry *m, const char *file,
			    const struct timespec *from)
{
	enum look seen = look(w, m, file);

	while (seen == LOOK_NOT_YET && left_ms(from) > 0) {
		(void)poll(NULL, 0, STEP_MS);
		seen = look(w, m, file);
	}
	return seen;
}

static pid_t start(const struct wait *w, const struct mount_entry *m, const struct timespec *from)
{
	char *file = NULL;
	pid_t pid;

	if (asprintf(&file, "%s/%s", m->path, w->name) < 0)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit((int)look_until(w, m, file, from));
	free(file);
	return pid;
}

static enum look finish(pid_t pid, const struct timespec *from)
{
	int fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool ended = fd >= 0 && poll(&p, 1, left_ms(from) + 500) == 1;

	if (fd >= 0)
		close(fd);
	if (!ended) {
		if (pid > 0)
			kill(pid, SIGKILL);
		return LOOK_STUCK;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return LOOK_STUCK;
	return (enum look)WEXITSTATUS(status);
}

/* Exit status. */
static int say(const struct mount_entry *m, enum look seen)
{
	switch (seen) {
	case LOOK_SHOWN:
		printf("shown at %s\n", m->path);
		return 0;
	case LOOK_SHADOWED:
		printf("shadowed at %s: a narrower scope has that name\n", m->path);
		return 0;
	case LOOK_NOT_YET:
		ui_error("%s does not show it after %d s", m->path, LIMIT_MS / 1000);
		ui_hint("it is committed; see what secretfs logs, and: secretctl doctor");
		break;
	case LOOK_DEAD:
		ui_error("%s is a dead mount: its daemon is gone", m->path);
		ui_hint("it is committed; mend the mount: secretctl umount %s, then mount it",
			m->path);
		break;
	case LOOK_STUCK:
		ui_error("%s does not answer", m->path);
		ui_hint("it is committed; see: secretctl doctor");
		break;
	}
	return STATUS_FAILED;
}

/* The mount's own scope is the narrowest that it names. */
static void take_scope(struct mount_entry *m, const json_t *facts)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(facts, "scopes"), i, one)
	{
		struct scope s;

		if (scope_set(&s, mount_query_text(one, "project", NULL),
			      mount_query_text(one, "domain", NULL)))
			continue;
		if (!i || scope_level(&s) > scope_level(&m->scope))
			m->scope = s;
		m->has_scope = true;
	}
}

/* What its daemon says of itself is better than what its command line once was. */
static void learn(const struct ctx *s, struct mount_entry *m)
{
	json_t *facts = mount_query_ask(s->paths[PATH_RUN], m->path);
	const char *store = mount_query_text(facts, "store", NULL);
	uint8_t id[STORE_ID_SIZE];
	size_t len = 0;

	take_scope(m, facts);
	if (sodium_hex2bin(id, sizeof(id), store, strlen(store), NULL, &len, NULL) == 0 &&
	    len == sizeof(id)) {
		memcpy(m->store_id, id, sizeof(id));
		m->has_store = true;
	}
	json_decref(facts);
}

/* One of ours that does not answer fails the promise; somebody else's is only named. Exit status. */
static int say_unknown(const struct ctx *s, const struct mount_entry *m)
{
	char name[PATHS_SOCKET], path[PATH_MAX];
	bool ours;

	paths_socket(m->path, name);
	snprintf(path, sizeof(path), "%s/%s", s->paths[PATH_RUN], name);
	ours = access(path, F_OK) == 0 && geteuid() == 0;
	ui_warn("%s does not say what it shows: it was not waited for", m->path);
	if (!ours)
		return 0;
	ui_hint("it is committed; see: secretctl doctor");
	return STATUS_FAILED;
}

int wait_shown(const struct call *c, const struct wait *w)
{
	CTX_CLEANUP struct ctx s = {0};
	MOUNT_LIST_CLEANUP struct mount_list l = {0};
	struct timespec from;
	pid_t *pids;
	size_t n = 0;
	int status = ctx_open(c, &s);

	if (status)
		return status;
	clock_gettime(CLOCK_MONOTONIC, &from);
	if (policy_load(s.paths[PATH_POLICY], &s.policy, NULL))
		s.policy = NULL; /* what is mounted still tells its scope by its bundle */
	pids = mount_list_load(s.policy, &l) ? NULL : calloc(l.n + 1, sizeof(*pids));
	if (!pids)
		return errmsg_fail(&(struct errmsg){.doing = "wait"}, ERR_NOMEM);
	for (size_t i = 0; i < l.n; i++) {
		if (!l.v[i].mounted)
			continue;
		learn(&s, &l.v[i]);
		if (!l.v[i].has_scope && say_unknown(&s, &l.v[i]))
			status = STATUS_FAILED;
		if (!mount_list_sees(&l.v[i], &w->scope, w->store_id))
			continue;
		pids[i] = start(w, &l.v[i], &from);
		n++;
	}
	for (size_t i = 0; i < l.n; i++)
		if (pids[i] && say(&l.v[i], finish(pids[i], &from)))
			status = STATUS_FAILED;
	free(pids);
	if (!n)
		ui_hint("no mount of this host shows that scope: nothing to wait for");
	return status;
}
