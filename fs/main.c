/* SPDX-License-Identifier: ISC */
/*
 * secretfs: from the command line to the supervisor, and from an execution for a role into it.
 *
 * 1. No key is in any process that forks, mounts or holds a privilege.
 * 2. What can be refused is refused before it is mounted.
 * 3. Every refusal is one line that says what to do next.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemonize.h"
#include "handover.h"
#include "helper.h"
#include "supervisor.h"
#include "log.h"
#include "service_manager.h"
#include "mountpoint.h"
#include "options.h"
#include "paths.h"
#include "policy_errmsg.h"
#include "policy_feed.h"
#include "mount_policy.h"
#include "server_main.h"
#include "standin.h"
#include "shm.h"
#include "version.h"

#define EXIT_WRONG_USE 2
#define SERVER_ID 65530u

struct start {
	struct options o;
	char *mountpoint, *store, *policy, *state, *bundle, *run;
	bool policy_default, allow_other;
	struct mount_policy *rules;
	struct service_manager manager;
	struct mount_id mount; /* that the service manager has kept */
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

/* The server speaks to no network: what it reads is a directory. */
static bool find_store(struct start *st)
{
	if (!find_path(PATH_STORE, st->o.store, "store", &st->store))
		return false;
	if (!paths_is_url(st->store))
		return true;
	log_say(LOGGED_ERROR,
		"%s: a mount reads a directory; keep a copy of that store in one with: secretctl replicate %s DIR --follow",
		st->store, st->store);
	return false;
}

static bool find_paths(struct start *st)
{
	/* It can serve without. */
	if (paths_get(PATH_RUN, st->o.run, &st->run) < 0)
		st->run = NULL;
	if (!find_store(st))
		return false;
	st->policy_default = !st->o.policy && !getenv(paths_env(PATH_POLICY));
	return find_mountpoint(st) && find_path(PATH_POLICY, st->o.policy, "policy", &st->policy) &&
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
static void open_log(const struct start *st)
{
	log_open(&(struct log_options){.json = st->o.log_json, .debug = st->o.debug});
}

/* ---- the bundle: given, or named by the policy ---- */

/* From here on it is the helper that reads it, and the server that is told. */
static bool load_rules(struct start *st, struct handover *h)
{
	char text[POLICY_ERRMSG_SIZE];
	struct policy_area_news news;
	struct policy_feed feed;
	struct policy_error e;
	int r = policy_feed_make(h);

	if (r == 0)
		r = policy_feed_open(&feed, h, st->policy, st->policy_default, 0);
	if (r < 0) {
		log_say(LOGGED_ERROR, "cannot start: %s", strerror(errno));
		return false;
	}
	if ((r = policy_feed_look(&feed, &e)) < 0) {
		log_say(LOGGED_ERROR, "%s", policy_errmsg(st->policy, r, &e, text));
		return false;
	}
	return (policy_area_load(feed.area, &news) == 0 &&
		mount_policy_new(news.policy, st->mountpoint, geteuid(), &st->rules) == 0) ||
	       refuse_memory();
}

/* Links stay: where they lead may change, and is to be followed then. */
static char *make_absolute(const char *path)
{
	char *cwd = *path == '/' ? NULL : getcwd(NULL, 0), *out = NULL;

	if (asprintf(&out, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", path) < 0)
		out = NULL;
	free(cwd);
	return out;
}

static bool find_bundle(struct start *st)
{
	const struct policy_mount *m = mount_policy_mount(st->rules);
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (st->o.bundle)
		st->bundle = make_absolute(st->o.bundle);
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

/* ---- the supervisor's start ---- */

static bool copy_path(char out[static PATH_MAX], const char *path)
{
	int n = snprintf(out, PATH_MAX, "%s", path ? path : "");

	if (n >= 0 && n < PATH_MAX)
		return true;
	log_say(LOGGED_ERROR, "%s: too long a path", path);
	return false;
}

/* What is started again is the program that runs; an upgrade takes what its path names then. */
static bool find_program(struct mount_config *c, int *exe)
{
	ssize_t n = readlink("/proc/self/exe", c->exe, sizeof(c->exe) - 1);

	*exe = handover_keep(open("/proc/self/exe", O_PATH | O_CLOEXEC));
	if (n > 0)
		c->exe[n] = '\0';
	if (n > 0 && *exe >= 0)
		return true;
	log_say(LOGGED_ERROR, "/proc is needed: %s", strerror(errno));
	return false;
}

/* The user secretfs if there is one, else one that no system hands out. */
static bool find_server_user(const char *name, struct mount_config *c)
{
	/* cppcheck-suppress getpwnamCalled ; there is one thread */
	const struct passwd *pw = getpwnam(name ? name : "secretfs");

	c->uid = pw ? pw->pw_uid : SERVER_ID;
	c->gid = pw ? pw->pw_gid : SERVER_ID;
	if (name && !pw)
		log_say(LOGGED_WARNING, "there is no user %s: the server runs as number %u", name,
			SERVER_ID);
	if (!c->drop || (c->uid && c->gid))
		return true;
	log_say(LOGGED_ERROR,
		"user=%s: the server is not to have root's user or group; name another one, or leave it out",
		pw ? pw->pw_name : "secretfs");
	return false;
}

static bool describe(const struct start *st, struct mount_config *c)
{
	c->version = HANDOVER_VERSION;
	c->size = sizeof(*c);
	c->debug = st->o.debug;
	c->foreground = st->o.foreground;
	c->log_given = st->o.log_given;
	c->log_syslog = st->o.log_given ? st->o.log_syslog : !st->o.foreground;
	c->log_json = st->o.log_json;
	c->no_state = st->o.no_state;
	c->policy_default = st->policy_default;
	c->poll_seconds = st->o.poll_seconds;
	c->hang_seconds = st->o.hang_seconds;
	c->cache_seconds = st->o.cache_seconds;
	c->no_resend = st->o.no_resend;
	c->sandbox_any = st->o.sandbox_any;
	c->owner = geteuid();
	c->drop = c->owner == 0;
	return find_server_user(st->o.user, c) && copy_path(c->mountpoint, st->mountpoint) &&
	       copy_path(c->store, st->store) && copy_path(c->policy, st->policy) &&
	       copy_path(c->state, st->state) && copy_path(c->bundle, st->bundle) &&
	       copy_path(c->run, st->run);
}

static bool make_channel(struct handover *h, enum handover_fd a, enum handover_fd b)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	h->fd[a] = handover_keep(pair[0]);
	h->fd[b] = handover_keep(pair[1]);
	return true;
}

static bool prepare(const struct start *st, struct handover *h, const struct mount_config **c)
{
	struct mount_config new = {0};

	h->fd[HANDOVER_BUNDLE] = supervisor_open_bundle(st->bundle);
	if (h->fd[HANDOVER_BUNDLE] < 0 || !find_program(&new, &h->fd[HANDOVER_EXE]) ||
	    !describe(st, &new))
		return false;
	if (handover_save_config(&new, &h->fd[HANDOVER_CONFIG]) == 0 &&
	    handover_map_config(h->fd[HANDOVER_CONFIG], c) == 0 &&
	    (h->fd[HANDOVER_SHARED] >= 0 || shm_new(&h->fd[HANDOVER_SHARED]) == 0) &&
	    handover_new_control(&st->mount, &h->fd[HANDOVER_CONTROL]) == 0 &&
	    make_channel(h, HANDOVER_SUPERVISOR, HANDOVER_SERVER) &&
	    make_channel(h, HANDOVER_EVENTS_OUT, HANDOVER_EVENTS_IN))
		return true;
	log_say(LOGGED_ERROR, "cannot start: %s", strerror(errno));
	return false;
}

static int keep(struct start *st)
{
	const struct mountpoint_options m = {
		.path = st->mountpoint,
		.source = st->o.source ? st->o.source : "secretfs",
		.allow_other = st->allow_other,
		.noatime = st->o.noatime,
		.may_be_nonempty = st->o.nonempty,
	};
	const struct mount_config *c;
	struct handover h;
	bool adopted;

	for (int i = 0; i < HANDOVER_FDS; i++)
		h.fd[i] = -1;
	supervisor_block_signals();
	adopted = service_manager_adopt(&st->manager, st->mountpoint, &h, &st->mount);
	if ((!adopted && !mountpoint_check(&m)) || !load_rules(st, &h) || !find_bundle(st) ||
	    !prepare(st, &h, &c))
		return EXIT_FAILURE;
	return supervisor_run(&h, c, adopted ? NULL : &m);
}

/* ---- the roles ---- */

static int take_role(enum role role)
{
	const struct mount_config *c;
	struct handover h;

	handover_take(&h);
	if (handover_map_config(h.fd[HANDOVER_CONFIG], &c) < 0) {
		log_say(LOGGED_ERROR, "--role is not for people");
		return EXIT_WRONG_USE;
	}
	/* Mounted already: who started it has gone. */
	log_open(&(struct log_options){.syslog = c->log_syslog && h.fd[HANDOVER_FUSE] >= 0,
				       .json = c->log_json,
				       .debug = c->debug});
	supervisor_block_signals();
	switch (role) {
	case ROLE_SUPERVISOR:
		return supervisor_run(&h, c, NULL);
	case ROLE_SERVER:
		return server_main(&h);
	case ROLE_HELPER:
		return helper_run(&h, c);
	case ROLE_STANDIN:
		return standin_main(&h);
	case ROLE_START:
		break;
	}
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	enum role role = handover_role(argc, argv);
	struct start st = {0};
	int status = EXIT_FAILURE;

	if (role != ROLE_START) {
		close_to_outsiders();
		status = sodium_init() < 0 ? EXIT_FAILURE : take_role(role);
		log_finish();
		return status;
	}
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
	close_to_outsiders();
	if (!find_paths(&st) || !choose_allow_other(&st))
		goto out;
	if (!st.o.foreground && !daemonize_start(&status))
		goto out;
	service_manager_take(&st.manager);
	open_log(&st);
	status = keep(&st);
out:
	log_finish();
	mount_policy_unref(st.rules);
	options_free(&st.o);
	free(st.mountpoint);
	free(st.store);
	free(st.policy);
	free(st.state);
	free(st.bundle);
	free(st.run);
	return status;
}
