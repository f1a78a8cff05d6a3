/* SPDX-License-Identifier: ISC */
/*
 * create, get and delete bundle.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundles.h"
#include "json.h"
#include "name.h"
#include "scopes.h"
#include "show.h"
#include "table.h"
#include "ui.h"

#define SUFFIX ".bundle"

void bundles_name(const struct scope *s, char out[BUNDLES_NAME])
{
	/* '+' is in no name, so two scopes never share a file */
	if (scope_level(s) == SCOPE_ORGANIZATION)
		snprintf(out, BUNDLES_NAME, "organization");
	else
		snprintf(out, BUNDLES_NAME, "%s+%s", s->project, s->domain);
}

int bundles_path(const struct ctx *s, const char *name, char **out)
{
	if (asprintf(out, "%s/%s%s", s->paths[PATH_BUNDLES], name, SUFFIX) >= 0)
		return 0;
	return errmsg_fail(&(struct errmsg){.doing = "find the bundle"}, ERR_NOMEM);
}

int bundles_check_scope(const struct call *c, const struct scope *scope)
{
	enum scope_level level = scope_level(scope);

	if (level == SCOPE_ORGANIZATION || level == SCOPE_PROJECT_DOMAIN)
		return 0;
	return ui_usage(
		c,
		"a mount is for one project and one domain, or for the organization: give both -p and -d, or neither");
}

static int check_bundle_name(const struct call *c, const char *name)
{
	char copy[BUNDLES_NAME];
	char *plus;

	if (strlen(name) < sizeof(copy)) {
		memcpy(copy, name, strlen(name) + 1);
		plus = strchr(copy, '+');
		if (plus)
			*plus = '.';
		if (name_check_component(copy, sizeof(copy) - 1) == 0)
			return 0;
	}
	return ui_usage(c, "not a valid name of a bundle: %.80s", name);
}

int bundles_mint(struct ctx *s, const struct scope *scope, const char *path)
{
	BUNDLE_CLEANUP struct bundle *b = NULL;
	struct errmsg w = {.doing = "mint the bundle", .scope = scope};
	int r = paths_mkdir(s->paths[PATH_STATE], 0700);

	if (!r)
		r = bundle_mint_reader(s->backend, s->keys, s->paths[PATH_STATE], scope, &b);
	if (r)
		return errmsg_fail(&w, r);
	w.path = path;
	r = paths_mkdir(s->paths[PATH_BUNDLES], 0700);
	if (!r)
		r = bundle_save(b, path);
	return r ? errmsg_fail(&w, r) : 0;
}

int bundle_cmd_create(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	const char *out = call_flag(c, FLAG_OUT);
	char name[BUNDLES_NAME], text[SCOPE_STR];
	struct scope scope;
	char *path = NULL;
	int status = ctx_scope(c, &scope);

	if (!status)
		status = bundles_check_scope(c, &scope);
	if (!status && c->argc)
		status = check_bundle_name(c, c->argv[0]);
	if (!status && c->argc && out)
		status = ui_usage(c, "give a NAME in the directory of bundles, or --out FILE");
	if (!status)
		status = ctx_root(c, &s);
	if (!status)
		status = scopes_require(&s, &scope, true);
	if (status)
		return status;
	bundles_name(&scope, name);
	if (!out)
		status = bundles_path(&s, c->argc ? c->argv[0] : name, &path);
	if (!status)
		status = bundles_mint(&s, &scope, out ? out : path);
	if (!status)
		printf("minted bundle %s (%s)\n", out ? out : path, scope_str(&scope, text));
	free(path);
	return status;
}

struct shown {
	struct table *table; /* or */
	json_t *array;
};

/* One row or object; a file that is no bundle of ours is shown with the reason. */
static int show_bundle(void *arg, const char *name, const char *path)
{
	struct table *t = ((struct shown *)arg)->table;
	json_t *array = ((struct shown *)arg)->array;
	BUNDLE_CLEANUP struct bundle *b = NULL;
	char gens[64] = "", epoch[24] = "";
	const char *kind = "?";
	size_t len = 0;
	json_t *o, *list;
	int r = bundle_open(path, &b);

	if (r)
		ui_warn("%s: %s", path, err_str(r));
	else
		kind = b->kind == BUNDLE_READER ? "reader" : "writer";
	o = json_object();
	list = json_array();
	for (size_t i = 0; b && i < KEYRING_GENS; i++) {
		uint32_t gen = b->rings[b->n - 1]->gens[i].gen;

		if (!gen)
			continue;
		json_array_append_new(list, json_integer(gen));
		if (len < sizeof(gens))
			len += (size_t)snprintf(gens + len, sizeof(gens) - len, "%s%u",
						len ? "," : "", gen);
	}
	if (b)
		snprintf(epoch, sizeof(epoch), "%llu",
			 (unsigned long long)b->floors[b->n - 1].epoch);
	json_object_set_new(o, "name", json_string(name));
	json_object_set_new(o, "path", json_string(path));
	json_object_set_new(o, "kind", json_string(kind));
	if (b)
		json_put_scope(o, &b->scope);
	json_object_set_new(o, "generations", list);
	json_object_set_new(o, "epoch",
			    b ? json_integer((json_int_t)b->floors[b->n - 1].epoch) : json_null());
	if (array)
		json_array_append_new(array, o);
	else
		json_decref(o);
	if (t)
		table_row(t, (const char *[]){
				     name, kind, b && b->scope.project[0] ? b->scope.project : "-",
				     b && b->scope.domain[0] ? b->scope.domain : "-", gens, epoch});
	return 0;
}

static int by_name(const struct dirent *d)
{
	size_t n = strlen(d->d_name), m = strlen(SUFFIX);

	return n > m && d->d_name[0] != '.' && strcmp(d->d_name + n - m, SUFFIX) == 0;
}

int bundles_each(const struct ctx *s, int (*fn)(void *arg, const char *name, const char *path),
		 void *arg)
{
	struct dirent **found = NULL;
	int n = scandir(s->paths[PATH_BUNDLES], &found, by_name, alphasort), status = 0;

	if (n < 0 && errno != ENOENT)
		return errmsg_fail(
			&(struct errmsg){.doing = "list bundles", .path = s->paths[PATH_BUNDLES]},
			ERR_IO);
	for (int i = 0; i < n; i++) {
		char *name = found[i]->d_name;
		char *path = NULL;

		name[strlen(name) - strlen(SUFFIX)] = 0;
		if (!status && bundles_path(s, name, &path) == 0)
			status = fn(arg, name, path);
		free(path);
		free(found[i]);
	}
	free(found);
	return status;
}

int bundle_cmd_get(struct call *c)
{
	static const char *const head[] = {"NAME",   "KIND",	    "PROJECT",
					   "DOMAIN", "GENERATIONS", "EPOCH"};
	CTX_CLEANUP struct ctx s = {0};
	TABLE_CLEANUP struct table t = {0};
	struct shown shown = {0};
	bool json;
	int r, status = show_format(c, &json);

	if (!status)
		status = ctx_open(c, &s);
	if (status)
		return status;
	table_init(&t, 6, head);
	if (json)
		shown.array = json_array();
	else
		shown.table = &t;
	status = bundles_each(&s, show_bundle, &shown);
	if (status) {
		json_decref(shown.array);
		return status;
	}
	if (json)
		return json_print(shown.array);
	if (t.rows == 1) {
		ui_error("no bundle is in %s", s.paths[PATH_BUNDLES]);
		return 0;
	}
	r = table_print(&t);
	return r ? errmsg_fail(&(struct errmsg){.doing = "list bundles"}, r) : 0;
}

int bundle_cmd_delete(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	const char *name = c->argv[0];
	char *path = NULL;
	int status = check_bundle_name(c, name);

	if (!status)
		status = ctx_open(c, &s);
	if (!status)
		status = bundles_path(&s, name, &path);
	if (status)
		return status;
	if (unlink(path) == 0) {
		printf("deleted bundle %s\n", path);
		ui_hint("a mount that runs keeps it until it is unmounted; a copy that leaked stays good");
	} else if (errno == ENOENT) {
		ui_error("there is no bundle %s", path);
		ui_hint("see: secretctl get bundle");
		status = STATUS_FAILED;
	} else {
		status = errmsg_fail(&(struct errmsg){.doing = "delete the bundle", .path = path},
				     ERR_IO);
	}
	free(path);
	return status;
}
