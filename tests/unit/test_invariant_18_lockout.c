/* SPDX-License-Identifier: ISC */
/*
 * Invariant 18: whatever a granted writer writes, the root can take its grant back and go on from the
 * last state that it trusts, and mounts follow.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "rewind.h"
#include "rotate.h"

struct story {
	struct fixture *f;
	struct keyring *admin;
	struct bundle *mallory, *mount; /* the mount's floor: some commits back, under one grant */
	struct commit next;		/* hers, honest so far */
	struct floor before;		/* the commit before it */
};

static void begin(struct fixture *f, struct story *s)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;

	*s = (struct story){.f = f};
	s->admin = fixture_ring(f, "alpha", "development");
	fixture_put(f, "alpha", "development", "token", "good");
	s->mallory = fixture_writer(f, "alpha", "development", "mallory", NULL);
	ok(fixture_set(f->b, s->mallory->rings[0], NULL, "token", "while allowed", NULL));
	s->mount = fixture_reader(f, "alpha", "development", NULL);
	for (int i = 0; i < 6; i++)
		ok(fixture_set(f->b, s->mallory->rings[0], NULL, "token", "while allowed", NULL));
	ok(snapshot_open(f->b, s->mallory->rings[0], NULL, &tip));
	s->before = floor_of(&tip->commit);
	ok(commit_follow(f->b, s->mallory->rings[0], &tip->commit, &s->next));
}

static void end(struct story *s)
{
	commit_fini(&s->next);
	bundle_free(s->mallory);
	bundle_free(s->mount);
	keyring_free(s->admin);
}

static void publish(struct story *s)
{
	fixture_publish(s->f->b, s->mallory->rings[0], &s->next);
}

static int mount_reads(struct story *s, const char *value)
{
	char *text = NULL;
	int r = fixture_read(s->f->b, s->mount->rings[3], &s->mount->floors[3], &text);

	if (r == 0 && value)
		assert_non_null(strstr(text, value));
	free(text);
	return r;
}

static int revoke(struct story *s)
{
	struct grant_writer w = {.name = "mallory"};
	struct apply_result result;
	struct floor floor = {0};
	struct apply_options opt = {.floor = &floor};
	int r;

	ok(floor_load(s->f->state, s->admin, &floor));
	r = apply_grant(s->f->b, s->admin, &opt, &w, true, &result);
	if (r == 0)
		ok(floor_store(s->f->state, s->admin, &result.floor));
	return r;
}

/* As secretctl restore --accept does; *fresh when there was nothing to accept. */
static int accept(struct story *s, bool *fresh, uint64_t *at)
{
	REWIND_CLEANUP struct rewind rw = {0};
	struct apply_result result;
	struct floor floor = {0};
	int r;

	ok(floor_load(s->f->state, s->admin, &floor));
	r = rewind_find(s->f->b, s->admin, &floor, at ? *at : 0, &rw);
	*fresh = rw.fresh && !rw.broken;
	if (r || (rw.fresh && !at))
		return r;
	if (at)
		*at = rw.at->commit.epoch;
	r = rewind_commit(s->f->b, s->admin, &rw, NULL, 0, &result);
	if (r == 0)
		ok(floor_store(s->f->state, s->admin, &result.floor));
	return r;
}

/* All that an administrator does after that. */
static void is_well(struct story *s)
{
	struct fixture *f = s->f;
	struct apply_result result;

	fails(ERR_DENIED, fixture_set(f->b, s->mallory->rings[0], NULL, "token", "x", NULL));
	fixture_put(f, "alpha", "development", "token", "repaired");
	ok(mount_reads(s, "repaired"));
	ok(rotate_begin(f->b, s->admin, NULL, &result));
	ok(rotate_finish(f->b, s->admin, NULL, &result));
}

static void a_jump_at_no_commit(void **state)
{
	struct story s;

	begin(*state, &s);
	memcpy(s.next.jump, s.next.pages[0].id, HASH_SIZE);
	s.next.jump_epoch = s.mount->floors[3].epoch + 2;
	publish(&s);
	ok(mount_reads(&s, "while allowed"));
	ok(revoke(&s));
	is_well(&s);
	end(&s);
}

/* The jump leads back behind the floor, whatever epoch it states; by prev all is well. */
static void a_jump_to_another_epoch(void **state)
{
	struct floor behind;
	struct story s;
	char *text;

	begin(*state, &s);
	behind = s.mallory->floors[0];
	memcpy(s.next.jump, behind.id, HASH_SIZE);
	s.next.jump_epoch = s.mount->floors[3].epoch + 2;
	publish(&s);
	ok(mount_reads(&s, "while allowed"));
	/* A floor that is nowhere on the way is not found by it either. */
	behind.id[0] ^= 1;
	fails(ERR_STALE, fixture_read(s.f->b, s.mount->rings[3], &behind, &text));
	ok(revoke(&s));
	is_well(&s);
	end(&s);
}

static void the_end_of_time(void **state)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	struct story s;
	uint64_t times[] = {UINT64_MAX / 4, UINT64_MAX / 4 - 1, UINT64_MAX / 8};

	for (int i = 0; i < 3; i++) {
		begin(*state, &s);
		s.next.time = times[i];
		publish(&s);
		/* Honest writers go on, and leave the time where it is. */
		ok(fixture_set(s.f->b, s.mallory->rings[0], NULL, "token", "on", NULL));
		ok(revoke(&s));
		/* The root takes it back. */
		ok(snapshot_open(s.f->b, s.admin, NULL, &tip));
		assert_true(tip->commit.time < UINT64_MAX / 8);
		snapshot_close(tip);
		tip = NULL;
		fixture_put(s.f, "alpha", "development", "token", "repaired");
		ok(mount_reads(&s, "repaired"));
		end(&s);
	}
}

static void the_last_epoch(void **state)
{
	struct story s;
	bool fresh;

	begin(*state, &s);
	memcpy(s.next.jump, s.next.prev, HASH_SIZE);
	s.next.jump_epoch = s.before.epoch;
	s.next.epoch = UINT64_MAX;
	publish(&s);
	/* A reader may come to believe it, and the root too. */
	(void)mount_reads(&s, NULL);
	{
		SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
		struct floor floor = s.before;

		ok(snapshot_open(s.f->b, s.admin, &floor, &tip));
		floor = floor_of(&tip->commit);
		ok(floor_store(s.f->state, s.admin, &floor));
		s.mount->floors[3] = floor;
	}
	refused(revoke(&s));
	ok(accept(&s, &fresh, NULL));
	assert_false(fresh);
	ok(mount_reads(&s, "while allowed"));
	is_well(&s);
	end(&s);
}

static void pages_that_are_none(void **state)
{
	struct story s;
	bool fresh;
	uint64_t at;

	begin(*state, &s);
	memcpy(s.next.pages[0].id, s.next.prev, HASH_SIZE);
	publish(&s);
	fails(ERR_AUTH, mount_reads(&s, NULL));
	ok(revoke(&s));
	/* Which state it is to be is for the root to say. */
	ok(accept(&s, &fresh, NULL));
	assert_false(fresh);
	fails(ERR_AUTH, mount_reads(&s, NULL));
	at = s.before.epoch;
	ok(accept(&s, &fresh, &at));
	ok(mount_reads(&s, "while allowed"));
	is_well(&s);
	end(&s);
}

/* More pages than anybody can hold: no commit at all, for anybody. */
static void forty_thousand_pages(void **state)
{
	const size_t n = 30000;
	struct commit_page *pages = calloc(n, sizeof(*pages));
	struct story s;
	bool fresh;

	begin(*state, &s);
	for (size_t i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%06zu", i);
		pages[i].first = strdup(name);
		memcpy(pages[i].id, s.next.pages[0].id, HASH_SIZE);
	}
	free(s.next.pages[0].first);
	free(s.next.pages);
	s.next.pages = pages;
	s.next.npages = n;
	publish(&s);
	fails(ERR_AUTH, mount_reads(&s, NULL));
	refused(revoke(&s));
	ok(accept(&s, &fresh, NULL));
	assert_false(fresh);
	ok(mount_reads(&s, "while allowed"));
	is_well(&s);
	end(&s);
}

/* A ref that names nothing; what an honest writer did since the root looked last stays. */
static void a_ref_to_nowhere(void **state)
{
	static const uint8_t nowhere[HASH_SIZE] = {1};
	struct story s;
	bool fresh;

	begin(*state, &s);
	ok(fixture_set(s.f->b, s.admin, NULL, "other", "acknowledged", NULL));
	fixture_set_ref(s.f->b, s.mallory->rings[0], 1, nowhere);
	refused(revoke(&s));
	ok(accept(&s, &fresh, NULL));
	ok(mount_reads(&s, "acknowledged"));
	is_well(&s);
	end(&s);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(a_jump_at_no_commit), in_memory(a_jump_to_another_epoch),
		in_memory(the_end_of_time),	in_memory(the_last_epoch),
		in_memory(pages_that_are_none), in_memory(forty_thousand_pages),
		in_memory(a_ref_to_nowhere),
	};

	return cmocka_run_group_tests_name("the root is not locked out", tests, NULL, NULL);
}
