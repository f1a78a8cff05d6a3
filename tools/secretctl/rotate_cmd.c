/* SPDX-License-Identifier: ISC */
/*
 * rotate scope: new keys for a scope, in two steps, with the bundles of this host minted anew.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mount_query.h"
#include "bundle_reissue.h"
#include "bundles.h"
#include "rotate.h"
#include "scopes.h"
#include "mount_list.h"
#include "ui.h"

#define LOOK_MS 50
#define TAKE_UP_SECONDS 10 /* for mounts to load their new bundles */

struct rotate {
	struct ctx *s;
	struct scope_ctx *place;
	uint32_t gen;  /* of now */
	bool rotating; /* gen + 1 is known */
	size_t lacking;
	size_t broken; /* versions that do not open */
};

static int read_state(struct rotate *ro)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct errmsg w = {.doing = "rotate", .scope = &ro->place->scope};
	char text[SCOPE_STR];
	int r = ctx_snapshot(ro->s, ro->place, &snap);

	if (r == ERR_NOENT) {
		ui_error("nothing was ever stored in (%s)", scope_str(&ro->place->scope, text));
		return STATUS_FAILED;
	}
	if (r)
		return errmsg_fail(&w, r);
	ro->gen = snap->commit.gen;
	ro->rotating = snap->commit.grant.flags & GRANT_ROTATING;
	return 0;
}

/* --- bundles ------------------------------------------------------------------------- */

static uint32_t newest_gen(const struct rotate *ro)
{
	return ro->gen + (ro->rotating ? 1 : 0);
}

static bool has_gen(const struct keyring *k, uint32_t gen)
{
	return k->gens[0].gen == gen || k->gens[1].gen == gen;
}

/* A bundle that the policy or a mount names and that lies elsewhere. */
static void check_elsewhere(struct rotate *ro, const struct mount_entry *m)
{
	BUNDLE_CLEANUP struct bundle *b = NULL;
	const struct keyring *ring;

	if (!m->bundle || bundle_open(m->bundle, &b))
		return;
	ring = bundle_reissue_ring(ro->place, b);
	if (!ring || has_gen(ring, newest_gen(ro)))
		return;
	ro->lacking++;
	ui_warn("%s, the bundle of %s, lacks the new keys", m->bundle, m->path);
	ui_hint("mint it anew: secretctl create bundle%s%s%s%s --out %s",
		b->scope.project[0] ? " -p " : "", b->scope.project,
		b->scope.domain[0] ? " -d " : "", b->scope.domain, m->bundle);
}

/* What a mount says of itself: does it see the scope, and lack its newest keys? */
static bool lacks_keys(const struct rotate *ro, const json_t *facts)
{
	const struct keyring *ring = ro->place->ring;
	const struct scope *scope = &ro->place->scope;
	char store[2 * STORE_ID_SIZE + 1];
	const json_t *s, *gen;
	size_t i, j;

	sodium_bin2hex(store, sizeof(store), ring->store_id, STORE_ID_SIZE);
	if (strcmp(mount_query_text(facts, "store", NULL), store) != 0)
		return false;
	json_array_foreach(json_object_get(facts, "scopes"), i, s)
	{
		if (strcmp(mount_query_text(s, "project", NULL), scope->project) != 0 ||
		    strcmp(mount_query_text(s, "domain", NULL), scope->domain) != 0)
			continue;
		json_array_foreach(json_object_get(s, "generations"), j, gen)
		{
			if (json_integer_value(gen) == newest_gen(ro))
				return false;
		}
		return true;
	}
	return false;
}

/* It sees the scope, as far as its bundle's file tells. */
static bool is_concerned(const struct rotate *ro, const struct mount_list *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].path, path) == 0)
			return mount_list_sees(&l->v[i], &ro->place->scope,
					       ro->place->ring->store_id);
	return false;
}

/* How many mounts go without the new keys, and how many do not say; says which when told to. A
 * library error. */
static int count_mounts(const struct rotate *ro, const struct mount_list *l, bool say, size_t *out,
			size_t *silent)
{
	MOUNT_QUERY_CLEANUP struct mount_query_list live = {0};

	*out = *silent = 0;
	if (mount_query_load(ro->s->paths[PATH_RUN], &live))
		return ERR_NOMEM;
	for (size_t i = 0; i < live.n; i++) {
		const struct mount_query *m = &live.v[i];
		bool asked = m->state == MOUNT_QUERY_ANSWERS;

		if (!m->mounted || m->state == MOUNT_QUERY_DEAD ||
		    !(asked ? lacks_keys(ro, m->facts) : is_concerned(ro, l, m->path)))
			continue;
		++*(asked ? out : silent);
		if (!say)
			continue;
		if (asked)
			ui_warn("%s has not taken up the new keys; its log says why", m->path);
		else
			ui_warn("%s does not say whether it has the new keys", m->path);
		ui_hint("see: secretctl get mount; at worst mount it anew: secretctl umount %s && secretctl mount %s",
			m->path, m->path);
	}
	return 0;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Mounts take their bundles up by themselves, in a moment; one that does not answer is not waited for. */
static int wait_for_mounts(struct rotate *ro, const struct mount_list *l)
{
	const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000};
	time_t until = now() + TAKE_UP_SECONDS;
	size_t n = 0, silent = 0;
	int r;

	/* Nor those for which there is nothing to take up. */
	while (!(r = count_mounts(ro, l, false, &n, &silent)) && n > ro->lacking && !silent &&
	       now() < until)
		nanosleep(&moment, NULL);
	if (!r && n + silent)
		r = count_mounts(ro, l, true, &n, &silent);
	ro->lacking += n + silent;
	return r;
}

static int check_users(struct rotate *ro)
{
	MOUNT_LIST_CLEANUP struct mount_list l = {0};
	int r;

	ro->lacking = 0;
	r = mount_list_load(ro->s->policy, &l);
	for (size_t i = 0; !r && i < l.n; i++)
		check_elsewhere(ro, &l.v[i]);
	if (!r)
		r = wait_for_mounts(ro, &l);
	return r ? errmsg_fail(&(struct errmsg){.doing = "rotate"}, r) : 0;
}

/* --- the steps ------------------------------------------------------------------------- */

static void show_progress(void *arg, size_t done, size_t total)
{
	(void)arg;
	ui_progress("sealing anew", done, total > done ? total : done);
}

static void say_broken(void *arg, const char *name, const struct version *v, unsigned i, int error)
{
	struct rotate *ro = arg;
	bool force = call_has(ro->s->call, FLAG_FORCE);

	ro->broken++;
	ui_warn("version %llu of secret %s does not open: %s%s", (unsigned long long)v->set_epoch,
		name, err_str(error),
		i == 0	? ": set it anew with secretctl update secret"
		: force ? ": dropped"
			: "");
}

static int step(struct rotate *ro,
		int (*fn)(struct backend *b, struct keyring *k, const struct apply_options *opt,
			  struct apply_result *result))
{
	const struct apply_options options = {.floor = &ro->place->floor,
					      .progress = show_progress,
					      .broken = say_broken,
					      .broken_arg = ro,
					      .drop_broken = call_has(ro->s->call, FLAG_FORCE)};
	struct apply_result result;
	int r = fn(ro->s->backend, ro->place->ring, &options, &result);

	ui_progress("", 0, 0);
	if (!r)
		r = ctx_accept(ro->s, ro->place, &result.floor);
	if (r) {
		errmsg_fail(&(struct errmsg){.doing = "rotate", .scope = &ro->place->scope}, r);
		if (ro->broken)
			ui_hint("nothing that can be read is lost; --force drops the older ones named "
				"above, and finishes");
		else
			ui_hint("what is done stays; the same command goes on from there");
		return STATUS_FAILED;
	}
	return read_state(ro);
}

/* A writer's bundle is known here only when it lies with the others, and is minted anew then. */
struct kept {
	const struct grant_writer *writer;
	bool found;
};

static int find_kept(void *arg, const char *name, const char *path)
{
	struct kept *kept = arg;
	BUNDLE_CLEANUP struct bundle *b = NULL;

	(void)name;
	if (!bundle_open(path, &b) && b->kind == BUNDLE_WRITER)
		kept->found |= memcmp(b->rings[0]->writer_pk, kept->writer->pk, 32) == 0;
	return 0;
}

/* Whose bundles lack the next keys, or what --finish has left behind. */
static int name_writers(struct rotate *ro, const char *what)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	char flags[ERRMSG_FLAGS];
	int r = ctx_snapshot(ro->s, ro->place, &snap);

	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "rotate", .scope = &ro->place->scope},
				   r);
	errmsg_flags(&ro->place->scope, flags);
	for (size_t i = 0; i < snap->commit.grant.nwriters; i++) {
		struct kept kept = {.writer = &snap->commit.grant.writers[i]};

		if (memcmp(kept.writer->pk, ro->s->keys->pk, sizeof(kept.writer->pk)) == 0)
			continue; /* the root itself */
		(void)!bundles_each(ro->s, find_kept, &kept);
		ui_warn("writer %s: %s", kept.writer->name, what);
		if (kept.found)
			ui_hint("give it the bundle that was minted anew here");
		else
			ui_hint("unless that is done: secretctl rotate writer %s%s --out FILE, and give it FILE",
				kept.writer->name, flags);
	}
	return 0;
}

static int begin(struct rotate *ro)
{
	char text[SCOPE_STR], flags[ERRMSG_FLAGS];
	int status = 0;

	scope_str(&ro->place->scope, text);
	if (!ro->rotating) {
		status = step(ro, rotate_begin);
		if (!status)
			printf("began to rotate (%s), generation %u to %u\n", text, ro->gen,
			       ro->gen + 1);
	} else {
		printf("the rotation of (%s), generation %u to %u, is under way\n", text, ro->gen,
		       ro->gen + 1);
	}
	if (!status)
		status = bundle_reissue_bundles(ro->s, ro->place);
	if (!status)
		status = check_users(ro);
	if (!status)
		status = name_writers(ro, "its bundle of before fails once this is finished");
	if (!status)
		printf("bring new bundles to other hosts and to CI as well; then: "
		       "secretctl rotate scope%s --finish\n",
		       errmsg_flags(&ro->place->scope, flags));
	return status;
}

static int finish(struct rotate *ro)
{
	char text[SCOPE_STR], flags[ERRMSG_FLAGS];
	int status;

	scope_str(&ro->place->scope, text);
	if (!ro->rotating) {
		ui_error("no rotation of (%s) is under way", text);
		ui_hint("start one: secretctl rotate scope%s --begin",
			errmsg_flags(&ro->place->scope, flags));
		return STATUS_FAILED;
	}
	status = bundle_reissue_bundles(ro->s, ro->place);
	if (!status)
		status = check_users(ro);
	if (!status && ro->lacking && !call_has(ro->s->call, FLAG_FORCE) &&
	    !ui_yes("They will fail once it is finished. Go on?")) {
		ui_error("not finished: mend that first, or give --force");
		return STATUS_FAILED;
	}
	if (!status)
		status = step(ro, rotate_finish);
	if (status)
		return status;
	printf("rotated (%s): every kept version is sealed for generation %u\n", text, ro->gen);
	/* without the old keys now */
	status = bundle_reissue_bundles(ro->s, ro->place);
	return status ? status
		      : name_writers(ro, "its bundle from before the rotation fails from now on");
}

int rotate_cmd_scope(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	struct rotate ro = {.s = &s, .place = &place};
	bool first = call_has(c, FLAG_BEGIN), last = call_has(c, FLAG_FINISH);
	char text[SCOPE_STR];
	struct scope scope;
	int status;

	if (first && last)
		return ui_usage(c, "--begin, then bring out the bundles, then --finish");
	status = ctx_scope(c, &scope);
	if (!status)
		status = ctx_root(c, &s);
	if (!status)
		status = scopes_require(&s, &scope, false);
	if (!status)
		status = scope_ctx_open(&s, &scope, &place);
	if (!status)
		status = read_state(&ro);
	if (status)
		return status;
	if (first)
		return begin(&ro);
	if (last)
		return finish(&ro);
	printf("(%s): generation %u, %s\n", scope_str(&scope, text), ro.gen,
	       ro.rotating ? "a rotation is under way: --finish ends it"
			   : "no rotation is under way: --begin starts one");
	return 0;
}
