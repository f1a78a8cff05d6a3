/* SPDX-License-Identifier: ISC */
/*
 * No error of the store, and none of the system, reaches a person without its next step, but for those
 * that have none.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "err.h"
#include "errmsg.h"

#define LAST ERR_CHANGED /* a newer one belongs here */

static char said[4096];

/* What is said on standard error is in said. */
static void say(const struct errmsg *w, int r, int error)
{
	int to = memfd_create("said", MFD_CLOEXEC), keep = dup(STDERR_FILENO);
	ssize_t n;

	assert_true(to >= 0 && keep >= 0);
	fflush(stderr);
	assert_int_equal(dup2(to, STDERR_FILENO), STDERR_FILENO);
	errno = error;
	assert_int_equal(errmsg_fail(w, r), STATUS_FAILED);
	fflush(stderr);
	dup2(keep, STDERR_FILENO);
	n = pread(to, said, sizeof(said) - 1, 0);
	assert_true(n > 0);
	said[n] = '\0';
	close(keep);
	close(to);
}

static bool has_next_step(void)
{
	const char *second = strchr(said, '\n');

	return second && strncmp(second, "\n  ", 3) == 0 && strlen(second) > 8;
}

static const struct scope scope = {.project = "shop", .domain = "production"};
static const struct errmsg whats[] = {
	{.doing = "update secret", .name = "KEY", .scope = &scope},
	{.doing = "open the bundle", .path = "/nowhere/bundle"},
};

static void errors_of_the_store(void **state)
{
	(void)state;
	assert_string_equal(err_str(LAST - 1), "unknown error");
	for (int r = -1; r >= LAST; r--)
		for (size_t i = 0; r != ERR_IO && i < 2; i++) {
			say(&whats[i], r, 0);
			assert_non_null(strstr(said, err_str(r)));
			assert_non_null(strstr(said, i ? "/nowhere/bundle" : "KEY"));
			if (!has_next_step() && r != ERR_NOMEM)
				fail_msg("%s", said);
		}
}

static void errors_of_the_system(void **state)
{
	static const int errors[] = {ENOENT, EACCES, EPERM, ENOSPC, EDQUOT,	  EISDIR, ENOTDIR,
				     EROFS,  EIO,    ELOOP, EMFILE, ENAMETOOLONG, EBUSY,  ESTALE};

	(void)state;
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		say(&whats[1], ERR_IO, errors[e]);
		assert_non_null(strstr(said, strerror(errors[e])));
		if (!has_next_step())
			fail_msg("%s", said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_of_the_store),
		cmocka_unit_test(errors_of_the_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
