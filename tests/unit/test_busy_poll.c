/* SPDX-License-Identifier: ISC */
/* When the serving thread looks for the next request instead of sleeping, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "busy_poll.h"
#include "clock.h"

static void spend(int64_t ns)
{
	for (int64_t begin = clock_ns(); clock_ns() - begin < ns;)
		;
}

/* A request as from another processor, its answer, and the first look after it. */
static bool answered(struct busy_poll *l, pid_t reader)
{
	spend(20000);
	busy_poll_arrived(l, reader);
	return busy_poll_on(l);
}

/* Known to be alone. */
static void settle(struct busy_poll *l)
{
	for (int i = 0; i < 100 && !answered(l, 7); i++)
		;
}

static void test_it_ends_by_itself(void **state)
{
	struct busy_poll l = {0};
	int64_t begin;

	(void)state;
	settle(&l);
	begin = clock_ns();
	while (busy_poll_on(&l))
		assert_true(clock_ns() - begin < 1000000000);
	assert_true(clock_ns() - begin >= 40000);
	assert_false(busy_poll_on(&l));
}

static void test_not_for_a_first_request(void **state)
{
	struct busy_poll l = {0};

	(void)state;
	assert_false(answered(&l, 7));
}

static void test_not_for_several_readers(void **state)
{
	struct busy_poll l = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_false(answered(&l, 7 + i % 2));
}

/* They come, but later than it looks. */
static void test_backs_off(void **state)
{
	struct busy_poll l = {0};
	int looked = 0;

	(void)state;
	settle(&l);
	for (int i = 0; i < 200; i++) {
		while (busy_poll_on(&l))
			;
		looked += answered(&l, 7);
	}
	assert_true(looked < 20);
}

/* A user that comes whenever it pays to look holds a processor for its share of the time and no more. */
static void test_invariant_16_budget(void **state)
{
	struct busy_poll l = {0};
	int64_t begin = clock_ns(), held = 0, all;

	(void)state;
	while (clock_ns() - begin < 500000000) {
		int64_t at;

		busy_poll_arrived(&l, 7);
		at = clock_ns();
		while (busy_poll_on(&l) && clock_ns() - at < 30000)
			;
		if (l.looked)
			held += clock_ns() - at;
		else
			spend(30000);
	}
	all = clock_ns() - begin;
	/* the budget, and the few steps that a processor which was taken away in between makes longer */
	assert_true(held > BUSY_POLL_BURST_NS / 4);
	assert_true(held < BUSY_POLL_BURST_NS + all / BUSY_POLL_SHARE + 50000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_ends_by_itself),
		cmocka_unit_test(test_not_for_a_first_request),
		cmocka_unit_test(test_not_for_several_readers),
		cmocka_unit_test(test_backs_off),
		cmocka_unit_test(test_invariant_16_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
