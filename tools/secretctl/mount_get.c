/* SPDX-License-Identifier: ISC */
/*
 * get mount: which mounts live here, and how each of them is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "mount_query.h"
#include "metrics.h"
#include "mounts.h"
#include "ctx.h"
#include "table.h"
#include "ui.h"
#include "timefmt.h"

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_PROMETHEUS };

static int find_format(const struct call *c, enum format *out)
{
	static const char *const names[] = {"table", "json", "prometheus", "yaml"};
	const char *given = call_flag(c, FLAG_OUTPUT_MOUNT);

	*out = FORMAT_TABLE;
	for (int i = 0; given && i < 4; i++) {
		if (strcmp(given, names[i]) != 0)
			continue;
		*out = i < 3 ? (enum format)i : FORMAT_JSON;
		if (i == 3)
			json_as_yaml();
		return 0;
	}
	return given ? ui_usage(c, "--output is table, json, yaml or prometheus, not %.40s", given)
		     : 0;
}

/* ---- JSON ---- */

/* Seconds since 1970 become text, as in all of secretctl's JSON. */
static void put_times(json_t *o)
{
	static const char *const times[] = {"mounted", "reloaded", "committed", "time"};
	const char *key;
	json_t *value;

	for (size_t i = 0; i < json_array_size(o); i++)
		put_times(json_array_get(o, i));
	json_object_foreach(o, key, value)
	{
		if (json_is_object(value) || json_is_array(value))
			put_times(value);
		for (size_t t = 0; t < sizeof(times) / sizeof(times[0]); t++)
			if (strcmp(key, times[t]) == 0 && json_is_integer(value))
				json_object_set_new(o, key,
						    json_time((uint64_t)json_integer_value(value)));
	}
}

/* Mounts that do not answer are still listed with their path. */
static json_t *object(const struct mount_query *m)
{
	json_t *o = m->facts ? json_deep_copy(m->facts) : json_object();

	put_times(o);
	json_object_set_new(o, "path", json_string(m->path));
	json_object_set_new(o, "state", json_string(mount_query_state(m)));
	json_object_set_new(o, "here", json_boolean(m->mounted));
	return o;
}

/* ---- tables ---- */

/* For people's eyes and their terminals: what is not printable is not shown as it is. */
static void scope_of(const json_t *facts, char out[SCOPE_STR])
{
	struct scope s;

	if (!facts)
		snprintf(out, SCOPE_STR, "-");
	else if (scope_set(&s, mount_query_text(facts, "project", NULL),
			   mount_query_text(facts, "domain", NULL)))
		snprintf(out, SCOPE_STR, "?");
	else
		(void)scope_str(&s, out);
}

#define EPOCHS (SCOPE_LEVELS * 24)
/* "12/3/0/7", broadest first. */
static void epochs_of(const json_t *facts, char out[EPOCHS])
{
	const json_t *all = json_object_get(facts, "scopes"), *one;
	size_t n = 0, i;

	snprintf(out, EPOCHS, "-");
	json_array_foreach(all, i, one)
	{
		if (i < SCOPE_LEVELS)
			n += (size_t)snprintf(
				out + n, EPOCHS - n, "%s%llu", i ? "/" : "",
				(unsigned long long)mount_query_number(one, "epoch", NULL));
	}
}

static uint64_t restarts(const json_t *facts)
{
	return mount_query_number(facts, "server", "restarts") +
	       mount_query_number(facts, "supervisor", "restarts") +
	       mount_query_number(facts, "helper", "restarts");
}

static const char *alarm_of(const json_t *facts)
{
	if (mount_query_stands(facts, "alarm"))
		return "stands";
	return mount_query_number(facts, "alarm", "count") ? "healed" : "none";
}

static void add_row(struct table *t, const struct mount_query *m)
{
	char scope[SCOPE_STR], epochs[EPOCHS], secrets[24], open[24], again[24], when[TIMEFMT_SIZE];
	const json_t *f = m->facts;

	scope_of(f, scope);
	epochs_of(f, epochs);
	snprintf(secrets, sizeof(secrets), "%llu",
		 (unsigned long long)mount_query_number(f, "secrets", NULL));
	snprintf(open, sizeof(open), "%llu",
		 (unsigned long long)mount_query_number(f, "open_handles", NULL));
	snprintf(again, sizeof(again), "%llu", (unsigned long long)restarts(f));
	table_row(t, (const char *[]){m->path, scope, mount_query_state(m), epochs,
				      f ? secrets : "-", f ? open : "-", f ? again : "-",
				      timefmt_local(mount_query_number(f, "reloaded", NULL), when),
				      f ? alarm_of(f) : "-"});
}

static int print_table(const struct mount_query_list *l)
{
	static const char *const head[] = {"MOUNT", "SCOPE",	"STATE",    "EPOCH", "SECRETS",
					   "OPEN",  "RESTARTS", "RELOADED", "ALARM"};
	TABLE_CLEANUP struct table t = {0};
	bool unknown = false;
	int r;

	if (!l->n) {
		ui_error("no secretfs is mounted here");
		return 0;
	}
	table_init(&t, 9, head);
	for (size_t i = 0; i < l->n; i++) {
		add_row(&t, &l->v[i]);
		unknown |= l->v[i].state == MOUNT_QUERY_UNKNOWN;
	}
	r = table_print(&t);
	if (unknown && geteuid() != 0)
		ui_hint("what is unknown here, its owner or root may ask");
	return r ? errmsg_fail(&(struct errmsg){.doing = "list mounts"}, r) : 0;
}

static void print_said(const char *label, const json_t *facts, const char *key)
{
	char when[TIMEFMT_SIZE];

	if (!mount_query_number(facts, key, "count"))
		printf("%s none\n", label);
	else
		printf("%s %s (%s, %s)\n", label, mount_query_text(facts, key, "text"),
		       timefmt_local(mount_query_number(facts, key, "time"), when),
		       mount_query_stands(facts, key) ? "it stands" : "healed");
}

static void print_scopes(const json_t *facts)
{
	const json_t *all = json_object_get(facts, "scopes"), *one;
	char scope[SCOPE_STR], when[TIMEFMT_SIZE];
	size_t i;

	json_array_foreach(all, i, one)
	{
		scope_of(one, scope);
		printf("view:      epoch %llu of %s, committed %s\n",
		       (unsigned long long)mount_query_number(one, "epoch", NULL), scope,
		       timefmt_local(mount_query_number(one, "committed", NULL), when));
	}
}

static void print_counts(const json_t *f)
{
	static const struct {
		const char *text, *key, *in;
	} rows[] = {
		{"restarts:  server %llu", "server", "restarts"},
		{", supervisor %llu", "supervisor", "restarts"},
		{", helper %llu", "helper", "restarts"},
		{"; upgrades %llu\n", "upgrades", NULL},
		{"open:      %llu handles\n", "open_handles", NULL},
		{"opens:     %llu granted", "opens", "granted"},
		{", %llu denied", "opens", "denied"},
		{", %llu failed\n", "opens", "failed"},
		{"answered:  %llu requests", "requests", NULL},
		{", %llu of them reads\n", "reads", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char part[64];
		const char *at = strstr(rows[i].text, "%llu");

		snprintf(part, sizeof(part), "%.*s%llu%s", (int)(at - rows[i].text), rows[i].text,
			 (unsigned long long)mount_query_number(f, rows[i].key, rows[i].in),
			 at + 4);
		fputs(part, stdout);
	}
}

static int print_one(const struct mount_query *m)
{
	const json_t *f = m->facts;
	char scope[SCOPE_STR], when[TIMEFMT_SIZE];

	printf("mount:     %s\n", m->path);
	printf("state:     %s%s\n", mount_query_state(m),
	       m->mounted ? "" : ", in another namespace");
	if (!f) {
		if (m->state == MOUNT_QUERY_DEAD)
			ui_hint("mount it again: secretctl umount --lazy %s && secretctl mount %s",
				m->path, m->path);
		else if (m->state == MOUNT_QUERY_UNKNOWN && geteuid() != 0)
			ui_hint("its owner or root may ask");
		return 0;
	}
	scope_of(f, scope);
	printf("scope:     %s\n", scope);
	printf("secrets:   %llu\n", (unsigned long long)mount_query_number(f, "secrets", NULL));
	print_scopes(f);
	printf("mounted:   %s\n", timefmt_local(mount_query_number(f, "mounted", NULL), when));
	printf("reloaded:  %s\n", timefmt_local(mount_query_number(f, "reloaded", NULL), when));
	print_said("alarm:    ", f, "alarm");
	print_said("store:    ", f, "store_fault");
	print_said("policy:   ", f, "policy_fault");
	print_counts(f);
	return 0;
}

/* ---- the command ---- */

static int print_list(const struct mount_query_list *l, enum format format)
{
	json_t *all;

	if (format == FORMAT_PROMETHEUS)
		return metrics_print(l->v, l->n);
	if (format == FORMAT_TABLE)
		return print_table(l);
	all = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(all, object(&l->v[i]));
	return json_print(all);
}

static int print_path(const struct mount_query_list *l, const char *given, enum format format)
{
	char *path = mounts_path(given);
	const struct mount_query *m = path ? mount_query_find(l, path) : NULL;

	if (!m) {
		ui_error("no secretfs is mounted at %s", path ? path : given);
		ui_hint("all that are: secretctl get mount");
	}
	free(path);
	if (!m)
		return STATUS_FAILED;
	if (format == FORMAT_PROMETHEUS)
		return metrics_print(m, 1);
	return format == FORMAT_JSON ? json_print(object(m)) : print_one(m);
}

int mount_get(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	MOUNT_QUERY_CLEANUP struct mount_query_list l = {0};
	enum format format;
	int r, status = find_format(c, &format);

	if (!status)
		status = ctx_open(c, &s);
	if (status)
		return status;
	r = mount_query_load(s.paths[PATH_RUN], &l);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "list mounts"}, r);
	return c->argc ? print_path(&l, c->argv[0], format) : print_list(&l, format);
}
