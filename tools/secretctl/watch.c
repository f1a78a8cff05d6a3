/* SPDX-License-Identifier: ISC */
/*
 * watch: a command on every change of a secret.
 *
 * While a command runs the secret is still looked at, so that what changes meanwhile is counted.
 * Commands are spawned, never forked: locked memory would come along unlocked.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "harden.h"
#include "mounts.h"
#include "name.h"
#include "secret_lookup.h"
#include "ui.h"

#define SLOW_MS 1000
#define FAST_MS 20   /* after the store changed: the mount follows soon */
#define FAST_FOR 100 /* looks */

/* What of a secret can change. */
struct seen {
	uint64_t version; /* 0: there is none */
	char scope[SCOPE_STR];
	char rest[ENV_NAME_SIZE + 64]; /* its attributes, as far as they are known */
};

struct watch {
	struct call *call;
	const char *name;
	struct secret_lookup reach;
	struct backend *backend; /* whose changes wake us; NULL: none */
	bool backend_owned;
	int wake, signals;
	struct seen now;
	uint64_t pending; /* changes since the last command was started */
	bool due;	  /* a command is to be started */
	bool trouble;	  /* said already */
	int fast;	  /* looks in short order left */
	pid_t child;	  /* or 0 */
	int ended_by;	  /* the signal that ends us, or 0 */
	sigset_t mask;	  /* as we got it */
};

/* --- looking ----------------------------------------------------------------------- */

static bool attribute(const char *file, const char *name, char *out, size_t cap)
{
	ssize_t n = getxattr(file, name, out, cap - 1);

	out[n > 0 ? n : 0] = 0;
	return n >= 0;
}

static bool same(const struct seen *a, const struct seen *b)
{
	return a->version == b->version && strcmp(a->scope, b->scope) == 0 &&
	       strcmp(a->rest, b->rest) == 0;
}

static int read_mounted(struct watch *w, struct seen *out)
{
	char *file = NULL, version[32] = "";
	struct seen s = {0};
	int error;

	if (asprintf(&file, "%s/%s", w->reach.mount, w->name) < 0)
		return ERR_NOMEM;
	errno = 0;
	if (attribute(file, "user.secretfs.version", version, sizeof(version))) {
		s.version = strtoull(version, NULL, 10);
		(void)attribute(file, "user.secretfs.scope", s.scope, sizeof(s.scope));
		(void)attribute(file, "user.secretfs.expires", s.rest, sizeof(s.rest));
		errno = 0;
	}
	error = errno;
	free(file);
	/* a directory has none of these; and without the mount nothing is known of it */
	if (error && error != ENOENT && error != ENOTDIR && error != ENODATA) {
		errno = error;
		return ERR_IO;
	}
	if (!s.version && !mounts_is_ours(w->reach.mount)) {
		errno = ENOTCONN;
		return ERR_IO;
	}
	*out = s;
	return 0;
}

/* Through the mount, where a change may come between two attributes. 0; ERR_IO when it cannot be
 * told. */
static int look_mounted(struct watch *w, struct seen *out)
{
	struct seen a, b = {0};
	int r = read_mounted(w, &a);

	for (int i = 0; r == 0 && i < 10 && !same(&a, i ? &b : &w->now); i++) {
		b = a;
		r = read_mounted(w, &a);
	}
	if (r == 0)
		*out = a;
	return r;
}

/* By keys; *changes: how many versions have come since w->now, as far as history goes. */
static int look_stored(struct watch *w, struct seen *out, uint64_t *changes)
{
	struct seen s = {0};
	struct record rec;
	size_t at = 0;
	int r = secret_lookup_refresh(&w->reach, &at);

	if (!r)
		r = secret_lookup_find(&w->reach, w->name, &rec, &at);
	if (r == ERR_NOENT) {
		*out = s;
		return 0;
	}
	if (r)
		return r;
	s.version = rec.versions[0].set_epoch;
	(void)scope_str(&w->reach.places[at].scope, s.scope);
	snprintf(s.rest, sizeof(s.rest), "%llu %u %s", (unsigned long long)rec.expires, rec.type,
		 rec.env);
	if (w->now.version && strcmp(s.scope, w->now.scope) == 0) {
		*changes = 0;
		while (*changes < rec.nversions &&
		       rec.versions[*changes].set_epoch > w->now.version)
			++*changes;
	}
	*out = s;
	return 0;
}

static void look(struct watch *w, bool first)
{
	struct seen s;
	uint64_t changes = 1;
	int r = w->reach.mount ? look_mounted(w, &s) : look_stored(w, &s, &changes);

	if (r) {
		if (!w->trouble)
			errmsg_fail(&(struct errmsg){.doing = "watch",
						     .name = w->name,
						     .path = w->reach.mount},
				    r);
		w->trouble = true;
		return;
	}
	if (w->trouble)
		ui_warn("%s can be watched again", w->name);
	w->trouble = false;
	if (!first && same(&s, &w->now))
		return;
	w->now = s;
	if (first)
		return;
	w->pending += changes ? changes : 1;
	w->due = true;
}

/* --- running ----------------------------------------------------------------------- */

static int start(struct watch *w)
{
	char version[32], missed[32];
	posix_spawnattr_t attr;
	int error;

	snprintf(version, sizeof(version), "%llu", (unsigned long long)w->now.version);
	snprintf(missed, sizeof(missed), "%llu",
		 (unsigned long long)(w->pending ? w->pending - 1 : 0));
	if (setenv("SECRETFS_VERSION", version, 1) || setenv("SECRETFS_MISSED", missed, 1))
		return errmsg_fail(&(struct errmsg){.doing = "watch"}, ERR_NOMEM);
	w->due = false;
	w->pending = 0;
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &w->mask);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	error = posix_spawnp(&w->child, w->call->argv[1], NULL, &attr, w->call->argv + 1, environ);
	posix_spawnattr_destroy(&attr);
	if (!error)
		return 0;
	w->child = 0;
	ui_error("%s: %s", w->call->argv[1], strerror(error));
	return error == ENOENT ? 127 : 126;
}

/* Signals that were for us are for the command too; those of a terminal it has got already. */
static void take_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		w->ended_by = (int)info.ssi_signo;
		if (w->child && info.ssi_code != SI_KERNEL)
			kill(w->child, w->ended_by);
	}
	if (w->child && waitpid(w->child, NULL, WNOHANG) == w->child)
		w->child = 0;
}

static void sleep_until_something(struct watch *w)
{
	struct pollfd p[2] = {{.fd = w->signals, .events = POLLIN},
			      {.fd = w->wake, .events = POLLIN}};
	/* With no descriptor for the store, or a mount between it and us, time has to do as well. */
	int ms = w->fast ? FAST_MS : SLOW_MS;

	if (w->fast)
		w->fast--;
	(void)poll(p, w->wake < 0 ? 1 : 2, ms);
	if (w->wake >= 0 && (p[1].revents & POLLIN)) {
		w->backend->ops->watch_clear(w->backend);
		w->fast = w->reach.mount ? FAST_FOR : 0;
	}
	take_signals(w);
}

/* Exit status. */
static int loop(struct watch *w)
{
	int status = 0;

	look(w, true);
	w->due = call_has(w->call, FLAG_NOW);
	while (!status && !w->ended_by) {
		if (w->due && !w->child)
			status = start(w);
		if (status)
			break;
		sleep_until_something(w);
		look(w, false);
	}
	while (w->child && waitpid(w->child, NULL, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* --- beginning and end --------------------------------------------------------------- */

static void find_backend(struct watch *w)
{
	w->wake = -1;
	w->backend = w->reach.s.backend;
	if (!w->backend && ctx_store(&w->reach.s, 0, &w->backend) == 0)
		w->backend_owned = true;
	if (w->backend && w->backend->ops->watch(w->backend, &w->wake))
		w->wake = -1;
}

static int open_signals(struct watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &w->mask);
	w->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return w->signals < 0 ? errmsg_fail(&(struct errmsg){.doing = "watch"}, ERR_IO) : 0;
}

/* As if the signal had not been held back, so that whoever started us sees it. */
static void die(const struct watch *w)
{
	fflush(NULL);
	signal(w->ended_by, SIG_DFL);
	sigprocmask(SIG_SETMASK, &w->mask, NULL);
	raise(w->ended_by);
}

int watch_run(struct call *c)
{
	struct watch w = {.call = c, .name = c->argv[0], .wake = -1, .signals = -1};
	int status = 0;

	if (c->dashes != 1)
		return ui_usage(c, "put one NAME, then -- and the command: watch NAME -- CMD");
	if (name_check(w.name))
		return ui_usage(c, "not a valid name of a secret: %.80s", w.name);
	status = secret_lookup_open(c, &w.reach);
	if (!status)
		status = open_signals(&w);
	if (!status) {
		harden_undo();
		find_backend(&w);
		status = loop(&w);
	}
	if (w.backend_owned)
		backend_close(w.backend);
	secret_lookup_close(&w.reach);
	if (w.signals >= 0)
		close(w.signals);
	if (w.ended_by)
		die(&w);
	return status;
}
