/* SPDX-License-Identifier: ISC */
/* What the log says of opens: every one is counted, once, and nobody can fill it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "decision.h"
#include "log.h"

struct seen {
	unsigned lines;
	unsigned long count[2]; /* refused, granted */
};

static int own_stderr, log_fd;

/* From here on lines go to a file in memory. */
static int setup(void **state)
{
	(void)state;
	own_stderr = dup(2);
	log_fd = memfd_create("log", 0);
	return own_stderr < 0 || log_fd < 0 || dup2(log_fd, 2) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(own_stderr, 2);
	close(own_stderr);
	close(log_fd);
	return 0;
}

static struct seen look(const char *having)
{
	struct seen s = {0};
	char line[4096];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/self/fd/%d", log_fd); /* with a position of its own */
	f = fopen(line, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		const char *more = strstr(line, " more times");
		bool granted = strstr(line, "granted ");
		unsigned long n = 1;

		if (having && !strstr(line, having))
			continue;
		s.lines++;
		while (more && more > line && more[-1] != ' ')
			more--;
		if (more)
			n = strtoul(more, NULL, 10);
		s.count[granted] += n;
	}
	fclose(f);
	return s;
}

static void decide(uid_t uid, unsigned secret, bool granted, unsigned reason)
{
	char name[32];
	const struct decision d = {
		.name = name,
		.scope = "organization",
		.ino = 1000 + secret,
		.uid = uid,
		.pid = 1,
		.granted = granted,
		.reason = reason ? "one" : "another",
	};

	snprintf(name, sizeof(name), "KEY%u", secret);
	decision_log(&d);
}

/* A burst of 100,000 refusals is some lines, and their counts are exactly that. */
static void test_invariant_16_burst(void **state)
{
	struct seen s;

	(void)state;
	decide(1000, 1, false, 0);
	assert_int_equal(look("KEY1").lines, 1); /* at once */
	for (unsigned i = 1; i < 100000; i++)
		decide(1000, 1, false, 0);
	decision_flush_all();
	s = look(NULL);
	assert_int_equal(s.count[0], 100000);
	assert_int_equal(s.count[1], 0);
	assert_in_range(s.lines, 2, 60);
}

/* Nor is it more lines when it goes over many secrets, or by several reasons in turn. */
static void test_invariant_16_many_names(void **state)
{
	struct seen s;
	int64_t begin = clock_ms();

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		decide(1000, i % 5000, i % 3 == 0, i / 7 % 2);
		decision_flush();
	}
	decision_flush_all();
	s = look(NULL);
	assert_int_equal(s.count[0] + s.count[1], 200000);
	assert_int_equal(s.count[1], 66667);
	assert_in_range(s.lines, 2,
			(2 * DECISION_ROWS_PER_UID + 2) *
				(unsigned)((clock_ms() - begin) / 1000 + 2));
}

/* Another user's first decision is there by name, whatever anybody does. */
static void test_invariant_16_others_are_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		decide(1000 + i % 12, i, false, 0);
	decide(7777, 5, true, 0);
	assert_int_equal(look("to uid 7777 ").lines, 1);
	decision_flush_all();
	assert_int_equal(look(NULL).count[0], 100000);
}

/* More users than there is room for. */
static void test_invariant_16_crowd(void **state)
{
	struct seen s;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		decide(1000 + i % 5000, i, i % 2, 0);
	decision_flush_all();
	s = look(NULL);
	assert_int_equal(s.count[0], 50000);
	assert_int_equal(s.count[1], 50000);
	assert_int_equal(decision_flush(), -1);
	assert_in_range(s.lines, 2, 60000);
}

/* The count comes by itself when the second is over, and then there is nothing to wait for. */
static void test_due(void **state)
{
	int ms;

	(void)state;
	assert_int_equal(decision_flush(), -1);
	decide(1000, 1, true, 0);
	decide(1000, 1, true, 0);
	while ((ms = decision_flush()) >= 0) {
		assert_in_range(ms, 0, 1000);
		usleep((unsigned)ms * 1000 + 1000);
	}
	assert_int_equal(look("1 more times").lines, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_invariant_16_burst, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_many_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_others_are_named, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_crowd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_due, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
