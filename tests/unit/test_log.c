/* SPDX-License-Identifier: ISC */
/* Who writes to the log never waits for who reads it; what is lost is counted, and said. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "log.h"
#include "log_sink.h"

static int own_stderr, reader;

/* From here on standard error is a pipe that nobody reads. */
static int setup(void **state)
{
	int p[2];

	(void)state;
	own_stderr = dup(2);
	if (own_stderr < 0 || pipe(p) != 0 || dup2(p[1], 2) < 0)
		return -1;
	close(p[1]);
	reader = p[0];
	log_open(&(struct log_options){0});
	return fcntl(reader, F_SETFL, O_NONBLOCK);
}

static int teardown(void **state)
{
	(void)state;
	dup2(own_stderr, 2);
	close(own_stderr);
	close(reader);
	return 0;
}

/* Reads all that comes in the end.  *lost: as it says. */
static unsigned long read_lines(unsigned long *lost)
{
	int64_t end = clock_ms() + 10000;
	unsigned long lines = 0;
	char text[65536];
	int ms;

	*lost = 0;
	do {
		ssize_t n;

		ms = log_flush();
		while ((n = read(reader, text, sizeof(text) - 1)) > 0) {
			const char *said;

			text[n] = '\0';
			for (const char *s = text; (s = strchr(s, '\n')); s++)
				lines++;
			said = strstr(text, " lines lost");
			while (said && said > text && said[-1] >= '0' && said[-1] <= '9')
				said--;
			if (said) {
				*lost += strtoul(said, NULL, 10);
				lines--;
			}
		}
		if (ms > 0)
			usleep((unsigned)ms * 1000);
	} while ((ms >= 0 || *lost == 0) && clock_ms() < end);
	return lines;
}

static void test_invariant_17_never_waits(void **state)
{
	int64_t begin = clock_ms();
	unsigned long lines, lost;

	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		log_say(LOGGED_INFO, "line %u", i);
	assert_true(clock_ms() - begin < 5000);
	lines = read_lines(&lost);
	assert_true(lost > 0);
	assert_int_equal(lines + lost, 20000);
}

/* Lines that many can cause leave room for those that count. */
static void test_invariant_16_room_for_alarms(void **state)
{
	char text[65536], all[1024 * 1024] = "";
	size_t len = 0;
	int ms;

	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		log_sink_put(0, "somebody does something", 23, true);
	log_say(LOGGED_ALARM, "somebody tampers");
	do {
		ssize_t n;

		ms = log_flush();
		while ((n = read(reader, text, sizeof(text))) > 0 &&
		       len + (size_t)n < sizeof(all)) {
			memcpy(all + len, text, (size_t)n);
			len += (size_t)n;
		}
		if (ms > 0)
			usleep((unsigned)ms * 1000);
	} while (ms >= 0);
	assert_non_null(strstr(all, "ALARM: somebody tampers\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_invariant_17_never_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_invariant_16_room_for_alarms, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
