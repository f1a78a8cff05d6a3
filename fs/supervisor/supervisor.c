/* SPDX-License-Identifier: ISC */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemonize.h"
#include "clock.h"
#include "path_watch.h"
#include "child.h"
#include "log.h"
#include "service_manager.h"
#include "status_socket.h"
#include "backoff.h"
#include "server_main.h"
#include "standin.h"
#include "shm.h"
#include "watchdog.h"

#define LOAD_MS 60000 /* for a successor to load */
#define STOP_MS 2000  /* for a server to end when told */
#define ASKED_MS 1000 /* for the bundle to be looked at */
#define HEARD_AT_ONCE 16
#define SERVICE_SIZE (SCOPE_STR + 32)

struct supervisor {
	struct handover *h;
	const struct mount_config *c;
	const struct mountpoint_options *mount; /* NULL: mounted */
	struct control *control;
	const struct shm *shared;
	struct child server, next, helper, standin;
	int signal_fd, mountinfo;
	struct watchdog watchdog;
	struct backoff restart;
	/* When it is started again; 0: not due. */
	int64_t server_at, helper_at;
	int64_t standin_at; /* when one is needed, unless a server serves; 0: one does */
	bool again; /* next has been tried before, or the server asked for it: it is quiet */
	bool next_loaded;
	int next_exe;	      /* -1: none */
	bool next_has_bundle; /* another one than the server */
	int bundle_before;    /* HANDOVER_BUNDLE_BEFORE of the server, while next has another */
	bool exec_due;	      /* this process is still the old program */
	/* By a signal, until the bundle was looked at, or does not answer. */
	enum { ASKED_NOTHING, ASKED_RELOAD, ASKED_UPGRADE } asked;
	int64_t asked_due;
	struct path_watch bundle, store;
	int looked_fd;		    /* of both */
	int watch_fd;		    /* theirs */
	bool for_store, for_bundle; /* next was started because of it */
	bool end;
	int status;
	pid_t said_serving; /* the last one that did */
};

static void waited_signals(sigset_t *set)
{
	const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD};

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
}

void supervisor_block_signals(void)
{
	sigset_t set;

	waited_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void finish(struct supervisor *k, int status)
{
	k->end = true;
	k->status = status;
}

/* ---- the bundle ---- */

int supervisor_open_bundle(const char *path)
{
	/* It may be a link, as Kubernetes lays it; what counts is what is opened. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		log_say(LOGGED_ERROR, "%s: no such bundle; mint one with: secretctl create bundle",
			path);
	else if (fd < 0 || fstat(fd, &st) != 0)
		log_say(LOGGED_ERROR, "%s: %s", path, strerror(errno));
	else if (S_ISREG(st.st_mode) &&
		 ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0)))
		log_say(LOGGED_ERROR,
			"%s: others may read this bundle, or it is not yours; fix it with: chmod 0400 %s",
			path, path);
	else
		return handover_keep(fd);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- starting ---- */

/* What a server that is started now finds, as far as is known; if it is another one, the next look tells. */
static void note_store(struct supervisor *k)
{
	k->control->store_dev = k->store.there.dev;
	k->control->store_ino = k->store.there.ino;
	k->store.due = clock_ms();
}

static void start_server(struct supervisor *k)
{
	k->server_at = 0;
	note_store(k);
	child_start(&k->server, k->h, handover_for_server, k->h->fd[HANDOVER_EXE], ROLE_SERVER,
		    k->c->mountpoint);
	if (k->server.pid <= 0)
		k->server_at = clock_ms() + BACKOFF_MS;
}

static void start_helper(struct supervisor *k)
{
	k->helper_at = 0;
	child_start(&k->helper, k->h, handover_for_helper, k->h->fd[HANDOVER_EXE], ROLE_HELPER,
		    k->c->mountpoint);
	if (k->helper.pid <= 0)
		k->helper_at = clock_ms() + BACKOFF_MS;
}

static void expect_server(struct supervisor *k)
{
	if (k->control->ready)
		k->standin_at = clock_ms() + STANDIN_MS;
}

/* It ends by itself when a server has loaded. */
static void start_standin(struct supervisor *k)
{
	expect_server(k);
	if (k->standin.pid > 0 ||
	    handover_holder(k->h->fd[HANDOVER_SHARED], HANDOVER_LOCK_SERVER) != 0)
		return;
	log_say(LOGGED_WARNING,
		"no server has loaded yet: whoever comes gets an error until one has");
	child_start(&k->standin, k->h, handover_for_standin, k->h->fd[HANDOVER_EXE], ROLE_STANDIN,
		    k->c->mountpoint);
}

/* ---- the mount ---- */

static void judge(struct supervisor *k, enum watchdog_sight sight)
{
	if (sight == WATCHDOG_OVER) {
		finish(k, EXIT_SUCCESS);
	} else if (sight == WATCHDOG_STUCK) {
		log_say(LOGGED_ERROR, "the server has not answered for %u s; replacing it",
			k->c->hang_seconds);
		child_signal(&k->server, SIGKILL);
	}
}

static void close_handed(struct supervisor *k, enum handover_fd which)
{
	int *fd = &k->h->fd[which];

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * Unmounted by hand: the private mount must not keep alive what nobody sees.  Where it was bound to, in
 * a container, it goes on.  The path, and all that goes by its name, is not ours any more.
 */
static void look_at_mounts(struct supervisor *k)
{
	struct mount_entry e;

	if (!k->control->mount.id || k->control->unmounted || mount_id_find(&k->control->mount, &e))
		return;
	log_say(LOGGED_INFO, "%s: unmounted by somebody else", k->c->mountpoint);
	k->control->unmounted = true;
	status_socket_end(k->c, k->control);
	close_handed(k, HANDOVER_STATUS);
	close_handed(k, HANDOVER_PRIVATE);
	child_kill(&k->helper); /* it has the other ends */
	start_helper(k);
}

static bool mount_it(struct supervisor *k)
{
	const struct message m = {.type = MESSAGE_FUSE};
	struct mountpoint_mounted mounted;

	if (!mountpoint_mount(k->mount, &mounted))
		return false;
	k->mount = NULL;
	k->h->fd[HANDOVER_FUSE] = handover_keep(mounted.fuse_fd);
	k->h->fd[HANDOVER_PRIVATE] = handover_keep(mounted.private_fd);
	k->control->mount = mounted.mount;
	status_socket_listen(k->h, k->c, k->control);
	service_manager_keep(k->c->mountpoint, &mounted.mount, k->h);
	watchdog_sleep(&k->watchdog, k->h->fd[HANDOVER_FUSE]);
	return message_send(k->h->fd[HANDOVER_SUPERVISOR], &m, k->h->fd[HANDOVER_FUSE]);
}

/* ---- ending ---- */

static void drop_next(struct supervisor *k)
{
	child_kill(&k->next);
	k->next_loaded = false;
	if (k->next_exe >= 0)
		close(k->next_exe);
	k->next_exe = -1;
	if (k->next_has_bundle) {
		close(k->h->fd[HANDOVER_BUNDLE]);
		k->h->fd[HANDOVER_BUNDLE] = k->h->fd[HANDOVER_BUNDLE_BEFORE];
		k->h->fd[HANDOVER_BUNDLE_BEFORE] = k->bundle_before;
	}
	k->next_has_bundle = false;
}

/* Not beside a look: the threads of a program end before it becomes another one, and one may hang. */
static void exec_upgrade(struct supervisor *k)
{
	if (!k->exec_due || k->bundle.looking || k->store.looking || k->next.pid > 0)
		return;
	k->exec_due = false;
	child_kill(&k->helper);
	handover_exec(k->h, handover_for_supervisor, k->h->fd[HANDOVER_EXE], ROLE_SUPERVISOR,
		      k->c->mountpoint);
	log_say(LOGGED_ERROR, "%s: %s; keeping this supervisor", k->c->exe, strerror(errno));
	start_helper(k);
}

/* All of it is the new program from here on. */
static void finish_upgrade(struct supervisor *k)
{
	if (k->next_exe < 0)
		return;
	close(k->h->fd[HANDOVER_EXE]);
	k->h->fd[HANDOVER_EXE] = k->next_exe;
	k->next_exe = -1;
	k->control->upgrades++;
	k->exec_due = true;
	log_say(LOGGED_INFO, "upgraded: %s", k->c->exe);
	exec_upgrade(k);
}

static void promote_next(struct supervisor *k)
{
	k->store.wait = 0;
	k->server = k->next;
	k->next = (struct child){.pidfd = -1};
	k->next_loaded = false;
	if (k->next_has_bundle && k->bundle_before >= 0)
		close(k->bundle_before);
	k->next_has_bundle = false;
}

static void server_ended(struct supervisor *k, int status)
{
	bool refused = WIFEXITED(status) && WEXITSTATUS(status) == SERVER_MAIN_REFUSED;

	expect_server(k);
	if (watchdog_is_over(k->h->fd[HANDOVER_FUSE])) {
		finish(k, EXIT_SUCCESS);
	} else if (!k->control->ready && (WIFEXITED(status) || k->mount)) {
		if (WIFSIGNALED(status))
			log_say(LOGGED_ERROR, "the server was ended by signal %d while it started",
				WTERMSIG(status));
		finish(k, EXIT_FAILURE); /* it has said why */
	} else if (k->next_loaded) {
		promote_next(k);
	} else {
		report_death(k->control);
		if (!refused)
			log_say(LOGGED_WARNING, "the server ended (%s %d); restarting it",
				WIFEXITED(status) ? "status" : "signal",
				WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		k->server_at = refused ? backoff_refused(&k->restart)
				       : backoff_died(&k->restart, "server");
	}
}

static void next_ended(struct supervisor *k)
{
	/* What keeps it from starting it says itself, once for all times it is tried. */
	log_say(k->again ? LOGGED_DEBUG : LOGGED_ERROR,
		"the new server did not start; the old one keeps serving");
	if (k->for_bundle)
		path_watch_retry(&k->bundle);
	if (k->for_store)
		path_watch_retry(&k->store);
	drop_next(k);
}

static void helper_ended(struct supervisor *k)
{
	if (child_adopt(&k->helper, k->h->fd[HANDOVER_CONTROL], HANDOVER_LOCK_HELPER))
		return;
	k->control->helper_restarts++;
	log_say(LOGGED_WARNING, "the helper ended; restarting it");
	k->helper_at = backoff_died(&k->restart, "helper");
}

static void reap(struct supervisor *k)
{
	struct child *children[] = {&k->server, &k->next, &k->helper, &k->standin};
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < 4; i++)
			if (children[i]->pid == pid) {
				children[i]->ended = true;
				children[i]->status = status;
			}
	for (size_t i = 0; i < 4; i++)
		child_look(children[i]);
	if (child_take_end(&k->next, &status))
		next_ended(k);
	if (child_take_end(&k->server, &status))
		server_ended(k, status);
	if (child_take_end(&k->helper, &status))
		helper_ended(k);
	(void)child_take_end(&k->standin, &status);
}

/* ---- replacing ---- */

/* bundle, or -1.  The same one again does not push out the one before it. */
static void take_bundle_over(struct supervisor *k, int bundle)
{
	struct stat was, is;

	if (bundle < 0)
		return;
	if (fstat(k->h->fd[HANDOVER_BUNDLE], &was) == 0 && fstat(bundle, &is) == 0 &&
	    was.st_dev == is.st_dev && was.st_ino == is.st_ino) {
		close(bundle);
		return;
	}
	k->next_has_bundle = true;
	k->bundle_before = k->h->fd[HANDOVER_BUNDLE_BEFORE];
	k->h->fd[HANDOVER_BUNDLE_BEFORE] = k->h->fd[HANDOVER_BUNDLE];
	k->h->fd[HANDOVER_BUNDLE] = bundle;
}

/* A server beside the one that serves; it takes over once it has loaded. */
static void replace(struct supervisor *k, int exe, int bundle)
{
	if (k->next.pid > 0 || !k->control->ready) {
		log_say(LOGGED_WARNING, "a replacement is under way already");
		if (exe >= 0)
			close(exe);
		if (bundle >= 0)
			close(bundle);
		return;
	}
	k->again = k->for_store = false;
	k->for_bundle = bundle >= 0;
	k->next_exe = exe;
	note_store(k);
	take_bundle_over(k, bundle);
	child_start(&k->next, k->h, handover_for_server, exe >= 0 ? exe : k->h->fd[HANDOVER_EXE],
		    ROLE_SERVER, k->c->mountpoint);
	if (k->next.pid <= 0)
		drop_next(k);
}

static void renew(struct supervisor *k)
{
	replace(k, -1, -1);
	k->again = true;
}

static void upgrade(struct supervisor *k, int bundle)
{
	int exe = handover_keep(open(k->c->exe, O_PATH | O_CLOEXEC));

	if (exe >= 0) {
		replace(k, exe, bundle);
		return;
	}
	log_say(LOGGED_ERROR, "%s: %s; no upgrade", k->c->exe, strerror(errno));
	if (bundle >= 0)
		close(bundle);
}

/* Not before it is known whether the bundle's file system answers: this loop is not to hang there. */
static void ask(struct supervisor *k, bool for_upgrade)
{
	k->asked = for_upgrade ? ASKED_UPGRADE : ASKED_RELOAD;
	k->asked_due = clock_ms() + ASKED_MS;
	path_watch_look(&k->bundle, k->h->fd[HANDOVER_BUNDLE]);
}

static void do_asked(struct supervisor *k, bool answers)
{
	bool for_upgrade = k->asked == ASKED_UPGRADE;
	int bundle = -1;

	k->asked = ASKED_NOTHING;
	k->asked_due = 0;
	if (answers)
		bundle = supervisor_open_bundle(k->c->bundle);
	else
		log_say(LOGGED_WARNING, "%s: no answer in time; keeping the bundle there is",
			k->c->bundle);
	if (for_upgrade)
		upgrade(k, bundle);
	else
		replace(k, -1, bundle);
}

static void take_bundle(struct supervisor *k)
{
	bool again = k->bundle.wait != 0;
	int fd = -1;

	if (path_watch_changed(&k->bundle, &k->bundle.used))
		fd = supervisor_open_bundle(k->c->bundle);
	if (fd < 0)
		return;
	log_say(again ? LOGGED_DEBUG : LOGGED_INFO, "%s: reissued; reloading it", k->c->bundle);
	replace(k, -1, fd);
	k->again = again;
}

/* Another directory under the store's name: the server has the old one, wherever that is now. */
static void take_store(struct supervisor *k)
{
	const struct path_id taken = {k->control->store_dev, k->control->store_ino};
	bool again = k->store.wait != 0;

	if (!taken.ino && k->store.found)
		note_store(k);
	if (!taken.ino || !path_watch_changed(&k->store, &taken))
		return;
	log_say(again ? LOGGED_DEBUG : LOGGED_INFO, "%s: another store; loading it", k->c->store);
	replace(k, -1, -1);
	k->again = again;
	k->for_store = true;
}

static void next_has_loaded(struct supervisor *k)
{
	const struct message stop = {.type = MESSAGE_STOP, .pid = k->server.pid};

	k->next_loaded = true;
	k->server.told_at = clock_ms();
	if (k->server.pid <= 0) {
		k->server_at = 0;
		promote_next(k);
	} else if (!message_send(k->h->fd[HANDOVER_SUPERVISOR], &stop, -1)) {
		child_signal(&k->server, SIGKILL);
	}
}

/* ---- what the server says ---- */

/* Nothing of what the server says goes to the service manager as it stands: that takes orders. */
static const char *describe_service(const struct message *m, char out[static SERVICE_SIZE])
{
	const char *some = m->secrets == 1 ? "" : "s";
	char text[SCOPE_STR];
	struct scope s;

	if (scope_set(&s, m->scope.project, m->scope.domain) < 0)
		snprintf(out, SERVICE_SIZE, "%u secret%s", m->secrets, some);
	else
		snprintf(out, SERVICE_SIZE, "%u secret%s, %s", m->secrets, some,
			 scope_str(&s, text));
	return out;
}

static void is_serving(struct supervisor *k, const struct message *m)
{
	char service[SERVICE_SIZE], status[SERVICE_SIZE + 32];

	if (m->pid == k->said_serving)
		return;
	if (m->pid != k->server.pid && m->pid != k->next.pid) {
		/* One that a supervisor before this one started; there can be only one. */
		if (handover_holder(k->h->fd[HANDOVER_SHARED], HANDOVER_LOCK_SERVER) != m->pid)
			return;
		child_kill(&k->server);
		k->server_at = 0;
		if (!child_adopt(&k->server, k->h->fd[HANDOVER_SHARED], HANDOVER_LOCK_SERVER))
			return;
	}
	k->said_serving = m->pid;
	describe_service(m, service);
	k->standin_at = 0;
	backoff_well(&k->restart);
	snprintf(status, sizeof(status), "READY=1\nSTATUS=Serving %s", service);
	service_manager_notify(status);
	if (!k->control->ready) {
		log_open(&(struct log_options){
			.syslog = k->c->log_syslog, .json = k->c->log_json, .debug = k->c->debug});
		log_say(LOGGED_INFO, "%s: %s", k->c->mountpoint, service);
		k->control->ready = true;
		daemonize_ready(k->c->log_given && !k->c->log_syslog);
		start_helper(k);
	}
	finish_upgrade(k);
}

static void hear(struct supervisor *k)
{
	struct message m;
	int fd;

	/* The rest is there the next time: who talks without end is not to keep us here. */
	for (int i = 0; i < HEARD_AT_ONCE; i++) {
		if (!message_receive(k->h->fd[HANDOVER_SUPERVISOR], &m, &fd))
			break;
		bool next = m.pid == k->next.pid;

		if (m.type == MESSAGE_SERVING)
			is_serving(k, &m);
		else if (m.type == MESSAGE_LOADED && next)
			next_has_loaded(k);
		else if (m.type == MESSAGE_LOADED && m.pid == k->server.pid && k->mount &&
			 !mount_it(k))
			finish(k, EXIT_FAILURE);
		else if (m.type == MESSAGE_RENEW && m.pid == k->server.pid && k->next.pid <= 0)
			renew(k);
		if (fd >= 0)
			close(fd);
	}
}

static void take_signals(struct supervisor *k)
{
	struct signalfd_siginfo info;

	while (read(k->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			ask(k, false);
		else if (info.ssi_signo == SIGUSR2)
			ask(k, true);
		else if (info.ssi_signo != SIGCHLD)
			finish(k, EXIT_SUCCESS);
	}
}

/* ---- who asks how it is ---- */

static enum status_socket_state state_of(const struct supervisor *k)
{
	if (backoff_is_failing(&k->restart))
		return STATS_SOCKET_FAILING;
	if (!k->control->ready || k->server.pid <= 0 ||
	    handover_holder(k->h->fd[HANDOVER_SHARED], HANDOVER_LOCK_SERVER) != k->server.pid)
		return STATS_SOCKET_STARTING;
	return k->watchdog.stuck_since ? STATS_SOCKET_STUCK : STATS_SOCKET_SERVING;
}

static void answer(struct supervisor *k)
{
	const struct status_socket r = {
		.c = k->c,
		.control = k->control,
		.shared = k->shared,
		.state = state_of(k),
		.server = k->server.pid,
		.helper = k->helper.pid,
	};

	status_socket_answer(k->h->fd[HANDOVER_STATUS], &r);
}

/* ---- the loop ---- */

static void sooner(int64_t *at, int64_t when)
{
	if (when && (!*at || when < *at))
		*at = when;
}

static bool can_replace(const struct supervisor *k)
{
	return k->control->ready && k->next.pid <= 0;
}

static int patience(const struct supervisor *k)
{
	int64_t at = 0, now = clock_ms();
	int log = log_flush();

	if (log >= 0)
		sooner(&at, now + log);
	sooner(&at, k->server_at);
	sooner(&at, k->helper_at);
	sooner(&at, k->standin_at);
	if (can_replace(k)) {
		sooner(&at, k->bundle.due);
		sooner(&at, k->store.due);
	}
	sooner(&at, k->asked_due);
	if (k->watchdog.looking)
		sooner(&at, k->watchdog.look_at);
	if (k->next.pid > 0)
		sooner(&at, k->next.since + LOAD_MS);
	if (k->next_loaded)
		sooner(&at, k->server.told_at + STOP_MS);
	if (!at)
		return -1;
	return at > now ? (int)(at - now) : 0;
}

static void keep_time(struct supervisor *k)
{
	int64_t now = clock_ms();

	if (k->server_at && now >= k->server_at)
		start_server(k);
	if (k->helper_at && now >= k->helper_at)
		start_helper(k);
	if (k->standin_at && now >= k->standin_at)
		start_standin(k);
	if (k->bundle.due && now >= k->bundle.due && can_replace(k))
		path_watch_look(&k->bundle, k->h->fd[HANDOVER_BUNDLE]);
	if (k->store.due && now >= k->store.due && can_replace(k))
		path_watch_look(&k->store, -1);
	if (k->asked && now >= k->asked_due)
		do_asked(k, false);
	if (k->watchdog.looking && now >= k->watchdog.look_at)
		judge(k, watchdog_look(&k->watchdog, k->server.pid > 0, k->c->hang_seconds));
	if (k->next_loaded && k->server.pid > 0 && now >= k->server.told_at + STOP_MS)
		child_signal(&k->server, SIGKILL);
	else if (k->next.pid > 0 && !k->next_loaded && now >= k->next.since + LOAD_MS)
		child_signal(&k->next, SIGKILL);
}

/* A look is over.  What cannot be taken up now is looked at again. */
static void take_looks(struct supervisor *k)
{
	uint64_t count;

	if (read(k->looked_fd, &count, sizeof(count)) < 0)
		return;
	if (path_watch_looked(&k->bundle)) {
		if (k->asked)
			do_asked(k, true);
		else if (can_replace(k))
			take_bundle(k);
		else
			path_watch_again(&k->bundle);
	}
	if (path_watch_looked(&k->store)) {
		if (can_replace(k))
			take_store(k);
		else
			path_watch_again(&k->store);
	}
	exec_upgrade(k);
}

static void run(struct supervisor *k)
{
	struct path_watch *const watches[] = {&k->bundle, &k->store};

	while (!k->end) {
		struct pollfd p[11] = {
			{.fd = k->signal_fd, .events = POLLIN},
			{.fd = k->h->fd[HANDOVER_SUPERVISOR], .events = POLLIN},
			{.fd = k->watchdog.fd, .events = POLLIN},
			{.fd = k->server.pidfd, .events = POLLIN},
			{.fd = k->next.pidfd, .events = POLLIN},
			{.fd = k->helper.pidfd, .events = POLLIN},
			{.fd = k->mountinfo, .events = POLLPRI}, /* proc(5): a change */
			{.fd = k->watch_fd, .events = POLLIN},
			{.fd = k->h->fd[HANDOVER_STATUS], .events = POLLIN},
			{.fd = k->looked_fd, .events = POLLIN},
			{.fd = k->standin.pidfd, .events = POLLIN},
		};

		if (poll(p, 11, patience(k)) < 0 && errno != EINTR) {
			log_say(LOGGED_ERROR, "poll: %s", strerror(errno));
			finish(k, EXIT_FAILURE);
		}
		if (p[0].revents)
			take_signals(k);
		if (p[1].revents)
			hear(k);
		if (p[2].revents)
			judge(k, watchdog_wake(&k->watchdog));
		if (p[6].revents && !k->end)
			look_at_mounts(k);
		if (p[7].revents)
			path_watch_read(k->watch_fd, watches, 2);
		if (p[8].revents)
			answer(k);
		if (p[9].revents)
			take_looks(k);
		if (!k->end)
			reap(k);
		if (!k->end)
			keep_time(k);
	}
}

/* ---- beginning and end ---- */

static bool set_up(struct supervisor *k)
{
	const struct handover *h = k->h;
	sigset_t set;
	void *p;

	waited_signals(&set);
	k->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	k->watch_fd = path_watch_new();
	k->looked_fd = handover_keep(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	path_watch_open(&k->bundle, k->watch_fd, k->looked_fd, k->c->bundle, false);
	path_watch_open(&k->store, k->watch_fd, k->looked_fd, k->c->store, true);
	k->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	p = mmap(NULL, sizeof(*k->shared), PROT_READ, MAP_SHARED, h->fd[HANDOVER_SHARED], 0);
	k->shared = p == MAP_FAILED ? NULL : p;
	backoff_open(&k->restart);
	return k->signal_fd >= 0 && k->shared && watchdog_open(&k->watchdog, k->shared) == 0 &&
	       handover_map_control(h->fd[HANDOVER_CONTROL], &k->control) == 0 &&
	       handover_lock(h->fd[HANDOVER_CONTROL], HANDOVER_LOCK_SUPERVISOR, false) == 0;
}

/* The mount is older than all its processes: the service manager has kept it. */
static void go_on(struct supervisor *k)
{
	int mount = geteuid() == 0 ? mount_id_open(k->c->mountpoint, &k->control->mount) : -1;

	if (mount >= 0) {
		k->h->fd[HANDOVER_PRIVATE] =
			handover_keep(mountpoint_private(mount, k->c->mountpoint));
		close(mount);
	}
	log_open(&(struct log_options){
		.syslog = k->c->log_syslog, .json = k->c->log_json, .debug = k->c->debug});
	log_say(LOGGED_WARNING, "%s: its processes were killed; resuming from saved state",
		k->c->mountpoint);
	k->control->ready = true;
}

/* What a supervisor before this one has left running. */
static void take_over(struct supervisor *k)
{
	const struct handover *h = k->h;
	char main_pid[32];

	child_adopt(&k->server, h->fd[HANDOVER_SHARED], HANDOVER_LOCK_SERVER);
	child_adopt(&k->helper, h->fd[HANDOVER_CONTROL], HANDOVER_LOCK_HELPER);
	if (k->control->stopping) {
		finish(k, EXIT_FAILURE);
		return;
	}
	if (!k->control->ready)
		go_on(k);
	if (h->fd[HANDOVER_STATUS] < 0 && !k->control->unmounted)
		status_socket_listen(k->h, k->c, k->control);
	child_adopt(&k->standin, h->fd[HANDOVER_SHARED], HANDOVER_LOCK_STANDIN);
	if (k->server.pid <= 0) {
		start_server(k);
		expect_server(k);
	}
	if (k->helper.pid <= 0)
		start_helper(k);
	snprintf(main_pid, sizeof(main_pid), "MAINPID=%d", getpid());
	service_manager_notify(main_pid);
	watchdog_start(&k->watchdog, k->h->fd[HANDOVER_FUSE]);
}

static void take_down(struct supervisor *k)
{
	const struct message stop = {.type = MESSAGE_STOP, .pid = k->server.pid};
	bool off = true;

	k->control->stopping = true;
	service_manager_notify("STOPPING=1");
	status_socket_end(k->c, k->control);
	drop_next(k);
	/* Unmounted first: requests on their way get their answer. */
	if (k->h->fd[HANDOVER_FUSE] >= 0 && !watchdog_is_over(k->h->fd[HANDOVER_FUSE]) &&
	    !k->control->unmounted)
		off = mountpoint_unmount(&k->control->mount);
	service_manager_forget();
	close_handed(k, HANDOVER_PRIVATE);
	child_kill(&k->helper);
	if (k->server.pid > 0 && message_send(k->h->fd[HANDOVER_SUPERVISOR], &stop, -1))
		child_wait(&k->server, STOP_MS);
	child_kill(&k->server);
	child_kill(&k->standin);
	if (k->control->ready && off && !k->control->unmounted)
		log_say(LOGGED_INFO, "%s: unmounted", k->c->mountpoint);
}

int supervisor_run(struct handover *h, const struct mount_config *c,
		   const struct mountpoint_options *mount)
{
	struct supervisor k = {
		.h = h,
		.c = c,
		.mount = mount,
		.server = {.pidfd = -1},
		.next = {.pidfd = -1},
		.helper = {.pidfd = -1},
		.standin = {.pidfd = -1},
		.next_exe = -1,
	};

	if (!set_up(&k)) {
		log_say(LOGGED_ERROR, "the supervisor cannot start: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (h->fd[HANDOVER_FUSE] >= 0) {
		take_over(&k);
	} else { /* nobody is served yet who would have to wait */
		path_watch_look_now(&k.store);
		start_server(&k);
	}
	run(&k);
	take_down(&k);
	return k.status;
}
