/* SPDX-License-Identifier: ISC */
/*
 * An open version is shared by all who open it, and by nobody who opens another record that claims the
 * same object: a writer of a broader scope, who sees objects' ids in the store, may list one of a
 * narrower scope under the same name.
 */
#include <unistd.h>

#include "fixture.h"

#include <string.h>

#include "open_file.h"
#include "value_cache.h"
#include "snapshot.h"

struct records {
	struct bundle *bundle;
	struct record narrow, broad;
	struct files *files;
	struct shm *shared;
	int shm_fd;
	uint64_t unique;
};

static void find(struct fixture *f, struct keyring *k, struct record *out)
{
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;

	ok(snapshot_open(f->b, k, NULL, &s));
	ok(snapshot_find(f->b, k, s, "token", out));
}

static void init(struct fixture *f, struct records *r)
{
	fixture_put(f, "alpha", "development", "token", "narrow");
	fixture_put(f, "", "", "token", "broad!");
	r->bundle = fixture_reader(f, "alpha", "development", NULL);
	find(f, r->bundle->rings[3], &r->narrow);
	find(f, r->bundle->rings[0], &r->broad);
	ok(shm_new(&r->shm_fd));
	ok(shm_map(r->shm_fd, &r->shared));
	ok(files_open(r->shared, &r->files));
}

static void fini(struct records *r)
{
	files_close(r->files);
	shm_unmap(r->shared);
	close(r->shm_fd);
	bundle_free(r->bundle);
}

static int open_as(struct fixture *f, struct records *r, uid_t uid, int level,
		   const struct version *v, uint64_t *handle)
{
	struct value_cache_source src = {f->b, r->bundle->rings[level], v, "token", NULL};
	int store_error = 0;
	struct open_file_opener by = {
		.node = 5, .uid = uid, .unique = ++r->unique, .level = (uint8_t)level};

	return open_file_open(r->files, &by, &src, handle, &store_error);
}

static void the_same_record_is_shared(void **state)
{
	struct fixture *f = *state;
	struct records r;
	struct open_file_data data;
	uint64_t a, b;

	init(f, &r);
	assert_int_equal(open_as(f, &r, 0, 3, &r.narrow.versions[0], &a), 0);
	assert_int_equal(open_as(f, &r, 1000, 3, &r.narrow.versions[0], &b), 0);
	assert_true(open_file_data(r.files, 5, b, &data));
	assert_int_equal(data.len, 6);
	assert_memory_equal(data.data, "narrow", 6);
	fini(&r);
}

static void another_scopes_record_is_not(void **state)
{
	struct fixture *f = *state;
	struct version claimed;
	struct records r;
	uint64_t a, b;

	init(f, &r);
	assert_int_equal(open_as(f, &r, 0, 3, &r.narrow.versions[0], &a), 0);
	claimed = r.narrow.versions[0];
	assert_int_not_equal(open_as(f, &r, 1000, 0, &claimed, &b), 0);
	/* Nor another time's or length's. */
	claimed.set_epoch++;
	assert_int_not_equal(open_as(f, &r, 1000, 3, &claimed, &b), 0);
	claimed = r.narrow.versions[0];
	claimed.len--;
	assert_int_not_equal(open_as(f, &r, 1000, 3, &claimed, &b), 0);
	/* Its own opens beside it. */
	assert_int_equal(open_as(f, &r, 1000, 0, &r.broad.versions[0], &b), 0);
	fini(&r);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(the_same_record_is_shared),
		in_memory(another_scopes_record_is_not),
	};

	return cmocka_run_group_tests_name("open versions and other records", tests, NULL, NULL);
}
