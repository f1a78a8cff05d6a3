/* SPDX-License-Identifier: ISC */
#include "list.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "pick.h"
#include "scopes.h"
#include "ctx.h"
#include "show.h"
#include "table.h"
#include "ui.h"
#include "timefmt.h"

#define NS 1000000000u

struct list {
	struct ctx *s;
	const struct scope *scope;
	const struct commit *commit;
	const char *group; /* "web/": only what is below it; or NULL */
	bool all;	   /* of every scope: with a column for it */
	uint64_t before;   /* only what expires by then; 0: everything */
	json_t *array;	   /* or NULL */
	struct table table;
};

static void add_row(struct list *l, const struct record *rec)
{
	const struct version *v = &rec->versions[0];
	char size[16], version[24], updated[TIMEFMT_SIZE], expires[TIMEFMT_SIZE],
		writer[SHOW_WRITER];
	char scope[SCOPE_STR];
	const char *cells[8];
	size_t n = 0;

	snprintf(size, sizeof(size), "%u", v->len);
	snprintf(version, sizeof(version), "%llu", (unsigned long long)v->set_epoch);
	show_writer(l->commit, v, writer);
	cells[n++] = rec->name;
	if (l->all)
		cells[n++] = scope_str(l->scope, scope);
	cells[n++] = record_type_str(rec->type);
	cells[n++] = size;
	cells[n++] = version;
	cells[n++] = timefmt_local(v->time / NS, updated);
	cells[n++] = timefmt_local(rec->expires, expires);
	cells[n++] = writer;
	table_row(&l->table, cells);
}

static int add_record(void *arg, const struct record *rec)
{
	struct list *l = arg;

	if (l->group && strncasecmp(rec->name, l->group, strlen(l->group)) != 0)
		return 0;
	if (l->before && (!rec->expires || rec->expires > l->before))
		return 0;
	if (!l->array)
		add_row(l, rec);
	else if (json_array_append_new(l->array, show_record(l->scope, l->commit, rec)))
		return ERR_NOMEM;
	return 0;
}

/* Exit status. */
static int add_scope(void *arg, const struct scope *scope)
{
	struct list *l = arg;
	SCOPE_CTX_CLEANUP struct scope_ctx p = {0};
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	int r, status = scope_ctx_open(l->s, scope, &p);

	if (status)
		return status;
	r = ctx_snapshot(l->s, &p, &snap);
	if (r == ERR_NOENT)
		return 0;
	if (!r) {
		l->scope = scope;
		l->commit = &snap->commit;
		r = snapshot_each(l->s->backend, p.ring, snap, add_record, l);
		l->scope = NULL;
		l->commit = NULL;
	}
	return r ? errmsg_fail(&(struct errmsg){.doing = "list secrets of", .scope = scope}, r) : 0;
}

static int print(struct list *l, const struct scope *scope)
{
	char text[SCOPE_STR];
	int r;

	if (l->table.rows == 1) {
		ui_error("no secret%s%s%s is in (%s)", l->group ? " below " : "",
			 l->group ? l->group : "", l->before ? " that expires by then" : "",
			 l->all ? "any scope" : scope_str(scope, text));
		return 0;
	}
	r = table_print(&l->table);
	return r ? errmsg_fail(&(struct errmsg){.doing = "list secrets"}, r) : 0;
}

static int check_flags(const struct call *c, struct list *l)
{
	const char *expiring = call_flag(c, FLAG_EXPIRING);
	uint64_t seconds;

	l->all = call_has(c, FLAG_ALL);
	l->group = c->argc ? c->argv[0] : NULL;
	if (l->group && !pick_is_group(l->group))
		return ui_usage(c, "not a valid name of a group: %.80s", l->group);
	if (call_has(c, FLAG_REVEAL))
		return ui_usage(c, "--reveal needs the NAME of one secret");
	if (l->all && (call_has(c, FLAG_PROJECT) || call_has(c, FLAG_DOMAIN)))
		return ui_usage(c, "--all means every scope: leave out -p and -d");
	if (!expiring)
		return 0;
	if (timefmt_duration(expiring, &seconds))
		return ui_usage(c, "--expiring takes a duration like 7d or 12h, not %.40s",
				expiring);
	l->before = timefmt_now() + seconds;
	return 0;
}

int list_run(struct call *c, bool json)
{
	static const char *const head[] = {"NAME",    "SCOPE",	 "TYPE",    "SIZE",
					   "VERSION", "UPDATED", "EXPIRES", "WRITER"};
	static const char *const head_one[] = {"NAME",	  "TYPE",    "SIZE",  "VERSION",
					       "UPDATED", "EXPIRES", "WRITER"};
	CTX_CLEANUP struct ctx s = {0};
	struct list l = {.s = &s};
	struct scope scope;
	int status = check_flags(c, &l);

	if (!status)
		status = ctx_any(c, &s, &scope);
	if (!status)
		status = scopes_require(&s, &scope, false);
	if (status)
		return status;
	l.array = json ? json_array() : NULL;
	table_init(&l.table, l.all ? 8 : 7, l.all ? head : head_one);
	if (l.all && s.keys)
		status = scopes_each(&s, add_scope, &l);
	else
		status = add_scope(&l, &scope);
	if (!status)
		status = json ? json_print(json_incref(l.array)) : print(&l, &scope);
	json_decref(l.array);
	table_fini(&l.table);
	return status;
}
