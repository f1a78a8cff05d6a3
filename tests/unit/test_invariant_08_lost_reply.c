/* SPDX-License-Identifier: ISC */
/*
 * Invariant 8, the replies that lie: a rename that was done and is reported as failed (an NFS server
 * whose answer was lost), one that is done later, one of which nobody can tell.  What stands can be
 * read, the old or the new; "done" and "failed" are said only when they are true.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "paths.h"
#include "rotate.h"

/* --- calls of this program that do not say what they did -------------------- */

static struct {
	unsigned at, calls; /* the at-th rename; 0: none */
	bool fired;
	bool not_done; /* it is not done, as reported */
	bool blind;    /* from then on nothing can be opened by name */
	bool stuck;    /* nor unlinked */
	bool full;     /* no write succeeds */
	unsigned room; /* until that many files are gone; 0: for ever */
	char late_from[512], late_to[512];
} lie;

static int late(const char *name, int dir, char out[static 512])
{
	char link[64];
	ssize_t n;

	if (dir == AT_FDCWD)
		return snprintf(out, 512, "%s", name);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	n = readlink(link, out, 256);
	return n < 0 ? -1 : snprintf(out + n, 512 - (size_t)n, "/%s", name);
}

static int do_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (++lie.calls != lie.at)
		return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	assert_true(late(from, from_dir, lie.late_from) > 0);
	assert_true(late(to, to_dir, lie.late_to) > 0);
	if (!lie.not_done)
		assert_int_equal(syscall(SYS_renameat2, from_dir, from, to_dir, to, flags), 0);
	lie.fired = true;
	errno = EIO;
	return -1;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return do_rename(from_dir, from, to_dir, to, 0);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return do_rename(from_dir, from, to_dir, to, flags);
}

static bool says_eio(bool now)
{
	if (now)
		errno = EIO;
	return now;
}

int openat(int dir, const char *name, int flags, ...)
{
	return says_eio(lie.fired && lie.blind) ? -1
						: (int)syscall(SYS_openat, dir, name, flags, 0600);
}

int unlinkat(int dir, const char *name, int flags)
{
	int r;

	if (says_eio(lie.fired && lie.stuck))
		return -1;
	r = (int)syscall(SYS_unlinkat, dir, name, flags);
	if (r == 0 && lie.full && lie.room && --lie.room == 0)
		lie.full = false;
	return r;
}

ssize_t write(int fd, const void *data, size_t len)
{
	if (!lie.full || fd <= STDERR_FILENO)
		return syscall(SYS_write, fd, data, len);
	errno = ENOSPC;
	return -1;
}

/* --- what is done ------------------------------------------------------------ */

struct job {
	const char *name;
	int (*run)(struct fixture *f, struct keyring *k);
};

static int set(struct fixture *f, struct keyring *k, enum change_op op, const char *name)
{
	SECRET_CLEANUP struct secret *v = NULL;
	struct change c = {.op = op, .name = name};
	struct apply_result result;

	ok(secret_from((const uint8_t *)"fresh", 5, &v));
	c.value = op == CHANGE_DELETE ? NULL : v;
	return apply_changes(f->b, k, NULL, &c, 1, &result);
}

static int update(struct fixture *f, struct keyring *k)
{
	return set(f, k, CHANGE_UPDATE, "token");
}

static int create(struct fixture *f, struct keyring *k)
{
	return set(f, k, CHANGE_CREATE, "new");
}

static int delete (struct fixture *f, struct keyring *k)
{
	return set(f, k, CHANGE_DELETE, "other");
}

static int grant(struct fixture *f, struct keyring *k)
{
	struct grant_writer w = {.pk = {1}, .name = "new"};
	struct apply_result result;

	return apply_grant(f->b, k, NULL, &w, false, &result);
}

static int genesis(struct fixture *f, struct keyring *k)
{
	KEYRING_CLEANUP struct keyring *other = fixture_ring(f, "gamma", "staging");
	struct apply_result result;

	(void)k;
	return apply_genesis(f->b, other, &result);
}

static int rotation(struct fixture *f, struct keyring *k)
{
	struct apply_result result;
	int r = rotate_begin(f->b, k, NULL, &result);

	return r ? r : rotate_finish(f->b, k, NULL, &result);
}

static int declare(struct fixture *f, struct keyring *k)
{
	(void)k;
	return registry_declare(f->b, f->root, f->state, "gamma", NULL);
}

static const struct job jobs[] = {
	{"update", update},   {"create", create},     {"delete", delete},   {"grant", grant},
	{"genesis", genesis}, {"rotation", rotation}, {"declare", declare},
};
#define JOBS (sizeof(jobs) / sizeof(*jobs))

static void fill(struct fixture *f)
{
	fixture_put(f, "alpha", "development", "token", "old value");
	fixture_put(f, "alpha", "development", "other", "old value");
}

/* Whatever was said, everything that is named can be read, and can be written again. */
static void whole(struct fixture *f, struct keyring *k, const char *what, char **text)
{
	struct registry *registry = NULL;
	int r = fixture_read(f->b, k, NULL, text);

	if (r) {
		print_error("%s: it cannot be read any more: %s\n", what, err_str(r));
		fail();
	}
	ok(registry_load(f->b, f->root, f->state, &registry));
	registry_free(registry);
	ok(fixture_set(f->b, k, NULL, "after", "it goes on", NULL));
}

static size_t objects;
static void count(void *arg, const char *path)
{
	(void)arg;
	(void)path;
	objects++;
}

/* --- the tests --------------------------------------------------------------- */

/* Every rename of every command, done and reported as failed. */
static void done_and_reported_as_failed(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < JOBS; i++) {
		KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
		char *text;
		int r;

		fill(f);
		memset(&lie, 0, sizeof(lie));
		lie.at = 1;
		r = jobs[i].run(f, k);
		assert_true(lie.fired);
		memset(&lie, 0, sizeof(lie));
		/* It was done, and it could be seen to be. */
		if (r) {
			print_error("%s: it is done, and says: %s\n", jobs[i].name, err_str(r));
			fail();
		}
		whole(f, k, jobs[i].name, &text);
		if (jobs[i].run == update || jobs[i].run == create)
			assert_non_null(strstr(text, "fresh"));
		free(text);
		if (jobs[i].run == create)
			ok(set(f, k, CHANGE_DELETE, "new"));
	}
}

/* The same, and after it nothing can be looked at: nobody knows, and nothing is thrown away. */
static void done_and_nobody_can_tell(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < JOBS; i++) {
		KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
		char *text;

		fill(f);
		memset(&lie, 0, sizeof(lie));
		lie.at = 1;
		lie.blind = true;
		fails(ERR_UNKNOWN, jobs[i].run(f, k));
		assert_true(lie.fired);
		memset(&lie, 0, sizeof(lie));
		whole(f, k, jobs[i].name, &text);
		if (jobs[i].run == update || jobs[i].run == create)
			assert_non_null(strstr(text, "fresh"));
		free(text);
		if (jobs[i].run == create)
			ok(set(f, k, CHANGE_DELETE, "new"));
	}
}

/* Not done, as reported; the server does it when the command has long ended. */
static void done_later(void **state)
{
	struct fixture *f = *state;

	for (int stuck = 0; stuck < 2; stuck++) {
		KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
		size_t before;
		char *text;
		int r;

		fill(f);
		objects = 0;
		fixture_files("store/objects", count, NULL);
		before = objects;
		memset(&lie, 0, sizeof(lie));
		lie.at = 1;
		lie.not_done = true;
		lie.stuck = stuck;
		r = update(f, k);
		assert_true(lie.fired);
		lie.at = 0;
		lie.fired = false;
		/* Only when its temporary file is gone for good has it failed. */
		fixture_is(stuck ? ERR_UNKNOWN : ERR_IO, r, "update", __FILE__, __LINE__);
		objects = 0;
		fixture_files("store/objects", count, NULL);
		assert_true(stuck ? objects > before : objects == before);
		assert_int_equal(rename(lie.late_from, lie.late_to), stuck ? 0 : -1);
		whole(f, k, "update", &text);
		assert_true(stuck == (strstr(text, "fresh") != NULL));
		free(text);
	}
}

/* Floors, bundles, policies: the other files that are replaced. */
static void small_files(void **state)
{
	struct blob got;

	(void)state;
	for (int excl = 0; excl < 2; excl++) {
		memset(&lie, 0, sizeof(lie));
		ok(paths_write("file", "old", 3, 0600, false));
		if (excl)
			assert_int_equal(unlink("file"), 0);
		lie.at = lie.calls + 1;
		ok(paths_write("file", "newer", 5, 0600, excl));
		assert_true(lie.fired);
		got = fixture_slurp("file");
		assert_int_equal(got.len, 5);
		blob_free(&got);

		memset(&lie, 0, sizeof(lie));
		lie.at = 1;
		lie.not_done = true;
		if (excl)
			assert_int_equal(unlink("file"), 0);
		fails(ERR_IO, paths_write("file", "newest", 6, 0600, excl));
		assert_int_equal(access("file", F_OK), excl ? -1 : 0);
	}
	memset(&lie, 0, sizeof(lie));
	ok(paths_write("file", "old", 3, 0600, false));
	fails(ERR_EXIST, paths_write("file", "new", 3, 0600, true));
	lie.at = lie.calls + 1;
	lie.blind = true;
	fails(ERR_UNKNOWN, paths_write("file", "newest", 6, 0600, false));
	memset(&lie, 0, sizeof(lie));
}

/* What failed is what is said, not what the clean-up met after it. */
static void a_full_disk_is_said(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < JOBS; i++) {
		KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");

		fill(f);
		memset(&lie, 0, sizeof(lie));
		lie.full = true;
		errno = 0;
		fails(ERR_IO, jobs[i].run(f, k));
		lie.full = false;
		if (errno != ENOSPC) {
			print_error("%s: %s\n", jobs[i].name, strerror(errno));
			fail();
		}
	}
}

/* A full disk, and a delete: what was retired long ago makes room for it. */
static void a_delete_makes_room(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	struct change c = {.op = CHANGE_DELETE, .name = "other"};
	struct apply_options opt = {.grace = 1};
	struct apply_result result;

	fill(f);
	for (int i = 0; i < 3; i++)
		fill(f);
	sleep(3);
	/* A busy scope, which is not swept with every commit. */
	fixture_put(f, "alpha", "development", "another", "just now");
	for (int due = 0; due < 2; due++) {
		memset(&lie, 0, sizeof(lie));
		lie.full = true;
		lie.room = 4; /* its own torn file, and three that nobody names any more */
		if (due)
			ok(apply_changes(f->b, k, &opt, &c, 1, &result));
		else
			fails(ERR_IO, apply_changes(f->b, k, NULL, &c, 1, &result));
		assert_true(due || errno == ENOSPC);
	}
	memset(&lie, 0, sizeof(lie));
}

static int honest(void **state)
{
	memset(&lie, 0, sizeof(lie));
	return fixture_directory(state);
}

#define on_disk(test) cmocka_unit_test_setup_teardown(test, honest, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_disk(done_and_reported_as_failed),
		on_disk(done_and_nobody_can_tell),
		on_disk(done_later),
		on_disk(small_files),
		on_disk(a_full_disk_is_said),
		on_disk(a_delete_makes_room),
	};

	return cmocka_run_group_tests_name("replies that lie", tests, NULL, NULL);
}
