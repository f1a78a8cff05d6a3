/* SPDX-License-Identifier: ISC */
#include "restore_accept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctx.h"
#include "rewind.h"
#include "scopes.h"
#include "timefmt.h"
#include "ui.h"

struct accept {
	struct ctx *s;
	const struct call *call;
	uint64_t to; /* 0: the newest that can be trusted */
	size_t accepted, fresh;
	bool *kept; /* which of the --keep-writer there were */
	bool registry;
	bool agreed;
};

static const char *const *keep_names(const struct accept *a, size_t *n)
{
	*n = a->call->nvalues[FLAG_KEEP_WRITER];
	return (const char *const *)a->call->values[FLAG_KEEP_WRITER];
}

static bool keeps(struct accept *a, const char *name)
{
	size_t n;
	const char *const *names = keep_names(a, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return a->kept[i] = true;
	return false;
}

/* Who of the grant stays, or does not. */
static void say_writers(struct accept *a, const struct grant *g, bool stay, const char *what)
{
	const char *before = what;

	for (size_t i = 0; i < g->nwriters; i++) {
		const struct grant_writer *w = &g->writers[i];

		if (memcmp(w->pk, a->s->keys->pk, sizeof(w->pk)) == 0 || keeps(a, w->name) != stay)
			continue;
		printf("%s%s", before, w->name);
		before = ", ";
	}
	if (before != what)
		printf("\n");
}

static void say(struct accept *a, const struct scope_ctx *p, const struct rewind *rw)
{
	const struct commit *c = &rw->at->commit;
	char text[SCOPE_STR], when[TIMEFMT_SIZE];

	printf("accepted: %s goes on from version %llu of %s\n",
	       a->registry ? "registry" : scope_str(&p->scope, text), (unsigned long long)c->epoch,
	       timefmt_local(c->time / 1000000000u, when));
	if (rw->newest > c->epoch)
		printf("  left behind: what came after it, up to version %llu\n",
		       (unsigned long long)rw->newest);
	say_writers(a, &c->grant, true, "  writers that stay: ");
	say_writers(a, &c->grant, false, "  writers no more: ");
}

/* The newest commit is fresh, and nobody can read its pages: to drop it is not for us to choose. */
static int say_broken(const struct scope_ctx *p, const struct rewind *rw)
{
	char flags[ERRMSG_FLAGS];
	int status = errmsg_fail(
		&(struct errmsg){.doing = "read the newest state", .scope = &p->scope}, rw->broken);

	if (rw->at)
		ui_hint("to go on from the one before it that is whole: secretctl restore --accept "
			"--to %llu%s",
			(unsigned long long)rw->at->commit.epoch, errmsg_flags(&p->scope, flags));
	return status;
}

/* Asked once, before the first scope that is not fresh. Exit status. */
static int agree(struct accept *a)
{
	size_t n;
	int status = 0;

	keep_names(a, &n);
	if (!a->agreed)
		status = ui_agree(a->call,
				  "history will go on from an older state, what came after it is "
				  "lost for good, and no writer %s will write any more",
				  n ? "but those of --keep-writer" : "but the root");
	a->agreed = !status;
	return status;
}

/* The backup is from before the scope was made. */
static int start_anew(const struct accept *a, const struct scope_ctx *p, struct rewind *rw)
{
	struct apply_result result;
	int r = apply_genesis(a->s->backend, p->ring, &result);

	return r ? r : rewind_find(a->s->backend, p->ring, &p->floor, 0, rw);
}

static int accept_ring(struct accept *a, struct scope_ctx *p)
{
	REWIND_CLEANUP struct rewind rw = {0};
	struct errmsg w = {.doing = "accept", .scope = &p->scope};
	struct apply_result result;
	const char *const *names;
	size_t n;
	int status, r = rewind_find(a->s->backend, p->ring, &p->floor, a->to, &rw);
	bool gone = r == ERR_NOENT && !a->to;

	if (gone && !p->floor.epoch)
		return 0; /* never made */
	if (rw.fresh && rw.broken && !a->to)
		return say_broken(p, &rw);
	if (r && !gone)
		return errmsg_fail(&w, r);
	if (!r && rw.fresh && !a->to) {
		a->fresh++;
		return 0;
	}
	status = agree(a);
	if (status)
		return status;
	r = gone ? start_anew(a, p, &rw) : 0;
	if (r)
		return errmsg_fail(&w, r);
	names = keep_names(a, &n);
	say(a, p, &rw);
	r = rewind_commit(a->s->backend, p->ring, &rw, names, n, &result);
	if (!r)
		r = floor_store(a->s->paths[PATH_STATE], p->ring, &result.floor);
	if (r)
		return errmsg_fail(&w, r);
	a->accepted++;
	return 0;
}

static int accept_scope(void *arg, const struct scope *scope)
{
	struct accept *a = arg;
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	int status = scope_ctx_open(a->s, scope, &place);

	return status ? status : accept_ring(a, &place);
}

/* First of all: without it no other scope is known. */
static int accept_registry(struct accept *a)
{
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	int r = keyring_registry(a->s->keys, &place.ring);

	if (!r)
		r = floor_load(a->s->paths[PATH_STATE], place.ring, &place.floor);
	return r ? errmsg_fail(&(struct errmsg){.doing = "read what was accepted"}, r)
		 : accept_ring(a, &place);
}

static int accept_all(struct accept *a)
{
	int status;

	a->registry = true;
	status = accept_registry(a);
	a->registry = false;
	if (!status)
		status = ctx_registry(a->s);
	return status ? status : scopes_each(a->s, accept_scope, a);
}

/* Only the scope that -p and -d name, or with --to the organization's. */
static int accept_one(struct call *c, struct accept *a)
{
	struct scope scope;
	int status = ctx_scope(c, &scope);

	return status ? status : accept_scope(a, &scope);
}

static int parse_to(const struct call *c, struct accept *a)
{
	const char *text = call_flag(c, FLAG_TO);
	char *end;

	if (!text)
		return 0;
	a->to = strtoull(text, &end, 10);
	if (!a->to || *end)
		return ui_usage(c, "not a version: %.40s", text);
	return 0;
}

static void say_result(struct accept *a)
{
	size_t n;
	const char *const *names = keep_names(a, &n);

	printf("%zu scope%s accepted, %zu fresh before\n", a->accepted, ui_s(a->accepted),
	       a->fresh);
	if (a->accepted)
		ui_hint("mounts follow by themselves; so do bundles and writers that stay");
	for (size_t i = 0; a->accepted && i < n; i++)
		if (!a->kept[i])
			ui_warn("there was no writer %s to keep", names[i]);
}

int restore_accept(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	struct accept a = {.s = &s, .call = c};
	bool one = call_has(c, FLAG_TO) || call_has(c, FLAG_PROJECT) || call_has(c, FLAG_DOMAIN);
	int status = parse_to(c, &a);

	if (!status)
		status = ctx_keys(c, &s);
	if (status)
		return status;
	a.kept = calloc(c->nvalues[FLAG_KEEP_WRITER] + 1, sizeof(*a.kept));
	if (!a.kept)
		return errmsg_fail(&(struct errmsg){.doing = "accept"}, ERR_NOMEM);
	status = one ? accept_one(c, &a) : accept_all(&a);
	if (!status)
		say_result(&a);
	free(a.kept);
	return status;
}
