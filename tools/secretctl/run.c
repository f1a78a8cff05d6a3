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
#include "name.h"
#include "secret_lookup.h"
#include "ui.h"
#include "value.h"
#include "timefmt.h"

#define NS 1000000000u

struct run {
	const struct call *call;
	struct secret_lookup reach;
	char **env;
	size_t nenv;
	struct secret **held; /* what env points into */
	size_t nheld;
};

static int fail_memory(void)
{
	return errmsg_fail(&(struct errmsg){.doing = "run"}, ERR_NOMEM);
}

/* --- one value --------------------------------------------------------------------- */

/* The file of the mount: by openat2's rules the path stays below it, the name being checked. */
static int read_mounted(const struct run *x, const char *name, struct secret **out)
{
	int dir = open(x->reach.mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	int r = fd < 0 ? ERR_IO : secret_read(fd, out);
	int error = errno;
	struct errmsg w = {.doing = "read secret", .name = name, .path = x->reach.mount};

	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	if (!r)
		return 0;
	errno = error;
	errmsg_fail(&w, r);
	if (error == EACCES)
		ui_hint("see who may: secretctl explain %s", name);
	else if (error == ENOENT)
		ui_hint("the mount does not show that name");
	return STATUS_FAILED;
}

/* By the later of the clock and the scope's last commit: a clock set back revives nothing. */
static bool has_expired(const struct record *rec, const struct commit *c)
{
	return rec->expires && (rec->expires <= timefmt_now() || rec->expires <= c->time / NS);
}

static int read_stored(struct run *x, const char *name, struct secret **out)
{
	struct secret_lookup *from = &x->reach;
	struct errmsg w = {.doing = "read secret", .name = name};
	struct record rec;
	char flags[ERRMSG_FLAGS];
	size_t at = 0;
	int r = secret_lookup_find(from, name, &rec, &at);

	if (r == ERR_NOENT) {
		ui_error("there is no secret %s", name);
		ui_hint("what a mount shows and what it hides: secretctl explain %s%s", name,
			errmsg_flags(&from->places[0].scope, flags));
		return STATUS_FAILED;
	}
	w.scope = &from->places[at].scope;
	if (!r && has_expired(&rec, &from->snaps[at]->commit)) {
		ui_error("secret %s has expired", name);
		ui_hint("give it a new end, with a new value or alone: secretctl update secret %s%s --expires T",
			name, errmsg_flags(w.scope, flags));
		return STATUS_FAILED;
	}
	if (!r)
		r = value_get(from->s.backend, from->places[at].ring, &rec.versions[0], rec.name,
			      out);
	return r ? errmsg_fail(&w, r) : 0;
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
		return ui_usage(x->call, "not a valid name of a secret: %.80s", name);
	if (eq && (eq == arg || (size_t)(eq - arg) >= sizeof(env)))
		return ui_usage(x->call, "--secret takes [ENV=]NAME, not %.80s", arg);
	if (eq) {
		memcpy(env, arg, (size_t)(eq - arg));
		env[eq - arg] = 0;
	} else if (name_env(name, env)) {
		return ui_usage(x->call, "no variable follows from %s: give ENV=%s", name, name);
	}
	status = x->reach.mount ? read_mounted(x, name, &value) : read_stored(x, name, &value);
	if (status || !value)
		return status;
	if (memchr(value->data, 0, value->len)) {
		ui_error("the value of %s holds a NUL: no environment can", name);
		return STATUS_FAILED;
	}
	r = secret_alloc(strlen(env) + 1 + value->len + 1, &pair);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "run"}, r);
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
	const struct call *c = x->call;
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
	for (size_t i = 0; i < x->nheld; i++)
		secret_free(x->held[i]);
	free(x->held);
	free(x->env);
	secret_lookup_close(&x->reach);
}

int run_run(struct call *c)
{
	struct run x = {.call = c};
	int error, status = 0;

	if (c->dashes != 0)
		return ui_usage(c, "put -- before the command: secretctl run --secret NAME -- CMD");
	status = secret_lookup_open(c, &x.reach);

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
