/* SPDX-License-Identifier: ISC */
/*
 * doctor's look at mounts: whether each answers, what its daemon says of itself, and whether what it
 * shows is what the store holds.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "mount_query.h"
#include "mounts.h"
#include "mount_list.h"

#define ANSWER_MS 3000
#define FRESH_MS 2000 /* for a mount to show what was just committed */
#define DEATHS 5      /* in ten minutes */

/* Is it alive? Asked by a child, since a stuck one never answers. 0, an errno, or -1 without answer. */
static int ask_mount(const char *path)
{
	struct pollfd p = {.events = POLLIN};
	struct stat st;
	int status = 0;
	bool ended;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(stat(path, &st) < 0 ? (errno < 256 ? errno : EIO) : 0);
	if (pid < 0)
		return errno;
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	ended = p.fd >= 0 && poll(&p, 1, ANSWER_MS) == 1;
	if (p.fd >= 0)
		close(p.fd);
	if (!ended) {
		kill(pid, SIGKILL);
		return -1;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EIO;
	return WEXITSTATUS(status);
}

/* The mount that path lies on. */
struct above {
	const char *path;
	char best[PATH_MAX];
	bool shared;
};

static int find_above(void *arg, const struct mounts_line *line)
{
	struct above *a = arg;
	size_t len = strcmp(line->path, "/") == 0 ? 0 : strlen(line->path);

	if (strcmp(line->path, a->path) == 0 || strncmp(a->path, line->path, len) != 0 ||
	    a->path[len] != '/' || (a->best[0] && len + 1 < strlen(a->best)))
		return 0;
	snprintf(a->best, sizeof(a->best), "%s", line->path);
	a->shared = line->shared;
	return 0;
}

static void check_propagation(struct doctor *d, const char *path)
{
	struct above a = {.path = path};
	char todo[DOCTOR_COMMAND];

	(void)mounts_each(find_above, &a);
	if (!a.best[0])
		return;
	if (a.shared)
		doctor_say(d, "propagation", STATE_OK, NULL, "%s, above %s, is shared", a.best,
			   path);
	else
		doctor_say(
			d, "propagation", STATE_NOTE,
			doctor_command(todo, "mount --make-rshared ", a.best,
				       " # if containers are to see later mounts"),
			"%s, above %s, is private: Docker takes it with :ro, but not with rslave",
			a.best, path);
}

/* --- what its daemon says ---------------------------------------------------------------- */

static const char log_of[] = "journalctl -t secretfs";

/* The epoch of scope that the mount shows; false: it does not show that scope. */
static bool epoch_shown(const json_t *facts, const struct scope *scope, uint64_t *out)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(facts, "scopes"), i, one)
	{
		struct scope s;

		if (scope_set(&s, mount_query_text(one, "project", NULL),
			      mount_query_text(one, "domain", NULL)) ||
		    !scope_eq(&s, scope))
			continue;
		*out = mount_query_number(one, "epoch", NULL);
		return true;
	}
	return false;
}

/* False when ring's scope has come further in the store than facts say. */
static bool is_fresh(struct doctor *d, const json_t *facts, struct keyring *ring, uint64_t *newest,
		     uint64_t *shown)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;

	/* What cannot be read here is the bundle's or the store's trouble. */
	if (!epoch_shown(facts, &ring->scope, shown) ||
	    snapshot_open(d->s.backend, ring, NULL, &snap))
		return true;
	*newest = snap->commit.epoch;
	return *newest <= *shown;
}

/* It is not so at once: asked again until it is, or FRESH_MS are over. */
static void check_view(struct doctor *d, const struct mount_entry *m, const json_t *first)
{
	BUNDLE_CLEANUP struct bundle *b = NULL;
	json_t *facts = json_incref((json_t *)(uintptr_t)first);
	char todo[DOCTOR_COMMAND], scope[SCOPE_STR];
	uint64_t newest = 0, shown = 0;
	size_t i = 0;

	if (!d->s.backend || !m->bundle || bundle_open(m->bundle, &b) || b->kind != BUNDLE_READER) {
		json_decref(facts);
		return;
	}
	for (int ms = 0; i < b->n && facts; ms += 100) {
		if (is_fresh(d, facts, b->rings[i], &newest, &shown)) {
			i++;
			continue;
		}
		if (ms >= FRESH_MS)
			break;
		poll(NULL, 0, 100);
		json_decref(facts);
		facts = mount_query_ask(d->s.paths[PATH_RUN], m->path);
	}
	snprintf(todo, sizeof(todo), "kill -HUP %llu",
		 (unsigned long long)mount_query_number(first, "supervisor", "pid"));
	if (facts && i < b->n)
		doctor_say(d, "mount", STATE_MEND, todo,
			   "%s shows epoch %llu of (%s), the store is at %llu: a stale view",
			   m->path, (unsigned long long)shown,
			   scope_str(&b->rings[i]->scope, scope), (unsigned long long)newest);
	json_decref(facts);
}

static void check_state(struct doctor *d, const char *path, const json_t *f)
{
	const char *state = mount_query_text(f, "state", NULL);
	uint64_t lately = mount_query_number(f, "server", "restarts_lately");

	if (strcmp(state, "failing") == 0)
		doctor_say(d, "mount", STATE_MEND, log_of, "%s: no server stays: %llu restarts",
			   path, (unsigned long long)mount_query_number(f, "server", "restarts"));
	else if (strcmp(state, "stuck") == 0)
		doctor_say(
			d, "mount", STATE_NOTE, log_of,
			"%s: its server has work and does not answer; it is going to be replaced",
			path);
	else if (lately >= DEATHS)
		doctor_say(d, "mount", STATE_MEND, log_of,
			   "%s: its server keeps dying: %llu times in ten minutes", path,
			   (unsigned long long)lately);
	else if (lately)
		doctor_say(d, "mount", STATE_NOTE, log_of,
			   "%s: its server was started again %llu times in ten minutes", path,
			   (unsigned long long)lately);
}

static void check_faults(struct doctor *d, const char *path, const json_t *f)
{
	char todo[DOCTOR_COMMAND];

	if (mount_query_stands(f, "alarm"))
		doctor_say(d, "mount", STATE_MEND, "secretctl check", "%s: an alarm stands: %s",
			   path, mount_query_text(f, "alarm", "text"));
	else if (mount_query_stands(f, "store_fault"))
		doctor_say(d, "mount", STATE_MEND, "secretctl check",
			   "%s: the store cannot be taken, and an older view goes on: %s", path,
			   mount_query_text(f, "store_fault", "text"));
	if (mount_query_stands(f, "policy_fault"))
		doctor_say(d, "mount", STATE_MEND,
			   doctor_command(todo, "${EDITOR:-vi} ", d->s.paths[PATH_POLICY], ""),
			   "%s: the policy cannot be taken, and an older one goes on: %s", path,
			   mount_query_text(f, "policy_fault", "text"));
}

static void check_live(struct doctor *d, const struct mount_entry *m, const struct mount_query *l)
{
	char todo[DOCTOR_COMMAND];

	if (l && l->state == MOUNT_QUERY_ANSWERS) {
		check_state(d, m->path, l->facts);
		check_faults(d, m->path, l->facts);
		if (!mount_query_stands(l->facts, "alarm") &&
		    !mount_query_stands(l->facts, "store_fault"))
			check_view(d, m, l->facts);
	} else if (l && l->state == MOUNT_QUERY_SILENT) {
		doctor_say(d, "mount", STATE_MEND, log_of, "%s: its supervisor does not answer",
			   m->path);
	} else if (l && geteuid() == 0) {
		doctor_say(d, "mount", STATE_NOTE,
			   doctor_command(todo, "mount it anew; its log names what is wrong with ",
					  d->s.paths[PATH_RUN], ""),
			   "%s cannot be asked how it is: it has no socket", m->path);
	}
}

/* Of daemons that were killed where no mount is left: the next one there replaces it. */
static void check_left(struct doctor *d, const struct mount_query_list *l)
{
	char todo[DOCTOR_COMMAND], path[PATH_MAX];

	for (size_t i = 0; i < l->nleft; i++) {
		snprintf(path, sizeof(path), "%s/%s", d->s.paths[PATH_RUN], l->left[i]);
		doctor_say(d, "socket", STATE_NOTE, doctor_command(todo, "rm ", path, ""),
			   "a daemon that was killed has left its socket");
	}
}

/* --- all of it ---------------------------------------------------------------------------- */

static void check_mount(struct doctor *d, const struct mount_entry *m, const struct mount_query *l)
{
	char todo[DOCTOR_COMMAND], again[2 * PATH_MAX + 64];
	bool asked = l && l->state == MOUNT_QUERY_ANSWERS; /* its daemon knows more */
	int answer;

	snprintf(again, sizeof(again), "secretctl umount --lazy %s && secretctl mount %s", m->path,
		 m->path);
	if (!m->mounted) {
		doctor_say(d, "mount", STATE_NOTE,
			   doctor_command(todo, "secretctl mount ", m->path, ""),
			   "%s is in the policy, and not mounted", m->path);
		return;
	}
	answer = ask_mount(m->path);
	if (answer == ENOTCONN || answer == ECONNABORTED)
		doctor_say(d, "mount", STATE_MEND, again, "%s is stale: its daemon is gone",
			   m->path);
	else if (answer == -1)
		doctor_say(d, "mount", STATE_MEND, asked ? log_of : again, "%s does not answer",
			   m->path);
	else if (answer == EACCES) /* without allow_other root is kept out as well */
		doctor_say(d, "mount", STATE_NOTE, NULL, "%s is another user's", m->path);
	else if (answer)
		doctor_say(d, "mount", STATE_MEND, again, "%s: %s", m->path, strerror(answer));
	else
		doctor_say(d, "mount", STATE_OK, NULL, "%s answers", m->path);
	if (!answer || (answer == -1 && asked))
		check_live(d, m, l);
}

void doctor_mounts(struct doctor *d)
{
	MOUNT_LIST_CLEANUP struct mount_list l = {0};
	MOUNT_QUERY_CLEANUP struct mount_query_list live = {0};

	if (mount_list_load(d->s.policy, &l) || mount_query_load(d->s.paths[PATH_RUN], &live))
		return;
	for (size_t i = 0; i < l.n; i++) {
		check_mount(d, &l.v[i], mount_query_find(&live, l.v[i].path));
		check_propagation(d, l.v[i].path);
	}
	check_left(d, &live);
	if (!l.n)
		check_propagation(d, d->s.paths[PATH_MOUNT]);
}
