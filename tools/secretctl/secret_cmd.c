/* SPDX-License-Identifier: ISC */
/*
 * create, update and delete secret.
 */
#include <stdio.h>
#include <string.h>

#include "delete_several.h"
#include "deleted.h"
#include "pick.h"
#include "docker.h"
#include "json.h"
#include "name.h"
#include "scopes.h"
#include "ctx.h"
#include "source.h"
#include "ui.h"
#include "wait.h"
#include "timefmt.h"

/* What the flags say of a record, checked before anything is opened. */
static int find_attributes(const struct call *c, struct change *out)
{
	const char *type = call_flag(c, FLAG_TYPE);
	const char *env = call_flag(c, FLAG_ENV);
	const char *expires = call_flag(c, FLAG_EXPIRES);
	int r;

	if (type) {
		unsigned t = 0;

		while (t < RECORD_TYPES && strcmp(type, record_type_str(t)) != 0)
			t++;
		if (t == RECORD_TYPES)
			return ui_usage(c, "--type is regular, json or image_pull, not %.40s",
					type);
		if (t == RECORD_IMAGE_PULL &&
		    (call_has(c, FLAG_PROJECT) || call_has(c, FLAG_DOMAIN)))
			return ui_usage(
				c,
				"image_pull secrets are the organization's: leave out -p and -d");
		out->type = (uint8_t)t;
		out->set |= CHANGE_SET_TYPE;
	}
	if (env) {
		if (*env && name_check_env(env))
			return ui_usage(
				c,
				"not a name for the environment: %.80s (A-Z, 0-9 and _, no digit first)",
				env);
		out->env = env;
		out->set |= CHANGE_SET_ENV;
	}
	if (expires) {
		r = timefmt_parse(expires, timefmt_now(), &out->expires);
		if (r == ERR_STALE)
			return ui_usage(c, "--expires %.40s is in the past", expires);
		if (r)
			return ui_usage(
				c,
				"--expires takes 30d, 12h, 2030-01-31, 2030-01-31T12:00:00Z or never, not %.40s",
				expires);
		out->set |= CHANGE_SET_EXPIRES;
	}
	return 0;
}

static int check_name(const struct call *c, const char *name)
{
	if (name_check(name) == 0)
		return 0;
	errmsg_fail(&(struct errmsg){.doing = c->command->verb, .name = "secret"}, ERR_NAME);
	return STATUS_USAGE;
}

/* What its type asks of a value. */
static int check_value(uint8_t type, const char *name, const struct secret *value)
{
	const char *reason;
	int line, column;

	if (type == RECORD_REGULAR)
		return 0;
	if (json_check(value, &line, &column, &reason)) {
		ui_error("the value of %s is not JSON: line %d, column %d: %s", name, line, column,
			 reason);
		ui_hint("nothing was done; fix it, or give --type regular");
		return STATUS_FAILED;
	}
	if (type == RECORD_IMAGE_PULL && docker_check(value)) {
		ui_error("the value of %s is no login of a registry: it has no \"auths\"", name);
		ui_hint("see --registry and --from-docker-config: secretctl create secret --help");
		return STATUS_FAILED;
	}
	return 0;
}

/* The type the secret will have. A library error other than ERR_NOENT is returned. */
static int find_type(struct ctx *s, struct scope_ctx *p, const struct change *ch, uint8_t *type)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct record rec;
	int r;

	*type = ch->type;
	if ((ch->set & CHANGE_SET_TYPE) || ch->op == CHANGE_CREATE)
		return 0;
	r = ctx_snapshot(s, p, &snap);
	if (!r)
		r = snapshot_find(s->backend, p->ring, snap, ch->name, &rec);
	if (r)
		return r == ERR_NOENT ? 0 : r;
	*type = rec.type;
	return 0;
}

/* Asked before a person types a value for nothing. */
static int early_check(struct ctx *s, struct scope_ctx *p, const struct change *ch)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct record rec;
	int r = ctx_snapshot(s, p, &snap);

	if (!r)
		r = snapshot_find(s->backend, p->ring, snap, ch->name, &rec);
	if (r == 0 && ch->op == CHANGE_CREATE)
		return ERR_EXIST;
	if (r == ERR_NOENT && ch->op != CHANGE_UPDATE)
		return 0;
	return r;
}

static int fail(struct ctx *s, struct scope_ctx *p, const struct change *ch, int r)
{
	char doing[32];
	char text[SCOPE_STR];

	if (r == ERR_NOENT) {
		ui_error("there is no secret %s in (%s)", ch->name, scope_str(&p->scope, text));
		scopes_say_nearest(s, p, ch->name);
		scopes_say_where(s, &p->scope, ch->name);
		return STATUS_FAILED;
	}
	snprintf(doing, sizeof(doing), "%s secret", s->call->command->verb);
	return errmsg_fail(&(struct errmsg){.doing = doing, .name = ch->name, .scope = &p->scope},
			   r);
}

static void say_done(const struct scope_ctx *p, const char *done, const struct change *ch,
		     const struct apply_result *result)
{
	char text[SCOPE_STR], when[TIMEFMT_SIZE];

	printf("%s secret %s (%s)", done, ch->name, scope_str(&p->scope, text));
	if (ch->value)
		printf(", version %llu", (unsigned long long)result->floor.epoch);
	if ((ch->set & CHANGE_SET_EXPIRES) && ch->expires)
		printf(", expires %s", timefmt_local(ch->expires, when));
	printf("\n");
}

/* What --wait will wait for. Exit status. */
static int note(struct ctx *s, struct scope_ctx *p, const struct change *ch,
		const struct apply_result *result, struct wait *w)
{
	int r = 0;

	if (call_has(s->call, FLAG_WAIT))
		r = wait_for(s, p, ch->name, result->floor.epoch, w);
	return r ? fail(s, p, ch, r) : 0;
}

/* Value and type are settled, then one commit. */
static int put(struct ctx *s, struct scope_ctx *p, struct source *src, struct change *ch,
	       struct wait *w)
{
	SECRET_CLEANUP struct secret *value = NULL;
	struct apply_result result;
	char what[NAME_SIZE + SCOPE_STR], text[SCOPE_STR];
	bool keep = ch->op == CHANGE_UPDATE && src->kind == SOURCE_NONE && ch->set;
	bool replace = ch->op == CHANGE_REPLACE;
	uint8_t type = RECORD_REGULAR;
	int status, r = 0;

	if (!keep && src->kind == SOURCE_NONE && ui_asks())
		r = early_check(s, p, ch);
	if (r)
		return fail(s, p, ch, r);
	snprintf(what, sizeof(what), "%s (%s)", ch->name, scope_str(&p->scope, text));
	if (!keep) {
		status = source_read(src, what, &value);
		if (status)
			return status;
		r = find_type(s, p, ch, &type);
		if (r)
			return fail(s, p, ch, r);
		status = check_value(type, ch->name, value);
		if (status)
			return status;
		ch->value = value;
	}
	r = ctx_apply(s, p, ch, 1, &result);
	if (r)
		return fail(s, p, ch, r);
	say_done(p, replace ? "set" : ch->op == CHANGE_CREATE ? "created" : "updated", ch, &result);
	return note(s, p, ch, &result, w);
}

/* Of a deleted secret as well, whose versions were left. Exit status. */
static int purge(struct ctx *s, struct scope_ctx *p, const char *name, bool *found)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct errmsg w = {.doing = "delete the versions of", .name = name, .scope = &p->scope};
	size_t n = 0;
	int status = 0, r = ctx_snapshot(s, p, &snap);

	if (!r)
		r = deleted_purge(s, p, snap, name, &n);
	if (r && !(r == ERR_NOENT && !snap)) {
		status = errmsg_fail(&w, r);
		ui_hint("the secret is deleted; run it again to have its versions gone as well");
	}
	*found = n > 0;
	return status;
}

/* A program that names a secret and its scope is taken at its word, as Flyte's is, but for good. */
static int agree_delete(const struct call *c, const struct scope *scope, const char *name)
{
	char text[SCOPE_STR];

	if (call_has(c, FLAG_PURGE))
		return ui_agree(c, "secret %s (%s) will be gone for good, with all its versions",
				name, scope_str(scope, text));
	return ui_asks() ? ui_agree(c, "secret %s (%s) will be gone", name, scope_str(scope, text))
			 : 0;
}

static int delete (struct ctx *s, struct scope_ctx *p, const struct change *ch, struct wait *w)
{
	bool purges = call_has(s->call, FLAG_PURGE), found = false;
	struct apply_result result;
	char text[SCOPE_STR], flags[ERRMSG_FLAGS];
	int r, status = agree_delete(s->call, &p->scope, ch->name);

	if (status)
		return status;
	r = ctx_apply(s, p, ch, 1, &result);
	if (r && !(r == ERR_NOENT && purges))
		return fail(s, p, ch, r);
	if (purges)
		status = purge(s, p, ch->name, &found);
	if (status)
		return status;
	if (r && !found)
		return fail(s, p, ch, r);
	printf("deleted secret %s (%s)%s\n", ch->name, scope_str(&p->scope, text),
	       purges ? ", with all its versions" : "");
	if (!purges)
		ui_hint("for a day it can be brought back: secretctl rollback secret %s%s",
			ch->name, errmsg_flags(&p->scope, flags));
	return r ? 0 : note(s, p, ch, &result, w);
}

static int change(struct call *c, enum change_op op, struct wait *w)
{
	CTX_CLEANUP struct ctx s = {.call = c};
	SOURCE_CLEANUP struct source src = {0};
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	struct change ch = {.op = op, .name = c->argv[0]};
	bool adds = op == CHANGE_CREATE || op == CHANGE_REPLACE;
	struct scope scope;
	int status = 0;

	if (op != CHANGE_DELETE) {
		status = source_find(c, 1, &src);
		if (!status)
			status = find_attributes(c, &ch);
		if (!status)
			status = docker_find(c, &src);
	}
	if (!status)
		status = check_name(c, ch.name);
	if (!status)
		status = ctx_any(c, &s, &scope);
	if (!status)
		status = scopes_require(&s, &scope, adds);
	if (!status)
		status = scope_ctx_open(&s, &scope, &place);
	if (status)
		return status;
	if (op == CHANGE_DELETE)
		return delete (&s, &place, &ch, w);
	return put(&s, &place, &src, &ch, w);
}

static int change_and_wait(struct call *c, enum change_op op)
{
	struct wait w = {0};
	bool several = op == CHANGE_DELETE && (c->argc > 1 || pick_is_group(c->argv[0]));
	int status = several ? delete_several(c, &w) : change(c, op, &w);

	/* a purge of what was deleted before commits nothing that a mount could show */
	return !status && w.name[0] ? wait_shown(c, &w) : status;
}

int secret_cmd_create(struct call *c)
{
	return change_and_wait(c, call_has(c, FLAG_REPLACE) ? CHANGE_REPLACE : CHANGE_CREATE);
}

int secret_cmd_update(struct call *c)
{
	return change_and_wait(c, CHANGE_UPDATE);
}

int secret_cmd_delete(struct call *c)
{
	return change_and_wait(c, CHANGE_DELETE);
}
