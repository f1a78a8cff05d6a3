/* SPDX-License-Identifier: ISC */
#include "metrics.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "scope.h"
#include "ui.h"

/* Each metric is a family of lines, and stands in the output once, whatever the mounts. */
static const struct metric {
	const char *name; /* behind "secretfs_" */
	const char *type;
	const char *help;
	const char *key, *in;	   /* the fact */
	const char *label, *value; /* a further label, or NULL */
	bool standing;		   /* 1 if it stands, else 0 */
} metrics[] = {
	{"mounted_timestamp_seconds", "gauge", "When it was mounted.", "mounted", NULL, NULL, NULL,
	 false},
	{"secrets", "gauge", "Secrets that it shows.", "secrets", NULL, NULL, NULL, false},
	{"reloads_total", "counter", "Views and policies taken up.", "reloads", NULL, NULL, NULL,
	 false},
	{"reloaded_timestamp_seconds", "gauge", "When the last of them was.", "reloaded", NULL,
	 NULL, NULL, false},
	{"alarm", "gauge", "1 while an alarm stands.", "alarm", NULL, NULL, NULL, true},
	{"alarms_total", "counter", "Alarms that were logged.", "alarm", "count", NULL, NULL,
	 false},
	{"alarm_timestamp_seconds", "gauge", "When the last of them was.", "alarm", "time", NULL,
	 NULL, false},
	{"store_fault", "gauge", "1 while the store cannot be taken and an older view goes on.",
	 "store_fault", NULL, NULL, NULL, true},
	{"policy_fault", "gauge", "1 while the policy cannot be taken and an older one goes on.",
	 "policy_fault", NULL, NULL, NULL, true},
	{"restarts_total", "counter", "Processes that ended and were started again.", "server",
	 "restarts", "process", "server", false},
	{"restarts_total", NULL, NULL, "supervisor", "restarts", "process", "supervisor", false},
	{"restarts_total", NULL, NULL, "helper", "restarts", "process", "helper", false},
	{"upgrades_total", "counter", "Times it went over to a newer program.", "upgrades", NULL,
	 NULL, NULL, false},
	{"open_handles", "gauge", "Files that are open.", "open_handles", NULL, NULL, NULL, false},
	{"opens_total", "counter", "Opens, by what they ended in.", "opens", "granted", "result",
	 "granted", false},
	{"opens_total", NULL, NULL, "opens", "denied", "result", "denied", false},
	{"opens_total", NULL, NULL, "opens", "failed", "result", "failed", false},
	{"reads_total", "counter", "Reads that were answered.", "reads", NULL, NULL, NULL, false},
	{"requests_total", "counter", "Requests of every kind that were answered.", "requests",
	 NULL, NULL, NULL, false},
};

/* A label's value; bytes that are not ASCII stay, as UTF-8 may. */
static void print_label(const char *name, const char *value)
{
	printf("%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			printf("\\%c", *value);
		else if (*value == '\n')
			fputs("\\n", stdout);
		else
			putchar(*value);
	}
	putchar('"');
}

static void print_head(const char *name, const char *type, const char *help)
{
	printf("# HELP secretfs_%s %s\n# TYPE secretfs_%s %s\n", name, help, name, type);
}

/* "secretfs_name{path=…", the same whether it answers or not. */
static void begin(const char *name, const struct mount_query *m)
{
	printf("secretfs_%s{", name);
	print_label("path", m->path);
}

static void label(const char *name, const char *value)
{
	putchar(',');
	print_label(name, value);
}

/* "" for any. */
static void label_scope(const json_t *scope)
{
	label("project", mount_query_text(scope, "project", NULL));
	label("domain", mount_query_text(scope, "domain", NULL));
}

static void end(uint64_t value)
{
	printf("} %llu\n", (unsigned long long)value);
}

static void print_up(const struct mount_query *v, size_t n)
{
	print_head("up", "gauge", "1 if it serves, 0 if it does not or does not tell.");
	for (size_t i = 0; i < n; i++) {
		begin("up", &v[i]);
		end(strcmp(mount_query_state(&v[i]), "serving") == 0);
	}
	print_head("info", "gauge", "1, with what it is mounted for and the daemon's version.");
	for (size_t i = 0; i < n; i++) {
		if (!v[i].facts)
			continue;
		begin("info", &v[i]);
		label_scope(v[i].facts);
		label("version", mount_query_text(v[i].facts, "version", NULL));
		end(1);
	}
}

static void print_scopes(const struct mount_query *v, size_t n, const char *name, const char *key,
			 const char *help)
{
	const json_t *one;
	size_t k;

	print_head(name, "gauge", help);
	for (size_t i = 0; i < n; i++)
		json_array_foreach(json_object_get(v[i].facts, "scopes"), k, one)
		{
			begin(name, &v[i]);
			label_scope(one);
			end(mount_query_number(one, key, NULL));
		}
}

static void print_metric(const struct metric *x, const struct mount_query *v, size_t n)
{
	if (x->type)
		print_head(x->name, x->type, x->help);
	for (size_t i = 0; i < n; i++) {
		if (!v[i].facts)
			continue;
		begin(x->name, &v[i]);
		if (x->label)
			label(x->label, x->value);
		end(x->standing ? mount_query_stands(v[i].facts, x->key)
				: mount_query_number(v[i].facts, x->key, x->in));
	}
}

int metrics_print(const struct mount_query *v, size_t n)
{
	print_up(v, n);
	print_scopes(v, n, "view_epoch", "epoch", "Newest commit of the scope that is served.");
	print_scopes(v, n, "view_committed_timestamp_seconds", "committed", "When that was made.");
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		print_metric(&metrics[i], v, n);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_DONE;
	ui_error("the output cannot be written");
	return STATUS_FAILED;
}
