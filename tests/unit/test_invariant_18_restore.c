/* SPDX-License-Identifier: ISC */
/*
 * Invariant 18: a backup from before a revocation brings nobody back, and what the root accepts is
 * what it has judged.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "rewind.h"

struct story {
	struct fixture *f;
	struct keyring *admin;
	struct bundle *mallory, *ci, *mount;
	struct floor floor;
};

static void begin(struct fixture *f, struct story *s)
{
	struct backend *backup;

	*s = (struct story){.f = f};
	s->admin = fixture_ring(f, "alpha", "development");
	fixture_put(f, "alpha", "development", "token", "good");
	s->mallory = fixture_writer(f, "alpha", "development", "mallory", NULL);
	s->ci = fixture_writer(f, "alpha", "development", "ci", NULL);
	backup = memory_copy(f->b);
	fixture_revoke(f, "alpha", "development", "mallory");
	s->mount = fixture_reader(f, "alpha", "development", NULL);
	ok(floor_load(f->state, s->admin, &s->floor));
	memory_restore(f->b, backup);
	backend_close(backup);
}

static void end(struct story *s)
{
	bundle_free(s->mallory);
	bundle_free(s->ci);
	bundle_free(s->mount);
	keyring_free(s->admin);
}

static int mount_reads(struct story *s)
{
	char *text = NULL;
	int r = fixture_read(s->f->b, s->mount->rings[3], &s->mount->floors[3], &text);

	free(text);
	return r;
}

static void accept_keeping(struct story *s, size_t n)
{
	REWIND_CLEANUP struct rewind rw = {0};
	struct apply_result result;

	fails(ERR_STALE, mount_reads(s));
	ok(rewind_find(s->f->b, s->admin, &s->floor, 0, &rw));
	assert_false(rw.fresh);
	ok(rewind_commit(s->f->b, s->admin, &rw, (const char *[]){"ci"}, n, &result));
	fails(ERR_DENIED, fixture_set(s->f->b, s->mallory->rings[0], NULL, "token", "x", NULL));
	ok(mount_reads(s));
}

static void nobody_stays(void **state)
{
	struct story s;

	begin(*state, &s);
	accept_keeping(&s, 0);
	fails(ERR_DENIED, fixture_set(s.f->b, s.ci->rings[0], NULL, "token", "on", NULL));
	end(&s);
}

static void only_who_is_named_stays(void **state)
{
	struct story s;

	begin(*state, &s);
	accept_keeping(&s, 1);
	ok(fixture_set(s.f->b, s.ci->rings[0], NULL, "token", "on", NULL));
	ok(mount_reads(&s));
	end(&s);
}

/* A store may be changed between the two: the root accepts what it was shown. */
static void what_was_judged(void **state)
{
	REWIND_CLEANUP struct rewind rw = {0};
	struct apply_result result;
	struct story s;

	begin(*state, &s);
	ok(rewind_find(s.f->b, s.admin, &s.floor, 0, &rw));
	ok(fixture_set(s.f->b, s.mallory->rings[0], NULL, "token", "meanwhile", NULL));
	fails(ERR_CONFLICT, rewind_commit(s.f->b, s.admin, &rw, NULL, 0, &result));
	end(&s);
}

/*
 * Where what was accepted is still there, and the ref leads to a branch that is not of it, it counts,
 * with all that honest others have put on it since.
 */
static void what_was_seen_is_there(void **state)
{
	struct fixture *f = *state;
	struct apply_result result;
	struct floor before, floor;
	struct story s;
	char *text;

	begin(f, &s);
	before = s.ci->floors[0];
	floor = before;
	ok(fixture_set(f->b, s.ci->rings[0], &before, "token", "seen", &floor));
	ok(fixture_set(f->b, s.ci->rings[0], &before, "token", "acknowledged", NULL));
	fixture_set_ref(f->b, s.mallory->rings[0], 1, before.id);
	ok(fixture_set_many(f->b, s.mallory->rings[0], NULL, "token", 5, NULL));
	ok(apply_discontinuity(f->b, s.admin, &floor, &result));
	ok(fixture_read(f->b, s.mount->rings[3], &floor, &text));
	assert_non_null(strstr(text, "acknowledged"));
	free(text);
	/* But a ref put back to what it descends from is what somebody has restored. */
	fixture_set_ref(f->b, s.mallory->rings[0], 1, before.id);
	ok(apply_discontinuity(f->b, s.admin, &result.floor, &result));
	ok(fixture_read(f->b, s.mount->rings[3], &floor, &text));
	assert_null(strstr(text, "acknowledged"));
	free(text);
	end(&s);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(nobody_stays),
		in_memory(only_who_is_named_stays),
		in_memory(what_was_judged),
		in_memory(what_was_seen_is_there),
	};

	return cmocka_run_group_tests_name("a backup brings nobody back", tests, NULL, NULL);
}
