/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "paths.h"
#include "scratch.h"

static uid_t as; /* who this process says it is */

uid_t geteuid(void)
{
	return as;
}

static unsigned syncs, fail_sync; /* the fail_sync-th fails; 0: none */

int fsync(int fd)
{
	if (++syncs == fail_sync) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static int setup(void **state)
{
	static const char *const vars[] = {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"};

	(void)state;
	scratch_enter();
	for (size_t i = 0; i < PATHS; i++)
		unsetenv(paths_env((enum path)i));
	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++)
		unsetenv(vars[i]);
	setenv("HOME", "/home/someone", 1);
	as = 1000;
	syncs = fail_sync = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_leave();
	return 0;
}

static void assert_path(enum path which, const char *flag, const char *expected)
{
	char *got = NULL;

	assert_int_equal(paths_get(which, flag, &got), 0);
	assert_string_equal(got, expected);
	free(got);
}

static void test_defaults_of_root(void **state)
{
	(void)state;
	as = 0;
	assert_path(PATH_ROOT_KEY, NULL, "/etc/secretfs/root.key");
	assert_path(PATH_POLICY, NULL, "/etc/secretfs/policy.ini");
	assert_path(PATH_BUNDLES, NULL, "/etc/secretfs/bundles");
	assert_path(PATH_STORE, NULL, "/var/lib/secretfs/store");
	assert_path(PATH_STATE, NULL, "/var/lib/secretfs/state");
	assert_path(PATH_MOUNT, NULL, "/etc/flyte/secrets");
	assert_path(PATH_RUN, NULL, "/run/secretfs");
}

static void test_defaults_of_others(void **state)
{
	char *got = NULL;

	(void)state;
	assert_path(PATH_ROOT_KEY, NULL, "/home/someone/.config/secretfs/root.key");
	assert_path(PATH_BUNDLES, NULL, "/home/someone/.config/secretfs/bundles");
	assert_path(PATH_STORE, NULL, "/home/someone/.local/share/secretfs/store");
	assert_path(PATH_STATE, NULL, "/home/someone/.local/share/secretfs/state");
	assert_path(PATH_MOUNT, NULL, "/home/someone/.local/share/secretfs/mnt");
	assert_path(PATH_RUN, NULL, "/home/someone/.local/share/secretfs/run");
	setenv("XDG_CONFIG_HOME", "/c", 1);
	setenv("XDG_DATA_HOME", "/d", 1);
	setenv("XDG_RUNTIME_DIR", "/r", 1);
	assert_path(PATH_POLICY, NULL, "/c/secretfs/policy.ini");
	assert_path(PATH_STORE, NULL, "/d/secretfs/store");
	assert_path(PATH_MOUNT, NULL, "/r/secretfs");
	assert_path(PATH_RUN, NULL, "/r/secretfs.run");
	setenv("XDG_DATA_HOME", "relative", 1); /* to be ignored, says the specification */
	assert_path(PATH_STORE, NULL, "/home/someone/.local/share/secretfs/store");
	setenv("XDG_DATA_HOME", "", 1);
	assert_path(PATH_STORE, NULL, "/home/someone/.local/share/secretfs/store");
	unsetenv("HOME");
	assert_int_equal(paths_get(PATH_STORE, NULL, &got), ERR_INVAL);
	assert_null(got);
}

static void test_flag_then_variable(void **state)
{
	char *cwd = getcwd(NULL, 0), expected[4096], *got = NULL;

	(void)state;
	setenv("SECRETFS_STORE", "/by/variable", 1);
	assert_path(PATH_STORE, NULL, "/by/variable");
	assert_path(PATH_STORE, "/by/flag", "/by/flag");
	snprintf(expected, sizeof(expected), "%s/by/flag", cwd);
	assert_path(PATH_STORE, "by/flag", expected);
	setenv("SECRETFS_STORE", "by/flag", 1);
	assert_path(PATH_STORE, NULL, expected);
	setenv("SECRETFS_STORE", "", 1);
	assert_path(PATH_STORE, NULL, "/home/someone/.local/share/secretfs/store");
	assert_int_equal(paths_get(PATH_STORE, "", &got), ERR_INVAL);
	assert_int_equal(chdir("/"), 0);
	assert_path(PATH_STORE, "by/flag", "/by/flag");
	assert_int_equal(chdir(cwd), 0);
	free(cwd);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_mkdir(void **state)
{
	char *cwd = getcwd(NULL, 0), path[4096];
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(paths_mkdir("a/b//c/", 0755), 0);
	assert_int_equal(mode_of("a"), 0755); /* whatever the umask */
	assert_int_equal(mode_of("a/b/c"), 0755);
	assert_int_equal(syncs, 6); /* each and its parent */
	assert_int_equal(paths_mkdir("a/b/c", 0700), 0);
	assert_int_equal(mode_of("a/b/c"), 0755); /* what is there stays as it is */
	assert_int_equal(syncs, 6);
	assert_int_equal(paths_mkdir("a/d", 0700), 0);
	assert_int_equal(mode_of("a/d"), 0700);
	snprintf(path, sizeof(path), "%s/x/y", cwd);
	assert_int_equal(paths_mkdir(path, 0700), 0);
	assert_int_equal(symlink("a", "link"), 0);
	assert_int_equal(paths_mkdir("link/e", 0700), 0);
	assert_int_equal(mode_of("a/e"), 0700);
	assert_int_equal(close(open("file", O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(paths_mkdir("file/x", 0700), ERR_IO);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(paths_mkdir("file", 0700), ERR_IO);
	fail_sync = syncs + 2;
	assert_int_equal(paths_mkdir("unsynced", 0700), ERR_IO);
	umask(mask);
	free(cwd);
}

static void assert_text(const char *path, const char *text)
{
	char got[64] = {0};
	int fd = open(path, O_RDONLY);

	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
	close(fd);
	assert_string_equal(got, text);
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void test_write(void **state)
{
	char name[256] = {0};

	(void)state;
	assert_int_equal(paths_write("file", "one", 3, 0400, true), 0);
	assert_text("file", "one");
	assert_int_equal(mode_of("file"), 0400);
	assert_int_equal(paths_write("file", "two", 3, 0400, true), ERR_EXIST);
	assert_text("file", "one");
	assert_int_equal(paths_write("file", "three", 5, 0640, false), 0);
	assert_text("file", "three");
	assert_int_equal(mode_of("file"), 0640);
	assert_int_equal(paths_write("./file", "", 0, 0600, false), 0);
	assert_text("file", "");
	assert_int_equal(paths_write("no/file", "x", 1, 0600, false), ERR_NOENT);
	assert_int_equal(paths_write("dir/", "x", 1, 0600, false), ERR_INVAL);
	memset(name, 'x', 250);
	assert_int_equal(paths_write(name, "x", 1, 0600, false), ERR_IO);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(paths_write("dir", "x", 1, 0600, false), ERR_IO);
	assert_int_equal(entries("."), 2); /* no temporary stays */
}

/* Old or new, and it is known which. */
static void test_write_unsynced(void **state)
{
	(void)state;
	assert_int_equal(paths_write("file", "one", 3, 0600, true), 0);
	fail_sync = syncs + 1;
	assert_int_equal(paths_write("file", "two", 3, 0600, false), ERR_IO);
	assert_text("file", "one");
	fail_sync = syncs + 2;
	assert_int_equal(paths_write("file", "two", 3, 0600, false), ERR_UNKNOWN);
	assert_text("file", "two");
	assert_int_equal(entries("."), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults_of_root),
		TEST(test_defaults_of_others),
		TEST(test_flag_then_variable),
		TEST(test_mkdir),
		TEST(test_write),
		TEST(test_write_unsynced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
