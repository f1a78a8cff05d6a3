/* SPDX-License-Identifier: ISC */
/*
 * doctor: what keeps this host from working, and the command that mends each. It asks for nothing,
 * needs no key, and changes nothing.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundles.h"
#include "doctor.h"
#include "mount_list.h"
#include "show.h"
#include "ui.h"
#include "timefmt.h"

#define NS 1000000000u
#define CLOCK_SLACK 60 /* s: hosts are never quite together */

void doctor_say(struct doctor *d, const char *what, enum state state, const char *mend,
		const char *fmt, ...)
{
	static const char *const names[] = {"ok", "note", "mend"};
	char text[PATH_MAX + 300];
	json_t *o;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->mend |= state == STATE_MEND;
	if (d->table) {
		table_row(d->table, (const char *[]){what, names[state], text, mend ? mend : ""});
		return;
	}
	o = json_object();
	json_object_set_new(o, "check", json_string(what));
	json_object_set_new(o, "state", json_string(names[state]));
	json_object_set_new(o, "finding", json_string(text));
	json_object_set_new(o, "mend", mend ? json_string(mend) : json_null());
	json_array_append_new(d->array, o);
}

const char *doctor_command(char out[DOCTOR_COMMAND], const char *before, const char *path,
			   const char *after)
{
	snprintf(out, DOCTOR_COMMAND, "%s%s%s", before, path, after);
	return out;
}

/* --- files ----------------------------------------------------------------------------- */

struct wanted {
	const char *what;
	mode_t forbidden; /* bits */
	mode_t mode;	  /* to mend it with */
	bool dir;
	const char *absent; /* what makes it, or NULL: it need not be there */
};

static bool check_mode(struct doctor *d, const struct wanted *w, const char *path,
		       const struct stat *st)
{
	char todo[DOCTOR_COMMAND];

	if (w->forbidden == 0002 && (st->st_mode & 0022) == 0020) {
		/* for CI, which is let in by its group; whoever writes there forges nothing */
		doctor_say(d, w->what, STATE_NOTE, NULL, "group %u may write to %s, as for CI",
			   (unsigned)st->st_gid, path);
		return true;
	}
	if (st->st_mode & w->forbidden) {
		/* with the set-group-id bit a group was let in on purpose: it stays */
		bool shared = w->dir && (st->st_mode & S_ISGID);

		snprintf(todo, sizeof(todo), "chmod %04o %s",
			 (unsigned)(shared ? st->st_mode & 07777 & ~w->forbidden : w->mode), path);
		doctor_say(d, w->what, STATE_MEND, todo, "others may %s %s (mode %04o)",
			   (st->st_mode & w->forbidden & 0022) ? "change" : "read", path,
			   (unsigned)(st->st_mode & 07777));
		return false;
	}
	return true;
}

/* True when it is there and as it should be. */
static bool check_file(struct doctor *d, const struct wanted *w, const char *path)
{
	char todo[DOCTOR_COMMAND];
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			doctor_say(d, w->what, w->absent ? STATE_MEND : STATE_NOTE, w->absent,
				   "%s is not there", path);
		else
			doctor_say(d, w->what, STATE_NOTE, "run doctor as root", "%s: %s", path,
				   strerror(errno));
		return false;
	}
	if (w->dir ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
		doctor_say(d, w->what, STATE_MEND, NULL, "%s is no %s", path,
			   w->dir ? "directory" : "plain file");
		return false;
	}
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		snprintf(todo, sizeof(todo), "chown %u %s", (unsigned)geteuid(), path);
		doctor_say(d, w->what, STATE_MEND, todo, "%s belongs to user %u", path,
			   (unsigned)st.st_uid);
		return false;
	}
	return check_mode(d, w, path, &st);
}

static void check_root_key(struct doctor *d)
{
	static const struct wanted w = {"root key", 0077, 0400, false, NULL};
	const char *path = d->s.paths[PATH_ROOT_KEY];
	char todo[DOCTOR_COMMAND];
	struct root *root = NULL;
	int r;

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		doctor_say(d, w.what, STATE_NOTE,
			   "put the copy of its key file back, if this host is to change the store",
			   "%s is not there", path);
		return;
	}
	if (!check_file(d, &w, path))
		return;
	r = root_open(path, NULL, &root);
	root_close(root);
	if (r == ERR_AUTH || r == ERR_FORMAT)
		doctor_say(d, w.what, STATE_MEND, doctor_command(todo, "cp -p COPY ", path, ""),
			   "%s is damaged: put its copy back", path);
	else
		doctor_say(d, w.what, STATE_OK, NULL, "%s", path);
}

static void check_policy(struct doctor *d)
{
	static const struct wanted w = {"policy", 0022, 0644, false, NULL};
	const char *path = d->s.paths[PATH_POLICY];
	struct policy_error e = {0};
	char todo[DOCTOR_COMMAND], text[ERRMSG_POLICY];
	int r;

	if (!check_file(d, &w, path))
		return;
	r = policy_load(path, &d->s.policy, &e);
	if (r) {
		snprintf(todo, sizeof(todo), "${EDITOR:-vi} +%u %s", e.line, path);
		doctor_say(d, w.what, STATE_MEND, e.line ? todo : NULL, "%s",
			   errmsg_policy(path, &e, r, text));
		return;
	}
	doctor_say(d, w.what, STATE_OK, NULL, "%s", path);
}

static void check_directory(struct doctor *d, const struct wanted *w, const char *path)
{
	char todo[DOCTOR_COMMAND];

	if (!check_file(d, w, path))
		return;
	if (access(path, R_OK | W_OK | X_OK) != 0)
		doctor_say(d, w->what, geteuid() == 0 ? STATE_MEND : STATE_NOTE,
			   doctor_command(todo, "run it as the owner of ", path, ""), "%s: %s",
			   path, strerror(errno));
	else
		doctor_say(d, w->what, STATE_OK, NULL, "%s", path);
}

static void check_store(struct doctor *d)
{
	static const struct wanted w = {"store", 0002, 0700, true, NULL};
	const char *path = d->s.paths[PATH_STORE];
	bool used = access(d->s.paths[PATH_ROOT_KEY], F_OK) == 0;
	char todo[DOCTOR_COMMAND];

	if (access(path, F_OK) < 0 && errno == ENOENT) {
		doctor_say(d, w.what, STATE_MEND,
			   used ? doctor_command(todo, "cp -a COPY ", path, "") : "secretctl init",
			   used ? "%s is not there: put its copy back, or say where it is: --store"
				: "%s is not there",
			   path);
		return;
	}
	check_directory(d, &w, path);
	doctor_room(d, path);
}

/* Whoever may rename there can answer for a daemon; where it is sticky nobody can. */
static void check_sockets(struct doctor *d)
{
	static const struct wanted w = {"run", 0022, 0755, true, NULL};
	const char *path = d->s.paths[PATH_RUN];
	struct stat st;

	if (lstat(path, &st) < 0 || (st.st_mode & S_ISVTX))
		return; /* the first daemon makes it */
	if (check_file(d, &w, path))
		doctor_say(d, w.what, STATE_OK, NULL, "%s", path);
}

/* --- bundles, and the commits that they open ---------------------------------------------- */

static void note_time(struct doctor *d, const struct keyring *k, const struct commit *c)
{
	if (c->time <= d->newest)
		return;
	d->newest = c->time;
	(void)scope_str(&k->scope, d->newest_in);
}

/* What a mount or a writer would meet with. A library error. */
static int open_scopes(struct doctor *d, struct bundle *b, size_t *at)
{
	int r = 0;

	for (*at = 0; r == 0 && *at < b->n; ++*at) {
		SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
		struct keyring *k = b->rings[*at];
		struct floor floor = b->floors[*at];

		r = floor_load(d->s.paths[PATH_STATE], k, &floor);
		if (r == 0 || r == ERR_IO) /* the state is another check's */
			r = snapshot_open(d->s.backend, k, &floor, &snap);
		if (r)
			return r;
		note_time(d, k, &snap->commit);
		if (b->kind == BUNDLE_WRITER && !grant_find(&snap->commit.grant, k->writer_pk))
			return ERR_DENIED;
	}
	return r;
}

/* For which scope it was minted is told by the mount that has it. */
static const char *mint_again(struct doctor *d, const char *name, const char *path,
			      char out[DOCTOR_COMMAND])
{
	MOUNT_LIST_CLEANUP struct mount_list l = {0};
	char flags[ERRMSG_FLAGS] = "";
	bool known = strcmp(name, "organization") == 0;

	if (d->s.policy && mount_list_load(d->s.policy, &l) == 0)
		for (size_t i = 0; i < l.n && !known; i++) {
			if (!l.v[i].bundle || strcmp(l.v[i].bundle, path) != 0 || !l.v[i].has_scope)
				continue;
			errmsg_flags(&l.v[i].scope, flags);
			known = true;
		}
	if (known)
		snprintf(out, DOCTOR_COMMAND, "rm -f %s && secretctl create bundle %s%s", path,
			 name, flags);
	else
		snprintf(out, DOCTOR_COMMAND, "rm -f %s # then mint it again: create bundle", path);
	return out;
}

static int check_bundle(void *arg, const char *name, const char *path)
{
	static const struct wanted w = {"bundle", 0077, 0400, false, NULL};
	struct doctor *d = arg;
	BUNDLE_CLEANUP struct bundle *b = NULL;
	char todo[DOCTOR_COMMAND], flags[ERRMSG_FLAGS], text[SCOPE_STR];
	size_t at = 0;
	int r;

	if (!check_file(d, &w, path))
		return 0;
	r = bundle_open(path, &b);
	if (r) {
		doctor_say(d, w.what, STATE_MEND, mint_again(d, name, path, todo), "%s: %s", path,
			   err_str(r));
		return 0;
	}
	r = d->s.backend ? open_scopes(d, b, &at) : 0;
	if (r == ERR_DENIED) {
		snprintf(todo, sizeof(todo), "secretctl delete bundle %s", name);
		doctor_say(d, w.what, STATE_MEND, todo, "%s: writer %s is granted no more", path,
			   b->name);
	} else if (r) {
		if (b->kind == BUNDLE_READER)
			snprintf(todo, sizeof(todo), "secretctl create bundle %s%s", name,
				 errmsg_flags(&b->scope, flags));
		else
			snprintf(todo, sizeof(todo), "secretctl rotate writer %s%s", b->name,
				 errmsg_flags(&b->scope, flags));
		doctor_say(d, w.what, STATE_MEND, r == ERR_GENERATION ? todo : "secretctl check",
			   "%s: (%s): %s", path, scope_str(&b->rings[at]->scope, text), err_str(r));
	} else {
		doctor_say(d, w.what, STATE_OK, NULL, "%s (%s)", path, scope_str(&b->scope, text));
	}
	return 0;
}

static void check_bundles(struct doctor *d)
{
	static const struct wanted w = {"bundles", 0022, 0700, true, NULL};
	const char *path = d->s.paths[PATH_BUNDLES];

	if (check_file(d, &w, path))
		(void)!bundles_each(&d->s, check_bundle, d);
}

/* The organization's newest commit, by a slot that opens without asking. */
static void look_as_root(struct doctor *d)
{
	KEYRING_CLEANUP struct keyring *k = NULL;
	KEYS_CLEANUP struct root_keys *keys = NULL;
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	const struct scope organization = {.project = ""};
	struct root *root = NULL;
	int r = d->s.backend ? root_open(d->s.paths[PATH_ROOT_KEY], NULL, &root) : ERR_NOENT;

	if (r == 0)
		r = root_keys(root, &keys);
	root_close(root);
	if (r == 0)
		r = keyring_from_root(keys, &organization, &k);
	if (r == 0)
		r = snapshot_open(d->s.backend, k, NULL, &snap);
	if (r == 0)
		note_time(d, k, &snap->commit);
}

static void check_clock(struct doctor *d)
{
	char now[TIMEFMT_SIZE], then[TIMEFMT_SIZE];
	uint64_t newest = d->newest / NS;

	if (!newest)
		doctor_say(d, "clock", STATE_NOTE, NULL,
			   "no commit could be read to compare it with");
	else if (timefmt_now() + CLOCK_SLACK < newest)
		doctor_say(d, "clock", STATE_MEND, "timedatectl set-ntp true",
			   "%s is before the newest commit (%s), %s",
			   timefmt_local(timefmt_now(), now), d->newest_in,
			   timefmt_local(newest, then));
	else
		doctor_say(d, "clock", STATE_OK, NULL, "%s, not before any commit",
			   timefmt_local(timefmt_now(), now));
}

/* --- all ----------------------------------------------------------------------------------- */

static void check_all(struct doctor *d)
{
	static const struct wanted state = {"state", 0022, 0700, true, NULL};

	check_root_key(d);
	check_policy(d);
	if (!paths_is_url(d->s.paths[PATH_STORE]))
		check_store(d);
	check_directory(d, &state, d->s.paths[PATH_STATE]);
	doctor_room(d, d->s.paths[PATH_STATE]);
	check_sockets(d);
	if (ctx_store(&d->s, 0, &d->s.backend))
		d->s.backend = NULL;
	check_bundles(d);
	look_as_root(d);
	check_clock(d);
	doctor_system(d);
	doctor_updatedb(d);
	doctor_mounts(d);
}

int doctor_run(struct call *c)
{
	static const char *const head[] = {"CHECK", "STATE", "FINDING", "MEND IT BY"};
	TABLE_CLEANUP struct table t = {0};
	struct doctor d = {0};
	bool json;
	int r, status = show_format(c, &json);

	if (!status)
		status = ctx_open(c, &d.s);
	if (!status) {
		table_init(&t, 4, head);
		if (json)
			d.array = json_array();
		else
			d.table = &t;
		check_all(&d);
		r = json ? 0 : table_print(&t);
		if (json)
			status = json_print(d.array);
		else if (r)
			status = errmsg_fail(&(struct errmsg){.doing = "list"}, r);
		if (d.mend)
			status = STATUS_FAILED;
	}
	ctx_close(&d.s);
	return status;
}
