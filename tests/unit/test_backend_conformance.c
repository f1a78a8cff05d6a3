/* SPDX-License-Identifier: ISC */
/*
 * What every backend must do, asked of each in the same words: a directory always, and the empty
 * stores that STORES names, separated by spaces (the end-to-end tests start an etcd and a
 * PostgreSQL for that).
 */
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "location.h"
#include "scratch.h"

#define SCOPE "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"
#define REF "refs/" SCOPE
#define THREADS 4
#define SWAPS 25
#define MANY 2500u

static const char *location;
static char reason[LOCATION_REASON];

static struct backend *open_it(int create)
{
	struct backend *b = NULL;
	int r = location_open(location, create, &b, reason);

	if (r)
		fail_msg("%s: %d (%s)", location, r, reason);
	return b;
}

static void object_key(char out[static BACKEND_KEY_SIZE], const char *scope, unsigned n)
{
	snprintf(out, BACKEND_KEY_SIZE, "objects/%s/%064x", scope, n);
}

static int put_one(struct backend *b, const char *key, const void *data, size_t len)
{
	const struct backend_item item = {key, data, len};

	return b->ops->put(b, &item, 1);
}

static void expect(struct backend *b, const char *key, const void *data, size_t len)
{
	BLOB_CLEANUP struct blob out = {0};

	assert_int_equal(b->ops->get(b, key, len, 0, &out), 0);
	assert_int_equal(out.len, len);
	if (len)
		assert_memory_equal(out.data, data, len);
}

static int count(void *arg, const char *key)
{
	(void)key;
	++*(size_t *)arg;
	return 0;
}

static int stop(void *arg, const char *key)
{
	count(arg, key);
	return 7;
}

static void is_no_store_until_made(void **state)
{
	struct backend *b = NULL;

	(void)state;
	assert_int_equal(location_open(location, 0, &b, reason), ERR_NOENT);
	assert_null(b);
	backend_close(open_it(1));
	backend_close(open_it(1)); /* made already */
	backend_close(open_it(0));
}

static void puts_and_gets(void **state)
{
	BACKEND_CLEANUP struct backend *b = open_it(1);
	static uint8_t large[1400000];
	BLOB_CLEANUP struct blob none = {0};
	char key[3][BACKEND_KEY_SIZE];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		object_key(key[i], SCOPE, 0xa0 + i);
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(b->ops->get(b, key[0], 100, 0, &none), ERR_NOENT);
	assert_int_equal(put_one(b, key[0], "\0\xff'\\\n", 5), 0);
	assert_int_equal(put_one(b, key[1], large, sizeof(large)), 0);
	assert_int_equal(put_one(b, key[2], "", 0), 0);
	expect(b, key[0], "\0\xff'\\\n", 5);
	expect(b, key[1], large, sizeof(large));
	expect(b, key[2], "", 0);
	assert_int_equal(b->ops->get(b, key[1], sizeof(large) - 1, 0, &none), ERR_TOOBIG);
	assert_null(none.data);
	assert_int_equal(put_one(b, key[0], "another", 7), ERR_EXIST);
	expect(b, key[0], "\0\xff'\\\n", 5);
}

static void puts_many_and_lists_all(void **state)
{
	BACKEND_CLEANUP struct backend *b = open_it(1);
	struct backend_item *items = calloc(MANY, sizeof(*items));
	char(*keys)[BACKEND_KEY_SIZE] = calloc(MANY, sizeof(*keys));
	size_t n = 0;

	(void)state;
	assert_true(items && keys);
	for (unsigned i = 0; i < MANY; i++) {
		object_key(keys[i], OTHER, i);
		items[i] = (struct backend_item){keys[i], (const uint8_t *)keys[i], 80};
	}
	assert_int_equal(b->ops->put(b, items, MANY), 0);
	assert_int_equal(b->ops->put(b, items, 0), 0);
	assert_int_equal(b->ops->list(b, "objects/" OTHER, count, &n), 0);
	assert_int_equal(n, MANY);
	expect(b, keys[MANY - 1], keys[MANY - 1], 80);
	n = 0;
	assert_int_equal(b->ops->list(b, "objects/" OTHER, stop, &n), 7);
	assert_int_equal(n, 1);
	n = 0;
	assert_int_equal(b->ops->list(b, "refs", count, &n), 0);
	assert_int_equal(n, 0);
	n = 0;
	assert_int_equal(b->ops->list(b, "objects/" SCOPE "00", count, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(b->ops->delete (b, keys[0]), 0);
	assert_int_equal(b->ops->delete (b, keys[0]), 0);
	assert_int_equal(b->ops->list(b, "objects/" OTHER, count, &n), 0);
	assert_int_equal(n, MANY - 1);
	free(items);
	free(keys);
}

static void swaps(void **state)
{
	BACKEND_CLEANUP struct backend *b = open_it(1);
	const struct blob one = {(uint8_t *)(uintptr_t) "one", 3},
			  two = {(uint8_t *)(uintptr_t) "\0\xff", 2};
	size_t n = 0;

	(void)state;
	assert_int_equal(b->ops->swap(b, REF, &one, &two), ERR_CONFLICT);
	assert_int_equal(b->ops->swap(b, REF, NULL, &one), 0);
	assert_int_equal(b->ops->swap(b, REF, NULL, &two), ERR_CONFLICT);
	assert_int_equal(b->ops->swap(b, REF, &two, &two), ERR_CONFLICT);
	expect(b, REF, "one", 3);
	assert_int_equal(b->ops->swap(b, REF, &one, &two), 0);
	expect(b, REF, "\0\xff", 2);
	assert_int_equal(b->ops->list(b, "refs", count, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(b->ops->delete (b, REF), 0);
	assert_int_equal(b->ops->swap(b, REF, NULL, &one), 0);
	assert_int_equal(b->ops->delete (b, REF), 0);
}

/* A counter that each thread raises by compare-and-swap: none is lost. */
static void *raise_counter(void *arg)
{
	struct backend *b = NULL;
	unsigned done = 0;

	if (location_open(location, 0, &b, arg) != 0)
		return (void *)1;
	while (done < SWAPS) {
		BLOB_CLEANUP struct blob old = {0};
		unsigned n = 0;
		int r = b->ops->get(b, REF, sizeof(n), BACKEND_DURABLE, &old);

		if (r != 0 && r != ERR_NOENT)
			break;
		if (r == 0)
			memcpy(&n, old.data, sizeof(n));
		n++;
		r = b->ops->swap(b, REF, r == 0 ? &old : NULL,
				 &(struct blob){(uint8_t *)&n, sizeof(n)});
		if (r == 0)
			done++;
		else if (r != ERR_CONFLICT)
			break;
	}
	backend_close(b);
	return (void *)(uintptr_t)(done != SWAPS);
}

static void loses_no_swap(void **state)
{
	BACKEND_CLEANUP struct backend *b = open_it(1);
	static char reasons[THREADS][LOCATION_REASON];
	pthread_t threads[THREADS];
	unsigned sum = THREADS * SWAPS;
	void *bad;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, raise_counter, reasons[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	expect(b, REF, &sum, sizeof(sum));
	assert_int_equal(b->ops->delete (b, REF), 0);
}

/* Readable within a while; what was readable before does not count. */
static bool hears(struct backend *b, int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool heard = poll(&p, 1, ms) == 1;

	if (heard)
		b->ops->watch_clear(b);
	return heard;
}

static void hears_changes(void **state)
{
	BACKEND_CLEANUP struct backend *b = open_it(1), *other = open_it(1);
	struct blob old = {(uint8_t *)(uintptr_t) "0", 1}, new = old;
	int fd;

	(void)state;
	assert_int_equal(b->ops->watch(b, &fd), 0);
	while (hears(b, fd, 500))
		; /* that it has begun */
	assert_int_equal(other->ops->swap(other, REF, NULL, &old), 0);
	assert_true(hears(b, fd, 5000));
	while (hears(b, fd, 300))
		;
	new.data = (uint8_t *)(uintptr_t) "1";
	assert_int_equal(other->ops->swap(other, REF, &old, &new), 0);
	assert_true(hears(b, fd, 5000));
	while (hears(b, fd, 300))
		;
	assert_false(hears(b, fd, 300));
	assert_int_equal(other->ops->delete (other, REF), 0);
	assert_true(hears(b, fd, 5000));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(is_no_store_until_made), cmocka_unit_test(puts_many_and_lists_all),
	cmocka_unit_test(puts_and_gets),	  cmocka_unit_test(swaps),
	cmocka_unit_test(loses_no_swap),	  cmocka_unit_test(hears_changes),
};

int main(void)
{
	const char *named = getenv("STORES");
	char *stores = named ? strdup(named) : NULL, *save = NULL;
	int failed;

	if (stores) {
		location = strtok_r(stores, " ", &save);
		failed = 0;
		for (; location; location = strtok_r(NULL, " ", &save))
			failed += cmocka_run_group_tests_name(location, tests, NULL, NULL);
		free(stores);
		return failed;
	}
	scratch_enter();
	location = "store";
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_leave();
	return failed;
}
