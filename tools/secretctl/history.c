/* SPDX-License-Identifier: ISC */
/*
 * history and rollback: the versions that are kept of a secret, and going back to one.
 */
#include <stdio.h>
#include <string.h>

#include "batch.h"
#include "deleted.h"
#include "name.h"
#include "scopes.h"
#include "ctx.h"
#include "show.h"
#include "table.h"
#include "ui.h"
#include "value.h"
#include "timefmt.h"

#define NS 1000000000u

/* A secret, or one that is deleted and may be brought back. */
struct past {
	struct ctx s;
	struct scope_ctx p;
	struct snapshot *snap;
	struct record rec;
	bool deleted;
	struct commit by; /* which deleted it */
};

static void past_fini(struct past *x)
{
	commit_fini(&x->by);
	snapshot_close(x->snap);
	scope_ctx_close(&x->p);
	ctx_close(&x->s);
}
#define PAST_CLEANUP __attribute__((cleanup(past_fini)))

/* Exit status. */
static int find(struct past *x, const char *name)
{
	struct errmsg w = {
		.doing = "look for what was deleted", .name = name, .scope = &x->p.scope};
	int r = ctx_snapshot(&x->s, &x->p, &x->snap);

	if (!r)
		r = snapshot_find(x->s.backend, x->p.ring, x->snap, name, &x->rec);
	if (r == ERR_NOENT && x->snap) {
		r = deleted_find(&x->s, &x->p, x->snap, name, &x->rec, &x->by);
		x->deleted = !r;
		if (r && r != ERR_NOENT)
			return errmsg_fail(&w, r);
	}
	if (!r)
		return 0;
	snapshot_close(x->snap);
	x->snap = NULL;
	return scopes_find(&x->s, &x->p, name, &x->snap, &x->rec); /* it says what is wrong */
}

static int open_secret(struct call *c, struct past *x)
{
	struct scope scope;
	int status = 0;

	commit_init(&x->by);
	if (name_check(c->argv[0])) {
		errmsg_fail(&(struct errmsg){.doing = c->command->verb}, ERR_NAME);
		return STATUS_USAGE;
	}
	status = ctx_any(c, &x->s, &scope);
	if (!status)
		status = scopes_require(&x->s, &scope, false);
	if (!status)
		status = scope_ctx_open(&x->s, &scope, &x->p);
	return status ? status : find(x, c->argv[0]);
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

static int print_json(const struct past *x)
{
	const struct commit *c = &x->snap->commit;
	const struct record *rec = &x->rec;
	json_t *array = json_array();
	char writer[SHOW_WRITER], text[LABEL];

	for (unsigned i = 0; i < rec->nversions; i++) {
		const struct version *v = &rec->versions[i];
		json_t *o = json_object();

		show_writer(c, v, writer);
		json_object_set_new(o, "version", json_integer((json_int_t)v->set_epoch));
		json_object_set_new(o, "label", json_string(label(rec, i, text)));
		json_object_set_new(o, "current", json_boolean(i == 0 && !x->deleted));
		json_object_set_new(o, "size", json_integer(v->len));
		json_object_set_new(o, "set", json_time(v->time / NS));
		json_object_set_new(o, "writer", json_string(writer));
		json_array_append_new(array, o);
	}
	return json_print(array);
}

static void say_deleted(const struct past *x)
{
	char when[TIMEFMT_SIZE], flags[ERRMSG_FLAGS];

	fflush(stdout);
	ui_hint("deleted by version %llu, %s; to bring it back: secretctl rollback secret %s%s",
		(unsigned long long)x->by.epoch, timefmt_local(x->by.time / NS, when), x->rec.name,
		errmsg_flags(&x->p.scope, flags));
}

int history_run(struct call *c)
{
	static const char *const head[] = {"VERSION", "SET", "SIZE", "WRITER", ""};
	PAST_CLEANUP struct past x = {0};
	TABLE_CLEANUP struct table t = {0};
	bool json;
	int r, status = show_format(c, &json);

	if (!status)
		status = open_secret(c, &x);
	if (status)
		return status;
	if (json)
		return print_json(&x);
	table_init(&t, 5, head);
	for (unsigned i = 0; i < x.rec.nversions; i++) {
		const struct version *v = &x.rec.versions[i];
		char version[LABEL], set[TIMEFMT_SIZE], size[16], writer[SHOW_WRITER];

		snprintf(size, sizeof(size), "%u", v->len);
		show_writer(&x.snap->commit, v, writer);
		table_row(&t, (const char *[]){label(&x.rec, i, version),
					       timefmt_local(v->time / NS, set), size, writer,
					       i || x.deleted ? "" : "current"});
	}
	r = table_print(&t);
	if (!r && x.deleted)
		say_deleted(&x);
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
static int choose(const struct call *c, const struct past *x, const struct version **out)
{
	const struct record *rec = &x->rec;
	const char *to = call_flag(c, FLAG_TO);
	char flags[ERRMSG_FLAGS];

	if (!to && !x->deleted && rec->nversions < 2) {
		ui_error("of secret %s no older version is kept", rec->name);
		return STATUS_FAILED;
	}
	if (!to) {
		*out = &rec->versions[x->deleted ? 0 : 1];
		return 0;
	}
	if (!*to || strspn(to, "0123456789.") != strlen(to))
		return ui_usage(c, "--to takes a version as history shows it, not %.40s", to);
	*out = history_find(rec, to);
	if (*out == &rec->versions[0] && !x->deleted) {
		ui_error("version %s is the current one", to);
		return STATUS_FAILED;
	}
	if (*out)
		return 0;
	ui_error("version %s of secret %s is not kept", to, rec->name);
	ui_hint("see: secretctl history secret %s%s", rec->name, errmsg_flags(&x->p.scope, flags));
	return STATUS_FAILED;
}

static int add_value(struct past *x, struct batch *b, const struct version *v, bool newest)
{
	SECRET_CLEANUP struct secret *value = NULL;
	struct batch_item *item;
	int r = value_get(x->s.backend, x->p.ring, v, x->rec.name, &value);

	if (r || !newest)
		return r ? r : batch_add_past(b, value->data, value->len, v->time, v->writer);
	r = batch_add(b, x->rec.name, value->data, value->len, &item);
	if (r)
		return r;
	memcpy(item->env, x->rec.env, sizeof(item->env));
	item->set = CHANGE_SET_TYPE | CHANGE_SET_ENV | CHANGE_SET_EXPIRES;
	item->type = x->rec.type;
	item->expires = x->rec.expires;
	item->created = x->rec.created;
	return 0;
}

/* As a new secret with that value, and with the others as its past. Exit status. */
static int bring_back(struct past *x, const struct version *v)
{
	BATCH_CLEANUP struct batch b = {0};
	struct errmsg w = {.doing = "bring back", .name = x->rec.name, .scope = &x->p.scope};
	char text[SCOPE_STR];
	int status, r = add_value(x, &b, v, true);

	for (unsigned i = 0; !r && i < x->rec.nversions; i++)
		if (&x->rec.versions[i] != v)
			r = add_value(x, &b, &x->rec.versions[i], false);
	if (r)
		return errmsg_fail(&w, r);
	status = batch_commit(&x->s, &x->p, &b, false, "bring back");
	if (!status)
		printf("brought back secret %s (%s), which was deleted, with %u version%s\n",
		       x->rec.name, scope_str(&x->p.scope, text), x->rec.nversions,
		       x->rec.nversions == 1 ? "" : "s");
	return status;
}

int rollback_run(struct call *c)
{
	PAST_CLEANUP struct past x = {0};
	SECRET_CLEANUP struct secret *value = NULL;
	struct errmsg w = {.doing = "roll back", .name = c->argv[0], .scope = &x.p.scope};
	struct change ch = {.op = CHANGE_UPDATE, .name = c->argv[0]};
	const struct version *v = NULL;
	struct apply_result result;
	char text[SCOPE_STR];
	int r, status = open_secret(c, &x);

	if (!status)
		status = choose(c, &x, &v);
	if (status || !v)
		return status;
	if (x.deleted)
		return bring_back(&x, v);
	r = value_get(x.s.backend, x.p.ring, v, x.rec.name, &value);
	if (!r) {
		ch.value = value;
		ch.was = &x.rec;
		r = ctx_apply(&x.s, &x.p, &ch, 1, &result);
	}
	if (r)
		return errmsg_fail(&w, r);
	printf("rolled back secret %s (%s) to version %llu, now version %llu\n", x.rec.name,
	       scope_str(&x.p.scope, text), (unsigned long long)v->set_epoch,
	       (unsigned long long)result.floor.epoch);
	return 0;
}
