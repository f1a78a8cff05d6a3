/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sodium.h>
#include <string.h>

#include "pool.h"

/* A slab stays for the next open: what a closed file leaves in it must be nothing. */
static void test_invariant_10_nothing_is_left(void **state)
{
	static const size_t sizes[] = {1, 256, 257, 16384, 262144};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pool *p;
		struct pool_buffer closed;
		uint8_t *data;

		assert_int_equal(pool_open(&p), 0);
		assert_int_equal(pool_get(p, sizes[i], &closed), 0);
		data = closed.data;
		memset(data, 0xa5, sizes[i]);
		pool_put(p, &closed);
		assert_null(closed.data);
		assert_true(pool_locked(p) >= sizes[i]); /* data may still be looked at */
		assert_true(sodium_is_zero(data, sizes[i]));
		pool_close(p);
	}
}

/* The neighbour of one that is closed keeps its bytes, and the next one gets the room. */
static void test_neighbours_keep_theirs(void **state)
{
	struct pool_buffer one, two, three;
	struct pool *p;
	const uint8_t *room;

	(void)state;
	assert_int_equal(pool_open(&p), 0);
	assert_int_equal(pool_get(p, 100, &one), 0);
	assert_int_equal(pool_get(p, 100, &two), 0);
	room = one.data;
	memset(one.data, 1, one.len);
	memset(two.data, 2, two.len);
	pool_put(p, &one);
	for (size_t i = 0; i < two.len; i++)
		assert_int_equal(two.data[i], 2);
	assert_int_equal(pool_get(p, 200, &three), 0);
	assert_ptr_equal(three.data, room);
	pool_put(p, &three);
	pool_put(p, &two);
	pool_close(p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invariant_10_nothing_is_left),
		cmocka_unit_test(test_neighbours_keep_theirs),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
