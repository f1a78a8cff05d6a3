/* SPDX-License-Identifier: ISC */
/*
 * Invariant 11: no unlocked plaintext.  Where memory cannot be locked, nothing secret is put into it:
 * every way to a value or a key fails with ERR_MLOCK.
 */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "root.h"
#include "value.h"

/* The address sanitizer makes mlock do nothing, and would let everything here pass for locked. */
#ifdef __SANITIZE_ADDRESS__
int mlock(const void *addr, size_t len)
{
	return (int)syscall(SYS_mlock, addr, len);
}

int munlock(const void *addr, size_t len)
{
	return (int)syscall(SYS_munlock, addr, len);
}
#endif

/* --- without the right to lock -------------------------------------------------------------------------- */

#define ENOUGH (4u << 20)

/* In a child that may lock limit bytes; nothing it does is undone, so it has to be one. */
static void powerless(rlim_t limit)
{
	struct rlimit none = {limit, limit};

	/* CAP_IPC_LOCK overrides the limit; another user has none. */
	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
	    (geteuid() == 0 && setresuid(1000, 1000, 1000)))
		_exit(100);
}

/* What tried returns in such a child. */
static int in_child(rlim_t limit, int (*tried)(void *arg), void *arg)
{
	int status, pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		powerless(limit);
		_exit(-tried(arg));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static int one_byte(void *arg)
{
	struct secret *s;

	(void)arg;
	return secret_alloc(1, &s);
}

static int no_byte(void *arg)
{
	struct secret *s;

	(void)arg;
	return secret_alloc(0, &s);
}

static int copied(void *arg)
{
	struct secret *s;

	(void)arg;
	return secret_from((const uint8_t *)"value", 5, &s);
}

static int read_in(void *arg)
{
	struct secret *s;

	return secret_read(*(int *)arg, &s);
}

static int for_keys(void *arg)
{
	void *p;

	(void)arg;
	return secret_new(32, &p);
}

static int a_keyring(void *arg)
{
	struct keyring *k;

	(void)arg;
	return keyring_alloc(&k);
}

static int root_keys_of(void *arg)
{
	struct root_keys *k;

	return keys_open(arg, &k);
}

static int a_root(void *arg)
{
	struct root *r;

	(void)arg;
	return root_generate(&r);
}

static void every_allocation(void **state)
{
	uint8_t root[ROOT_SIZE] = {0};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	fails(ERR_MLOCK, in_child(0, one_byte, NULL));
	fails(ERR_MLOCK, in_child(0, no_byte, NULL));
	fails(ERR_MLOCK, in_child(0, copied, NULL));
	fails(ERR_MLOCK, in_child(0, read_in, &fd));
	fails(ERR_MLOCK, in_child(0, for_keys, NULL));
	fails(ERR_MLOCK, in_child(0, a_keyring, NULL));
	fails(ERR_MLOCK, in_child(0, root_keys_of, root));
	fails(ERR_MLOCK, in_child(0, a_root, NULL));
	/* And with the right to: it is the limit that makes them fail. */
	ok(in_child(ENOUGH, one_byte, NULL));
	ok(in_child(1 << 20, a_keyring, NULL));
	close(fd);
}

/* Enough for one value and not for another: the end of the budget is an error like its absence. */
static int until_full(void *arg)
{
	struct secret *s;
	int r = 0;

	for (int i = 0; r == 0 && i < 1000; i++)
		r = secret_alloc(100, &s);
	(void)arg;
	return r;
}

static int one_large(void *arg)
{
	struct secret *s;

	(void)arg;
	return secret_alloc(SECRET_MAX, &s);
}

static void a_budget_spent(void **state)
{
	(void)state;
	fails(ERR_MLOCK, in_child(64 << 10, until_full, NULL));
	fails(ERR_MLOCK, in_child(64 << 10, one_large, NULL));
	ok(in_child(2 << 20, one_large, NULL));
}

/* --- a value of a store ------------------------------------------------------------------------------------- */

struct open_value {
	struct fixture *f;
	struct keyring *ring;
	struct record rec;
};

static int get_value(void *arg)
{
	struct open_value *o = arg;
	struct secret *s;

	return value_get(o->f->b, o->ring, &o->rec.versions[0], o->rec.name, &s);
}

static int get_bundle(void *arg)
{
	struct bundle *b;

	(void)arg;
	return bundle_read(3, 0, &b);
}

static void a_value_and_a_bundle(void **state)
{
	struct fixture *f = *state;
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	BUNDLE_CLEANUP struct bundle *b = NULL;
	struct open_value o = {.f = f};
	const char *path;

	fixture_put(f, "alpha", "development", "token", "value");
	b = fixture_reader(f, "alpha", "development", &path);
	o.ring = b->rings[3];
	ok(snapshot_open(f->b, o.ring, NULL, &s));
	ok(snapshot_find(f->b, o.ring, s, "token", &o.rec));
	fails(ERR_MLOCK, in_child(0, get_value, &o));
	ok(in_child(ENOUGH, get_value, &o));

	{
		int fd = open(path, O_RDONLY | O_CLOEXEC), saved = dup(3);

		assert_true(fd >= 0 && dup2(fd, 3) == 3);
		fails(ERR_MLOCK, in_child(0, get_bundle, NULL));
		ok(in_child(ENOUGH, get_bundle, NULL));
		if (saved >= 0) {
			dup2(saved, 3);
			close(saved);
		}
		if (fd != 3)
			close(fd);
	}
}

/* --- what is locked, according to the kernel ------------------------------------------------------------------ */

struct mapping {	       /* as /proc/self/smaps has it */
	long resident, locked; /* kB */
	char flags[128];
};

/* The mapping that holds p. */
static struct mapping mapping_of(const void *p)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	struct mapping m = {-1, -1, ""};
	bool here = false;
	char line[512], *end;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from = strtoul(line, &end, 16);

		if (end != line && *end == '-')
			here = from <= (unsigned long)p &&
			       (unsigned long)p < strtoul(end + 1, NULL, 16);
		else if (here && strncmp(line, "Rss:", 4) == 0)
			m.resident = strtol(line + 4, NULL, 10);
		else if (here && strncmp(line, "Locked:", 7) == 0)
			m.locked = strtol(line + 7, NULL, 10);
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(m.flags, sizeof(m.flags), "%.127s", line + 8);
	}
	fclose(maps);
	return m;
}

static void assert_locked(const void *from, size_t len)
{
	const uint8_t *p = from;

	for (size_t i = 0; i < len; i += 4096) {
		struct mapping m = mapping_of(p + i);

		assert_true(m.resident > 0);
		assert_int_equal(m.locked, m.resident);
		assert_non_null(strstr(m.flags, " lo")); /* never swapped */
		assert_non_null(strstr(m.flags, " dd")); /* in no core file */
	}
}

static void the_kernel_says_so(void **state)
{
	struct fixture *f = *state;
	const size_t sizes[] = {0, 1, 100, 4000, 4096, 5000, 100000, SECRET_MAX};
	BUNDLE_CLEANUP struct bundle *b = NULL;
	char plain[64];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct secret *s;

		ok(secret_alloc(sizes[i], &s));
		assert_locked(s->data, sizes[i] + 1);
		secret_free(s);
	}
	/* That is not said of any memory. */
	memset(plain, 1, sizeof(plain));
	assert_int_equal(mapping_of(plain).locked, 0);

	fixture_put(f, "alpha", "development", "token", "value");
	b = fixture_reader(f, "alpha", "development", NULL);
	for (size_t i = 0; i < b->n; i++)
		assert_locked(b->rings[i], sizeof(*b->rings[i]));
	assert_locked(f->root, sizeof(*f->root));
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation),
		cmocka_unit_test(a_budget_spent),
		in_memory(a_value_and_a_bundle),
		in_memory(the_kernel_says_so),
	};

	return cmocka_run_group_tests_name("no unlocked plaintext", tests, NULL, NULL);
}
