/* SPDX-License-Identifier: ISC */
/*
 * Invariants 15, 16 and 17 of the requests that wait: a successor finds each of them, one uid leaves room
 * for the others, and none waits longer than it may.
 */
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fixture.h"
#include "park.h"

static struct shm *new_shm(void)
{
	struct shm *s;
	int fd;

	ok(shm_new(&fd));
	ok(shm_map(fd, &s));
	close(fd);
	return s;
}

static struct fuse_in_header request(uint64_t unique, uid_t uid)
{
	return (struct fuse_in_header){.len = sizeof(struct fuse_in_header),
				       .opcode = FUSE_OPEN,
				       .unique = unique,
				       .uid = uid};
}

static struct parked *add(struct park *p, uint64_t unique, uid_t uid)
{
	struct fuse_in_header in = request(unique, uid);

	return park_add(p, &in, sizeof(in), uid);
}

static uint64_t unique_of(struct park *p, const struct parked *r)
{
	return ((const struct fuse_in_header *)park_request(p, r))->unique;
}

static void test_invariant_15_a_successor_finds_them(void **state)
{
	struct shm *s = new_shm();
	struct park *first, *second;
	struct parked *answered, *r;
	unsigned seen = 0;

	(void)state;
	ok(park_open(s, NULL, &first));
	assert_non_null(add(first, 10, 1));
	answered = add(first, 11, 1);
	assert_non_null(add(first, 12, 2));
	park_done(first, answered);
	/* It is killed. */
	ok(park_open(s, NULL, &second));
	while ((r = park_ready(second, true))) {
		assert_true(r->left);
		seen |= 1u << (unique_of(second, r) - 10);
		assert_int_equal(r->uid, unique_of(second, r) == 10 ? 1 : 2);
		park_done(second, r);
	}
	assert_int_equal(seen, 5);
	assert_true(park_is_empty(second));
	free(first);
	free(second);
	shm_unmap(s);
}

static void test_invariant_16_one_uid_leaves_room(void **state)
{
	struct shm *s = new_shm();
	struct park *p;
	unsigned many = 0;

	(void)state;
	ok(park_open(s, NULL, &p));
	while (add(p, 100 + many, 1))
		many++;
	assert_int_equal(many, SHM_PARKED * 15 / 16 / 5);
	/* Seventeen more do their worst, and one that comes last still finds room. */
	for (uid_t uid = 2; uid < 19; uid++)
		for (many = 0; add(p, 10000 * uid + many, uid);)
			many++;
	assert_non_null(add(p, 7, 99));
	/* Thousands leave something to root. */
	for (uid_t uid = 100; uid < 5000; uid++)
		while (add(p, 10000 * uid, uid))
			;
	assert_null(add(p, 8, 5000));
	assert_non_null(add(p, 9, 0));
	free(p);
	shm_unmap(s);
}

static void test_invariant_17_none_waits_for_ever(void **state)
{
	struct shm *s = new_shm();
	struct park *p;
	struct parked *r;

	(void)state;
	ok(park_open(s, NULL, &p));
	r = add(p, 1, 1);
	assert_non_null(r);
	r->for_state = true;
	assert_null(park_ready(p, false));
	assert_in_range(park_due(p), 1, PARK_STATE_MS);
	assert_ptr_equal(park_ready(p, true), r);
	s->parked[r->row].since = clock_ms() - PARK_STATE_MS;
	assert_int_equal(park_due(p), 0);
	assert_ptr_equal(park_ready(p, false), r);
	assert_true(r->late);
	free(p);
	shm_unmap(s);
}

static void test_what_is_too_long_does_not_wait(void **state)
{
	uint8_t bytes[SHM_PARKED_SIZE + 8] = {0};
	struct shm *s = new_shm();
	struct park *p;

	(void)state;
	ok(park_open(s, NULL, &p));
	assert_null(park_add(p, bytes, sizeof(bytes), 1));
	free(p);
	shm_unmap(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invariant_15_a_successor_finds_them),
		cmocka_unit_test(test_invariant_16_one_uid_leaves_room),
		cmocka_unit_test(test_invariant_17_none_waits_for_ever),
		cmocka_unit_test(test_what_is_too_long_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
