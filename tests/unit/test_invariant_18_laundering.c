/* SPDX-License-Identifier: ISC */
/*
 * Invariant 18: a revoked writer stays out, whatever an administrator whose floor is from before the
 * revocation makes of what she shows it.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

struct story {
	struct fixture *f;
	struct keyring *admin;
	struct bundle *mallory, *mount; /* the mount's floor has passed the revocation */
	struct commit granted;		/* the last before it, with the grant that names her */
	struct floor behind;		/* of the admin who has not seen the revocation */
};

static void begin(struct fixture *f, struct story *s)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;

	*s = (struct story){.f = f};
	s->admin = fixture_ring(f, "alpha", "development");
	fixture_put(f, "alpha", "development", "token", "good");
	s->mallory = fixture_writer(f, "alpha", "development", "mallory", NULL);
	ok(snapshot_open(f->b, s->admin, NULL, &tip));
	ok(commit_head(&tip->commit, &s->granted));
	s->behind = floor_of(&tip->commit);
	fixture_revoke(f, "alpha", "development", "mallory");
	s->mount = fixture_reader(f, "alpha", "development", NULL);
}

static void end(struct story *s)
{
	commit_fini(&s->granted);
	bundle_free(s->mallory);
	bundle_free(s->mount);
	keyring_free(s->admin);
}

static int reads(struct story *s, struct keyring *k, const struct floor *floor)
{
	char *text = NULL;
	int r = fixture_read(s->f->b, k, floor, &text);

	free(text);
	return r;
}

static int mount_reads(struct story *s)
{
	return reads(s, s->mount->rings[3], &s->mount->floors[3]);
}

/* A commit of hers upon the newest, under a grant that is not its own. */
static void put_on_top(struct story *s, const struct grant *grant, const struct floor *jump)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	COMMIT_CLEANUP struct commit next;

	commit_init(&next);
	ok(snapshot_open(s->f->b, s->mallory->rings[0], NULL, &tip));
	ok(commit_follow(s->f->b, s->mallory->rings[0], &tip->commit, &next));
	grant_fini(&next.grant);
	ok(grant_copy(grant, &next.grant));
	if (jump) {
		memcpy(next.jump, jump->id, HASH_SIZE);
		next.jump_epoch = jump->epoch;
	}
	fixture_publish(s->f->b, s->mallory->rings[0], &next);
}

/* As the admin's tools do who is behind. */
static int edit(struct story *s, const char *name, bool remove, struct floor *floor)
{
	struct grant_writer w = {.pk = {9}};
	struct apply_options opt = {.floor = floor};
	struct apply_result result;
	int r;

	memcpy(w.name, name, strlen(name) + 1);
	r = apply_grant(s->f->b, s->admin, &opt, &w, remove, &result);
	if (r == 0)
		*floor = result.floor;
	return r;
}

static void by_another_grant(void **state)
{
	struct story s;

	begin(*state, &s);
	put_on_top(&s, &s.granted.grant, &s.behind);
	fails(ERR_STALE, mount_reads(&s));
	ok(edit(&s, "other", false, &s.behind));
	fails(ERR_STALE, mount_reads(&s));
	/* and when its grants have overtaken the revocation's */
	for (int i = 0; i < 3; i++) {
		char name[] = {'w', (char)('0' + i), '\0'};

		ok(edit(&s, name, false, &s.behind));
		fails(ERR_STALE, mount_reads(&s));
		ok(fixture_set(s.f->b, s.mallory->rings[0], NULL, "token", "laundered", NULL));
		fails(ERR_STALE, mount_reads(&s));
	}
	end(&s);
}

/* The one who is behind revokes her too, and its grant has the revocation's number and writers. */
static void by_the_same_revocation(void **state)
{
	struct story s;

	begin(*state, &s);
	put_on_top(&s, &s.granted.grant, &s.behind);
	put_on_top(&s, &s.granted.grant, &s.behind);
	ok(edit(&s, "mallory", true, &s.behind));
	fails(ERR_STALE, mount_reads(&s));
	ok(fixture_set_many(s.f->b, s.admin, NULL, "token", 5, NULL));
	fails(ERR_STALE, mount_reads(&s));
	end(&s);
}

/* A grant that names her, made on a fork, of a greater number than the revocation's. */
static void by_a_grant_from_a_fork(void **state)
{
	SNAPSHOT_CLEANUP struct snapshot *forked = NULL;
	struct backend *truth;
	struct story s;

	begin(*state, &s);
	truth = memory_copy(s.f->b);
	fixture_set_ref(s.f->b, s.admin, 1, s.behind.id);
	ok(edit(&s, "one", false, &s.behind));
	ok(edit(&s, "two", false, &s.behind));
	ok(edit(&s, "three", false, &s.behind));
	ok(snapshot_open(s.f->b, s.admin, NULL, &forked));
	fails(ERR_STALE, mount_reads(&s));
	memory_restore(s.f->b, truth);
	put_on_top(&s, &forked->commit.grant, NULL);
	fails(ERR_STALE, mount_reads(&s));
	put_on_top(&s, &forked->commit.grant, &s.mount->floors[3]);
	fails(ERR_STALE, mount_reads(&s));
	backend_close(truth);
	end(&s);
}

/* She jumps over her revocation to a reader whose floor is from before, under another grant. */
static void by_a_jump_over_the_revocation(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *early = NULL;
	struct story s;

	fixture_put(f, "alpha", "development", "token", "first of all");
	early = fixture_reader(f, "alpha", "development", NULL);
	begin(f, &s);
	ok(reads(&s, early->rings[3], &early->floors[3]));
	put_on_top(&s, &s.granted.grant, &early->floors[3]);
	fails(ERR_STALE, reads(&s, early->rings[3], &early->floors[3]));
	put_on_top(&s, &s.granted.grant, &s.behind);
	fails(ERR_STALE, reads(&s, early->rings[3], &early->floors[3]));
	end(&s);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(by_another_grant),
		in_memory(by_the_same_revocation),
		in_memory(by_a_grant_from_a_fork),
		in_memory(by_a_jump_over_the_revocation),
	};

	return cmocka_run_group_tests_name("nobody launders a revoked writer", tests, NULL, NULL);
}
