/* SPDX-License-Identifier: ISC */
/*
 * Invariant 19, of the helper: whatever a server asks for, nothing outside the directory it works in is
 * touched; and which mount it is, is told by more than a path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event_maker.h"
#include "handover.h"
#include "mount_id.h"
#include "scratch.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static void put(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static struct event_order order(enum event_kind kind, const char *token, const char *path)
{
	struct event_order o = {.head = {HANDOVER_VERSION, HELPER_EVENT, 0}, .kind = kind};

	memcpy(o.token, token, strnlen(token, sizeof(o.token)));
	memcpy(o.path, path, strnlen(path, sizeof(o.path)));
	return o;
}

static int set_up(void **state)
{
	static int root;

	scratch_enter();
	assert_int_equal(mkdir("root", 0755) | mkdir("root/group", 0755) | mkdir("out", 0755), 0);
	put("root/KEY");
	put("root/group/KEY");
	put("out/KEY");
	assert_int_equal(symlink("../out", "root/link"), 0);
	root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = &root;
	return root < 0;
}

static int tear_down(void **state)
{
	close(*(int *)*state);
	scratch_leave();
	return 0;
}

static void run(int root, const struct event_order *o)
{
	event_maker_run(root, o, sizeof(*o));
}

static void what_is_asked_for_is_done(void **state)
{
	struct event_order o = order(EVENT_UNLINK, TOKEN, "group/KEY");

	run(*(int *)*state, &o);
	assert_false(there("root/group/KEY"));
	put("root/group/." TOKEN);
	o = order(EVENT_PUT, TOKEN, "group/KEY");
	run(*(int *)*state, &o);
	assert_true(there("root/group/KEY"));
	assert_false(there("root/group/." TOKEN));
}

static void no_path_leads_out(void **state)
{
	static const char *const paths[] = {
		"../out/KEY",	"link/KEY", "/KEY", "group/../../out/KEY",
		"group/../KEY", "..",	    "",	    "./KEY"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		for (int kind = EVENT_PUT; kind <= EVENT_RMDIR; kind++) {
			struct event_order o = order((enum event_kind)kind, TOKEN, paths[i]);

			run(*(int *)*state, &o);
			assert_true(there("out/KEY") && there("root/KEY") && there("root/group"));
		}
}

/* A staging name is ".", token: with a slash in it, the file that is renamed would lie elsewhere. */
static void a_token_is_hex_and_whole(void **state)
{
	static const char *const tokens[] = {
		"./../out/KEY",
		"/../../out/KEY",
		"0123456789abcdef0123456789abcde",
		"0123456789ABCDEF0123456789abcdef",
		"0123456789abcdef0123456789abcde/",
		"0123456789abcdef0123456789abcdeff",
		"",
	};

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct event_order o = order(EVENT_PUT, tokens[i], "NEW");

		assert_false(event_maker_is_sound(&o));
		run(*(int *)*state, &o);
		assert_true(there("out/KEY"));
		assert_false(there("root/NEW"));
	}
}

static void a_path_without_an_end_is_no_order(void **state)
{
	struct event_order o = order(EVENT_UNLINK, TOKEN, "KEY");

	memset(o.path, 'K', sizeof(o.path));
	assert_false(event_maker_is_sound(&o));
	run(*(int *)*state, &o);
	event_maker_run(*(int *)*state, &o, sizeof(o) - 1);
	assert_true(there("root/KEY"));
}

static void a_mount_is_known_by_all_of_it(void **state)
{
	struct mount_id m = {0}, other;
	struct mount_entry e;
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0 && mount_id_of(fd, &m));
	close(fd);
	assert_true(mount_id_find(&m, &e));
	assert_string_equal(e.path, "/proc");
	fd = mount_id_open("/proc", &m);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(mount_id_open("/", &m), -1);
	other = m;
	other.minor++;
	other.unique = 0; /* as of a kernel that has none: number and device */
	assert_false(mount_id_find(&other, &e));
	assert_int_equal(mount_id_open("/proc", &other), -1);
	other = m;
	other.unique ^= 1ull << 62;
	assert_int_equal(mount_id_open("/proc", &other), -1);
	if (m.unique)
		assert_false(mount_id_find(&other, &e));
	other = (struct mount_id){0};
	assert_int_equal(mount_id_open("/proc", &other), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_asked_for_is_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_path_leads_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_token_is_hex_and_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_path_without_an_end_is_no_order, set_up,
						tear_down),
		cmocka_unit_test(a_mount_is_known_by_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
