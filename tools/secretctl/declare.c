/* SPDX-License-Identifier: ISC */
/*
 * create, get and delete project and domain.
 */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "name.h"
#include "scopes.h"
#include "ctx.h"
#include "show.h"
#include "ui.h"

static int check_part(const struct call *c, struct scope *out)
{
	if (scope_set(out, c->argv[0], NULL) == 0 && out->project[0])
		return 0;
	return ui_usage(c, "not a valid name of a %s: %.80s", c->command->noun, c->argv[0]);
}

static int create(struct call *c, bool project)
{
	CTX_CLEANUP struct ctx s = {0};
	struct scope folded;
	const char *name = folded.project;
	int status = check_part(c, &folded);

	if (!status)
		status = ctx_root(c, &s);
	if (status)
		return status;
	if (project ? registry_has_project(s.registry, name)
		    : registry_has_domain(s.registry, name)) {
		status = scopes_declare(&s, project ? name : NULL, project ? NULL : name);
		if (!status)
			printf("%s %s is declared already\n", c->command->noun, name);
		return status;
	}
	status = scopes_declare(&s, project ? name : NULL, project ? NULL : name);
	if (!status)
		printf("declared %s %s\n", c->command->noun, name);
	return status;
}

static int list(struct call *c, bool project)
{
	CTX_CLEANUP struct ctx s = {0};
	const char(*names)[SCOPE_PART_MAX + 1];
	json_t *array;
	size_t n;
	bool json;
	int status = show_format(c, &json);

	if (!status)
		status = ctx_root(c, &s);
	if (status)
		return status;
	n = project ? s.registry->nprojects : s.registry->ndomains;
	names = project ? (const void *)s.registry->projects : (const void *)s.registry->domains;
	if (!json) {
		for (size_t i = 0; i < n; i++)
			printf("%s\n", names[i]);
		return 0;
	}
	array = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "name", json_string(names[i]));
		json_array_append_new(array, o);
	}
	return json_print(array);
}

struct standing {
	struct ctx *s;
	const char *name;
	bool project;
	size_t found, writers;
};

static int count_record(void *arg, const struct record *rec)
{
	struct standing *st = arg;

	(void)rec;
	st->found++;
	return 0;
}

/* Writers of a scope that is listed nowhere could go on writing, unseen. */
static void count_writers(struct standing *st, const struct scope *scope, const struct grant *g)
{
	char text[SCOPE_STR], flags[ERRMSG_FLAGS];

	for (size_t i = 0; i < g->nwriters; i++) {
		const struct grant_writer *w = &g->writers[i];

		if (memcmp(w->pk, st->s->keys->pk, sizeof(w->pk)) == 0)
			continue; /* the root itself */
		if (st->writers++ == 0)
			ui_error("%s %s has writers; nothing was done",
				 st->project ? "project" : "domain", st->name);
		ui_hint("%s of (%s): secretctl delete writer %s%s", w->name, scope_str(scope, text),
			w->name, errmsg_flags(scope, flags));
	}
}

/* Says how many secrets stand in the scope, and who may write there, if it is one of the name's. */
static int count_scope(void *arg, const struct scope *scope)
{
	struct standing *st = arg;
	SCOPE_CTX_CLEANUP struct scope_ctx p = {0};
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	size_t before = st->found;
	char text[SCOPE_STR], flags[ERRMSG_FLAGS];
	int r;

	if (strcmp(st->project ? scope->project : scope->domain, st->name) != 0)
		return 0;
	if (scope_ctx_open(st->s, scope, &p))
		return ERR_INVAL;
	r = ctx_snapshot(st->s, &p, &snap);
	if (!r)
		r = snapshot_each(st->s->backend, p.ring, snap, count_record, st);
	if (r == ERR_NOENT)
		return 0;
	if (r) {
		errmsg_fail(&(struct errmsg){.doing = "look into", .scope = scope}, r);
		return r;
	}
	count_writers(st, scope, &snap->commit.grant);
	if (st->found > before) {
		if (before == 0)
			ui_error("%s %s holds secrets; nothing was done",
				 st->project ? "project" : "domain", st->name);
		ui_hint("%zu in (%s): secretctl get secret%s", st->found - before,
			scope_str(scope, text), errmsg_flags(scope, flags));
	}
	return 0;
}

static int strike_from_policy(struct ctx *s, const char *noun, const char *name)
{
	const char *path = s->paths[PATH_POLICY];
	struct policy_edit *edit = NULL;
	struct policy_error e = {0};
	char section[SCOPE_PART_MAX + 16], text[ERRMSG_POLICY];
	int r = policy_edit_open(path, &edit, &e);

	snprintf(section, sizeof(section), "%s %s", noun, name);
	if (!r)
		r = policy_edit_remove(edit, section);
	if (!r)
		r = policy_edit_save(edit, &e);
	policy_edit_close(edit);
	if (r == ERR_NOENT || !r)
		return 0;
	ui_error("%s", errmsg_policy(path, &e, r, text));
	if (r == ERR_FORMAT)
		ui_hint("is something else in the policy still about %s %s?", noun, name);
	ui_hint("nothing was done");
	return STATUS_FAILED;
}

static int strike(struct call *c, bool project)
{
	CTX_CLEANUP struct ctx s = {0};
	struct scope folded;
	const char *noun = c->command->noun, *name = folded.project;
	struct standing st = {.s = &s, .name = name, .project = project};
	int r, status = check_part(c, &folded);

	if (!status)
		status = ctx_root(c, &s);
	if (status)
		return status;
	if (!(project ? registry_has_project(s.registry, name)
		      : registry_has_domain(s.registry, name))) {
		ui_error("there is no %s %s", noun, name);
		ui_hint("see: secretctl get %s", noun);
		return STATUS_FAILED;
	}
	if (scopes_each(&s, count_scope, &st) || st.found || st.writers)
		return STATUS_FAILED;
	/* the policy first: what stands there would be mirrored again */
	status = strike_from_policy(&s, noun, name);
	if (status)
		return status;
	r = registry_remove(s.backend, s.keys, s.paths[PATH_STATE], project ? name : NULL,
			    project ? NULL : name);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "strike out", .name = name}, r);
	printf("struck out %s %s\n", noun, name);
	return 0;
}

int declare_create_project(struct call *c)
{
	return create(c, true);
}

int declare_create_domain(struct call *c)
{
	return create(c, false);
}

int declare_get_project(struct call *c)
{
	return list(c, true);
}

int declare_get_domain(struct call *c)
{
	return list(c, false);
}

int declare_delete_project(struct call *c)
{
	return strike(c, true);
}

int declare_delete_domain(struct call *c)
{
	return strike(c, false);
}
