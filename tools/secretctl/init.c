/* SPDX-License-Identifier: ISC */
/*
 * init: a root key, a store, a starter policy.
 *
 * The root key lies beside its place as root.key.new until all the rest is there and the recovery
 * code has been printed; the rename is the moment it is done.  What was interrupted before is taken
 * up again by the next init, with the same key and a new recovery code.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctx.h"
#include "io.h"
#include "ui.h"

static int seen_ref(void *arg, const char *key)
{
	(void)arg;
	(void)key;
	return 1;
}

/* 1: there are refs; 0: none, or no store. A library error. */
static int store_used(const struct ctx *s)
{
	struct backend *b = NULL;
	int r = ctx_store(s, 0, &b);

	if (r == ERR_NOENT)
		return 0;
	if (!r)
		r = b->ops->list(b, "refs", seen_ref, NULL);
	backend_close(b);
	return r;
}

static int mkdir_above(const char *path, unsigned mode)
{
	char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int r = dir ? 0 : ERR_NOMEM;

	if (slash && slash != dir) {
		*slash = 0;
		r = paths_mkdir(dir, mode);
	}
	free(dir);
	return r;
}

/* The root of an init that was interrupted, or a fresh one. Exit status. */
static int new_root(const struct ctx *s, const char *pending, struct root **out)
{
	int r = root_open(pending, NULL, out);
	bool fresh = r == ERR_NOENT;

	if (fresh) {
		r = store_used(s);
		if (r > 0) {
			ui_error("there is a store at %s already, and no root key at %s",
				 s->paths[PATH_STORE], s->paths[PATH_ROOT_KEY]);
			ui_hint("put its root key there, or choose another place: --store DIR");
			return STATUS_FAILED;
		}
		if (!r)
			r = root_generate(out);
		if (!r)
			r = root_add_file(*out, "file");
	}
	/* the code of the interrupted run may have been seen by somebody, or by nobody */
	for (size_t i = r ? 0 : root_slots(*out); i-- > 0 && !r;)
		if (root_slot(*out, i).type == SLOT_RECOVERY)
			r = root_remove(*out, i);
	return r ? errmsg_fail(&(struct errmsg){.doing = "make a root key", .path = pending}, r)
		 : 0;
}

/* Store, registry, the organization's scope. A library error. */
static int make_store(struct ctx *s)
{
	KEYRING_CLEANUP struct keyring *ring = NULL;
	struct apply_result result;
	const struct scope organization = {0};
	const char *state = s->paths[PATH_STATE];
	struct floor floor = {0};
	const char *store = s->paths[PATH_STORE];
	int r = paths_is_url(store) ? 0 : mkdir_above(store, 0755);

	if (!r)
		r = ctx_store(s, 1, &s->backend);
	if (!r)
		r = paths_mkdir(state, 0700);
	if (!r)
		r = registry_create(s->backend, s->keys, state);
	if (!r)
		r = keyring_from_root(s->keys, &organization, &ring);
	if (!r)
		r = floor_load(state, ring, &floor);
	if (r || floor.epoch)
		return r;
	r = apply_genesis(s->backend, ring, &result);
	if (r == ERR_EXIST)
		return 0;
	return r ? r : floor_store(state, ring, &result.floor);
}

static int make_policy(struct ctx *s)
{
	const char *path = s->paths[PATH_POLICY];
	const char *name;
	int r = mkdir_above(path, 0755);
	int status;

	if (!r)
		r = paths_mkdir(s->paths[PATH_BUNDLES], 0700);
	if (!r)
		r = paths_write(path, policy_starter, strlen(policy_starter), 0644, true);
	if (r && r != ERR_EXIST)
		return errmsg_fail(&(struct errmsg){.doing = "write the policy", .path = path}, r);
	status = ctx_load_policy(s);
	r = 0;
	for (size_t i = 0; !status && !r && (name = policy_project(s->policy, i)); i++)
		r = registry_declare(s->backend, s->keys, s->paths[PATH_STATE], name, NULL);
	for (size_t i = 0; !status && !r && (name = policy_domain(s->policy, i)); i++)
		r = registry_declare(s->backend, s->keys, s->paths[PATH_STATE], NULL, name);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "declare", .path = path}, r);
	return status;
}

/* By write(2): nothing of it stays in stdio's buffer. */
static int print_code(const struct ctx *s, const struct secret *code)
{
	static const char before[] = "Recovery code, printed this once:\n\n    ";
	static const char after[] =
		"\n\nWrite it down and keep it away from this machine. It opens the root key file when\n"
		"its other ways in are gone, a forgotten passphrase say. Keep a copy of that file too:\n"
		"without it, nothing in the store can be read again.\n"
		"For another code: secretctl create slot recovery\n";
	int r = 0;

	printf("root key  %s\nstore     %s\npolicy    %s\nbundles   %s\n\n",
	       s->paths[PATH_ROOT_KEY], s->paths[PATH_STORE], s->paths[PATH_POLICY],
	       s->paths[PATH_BUNDLES]);
	r = ui_write(STDOUT_FILENO, before, sizeof(before) - 1);
	if (!r)
		r = ui_write(STDOUT_FILENO, code->data, strlen((const char *)code->data));
	if (!r)
		r = ui_write(STDOUT_FILENO, after, sizeof(after) - 1);
	if (!r)
		return 0;
	ui_error("the recovery code cannot be printed");
	ui_hint("run init again: it goes on with the same key, and another code");
	return STATUS_FAILED;
}

static int rename_durably(const char *from, const char *to)
{
	char *dir = strdup(to);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int fd, r;

	if (!slash) {
		free(dir);
		return ERR_NOMEM;
	}
	slash[slash == dir] = 0;
	/* never over a key that somebody else made meanwhile */
	r = io_rename(AT_FDCWD, from, to, true);
	fd = r ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!r && (fd < 0 || fsync(fd)))
		r = ERR_IO;
	if (fd >= 0)
		close(fd);
	free(dir);
	return r;
}

static int make_all(struct ctx *s, const char *pending)
{
	SECRET_CLEANUP struct secret *code = NULL;
	const char *path = s->paths[PATH_ROOT_KEY];
	struct errmsg w = {.doing = "make a root key", .path = path};
	struct root *root = NULL;
	int r, status = new_root(s, pending, &root);

	if (status)
		goto out;
	r = root_add_recovery(root, "recovery", &code);
	if (!r)
		r = mkdir_above(path, 0755);
	if (!r)
		r = root_save(root, pending, false);
	if (!r)
		r = root_keys(root, &s->keys);
	if (!r) {
		w = (struct errmsg){.doing = "make the store", .path = s->paths[PATH_STORE]};
		r = make_store(s);
	}
	status = r ? errmsg_fail(&w, r) : make_policy(s);
	if (!status)
		status = print_code(s, code);
	if (!status) {
		w = (struct errmsg){.doing = "put the root key in its place", .path = path};
		r = rename_durably(pending, path);
		status = r ? errmsg_fail(&w, r) : 0;
	}
out:
	root_close(root);
	return status;
}

/* With the paths that were given: whoever copies a line gets the same store. */
static void say_next(const struct call *c)
{
	static const struct {
		enum flag flag;
		const char *name;
	} paths[] = {
		{FLAG_ROOT_KEY, "root-key"}, {FLAG_POLICY, "policy"}, {FLAG_BUNDLES, "bundles"},
		{FLAG_STORE, "store"},	     {FLAG_STATE, "state"},   {FLAG_MOUNT, "mount"},
		{FLAG_RUN, "run"},
	};
	char given[2048] = "";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && n < sizeof(given); i++)
		if (call_has(c, paths[i].flag))
			n += (size_t)snprintf(given + n, sizeof(given) - n, " --%s %s",
					      paths[i].name, call_flag(c, paths[i].flag));
	printf("\nNext: secretctl create secret MY_KEY%s\n      secretctl mount%s\n", given, given);
	if (isatty(STDOUT_FILENO) != 1)
		ui_warn("the recovery code went to where this output went; for another one: "
			"secretctl create slot recovery%s",
			given);
}

int init_run(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	char *pending = NULL;
	int status = ctx_open(c, &s);

	if (status)
		return status;
	if (access(s.paths[PATH_ROOT_KEY], F_OK) == 0) {
		ui_error("there is a root key already: %s", s.paths[PATH_ROOT_KEY]);
		ui_hint("nothing was done; for a second store choose other paths: secretctl init --help");
		return STATUS_FAILED;
	}
	if (asprintf(&pending, "%s.new", s.paths[PATH_ROOT_KEY]) < 0)
		return errmsg_fail(&(struct errmsg){.doing = "init"}, ERR_NOMEM);
	status = make_all(&s, pending);
	free(pending);
	if (!status)
		say_next(c);
	return status;
}
