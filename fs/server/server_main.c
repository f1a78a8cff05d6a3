/* SPDX-License-Identifier: ISC */
#include "server_main.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "access.h"
#include "floor.h"
#include "decision.h"
#include "hook.h"
#include "log.h"
#include "paths.h"
#include "sandbox.h"
#include "secret.h"
#include "server.h"
#include "session.h"
#include "stats.h"

struct serve {
	const struct mount_config *c;
	struct handover *h;
	int null; /* -1: in the foreground */
	struct sandbox box;
	struct policy_area *policy;
	struct policy_area_news policy_news; /* of what is served first */
	struct server server;
};

static bool refuse_memory(void)
{
	log_say(LOGGED_ERROR, "out of memory");
	return false;
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

/* One that serves goes on, and knows better than one that may not start. */
static bool is_only(const struct serve *st)
{
	return !handover_holder(st->h->fd[HANDOVER_SHARED], HANDOVER_LOCK_SERVER);
}

/* The last good one: what is wrong with a newer one has been said. */
static bool load_rules(struct serve *st)
{
	struct policy_area_news *news = &st->policy_news;
	int r = policy_area_map(st->h->fd[HANDOVER_POLICY_READ], false, &st->policy);

	if (r == 0)
		r = policy_area_load(st->policy, news);
	if (r == 0)
		r = mount_policy_new(news->policy, st->c->mountpoint, st->c->owner,
				     &st->server.rules);
	if (r < 0)
		log_say(LOGGED_ERROR, "%s: %s", st->c->policy, err_str(r));
	return r == 0;
}

/* A server that cannot start is tried again and again: what keeps it from that is said once. */
__attribute__((format(printf, 3, 4))) static bool refuse_once(const struct serve *st,
							      enum log_level level,
							      const char *format, ...)
{
	struct shm *s = st->server.shared;
	char text[1024] = "";
	bool known;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	known = strncmp(s->refused, text, sizeof(s->refused) - 1) == 0;
	memcpy(s->refused, text, sizeof(s->refused) - 1);
	log_say(known ? LOGGED_DEBUG : level, "%s", text);
	return false;
}

static bool refuse_bundle(const struct serve *st, int r)
{
	const char *b = st->c->bundle;

	if (r == ERR_NOENT)
		refuse_once(st, LOGGED_ERROR,
			    "%s: no such bundle; mint one with: secretctl create bundle", b);
	else if (r == ERR_MODE)
		refuse_once(
			st, LOGGED_ERROR,
			"%s: others may read this bundle, or it is not yours; fix it with: chmod 0400 %s",
			b, b);
	else if (r == ERR_FORMAT)
		refuse_once(
			st, LOGGED_ERROR,
			"%s: not a bundle, or damaged; mint it again with: secretctl create bundle",
			b);
	else if (r == ERR_MLOCK)
		say_memlock(LOGGED_ERROR, b);
	else
		refuse_once(st, LOGGED_ERROR,
			    "%s: %s; see its owner and mode, or find out with: secretctl doctor", b,
			    r == ERR_IO ? strerror(errno) : err_str(r));
	return false;
}

/* Of the same scope of the same store, or none: it is for what was opened with it, and missed only there. */
static struct bundle *open_before(const struct serve *st, const struct bundle *now)
{
	struct bundle *b = NULL;
	int fd = st->h->fd[HANDOVER_BUNDLE_BEFORE];

	if (fd >= 0 && bundle_read(fd, 0, &b) == 0 && b->kind == BUNDLE_READER &&
	    scope_eq(&b->scope, &now->scope) && b->n == now->n &&
	    memcmp(b->rings[0]->root_pk, now->rings[0]->root_pk, sizeof(now->rings[0]->root_pk)) ==
		    0)
		return b;
	bundle_free(b);
	return NULL;
}

static bool open_bundle(struct serve *st)
{
	const struct policy_mount *m = mount_policy_mount(st->server.rules);
	char is[SCOPE_STR], should[SCOPE_STR];
	struct bundle *b;
	int r = bundle_read(st->h->fd[HANDOVER_BUNDLE], 0, &b);

	if (r < 0)
		return refuse_bundle(st, r);
	st->server.bundle = b;
	if (b->kind != BUNDLE_READER) {
		log_say(LOGGED_ERROR,
			"%s: this is a writer's bundle, which opens no value; mint a reader's with: secretctl create bundle",
			st->c->bundle);
		return false;
	}
	if (m->line && !scope_eq(&b->scope, &m->scope)) {
		log_say(LOGGED_ERROR,
			"%s: this bundle is for %s, but %s:%u mounts %s; give the right bundle, or mint it",
			st->c->bundle, scope_str(&b->scope, is), st->c->policy, m->line,
			scope_str(&m->scope, should));
		return false;
	}
	st->server.before = open_before(st, b);
	return true;
}

static void forget_refusal(void *arg)
{
	struct serve *st = arg;

	st->server.shared->refused[0] = '\0';
}

static bool open_store(struct serve *st)
{
	int r = backend_dir_open(st->box.store, 0, &st->server.backend);

	if (r == ERR_NOENT)
		refuse_once(
			st, LOGGED_ERROR,
			"%s: no store is there; say -o store=DIR, or make one with: secretctl init",
			st->c->store);
	else if (r < 0)
		refuse_once(st, LOGGED_ERROR, "%s: %s; find out with: secretctl doctor",
			    st->c->store, r == ERR_IO ? strerror(errno) : err_str(r));
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

static bool refuse_load(const struct serve *st, const struct load_error *e)
{
	char scope[SCOPE_STR];

	return refuse_once(st, access_is_alarming(e->error) ? LOGGED_ALARM : LOGGED_ERROR,
			   "%s: scope %s: %s; %s", st->c->store, scope_str(&e->scope, scope),
			   e->error == ERR_IO ? strerror(e->saved_errno) : err_str(e->error),
			   advice(e->error));
}

/*
 * The store is not as it should be, and a predecessor that died had a good view: that one goes on, as
 * it would have done in a server that lives.  What is wrong is logged by loading it again.
 */
static bool take_last_good(struct serve *st)
{
	struct shm *s = st->server.shared;

	if (is_only(st) && !sodium_is_zero((const uint8_t *)s->told, sizeof(s->told)) &&
	    load_earlier(st->server.load, s->told, &st->server.view) < 0)
		refuse_memory();
	return st->server.view;
}

static bool refuse_state(const struct serve *st, int r, int error)
{
	return refuse_once(
		st, LOGGED_ERROR,
		"%s: %s; what was accepted must be remembered: make it writable, or say -o state=none",
		st->c->state, r == ERR_IO ? strerror(error) : err_str(r));
}

static bool load_first_view(struct serve *st)
{
	struct server *s = &st->server;
	struct load_error e = {0};

	if (load_open(s->backend, s->bundle, st->box.state, s->shared, &s->load) < 0)
		return refuse_memory();
	if (load_view(s->load, &s->view, &e) < 0) {
		if (is_only(st))
			stats_store(&e);
		return take_last_good(st) || refuse_load(st, &e);
	}
	return load_store_floors(s->load, &e) == 0 || refuse_state(st, e.error, e.saved_errno);
}

static bool make_tables(struct serve *st)
{
	return (request_queue_open(st->server.shared, &st->server.queue) == 0 &&
		fetcher_open(st->box.proc, &st->server.fetcher) == 0 &&
		park_open(st->server.shared, st->server.fetcher, &st->server.park) == 0 &&
		files_open(st->server.shared, &st->server.files) == 0 &&
		listings_open(&st->server.dir_handles) == 0 &&
		(!st->c->cache_seconds || pagecache_open(st->server.shared, st->c->cache_seconds,
							 &st->server.cached) == 0)) ||
	       refuse_memory();
}

/* ---- the supervisor ---- */

static bool tell(const struct serve *st, enum message_type type)
{
	struct message m = {.type = type, .pid = getpid()};

	if (type == MESSAGE_SERVING) {
		m.secrets = view_secrets(st->server.view);
		m.scope = st->server.bundle->scope;
		hook_say(&m, st->h->fd[HANDOVER_SERVER]);
	}
	return message_send(st->h->fd[HANDOVER_SERVER], &m, -1);
}

/* False when it says to stop. */
static bool heard(void *arg)
{
	struct serve *st = arg;
	struct message m;
	bool go_on = true;
	int fd;

	while (go_on && message_receive(st->h->fd[HANDOVER_SERVER], &m, &fd)) {
		if (m.type == MESSAGE_FUSE && st->h->fd[HANDOVER_FUSE] < 0)
			st->h->fd[HANDOVER_FUSE] = fd;
		else if (fd >= 0)
			close(fd);
		go_on = m.type != MESSAGE_STOP || m.pid != getpid();
	}
	return go_on;
}

/* On the first start it is mounted only now, when nothing is left that could be refused. */
static bool wait_for_mount(struct serve *st)
{
	struct pollfd p = {.fd = st->h->fd[HANDOVER_SERVER], .events = POLLIN};

	while (st->h->fd[HANDOVER_FUSE] < 0)
		if ((poll(&p, 1, -1) < 0 && errno != EINTR) || !heard(st) ||
		    ((p.revents & POLLHUP) && st->h->fd[HANDOVER_FUSE] < 0))
			return false;
	return true;
}

/* One serves at a time: a predecessor that is still at it ends first, and who stood in for it. */
static bool wait_for_predecessor(const struct serve *st)
{
	int fd = st->h->fd[HANDOVER_SHARED];

	return handover_lock(fd, HANDOVER_LOCK_SERVER, true) == 0 &&
	       handover_lock(fd, HANDOVER_LOCK_STANDIN, true) == 0;
}

/* ---- serving ---- */

/* Who started it waits no longer, and may want its terminal back. */
static void leave_terminal(struct serve *st)
{
	if (st->null < 0)
		return;
	log_open(&(struct log_options){
		.syslog = st->c->log_syslog, .json = st->c->log_json, .debug = st->c->debug});
	dup2(st->null, STDIN_FILENO);
	dup2(st->null, STDOUT_FILENO);
	if (!st->c->log_given || st->c->log_syslog)
		dup2(st->null, STDERR_FILENO);
}

static void ready(void *arg)
{
	struct serve *st = arg;

	stats_serves(st->server.bundle);
	stats_store(NULL);
	if (!st->policy_news.error)
		stats_policy(NULL, 0);
	stats_view(st->server.view, true);
	leave_terminal(st);
	server_succeed(&st->server);
	forget_refusal(st);
	tell(st, MESSAGE_SERVING);
}

static void renew(void *arg)
{
	tell(arg, MESSAGE_RENEW);
}

static bool start_threads(struct serve *st)
{
	const struct reload_options o = {
		.backend = st->server.backend,
		.load = st->server.load,
		.policy_path = st->c->policy,
		.policy = st->policy,
		.policy_watch = st->h->fd[HANDOVER_POLICY_WATCH],
		.policy_number = st->policy_news.number,
		.policy_text = st->policy_news.text_from,
		.mountpoint = st->c->mountpoint,
		.fallback_owner = st->c->owner,
		.poll_seconds = st->c->poll_seconds,
		.renew = renew,
		.whole = forget_refusal,
		.arg = st,
	};
	int r = server_start(&st->server, st->h->fd[HANDOVER_EVENTS_OUT], &o);

	if (r < 0)
		log_say(LOGGED_ERROR, "%s: cannot be watched for changes: %s", st->c->store,
			r == ERR_IO ? strerror(errno) : err_str(r));
	return r == 0;
}

static bool open_session(struct serve *st, struct session_options *o)
{
	*o = (struct session_options){
		.fuse_fd = st->h->fd[HANDOVER_FUSE],
		.channel = st->h->fd[HANDOVER_SERVER],
		.debug = st->c->debug,
		.no_resend = st->c->no_resend,
		.ready = ready,
		.heard = heard,
		.arg = st,
	};
	if (session_open(&st->server, o) == 0)
		return true;
	log_say(LOGGED_ERROR, "%s: no session with the kernel: %s", st->c->mountpoint,
		strerror(errno));
	return false;
}

/*
 * It ends without taking anything down: threads may wait for the kernel, which waits for the
 * successor.  The kernel wipes what is left of a process.
 */
static int run_session(struct serve *st)
{
	struct session_options o;

	if (!open_session(st, &o) || !start_threads(st))
		return SERVER_MAIN_REFUSED;
	switch (session_run(&st->server, &o)) {
	case SESSION_UNMOUNTED:
		return 0;
	case SESSION_STOPPED:
		return SERVER_MAIN_STOPPED;
	case SESSION_FAILED:
		break;
	}
	return EXIT_FAILURE;
}

/* ---- the start ---- */

/* As the user that is to write there: what root made would be root's. */
static bool make_floors(const struct serve *st)
{
	const struct bundle *b = st->server.bundle;
	char *dir;
	int r = 0;

	for (size_t i = 0; st->box.state && r == 0 && i < b->n; i++) {
		r = floor_prepare(st->box.state, b->rings[i], &dir);
		if (r == 0)
			free(dir);
	}
	return r == 0 || refuse_state(st, r, errno);
}

/* Unprivileged, and sees of the file system what it reads anyway. */
static bool confine(struct serve *st)
{
	char hex[SCOPE_LEVELS][2 * SCOPE_ID_SIZE + 1], store[2 * STORE_ID_SIZE + 1];
	const char *scopes[SCOPE_LEVELS];
	size_t n = st->server.bundle->n;

	sodium_bin2hex(store, sizeof(store), st->server.bundle->rings[0]->store_id, STORE_ID_SIZE);
	for (size_t i = 0; i < n; i++) {
		sodium_bin2hex(hex[i], sizeof(hex[i]), st->server.bundle->rings[i]->scope_id,
			       SCOPE_ID_SIZE);
		scopes[i] = hex[i];
	}
	if (sandbox_drop(&st->box) < 0) {
		log_say(LOGGED_ERROR, "cannot drop privileges: %s", strerror(errno));
		return false;
	}
	if (!make_floors(st) || sandbox_files(&st->box, store, scopes, n) < 0)
		return false;
	if (sandbox_calls() != 0) {
		log_say(LOGGED_ERROR, "seccomp: %s", strerror(errno));
		return false;
	}
	if (!sandbox_sees_all(&st->box))
		log_say(LOGGED_WARNING,
			"/proc hides processes from the server (hidepid): whoever only a group rule would let in is refused; mount /proc with hidepid=0, or name users");
	return true;
}

static bool prepare(struct serve *st)
{
	int r;

	/* First of all: what is refused is noted there. */
	if (stats_attach(st->h->fd[HANDOVER_SHARED], offsetof(struct shm, status)) < 0)
		return false;
	if (shm_map(st->h->fd[HANDOVER_SHARED], &st->server.shared) < 0)
		return refuse_memory();
	st->null = st->c->foreground ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
	if (st->c->log_syslog)
		log_connect();
	if (!st->c->no_state && (r = paths_mkdir(st->c->state, 0700)) < 0)
		return refuse_state(st, r, errno);
	st->box = (struct sandbox){
		.any = st->c->sandbox_any,
		.uid = st->c->drop ? st->c->uid : 0,
		.gid = st->c->gid,
		.store = st->c->store,
		.state = st->c->no_state ? NULL : st->c->state,
	};
	sandbox_prepare(&st->box);
	st->server.group = st->c->drop ? 0 : getegid();
	return true;
}

int server_main(struct handover *h)
{
	struct serve st = {.h = h};
	int status = SERVER_MAIN_REFUSED;

	if (handover_map_config(h->fd[HANDOVER_CONFIG], &st.c) < 0)
		return SERVER_MAIN_REFUSED;
	/* cppcheck-suppress leakReturnValNotUsed ; it returns no memory */
	if (prepare(&st) &&		 /* 1. what needs privileges */
	    load_rules(&st) &&		 /* 2. the policy, as the helper has read it */
	    open_bundle(&st) &&		 /* 3. keys, from the supervisor's descriptor */
	    confine(&st) &&		 /* 4. user, capabilities, files, system calls */
	    check_memlock() &&		 /* 5. values will be locked */
	    open_store(&st) &&		 /* 6. what others may write, from here on */
	    load_first_view(&st) &&	 /* 7. verified, fresh, whole; or the last that was */
	    tell(&st, MESSAGE_LOADED) && /* 8. nothing is left that could be refused */
	    wait_for_mount(&st) && wait_for_predecessor(&st) &&
	    make_tables(&st))		   /* 9. what a predecessor had open */
		status = run_session(&st); /* 10. and what it left unanswered */
	decision_flush_all();
	log_finish();
	_exit(status);
}
