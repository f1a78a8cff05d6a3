/* SPDX-License-Identifier: ISC */
/*
 * Invariant 18, a granted writer can ruin the contents of its scope and no more: versions that no key
 * opens, named by the thousand, stop neither the rotation that is to put the writer out nor a batch.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "rotate.h"
#include "value.h"

static void set_object(struct fixture *f, struct keyring *k, const uint8_t id[static HASH_SIZE],
		       const struct blob *sealed)
{
	char key[BACKEND_KEY_SIZE];

	backend_object_key(k->scope_id, id, key);
	memory_set(f->b, key, sealed->data, sealed->len);
}

static void publish(struct fixture *f, struct keyring *k, struct commit *c)
{
	BLOB_CLEANUP struct blob sealed = {0}, ref = {0};
	char key[BACKEND_KEY_SIZE];

	ok(commit_seal(k, c, &sealed));
	set_object(f, k, c->id, &sealed);
	ok(ref_seal(k, c->gen, c->id, &ref));
	backend_ref_key(k->scope_id, key);
	memory_set(f->b, key, ref.data, ref.len);
}

/* Old versions of rec that lead nowhere. */
static void spoil(struct record *rec, unsigned n)
{
	for (; rec->nversions <= n; rec->nversions++) {
		rec->versions[rec->nversions] = rec->versions[0];
		randombytes_buf(rec->versions[rec->nversions].id, HASH_SIZE);
	}
}

/* "token" gets an old version that does not open, and n more secrets of 46 such a one, whose newest
 * is token's bytes and does not open under another name. */
static void spoil_scope(struct fixture *f, struct keyring *k, size_t n)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	struct commit next = {0};
	struct record rec;
	size_t done = 0;

	ok(snapshot_open(f->b, k, NULL, &tip));
	ok(commit_follow(f->b, k, &tip->commit, &next));
	ok(snapshot_find(f->b, k, tip, "token", &rec));
	spoil(&rec, n ? 45 : 1);
	next.pages = realloc(next.pages, (1 + n / 20 + 1) * sizeof(*next.pages));
	assert_non_null(next.pages);
	for (next.npages = 0; next.npages == 0 || done < n; next.npages++) {
		struct commit_page *page = &next.pages[next.npages];
		BLOB_CLEANUP struct blob body = {0}, sealed = {0};
		ENC_CLEANUP struct enc w = {0};

		if (next.npages == 0)
			page_put(&w, &rec);
		for (int i = 0; next.npages && i < 20 && done < n; i++, done++) {
			snprintf(rec.name, sizeof(rec.name), "z%06zu", done);
			if (i == 0)
				page->first = strdup(rec.name);
			page_put(&w, &rec);
		}
		ok(enc_finish(&w, &body));
		ok(object_seal(k, OBJECT_PAGE, next.gen, &body, &sealed));
		object_id(&sealed, page->id);
		set_object(f, k, page->id, &sealed);
	}
	publish(f, k, &next);
	commit_fini(&next);
}

struct told {
	size_t old, newest;
};

static void tell(void *arg, const char *name, const struct version *v, unsigned i, int error)
{
	struct told *told = arg;

	assert_int_equal(name_check(name), 0);
	assert_true(v->set_epoch > 0 && error < 0);
	*(i ? &told->old : &told->newest) += 1;
}

static void rotation(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	SECRET_CLEANUP struct secret *v = NULL;
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct told told = {0};
	struct apply_options opt = {.broken = tell, .broken_arg = &told};
	struct apply_result result;
	struct record rec;

	fixture_put(f, "alpha", "development", "token", "good");
	spoil_scope(f, admin, 0);
	ok(rotate_begin(f->b, admin, NULL, &result));
	/* Nothing is switched, nothing is lost, and what is wrong is named. */
	fails(ERR_INCOMPLETE, rotate_finish(f->b, admin, &opt, &result));
	assert_int_equal(told.old, 1);
	assert_int_equal(told.newest, 0);
	opt.drop_broken = true;
	ok(rotate_finish(f->b, admin, &opt, &result));
	assert_int_equal(told.old, 2);
	ok(snapshot_open(f->b, admin, NULL, &s));
	assert_int_equal(s->commit.gen, 2);
	ok(snapshot_find(f->b, admin, s, "token", &rec));
	assert_int_equal(rec.nversions, 1);
	ok(value_get(f->b, admin, &rec.versions[0], "token", &v));
	assert_int_equal(v->len, 4);
}

/* More than one step of a rotation holds, and newest versions among them: an older value never
 * shows in their place. */
static void rotation_of_thousands(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	SNAPSHOT_CLEANUP struct snapshot *before = NULL, *s = NULL;
	struct told told = {0};
	struct apply_options opt = {.broken = tell, .broken_arg = &told, .drop_broken = true};
	struct apply_result result;
	struct record was, is;

	fixture_put(f, "alpha", "development", "token", "good");
	spoil_scope(f, admin, 200);
	ok(snapshot_open(f->b, admin, NULL, &before));
	ok(snapshot_find(f->b, admin, before, "z000007", &was));
	ok(rotate_begin(f->b, admin, NULL, &result));
	ok(rotate_finish(f->b, admin, &opt, &result));
	assert_int_equal(told.newest, 200);
	assert_int_equal(told.old, 201 * 45);
	ok(snapshot_open(f->b, admin, NULL, &s));
	assert_int_equal(s->commit.gen, 2);
	ok(snapshot_find(f->b, admin, s, "z000007", &is));
	assert_int_equal(is.nversions, 1);
	assert_memory_equal(is.versions[0].id, was.versions[0].id, HASH_SIZE);
}

/* 46,000 versions fall out at once: one commit for the change, more for the list of them. */
static void batch_of_thousands(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	static struct change c[1000];
	static char names[1000][16];
	struct apply_result result;
	uint8_t id[HASH_SIZE];
	size_t retired = 0, commits = 0;
	struct floor floor;

	floor = fixture_put(f, "alpha", "development", "token", "good");
	spoil_scope(f, admin, 1000);
	for (size_t i = 0; i < 1000; i++) {
		snprintf(names[i], sizeof(names[i]), "z%06zu", i);
		c[i] = (struct change){.op = CHANGE_DELETE, .name = names[i]};
	}
	ok(apply_changes(f->b, admin, NULL, c, 1000, &result));
	ok(snapshot_open(f->b, admin, &floor, &s));
	assert_int_equal(s->commit.npages, 1);
	memcpy(id, s->commit.id, HASH_SIZE);
	for (uint64_t epoch = s->commit.epoch; epoch >= result.floor.epoch; epoch--, commits++) {
		COMMIT_CLEANUP struct commit at;

		commit_init(&at);
		ok(commit_get(f->b, admin, id, &at));
		assert_int_equal(at.epoch, epoch);
		retired += at.nretired;
		memcpy(id, at.prev, HASH_SIZE);
	}
	assert_true(commits >= 3);
	assert_int_equal(retired, 1000 * 46 + 50); /* and their pages */
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(rotation),
		in_memory(rotation_of_thousands),
		in_memory(batch_of_thousands),
	};

	return cmocka_run_group_tests_name("spoilt versions", tests, NULL, NULL);
}
