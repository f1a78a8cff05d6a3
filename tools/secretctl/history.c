/* SPDX-License-Identifier: ISC */
/*
 * history and rollback: the versions that are kept of a secret, and going back to one.
 */
#include <stdio.h>
#include <string.h>

#include "name.h"
#include "scopes.h"
#include "ctx.h"
#include "show.h"
#include "table.h"
#include "ui.h"
#include "value.h"
#include "timefmt.h"

#define NS 1000000000u

static int open_secret(struct call *c, struct ctx *s, struct scope_ctx *p, struct snapshot **snap,
		       struct record *rec)
{
	struct scope scope;
	int status = 0;

	if (name_check(c->argv[0])) {
		errmsg_fail(&(struct errmsg){.doing = c->command->verb}, ERR_NAME);
		return STATUS_USAGE;
	}
	status = ctx_any(c, s, &scope);
	if (!status)
		status = scopes_require(s, &scope, false);
	if (!status)
		status = scope_ctx_open(s, &scope, p);
	return status ? status : scopes_find(s, p, c->argv[0], snap, rec);
}

/* The number of the commit that set it.  A past that came along with a restore was set by one
 * commit: "7" is the newest of those, "7.1" the one before. */
#define LABEL 40
static const char *label(const struct record *rec, unsigned i, char out[LABEL])
{
	unsigned long long epoch = rec->versions[i].set_epoch;
	unsigned same = 0;

	while (i - same > 0 && rec->versions[i - same - 1].set_epoch == epoch)
		same++;
	if (same)
		snprintf(out, LABEL, "%llu.%u", epoch, same);
	else
		snprintf(out, LABEL, "%llu", epoch);
	return out;
}

static int print_json(const struct commit *c, const struct record *rec)
{
	json_t *array = json_array();
	char writer[SHOW_WRITER], text[LABEL];

	for (unsigned i = 0; i < rec->nversions; i++) {
		const struct version *v = &rec->versions[i];
		json_t *o = json_object();

		show_writer(c, v, writer);
		json_object_set_new(o, "version", json_integer((json_int_t)v->set_epoch));
		json_object_set_new(o, "label", json_string(label(rec, i, text)));
		json_object_set_new(o, "current", json_boolean(i == 0));
		json_object_set_new(o, "size", json_integer(v->len));
		json_object_set_new(o, "set", json_time(v->time / NS));
		json_object_set_new(o, "writer", json_string(writer));
		json_array_append_new(array, o);
	}
	return json_print(array);
}

int history_run(struct call *c)
{
	static const char *const head[] = {"VERSION", "SET", "SIZE", "WRITER", ""};
	CTX_CLEANUP struct ctx s = {0};
	SCOPE_CTX_CLEANUP struct scope_ctx p = {0};
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	TABLE_CLEANUP struct table t = {0};
	struct record rec;
	bool json;
	int r, status = show_format(c, &json);

	if (!status)
		status = open_secret(c, &s, &p, &snap, &rec);
	if (status)
		return status;
	if (json)
		return print_json(&snap->commit, &rec);
	table_init(&t, 5, head);
	for (unsigned i = 0; i < rec.nversions; i++) {
		const struct version *v = &rec.versions[i];
		char version[LABEL], set[TIMEFMT_SIZE], size[16], writer[SHOW_WRITER];

		snprintf(size, sizeof(size), "%u", v->len);
		show_writer(&snap->commit, v, writer);
		table_row(&t, (const char *[]){label(&rec, i, version),
					       timefmt_local(v->time / NS, set), size, writer,
					       i ? "" : "current"});
	}
	r = table_print(&t);
	return r ? errmsg_fail(&(struct errmsg){.doing = "history"}, r) : 0;
}

const struct version *history_find(const struct record *rec, const char *label_text)
{
	char text[LABEL];

	for (unsigned i = 0; i < rec->nversions; i++)
		if (strcmp(label(rec, i, text), label_text) == 0)
			return &rec->versions[i];
	return NULL;
}

/* The version to go back to: --to, else the one before the current. */
static int choose(const struct call *c, const struct scope *scope, const struct record *rec,
		  const struct version **out)
{
	const char *to = call_flag(c, FLAG_TO);
	char flags[ERRMSG_FLAGS];

	if (!to && rec->nversions < 2) {
		ui_error("of secret %s no older version is kept", rec->name);
		return STATUS_FAILED;
	}
	if (!to) {
		*out = &rec->versions[1];
		return 0;
	}
	if (!*to || strspn(to, "0123456789.") != strlen(to))
		return ui_usage(c, "--to takes a version as history shows it, not %.40s", to);
	*out = history_find(rec, to);
	if (*out == &rec->versions[0]) {
		ui_error("version %s is the current one", to);
		return STATUS_FAILED;
	}
	if (*out)
		return 0;
	ui_error("version %s of secret %s is not kept", to, rec->name);
	ui_hint("see: secretctl history secret %s%s", rec->name, errmsg_flags(scope, flags));
	return STATUS_FAILED;
}

int rollback_run(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	SCOPE_CTX_CLEANUP struct scope_ctx p = {0};
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	SECRET_CLEANUP struct secret *value = NULL;
	struct errmsg w = {.doing = "roll back", .name = c->argv[0], .scope = &p.scope};
	struct change ch = {.op = CHANGE_UPDATE, .name = c->argv[0]};
	const struct version *v = NULL;
	struct apply_result result;
	struct record rec;
	char text[SCOPE_STR];
	int r, status = open_secret(c, &s, &p, &snap, &rec);

	if (!status)
		status = choose(c, &p.scope, &rec, &v);
	if (status || !v)
		return status;
	r = value_get(s.backend, p.ring, v, rec.name, &value);
	if (!r) {
		ch.value = value;
		ch.was = &rec;
		r = ctx_apply(&s, &p, &ch, 1, &result);
	}
	if (r)
		return errmsg_fail(&w, r);
	printf("rolled back secret %s (%s) to version %llu, now version %llu\n", rec.name,
	       scope_str(&p.scope, text), (unsigned long long)v->set_epoch,
	       (unsigned long long)result.floor.epoch);
	return 0;
}
