/* SPDX-License-Identifier: ISC */
/*
 * get secret NAME: one secret of one scope.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "heap.h"
#include "json.h"
#include "list.h"
#include "name.h"
#include "scopes.h"
#include "ctx.h"
#include "show.h"
#include "ui.h"
#include "value.h"
#include "timefmt.h"

#define NS 1000000000u

int show_format(const struct call *c, bool *json)
{
	const char *format = call_flag(c, FLAG_OUTPUT);

	bool yaml = format && strcmp(format, "yaml") == 0;

	if (yaml)
		json_as_yaml();
	*json = yaml || (format && strcmp(format, "json") == 0);
	if (format && !*json && strcmp(format, "table") != 0)
		return ui_usage(c, "--output is table, json or yaml, not %.40s", format);
	return 0;
}

void show_writer(const struct commit *c, const struct version *v, char out[SHOW_WRITER])
{
	const struct grant_writer *w = grant_find_tag(&c->grant, v->writer);

	if (w && w->name[0])
		snprintf(out, SHOW_WRITER, "%s", w->name);
	else
		sodium_bin2hex(out, SHOW_WRITER, v->writer, sizeof(v->writer));
}

json_t *show_record(const struct scope *scope, const struct commit *c, const struct record *rec)
{
	const struct version *v = &rec->versions[0];
	json_t *o = json_object();
	char writer[SHOW_WRITER], env[ENV_NAME_SIZE];
	const char *e = rec->env;

	if (!*e)
		e = name_env(rec->name, env) ? NULL : env;
	show_writer(c, v, writer);
	json_object_set_new(o, "name", json_string(rec->name));
	json_put_scope(o, scope);
	json_object_set_new(o, "type", json_string(record_type_str(rec->type)));
	json_object_set_new(o, "env", e ? json_string(e) : json_null());
	json_object_set_new(o, "version", json_integer((json_int_t)v->set_epoch));
	json_object_set_new(o, "versions_kept", json_integer(rec->nversions));
	json_object_set_new(o, "size", json_integer(v->len));
	json_object_set_new(o, "created", json_time(rec->created / NS));
	json_object_set_new(o, "updated", json_time(v->time / NS));
	json_object_set_new(o, "expires", json_time(rec->expires));
	json_object_set_new(o, "writer", json_string(writer));
	return o;
}

static void print_record(const struct scope *scope, const struct commit *c,
			 const struct record *rec)
{
	const struct version *v = &rec->versions[0];
	char text[SCOPE_STR], when[TIMEFMT_SIZE], env[ENV_NAME_SIZE], writer[SHOW_WRITER];
	const char *e = rec->env;

	if (!*e)
		e = name_env(rec->name, env) ? "-" : env;
	show_writer(c, v, writer);
	printf("name:     %s\n", rec->name);
	printf("scope:    %s\n", scope_str(scope, text));
	printf("type:     %s\n", record_type_str(rec->type));
	printf("env:      %s\n", e);
	printf("size:     %u bytes\n", v->len);
	printf("version:  %llu (%u kept)\n", (unsigned long long)v->set_epoch, rec->nversions);
	printf("created:  %s\n", timefmt_local(rec->created / NS, when));
	printf("updated:  %s by %s\n", timefmt_local(v->time / NS, when), writer);
	printf("expires:  %s%s\n", rec->expires ? timefmt_local(rec->expires, when) : "never",
	       rec->expires && rec->expires <= timefmt_now() ? " (expired)" : "");
}

static int reveal(const struct secret *value)
{
	int r = ui_write(STDOUT_FILENO, value->data, value->len);

	if (!r && isatty(STDOUT_FILENO) == 1)
		r = ui_write(STDOUT_FILENO, "\n", 1);
	if (!r)
		return 0;
	ui_error("standard output cannot be written");
	return STATUS_FAILED;
}

/* The record as if that version were its current one. */
static int take_version(const struct call *c, const struct scope *scope, struct record *rec,
			const char *at)
{
	char flags[ERRMSG_FLAGS];
	const struct version *v = history_find(rec, at);

	if (!*at || strspn(at, "0123456789.") != strlen(at))
		return ui_usage(c, "--at takes a version as history shows it");
	if (v) {
		rec->versions[0] = *v;
		return 0;
	}
	ui_error("version %s of secret %s is not kept", at, rec->name);
	ui_hint("see: secretctl history secret %s%s", rec->name, errmsg_flags(scope, flags));
	return STATUS_FAILED;
}

static int show_one(struct ctx *s, struct scope_ctx *p, const char *name, bool json, bool revealed)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	SECRET_CLEANUP struct secret *value = NULL;
	struct errmsg w = {.doing = "reveal secret", .name = name, .scope = &p->scope};
	const char *at = call_flag(s->call, FLAG_AT);
	struct record rec;
	json_t *o;
	int r, status = scopes_find(s, p, name, &snap, &rec);

	if (!status && at)
		status = take_version(s->call, &p->scope, &rec, at);
	if (status)
		return status;
	if (revealed && json)
		heap_lock();
	r = revealed ? value_get(s->backend, p->ring, &rec.versions[0], rec.name, &value) : 0;
	if (r)
		return errmsg_fail(&w, r);
	if (!json && revealed)
		return reveal(value);
	if (!json) {
		print_record(&p->scope, &snap->commit, &rec);
		return 0;
	}
	o = show_record(&p->scope, &snap->commit, &rec);
	if (revealed && json_put_value(o, value)) {
		json_decref(o);
		return errmsg_fail(&w, ERR_NOMEM);
	}
	return json_print(o);
}

int show_secret(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	const char *name = c->argc ? c->argv[0] : NULL;
	bool list = !name || (*name && name[strlen(name) - 1] == '/');
	bool json, revealed = call_has(c, FLAG_REVEAL);
	struct scope scope;
	int status = show_format(c, &json);

	if (!status && list && call_has(c, FLAG_AT))
		status = ui_usage(c, "--at is for one NAME");
	if (list)
		return status ? status : list_run(c, json);
	if (!status && (call_has(c, FLAG_ALL) || call_has(c, FLAG_EXPIRING)))
		status = ui_usage(c, "--all and --expiring are for a list, not for one NAME");
	if (!status && name_check(name)) {
		errmsg_fail(&(struct errmsg){.doing = "get secret"}, ERR_NAME);
		status = STATUS_USAGE;
	}
	if (!status)
		status = ctx_any(c, &s, &scope);
	if (!status)
		status = scopes_require(&s, &scope, false);
	if (!status)
		status = scope_ctx_open(&s, &scope, &place);
	return status ? status : show_one(&s, &place, name, json, revealed);
}
