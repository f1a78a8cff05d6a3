/* SPDX-License-Identifier: ISC */
/*
 * Invariant 12: a revoked writer stays out of every reader whose floor has passed the revocation; with
 * its old key, its old grant, and all that honest others may sign on top of it.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "object.h"

struct story {
	struct fixture *f;
	struct bundle *mallory;	  /* a writer, revoked later */
	struct bundle *honest;	  /* another writer, its floor from before the revocation */
	struct bundle *mount;	  /* its floor from before the revocation */
	struct floor revocation;  /* the commit that revoked it */
	struct backend *at_grant; /* the store when Mallory was a writer */
	struct commit next;	  /* Mallory's, on top of the revocation, under the old grant */
};

static void story_init(struct fixture *f, struct story *s)
{
	SNAPSHOT_CLEANUP struct snapshot *old = NULL, *tip = NULL;
	struct keyring *k;

	*s = (struct story){.f = f};
	fixture_put(f, "alpha", "development", "token", "true");
	s->honest = fixture_writer(f, "alpha", "development", "honest", NULL);
	s->mallory = fixture_writer(f, "alpha", "development", "mallory", NULL);
	k = s->mallory->rings[0];
	ok(fixture_set(f->b, k, &s->mallory->floors[0], "token", "while it was allowed", NULL));
	s->mount = fixture_reader(f, "alpha", "development", NULL);
	s->at_grant = memory_copy(f->b);
	ok(snapshot_open(f->b, k, NULL, &old));
	s->revocation = fixture_revoke(f, "alpha", "development", "mallory");
	ok(snapshot_open(f->b, k, NULL, &tip));
	ok(commit_follow(f->b, k, &tip->commit, &s->next));
	grant_fini(&s->next.grant);
	ok(grant_copy(&old->commit.grant, &s->next.grant));
}

static void story_fini(struct story *s)
{
	commit_fini(&s->next);
	bundle_free(s->mallory);
	bundle_free(s->honest);
	bundle_free(s->mount);
	backend_close(s->at_grant);
}

static void publish(struct story *s)
{
	BLOB_CLEANUP struct blob sealed = {0}, ref = {0};
	struct keyring *k = s->mallory->rings[0];
	char key[BACKEND_KEY_SIZE];

	ok(commit_seal(k, &s->next, &sealed));
	backend_object_key(k->scope_id, s->next.id, key);
	memory_set(s->f->b, key, sealed.data, sealed.len);
	ok(ref_seal(k, s->next.gen, s->next.id, &ref));
	backend_ref_key(k->scope_id, key);
	memory_set(s->f->b, key, ref.data, ref.len);
}

static int reads(struct story *s, const struct floor *floor)
{
	char *text = NULL;
	int r = fixture_read(s->f->b, s->mount->rings[3], floor, &text);

	free(text);
	return r;
}

static void the_front_door(void **state)
{
	struct fixture *f = *state;
	struct story s;
	struct keyring *k;

	story_init(f, &s);
	k = s.mallory->rings[0];
	fails(ERR_DENIED, fixture_set(f->b, k, &s.mallory->floors[0], "token", "after", NULL));
	fails(ERR_DENIED, fixture_set(f->b, k, NULL, "token", "after", NULL));
	ok(reads(&s, &s.revocation));
	story_fini(&s);
}

/* What it wrote while it was allowed stays: it is the mount's history. */
static void its_past_stays(void **state)
{
	struct fixture *f = *state;
	struct story s;
	char *text;

	story_init(f, &s);
	ok(fixture_read(f->b, s.mount->rings[3], &s.revocation, &text));
	assert_non_null(strstr(text, "while it was allowed"));
	free(text);
	story_fini(&s);
}

/* The old grant, which the root did sign, on a new commit on top of the revocation. */
static void the_old_grant_on_a_new_body(void **state)
{
	struct story s;

	story_init(*state, &s);
	publish(&s);
	fails(ERR_STALE, reads(&s, &s.revocation));
	/* Nor on the state it had before, with more on top of it. */
	memory_restore(s.f->b, s.at_grant);
	ok(fixture_set_many(s.f->b, s.mallory->rings[0], NULL, "token", 10, NULL));
	fails(ERR_STALE, reads(&s, &s.revocation));
	/* A reader that has not seen the revocation cannot know: that is what the floor is for. */
	ok(reads(&s, &s.mount->floors[3]));
	story_fini(&s);
}

/* The new grant does not name it. */
static void the_new_grant(void **state)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	struct fixture *f = *state;
	struct story s;
	struct grant *g;

	story_init(f, &s);
	ok(snapshot_open(f->b, s.mallory->rings[0], NULL, &tip));
	grant_fini(&s.next.grant);
	ok(grant_copy(&tip->commit.grant, &s.next.grant));
	g = &s.next.grant;
	memcpy(g->writers[0].pk, s.mallory->rings[0]->writer_pk, 32); /* for commit_seal only */
	publish(&s);
	fails(ERR_AUTH, reads(&s, &s.revocation));
	fails(ERR_AUTH, reads(&s, &s.mount->floors[3]));
	story_fini(&s);
}

/* An honest writer with a floor from before, shown Mallory's commit, walks to it by way of the
 * revocation, and does not sign on. */
static void an_honest_writer_misled(void **state)
{
	struct fixture *f = *state;
	struct story s;

	story_init(f, &s);
	publish(&s);
	fails(ERR_STALE,
	      fixture_set(f->b, s.honest->rings[0], &s.honest->floors[0], "token", "x", NULL));
	/* One that has no floor at all signs on, in vain. */
	for (int i = 0; i < 20; i++) {
		ok(fixture_set(f->b, s.honest->rings[0], NULL, "token", "x", NULL));
		fails(ERR_STALE, reads(&s, &s.revocation));
	}
	fails(ERR_STALE, fixture_set(f->b, s.honest->rings[0], &s.revocation, "token", "x", NULL));
	story_fini(&s);
}

/* The admin's own tools, whose floor has passed it, do not build on it either. */
static void the_admin_is_not_misled(void **state)
{
	struct fixture *f = *state;
	struct scope scope = fixture_scope("alpha", "development");
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	struct floor floor = {0};
	struct bundle *b;
	struct story s;

	story_init(f, &s);
	publish(&s);
	ok(floor_load(f->state, admin, &floor));
	fails(ERR_STALE, fixture_set(f->b, admin, &floor, "token", "x", NULL));
	fails(ERR_STALE, bundle_mint_reader(f->b, f->root, f->state, &scope, &b));
	fails(ERR_STALE, bundle_mint_writer(f->b, f->root, f->state, &scope, "new", &b));
	story_fini(&s);
}

/* Revoked and others come and go: no later grant lets it in again. */
static void at_any_later_floor(void **state)
{
	struct fixture *f = *state;
	struct floor floors[6];
	struct story s;

	story_init(f, &s);
	for (int i = 0; i < 6; i++) {
		char name[] = {'w', (char)('0' + i), '\0'};

		if (i % 2) {
			floors[i] = fixture_put(f, "alpha", "development", "token", name);
			continue;
		}
		bundle_free(fixture_writer(f, "alpha", "development", name, NULL));
		floors[i] = fixture_revoke(f, "alpha", "development", name);
	}
	publish(&s);
	for (int i = 0; i < 6; i++)
		fails(ERR_STALE, reads(&s, &floors[i]));
	/* Nor on top of the newest. */
	{
		SNAPSHOT_CLEANUP struct snapshot *old = NULL;
		struct keyring *k = s.mallory->rings[0];
		struct commit tip = {0};

		ok(snapshot_open(s.at_grant, k, NULL, &old));
		ok(commit_get(f->b, k, floors[5].id, &tip));
		commit_fini(&s.next);
		ok(commit_follow(f->b, k, &tip, &s.next));
		grant_fini(&s.next.grant);
		ok(grant_copy(&old->commit.grant, &s.next.grant));
		commit_fini(&tip);
	}
	publish(&s);
	for (int i = 0; i < 6; i++)
		fails(ERR_STALE, reads(&s, &floors[i]));
	story_fini(&s);
}

/* Granted again under the same name, the new key counts and the old does not. */
static void a_name_granted_anew(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *again = NULL;
	struct story s;
	struct floor floor;

	story_init(f, &s);
	again = fixture_writer(f, "alpha", "development", "mallory", NULL);
	ok(fixture_set(f->b, again->rings[0], &again->floors[0], "token", "new key", &floor));
	ok(reads(&s, &floor));
	fails(ERR_DENIED, fixture_set(f->b, s.mallory->rings[0], NULL, "token", "old key", NULL));
	publish(&s);
	fails(ERR_STALE, reads(&s, &again->floors[0]));
	story_fini(&s);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(the_front_door),
		in_memory(its_past_stays),
		in_memory(the_old_grant_on_a_new_body),
		in_memory(the_new_grant),
		in_memory(an_honest_writer_misled),
		in_memory(the_admin_is_not_misled),
		in_memory(at_any_later_floor),
		in_memory(a_name_granted_anew),
	};

	return cmocka_run_group_tests_name("a revoked writer stays out", tests, NULL, NULL);
}
