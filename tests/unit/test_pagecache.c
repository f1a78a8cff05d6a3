/* SPDX-License-Identifier: ISC */
/* Which inodes the kernel may keep pages of: bounded, until some time after the last open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "pagecache.h"
#include "shm.h"

static struct shm *shared;
static int shm_fd;

static int make(void **state)
{
	struct pagecache *c;

	if (shm_new(&shm_fd) < 0 || shm_map(shm_fd, &shared) < 0 ||
	    pagecache_open(shared, 1, &c) < 0)
		return -1;
	*state = c;
	return 0;
}

static int end(void **state)
{
	free(*state);
	shm_unmap(shared);
	close(shm_fd);
	return 0;
}

static uint64_t node_of(uint64_t i)
{
	return i * 0x9e3779b97f4a7c15u | 1;
}

static void over_a_while_after_the_last_open(void **state)
{
	struct pagecache *c = *state;
	struct inval_list l = {0};

	assert_int_equal(pagecache_expire(c, &l), -1);
	assert_true(pagecache_use(c, 5));
	assert_true(pagecache_use(c, 6));
	assert_true(pagecache_has(c, 5));
	assert_in_range(pagecache_expire(c, &l), 500, 1000);
	assert_null(l.first);
	usleep(700 * 1000);
	assert_true(pagecache_use(c, 6));
	usleep(400 * 1000);
	assert_true(pagecache_expire(c, &l) > 0);
	assert_non_null(l.first);
	assert_ptr_equal(l.first, l.last);
	assert_false(pagecache_has(c, 5));
	assert_true(pagecache_has(c, 6));
	inval_list_free(&l);
}

static void what_changed_is_forgotten(void **state)
{
	struct pagecache *c = *state;

	assert_false(pagecache_forget(c, 5));
	assert_false(pagecache_forget(NULL, 5));
	assert_false(pagecache_has(NULL, 5));
	assert_true(pagecache_use(c, 5));
	assert_true(pagecache_forget(c, 5));
	assert_false(pagecache_has(c, 5));
	assert_int_equal(pagecache_expire(c, &(struct inval_list){0}), -1);
}

static void no_more_than_there_is_room_for(void **state)
{
	struct pagecache *c = *state;

	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 1; i <= SHM_KEPT; i++)
			assert_true(pagecache_use(c, node_of(i)));
		assert_false(pagecache_use(c, node_of(SHM_KEPT + 1)));
		for (uint64_t i = 1; i <= SHM_KEPT; i++)
			assert_true(pagecache_forget(c, node_of(i)));
	}
	for (size_t i = 0; i < SHM_KEPT; i++)
		assert_int_equal(shared->kept[i], 0);
}

static void a_successor_drops_them_at_once(void **state)
{
	struct pagecache *c = *state, *successor;
	struct inval_list l = {0};

	assert_true(pagecache_use(c, 5));
	assert_true(pagecache_use(c, 6));
	assert_int_equal(pagecache_open(shared, 1, &successor), 0);
	assert_true(pagecache_has(successor, 5));
	assert_int_equal(pagecache_expire(successor, &l), -1);
	assert_ptr_not_equal(l.first, l.last);
	assert_false(pagecache_has(successor, 5));
	assert_false(pagecache_has(successor, 6));
	inval_list_free(&l);
	free(successor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(over_a_while_after_the_last_open, make, end),
		cmocka_unit_test_setup_teardown(what_changed_is_forgotten, make, end),
		cmocka_unit_test_setup_teardown(no_more_than_there_is_room_for, make, end),
		cmocka_unit_test_setup_teardown(a_successor_drops_them_at_once, make, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
