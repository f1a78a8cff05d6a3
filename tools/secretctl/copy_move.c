/* SPDX-License-Identifier: ISC */
/*
 * copy and move: a secret to another scope, another name, or both.
 *
 * Within a scope a move is one commit.  Between two it is two, the new place first: whatever
 * interrupts it, the secret is in one of them at least.
 */
#include <stdio.h>
#include <string.h>

#include "ctx.h"
#include "name.h"
#include "scopes.h"
#include "ui.h"
#include "value.h"

struct copy_move {
	struct ctx s;
	struct scope_ctx from, to;
	const char *name, *new_name;
	bool move, same_scope;
};

/* What no flag names stays as it is; "" is any. */
static int find_target(const struct call *c, const struct scope *from, struct scope *to)
{
	const char *project = call_flag(c, FLAG_TO_PROJECT);
	const char *domain = call_flag(c, FLAG_TO_DOMAIN);
	bool organization = call_has(c, FLAG_TO_ORGANIZATION);

	if (organization && (project || domain))
		return ui_usage(c, "--to-organization stands alone");
	if (!project)
		project = organization ? "" : from->project;
	if (!domain)
		domain = organization ? "" : from->domain;
	if (scope_set(to, project, domain))
		return ui_usage(c, "not a valid name of a %s",
				scope_set(to, project, NULL) ? "project" : "domain");
	return 0;
}

/* Who reads there could read it before. */
static bool is_within(const struct scope *to, const struct scope *from)
{
	return (!from->project[0] || strcmp(from->project, to->project) == 0) &&
	       (!from->domain[0] || strcmp(from->domain, to->domain) == 0);
}

static int agree(const struct call *c, const struct copy_move *t)
{
	const struct scope *to = &t->to.scope;
	char who[SCOPE_STR + 32];

	if (is_within(to, &t->from.scope))
		return 0;
	if (scope_level(to) == SCOPE_ORGANIZATION)
		snprintf(who, sizeof(who), "every project and domain");
	else if (!to->domain[0])
		snprintf(who, sizeof(who), "every domain of project %s", to->project);
	else if (!to->project[0])
		snprintf(who, sizeof(who), "every project of domain %s", to->domain);
	else
		snprintf(who, sizeof(who), "project %s in domain %s", to->project, to->domain);
	return ui_agree(c, "%s will be able to read %s", who, t->new_name);
}

static int open_both(struct call *c, struct copy_move *t)
{
	struct scope from, to;
	int status = 0;

	t->name = c->argv[0];
	t->new_name = c->argc > 1 ? c->argv[1] : t->name;
	if (name_check(t->name) || name_check(t->new_name)) {
		errmsg_fail(&(struct errmsg){.doing = c->command->verb}, ERR_NAME);
		return STATUS_USAGE;
	}
	status = ctx_scope(c, &from);
	if (!status)
		status = find_target(c, &from, &to);
	t->same_scope = !status && scope_eq(&from, &to);
	if (!status && t->same_scope && name_cmp(t->name, t->new_name) == 0)
		status = ui_usage(
			c,
			"where to? give a NEW name, --to-project, --to-domain or --to-organization");
	if (!status)
		status = ctx_root(c, &t->s);
	if (!status)
		status = scopes_require(&t->s, &from, false);
	if (!status)
		status = scopes_require(&t->s, &to, true);
	if (!status)
		status = scope_ctx_open(&t->s, &from, &t->from);
	if (!status)
		status = scope_ctx_open(&t->s, &to, &t->to);
	return status;
}

/* rec: the secret as it was read.  Updated since, it is not moved: its new value would be gone. */
static int run_changes(struct copy_move *t, const struct change *put, const struct record *rec)
{
	const struct change away = {.op = CHANGE_DELETE, .name = t->name, .was = rec};
	const struct change both[] = {*put, away};
	struct errmsg w = {.doing = t->move ? "move secret to" : "copy secret to",
			   .name = t->new_name,
			   .scope = &t->to.scope};
	struct apply_result result;
	int r = ctx_apply(&t->s, &t->to, both, t->move && t->same_scope ? 2 : 1, &result);

	if (r == ERR_CHANGED)
		w = (struct errmsg){.doing = "move secret", .name = t->name, .scope = w.scope};
	if (r || !t->move || t->same_scope)
		return r ? errmsg_fail(&w, r) : 0;
	r = ctx_apply(&t->s, &t->from, &away, 1, &result);
	if (!r)
		return 0;
	w = (struct errmsg){.doing = "delete secret", .name = t->name, .scope = &t->from.scope};
	errmsg_fail(&w, r);
	ui_hint(r == ERR_CHANGED
			? "the new place has what it was before: give --replace to move it again"
			: "it is in its new place, and still in the old one");
	return STATUS_FAILED;
}

static int run(struct call *c, struct copy_move *t)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	SECRET_CLEANUP struct secret *value = NULL;
	struct change ch = {.op = call_has(c, FLAG_REPLACE) ? CHANGE_REPLACE : CHANGE_CREATE,
			    .set = CHANGE_SET_TYPE | CHANGE_SET_ENV | CHANGE_SET_EXPIRES};
	struct record rec;
	char from[SCOPE_STR], to[SCOPE_STR];
	int r, status = open_both(c, t);

	if (!status)
		status = scopes_find(&t->s, &t->from, t->name, &snap, &rec);
	if (status)
		return status;
	if (rec.type == RECORD_IMAGE_PULL && scope_level(&t->to.scope) != SCOPE_ORGANIZATION) {
		ui_error("%s is an image_pull secret: those are the organization's only", rec.name);
		return STATUS_FAILED;
	}
	status = agree(c, t);
	if (status)
		return status;
	r = value_get(t->s.backend, t->from.ring, &rec.versions[0], rec.name, &value);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "read secret",
						    .name = t->name,
						    .scope = &t->from.scope},
				   r);
	ch.name = c->argc > 1 ? t->new_name : rec.name;
	ch.value = value;
	ch.type = rec.type;
	ch.env = rec.env;
	ch.expires = rec.expires;
	status = run_changes(t, &ch, &rec);
	if (!status)
		printf("%s secret %s (%s) to %s (%s)\n", t->move ? "moved" : "copied", rec.name,
		       scope_str(&t->from.scope, from), ch.name, scope_str(&t->to.scope, to));
	return status;
}

static int transfer(struct call *c, bool move)
{
	struct copy_move t = {.move = move};
	int status = run(c, &t);

	scope_ctx_close(&t.from);
	scope_ctx_close(&t.to);
	ctx_close(&t.s);
	return status;
}

int copy_cmd(struct call *c)
{
	return transfer(c, false);
}

int move_cmd(struct call *c)
{
	return transfer(c, true);
}
