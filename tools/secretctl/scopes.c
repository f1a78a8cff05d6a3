/* SPDX-License-Identifier: ISC */
#include "scopes.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui.h"

int scopes_each(struct ctx *s, int (*fn)(void *arg, const struct scope *scope), void *arg)
{
	const struct registry *reg = s->registry;
	size_t np = reg ? reg->nprojects : 0, nd = reg ? reg->ndomains : 0;

	for (size_t p = 0; p <= np; p++) {
		for (size_t d = 0; d <= nd; d++) {
			struct scope scope;
			int r = scope_set(&scope, p ? reg->projects[p - 1] : NULL,
					  d ? reg->domains[d - 1] : NULL);

			if (!r)
				r = fn(arg, &scope);
			if (r)
				return r;
		}
	}
	return 0;
}

size_t scopes_count(const struct ctx *s)
{
	return s->registry ? (s->registry->nprojects + 1) * (s->registry->ndomains + 1) : 1;
}

static int edit_failed(const struct ctx *s, const struct policy_error *e, int r)
{
	const char *path = s->paths[PATH_POLICY];
	char text[ERRMSG_POLICY];

	ui_error("%s", errmsg_policy(path, e, r, text));
	if (e->line)
		ui_hint("fix that line first: it was left as it is");
	return STATUS_FAILED;
}

static int declare_in_policy(struct ctx *s, const char *noun, const char *name)
{
	const char *path = s->paths[PATH_POLICY];
	struct policy_edit *edit = NULL;
	struct policy_error e = {0};
	char section[SCOPE_PART_MAX + 16];
	int r = policy_edit_open(path, &edit, &e);

	if (r == ERR_NOENT) {
		r = paths_write(path, policy_starter, strlen(policy_starter), 0644, true);
		if (!r)
			r = policy_edit_open(path, &edit, &e);
	}
	snprintf(section, sizeof(section), "%s %s", noun, name);
	if (!r)
		r = policy_edit_set(edit, section, NULL, NULL);
	if (!r)
		r = policy_edit_save(edit, &e);
	policy_edit_close(edit);
	return r ? edit_failed(s, &e, r) : ctx_load_policy(s);
}

int scopes_declare(struct ctx *s, const char *project, const char *domain)
{
	const char *state = s->paths[PATH_STATE];
	int status = 0;
	int r;

	/* the policy first: if the registry then fails, the next command mirrors it */
	if (project && !(s->policy && policy_has_project(s->policy, project)))
		status = declare_in_policy(s, "project", project);
	if (!status && domain && !(s->policy && policy_has_domain(s->policy, domain)))
		status = declare_in_policy(s, "domain", domain);
	if (status)
		return status;
	r = registry_declare(s->backend, s->keys, state, project, domain);
	if (!r) {
		registry_free(s->registry);
		s->registry = NULL;
		r = registry_load(s->backend, s->keys, state, &s->registry);
	}
	if (r)
		return errmsg_fail(
			&(struct errmsg){.doing = "declare", .name = project ? project : domain},
			r);
	return 0;
}

static void list_declared(const struct ctx *s, const char *noun)
{
	bool projects = strcmp(noun, "project") == 0;
	size_t n = projects ? s->registry->nprojects : s->registry->ndomains;
	const char(*names)[SCOPE_PART_MAX + 1] =
		projects ? (const void *)s->registry->projects : (const void *)s->registry->domains;
	char text[600] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && len < 500; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? ", " : "",
					names[i]);
	ui_hint("declared %ss: %s%s", noun, n ? text : "none", len >= 500 ? ", …" : "");
}

static void say_nearest_declared(const struct ctx *s, const char *noun, const char *name)
{
	bool projects = strcmp(noun, "project") == 0;
	size_t n = projects ? s->registry->nprojects : s->registry->ndomains;
	const char(*names)[SCOPE_PART_MAX + 1] =
		projects ? (const void *)s->registry->projects : (const void *)s->registry->domains;
	const char *nearest = NULL;
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < n; i++)
		if (help_nearer(name, names[i], &best))
			nearest = names[i];
	if (nearest)
		ui_hint("did you mean %s?", nearest);
}

static int require_part(struct ctx *s, const char *noun, const char *name, bool may_declare)
{
	bool project = strcmp(noun, "project") == 0;

	if (!*name || (project ? registry_has_project(s->registry, name)
			       : registry_has_domain(s->registry, name)))
		return 0;
	if (may_declare && ui_asks()) {
		if (ui_yes("There is no %s %s. Declare it?", noun, name))
			return scopes_declare(s, project ? name : NULL, project ? NULL : name);
		ui_error("%s %s is not declared; nothing was done", noun, name);
		return STATUS_FAILED;
	}
	ui_error("there is no %s %s", noun, name);
	say_nearest_declared(s, noun, name);
	list_declared(s, noun);
	if (may_declare)
		ui_hint("if it is not a slip: secretctl create %s %s", noun, name);
	return STATUS_FAILED;
}

int scopes_require(struct ctx *s, const struct scope *scope, bool may_declare)
{
	int status;

	if (!s->registry)
		return 0; /* a writer's scope was declared when its bundle was minted */
	status = require_part(s, "project", scope->project, may_declare);
	return status ? status : require_part(s, "domain", scope->domain, may_declare);
}

struct where {
	struct ctx *s;
	const struct scope *not_here;
	const char *name;
	size_t found;
};

static int say_if_there(void *arg, const struct scope *scope)
{
	struct where *w = arg;
	KEYRING_CLEANUP struct keyring *ring = NULL;
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct record *rec;
	char flags[ERRMSG_FLAGS];

	if (scope_eq(scope, w->not_here) || keyring_from_root(w->s->keys, scope, &ring) ||
	    snapshot_open(w->s->backend, ring, NULL, &snap))
		return 0;
	rec = malloc(sizeof(*rec));
	if (rec && snapshot_find(w->s->backend, ring, snap, w->name, rec) == 0) {
		char text[SCOPE_STR];

		ui_hint("it stands in (%s): %s", scope_str(scope, text),
			*errmsg_flags(scope, flags) ? flags + 1 : "leave out -p and -d");
		w->found++;
	}
	free(rec);
	return 0;
}

struct nearest {
	const char *word;
	size_t best;
	char name[NAME_SIZE];
};

static int take_nearer(void *arg, const struct record *rec)
{
	struct nearest *n = arg;

	if (help_nearer(n->word, rec->name, &n->best))
		memcpy(n->name, rec->name, sizeof(n->name));
	return 0;
}

void scopes_say_nearest(struct ctx *s, struct scope_ctx *p, const char *name)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct nearest n = {.word = name, .best = SIZE_MAX};
	int r = ctx_snapshot(s, p, &snap);

	if (!r)
		r = snapshot_each(s->backend, p->ring, snap, take_nearer, &n);
	if (!r && n.name[0])
		ui_hint("did you mean %s?", n.name);
}

void scopes_say_where(struct ctx *s, const struct scope *not_here, const char *name)
{
	struct where w = {.s = s, .not_here = not_here, .name = name};

	if (!s->keys)
		return;
	scopes_each(s, say_if_there, &w);
	if (!w.found)
		ui_hint("no other scope has it either");
}

int scopes_find(struct ctx *s, struct scope_ctx *p, const char *name, struct snapshot **snap,
		struct record *rec)
{
	const struct command *cmd = s->call->command;
	SNAPSHOT_CLEANUP struct snapshot *found = NULL;
	char doing[64], text[SCOPE_STR];
	int r = ctx_snapshot(s, p, &found);

	if (!r)
		r = snapshot_find(s->backend, p->ring, found, name, rec);
	if (r == ERR_NOENT) {
		ui_error("there is no secret %s in (%s)", name, scope_str(&p->scope, text));
		scopes_say_nearest(s, p, name);
		scopes_say_where(s, &p->scope, name);
		return STATUS_FAILED;
	}
	if (r) {
		snprintf(doing, sizeof(doing), "%s%s%s", cmd->verb, cmd->noun ? " " : "",
			 cmd->noun ? cmd->noun : "");
		return errmsg_fail(
			&(struct errmsg){.doing = doing, .name = name, .scope = &p->scope}, r);
	}
	*snap = found;
	found = NULL;
	return 0;
}
