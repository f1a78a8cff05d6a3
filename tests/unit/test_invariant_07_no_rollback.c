/* SPDX-License-Identifier: ISC */
/*
 * Invariant 7: no rollback, fork or laundering.  The adversary keeps every state the store ever had
 * and shows each party the one it likes; some hold a granted key as well.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "rewind.h"
#include "rotate.h"

#define HISTORY 24

/* --- one scope and its whole past ------------------------------------------------------------------------ */

struct past {
	struct fixture *f;
	struct keyring *admin;	/* of alpha+development; has no floor but what is passed */
	struct keyring *reader; /* of a mount */
	struct bundle *bundle;
	struct backend *stores[HISTORY]; /* as they were */
	struct floor floors[HISTORY];	 /* what they had come to */
};

static void past_init(struct fixture *f, struct past *p)
{
	*p = (struct past){.f = f};
	p->admin = fixture_ring(f, "alpha", "development");
	fixture_put(f, "alpha", "development", "token", "0");
	p->bundle = fixture_reader(f, "alpha", "development", NULL);
	p->reader = p->bundle->rings[3];
	for (int i = 0; i < HISTORY; i++) {
		ok(fixture_set_many(f->b, p->admin, NULL, "token", 1, &p->floors[i]));
		p->stores[i] = memory_copy(f->b);
	}
}

static void past_fini(struct past *p)
{
	for (int i = 0; i < HISTORY; i++)
		backend_close(p->stores[i]);
	bundle_free(p->bundle);
	keyring_free(p->admin);
}

static int open_with(struct backend *b, struct keyring *k, const struct floor *floor)
{
	char *text = NULL;
	int r = fixture_read(b, k, floor, &text);

	free(text);
	return r;
}

/* Only the ref of one state among the objects of another. */
static void put_ref(struct backend *to, struct backend *from, const struct keyring *k)
{
	char key[BACKEND_KEY_SIZE];
	const struct blob *ref;

	backend_ref_key(k->scope_id, key);
	ref = memory_find(from, key);
	memory_set(to, key, ref->data, ref->len);
}

/* Everything that either has; where both have something, what `from` has. */
static void pour(struct backend *to, struct backend *from)
{
	for (size_t i = 0; i < memory_count(from); i++) {
		const struct blob *file = memory_find(from, memory_key(from, i));

		memory_set(to, memory_key(from, i), file->data, file->len);
	}
}

/* --- rollback ---------------------------------------------------------------------------------------------- */

/* Every state against every floor: adopted if and only if it is not older. */
static void every_old_state(void **state)
{
	struct past p;

	past_init(*state, &p);
	for (int shown = 0; shown < HISTORY; shown++)
		for (int seen = 0; seen < HISTORY; seen++)
			fixture_is(shown < seen ? ERR_STALE : 0,
				   open_with(p.stores[shown], p.reader, &p.floors[seen]),
				   "a state against a floor", __FILE__, __LINE__);
	past_fini(&p);
}

static void every_old_ref(void **state)
{
	struct past p;

	past_init(*state, &p);
	for (int shown = 0; shown < HISTORY; shown++) {
		put_ref(p.f->b, p.stores[shown], p.reader);
		fixture_is(shown < HISTORY - 1 ? ERR_STALE : 0,
			   open_with(p.f->b, p.reader, &p.floors[HISTORY - 1]), "an old ref",
			   __FILE__, __LINE__);
	}
	past_fini(&p);
}

/* A mount's floor: of the bundle's and the state's the later, whichever that is. */
static void the_later_of_bundle_and_state(void **state)
{
	struct past p;

	past_init(*state, &p);
	for (int i = 0; i < 3; i++) {
		struct floor in_state = p.floors[i == 1 ? 20 : 10];
		struct floor floor = p.floors[i == 1 ? 10 : 20];
		const char *dir = i == 2 ? "nothing-there" : i ? "mount-1" : "mount-0";

		if (i < 2)
			ok(floor_store(dir, p.reader, &in_state));
		ok(floor_load(dir, p.reader, &floor));
		assert_memory_equal(floor.id, p.floors[20].id, HASH_SIZE);
		fails(ERR_STALE, open_with(p.stores[19], p.reader, &floor));
		ok(open_with(p.stores[20], p.reader, &floor));
		ok(open_with(p.stores[23], p.reader, &floor));
	}
	/* Storing an older one lowers nothing. */
	ok(floor_store("mount-1", p.reader, &p.floors[3]));
	p.floors[0] = (struct floor){0};
	ok(floor_load("mount-1", p.reader, &p.floors[0]));
	assert_memory_equal(p.floors[0].id, p.floors[20].id, HASH_SIZE);
	past_fini(&p);
}

/* The admin's own tools do not build upon what is older than what they have seen. */
static void writers_do_not_build_on_it(void **state)
{
	struct past p;

	past_init(*state, &p);
	put_ref(p.f->b, p.stores[5], p.admin);
	fails(ERR_STALE, fixture_set(p.f->b, p.admin, &p.floors[20], "token", "x", NULL));
	ok(floor_store(p.f->state, p.admin, &p.floors[20]));
	refused(bundle_mint_writer(p.f->b, p.f->root, p.f->state, &p.admin->scope, "ci",
				   &(struct bundle *){0}));
	past_fini(&p);
}

/* --- fork -------------------------------------------------------------------------------------------------- */

static void a_fork_of_any_length(void **state)
{
	struct past p;

	past_init(*state, &p);
	for (int from = 0; from < HISTORY - 1; from += 2) {
		struct backend *fork = memory_copy(p.stores[from]);

		for (int step = 0; step < HISTORY + 5 - from; step++) {
			struct floor floor;

			ok(fixture_set(fork, p.admin, NULL, "token", "forked", &floor));
			/* Up to the fork it is a descendant, beyond it never, at any epoch. */
			for (int seen = 0; seen < HISTORY; seen += 1 + seen / 4)
				fixture_is(seen <= from ? 0 : ERR_STALE,
					   open_with(fork, p.reader, &p.floors[seen]), "a fork",
					   __FILE__, __LINE__);
			/* All objects of both there, the fork's ref. */
			if (step == HISTORY - from) {
				struct backend *both = memory_copy(p.f->b);

				pour(both, fork);
				fails(ERR_STALE, open_with(both, p.reader, &p.floors[from + 1]));
				fails(ERR_STALE, fixture_set(both, p.admin, &p.floors[from + 1],
							     "x", "y", NULL));
				backend_close(both);
			}
		}
		backend_close(fork);
	}
	past_fini(&p);
}

/* Two commits of one epoch on one predecessor: who has seen the one refuses the other. */
static void a_fork_of_the_same_epoch(void **state)
{
	struct past p;
	struct backend *other;
	struct floor one, two;

	past_init(*state, &p);
	other = memory_copy(p.f->b);
	ok(fixture_set(p.f->b, p.admin, NULL, "token", "one", &one));
	ok(fixture_set(other, p.admin, NULL, "token", "two", &two));
	assert_int_equal(one.epoch, two.epoch);
	pour(p.f->b, other);
	fails(ERR_STALE, open_with(p.f->b, p.reader, &one));
	ok(open_with(p.f->b, p.reader, &two));
	ok(open_with(p.f->b, p.reader, &p.floors[HISTORY - 1]));
	backend_close(other);
	past_fini(&p);
}

/* --- laundering ----------------------------------------------------------------------------------------------- */

/*
 * An old ref shown to a CI job that keeps no state: its floor is its bundle's, older still, so that it
 * signs on, a hundred times.  The mount has seen newer: it is never led there, at no length.
 */
static void an_old_ref_signed_on_a_hundred_times(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *ci = NULL;
	struct past p;

	fixture_put(f, "alpha", "development", "token", "before");
	ci = fixture_writer(f, "alpha", "development", "ci", NULL);
	past_init(f, &p);
	put_ref(f->b, p.stores[2], p.admin);
	for (int i = 0; i < 100; i++) {
		ok(fixture_set(f->b, ci->rings[0], &ci->floors[0], "token", "stale", NULL));
		fails(ERR_STALE, open_with(f->b, p.reader, &p.floors[3]));
		fails(ERR_STALE, open_with(f->b, p.reader, &p.floors[HISTORY / 2]));
		fails(ERR_STALE, open_with(f->b, p.reader, &p.floors[HISTORY - 1]));
		ok(open_with(f->b, p.reader, &p.floors[2]));
	}
	past_fini(&p);
}

/* --- a granted writer that lies about the past -------------------------------------------------------------------- */

struct liar {
	struct past p;
	struct bundle *ci;
	struct backend *fork; /* a fork at stores[2], as long as the truth and a bit more */
	struct commit next;   /* on the fork's tip */
};

static void liar_init(struct fixture *f, struct liar *x)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;

	*x = (struct liar){0};
	fixture_put(f, "alpha", "development", "token", "before");
	x->ci = fixture_writer(f, "alpha", "development", "ci", NULL);
	past_init(f, &x->p);
	x->fork = memory_copy(x->p.stores[2]);
	ok(fixture_set_many(x->fork, x->ci->rings[0], NULL, "token", HISTORY, NULL));
	pour(f->b, x->fork);
	ok(snapshot_open(f->b, x->ci->rings[0], NULL, &tip));
	ok(commit_follow(f->b, x->ci->rings[0], &tip->commit, &x->next));
}

static void liar_fini(struct liar *x)
{
	commit_fini(&x->next);
	backend_close(x->fork);
	bundle_free(x->ci);
	past_fini(&x->p);
}

static void publish(struct liar *x)
{
	BLOB_CLEANUP struct blob sealed = {0}, ref = {0};
	struct keyring *k = x->ci->rings[0];
	char key[BACKEND_KEY_SIZE];

	ok(commit_seal(k, &x->next, &sealed));
	backend_object_key(k->scope_id, x->next.id, key);
	memory_set(x->p.f->b, key, sealed.data, sealed.len);
	ok(ref_seal(k, x->next.gen, x->next.id, &ref));
	backend_ref_key(k->scope_id, key);
	memory_set(x->p.f->b, key, ref.data, ref.len);
}

/*
 * A jump pointer from the fork into the truth.  Whoever has seen a later truth than it points to comes
 * by way of prev and refuses.  For whoever has not, the commit does descend from the floor: its signer
 * might as well have written it there.
 */
static void a_jump_that_lies(void **state)
{
	struct liar x;

	liar_init(*state, &x);
	for (int to = 3; to < HISTORY; to++) {
		const struct floor *floors = x.p.floors;

		memcpy(x.next.jump, floors[to].id, HASH_SIZE);
		x.next.jump_epoch = floors[to].epoch;
		publish(&x);
		for (int seen = to + 1; seen < HISTORY; seen++)
			fails(ERR_STALE, open_with(x.p.f->b, x.p.reader, &floors[seen]));
		/* The true commit under another epoch than its own. */
		x.next.jump_epoch = floors[to].epoch + 1;
		publish(&x);
		for (int seen = 3; seen < HISTORY; seen++)
			if (seen != to + 1)
				refused(open_with(x.p.f->b, x.p.reader, &floors[seen]));
			else
				fails(ERR_STALE, open_with(x.p.f->b, x.p.reader, &floors[seen]));
	}
	liar_fini(&x);
}

/* Epochs that leap, stand still or fall; jumps to oneself, ahead, to nothing.  Nothing hangs. */
static void numbers_that_lie(void **state)
{
	const uint64_t epochs[] = {0, 1, 2, 3, 5, 27, 1000, UINT64_MAX - 1, UINT64_MAX};
	const size_t n = sizeof(epochs) / sizeof(*epochs);
	struct liar x;

	liar_init(*state, &x);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			x.next.epoch = epochs[i];
			x.next.jump_epoch = epochs[j];
			x.next.swept = 0;
			publish(&x);
			for (int seen = 3; seen < HISTORY; seen += 4)
				refused(open_with(x.p.f->b, x.p.reader, &x.p.floors[seen]));
			/* An honest writer is not led to make something that nobody can read. */
			if (fixture_set(x.p.f->b, x.p.admin, NULL, "token", "on top", NULL) == 0)
				ok(open_with(x.p.f->b, x.p.reader, NULL));
		}
	}
	liar_fini(&x);
}

/* Times likewise. */
static void times_that_lie(void **state)
{
	const uint64_t times[] = {0,
				  UINT64_MAX / 4 - 1,
				  UINT64_MAX / 4,
				  UINT64_MAX / 4 + 1,
				  UINT64_MAX / 2,
				  UINT64_MAX - 1,
				  UINT64_MAX};
	struct liar x;

	liar_init(*state, &x);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		x.next.time = times[i];
		publish(&x);
		refused(open_with(x.p.f->b, x.p.reader, &x.p.floors[20]));
		for (int more = 0; more < 3; more++)
			if (fixture_set(x.p.f->b, x.p.admin, NULL, "token", "on top", NULL) == 0)
				ok(open_with(x.p.f->b, x.p.reader, NULL));
	}
	liar_fini(&x);
}

/* --- grants and discontinuity ------------------------------------------------------------------------------------------ */

/* Floors across changes of the grant: neither the old grant nor the old commits come back. */
static void across_grants(void **state)
{
	struct fixture *f = *state;
	struct backend *stores[4];
	struct floor floors[4];
	struct past p;

	past_init(f, &p);
	for (int i = 0; i < 4; i++) {
		KEYRING_CLEANUP struct keyring *w = fixture_self_made(p.reader);
		char name[24];

		snprintf(name, sizeof(name), "writer-%d", i);
		floors[i] = fixture_grant(f, "alpha", "development", w, name);
		stores[i] = memory_copy(f->b);
		assert_int_equal(floors[i].grant_epoch, i + 2);
	}
	for (int shown = 0; shown < 4; shown++)
		for (int seen = 0; seen < 4; seen++)
			fixture_is(shown < seen ? ERR_STALE : 0,
				   open_with(stores[shown], p.reader, &floors[seen]),
				   "a state against a floor of another grant", __FILE__, __LINE__);
	for (int i = 0; i < 4; i++)
		backend_close(stores[i]);
	past_fini(&p);
}

/* A backup put back, and history going on from it: without the root's word, and with it. */
static void a_restored_backup(void **state)
{
	struct fixture *f = *state;
	struct backend *restored, *later, *fork;
	struct floor accepted, after;
	struct apply_result result;
	struct past p;

	past_init(f, &p);
	restored = memory_copy(p.stores[8]);
	fork = memory_copy(p.stores[6]);
	ok(fixture_set_many(restored, p.admin, NULL, "token", 30, NULL));
	fails(ERR_STALE, open_with(restored, p.reader, &p.floors[20]));

	memory_restore(restored, p.stores[8]);
	ok(apply_discontinuity(restored, p.admin, &p.floors[HISTORY - 1], &result));
	accepted = result.floor;
	/* Everyone follows, however far they were, also who meets it later only. */
	ok(open_with(restored, p.reader, &p.floors[4]));
	ok(open_with(restored, p.reader, &p.floors[8]));
	ok(open_with(restored, p.reader, &p.floors[20]));
	later = memory_copy(restored);
	ok(fixture_set_many(later, p.admin, &accepted, "token", 10, &after));
	ok(open_with(later, p.reader, &p.floors[20]));
	ok(open_with(later, p.reader, &accepted));

	/* Who has followed goes back neither to what was lost nor to before. */
	fails(ERR_STALE, open_with(p.f->b, p.reader, &accepted));
	fails(ERR_STALE, open_with(p.stores[8], p.reader, &accepted));
	fails(ERR_STALE, open_with(restored, p.reader, &after));
	ok(fixture_set_many(p.f->b, p.admin, NULL, "token", 40, NULL));
	fails(ERR_STALE, open_with(p.f->b, p.reader, &accepted));
	fails(ERR_STALE, open_with(p.f->b, p.reader, &after));

	/* And a fork from before under the same word of the root's is none of it. */
	ok(fixture_set_many(fork, p.admin, NULL, "token", 5, NULL));
	fails(ERR_STALE, open_with(fork, p.reader, &accepted));
	backend_close(restored);
	backend_close(later);
	backend_close(fork);
	past_fini(&p);
}

/*
 * A state left behind by a mount that slept through a rotation does not keep its new bundle out, and
 * one that still runs on the old bundle does not put it back.
 */
static void a_state_of_another_generation(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *new = NULL;
	struct apply_result result;
	struct floor floor = {0};
	struct past p;

	past_init(f, &p);
	ok(floor_store("mount", p.reader, &p.floors[HISTORY - 1]));
	ok(rotate_begin(f->b, p.admin, NULL, &result));
	ok(rotate_finish(f->b, p.admin, NULL, &result));
	ok(fixture_set_many(f->b, p.admin, NULL, "token", 3, NULL));
	new = fixture_reader(f, "alpha", "development", NULL);
	assert_int_equal(new->rings[3]->gens[0].gen, 2);
	assert_int_equal(new->rings[3]->gens[1].gen, 0);

	floor = new->floors[3];
	ok(floor_load("mount", new->rings[3], &floor));
	assert_memory_equal(floor.id, new->floors[3].id, HASH_SIZE);
	ok(open_with(f->b, new->rings[3], &floor));
	floor.gen = 2;
	ok(floor_store("mount", new->rings[3], &floor));

	ok(floor_store("mount", p.reader, &p.floors[HISTORY - 1]));
	floor = (struct floor){0};
	ok(floor_load("mount", new->rings[3], &floor));
	assert_memory_equal(floor.id, new->floors[3].id, HASH_SIZE);
	fails(ERR_GENERATION, floor_load("mount", p.reader, &floor));
	past_fini(&p);
}

/* The root's discontinuity, granted writers included, on a history that it does not name. */
static void a_discontinuity_for_another_history(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *ci = NULL;
	REWIND_CLEANUP struct rewind rw = {0};
	struct apply_result result;
	struct commit next = {0};
	struct backend *fork;
	struct past p;
	struct keyring *k;

	fixture_put(f, "alpha", "development", "token", "before");
	ci = fixture_writer(f, "alpha", "development", "ci", NULL);
	k = ci->rings[0];
	past_init(f, &p);
	fork = memory_copy(p.stores[3]);
	memory_restore(f->b, p.stores[8]);
	ok(rewind_find(f->b, p.admin, &p.floors[HISTORY - 1], 0, &rw));
	ok(rewind_commit(f->b, p.admin, &rw, (const char *[]){"ci"}, 1, &result));

	/* The writer takes that grant to a fork from before the commit it names. */
	{
		SNAPSHOT_CLEANUP struct snapshot *tip = NULL, *word = NULL;
		BLOB_CLEANUP struct blob sealed = {0}, ref = {0};
		char key[BACKEND_KEY_SIZE];

		ok(fixture_set_many(fork, k, &ci->floors[0], "token", 30, NULL));
		ok(snapshot_open(fork, k, NULL, &tip));
		ok(snapshot_open(f->b, k, NULL, &word));
		ok(commit_follow(fork, k, &tip->commit, &next));
		grant_fini(&next.grant);
		ok(grant_copy(&word->commit.grant, &next.grant));
		ok(commit_seal(k, &next, &sealed));
		backend_object_key(k->scope_id, next.id, key);
		memory_set(fork, key, sealed.data, sealed.len);
		ok(ref_seal(k, next.gen, next.id, &ref));
		backend_ref_key(k->scope_id, key);
		memory_set(fork, key, ref.data, ref.len);
	}
	pour(fork, p.stores[HISTORY - 1]);
	put_ref(fork, f->b, k);
	refused(open_with(fork, p.reader, &p.floors[20])); /* the true tip's commit is not there */
	{
		BLOB_CLEANUP struct blob ref = {0};
		char key[BACKEND_KEY_SIZE];

		ok(ref_seal(k, next.gen, next.id, &ref));
		backend_ref_key(k->scope_id, key);
		memory_set(fork, key, ref.data, ref.len);
	}
	for (int seen = 4; seen < HISTORY; seen++)
		fails(ERR_STALE, open_with(fork, p.reader, &p.floors[seen]));
	fails(ERR_STALE, open_with(fork, p.reader, &result.floor));
	commit_fini(&next);
	backend_close(fork);
	past_fini(&p);
}

/* A writer that sets the flag itself has no root signature on it. */
static void a_discontinuity_of_ones_own(void **state)
{
	struct liar x;

	liar_init(*state, &x);
	x.ci->rings[0]->has_root = true;
	crypto_sign_keypair(x.ci->rings[0]->root_pk, x.ci->rings[0]->root_sk);
	x.next.grant.flags |= GRANT_DISCONTINUITY;
	x.next.grant.epoch += 5;
	x.next.grant.since = x.next.grant.epoch;
	x.next.grant.base_epoch = x.p.floors[2].epoch;
	memcpy(x.next.grant.base, x.p.floors[2].id, HASH_SIZE);
	ok(grant_sign(x.ci->rings[0], &x.next.grant));
	publish(&x);
	fails(ERR_AUTH, open_with(x.p.f->b, x.p.reader, &x.p.floors[20]));
	liar_fini(&x);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(every_old_state),
		in_memory(every_old_ref),
		in_memory(the_later_of_bundle_and_state),
		in_memory(writers_do_not_build_on_it),
		in_memory(a_fork_of_any_length),
		in_memory(a_fork_of_the_same_epoch),
		in_memory(an_old_ref_signed_on_a_hundred_times),
		in_memory(a_jump_that_lies),
		in_memory(numbers_that_lie),
		in_memory(times_that_lie),
		in_memory(across_grants),
		in_memory(a_restored_backup),
		in_memory(a_state_of_another_generation),
		in_memory(a_discontinuity_for_another_history),
		in_memory(a_discontinuity_of_ones_own),
	};

	return cmocka_run_group_tests_name("no rollback, fork or laundering", tests, NULL, NULL);
}
