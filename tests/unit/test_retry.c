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
	*state = aligned_alloc(SHM_PAGE, sizeof(struct shm));
	if (*state)
		*(struct shm *)*state = (struct shm){0};
	return *state ? 0 : -1;
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

	assert_true(retry_first(s, 7, 100));
	assert_true(retry_first(s, 7, 101));
	assert_true(retry_first(s, 8, 100));
	assert_false(retry_first(s, 7 | OTHER_ID, 100));
	assert_true(retry_first(s, 7, 100));
}

static void test_again_after_the_newest(void **state)
{
	struct shm *s = *state;

	assert_true(retry_first(s, 7, 100));
	retry_done(s, 7, 101);
	assert_false(retry_first(s, 7, 100));
	assert_true(retry_first(s, 7, 100));
	retry_done(s, 7 | OTHER_ID, 100);
	assert_true(retry_first(s, 7, 100));
}

/* Who never comes back makes room for others, and the table knows when it is empty. */
static void test_table(void **state)
{
	struct shm *s = *state;

	for (pid_t p = 1; p <= 3 * SHM_RETRIES; p++)
		assert_true(retry_first(s, 7, p));
	assert_true(retry_first(s, 7, 1));
	for (pid_t p = 2 * SHM_RETRIES + 2; p <= 3 * SHM_RETRIES; p++)
		assert_false(retry_first(s, 7, p));
	retry_done(s, 7, 1);
	assert_int_equal(s->retrying, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again_after_the_newest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
