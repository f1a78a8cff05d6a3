/* SPDX-License-Identifier: ISC */
/*
 * mount: from nothing to a mount that answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bundles.h"
#include "mount_check.h"
#include "mounts.h"
#include "scopes.h"
#include "ui.h"

#define WORD(s) ((char *)(uintptr_t)(s)) /* exec's argv is not const, and not written to */

/* One mount as it shall be. */
struct plan {
	char *path;
	struct scope scope;
	char *bundle;
	char owner[16]; /* "" = not said */
	char *options;	/* for -o */
	bool mounted;	/* already */
	bool asked;	/* its scope stands on the command line, or nowhere */
	bool moved;	/* the policy's section is for another scope, and is to be changed */
	/* To undo what was recorded: */
	char *policy, *was_bundle;
	bool recorded, added;
	struct scope was;
};

static void plan_fini(struct plan *p)
{
	free(p->path);
	free(p->bundle);
	free(p->options);
	free(p->policy);
	free(p->was_bundle);
}

static int find_owner(const struct call *c, struct plan *p)
{
	const char *owner = call_flag(c, FLAG_OWNER);
	struct passwd pw, *found = NULL;
	char buffer[4096];
	unsigned long n;
	char *end;

	if (!owner)
		return 0;
	errno = 0;
	n = strtoul(owner, &end, 10);
	if (*owner >= '0' && *owner <= '9' && !*end) {
		if (errno || n >= UINT32_MAX)
			return ui_usage(c, "--owner is a user's number or name, not %.40s", owner);
	} else {
		if (getpwnam_r(owner, &pw, buffer, sizeof(buffer), &found) || !found)
			return ui_usage(c, "there is no user %.40s", owner);
		n = found->pw_uid;
	}
	snprintf(p->owner, sizeof(p->owner), "%lu", n);
	return 0;
}

/* The flags say the scope, else the policy's section for that path does, else: the organization. */
static int find_scope(struct ctx *s, struct plan *p)
{
	const struct policy_mount *m = s->policy ? policy_mount_at(s->policy, p->path) : NULL;
	bool given = call_has(s->call, FLAG_PROJECT) || call_has(s->call, FLAG_DOMAIN);
	char name[BUNDLES_NAME], here[SCOPE_STR], wanted[SCOPE_STR];
	int status = ctx_scope(s->call, &p->scope);

	if (!status && m && !given)
		p->scope = m->scope;
	p->asked = given || !m;
	p->moved = m && given && !scope_eq(&m->scope, &p->scope);
	if (!status && p->moved && p->mounted) {
		ui_error("the policy keeps %s for (%s), not for (%s), and it is mounted", p->path,
			 scope_str(&m->scope, here), scope_str(&p->scope, wanted));
		ui_hint("%s:%u: unmount it first, or mount at another path", s->paths[PATH_POLICY],
			m->line);
		return STATUS_FAILED;
	}
	if (!status)
		status = bundles_check_scope(s->call, &p->scope);
	if (status)
		return status;
	if (m && m->bundle[0] && !p->moved) {
		p->bundle = strdup(m->bundle);
		return p->bundle ? 0 : errmsg_fail(&(struct errmsg){.doing = "mount"}, ERR_NOMEM);
	}
	bundles_name(&p->scope, name);
	return bundles_path(s, name, &p->bundle);
}

static int set_or_unset(struct policy_edit *edit, const char *section, const char *key,
			const char *value)
{
	int r = value && *value ? policy_edit_set(edit, section, key, value)
				: policy_edit_unset(edit, section, key);

	return r == ERR_NOENT ? 0 : r;
}

static int set_target(struct policy_edit *edit, const char *section, const struct scope *scope,
		      const char *bundle)
{
	int r = set_or_unset(edit, section, "project", scope->project);

	if (!r)
		r = set_or_unset(edit, section, "domain", scope->domain);
	return r ? r : set_or_unset(edit, section, "bundle", bundle);
}

static int say_not_recorded(const char *file, const struct policy_error *e, int r)
{
	char text[ERRMSG_POLICY];

	ui_error("%s", errmsg_policy(file, e, r, text));
	ui_hint("the mount could not be recorded there; fix that first");
	return STATUS_FAILED;
}

/* What is to be put back, should the mount fail. */
static int remember(const struct ctx *s, struct plan *p, const struct policy_mount *m)
{
	p->policy = strdup(s->paths[PATH_POLICY]);
	p->was_bundle = strdup(m ? m->bundle : "");
	if (!p->policy || !p->was_bundle)
		return errmsg_fail(&(struct errmsg){.doing = "record the mount"}, ERR_NOMEM);
	if (m)
		p->was = m->scope;
	p->added = !m;
	p->recorded = !m || p->moved;
	return 0;
}

/* The policy has a section for the mount after; what else stands there stays. */
static int record(struct ctx *s, struct plan *p)
{
	const struct policy_mount *m = s->policy ? policy_mount_at(s->policy, p->path) : NULL;
	const char *file = s->paths[PATH_POLICY];
	POLICY_EDIT_CLEANUP struct policy_edit *edit = NULL;
	struct policy_error e = {0};
	char section[PATH_MAX + 16], here[SCOPE_STR], wanted[SCOPE_STR];
	int r;

	if (m && !p->owner[0] && !p->moved)
		return 0;
	snprintf(section, sizeof(section), "mount %s", p->path);
	r = policy_edit_open(file, &edit, &e);
	if (r == ERR_NOENT) {
		ui_warn("there is no policy at %s: the mount is not recorded", file);
		return 0;
	}
	if (!r && !m)
		r = policy_edit_set(edit, section, NULL, NULL);
	if (!m && (r == ERR_INVAL || r == ERR_TOOBIG)) {
		ui_warn("the policy cannot name %s (no blanks, 190 bytes): the mount is not recorded",
			p->path);
		return 0;
	}
	if (!r && (!m || p->moved))
		r = set_target(edit, section, &p->scope, p->bundle);
	if (!r && p->owner[0])
		r = policy_edit_set(edit, section, "owner", p->owner);
	if (!r && remember(s, p, m))
		return STATUS_FAILED;
	if (!r)
		r = policy_edit_save(edit, &e);
	if (r) {
		p->recorded = false;
		return say_not_recorded(file, &e, r);
	}
	if (p->moved)
		printf("%s: %s was recorded for (%s), now for (%s)\n", file, p->path,
		       scope_str(&p->was, here), scope_str(&p->scope, wanted));
	return 0;
}

/* The mount failed: the policy says what it said before. */
static void unrecord(const struct plan *p)
{
	POLICY_EDIT_CLEANUP struct policy_edit *edit = NULL;
	struct policy_error e = {0};
	char section[PATH_MAX + 16], text[ERRMSG_POLICY];
	int r;

	if (!p->recorded)
		return;
	snprintf(section, sizeof(section), "mount %s", p->path);
	r = policy_edit_open(p->policy, &edit, &e);
	if (!r)
		r = p->added ? policy_edit_remove(edit, section)
			     : set_target(edit, section, &p->was, p->was_bundle);
	if (!r)
		r = policy_edit_save(edit, &e);
	if (r)
		ui_warn("%s; it still records %s", errmsg_policy(p->policy, &e, r, text), p->path);
	else if (p->moved)
		ui_hint("the policy records it for what it did before");
}

/* Its daemon is gone; only a look at it tells.  The next one replaces it. */
static bool is_dead(const char *path)
{
	struct stat st;

	return lstat(path, &st) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

static int make_point(const char *path)
{
	int r = paths_mkdir(path, 0755);

	return r ? errmsg_fail(&(struct errmsg){.doing = "make the mount point", .path = path}, r)
		 : 0;
}

/* libfuse splits -o at commas, unless a backslash stands before one. */
static int add_option(char **out, const char *key, const char *value)
{
	char *more;
	size_t have = *out ? strlen(*out) : 0;

	more = realloc(*out, have + strlen(key) + 2 * strlen(value) + 3);
	if (!more)
		return ERR_NOMEM;
	*out = more;
	more += have;
	if (have)
		*more++ = ',';
	more = stpcpy(more, key);
	if (*key)
		*more++ = '=';
	for (; *value; value++) {
		if (*key && (*value == ',' || *value == '\\'))
			*more++ = '\\';
		*more++ = *value;
	}
	*more = 0;
	return 0;
}

static int make_options(const struct ctx *s, struct plan *p)
{
	int r = add_option(&p->options, "bundle", p->bundle);

	if (!r)
		r = add_option(&p->options, "store", s->paths[PATH_STORE]);
	if (!r && s->policy)
		r = add_option(&p->options, "policy", s->paths[PATH_POLICY]);
	if (!r)
		r = add_option(&p->options, "state", s->paths[PATH_STATE]);
	if (!r)
		r = add_option(&p->options, "run", s->paths[PATH_RUN]);
	for (size_t i = 0; !r && i < s->call->nvalues[FLAG_OPTIONS]; i++)
		r = add_option(&p->options, "", s->call->values[FLAG_OPTIONS][i]);
	return r ? errmsg_fail(&(struct errmsg){.doing = "mount"}, r) : 0;
}

/* The daemon beside us, so that a build directory works as well as an installed one. */
static const char *daemon_path(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - sizeof("secretfs"));
	char *slash;

	if (n > 0) {
		out[n] = 0;
		slash = strrchr(out, '/');
		if (slash) {
			memcpy(slash + 1, "secretfs", sizeof("secretfs"));
			if (access(out, X_OK) == 0)
				return out;
		}
	}
	return "secretfs";
}

static int no_daemon(const char *program, int error)
{
	ui_error("%s cannot be started: %s", program, strerror(error));
	ui_hint("is it installed, beside secretctl or in PATH?");
	return STATUS_FAILED;
}

static int run_daemon(const struct call *c, const struct plan *p)
{
	char program[PATH_MAX];
	const char *path = daemon_path(program);
	char *argv[] = {WORD("secretfs"), p->path, WORD("-o"), p->options, NULL, NULL};
	posix_spawnattr_t attr;
	sigset_t pipe;
	int error, status;
	pid_t pid;

	signal(SIGPIPE, SIG_DFL);
	if (call_has(c, FLAG_FOREGROUND)) {
		argv[4] = WORD("-f");
		fflush(stdout);
		execvp(path, argv);
		return no_daemon(path, errno);
	}
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &pipe);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	error = posix_spawnp(&pid, path, NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	if (error)
		return no_daemon(path, error);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return no_daemon(path, errno);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		ui_error("%s ended by signal %d", path, WTERMSIG(status));
	else
		ui_error("%s did not start; it said why above", path);
	return STATUS_FAILED;
}

/* Everything that needs keys; they are gone from memory when it returns. */
static int prepare(struct call *c, struct plan *p)
{
	CTX_CLEANUP struct ctx s = {0};
	struct mount_check check;
	char type[64];
	int status = find_owner(c, p);

	if (!status)
		status = ctx_root(c, &s);
	if (!status)
		status = mount_check_path(&s, &p->path);
	if (!status) {
		p->mounted = mounts_is_ours(p->path) && !is_dead(p->path);
		status = find_scope(&s, p);
	}
	if (!status)
		status = scopes_require(&s, &p->scope, true);
	if (status)
		return status;
	if (mounts_find(p->path, type, sizeof(type)) && strcmp(type, "fuse.secretfs") != 0) {
		ui_error("something else is mounted at %s: %s", p->path, type);
		return STATUS_FAILED;
	}
	check = (struct mount_check){p->path, p->bundle, p->scope, p->asked, p->mounted};
	status = mount_check_point(&s, &check);
	if (!status)
		status = make_point(p->path);
	if (!status)
		status = mount_check_bundle(&s, &check);
	if (!status)
		status = record(&s, p);
	return status ? status : make_options(&s, p);
}

int mount_run(struct call *c)
{
	struct plan p = {0};
	char text[SCOPE_STR];
	int status = prepare(c, &p);

	if (!status && p.mounted) {
		printf("%s is mounted already (%s)\n", p.path, scope_str(&p.scope, text));
	} else if (!status) {
		status = run_daemon(c, &p);
		if (!status)
			printf("mounted %s (%s)\n", p.path, scope_str(&p.scope, text));
		else
			unrecord(&p);
	} else {
		unrecord(&p);
	}
	plan_fini(&p);
	return status;
}
