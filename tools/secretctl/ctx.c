/* SPDX-License-Identifier: ISC */
#include "ctx.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "location.h"
#include "ui.h"

static const enum flag path_flags[PATHS] = {
	[PATH_ROOT_KEY] = FLAG_ROOT_KEY, [PATH_POLICY] = FLAG_POLICY, [PATH_BUNDLES] = FLAG_BUNDLES,
	[PATH_STORE] = FLAG_STORE,	 [PATH_STATE] = FLAG_STATE,   [PATH_MOUNT] = FLAG_MOUNT,
	[PATH_RUN] = FLAG_RUN,
};

int ctx_open(const struct call *c, struct ctx *s)
{
	memset(s, 0, sizeof(*s));
	s->call = c;
	for (int i = 0; i < PATHS; i++) {
		int r = paths_get((enum path)i, call_flag(c, path_flags[i]), &s->paths[i]);

		if (r == ERR_INVAL) {
			ui_error("no home directory is known: set HOME, or %s",
				 paths_env((enum path)i));
			return STATUS_FAILED;
		}
		if (r)
			return errmsg_fail(&(struct errmsg){.doing = "find the paths"}, r);
	}
	return 0;
}

int ctx_open_root(const struct ctx *s, struct root **out)
{
	const char *path = s->paths[PATH_ROOT_KEY];
	SECRET_CLEANUP struct secret *phrase = NULL;
	struct errmsg w = {.doing = "open the root key", .path = path};
	int r = root_open(path, NULL, out);

	if (r == ERR_PASSPHRASE && ui_asks()) {
		r = ui_prompt("Passphrase or recovery code of the root key: ", &phrase);
		if (r)
			return errmsg_fail(&w, ERR_PASSPHRASE);
		r = root_open(path, phrase, out);
		if (r == ERR_PASSPHRASE) {
			ui_error("%s: not the right passphrase or recovery code", path);
			ui_hint("run it again; either of them opens it");
			return STATUS_FAILED;
		}
	}
	if (r == ERR_NOENT) {
		ui_error("there is no root key at %s", path);
		if (access(s->paths[PATH_STORE], F_OK) == 0)
			ui_hint("there is a store at %s: put the copy of its key file back there; no other key opens it",
				s->paths[PATH_STORE]);
		else
			ui_hint("make one: secretctl init");
		ui_hint("or say where it is: --root-key, %s", paths_env(PATH_ROOT_KEY));
		if (geteuid() != 0)
			ui_hint("for the host's own store, run it as root: sudo secretctl ...");
		return STATUS_FAILED;
	}
	if (r == ERR_AUTH || r == ERR_FORMAT) {
		ui_error("%s: it was altered, or is damaged", path);
		ui_hint("put its copy back there; no other key opens the store");
		return STATUS_FAILED;
	}
	return r ? errmsg_fail(&w, r) : 0;
}

int ctx_load_policy(struct ctx *s)
{
	const char *path = s->paths[PATH_POLICY];
	struct policy_error e = {0};
	char text[ERRMSG_POLICY];
	int r;

	policy_free(s->policy);
	s->policy = NULL;
	r = policy_load(path, &s->policy, &e);
	if (r == ERR_NOENT)
		return 0;
	if (r)
		ui_error("%s", errmsg_policy(path, &e, r, text));
	return r ? STATUS_FAILED : 0;
}

/* What was declared by hand in the policy stands in the registry after. A library error. */
static int mirror(struct ctx *s)
{
	const char *state = s->paths[PATH_STATE];
	bool changed = false;
	const char *name;
	int r = registry_load(s->backend, s->keys, state, &s->registry);

	for (size_t i = 0; !r && s->policy && (name = policy_project(s->policy, i)); i++) {
		if (registry_has_project(s->registry, name))
			continue;
		r = registry_declare(s->backend, s->keys, state, name, NULL);
		changed = true;
	}
	for (size_t i = 0; !r && s->policy && (name = policy_domain(s->policy, i)); i++) {
		if (registry_has_domain(s->registry, name))
			continue;
		r = registry_declare(s->backend, s->keys, state, NULL, name);
		changed = true;
	}
	if (r || !changed)
		return r;
	registry_free(s->registry);
	s->registry = NULL;
	return registry_load(s->backend, s->keys, state, &s->registry);
}

int ctx_store(const struct ctx *s, int create, struct backend **out)
{
	const char *location = s->paths[PATH_STORE];
	char reason[LOCATION_REASON];
	int r = location_open(location, create, out, reason);

	if (r && r != ERR_NOENT && *reason)
		ui_error("%s: %s", location, reason);
	return r;
}

static int open_store(struct ctx *s)
{
	const char *path = s->paths[PATH_STORE];
	int r = ctx_store(s, 0, &s->backend);

	if (r == ERR_NOENT) {
		ui_error("there is no store at %s", path);
		ui_hint("make one: secretctl init; or say where it is: --store, %s",
			paths_env(PATH_STORE));
		return STATUS_FAILED;
	}
	return r ? errmsg_fail(&(struct errmsg){.doing = "open the store", .path = path}, r) : 0;
}

int ctx_keys(const struct call *c, struct ctx *s)
{
	struct root *root = NULL;
	int status = ctx_open(c, s);
	int r;

	if (!status)
		status = ctx_open_root(s, &root);
	if (status)
		return status;
	r = root_keys(root, &s->keys);
	root_close(root);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "open the root key"}, r);
	status = open_store(s);
	if (status)
		return status;
	/* a policy that does not parse must not keep the store shut: it is said, and not mirrored */
	if (ctx_load_policy(s))
		ui_hint("until that is mended, what it declares does not count");
	return 0;
}

int ctx_registry(struct ctx *s)
{
	int r = mirror(s);

	if (r == ERR_NOENT) {
		ui_error("the store at %s has no registry of this root key", s->paths[PATH_STORE]);
		ui_hint("do --store and --root-key belong together?");
		return STATUS_FAILED;
	}
	return r ? errmsg_fail(&(struct errmsg){.doing = "read the registry",
						.path = s->paths[PATH_STORE]},
			       r)
		 : 0;
}

int ctx_root(const struct call *c, struct ctx *s)
{
	int status = ctx_keys(c, s);

	return status ? status : ctx_registry(s);
}

int ctx_any(const struct call *c, struct ctx *s, struct scope *scope)
{
	const char *path = call_flag(c, FLAG_WRITER_BUNDLE);
	int status = ctx_scope(c, scope);
	int r;

	if (status)
		return status;
	if (!path)
		path = getenv("SECRETFS_WRITER_BUNDLE");
	if (!path || !*path)
		return ctx_root(c, s);
	status = ctx_open(c, s);
	if (status)
		return status;
	r = bundle_open(path, &s->writer);
	if (!r && s->writer->kind != BUNDLE_WRITER) {
		ui_error("%s is a mount's bundle, not a writer's", path);
		ui_hint("a writer is made by: secretctl create writer NAME -p P -d D");
		return STATUS_FAILED;
	}
	if (r)
		return errmsg_fail(
			&(struct errmsg){.doing = "open the writer's bundle", .path = path}, r);
	if (!call_has(c, FLAG_PROJECT) && !call_has(c, FLAG_DOMAIN))
		*scope = s->writer->scope;
	return open_store(s);
}

void ctx_close(struct ctx *s)
{
	registry_free(s->registry);
	policy_free(s->policy);
	bundle_free(s->writer);
	keys_close(s->keys);
	backend_close(s->backend);
	for (int i = 0; i < PATHS; i++)
		free(s->paths[i]);
	memset(s, 0, sizeof(*s));
}

int ctx_scope(const struct call *c, struct scope *out)
{
	const char *project = call_flag(c, FLAG_PROJECT);
	const char *domain = call_flag(c, FLAG_DOMAIN);

	if ((project && !*project) || (domain && !*domain))
		return ui_usage(c, "--%s is empty; leave it out to mean any",
				project && !*project ? "project" : "domain");
	if (scope_set(out, project, NULL))
		return ui_usage(c, "not a valid name of a project: %.80s", project);
	if (scope_set(out, project, domain))
		return ui_usage(c, "not a valid name of a domain: %.80s", domain);
	return 0;
}

int scope_ctx_open(struct ctx *s, const struct scope *scope, struct scope_ctx *out)
{
	struct errmsg w = {.doing = "open the scope", .scope = scope};
	struct scope_ctx p = {.scope = *scope};
	int r;

	if (s->writer) {
		char mine[SCOPE_STR], wanted[SCOPE_STR];

		if (!scope_eq(scope, &s->writer->scope)) {
			ui_error("writer %s writes to (%s), not to (%s)", s->writer->name,
				 scope_str(&s->writer->scope, mine), scope_str(scope, wanted));
			return STATUS_FAILED;
		}
		p.ring = s->writer->rings[0];
		p.floor = s->writer->floors[0];
		p.borrowed = true;
	} else {
		r = keyring_from_root(s->keys, scope, &p.ring);
		if (r)
			return errmsg_fail(&w, r);
	}
	r = floor_load(s->paths[PATH_STATE], p.ring, &p.floor);
	if (r) {
		scope_ctx_close(&p);
		w.path = s->paths[PATH_STATE];
		return errmsg_fail(&w, r);
	}
	*out = p;
	return 0;
}

void scope_ctx_close(struct scope_ctx *p)
{
	if (!p->borrowed)
		keyring_free(p->ring);
	p->ring = NULL;
}

int ctx_accept(struct ctx *s, struct scope_ctx *p, const struct floor *f)
{
	int r;

	if (p->floor.epoch == f->epoch && memcmp(p->floor.id, f->id, HASH_SIZE) == 0)
		return 0;
	r = paths_mkdir(s->paths[PATH_STATE], 0700);
	if (!r)
		r = floor_store(s->paths[PATH_STATE], p->ring, f);
	if (!r)
		p->floor = *f;
	return r;
}

int ctx_snapshot(struct ctx *s, struct scope_ctx *p, struct snapshot **out)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	uint8_t id[HASH_SIZE];
	int r = snapshot_open_judged(s->backend, p->ring, &p->floor, &snap);

	if (r)
		return r;
	/* It has passed the floor; after an accept its epoch may be lower all the same. */
	if (memcmp(snap->commit.id, p->floor.id, HASH_SIZE) != 0) {
		/* only what would survive a power cut may become the floor */
		r = ref_get(s->backend, p->ring, BACKEND_DURABLE, id, NULL);
		if (!r && memcmp(id, snap->commit.id, HASH_SIZE) == 0) {
			const struct floor f = floor_of(&snap->commit);

			r = ctx_accept(s, p, &f);
		}
		if (r)
			return r;
	}
	*out = snap;
	snap = NULL;
	return 0;
}

/* The scope is there; make it unless it was there before. */
static int ensure_scope(struct ctx *s, struct scope_ctx *p)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct apply_result result;
	int r = snapshot_open_judged(s->backend, p->ring, &p->floor, &snap);

	if (r != ERR_NOENT || !s->keys)
		return r;
	r = apply_genesis(s->backend, p->ring, &result);
	return r == ERR_EXIST ? 0 : r;
}

int ctx_apply(struct ctx *s, struct scope_ctx *p, const struct change *changes, size_t n,
	      struct apply_result *result)
{
	const struct apply_options options = {
		.floor = &p->floor,
		.progress = s->progress,
		.progress_arg = s->progress_arg,
		.open = s->open,
		.open_arg = s->open_arg,
	};
	int r = 0;

	result->failed = n;
	if (n && (changes[0].op == CHANGE_CREATE || changes[0].op == CHANGE_REPLACE))
		r = ensure_scope(s, p);
	if (!r)
		r = apply_changes(s->backend, p->ring, &options, changes, n, result);
	if (r)
		return r;
	/* What is committed is done: the next command that reads the scope records it. */
	r = ctx_accept(s, p, &result->floor);
	if (r)
		ui_warn("it is done, but could not be recorded in %s: %s", s->paths[PATH_STATE],
			err_str(r));
	return 0;
}
