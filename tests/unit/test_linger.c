/* SPDX-License-Identifier: ISC */
/* When the serving thread looks for the next request instead of sleeping, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "linger.h"

static const struct linger fresh = {.awake = {.fd = -1}};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void spend(int64_t us)
{
	for (int64_t begin = now_us(); now_us() - begin < us;)
		;
}

/* A request as from another processor, its answer, and the first look after it. */
static bool answered(struct linger *l, pid_t reader)
{
	spend(20);
	linger_arrived(l, reader);
	return linger_on(l);
}

/* Known to be alone. */
static void settle(struct linger *l)
{
	for (int i = 0; i < 100 && !answered(l, 7); i++)
		;
}

static void test_it_ends_by_itself(void **state)
{
	struct linger l = fresh;
	int64_t begin;

	(void)state;
	settle(&l);
	begin = now_us();
	while (linger_on(&l))
		assert_true(now_us() - begin < 1000000);
	assert_true(now_us() - begin >= 40);
	assert_false(linger_on(&l));
}

static void test_not_for_a_first_request(void **state)
{
	struct linger l = fresh;

	(void)state;
	assert_false(answered(&l, 7));
}

static void test_not_for_several_readers(void **state)
{
	struct linger l = fresh;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_false(answered(&l, 7 + i % 2));
}

/* They come, but later than it looks. */
static void test_backs_off(void **state)
{
	struct linger l = fresh;
	int looked = 0;

	(void)state;
	settle(&l);
	for (int i = 0; i < 200; i++) {
		while (linger_on(&l))
			;
		looked += answered(&l, 7);
	}
	assert_true(looked < 20);
}

static void test_off(void **state)
{
	struct linger l = fresh;

	(void)state;
	l.off = true;
	for (int i = 0; i < 1000; i++)
		assert_false(answered(&l, 7));
}

/* What keeps processors awake ends with a sleep of a millisecond, and other sleeps are as asked. */
static void test_sleep(void **state)
{
	struct linger l = fresh;

	(void)state;
	assert_int_equal(linger_sleep(&l, -1), -1);
	assert_int_equal(linger_sleep(&l, 5000), 5000);
	l.awake.held = true;
	assert_int_equal(linger_sleep(&l, -1), AWAKE_HOLD_MS);
	assert_int_equal(linger_sleep(&l, 5000), AWAKE_HOLD_MS);
	assert_int_equal(linger_sleep(&l, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_ends_by_itself),
		cmocka_unit_test(test_not_for_a_first_request),
		cmocka_unit_test(test_not_for_several_readers),
		cmocka_unit_test(test_backs_off),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
