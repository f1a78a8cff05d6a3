/* SPDX-License-Identifier: ISC */
/*
 * Invariant 18: what a writer lists as retired, and the date on it, has nobody else delete what is
 * needed.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc.h"
#include "object.h"
#include "txn.h"

#define DAY_NS (86400 * UINT64_C(1000000000))

struct story {
	struct fixture *f;
	struct keyring *admin;
	struct bundle *mallory;
	struct snapshot *tip;
	struct commit next; /* hers */
	uint8_t value[HASH_SIZE];
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void begin(struct fixture *f, struct story *s)
{
	struct record rec;

	*s = (struct story){.f = f};
	s->admin = fixture_ring(f, "alpha", "development");
	fixture_put(f, "alpha", "development", "token", "good");
	for (int i = 0; i < 6; i++)
		fixture_put(f, "alpha", "development", "other", "x");
	s->mallory = fixture_writer(f, "alpha", "development", "mallory", NULL);
	ok(snapshot_open(f->b, s->mallory->rings[0], NULL, &s->tip));
	ok(commit_follow(f->b, s->mallory->rings[0], &s->tip->commit, &s->next));
	ok(snapshot_find(f->b, s->mallory->rings[0], s->tip, "token", &rec));
	memcpy(s->value, rec.versions[0].id, HASH_SIZE);
}

static void end(struct story *s)
{
	commit_fini(&s->next);
	snapshot_close(s->tip);
	bundle_free(s->mallory);
	keyring_free(s->admin);
}

static bool there(struct story *s, const uint8_t id[static HASH_SIZE])
{
	char key[BACKEND_KEY_SIZE];

	backend_object_key(s->admin->scope_id, id, key);
	return memory_find(s->f->b, key) != NULL;
}

/* Sweep as whoever k is does before its next commit. */
static uint64_t sweep(struct story *s, struct keyring *k)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	uint64_t swept;

	ok(snapshot_open(s->f->b, k, NULL, &tip));
	swept = tip->commit.swept;
	gc_run(s->f->b, k, tip, GC_GRACE, &swept);
	return swept;
}

/* The root signs, as of so many days ago, upon what there is. */
static void root_signs(struct story *s, uint64_t days)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	COMMIT_CLEANUP struct commit next;

	commit_init(&next);
	ok(snapshot_open(s->f->b, s->admin, NULL, &tip));
	ok(commit_follow(s->f->b, s->admin, &tip->commit, &next));
	next.time = now() - days * DAY_NS;
	fixture_publish(s->f->b, s->admin, &next);
}

/* What the newest commit names stays, and so does every commit, also when the time is truly over. */
static void what_is_named_and_commits(void **state)
{
	struct story s;

	begin(*state, &s);
	ok(txn_retire(&s.next, s.value));
	ok(txn_retire(&s.next, s.tip->commit.pages[0].id));
	ok(txn_retire(&s.next, s.tip->commit.prev));
	ok(txn_retire(&s.next, s.tip->commit.jump));
	s.next.time = 1;
	s.next.swept = s.next.epoch - 1;
	fixture_publish(s.f->b, s.mallory->rings[0], &s.next);
	root_signs(&s, 3);
	assert_int_equal(sweep(&s, s.admin), s.next.epoch + 1);
	assert_true(there(&s, s.value));
	assert_true(there(&s, s.tip->commit.pages[0].id));
	assert_true(there(&s, s.tip->commit.prev));
	assert_true(there(&s, s.tip->commit.jump));
	end(&s);
}

/* She drops all secrets in a commit of 1970, and one more: the root still has a day to go back. */
static void a_date_of_her_own(void **state)
{
	struct story s;
	COMMIT_CLEANUP struct commit more;

	commit_init(&more);
	begin(*state, &s);
	ok(txn_retire(&s.next, s.value));
	ok(txn_retire(&s.next, s.tip->commit.pages[0].id));
	s.next.npages = 0;
	s.next.time = 1;
	s.next.swept = s.next.epoch - 1;
	fixture_publish(s.f->b, s.mallory->rings[0], &s.next);
	ok(commit_follow(s.f->b, s.mallory->rings[0], &s.next, &more));
	more.time = 2;
	fixture_publish(s.f->b, s.mallory->rings[0], &more);
	sweep(&s, s.admin);
	assert_true(there(&s, s.value));
	/* As long as nobody else is a day further on. */
	root_signs(&s, 0);
	sweep(&s, s.admin);
	assert_true(there(&s, s.value));
	root_signs(&s, 2);
	sweep(&s, s.admin);
	assert_false(there(&s, s.value));
	assert_false(there(&s, s.tip->commit.pages[0].id));
	s.next.npages = 1;
	end(&s);
}

/* What an owner purges is read from pages that a writer may have made. */
static void a_purge_of_her_list(void **state)
{
	struct story s;
	struct snapshot *tip;
	IDSET_CLEANUP struct idset list = {0};

	begin(*state, &s);
	ok(idset_add(&list, s.value));
	ok(idset_add(&list, s.tip->commit.pages[0].id));
	ok(idset_add(&list, s.tip->commit.prev));
	ok(gc_drop(s.f->b, s.admin, s.tip, &list));
	assert_true(there(&s, s.value));
	assert_true(there(&s, s.tip->commit.pages[0].id));
	assert_true(there(&s, s.tip->commit.prev));
	s.next.npages = 0;
	fixture_publish(s.f->b, s.mallory->rings[0], &s.next);
	ok(snapshot_open(s.f->b, s.admin, NULL, &tip));
	ok(gc_drop(s.f->b, s.admin, tip, &list));
	assert_false(there(&s, s.value));
	assert_true(there(&s, s.tip->commit.prev));
	snapshot_close(tip);
	s.next.npages = 1;
	end(&s);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(what_is_named_and_commits),
		in_memory(a_date_of_her_own),
		in_memory(a_purge_of_her_list),
	};

	return cmocka_run_group_tests_name("retired is a word only", tests, NULL, NULL);
}
