/* SPDX-License-Identifier: ISC */
/* The mount's part of invariant 7: which floors a view must have passed. */
#include "fixture.h"

#include <string.h>

#include "load.h"

/* Load a view as a daemon does that starts with this bundle and state. */
static int start(struct backend *b, struct bundle *bundle, const char *state)
{
	struct load_error e = {0};
	struct view *view = NULL;
	struct load *l;
	int r;

	ok(load_open(b, bundle, state, NULL, &l));
	r = load_view(l, &view, &e);
	if (r == 0)
		ok(load_store_floors(l, &e));
	view_unref(view);
	load_close(l);
	return r;
}

static void what_was_accepted_is_not_gone_behind(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *bundle = NULL;
	struct backend *old;

	fixture_put(f, "alpha", "development", "token", "1");
	bundle = fixture_reader(f, "alpha", "development", NULL);
	fixture_put(f, "alpha", "development", "token", "2");
	old = memory_copy(f->b);
	fixture_put(f, "alpha", "development", "token", "3");
	ok(start(f->b, bundle, "mount"));
	fails(ERR_STALE, start(old, bundle, "mount"));
	ok(start(old, bundle, "elsewhere")); /* which has only the bundle to go by */
	ok(start(old, bundle, NULL));
	backend_close(old);
}

static void nor_while_it_runs(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *bundle = NULL;
	struct load_error e = {0};
	struct view *view = NULL;
	struct backend *old;
	struct load *l;

	fixture_put(f, "alpha", "development", "token", "1");
	bundle = fixture_reader(f, "alpha", "development", NULL);
	old = memory_copy(f->b);
	fixture_put(f, "alpha", "development", "token", "2");
	ok(load_open(f->b, bundle, NULL, NULL,
		     &l)); /* no state directory: its own memory will do */
	ok(load_view(l, &view, &e));
	view_unref(view);
	memory_restore(f->b, old);
	fails(ERR_STALE, load_view(l, &view, &e));
	load_close(l);
	backend_close(old);
}

/*
 * An admin who has no memory of the store is shown a fork, and mints a bundle whose floor lies on it,
 * later than the mount's state.  The mount has seen the truth.
 */
static void a_bundle_minted_on_a_fork(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	BUNDLE_CLEANUP struct bundle *bundle = NULL, *forked = NULL;
	struct backend *fork;

	fixture_put(f, "alpha", "development", "token", "0");
	bundle = fixture_reader(f, "alpha", "development", NULL);
	fork = memory_copy(f->b);
	ok(fixture_set_many(f->b, admin, NULL, "token", 5, NULL));
	ok(start(f->b, bundle, "mount"));

	ok(fixture_set_many(fork, admin, NULL, "token", 20, NULL));
	memory_restore(f->b, fork);
	f->state = "forgetful";
	forked = fixture_reader(f, "alpha", "development", NULL);
	f->state = "state";
	ok(start(f->b, forked, "elsewhere"));
	fails(ERR_STALE, start(f->b, forked, "mount"));
	backend_close(fork);
}

/* The other way round: the state is the later, and the bundle's floor is not among its ancestors. */
static void a_state_from_a_fork(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	BUNDLE_CLEANUP struct bundle *bundle = NULL, *minted = NULL;
	struct backend *fork;

	fixture_put(f, "alpha", "development", "token", "0");
	bundle = fixture_reader(f, "alpha", "development", NULL);
	fork = memory_copy(f->b);
	ok(fixture_set_many(f->b, admin, NULL, "token", 5, NULL));
	minted = fixture_reader(f, "alpha", "development", NULL);

	ok(fixture_set_many(fork, admin, NULL, "token", 20, NULL));
	ok(start(fork, bundle, "misled"));
	fails(ERR_STALE, start(fork, minted, "misled"));
	backend_close(fork);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(what_was_accepted_is_not_gone_behind),
		in_memory(nor_while_it_runs),
		in_memory(a_bundle_minted_on_a_fork),
		in_memory(a_state_from_a_fork),
	};

	return cmocka_run_group_tests_name("the floors of a mount", tests, NULL, NULL);
}
