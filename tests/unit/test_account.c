/* SPDX-License-Identifier: ISC */
/* What one uid may hold, and what is left to the others then. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account.h"

static int setup(void **state)
{
	struct accounts *a;

	if (accounts_open(&a) < 0)
		return -1;
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	accounts_close(*state);
	return 0;
}

/* All that it gets. */
static unsigned take_all(struct accounts *a, uid_t uid, enum account_kind k, size_t n)
{
	unsigned got = 0;

	while (account_charge(a, uid, k, n, n) == 0)
		got++;
	return got;
}

static void test_limit(void **state)
{
	struct accounts *a = *state;

	assert_int_equal(take_all(a, 1000, ACCOUNT_HANDLES, 1), ACCOUNT_HANDLES_PER_UID);
	assert_int_equal(account_charge(a, 1000, ACCOUNT_HANDLES, 1, 1), EMFILE);
	assert_int_equal(account_of(a, 1000, ACCOUNT_HANDLES), ACCOUNT_HANDLES_PER_UID);
	account_refund(a, 1000, ACCOUNT_HANDLES, 1, 1);
	assert_int_equal(account_charge(a, 1000, ACCOUNT_HANDLES, 1, 1), 0);
	account_refund(a, 1000, ACCOUNT_HANDLES, ACCOUNT_HANDLES_PER_UID, ACCOUNT_HANDLES_PER_UID);
	assert_int_equal(account_total(a, ACCOUNT_HANDLES), 0);
}

/* However many take all they get, who comes next gets something, and root all of a uid's. */
static void left_by(struct accounts *a, enum account_kind k, size_t n, unsigned greedy,
		    unsigned least)
{
	for (uid_t uid = 1; uid <= greedy; uid++)
		take_all(a, 100000 + uid, k, n);
	assert_true(take_all(a, 1000, k, n) >= least);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(account_charge(a, 0, k, n, n), 0);
}

static void test_invariant_16_handles_17(void **state)
{
	left_by(*state, ACCOUNT_HANDLES, 1, 17, 256);
}

static void test_invariant_16_handles_100(void **state)
{
	left_by(*state, ACCOUNT_HANDLES, 1, 100, 32);
}

static void test_invariant_16_handles_1000(void **state)
{
	left_by(*state, ACCOUNT_HANDLES, 1, 1000, 4);
}

static void test_invariant_16_dirs(void **state)
{
	left_by(*state, ACCOUNT_DIRS, 1, 100, 8);
}

/* Values of 1 MiB. */
static void test_invariant_16_bytes(void **state)
{
	left_by(*state, ACCOUNT_BYTES, 1 << 20, 17, 1);
}

/* The order does not matter: who comes first does not keep the later ones from theirs. */
static void test_newcomers(void **state)
{
	struct accounts *a = *state;
	unsigned last = 0;

	for (uid_t uid = 1; uid <= 64; uid++)
		last = take_all(a, 1000 + uid, ACCOUNT_HANDLES, 1);
	assert_true(last >= 64);
}

/* What is held already costs nothing more, and what a predecessor permitted is not asked again. */
static void test_shared(void **state)
{
	struct accounts *a = *state;

	for (uid_t uid = 1; uid <= 1000; uid++)
		take_all(a, 1000 + uid, ACCOUNT_BYTES, 1 << 20);
	assert_int_equal(account_charge(a, 1, ACCOUNT_BYTES, 1 << 20, 0), 0);
	assert_int_equal(account_add(a, 1, ACCOUNT_BYTES, 1 << 20, 1 << 20), 0);
	assert_int_equal(account_of(a, 1, ACCOUNT_BYTES), 2 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_handles_17, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_handles_100, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_handles_1000, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_dirs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newcomers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
