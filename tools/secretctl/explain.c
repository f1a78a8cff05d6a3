/* SPDX-License-Identifier: ISC */
/*
 * explain: which scope's secret a mount shows under a name, what it hides, who may read it and why
 * not; and with --draft what another policy file would change.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundles.h"
#include "json.h"
#include "lookup.h"
#include "name.h"
#include "scopes.h"
#include "ctx.h"
#include "show.h"
#include "ui.h"
#include "timefmt.h"

#define NS 1000000000u
#define GROUPS_MAX 1024

/* One scope of the mount: what it has at the name. */
struct layer {
	struct scope scope;
	bool there; /* rec is of the full name */
	struct record rec;
	char writer[SHOW_WRITER];
};

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	int ngroups;
	char text[80];
};

struct explain {
	struct ctx s;
	const char *name;
	struct lookup found;
	struct scope scope;
	struct layer layers[SCOPE_LEVELS]; /* ascending; only [0] for the organization alone */
	size_t nlayers;
	const struct layer *wins; /* or NULL */
	struct user *users;
	size_t nusers;
	struct policy *draft;
	const char *draft_path;
};

/* --- who wins ------------------------------------------------------------------ */

static int load_layer(struct explain *x, enum scope_level level, struct layer *layer)
{
	SCOPE_CTX_CLEANUP struct scope_ctx p = {0};
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	int r, status;

	layer->scope = scope_at(&x->scope, level);
	status = scope_ctx_open(&x->s, &layer->scope, &p);
	if (status)
		return status;
	r = ctx_snapshot(&x->s, &p, &snap);
	if (r == ERR_NOENT)
		return 0;
	if (!r)
		r = lookup_add(&x->found, level, x->s.backend, p.ring, snap);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "look into", .scope = &layer->scope},
				   r);
	layer->there = x->found.there[level];
	layer->rec = x->found.records[level];
	if (layer->there)
		show_writer(&snap->commit, &layer->rec.versions[0], layer->writer);
	return 0;
}

/* --- who may -------------------------------------------------------------------- */

static int find_user(const struct call *c, const char *value, struct user *u)
{
	bool number = *value && strspn(value, "0123456789") == strlen(value);
	const char *gid = call_flag(c, FLAG_GID);
	struct passwd pw, *found = NULL;
	char buffer[4096];

	if (number)
		(void)!getpwuid_r((uid_t)strtoul(value, NULL, 10), &pw, buffer, sizeof(buffer),
				  &found);
	else
		(void)!getpwnam_r(value, &pw, buffer, sizeof(buffer), &found);
	if (!found && !number)
		return ui_usage(c, "there is no user %.40s", value);
	u->uid = found ? found->pw_uid : (uid_t)strtoul(value, NULL, 10);
	u->gid = found ? found->pw_gid : (gid_t)u->uid;
	u->ngroups = GROUPS_MAX;
	if (!found || getgrouplist(found->pw_name, u->gid, u->groups, &u->ngroups) < 0)
		u->ngroups = 0;
	if (gid) {
		if (!*gid || strspn(gid, "0123456789") != strlen(gid))
			return ui_usage(c, "--gid takes a number here");
		u->gid = (gid_t)strtoul(gid, NULL, 10);
	}
	snprintf(u->text, sizeof(u->text), "uid %u%s%.32s%s", u->uid, found ? " (" : "",
		 found ? found->pw_name : "", found ? ")" : "");
	return 0;
}

static int find_users(struct explain *x, const struct call *c)
{
	size_t n = c->nvalues[FLAG_UID];
	int status = 0;

	if (!n)
		return 0;
	x->users = calloc(n, sizeof(*x->users));
	if (!x->users)
		return errmsg_fail(&(struct errmsg){.doing = "explain"}, ERR_NOMEM);
	for (; !status && x->nusers < n; x->nusers++)
		status = find_user(c, c->values[FLAG_UID][x->nusers], &x->users[x->nusers]);
	return status;
}

static struct policy_decision decide(const struct policy *p, const struct explain *x,
				     const struct policy_mount *m, const struct user *u,
				     struct policy_access *a)
{
	/* as the daemon has it, and of the other policy the same one */
	const struct policy_mount here = policy_mount_for(p, m ? m->path : "", geteuid());

	policy_access(p, &x->wins->scope, x->wins->rec.name, &here, a);
	if (!u)
		return (struct policy_decision){0};
	return policy_decide(a, u->uid, u->gid, u->groups, (size_t)u->ngroups);
}

static const char *answer_str(struct policy_decision d)
{
	return d.answer == POLICY_ALLOW ? "may read it" : "may not read it";
}

static void where(const char *file, unsigned line, char *out, size_t cap)
{
	if (line)
		snprintf(out, cap, "%s:%u", file, line);
	else
		snprintf(out, cap, "by default");
}

/* --- words ----------------------------------------------------------------------- */

static void print_layer(const char *what, const struct layer *l)
{
	char scope[SCOPE_STR], when[TIMEFMT_SIZE];
	const struct version *v = &l->rec.versions[0];

	scope_str(&l->scope, scope);
	if (!l->there)
		printf("  %-9s (%s)\n", what, scope);
	else
		printf("  %-9s (%s)  version %llu, %u bytes, updated %s by %s\n", what, scope,
		       (unsigned long long)v->set_epoch, v->len, timefmt_local(v->time / NS, when),
		       l->writer);
}

/* Something else is in the way. */
static void print_hidden(const struct explain *x)
{
	const struct lookup *l = &x->found;
	bool file = l->kinds[l->step][l->hidden_by] == LOOKUP_FILE;
	char text[SCOPE_STR];

	printf("  hidden    (%s) has the %s %s, so %s\n",
	       scope_str(&x->layers[l->hidden_by].scope, text), file ? "secret" : "group",
	       l->paths[l->step], file ? "nothing shows below it" : "no secret of that name shows");
}

static void print_winner(const struct explain *x)
{
	char text[SCOPE_STR], when[TIMEFMT_SIZE];

	printf("%s, as a mount of (%s) shows it:\n", x->name, scope_str(&x->scope, text));
	if (x->wins)
		print_layer("wins", x->wins);
	else if (x->found.hidden_by >= 0)
		print_hidden(x);
	else
		printf("  no scope of it has that name\n");
	for (size_t i = x->nlayers; i-- > 0;) {
		if (&x->layers[i] == x->wins)
			continue;
		if (x->layers[i].there)
			print_layer("shadowed", &x->layers[i]);
		else
			print_layer("absent", &x->layers[i]);
	}
	if (x->wins && x->wins->rec.expires)
		printf("  expires   %s%s\n", timefmt_local(x->wins->rec.expires, when),
		       x->wins->rec.expires <= timefmt_now() ? ": it is past, nobody may read it"
							     : "");
}

static const char *but_expired(const struct explain *x, struct policy_decision d)
{
	uint64_t expires = x->wins->rec.expires;

	return d.answer == POLICY_ALLOW && expires && expires <= timefmt_now()
		       ? ", were it not expired"
		       : "";
}

static void print_user(const struct explain *x, const struct policy_mount *m, const struct user *u)
{
	struct policy_access a;
	struct policy_decision d = decide(x->s.policy, x, m, u, &a);
	char at[300];

	where(x->s.paths[PATH_POLICY], d.line, at, sizeof(at));
	printf("  %s %s%s: %s (%s)\n", u->text, answer_str(d), but_expired(x, d), d.reason, at);
	if (!x->draft)
		return;
	d = decide(x->draft, x, m, u, &a);
	where(x->draft_path, d.line, at, sizeof(at));
	printf("    with %s: %s: %s (%s)\n", x->draft_path, answer_str(d), d.reason, at);
}

/* Whom nothing was asked about. */
static void print_readers(const struct policy_access *a)
{
	if (a->allow)
		printf("  only who is on that allow list may read it");
	else
		printf("  root%s%s%s may read it",
		       a->owner && (a->mode & 0400) ? " and the owner" : "",
		       (a->mode & 0040) ? " and the group" : "",
		       (a->mode & 0004) ? " and everybody else" : "");
	printf("%s; for one user: --uid\n", a->ndeny ? ", if not on a deny list" : "");
}

static void print_access(const struct explain *x, const struct policy_mount *m)
{
	struct policy_access a;
	char at[300];

	decide(x->s.policy, x, m, NULL, &a);
	where(x->s.paths[PATH_POLICY], a.mode_line, at, sizeof(at));
	printf("\nAt %s:\n", m ? m->path : "a mount that the policy does not name");
	printf("  mode %04o (%s), owner %u, group %u", a.mode, at, a.owner, a.group);
	where(x->s.paths[PATH_POLICY], a.line, at, sizeof(at));
	if (a.allow)
		printf(", allow listed (%s)", at);
	for (size_t i = 0; i < a.ndeny; i++) {
		where(x->s.paths[PATH_POLICY], a.deny[i].line, at, sizeof(at));
		printf(", deny listed (%s)", at);
	}
	printf("\n");
	for (size_t i = 0; i < x->nusers; i++)
		print_user(x, m, &x->users[i]);
	if (!x->nusers)
		print_readers(&a);
}

/* Calls fn for every mount of the policy that is of this scope, with NULL when there is none. */
static void each_mount(const struct explain *x,
		       void (*fn)(const struct explain *, const struct policy_mount *, void *),
		       void *arg)
{
	const struct policy_mount *m;
	size_t n = 0;

	for (size_t i = 0; (m = policy_mount(x->s.policy, i)); i++) {
		if (!scope_eq(&m->scope, &x->scope))
			continue;
		fn(x, m, arg);
		n++;
	}
	if (!n)
		fn(x, NULL, arg);
}

static void print_mount(const struct explain *x, const struct policy_mount *m, void *arg)
{
	(void)arg;
	print_access(x, m);
}

/* --- JSON ------------------------------------------------------------------------ */

static json_t *decision_json(const char *file, struct policy_decision d)
{
	json_t *o = json_object();

	json_object_set_new(o, "allowed", json_boolean(d.answer == POLICY_ALLOW));
	json_object_set_new(o, "reason", json_string(d.reason));
	json_object_set_new(o, "file", d.line ? json_string(file) : json_null());
	json_object_set_new(o, "line", d.line ? json_integer(d.line) : json_null());
	return o;
}

static void mount_json(const struct explain *x, const struct policy_mount *m, void *arg)
{
	json_t *o = json_object(), *users = json_array();
	struct policy_access a;
	char mode[8];

	decide(x->s.policy, x, m, NULL, &a);
	snprintf(mode, sizeof(mode), "%04o", a.mode);
	json_object_set_new(o, "path", m ? json_string(m->path) : json_null());
	json_object_set_new(o, "mode", json_string(mode));
	json_object_set_new(o, "owner", json_integer(a.owner));
	json_object_set_new(o, "group", json_integer(a.group));
	for (size_t i = 0; i < x->nusers; i++) {
		struct policy_decision d = decide(x->s.policy, x, m, &x->users[i], &a);
		json_t *u = decision_json(x->s.paths[PATH_POLICY], d);

		json_object_set_new(u, "uid", json_integer(x->users[i].uid));
		if (x->draft)
			json_object_set_new(u, "draft",
					    decision_json(x->draft_path, decide(x->draft, x, m,
										&x->users[i], &a)));
		json_array_append_new(users, u);
	}
	json_object_set_new(o, "users", users);
	json_array_append_new(arg, o);
}

static int print_json(const struct explain *x)
{
	json_t *o = json_object(), *layers = json_array(), *mounts = json_array();

	json_object_set_new(o, "name", json_string(x->name));
	json_put_scope(o, &x->scope);
	for (size_t i = x->nlayers; i-- > 0;) {
		const struct layer *l = &x->layers[i];
		json_t *e = json_object();

		json_put_scope(e, &l->scope);
		json_object_set_new(e, "state",
				    json_string(l == x->wins ? "wins"
						: l->there   ? "shadowed"
							     : "absent"));
		json_object_set_new(e, "version",
				    l->there
					    ? json_integer((json_int_t)l->rec.versions[0].set_epoch)
					    : json_null());
		json_array_append_new(layers, e);
	}
	json_object_set_new(o, "scopes", layers);
	if (x->wins)
		each_mount(x, mount_json, mounts);
	json_object_set_new(o, "mounts", mounts);
	return json_print(o);
}

/* --------------------------------------------------------------------------------- */

static int load_draft(struct explain *x)
{
	struct policy_error e = {0};
	char text[ERRMSG_POLICY];
	int r;

	x->draft_path = call_flag(x->s.call, FLAG_DRAFT);
	if (!x->draft_path)
		return 0;
	r = policy_load(x->draft_path, &x->draft, &e);
	if (r)
		ui_error("%s", errmsg_policy(x->draft_path, &e, r, text));
	return r ? STATUS_FAILED : 0;
}

static int prepare(struct call *c, struct explain *x)
{
	int status = ctx_scope(c, &x->scope);

	x->name = c->argv[0];
	if (!status && x->name[0] == '/')
		return ui_usage(c, "explain takes a NAME, not a path: leave out the mount point");
	if (!status && name_check(x->name)) {
		errmsg_fail(&(struct errmsg){.doing = "explain"}, ERR_NAME);
		return STATUS_USAGE;
	}
	if (!status)
		status = bundles_check_scope(c, &x->scope);
	if (!status)
		status = find_users(x, c);
	if (!status)
		status = ctx_root(c, &x->s);
	if (!status)
		status = scopes_require(&x->s, &x->scope, false);
	if (!status && !x->s.policy) {
		ui_error("there is no valid policy to go by at %s", x->s.paths[PATH_POLICY]);
		status = STATUS_FAILED;
	}
	if (!status)
		status = load_draft(x);
	lookup_init(&x->found, x->name);
	x->nlayers = scope_level(&x->scope) == SCOPE_ORGANIZATION ? 1 : SCOPE_LEVELS;
	for (size_t i = 0; !status && i < x->nlayers; i++)
		status = load_layer(x, (enum scope_level)i, &x->layers[i]);
	return status;
}

int explain_run(struct call *c)
{
	struct explain *x = calloc(1, sizeof(*x));
	bool json;
	int status = show_format(c, &json);

	if (!x)
		return errmsg_fail(&(struct errmsg){.doing = "explain"}, ERR_NOMEM);
	if (!status)
		status = prepare(c, x);
	if (!status) {
		lookup_judge(&x->found);
		x->wins = x->found.wins < 0 ? NULL : &x->layers[x->found.wins];
		if (json)
			status = print_json(x);
		else
			print_winner(x);
		if (!json && x->wins)
			each_mount(x, print_mount, NULL);
		if (!json && !x->wins && x->found.hidden_by < 0)
			scopes_say_where(&x->s, &x->scope, x->name);
		if (!x->wins)
			status = STATUS_FAILED;
	}
	policy_free(x->draft);
	free(x->users);
	ctx_close(&x->s);
	free(x);
	return status;
}
