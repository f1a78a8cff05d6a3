/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend.h"
#include "scratch.h"

#define CAP 4096

static const uint8_t scope[16] = {0xab, 0xcd};

/* --- fsync and rename of this program, which can be made to fail ----------- */

static unsigned calls, fail_at; /* the fail_at-th call fails; 0: none */
static unsigned after_failure;	/* fsyncs of a file seen after one has failed */
static bool fired;

static bool call_fails(void)
{
	if (++calls != fail_at)
		return false;
	fired = true;
	errno = EIO;
	return true;
}

int fsync(int fd)
{
	struct stat st;

	if (fired && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		after_failure++;
	return call_fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (call_fails())
		return -1;
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int sync_file_range(int fd, off_t offset, off_t len, unsigned flags)
{
	return call_fails() ? -1 : (int)syscall(SYS_sync_file_range, fd, offset, len, flags);
}

/* What somebody else does to a file after its size was asked and before it is read. */
static const char *resize_path;
static off_t resize_to;

ssize_t read(int fd, void *data, size_t len)
{
	const char *path = resize_path;

	resize_path = NULL;
	if (path && truncate(path, resize_to) != 0)
		return -1;
	return syscall(SYS_read, fd, data, len);
}

static void fail_call(unsigned n)
{
	calls = after_failure = 0;
	fired = false;
	fail_at = n;
}

/* --- helpers --------------------------------------------------------------- */

static int setup(void **state)
{
	struct backend *b;

	scratch_enter();
	fail_call(0);
	if (backend_dir_open("store", 1, &b) != 0)
		return -1;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	fail_call(0);
	backend_close(*state);
	scratch_leave();
	return 0;
}

static void object_key(unsigned n, char *key)
{
	uint8_t id[32] = {0};

	memcpy(id, &n, sizeof(n));
	backend_object_key(scope, id, key);
}

static struct blob blob_of(const char *s)
{
	return (struct blob){.data = (uint8_t *)s, .len = strlen(s)};
}

static int put_one(struct backend *b, const char *key, const char *text)
{
	struct backend_item item = {.key = key, .data = (const uint8_t *)text, .len = strlen(text)};

	return b->ops->put(b, &item, 1);
}

static void assert_holds(struct backend *b, const char *key, const char *text)
{
	struct blob got = {0};

	assert_int_equal(b->ops->get(b, key, CAP, 0, &got), 0);
	assert_int_equal(got.len, strlen(text));
	if (got.len)
		assert_memory_equal(got.data, text, got.len);
	blob_free(&got);
}

static int get_error(struct backend *b, const char *key)
{
	struct blob got = {0};
	int r = b->ops->get(b, key, CAP, 0, &got);

	assert_null(got.data);
	return r;
}

static char *in_store(const char *key)
{
	static char path[512];

	snprintf(path, sizeof(path), "store/%s", key);
	return path;
}

static int count_key(void *arg, const char *key)
{
	assert_non_null(strchr(key, '/'));
	(*(unsigned *)arg)++;
	return 0;
}

static unsigned count(struct backend *b, const char *prefix)
{
	unsigned n = 0;

	assert_int_equal(b->ops->list(b, prefix, count_key, &n), 0);
	return n;
}

static void scope_prefix(char *out)
{
	char key[BACKEND_KEY_SIZE];

	object_key(0, key);
	*strrchr(key, '/') = '\0';
	memcpy(out, key, strlen(key) + 1);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* --- open ------------------------------------------------------------------ */

static void test_open(void **state)
{
	struct backend *b = NULL;

	(void)state;
	assert_int_equal(backend_dir_open("nowhere", 0, &b), ERR_NOENT);
	assert_int_equal(mkdir("empty", 0700), 0);
	assert_int_equal(backend_dir_open("empty", 0, &b), ERR_NOENT);
	assert_null(b);
	assert_int_equal(backend_dir_open("deep/er/store", 1, &b), 0);
	backend_close(b);
	assert_int_equal(mode_of("deep/er/store"), 0700);
	assert_int_equal(mode_of("deep/er/store/refs"), 0700);
	assert_int_equal(backend_dir_open("deep/er/store", 0, &b), 0);
	backend_close(b);
	assert_int_equal(symlink("store", "link"), 0);
	assert_int_equal(backend_dir_open("link", 0, &b), 0);
	backend_close(b);
	assert_int_equal(rmdir("store/refs"), 0);
	assert_int_equal(symlink("objects", "store/refs"), 0);
	assert_int_equal(backend_dir_open("store", 1, &b), ERR_AUTH);
}

static void test_keys_are_checked(void **state)
{
	static const char *const bad[] = {"",
					  "refs",
					  "refs/",
					  "refs/..",
					  "refs/../x",
					  "/etc/passwd",
					  "objects/ab",
					  "objects/../ab",
					  "objects/ab/",
					  "objects/ab/cd/ef",
					  "objects//ab",
					  "refs/ab.new",
					  "refs/AB",
					  "lock",
					  "other/ab",
					  "refs/./ab"};
	struct backend *b = *state;
	struct blob new = blob_of("x");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(get_error(b, bad[i]), ERR_INVAL);
		assert_int_equal(put_one(b, bad[i], "x"), ERR_INVAL);
		assert_int_equal(b->ops->swap(b, bad[i], NULL, &new), ERR_INVAL);
		assert_int_equal(b->ops->delete (b, bad[i]), ERR_INVAL);
	}
	assert_int_equal(put_one(b, "refs/ab", "x"), ERR_INVAL);
	assert_int_equal(b->ops->swap(b, "objects/ab/cd", NULL, &new), ERR_INVAL);
}

/* --- put and get ------------------------------------------------------------ */

static void test_put_get(void **state)
{
	struct backend *b = *state;
	char key[BACKEND_KEY_SIZE], empty[BACKEND_KEY_SIZE];
	struct blob got = {0};

	object_key(1, key);
	object_key(2, empty);
	assert_int_equal(get_error(b, key), ERR_NOENT);
	assert_int_equal(put_one(b, key, "value"), 0);
	assert_int_equal(put_one(b, empty, ""), 0);
	assert_holds(b, key, "value");
	assert_int_equal(b->ops->get(b, empty, CAP, 0, &got), 0);
	assert_null(got.data);
	assert_int_equal(put_one(b, key, "other"), ERR_EXIST);
	assert_holds(b, key, "value");
	assert_int_equal(b->ops->get(b, key, 4, 0, &got), ERR_TOOBIG);
	assert_int_equal(b->ops->get(b, key, 5, BACKEND_DURABLE, &got), 0);
	blob_free(&got);
	assert_int_equal(mode_of(in_store(key)), 0600);
	assert_int_equal(b->ops->put(b, NULL, 0), 0);
}

#define MANY 700 /* more than one batch */

static void make_items(struct backend_item *items, char (*keys)[BACKEND_KEY_SIZE], unsigned n)
{
	static const uint8_t data[100] = "many";

	for (unsigned i = 0; i < n; i++) {
		uint8_t other[16] = {(uint8_t)(i / 50)}, id[32] = {0};

		memcpy(id, &i, sizeof(i));
		backend_object_key(other, id, keys[i]);
		items[i] = (struct backend_item){keys[i], data, sizeof(data)};
	}
}

static void test_put_many(void **state)
{
	static struct backend_item items[MANY];
	static char keys[MANY][BACKEND_KEY_SIZE];
	struct backend *b = *state;
	struct rlimit old, few = {.rlim_cur = 40};

	make_items(items, keys, MANY);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(b->ops->put(b, items, MANY), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (unsigned i = 0; i < MANY; i++) {
		struct blob got = {0};

		assert_int_equal(b->ops->get(b, keys[i], CAP, 0, &got), 0);
		assert_int_equal(got.len, items[i].len);
		blob_free(&got);
	}
	assert_int_equal(count(b, "objects"), MANY / 50);
	assert_int_equal(count(b, "objects/00000000000000000000000000000000"), 50);
}

static unsigned count_all(struct backend *b)
{
	unsigned n = 0;
	char prefix[BACKEND_KEY_SIZE];

	for (unsigned i = 0; i < MANY / 50; i++) {
		snprintf(prefix, sizeof(prefix), "objects/%02x000000000000000000000000000000", i);
		n += count(b, prefix);
	}
	return n;
}

/* A failed put leaves nothing: a name taken in the middle, a disk that is full. */
static void test_put_failed_leaves_nothing(void **state)
{
	static struct backend_item items[MANY];
	static char keys[MANY][BACKEND_KEY_SIZE];
	struct rlimit old, small = {.rlim_cur = 50};
	struct backend *b = *state;

	make_items(items, keys, MANY);
	assert_int_equal(put_one(b, keys[600], "taken"), 0);
	assert_int_equal(b->ops->put(b, items, MANY), ERR_EXIST);
	assert_int_equal(count_all(b), 1);
	assert_holds(b, keys[600], "taken");

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(b->ops->put(b, items, 10), ERR_IO);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(count_all(b), 1);
}

/* Every fsync matters, and none is tried again. */
static void test_put_fails_with_any_fsync(void **state)
{
	static struct backend_item items[MANY];
	static char keys[MANY][BACKEND_KEY_SIZE];
	struct backend *b = *state;
	unsigned n = 0;
	int r;

	make_items(items, keys, MANY);
	for (;;) {
		fail_call(++n);
		r = b->ops->put(b, items, 60);
		if (!fired)
			break;
		assert_int_equal(r, ERR_IO);
		assert_int_equal(after_failure, 0);
		assert_int_equal(count_all(b), 0);
	}
	assert_int_equal(r, 0);
	/* 60 files started and synced, two scopes, objects; the layout's sync only in the first runs */
	assert_true(n > 120);
}

/* The same where a batch is full and synced before the last file is written. */
static void test_put_fails_between_batches(void **state)
{
	static const unsigned at[] = {256, 257, 400, 512, 513, 520, 521, 522};
	static struct backend_item items[260];
	static char keys[260][BACKEND_KEY_SIZE];
	char prefix[BACKEND_KEY_SIZE];
	struct backend *b = *state;

	scope_prefix(prefix);
	for (unsigned i = 0; i < 260; i++) {
		object_key(i, keys[i]);
		items[i] = (struct backend_item){keys[i], (const uint8_t *)"x", 1};
	}
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		fail_call(at[i]);
		assert_int_equal(b->ops->put(b, items, 260), ERR_IO);
		assert_true(fired);
		assert_int_equal(after_failure, 0);
		assert_int_equal(count(b, prefix), 0);
	}
	fail_call(523); /* 260 written, 260 synced, the scope, objects */
	assert_int_equal(b->ops->put(b, items, 260), 0);
	assert_false(fired);
}

/* --- a hostile directory ---------------------------------------------------- */

static void test_no_plain_file(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct backend *b = *state;
	char key[6][BACKEND_KEY_SIZE];
	int fd;

	for (unsigned i = 0; i < 6; i++)
		object_key(i, key[i]);
	assert_int_equal(put_one(b, key[0], "plain"), 0);
	assert_int_equal(mkfifo(in_store(key[1]), 0600), 0);
	assert_int_equal(get_error(b, key[1]), ERR_AUTH);
	assert_int_equal(symlink(strrchr(key[0], '/') + 1, in_store(key[2])), 0);
	assert_int_equal(get_error(b, key[2]), ERR_AUTH);
	assert_int_equal(symlink("/dev/zero", in_store(key[3])), 0);
	assert_int_equal(get_error(b, key[3]), ERR_AUTH);
	assert_int_equal(mkdir(in_store(key[4]), 0700), 0);
	assert_int_equal(get_error(b, key[4]), ERR_AUTH);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(snprintf(un.sun_path, sizeof(un.sun_path), "sock") > 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(rename("sock", in_store(key[5])), 0);
	assert_int_equal(get_error(b, key[5]), ERR_AUTH);
	close(fd);
	assert_holds(b, key[0], "plain");
	assert_int_equal(put_one(b, key[2], "through a link"), ERR_EXIST);
	assert_holds(b, key[0], "plain");
}

static void test_linked_directory(void **state)
{
	struct backend *b = *state;
	struct blob new = blob_of("x");
	char key[BACKEND_KEY_SIZE], prefix[BACKEND_KEY_SIZE], ref[BACKEND_KEY_SIZE];
	unsigned n = 0;

	object_key(1, key);
	scope_prefix(prefix);
	backend_ref_key(scope, ref);
	assert_int_equal(mkdir("elsewhere", 0700), 0);
	write_file("elsewhere/file", "bait");
	assert_int_equal(symlink("../../elsewhere", in_store(prefix)), 0);
	assert_int_equal(get_error(b, key), ERR_AUTH);
	assert_int_equal(put_one(b, key, "x"), ERR_AUTH);
	assert_int_equal(b->ops->delete (b, key), ERR_AUTH);
	assert_int_equal(b->ops->list(b, prefix, count_key, &n), ERR_AUTH);
	assert_int_equal(unlink(in_store(prefix)), 0);
	write_file(in_store(prefix), "a file");
	assert_int_equal(put_one(b, key, "x"), ERR_AUTH);

	assert_int_equal(symlink("../elsewhere/file", in_store("lock")), 0);
	assert_int_equal(b->ops->swap(b, ref, NULL, &new), ERR_AUTH);
	assert_int_equal(unlink(in_store("lock")), 0);
	assert_int_equal(rmdir(in_store("refs")), 0);
	assert_int_equal(symlink("../elsewhere", in_store("refs")), 0);
	assert_int_equal(b->ops->swap(b, ref, NULL, &new), ERR_AUTH);
	assert_int_equal(access("elsewhere/abcd0000000000000000000000000000", F_OK), -1);
}

static void test_oversized(void **state)
{
	struct backend *b = *state;
	char key[BACKEND_KEY_SIZE];
	struct timespec from, to;

	object_key(1, key);
	assert_int_equal(put_one(b, key, "small"), 0);
	assert_int_equal(truncate(in_store(key), (off_t)2 << 30), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(get_error(b, key), ERR_TOOBIG);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec <= 1);
}

static void test_resized_while_read(void **state)
{
	static const off_t sizes[] = {0, 4, 6, 4000};
	struct backend *b = *state;
	char key[BACKEND_KEY_SIZE];

	object_key(1, key);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(put_one(b, key, "value"), 0);
		resize_path = in_store(key);
		resize_to = sizes[i];
		assert_int_equal(get_error(b, key), ERR_AUTH);
		assert_null(resize_path);
		assert_int_equal(b->ops->delete (b, key), 0);
	}
}

static void rewrite_forever(const char *path)
{
	static char data[3000];
	int fd = open(path, O_WRONLY);

	for (unsigned i = 0;; i++) {
		memset(data, 'a' + (int)(i % 26), sizeof(data));
		if (pwrite(fd, data, i % 7 * 400 + 100, 0) < 0 || ftruncate(fd, i % 3 * 1000) != 0)
			_exit(1);
	}
}

static void test_concurrent_rewrite(void **state)
{
	struct backend *b = *state;
	char key[BACKEND_KEY_SIZE];
	unsigned got_some = 0;
	pid_t child;

	object_key(1, key);
	assert_int_equal(put_one(b, key, "start"), 0);
	child = fork();
	if (child == 0)
		rewrite_forever(in_store(key));
	for (unsigned i = 0; i < 20000; i++) {
		struct blob got = {0};
		int r = b->ops->get(b, key, CAP, 0, &got);

		assert_true(r == 0 || r == ERR_AUTH);
		assert_true(got.len <= CAP);
		got_some += r == 0;
		blob_free(&got);
	}
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(got_some > 0);
}

/* --- swap ------------------------------------------------------------------- */

static void test_swap(void **state)
{
	struct backend *b = *state;
	struct blob one = blob_of("one"), two = blob_of("two"), longer = blob_of("one and more");
	struct blob nothing = {0};
	char key[BACKEND_KEY_SIZE];

	backend_ref_key(scope, key);
	assert_int_equal(b->ops->swap(b, key, &one, &two), ERR_CONFLICT);
	assert_int_equal(get_error(b, key), ERR_NOENT);
	assert_int_equal(b->ops->swap(b, key, NULL, &one), 0);
	assert_int_equal(b->ops->swap(b, key, NULL, &two), ERR_CONFLICT);
	assert_int_equal(b->ops->swap(b, key, &two, &two), ERR_CONFLICT);
	assert_int_equal(b->ops->swap(b, key, &longer, &two), ERR_CONFLICT);
	assert_int_equal(b->ops->swap(b, key, &nothing, &two), ERR_CONFLICT);
	assert_holds(b, key, "one");
	assert_int_equal(b->ops->swap(b, key, &one, &two), 0);
	assert_holds(b, key, "two");
	assert_int_equal(b->ops->swap(b, key, &two, &nothing), 0);
	assert_holds(b, key, "");
	assert_int_equal(b->ops->swap(b, key, &nothing, &one), 0);
	assert_int_equal(mode_of(in_store(key)), 0600);
	assert_int_equal(mode_of(in_store("lock")), 0600);
	assert_int_equal(b->ops->delete (b, key), 0);
	assert_int_equal(b->ops->delete (b, key), 0);
	assert_int_equal(get_error(b, key), ERR_NOENT);
}

/* A writer that died between its write and its rename. */
static void test_swap_over_a_stray(void **state)
{
	static const char stray[] = "store/refs/.abcd0000000000000000000000000000.new";
	struct backend *b = *state;
	struct blob one = blob_of("one");
	char key[BACKEND_KEY_SIZE];

	backend_ref_key(scope, key);
	assert_int_equal(symlink("../../bait", stray), 0);
	assert_int_equal(count(b, "refs"), 0);
	assert_int_equal(b->ops->swap(b, key, NULL, &one), 0);
	assert_holds(b, key, "one");
	assert_int_equal(access(stray, F_OK), -1);
	assert_int_equal(access("bait", F_OK), -1);
	assert_int_equal(count(b, "refs"), 1);
}

static void test_swap_fails_with_any_fsync(void **state)
{
	struct backend *b = *state;
	struct blob one = blob_of("one"), two = blob_of("two");
	char key[BACKEND_KEY_SIZE];
	unsigned n, unknown = 0;

	backend_ref_key(scope, key);
	assert_int_equal(b->ops->swap(b, key, NULL, &one), 0);
	for (n = 1;; n++) {
		int r;

		fail_call(n);
		r = b->ops->swap(b, key, &one, &two);
		if (!fired)
			break;
		assert_int_equal(after_failure, 0);
		fail_call(0);
		if (r == ERR_UNKNOWN) {
			unknown = n;
			assert_holds(b, key, "two");
			assert_int_equal(b->ops->swap(b, key, &two, &one), 0);
		} else {
			assert_int_equal(r, ERR_IO);
			assert_holds(b, key, "one");
		}
		assert_int_equal(access("store/refs/.abcd0000000000000000000000000000.new", F_OK),
				 -1);
	}
	assert_int_equal(n, 4); /* fsync, rename, fsync of the directory */
	assert_int_equal(unknown, 3);
	assert_holds(b, key, "two");
}

static void test_get_durable_fails_with_any_fsync(void **state)
{
	struct backend *b = *state;
	struct blob one = blob_of("one"), got = {0};
	char key[BACKEND_KEY_SIZE];

	backend_ref_key(scope, key);
	assert_int_equal(b->ops->swap(b, key, NULL, &one), 0);
	for (unsigned n = 1; n <= 2; n++) {
		fail_call(n);
		assert_int_equal(b->ops->get(b, key, CAP, BACKEND_DURABLE, &got), ERR_IO);
		assert_true(fired);
	}
	fail_call(1);
	assert_int_equal(b->ops->get(b, key, CAP, 0, &got), 0);
	assert_false(fired);
	blob_free(&got);
}

#define ROUNDS 1000

/* Adds ROUNDS to the number that the ref holds. */
static int count_up(const char *key)
{
	struct backend *b;

	if (backend_dir_open("store", 0, &b) != 0)
		return 1;
	for (unsigned done = 0; done < ROUNDS;) {
		struct blob old = {0}, new;
		char text[32];
		int r = b->ops->get(b, key, CAP, 0, &old);

		if (r != 0)
			return 2;
		snprintf(text, sizeof(text), "%ld", strtol((char *)old.data + 1, NULL, 10) + 1);
		memmove(text + 1, text, strlen(text) + 1);
		text[0] = 'n';
		new = (struct blob){.data = (uint8_t *)text, .len = strlen(text) + 1};
		r = b->ops->swap(b, key, &old, &new);
		blob_free(&old);
		if (r != 0 && r != ERR_CONFLICT)
			return 3;
		done += r == 0;
	}
	backend_close(b);
	return 0;
}

static void test_two_writers(void **state)
{
	struct backend *b = *state;
	struct blob start = {.data = (uint8_t *)"n0", .len = 3}, got = {0};
	char key[BACKEND_KEY_SIZE];
	pid_t child[2];

	backend_ref_key(scope, key);
	assert_int_equal(b->ops->swap(b, key, NULL, &start), 0);
	for (int i = 0; i < 2; i++) {
		child[i] = fork();
		if (child[i] == 0)
			_exit(count_up(key));
	}
	for (int i = 0; i < 2; i++) {
		int status;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(b->ops->get(b, key, CAP, 0, &got), 0);
	assert_string_equal((char *)got.data, "n2000");
	blob_free(&got);
}

/* The lock of a killed writer is free; while one is held, readers read. */
static void test_lock(void **state)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct backend *b = *state;
	struct blob one = blob_of("one"), two = blob_of("two");
	char key[BACKEND_KEY_SIZE], c;
	int fd, ready[2];
	pid_t child;

	backend_ref_key(scope, key);
	assert_int_equal(b->ops->swap(b, key, NULL, &one), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		fd = open("store/lock", O_RDWR);
		if (fcntl(fd, F_OFD_SETLKW, &l) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		usleep(300000);
		raise(SIGKILL);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_holds(b, key, "one");
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	assert_int_equal(b->ops->swap(b, key, &one, &two), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ready[0]);
	close(ready[1]);
}

/* --- list, modes, watch ------------------------------------------------------ */

static int stop_at_once(void *arg, const char *key)
{
	(void)key;
	(*(unsigned *)arg)++;
	return 7;
}

static void test_list(void **state)
{
	struct backend *b = *state;
	char key[BACKEND_KEY_SIZE], prefix[BACKEND_KEY_SIZE];
	unsigned n = 0;

	scope_prefix(prefix);
	assert_int_equal(count(b, prefix), 0);
	for (unsigned i = 0; i < 5; i++) {
		object_key(i, key);
		assert_int_equal(put_one(b, key, "x"), 0);
	}
	write_file("store/objects/abcd0000000000000000000000000000/README", "");
	write_file("store/objects/abcd0000000000000000000000000000/.hidden", "");
	write_file("store/objects/abcd0000000000000000000000000000/ABCD", "");
	assert_int_equal(count(b, prefix), 5);
	assert_int_equal(b->ops->list(b, prefix, stop_at_once, &n), 7);
	assert_int_equal(n, 1);
	assert_int_equal(b->ops->list(b, "..", count_key, &n), ERR_INVAL);
}

static void test_modes_follow_the_directory(void **state)
{
	struct backend *b = *state;
	struct blob one = blob_of("one");
	char key[BACKEND_KEY_SIZE], prefix[BACKEND_KEY_SIZE], ref[BACKEND_KEY_SIZE];
	mode_t mask = umask(077);

	object_key(1, key);
	scope_prefix(prefix);
	backend_ref_key(scope, ref);
	assert_int_equal(chmod("store/objects", 02750), 0);
	assert_int_equal(chmod("store/refs", 02750), 0);
	assert_int_equal(put_one(b, key, "x"), 0);
	assert_int_equal(b->ops->swap(b, ref, NULL, &one), 0);
	umask(mask);
	assert_int_equal(mode_of(in_store(prefix)), 02750);
	assert_int_equal(mode_of(in_store(key)), 0640);
	assert_int_equal(mode_of(in_store(ref)), 0640);
	assert_int_equal(mode_of(in_store("lock")), 0600);
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 500) == 1;
}

static bool quiet(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

static void test_watch(void **state)
{
	struct backend *b = *state;
	struct blob one = blob_of("one"), two = blob_of("two");
	char key[BACKEND_KEY_SIZE], object[BACKEND_KEY_SIZE];
	int fd = -1, again = -1;

	backend_ref_key(scope, key);
	object_key(1, object);
	b->ops->watch_clear(b); /* before any watch: nothing */
	assert_int_equal(b->ops->watch(b, &fd), 0);
	assert_int_equal(b->ops->watch(b, &again), 0);
	assert_int_equal(fd, again);
	assert_true(quiet(fd));
	assert_int_equal(b->ops->swap(b, key, NULL, &one), 0);
	assert_true(readable(fd));
	b->ops->watch_clear(b);
	assert_true(quiet(fd));
	assert_int_equal(b->ops->swap(b, key, &one, &two), 0);
	assert_true(readable(fd));
	b->ops->watch_clear(b);
	assert_int_equal(put_one(b, object, "x"), 0);
	assert_holds(b, key, "two");
	assert_true(quiet(fd)); /* neither objects nor readers wake anybody */
	write_file(in_store(key), "in place");
	assert_true(readable(fd));
	b->ops->watch_clear(b);
	assert_int_equal(b->ops->delete (b, key), 0);
	assert_true(readable(fd));
	b->ops->watch_clear(b);
	assert_true(quiet(fd));
}

/* A backup is moved into place: the watch goes with the name, not with the old directory. */
static void test_watch_replaced(void **state)
{
	struct backend *b = *state;
	struct blob one = blob_of("one"), two = blob_of("two");
	char key[BACKEND_KEY_SIZE];
	int fd = -1;

	backend_ref_key(scope, key);
	assert_int_equal(b->ops->watch(b, &fd), 0);
	assert_int_equal(rename("store/refs", "old"), 0);
	assert_true(readable(fd));
	b->ops->watch_clear(b);
	b->ops->watch_clear(b); /* the end of the old watch is an event too */
	assert_true(quiet(fd));
	assert_int_equal(mkdir("store/refs", 0700), 0);
	assert_true(readable(fd));
	b->ops->watch_clear(b);
	assert_true(quiet(fd));
	assert_int_equal(b->ops->swap(b, key, NULL, &one), 0);
	assert_true(readable(fd));
	b->ops->watch_clear(b);
	assert_int_equal(b->ops->swap(b, key, &one, &two), 0);
	assert_true(readable(fd));
	b->ops->watch_clear(b);
	write_file("old/abcd", "x");
	assert_true(quiet(fd));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),
		TEST(test_keys_are_checked),
		TEST(test_put_get),
		TEST(test_put_many),
		TEST(test_put_failed_leaves_nothing),
		TEST(test_put_fails_with_any_fsync),
		TEST(test_put_fails_between_batches),
		TEST(test_no_plain_file),
		TEST(test_linked_directory),
		TEST(test_oversized),
		TEST(test_resized_while_read),
		TEST(test_concurrent_rewrite),
		TEST(test_swap),
		TEST(test_swap_over_a_stray),
		TEST(test_swap_fails_with_any_fsync),
		TEST(test_get_durable_fails_with_any_fsync),
		TEST(test_two_writers),
		TEST(test_lock),
		TEST(test_list),
		TEST(test_modes_follow_the_directory),
		TEST(test_watch),
		TEST(test_watch_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
