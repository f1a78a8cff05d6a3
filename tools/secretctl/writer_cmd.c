/* SPDX-License-Identifier: ISC */
/*
 * create, get and delete writer: a CI job that may set and list in one scope, and read nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundles.h"
#include "json.h"
#include "name.h"
#include "bundle_reissue.h"
#include "scopes.h"
#include "show.h"
#include "table.h"
#include "ui.h"

#define SECTION_SIZE (WRITER_NAME_MAX + 16)

static int check_name(const struct call *c, const char *name)
{
	if (name_check_component(name, WRITER_NAME_MAX) == 0 && strcmp(name, "root") != 0)
		return 0;
	return ui_usage(c, "not a valid name of a writer: %.80s", name);
}

static int say_policy(const struct ctx *s, const struct policy_error *e, int r)
{
	char text[ERRMSG_POLICY];

	ui_warn("%s: the writer is not recorded there",
		errmsg_policy(s->paths[PATH_POLICY], e, r, text));
	return 0;
}

/* The grant in the store is what counts; the policy is where people look. */
static void record(struct ctx *s, const char *name, const struct scope *scope,
		   const uint8_t pk[static 32])
{
	POLICY_EDIT_CLEANUP struct policy_edit *edit = NULL;
	struct policy_error e = {0};
	char section[SECTION_SIZE], hex[65];
	int r = policy_edit_open(s->paths[PATH_POLICY], &edit, &e);

	snprintf(section, sizeof(section), "writer %s", name);
	sodium_bin2hex(hex, sizeof(hex), pk, 32);
	if (!r && scope->project[0])
		r = policy_edit_set(edit, section, "project", scope->project);
	if (!r && scope->domain[0])
		r = policy_edit_set(edit, section, "domain", scope->domain);
	if (!r)
		r = policy_edit_set(edit, section, "key", hex);
	if (!r)
		r = policy_edit_save(edit, &e);
	if (r)
		say_policy(s, &e, r);
}

/* The session of the root key, the scope that is meant, and where the bundle goes (*path: heap). */
static int begin(struct call *c, bool make_scope, struct ctx *s, struct scope *scope, char **path)
{
	const char *name = c->argv[0], *out = call_flag(c, FLAG_OUT);
	int status = check_name(c, name);

	if (!status)
		status = ctx_scope(c, scope);
	if (!status)
		status = ctx_root(c, s);
	if (!status)
		status = scopes_require(s, scope, make_scope);
	if (!status && !out)
		status = bundles_path(s, name, path);
	if (!status && out && !(*path = strdup(out))) {
		ui_error("no memory");
		status = STATUS_FAILED;
	}
	return status;
}

int writer_cmd_create(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	BUNDLE_CLEANUP struct bundle *b = NULL;
	const char *name = c->argv[0];
	struct errmsg w = {.doing = "create writer", .name = NULL};
	char text[SCOPE_STR], *path = NULL;
	struct scope scope;
	int r, status = begin(c, true, &s, &scope, &path);

	if (!status && access(path, F_OK) == 0) {
		ui_error("%s is there already", path);
		ui_hint("choose another NAME, or --out FILE");
		if (!call_flag(c, FLAG_OUT))
			ui_hint("or, if no writer has it any more: secretctl delete bundle %s",
				name);
		status = STATUS_FAILED;
	}
	if (status)
		goto out;
	r = paths_mkdir(s.paths[PATH_BUNDLES], 0700);
	if (!r)
		r = bundle_mint_writer(s.backend, s.keys, s.paths[PATH_STATE], &scope, name, &b);
	if (r == ERR_EXIST) {
		ui_error("there is a writer %s in (%s) already", name, scope_str(&scope, text));
		ui_hint("its bundle cannot be made again: secretctl delete writer %s, then create it",
			name);
		status = STATUS_FAILED;
		goto out;
	}
	if (!r) {
		w.path = path;
		r = bundle_save(b, path);
	}
	if (r) {
		w.scope = &scope;
		status = errmsg_fail(&w, r);
		goto out;
	}
	record(&s, name, &scope, b->rings[0]->writer_pk);
	printf("created writer %s of (%s): %s\n", name, scope_str(&scope, text), path);
	printf("in CI: SECRETFS_WRITER_BUNDLE=FILE secretctl update secret NAME - < value\n");
out:
	free(path);
	return status;
}

int writer_cmd_rotate(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	BUNDLE_CLEANUP struct bundle *b = NULL;
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	const char *name = c->argv[0];
	struct errmsg w = {.doing = "rotate writer", .path = name};
	char text[SCOPE_STR], *path = NULL;
	struct scope scope;
	int r, status = begin(c, false, &s, &scope, &path);

	if (status)
		goto out;
	w.scope = &scope;
	r = bundle_rotate_writer(s.backend, s.keys, s.paths[PATH_STATE], &scope, name, &b);
	if (r == ERR_NOENT) {
		ui_error("there is no writer %s in (%s)", name, scope_str(&scope, text));
		ui_hint("see: secretctl get writer");
		status = STATUS_FAILED;
	} else if (r) {
		status = errmsg_fail(&w, r);
	} else {
		record(&s, name, &scope, b->rings[0]->writer_pk);
		w.path = path;
		r = bundle_save(b, path);
		if (r) {
			status = errmsg_fail(&w, r);
			ui_hint("the old key is out already: run it again for another one");
		}
	}
	if (!status)
		printf("rotated writer %s of (%s): %s; the old key is out\n", name,
		       scope_str(&scope, text), path);
	if (!status)
		status = scope_ctx_open(&s, &scope, &place);
	if (!status)
		status = bundle_reissue_bundles(&s, &place);
out:
	free(path);
	return status;
}

struct writers {
	struct ctx *s;
	struct table table;
	json_t *array;
	/* to delete */
	const char *name;
	bool agreed; /* before it, grants are only looked for */
	size_t found;
	char where[256];
};

static void add_writer(struct writers *ws, const struct scope *scope, const struct grant_writer *w)
{
	char hex[65], text[SCOPE_STR];
	json_t *o;

	sodium_bin2hex(hex, sizeof(hex), w->pk, sizeof(w->pk));
	if (!ws->array) {
		table_row(&ws->table, (const char *[]){w->name, scope_str(scope, text), hex});
		return;
	}
	o = json_object();
	json_object_set_new(o, "name", json_string(w->name));
	json_put_scope(o, scope);
	json_object_set_new(o, "key", json_string(hex));
	json_array_append_new(ws->array, o);
}

/* Where it has a grant, for the question. */
static int find_writer(struct writers *ws, const struct scope *scope)
{
	size_t len = strlen(ws->where);
	char text[SCOPE_STR];

	snprintf(ws->where + len, sizeof(ws->where) - len, "%s(%s)", ws->found++ ? ", " : "",
		 scope_str(scope, text));
	return 0;
}

static int remove_writer(struct writers *ws, struct scope_ctx *p, const struct grant_writer *w)
{
	const struct apply_options options = {.floor = &p->floor};
	struct apply_result result;
	char text[SCOPE_STR];
	int r = apply_grant(ws->s->backend, p->ring, &options, w, true, &result);

	if (!r)
		r = ctx_accept(ws->s, p, &result.floor);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "delete writer",
						    .path = w->name,
						    .scope = &p->scope},
				   r);
	printf("deleted writer %s of (%s)\n", w->name, scope_str(&p->scope, text));
	return bundle_reissue_bundles(ws->s, p);
}

/* Exit status. */
static int each_writer(void *arg, const struct scope *scope)
{
	struct writers *ws = arg;
	SCOPE_CTX_CLEANUP struct scope_ctx p = {0};
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	int r, status = scope_ctx_open(ws->s, scope, &p);

	if (status)
		return status;
	r = ctx_snapshot(ws->s, &p, &snap);
	if (r == ERR_NOENT)
		return 0;
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "look into", .scope = scope}, r);
	for (size_t i = 0; !status && i < snap->commit.grant.nwriters; i++) {
		const struct grant_writer *w = &snap->commit.grant.writers[i];

		if (memcmp(w->pk, ws->s->keys->pk, sizeof(w->pk)) == 0)
			continue; /* the root itself */
		if (!ws->name)
			add_writer(ws, scope, w);
		else if (strcmp(w->name, ws->name) == 0)
			status = ws->agreed ? remove_writer(ws, &p, w) : find_writer(ws, scope);
	}
	return status;
}

int writer_cmd_get(struct call *c)
{
	static const char *const head[] = {"NAME", "SCOPE", "KEY"};
	CTX_CLEANUP struct ctx s = {0};
	struct writers ws = {.s = &s};
	bool json;
	int r, status = show_format(c, &json);

	if (!status)
		status = ctx_root(c, &s);
	if (status)
		return status;
	ws.array = json ? json_array() : NULL;
	table_init(&ws.table, 3, head);
	status = scopes_each(&s, each_writer, &ws);
	if (!status && json) {
		status = json_print(json_incref(ws.array));
	} else if (!status && ws.table.rows == 1) {
		ui_error("there is no writer but the root");
	} else if (!status) {
		r = table_print(&ws.table);
		status = r ? errmsg_fail(&(struct errmsg){.doing = "list writers"}, r) : 0;
	}
	json_decref(ws.array);
	table_fini(&ws.table);
	return status;
}

static int each_of(struct writers *ws, const struct scope *given)
{
	return given ? each_writer(ws, given) : scopes_each(ws->s, each_writer, ws);
}

/* Said and agreed to first, once for all scopes. Exit status. */
static int remove_grants(const struct call *c, struct writers *ws, const struct scope *given)
{
	int status = each_of(ws, given);

	if (status || !ws->found)
		return status;
	status = ui_agree(c, "writer %s will write no more in %s, and its bundle is void for good",
			  ws->name, ws->where);
	ws->agreed = true;
	return status ? status : each_of(ws, given);
}

int writer_cmd_delete(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	POLICY_EDIT_CLEANUP struct policy_edit *edit = NULL;
	struct writers ws = {.s = &s, .name = c->argv[0]};
	struct policy_error e = {0};
	char section[SECTION_SIZE], text[ERRMSG_POLICY];
	struct scope scope;
	bool given = call_has(c, FLAG_PROJECT) || call_has(c, FLAG_DOMAIN);
	int r, status = check_name(c, ws.name);

	if (!status)
		status = ctx_scope(c, &scope);
	if (!status)
		status = ctx_root(c, &s);
	if (!status)
		status = remove_grants(c, &ws, given ? &scope : NULL);
	if (status)
		return status;
	snprintf(section, sizeof(section), "writer %s", ws.name);
	r = policy_edit_open(s.paths[PATH_POLICY], &edit, &e);
	if (!r)
		r = policy_edit_remove(edit, section);
	if (!r)
		r = policy_edit_save(edit, &e);
	/* without a grant the policy may name it yet: a delete was interrupted between the two */
	if (!ws.found && r) {
		ui_error("there is no writer %s", ws.name);
		ui_hint("see: secretctl get writer");
		return STATUS_FAILED;
	}
	if (r && r != ERR_NOENT)
		ui_warn("%s; it still names the writer",
			errmsg_policy(s.paths[PATH_POLICY], &e, r, text));
	return 0;
}
