/* SPDX-License-Identifier: ISC */
/*
 * secretfs: the start, in the order in which it has to happen.
 *
 * 1. No secret is in memory before the last fork.
 * 2. What can be refused is refused before it is mounted.
 * 3. Every refusal is one line that says what to do next.
 */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access.h"
#include "background.h"
#include "log.h"
#include "mountpoint.h"
#include "options.h"
#include "paths.h"
#include "secret.h"
#include "server.h"
#include "session.h"
#include "version.h"

#define EXIT_WRONG_USE 2

struct start {
	struct options o;
	char *mountpoint, *store, *policy, *state, *bundle;
	bool policy_default, allow_other;
	struct server server;
	struct session_options session;
};

static bool refuse_memory(void)
{
	log_say(LOGGED_ERROR, "out of memory");
	return false;
}

/* ---- paths ---- */

static bool find_path(enum path which, const char *given, const char *what, char **out)
{
	int r = paths_get(which, given, out);

	if (r == 0)
		return true;
	log_say(LOGGED_ERROR, "where is the %s? Say -o %s=PATH, or set %s (%s)", what, what,
		paths_env(which), r == ERR_INVAL ? "no home directory is known" : err_str(r));
	return false;
}

/* Absolute, with nothing about it that a symbolic link could change; it need not exist yet. */
static bool find_mountpoint(struct start *st)
{
	char real[PATH_MAX];

	if (!find_path(PATH_MOUNT, st->o.mountpoint, "mount", &st->mountpoint))
		return false;
	if (realpath(st->mountpoint, real)) {
		free(st->mountpoint);
		st->mountpoint = strdup(real);
	}
	return st->mountpoint || refuse_memory();
}

static bool find_paths(struct start *st)
{
	st->policy_default = !st->o.policy && !getenv(paths_env(PATH_POLICY));
	return find_mountpoint(st) && find_path(PATH_STORE, st->o.store, "store", &st->store) &&
	       find_path(PATH_POLICY, st->o.policy, "policy", &st->policy) &&
	       (st->o.no_state || find_path(PATH_STATE, st->o.state, "state", &st->state));
}

/* ---- the process ---- */

static void close_to_outsiders(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit all;

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	umask(077);
	if (getrlimit(RLIMIT_MEMLOCK, &all) == 0) {
		all.rlim_cur = all.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &all);
	}
}

static void say_memlock(enum log_level level, const char *what)
{
	struct rlimit l = {0};

	getrlimit(RLIMIT_MEMLOCK, &l);
	log_say(level,
		"%s: only %llu KiB of memory may be locked, and secrets live in locked memory only; raise "
		"the limit: ulimit -l, LimitMEMLOCK= or --ulimit memlock=",
		what, (unsigned long long)l.rlim_cur / 1024);
}

/* Keys must fit, or nothing can be read; one value of full size should. */
static bool check_memlock(void)
{
	struct secret *s;

	if (secret_alloc(16384, &s) < 0) {
		say_memlock(LOGGED_ERROR, "cannot start");
		return false;
	}
	secret_free(s);
	if (secret_alloc(SECRET_MAX, &s) < 0)
		say_memlock(LOGGED_WARNING, "large secrets will not open");
	else
		secret_free(s);
	return true;
}

static bool choose_allow_other(struct start *st)
{
	bool may = mountpoint_may_allow_other();

	if (st->o.allow_other && !may) {
		log_say(LOGGED_ERROR, "allow_other is not permitted to users here; add the line "
				      "user_allow_other to /etc/fuse.conf, or leave it out");
		return false;
	}
	st->allow_other = may && !st->o.no_allow_other;
	if (!may && !st->o.no_allow_other)
		log_say(LOGGED_WARNING, "only you can read this mount: /etc/fuse.conf has no line "
					"user_allow_other");
	return true;
}

/* Until it serves, who started it reads standard error. */
static void open_log(const struct start *st, bool serving)
{
	const struct log_options l = {
		.syslog = serving && (st->o.log_given ? st->o.log_syslog : !st->o.foreground),
		.json = st->o.log_json,
		.debug = st->o.debug,
	};

	log_open(&l);
}

/* ---- what is served ---- */

static bool load_rules(struct start *st)
{
	struct policy_error e = {0};
	int r = rules_load(st->policy, st->mountpoint, geteuid(), st->policy_default,
			   &st->server.rules, &e);

	if (r == 0)
		return true;
	if (r == ERR_FORMAT && e.line)
		log_say(LOGGED_ERROR, "%s:%u: %s", st->policy, e.line, e.text);
	else if (r == ERR_FORMAT)
		log_say(LOGGED_ERROR, "%s: %s", st->policy, e.text);
	else if (r == ERR_NOENT)
		log_say(LOGGED_ERROR, "%s: no such policy; make one with: secretctl init",
			st->policy);
	else
		log_say(LOGGED_ERROR, "%s: %s", st->policy,
			r == ERR_IO ? strerror(errno) : err_str(r));
	return false;
}

static bool find_bundle(struct start *st)
{
	const struct policy_mount *m = rules_mount(st->server.rules);
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (st->o.bundle)
		st->bundle = realpath(st->o.bundle, NULL) ?: strdup(st->o.bundle);
	else if (m->bundle && *m->bundle)
		st->bundle = strdup(m->bundle);
	else if (credentials && asprintf(&st->bundle, "%s/bundle", credentials) < 0)
		st->bundle = NULL;
	if (!st->bundle)
		log_say(LOGGED_ERROR,
			"no bundle for %s: say -o bundle=FILE, or bundle = FILE in a section [mount %s] of %s",
			st->mountpoint, st->mountpoint, st->policy);
	return st->bundle;
}

static bool refuse_bundle(const struct start *st, int r)
{
	const char *b = st->bundle;

	if (r == ERR_NOENT)
		log_say(LOGGED_ERROR, "%s: no such bundle; mint one with: secretctl create bundle",
			b);
	else if (r == ERR_MODE)
		log_say(LOGGED_ERROR,
			"%s: others may read this bundle, or it is not yours; mend it with: chmod 0400 %s",
			b, b);
	else if (r == ERR_FORMAT)
		log_say(LOGGED_ERROR,
			"%s: not a bundle, or damaged; mint it again with: secretctl create bundle",
			b);
	else if (r == ERR_MLOCK)
		say_memlock(LOGGED_ERROR, b);
	else
		log_say(LOGGED_ERROR, "%s: %s", b, r == ERR_IO ? strerror(errno) : err_str(r));
	return false;
}

static bool open_bundle(struct start *st)
{
	const struct policy_mount *m = rules_mount(st->server.rules);
	char is[SCOPE_STR], should[SCOPE_STR];
	struct bundle *b;
	int r = bundle_open(st->bundle, &b);

	if (r < 0)
		return refuse_bundle(st, r);
	st->server.bundle = b;
	if (b->kind != BUNDLE_READER) {
		log_say(LOGGED_ERROR,
			"%s: this is a writer's bundle, which opens no value; mint a reader's with: secretctl create bundle",
			st->bundle);
		return false;
	}
	if (m->line && !scope_eq(&b->scope, &m->scope)) {
		log_say(LOGGED_ERROR,
			"%s: this bundle is for %s, but %s:%u mounts %s; give the right bundle, or mint it",
			st->bundle, scope_str(&b->scope, is), st->policy, m->line,
			scope_str(&m->scope, should));
		return false;
	}
	return true;
}

static bool open_store(struct start *st)
{
	int r = backend_dir_open(st->store, 0, &st->server.backend);

	if (r == ERR_NOENT)
		log_say(LOGGED_ERROR,
			"%s: no store is there; say -o store=DIR, or make one with: secretctl init",
			st->store);
	else if (r < 0)
		log_say(LOGGED_ERROR, "%s: %s", st->store,
			r == ERR_IO ? strerror(errno) : err_str(r));
	return r == 0;
}

static const char *advice(int r)
{
	switch (r) {
	case ERR_NOENT:
		return "is it the right store? If it was restored or pruned, mint the bundle again with: "
		       "secretctl create bundle";
	case ERR_STALE:
		return "somebody put an old store back; if it was you, say so with: secretctl restore --accept";
	case ERR_GENERATION:
		return "keys were rotated; mint the bundle again with: secretctl create bundle";
	case ERR_AUTH:
		return "the store was altered or is another one; find out with: secretctl check";
	case ERR_INCOMPLETE:
		return "objects are missing; if the store is being copied, wait, else: secretctl check";
	case ERR_MLOCK:
		return "raise the limit on locked memory (ulimit -l)";
	default:
		return "find out with: secretctl check";
	}
}

static bool refuse_load(const struct load_error *e, const char *store)
{
	char scope[SCOPE_STR];

	log_say(access_is_alarming(e->error) ? LOGGED_ALARM : LOGGED_ERROR, "%s: scope %s: %s; %s",
		store, scope_str(&e->scope, scope),
		e->error == ERR_IO ? strerror(e->saved_errno) : err_str(e->error),
		advice(e->error));
	return false;
}

static bool load_first_view(struct start *st)
{
	struct server *s = &st->server;
	struct load_error e = {0};

	if (load_open(s->backend, s->bundle, st->state, &s->load) < 0)
		return refuse_memory();
	if (load_view(s->load, &s->view, &e) < 0)
		return refuse_load(&e, st->store);
	if (load_store_floors(s->load, &e) < 0) {
		log_say(LOGGED_ERROR,
			"%s: %s; what was accepted must be remembered: make it writable, or say -o state=none",
			st->state, e.error == ERR_IO ? strerror(e.saved_errno) : err_str(e.error));
		return false;
	}
	return true;
}

static bool make_tables(struct start *st)
{
	return (files_open(&st->server.files) == 0 && listings_open(&st->server.listings) == 0) ||
	       refuse_memory();
}

/* ---- serving ---- */

static void ready(void *arg)
{
	const struct start *st = arg;
	const struct bundle *b = st->server.bundle;
	char scope[SCOPE_STR], status[SCOPE_STR + 64];

	open_log(st, true);
	log_say(LOGGED_INFO, "%s: %u secrets, %s", st->mountpoint, view_secrets(st->server.view),
		scope_str(&b->scope, scope));
	snprintf(status, sizeof(status), "READY=1\nSTATUS=Serving %u secrets, %s",
		 view_secrets(st->server.view), scope);
	background_notify(status);
	background_ready(st->o.log_given && !st->o.log_syslog);
}

static bool start_threads(struct start *st)
{
	const struct reload_options o = {
		.backend = st->server.backend,
		.load = st->server.load,
		.policy_path = st->policy,
		.mountpoint = st->mountpoint,
		.fallback_owner = geteuid(),
		.poll_seconds = st->o.poll_seconds,
	};
	int r = server_start(&st->server, &o);

	if (r < 0)
		log_say(LOGGED_ERROR, "%s: cannot be watched for changes: %s", st->store,
			r == ERR_IO ? strerror(errno) : err_str(r));
	return r == 0;
}

static int run_session(struct start *st)
{
	enum session_end end = SESSION_FAILED;

	if (session_open(&st->server, &st->session) < 0)
		log_say(LOGGED_ERROR, "%s: no session with the kernel: %s", st->mountpoint,
			strerror(errno));
	else if (start_threads(st))
		end = session_run(&st->server, &st->session);
	background_notify("STOPPING=1");
	/* Unmounted first: requests on their way are answered with an error instead of never. */
	if (end != SESSION_UNMOUNTED)
		mountpoint_unmount(st->mountpoint);
	server_stop(&st->server);
	session_close(&st->server);
	if (end != SESSION_FAILED)
		log_say(LOGGED_INFO, "%s: unmounted", st->mountpoint);
	return end == SESSION_FAILED ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int serve(struct start *st)
{
	const struct mountpoint_options m = {
		.path = st->mountpoint,
		.source = st->o.source ? st->o.source : "secretfs",
		.allow_other = st->allow_other,
		.noatime = st->o.noatime,
		.may_be_nonempty = st->o.nonempty,
	};

	st->session.debug = st->o.debug;
	st->session.ready = ready;
	st->session.ready_arg = st;
	session_block_signals();
	if (!mountpoint_check(&m) || !check_memlock() || !load_rules(st) || !find_bundle(st) ||
	    !open_bundle(st) || !open_store(st) || !load_first_view(st) || !make_tables(st) ||
	    !mountpoint_mount(&m, &st->session.fuse_fd))
		return EXIT_FAILURE;
	return run_session(st);
}

int main(int argc, char **argv)
{
	struct start st = {0};
	int status = EXIT_FAILURE;

	switch (options_parse(argc, argv, &st.o)) {
	case OPTIONS_HELP:
		options_help();
		status = EXIT_SUCCESS;
		goto out;
	case OPTIONS_VERSION:
		puts("secretfs " SECRETFS_VERSION);
		status = EXIT_SUCCESS;
		goto out;
	case OPTIONS_WRONG:
		status = EXIT_WRONG_USE;
		goto out;
	case OPTIONS_RUN:
		break;
	}
	if (sodium_init() < 0)
		goto out;
	close_to_outsiders();
	if (!find_paths(&st) || !choose_allow_other(&st))
		goto out;
	if (!st.o.foreground && !background_start(&status))
		goto out;
	open_log(&st, false);
	status = serve(&st);
	server_close(&st.server);
out:
	options_free(&st.o);
	free(st.mountpoint);
	free(st.store);
	free(st.policy);
	free(st.state);
	free(st.bundle);
	return status;
}
