/* SPDX-License-Identifier: ISC */
/*
 * rotate scope: new keys for a scope, in two steps, with the bundles of this host minted anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mounts.h"
#include "remint.h"
#include "rotate.h"
#include "scopes.h"
#include "served.h"
#include "ui.h"

struct rotate {
	struct session *s;
	struct place *place;
	uint32_t gen;  /* of now */
	bool rotating; /* gen + 1 is known */
	size_t lacking;
};

static int read_state(struct rotate *ro)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct words w = {.doing = "rotate", .scope = &ro->place->scope};
	char text[SCOPE_STR];
	int r = session_snapshot(ro->s, ro->place, &snap);

	if (r == ERR_NOENT) {
		ui_error("nothing was ever stored in (%s)", scope_str(&ro->place->scope, text));
		return STATUS_FAILED;
	}
	if (r)
		return words_fail(&w, r);
	ro->gen = snap->commit.gen;
	ro->rotating = snap->commit.grant.flags & GRANT_ROTATING;
	return 0;
}

/* --- bundles ------------------------------------------------------------------------- */

static bool has_gen(const struct keyring *k, uint32_t gen)
{
	return k->gens[0].gen == gen || k->gens[1].gen == gen;
}

/* A bundle that the policy or a mount names and that lies elsewhere. */
static void check_elsewhere(struct rotate *ro, const struct served *m)
{
	BUNDLE_CLEANUP struct bundle *b = NULL;
	const struct keyring *ring;

	if (!m->bundle || bundle_open(m->bundle, &b))
		return;
	ring = remint_ring(ro->place, b);
	if (!ring || has_gen(ring, ro->gen + (ro->rotating ? 1 : 0)))
		return;
	ro->lacking++;
	ui_warn("%s, the bundle of %s, lacks the new keys", m->bundle, m->path);
	ui_hint("mint it anew: secretctl create bundle%s%s%s%s --out %s",
		b->scope.project[0] ? " -p " : "", b->scope.project,
		b->scope.domain[0] ? " -d " : "", b->scope.domain, m->bundle);
}

/* Was the process started before the file was written? By the clock of both. */
static bool started_before(pid_t pid, const char *path)
{
	char name[64], text[1024], *p;
	unsigned long long ticks = 0;
	struct timespec boot, now;
	struct stat st;
	double started;
	FILE *f;
	size_t n;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	f = fopen(name, "re");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = 0;
	p = strrchr(text, ')'); /* behind the command's name; starttime is field 22 */
	for (int i = 2; p && i < 22; i++)
		p = strchr(p + 1, ' ');
	if (!p || stat(path, &st) < 0)
		return false;
	ticks = strtoull(p, NULL, 10);
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	started = (double)(now.tv_sec - boot.tv_sec) + (double)(now.tv_nsec - boot.tv_nsec) / 1e9 +
		  (double)ticks / (double)sysconf(_SC_CLK_TCK);
	/* ticks of 10 ms, and a file's time is as coarse */
	return started + 0.02 < (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9;
}

/* A daemon keeps the bundle that it was started with. */
static void check_mount(struct rotate *ro, const struct served *m)
{
	if (!m->mounted || !m->pid || !m->bundle ||
	    !served_sees(m, &ro->place->scope, ro->place->ring->store_id) ||
	    !started_before(m->pid, m->bundle))
		return;
	ro->lacking++;
	ui_warn("%s was mounted with the bundle as it was before", m->path);
	ui_hint("mount it anew: secretctl umount %s && secretctl mount %s", m->path, m->path);
}

static int check_users(struct rotate *ro)
{
	SERVED_CLEANUP struct served_list l = {0};

	ro->lacking = 0;
	if (served_load(ro->s->policy, &l))
		return words_fail(&(struct words){.doing = "rotate"}, ERR_NOMEM);
	for (size_t i = 0; i < l.n; i++) {
		check_elsewhere(ro, &l.v[i]);
		check_mount(ro, &l.v[i]);
	}
	return 0;
}

/* --- the steps ------------------------------------------------------------------------- */

static void show_progress(void *arg, size_t done, size_t total)
{
	(void)arg;
	ui_progress("sealing anew", done, total > done ? total : done);
}

static int step(struct rotate *ro,
		int (*fn)(struct backend *b, struct keyring *k, const struct apply_options *opt,
			  struct apply_result *result))
{
	const struct apply_options options = {.floor = &ro->place->floor,
					      .progress = show_progress};
	struct apply_result result;
	int r = fn(ro->s->backend, ro->place->ring, &options, &result);

	ui_progress("", 0, 0);
	if (!r)
		r = session_accept(ro->s, ro->place, &result.floor);
	if (r) {
		words_fail(&(struct words){.doing = "rotate", .scope = &ro->place->scope}, r);
		ui_hint("what is done stays; the same command goes on from there");
		return STATUS_FAILED;
	}
	return read_state(ro);
}

static int begin(struct rotate *ro)
{
	char text[SCOPE_STR], flags[WORDS_FLAGS];
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
		status = remint_bundles(ro->s, ro->place);
	if (!status)
		status = check_users(ro);
	if (!status)
		printf("bring new bundles to other hosts and to CI as well; then: "
		       "secretctl rotate scope%s --finish\n",
		       words_flags(&ro->place->scope, flags));
	return status;
}

static int finish(struct rotate *ro)
{
	char text[SCOPE_STR], flags[WORDS_FLAGS];
	int status;

	scope_str(&ro->place->scope, text);
	if (!ro->rotating) {
		ui_error("no rotation of (%s) is under way", text);
		ui_hint("start one: secretctl rotate scope%s --begin",
			words_flags(&ro->place->scope, flags));
		return STATUS_FAILED;
	}
	status = remint_bundles(ro->s, ro->place);
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
	return remint_bundles(ro->s, ro->place);
}

int rotate_cmd_scope(struct call *c)
{
	SESSION_CLEANUP struct session s = {0};
	PLACE_CLEANUP struct place place = {0};
	struct rotate ro = {.s = &s, .place = &place};
	bool first = call_has(c, FLAG_BEGIN), last = call_has(c, FLAG_FINISH);
	char text[SCOPE_STR];
	struct scope scope;
	int status;

	if (first && last)
		return ui_usage(c, "--begin, then bring out the bundles, then --finish");
	status = session_scope(c, &scope);
	if (!status)
		status = session_root(c, &s);
	if (!status)
		status = scopes_require(&s, &scope, false);
	if (!status)
		status = session_place(&s, &scope, &place);
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
