/* SPDX-License-Identifier: ISC */
/*
 * Whose request is answered next: whoever has many waiting, or costly ones, waits for that himself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/fuse.h>

#include "request_queue.h"

struct fixture {
	struct shm *shared;
	struct request_queue *q;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	size_t size = (sizeof(struct shm) + SHM_PAGE - 1) & ~(size_t)(SHM_PAGE - 1);

	*state = f;
	f->shared = aligned_alloc(SHM_PAGE, size);
	if (!f->shared)
		return -1;
	memset(f->shared, 0, size);
	return request_queue_open(f->shared, &f->q);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	request_queue_close(f->q);
	free(f->shared);
	free(f);
	return 0;
}

static void put(struct fixture *f, uid_t uid, uint64_t unique)
{
	const struct fuse_in_header in = {.len = sizeof(in), .uid = uid, .unique = unique};

	assert_true(request_queue_fits(f->q, sizeof(in)));
	request_queue_put(f->q, uid, &in, sizeof(in));
}

/* The unique id of the next, which takes ns to answer; 0: none. */
static uint64_t serve(struct fixture *f, int64_t ns)
{
	struct fuse_in_header in;
	bool left;
	struct shm_request *r = request_queue_next(f->q, &left);

	if (!r)
		return 0;
	memcpy(&in, r->bytes, sizeof(in));
	request_queue_done(f->q, r, ns);
	return in.unique;
}

static void test_in_order_for_one(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 1; i <= 100; i++)
		put(f, 7, i);
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(serve(f, 1000), i);
	assert_int_equal(serve(f, 0), 0);
}

/* 500 threads of one user do not hold up another one's. */
static void test_not_behind_many(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 1; i <= 500; i++)
		put(f, 7, i);
	for (int i = 0; i < 10; i++)
		serve(f, 1000);
	put(f, 8, 1000);
	serve(f, 1000);
	assert_true(request_queue_len(f->q) == 490);
	put(f, 7, 501);
	put(f, 8, 1001);
	for (int i = 0; i < 2; i++)
		if (serve(f, 1000) == 1001)
			return;
	fail();
}

/* Of two that always have something waiting each gets half of the time, not of the answers. */
static void test_by_time(void **state)
{
	struct fixture *f = *state;
	uint64_t unique[2] = {0, 1};
	unsigned served[2] = {0};

	put(f, 0, unique[0] += 2);
	put(f, 1, unique[1] += 2);
	for (int i = 0; i < 1100; i++) {
		bool left;
		struct shm_request *r = request_queue_next(f->q, &left);
		struct fuse_in_header in;

		memcpy(&in, r->bytes, sizeof(in));
		served[in.uid]++;
		put(f, in.uid, unique[in.uid] += 2);
		request_queue_done(f->q, r, in.uid ? 100000 : 10000);
	}
	assert_in_range(served[0], 950, 1050);
	assert_in_range(served[1], 95, 105);
}

/* Who always comes back only after the answer has no advantage of that, if its requests are costly. */
static void test_costly_one_by_one(void **state)
{
	struct fixture *f = *state;
	unsigned cheap = 0;

	put(f, 7, 1);
	assert_int_equal(serve(f, 1000000), 1);
	for (uint64_t i = 0; i < 100; i++) {
		put(f, 7, 2);
		for (int n = 0; n < 10; n++)
			put(f, 8, 3);
		while (request_queue_len(f->q) && serve(f, 10000) == 3)
			cheap++;
		while (serve(f, 10000))
			cheap++;
	}
	assert_true(cheap >= 900);
}

/* Nor does what a user spent long ago keep it waiting. */
static void test_debt_ends(void **state)
{
	struct fixture *f = *state;

	put(f, 8, 2);
	serve(f, 3600000000000); /* an hour */
	put(f, 8, 2);
	for (int i = 0; i < 25; i++) {
		put(f, 7, 1);
		if (serve(f, 1000000) == 2)
			return;
	}
	fail();
}

static void test_full(void **state)
{
	struct fixture *f = *state;

	assert_false(request_queue_fits(f->q, SHM_REQUEST_BYTES + 1));
	for (unsigned i = 0; i < SHM_REQUESTS; i++)
		put(f, i, i + 1);
	assert_false(request_queue_fits(f->q, 0));
	for (unsigned i = 0; i < SHM_REQUESTS; i++)
		assert_true(serve(f, 1000) != 0);
	assert_true(request_queue_fits(f->q, SHM_REQUEST_BYTES));
	assert_int_equal(f->shared->waiting, 0);
}

/* A successor finds all that was not answered, also what was being answered. */
static void test_successor(void **state)
{
	struct fixture *f = *state;
	unsigned seen = 0;
	bool left;

	for (uint64_t i = 1; i <= 20; i++)
		put(f, (uid_t)(i % 3), i);
	serve(f, 1000);
	assert_non_null(request_queue_next(f->q, &left));
	assert_false(left);
	request_queue_close(f->q);
	assert_int_equal(request_queue_open(f->shared, &f->q), 0);
	for (struct shm_request *r; (r = request_queue_next(f->q, &left)); seen++) {
		assert_true(left);
		request_queue_done(f->q, r, 1000);
	}
	assert_int_equal(seen, 19);
	put(f, 7, 99);
	assert_non_null(request_queue_next(f->q, &left));
	assert_false(left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_order_for_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_behind_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_costly_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_debt_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_successor, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
