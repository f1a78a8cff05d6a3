/* SPDX-License-Identifier: ISC */
/*
 * run: a command with secrets in its environment.
 *
 * The values pass from locked memory into execve's copy and nowhere else: no command line, no file,
 * no environment of our own. Signals, terminal and exit status are the command's, since it takes
 * our place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harden.h"
#include "mounts.h"
#include "name.h"
#include "scopes.h"
#include "session.h"
#include "ui.h"
#include "value.h"
#include "when.h"

#define NS 1000000000u

struct run {
	struct session s;
	struct bundle *bundle;
	char *mount;			   /* read there; else by keys */
	struct place places[SCOPE_LEVELS]; /* most specific first */
	struct snapshot *snaps[SCOPE_LEVELS];
	size_t nplaces;
	char **env;
	size_t nenv;
	struct secret **held; /* what env points into */
	size_t nheld;
};

static int fail_memory(void)
{
	return words_fail(&(struct words){.doing = "run"}, ERR_NOMEM);
}

/* --- where from -------------------------------------------------------------------- */

static int open_snapshots(struct run *x)
{
	for (size_t i = 0; i < x->nplaces; i++) {
		struct place *p = &x->places[i];
		int r = session_snapshot(&x->s, p, &x->snaps[i]);

		/* the root finds no ref where nothing was ever stored; a bundle always has one */
		if (r && !(r == ERR_NOENT && x->s.keys))
			return words_fail(&(struct words){.doing = "open", .scope = &p->scope},
					  r == ERR_NOENT ? ERR_STALE : r);
	}
	return 0;
}

static int open_bundle(struct call *c, struct run *x, const char *path)
{
	int status = session_open(c, &x->s);
	int r = status ? 0 : bundle_open(path, &x->bundle);

	if (!status && !r)
		r = backend_dir_open(x->s.paths[PATH_STORE], 0, &x->s.backend);
	if (r)
		return words_fail(&(struct words){.doing = "open the bundle", .path = path}, r);
	if (status)
		return status;
	if (x->bundle->kind != BUNDLE_READER) {
		ui_error("%s is a writer's bundle: it opens no value", path);
		return STATUS_FAILED;
	}
	for (size_t i = x->bundle->n; i-- > 0;) {
		struct place *p = &x->places[x->nplaces++];

		p->scope = x->bundle->rings[i]->scope;
		p->ring = x->bundle->rings[i];
		p->borrowed = true;
		p->floor = x->bundle->floors[i];
		r = floor_load(x->s.paths[PATH_STATE], p->ring, &p->floor);
		if (r)
			return words_fail(&(struct words){.doing = "read what was accepted",
							  .path = x->s.paths[PATH_STATE]},
					  r);
	}
	return open_snapshots(x);
}

static int open_root(struct call *c, struct run *x)
{
	struct scope scope, at;
	int status = session_scope(c, &scope);

	if (!status)
		status = session_root(c, &x->s);
	if (!status)
		status = scopes_require(&x->s, &scope, false);
	for (int level = SCOPE_PROJECT_DOMAIN; !status && level >= 0; level--) {
		at = scope_at(&scope, (enum scope_level)level);
		if (scope_level(&at) != (enum scope_level)level)
			continue;
		status = session_place(&x->s, &at, &x->places[x->nplaces++]);
	}
	return status ? status : open_snapshots(x);
}

static int open_source(struct call *c, struct run *x)
{
	const char *bundle = call_flag(c, FLAG_BUNDLE);
	bool scoped = call_has(c, FLAG_PROJECT) || call_has(c, FLAG_DOMAIN);
	char *mount;
	int status;

	if (bundle && scoped)
		return ui_usage(c, "a bundle has its scope: leave out -p and -d");
	if (bundle)
		return open_bundle(c, x, bundle);
	if (scoped)
		return open_root(c, x);
	status = session_open(c, &x->s);
	if (status)
		return status;
	mount = mounts_path(x->s.paths[PATH_MOUNT]);
	if (!mount)
		return fail_memory();
	if (call_has(c, FLAG_MOUNT) || mounts_is_ours(mount)) {
		x->mount = mount;
		return 0;
	}
	free(mount);
	session_close(&x->s);
	return open_root(c, x);
}

/* --- one value --------------------------------------------------------------------- */

/* The file of the mount: by openat2's rules the path stays below it, the name being checked. */
static int read_mounted(const struct run *x, const char *name, struct secret **out)
{
	int dir = open(x->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	int r = fd < 0 ? ERR_IO : secret_read(fd, out);
	int error = errno;
	struct words w = {.doing = "read secret", .name = name, .path = x->mount};

	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	if (!r)
		return 0;
	errno = error;
	words_fail(&w, r);
	if (error == EACCES)
		ui_hint("see who may: secretctl explain %s", name);
	else if (error == ENOENT)
		ui_hint("the mount does not show that name");
	return STATUS_FAILED;
}

/* By the later of the clock and the scope's last commit: a clock set back revives nothing. */
static bool has_expired(const struct record *rec, const struct commit *c)
{
	return rec->expires && (rec->expires <= when_now() || rec->expires <= c->time / NS);
}

static int read_stored(struct run *x, const char *name, struct secret **out)
{
	struct words w = {.doing = "read secret", .name = name};
	struct record rec;

	for (size_t i = 0; i < x->nplaces; i++) {
		struct place *p = &x->places[i];
		int r;

		if (!x->snaps[i])
			continue;
		r = snapshot_find(x->s.backend, p->ring, x->snaps[i], name, &rec);
		if (r == ERR_NOENT)
			continue;
		w.scope = &p->scope;
		if (!r && has_expired(&rec, &x->snaps[i]->commit)) {
			ui_error("secret %s has expired", name);
			return STATUS_FAILED;
		}
		if (!r)
			r = value_get(x->s.backend, p->ring, &rec.versions[0], rec.name, out);
		return r ? words_fail(&w, r) : 0;
	}
	ui_error("there is no secret %s", name);
	return STATUS_FAILED;
}

/* --- the environment --------------------------------------------------------------- */

/* Puts "NAME=…" in place of what has that name. */
static int put_env(struct run *x, char *pair)
{
	size_t len = strcspn(pair, "=") + 1;
	char **more;

	for (size_t i = 0; i < x->nenv; i++) {
		if (strncmp(x->env[i], pair, len) == 0) {
			x->env[i] = pair;
			return 0;
		}
	}
	more = reallocarray(x->env, x->nenv + 2, sizeof(*more));
	if (!more)
		return fail_memory();
	x->env = more;
	more[x->nenv++] = pair;
	more[x->nenv] = NULL;
	return 0;
}

/* "ENV=NAME", or "NAME" with Flyte's rule for the variable. */
static int add_secret(struct run *x, const char *arg)
{
	SECRET_CLEANUP struct secret *value = NULL;
	const char *eq = strchr(arg, '='), *name = eq ? eq + 1 : arg;
	struct secret *pair, **more;
	char env[ENV_NAME_SIZE];
	int r, status;

	if (name_check(name))
		return ui_usage(x->s.call, "not a valid name of a secret: %.80s", name);
	if (eq && (eq == arg || (size_t)(eq - arg) >= sizeof(env)))
		return ui_usage(x->s.call, "--secret takes [ENV=]NAME, not %.80s", arg);
	if (eq) {
		memcpy(env, arg, (size_t)(eq - arg));
		env[eq - arg] = 0;
	} else if (name_env(name, env)) {
		return ui_usage(x->s.call, "no variable follows from %s: give ENV=%s", name, name);
	}
	status = x->mount ? read_mounted(x, name, &value) : read_stored(x, name, &value);
	if (status || !value)
		return status;
	if (memchr(value->data, 0, value->len)) {
		ui_error("the value of %s holds a NUL: no environment can", name);
		return STATUS_FAILED;
	}
	r = secret_alloc(strlen(env) + 1 + value->len + 1, &pair);
	if (r)
		return words_fail(&(struct words){.doing = "run"}, r);
	more = reallocarray(x->held, x->nheld + 1, sizeof(struct secret *));
	if (!more) {
		secret_free(pair);
		return fail_memory();
	}
	x->held = more;
	more[x->nheld++] = pair;
	pair->len = strlen(env);
	memcpy(pair->data, env, pair->len);
	pair->data[pair->len++] = '=';
	memcpy(pair->data + pair->len, value->data, value->len);
	pair->data[pair->len + value->len] = 0;
	return put_env(x, (char *)pair->data);
}

static int make_env(struct run *x)
{
	const struct call *c = x->s.call;
	int status = 0;

	for (char **e = environ; !status && *e; e++)
		status = put_env(x, *e);
	for (size_t i = 0; !status && i < c->nvalues[FLAG_SET_ENV]; i++) {
		const char *pair = c->values[FLAG_SET_ENV][i];

		if (*pair == '=' || !strchr(pair, '='))
			status = ui_usage(c, "--env takes K=V");
		else
			status = put_env(x, (char *)(uintptr_t)pair);
	}
	for (size_t i = 0; !status && i < c->nvalues[FLAG_SECRET]; i++)
		status = add_secret(x, c->values[FLAG_SECRET][i]);
	return status;
}

static void run_fini(struct run *x)
{
	for (size_t i = 0; i < x->nplaces; i++) {
		snapshot_close(x->snaps[i]);
		place_close(&x->places[i]);
	}
	for (size_t i = 0; i < x->nheld; i++)
		secret_free(x->held[i]);
	free(x->held);
	free(x->env);
	free(x->mount);
	bundle_free(x->bundle);
	session_close(&x->s);
}

int run_run(struct call *c)
{
	struct run x = {.s = {.call = c}};
	int error, status = 0;

	if (c->dashes != 0)
		return ui_usage(c, "put -- before the command: secretctl run --secret NAME -- CMD");
	status = open_source(c, &x);

	if (!status)
		status = make_env(&x);
	if (!status) {
		harden_undo();
		fflush(NULL);
		execvpe(c->argv[0], c->argv, x.env);
		error = errno;
		ui_error("%s: %s", c->argv[0], strerror(error));
		if (error == E2BIG)
			ui_hint("one variable holds 128 KiB at most: read the file of a mount instead");
		/* as a shell answers */
		status = error == ENOENT ? 127 : 126;
	}
	run_fini(&x);
	return status;
}
