/* SPDX-License-Identifier: ISC */
/*
 * Invariant 18, its last sentence: no acknowledged update of somebody else is lost.  Whoever changes
 * what it has read (a move, a rollback) is told when it was changed since; nothing of the batch is
 * done then.
 */
#include "fixture.h"

#include <stdlib.h>

#include "value.h"

static void read_record(struct fixture *f, struct keyring *k, const char *name, struct record *out)
{
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;

	ok(snapshot_open(f->b, k, NULL, &s));
	ok(snapshot_find(f->b, k, s, name, out));
}

/* What a move within a scope commits, and what a rollback does, by what was read before. */
static int move(struct fixture *f, struct keyring *k, const struct record *was)
{
	SECRET_CLEANUP struct secret *v = NULL;
	struct apply_result result;
	struct change both[] = {{.op = CHANGE_CREATE, .name = "moved"},
				{.op = CHANGE_DELETE, .name = "token", .was = was}};

	ok(value_get(f->b, k, &was->versions[0], "token", &v));
	both[0].value = v;
	return apply_changes(f->b, k, NULL, both, 2, &result);
}

static int rollback(struct fixture *f, struct keyring *k, const struct record *was)
{
	SECRET_CLEANUP struct secret *v = NULL;
	struct apply_result result;
	struct change c = {.op = CHANGE_UPDATE, .name = "token", .was = was};

	ok(value_get(f->b, k, &was->versions[1], "token", &v));
	c.value = v;
	return apply_changes(f->b, k, NULL, &c, 1, &result);
}

static int (*const jobs[])(struct fixture *, struct keyring *, const struct record *) = {move,
											 rollback};

/* What somebody else gets acknowledged meanwhile. */
static void update(struct fixture *f, struct keyring *k)
{
	ok(fixture_set(f->b, k, NULL, "token", "of somebody else", NULL));
}

static void expiry(struct fixture *f, struct keyring *k)
{
	static uint64_t later = 4000000000;
	struct change c = {.op = CHANGE_UPDATE,
			   .name = "token",
			   .set = CHANGE_SET_EXPIRES,
			   .expires = later++};
	struct apply_result result;

	ok(apply_changes(f->b, k, NULL, &c, 1, &result));
}

static void deleted(struct fixture *f, struct keyring *k)
{
	struct change c = {.op = CHANGE_DELETE, .name = "token"};
	struct apply_result result;

	ok(apply_changes(f->b, k, NULL, &c, 1, &result));
}

static void made_anew(struct fixture *f, struct keyring *k)
{
	deleted(f, k);
	update(f, k);
}

static void (*const meanwhile[])(struct fixture *, struct keyring *) = {update, expiry, deleted,
									made_anew};

static void changed_since_it_was_read(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");

	for (size_t i = 0; i < sizeof(meanwhile) / sizeof(*meanwhile); i++) {
		for (size_t j = 0; j < sizeof(jobs) / sizeof(*jobs); j++) {
			struct record was;
			char *before, *after;

			fixture_put(f, "alpha", "development", "token", "first");
			fixture_put(f, "alpha", "development", "token", "second");
			read_record(f, k, "token", &was);
			meanwhile[i](f, k);
			ok(fixture_read(f->b, k, NULL, &before));
			fails(ERR_CHANGED, jobs[j](f, k, &was));
			ok(fixture_read(f->b, k, NULL, &after));
			assert_string_equal(before, after);
			free(before);
			free(after);
		}
	}
}

static void unchanged_it_is_done(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	struct record was;

	fixture_put(f, "alpha", "development", "token", "first");
	fixture_put(f, "alpha", "development", "token", "second");
	read_record(f, k, "token", &was);
	fixture_put(f, "alpha", "development", "another", "does not matter");
	ok(rollback(f, k, &was));
	read_record(f, k, "token", &was);
	ok(move(f, k, &was));
	read_record(f, k, "moved", &was);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(changed_since_it_was_read),
		in_memory(unchanged_it_is_done),
	};

	return cmocka_run_group_tests_name("no update is lost", tests, NULL, NULL);
}
