/* SPDX-License-Identifier: ISC */
/*
 * Opens that are sent back: once per thread and name, whatever node id of it, and again after the
 * newest was opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "retry.h"
#include "view.h"

static int setup(void **state)
{
	if (posix_memalign(state, SHM_PAGE, sizeof(struct shm)) != 0)
		return -1;
	*(struct shm *)*state = (struct shm){0};
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

#define OTHER_ID (VIEW_INO_MASK + 1) /* of the same name */

static void test_once(void **state)
{
	struct shm *s = *state;

	assert_true(retry_first(s, 7, 1000, 100));
	assert_true(retry_first(s, 7, 1000, 101));
	assert_true(retry_first(s, 8, 1000, 100));
	assert_false(retry_first(s, 7 | OTHER_ID, 1000, 100));
	assert_true(retry_first(s, 7, 1000, 100));
}

static void test_again_after_the_newest(void **state)
{
	struct shm *s = *state;

	assert_true(retry_first(s, 7, 1000, 100));
	retry_done(s, 7, 101);
	assert_false(retry_first(s, 7, 1000, 100));
	assert_true(retry_first(s, 7, 1000, 100));
	retry_done(s, 7 | OTHER_ID, 100);
	assert_true(retry_first(s, 7, 1000, 100));
}

/* 500 threads that open by the old node id: none is sent back twice, whatever became of its row. */
static void test_invariant_13_nobody_twice(void **state)
{
	struct shm *s = *state;
	unsigned sent_back = 0;

	for (int round = 0; round < 100; round++) {
		bool back[500];

		for (pid_t p = 0; p < 500; p++) {
			back[p] = retry_first(s, 7, 1000, p + 1);
			sent_back += back[p];
		}
		for (pid_t p = 0; p < 500; p++)
			assert_false(back[p] && retry_first(s, 7, 1000, p + 1));
		for (pid_t p = 0; p < 500; p++)
			retry_done(s, 7, p + 1);
	}
	assert_true(sent_back > 40000);
	assert_int_equal(s->retrying, 0);
}

/* A uid whose threads never come back has no part of it left, and takes nothing from another one. */
static void test_invariant_16_a_share_each(void **state)
{
	struct shm *s = *state;
	unsigned first = 0;

	for (pid_t p = 1; p <= 100000; p++)
		first += retry_first(s, 7, 1000, p);
	assert_true(first <= SHM_RETRY_SETS * SHM_RETRY_WAYS / 2);
	for (pid_t p = 100001; p <= 100500; p++) {
		assert_true(retry_first(s, 7, 2000, p));
		assert_false(retry_first(s, 7, 2000, p));
	}
}

static void test_forgotten(void **state)
{
	struct shm *s = *state;

	for (pid_t p = 1; p <= 100000; p++)
		(void)retry_first(s, 7, (uid_t)(1000 + p % 5), p);
	assert_false(retry_first(s, 7, 3000, 100001));
	for (size_t i = 0; i < SHM_RETRY_SETS * SHM_RETRY_WAYS; i++)
		s->retries[i].since -= RETRY_MS;
	assert_true(retry_first(s, 7, 3000, 100001));
}

/* Outside this pid namespace all threads are the same one. */
static void test_no_number(void **state)
{
	assert_false(retry_first(*state, 7, 1000, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again_after_the_newest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_13_nobody_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_a_share_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_number, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
