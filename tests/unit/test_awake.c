/* SPDX-License-Identifier: ISC */
/* When it is asked for that no processor sleeps, and when that is taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "awake.h"

#define SLEPT 40000 /* ns: the reader's processor slept, and was woken */
#define QUICK 4000
#define AWAY 1000000

static FILE *device;

static int setup(void **state)
{
	static struct awake a;

	device = tmpfile();
	a = (struct awake){.fd = device ? fileno(device) : -1};
	*state = &a;
	return device ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return fclose(device);
}

static void come(struct awake *a, unsigned n, int64_t ns)
{
	while (n--)
		awake_after(a, ns);
}

/* What was written since it was looked at last: n values, the last of them. */
static int asked(int32_t *last)
{
	static int seen;
	int32_t v[64];
	ssize_t len = pread(fileno(device), v, sizeof(v), 0);
	int n = (int)(len / (ssize_t)sizeof(*v)), new = n < seen ? n : n - seen;

	seen = n;
	*last = n ? v[n - 1] : 1;
	return new;
}

static void assert_asked(int32_t what)
{
	int32_t last;

	assert_int_equal(asked(&last), 1);
	assert_int_equal(last, what);
}

static void assert_nothing_asked(void)
{
	int32_t last;

	assert_int_equal(asked(&last), 0);
}

static void test_asked_for_and_taken_back(void **state)
{
	struct awake *a = *state;

	assert_nothing_asked();
	come(a, 32, SLEPT);
	assert_nothing_asked(); /* a program that opens ten secrets when it starts */
	come(a, 32, SLEPT);
	assert_asked(0);
	assert_true(a->held);
	come(a, 10000, QUICK);
	assert_nothing_asked();
	awake_end(a);
	assert_asked(-1);
	assert_false(a->held);
	awake_end(a);
	assert_nothing_asked();
}

/* Two readers: some requests are there already, and the others are waited for all the longer. */
static void test_several_readers(void **state)
{
	struct awake *a = *state;

	for (int i = 0; i < 64; i++)
		awake_after(a, i % 2 ? 2 * SLEPT : 0);
	assert_asked(0);
	awake_end(a);
	assert_asked(-1);
}

static void test_not_for_quick_ones(void **state)
{
	come(*state, 10000, QUICK);
	come(*state, 10000, 0);
	assert_nothing_asked();
}

static void test_not_for_a_drip(void **state)
{
	for (int i = 0; i < 20; i++) {
		come(*state, 1, AWAY);
		come(*state, 2, SLEPT);
	}
	assert_nothing_asked();
	come(*state, 10000, AWAY);
	assert_nothing_asked();
}

/* It comes no faster: the reader does something else in between.  Tried again, ever less often. */
static void test_given_up_when_in_vain(void **state)
{
	struct awake *a = *state;
	unsigned rested = 0;

	for (int i = 0; i < 3; i++) {
		unsigned n = 0;

		while (!a->held) {
			come(a, 1, SLEPT);
			n++;
		}
		assert_asked(0);
		assert_true(n >= 64 && n >= rested * 3 / 2);
		rested = n;
		come(a, 512, SLEPT - SLEPT / 4);
		assert_false(a->held);
		assert_asked(-1);
	}
	/* What helps once is tried as soon as ever. */
	while (!a->held)
		come(a, 1, SLEPT);
	come(a, 512, QUICK);
	awake_end(a);
	assert_int_equal(a->patience, 0);
}

/* A large value was opened, and its reader comes for it piece by piece. */
static void test_foreseen(void **state)
{
	struct awake *a = *state;

	awake_expect(a);
	assert_asked(0);
	awake_expect(a);
	come(a, 10, SLEPT);
	assert_nothing_asked();
	awake_end(a);
	assert_asked(-1);
	awake_expect(a);
	assert_asked(0);
	come(a, 512, SLEPT); /* as slowly as ever */
	assert_asked(-1);
	awake_expect(a);
	assert_nothing_asked();
}

static void test_where_it_cannot_be_asked_for(void **state)
{
	struct awake none = {.fd = -1}, broken = {.fd = 1000};

	(void)state;
	come(&none, 1000, SLEPT);
	awake_expect(&none);
	assert_false(none.held);
	awake_end(&none);
	come(&broken, 1000, SLEPT);
	assert_false(broken.held);
	assert_int_equal(broken.fd, -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_asked_for_and_taken_back),     T(test_several_readers),
		T(test_not_for_quick_ones),	      T(test_not_for_a_drip),
		T(test_given_up_when_in_vain),	      T(test_foreseen),
		T(test_where_it_cannot_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
