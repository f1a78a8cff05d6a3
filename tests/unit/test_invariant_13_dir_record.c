/* SPDX-License-Identifier: ISC */
/*
 * Invariant 13: a directory that comes back is another node than the one that went, in every view and
 * for every server; its time goes forward when something in it changes, and stays when nothing does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dir_record.h"

static struct shm_dir *dirs;

static int setup(void **state)
{
	(void)state;
	dirs = calloc(SHM_DIRS, sizeof(*dirs));
	return dirs ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(dirs);
	return 0;
}

/* A view of these names, each at its time, committed at `time`. */
struct shown {
	const char *name;
	uint64_t time;
};

static struct view *view_with(uint64_t time, const struct shown *s, size_t n)
{
	static const uint8_t key[VIEW_KEY_SIZE] = "directories", id[HASH_SIZE];
	static struct record r;
	struct view *v;

	assert_int_equal(view_new(key, &v), 0);
	for (size_t i = 0; i < n; i++) {
		memset(&r, 0, sizeof(r));
		snprintf(r.name, sizeof(r.name), "%s", s[i].name);
		r.nversions = 1;
		r.versions[0].time = r.versions[0].set_epoch = s[i].time;
		assert_int_equal(view_add(v, SCOPE_ORGANIZATION, &r), 0);
	}
	view_set_commit(v, SCOPE_ORGANIZATION, time, time, id);
	assert_int_equal(view_finish(v), 0);
	return v;
}
#define VIEW(time, ...)                                                                            \
	view_with(time, (const struct shown[]){__VA_ARGS__},                                       \
		  sizeof((const struct shown[]){__VA_ARGS__}) / sizeof(struct shown))

static void step(struct view **v, struct view *next)
{
	dir_record_succeed(dirs, *v, next);
	view_unref(*v);
	*v = next;
}

static uint64_t node(const struct view *v, const char *path)
{
	const struct view_entry *e = view_find(v, path);

	assert_non_null(e);
	return view_node(v, e);
}

static uint64_t time_of(const struct view *v, const char *path)
{
	const struct view_entry *e = view_find(v, path);

	assert_non_null(e);
	return view_dir_of(v, e)->time;
}

static void another_node(void **state)
{
	struct view *v = VIEW(1, {"g/k", 1}, {"h/k", 1}), *successor;
	uint64_t first = node(v, "g"), second, other = node(v, "h");

	(void)state;
	step(&v, VIEW(2, {"h/k", 1}));
	step(&v, VIEW(3, {"g/k", 3}, {"h/k", 1}));
	second = node(v, "g");
	assert_true(first != second);
	assert_ptr_equal(view_by_ino(v, first), view_by_ino(v, second));
	assert_true(node(v, "h") == other);

	step(&v, VIEW(4, {"g/k", 4}, {"h/k", 1})); /* nothing went: nothing is new */
	assert_true(node(v, "g") == second);

	successor = VIEW(4, {"g/k", 4}, {"h/k", 1});
	dir_record_recall(dirs, successor);
	assert_true(node(successor, "g") == second);
	view_unref(successor);

	step(&v, VIEW(5, {"h/k", 1}));
	step(&v, VIEW(6, {"g/k", 6}, {"h/k", 1}));
	assert_true(node(v, "g") != first && node(v, "g") != second);
	view_unref(v);
}

static void spelled_otherwise(void **state)
{
	struct view *v = VIEW(1, {"g/k", 1});
	uint64_t first = node(v, "g");

	(void)state;
	step(&v, VIEW(2, {"G/k", 2}));
	assert_true(node(v, "g") != first);
	view_unref(v);
}

static void below_another(void **state)
{
	struct view *v = VIEW(1, {"g/h/k", 1}, {"g/k", 1});
	uint64_t g = node(v, "g"), h = node(v, "g/h");

	(void)state;
	step(&v, VIEW(2, {"g/k", 1}));
	step(&v, VIEW(3, {"g/h/k", 3}, {"g/k", 1}));
	assert_true(node(v, "g") == g && node(v, "g/h") != h);
	view_unref(v);
}

static void times(void **state)
{
	struct view *v = VIEW(10, {"a/deep/k", 5}, {"a/k", 3}, {"b/k", 4}), *successor;

	(void)state;
	assert_int_equal(time_of(v, "a"), 5);
	assert_int_equal(time_of(v, "b"), 4);
	assert_int_equal(time_of(v, ""), 5);

	step(&v, VIEW(11, {"a/deep/k", 11}, {"a/k", 3}, {"b/k", 4})); /* updated */
	assert_int_equal(time_of(v, "a/deep"), 11);
	assert_int_equal(time_of(v, "a"), 11);
	assert_int_equal(time_of(v, ""), 11);
	assert_int_equal(time_of(v, "b"), 4);

	step(&v, VIEW(12, {"a/k", 3}, {"b/k", 4})); /* the newest deleted */
	assert_int_equal(time_of(v, "a"), 12);
	assert_int_equal(time_of(v, ""), 12);
	assert_int_equal(time_of(v, "b"), 4);

	step(&v, VIEW(13, {"a/k", 3}, {"b/k", 13}));
	assert_int_equal(time_of(v, "a"), 12);
	assert_int_equal(time_of(v, "b"), 13);

	successor = VIEW(13, {"a/k", 3}, {"b/k", 13});
	dir_record_recall(dirs, successor);
	assert_int_equal(time_of(successor, "a"), 12);
	view_unref(successor);

	step(&v, VIEW(12, {"b/k", 13})); /* by a clock that is slow: forward all the same */
	assert_int_equal(time_of(v, ""), 14);
	view_unref(v);
}

/* More than there is room for: records are lost, and nothing else. */
static void no_room(void **state)
{
	struct view *v = VIEW(1, {"x", 1});
	static char names[64][8];
	static struct shown s[64];

	(void)state;
	for (uint32_t i = 0; i < SHM_DIRS; i++)
		dirs[i] = (struct shm_dir){.ino = 16 + i, .time = 100, .gone = 1};
	for (size_t i = 0; i < 64; i++) {
		snprintf(names[i], sizeof(names[i]), "g%02zu/k", i);
		s[i] = (struct shown){names[i], 2};
	}
	step(&v, view_with(2, s, 64));
	step(&v, VIEW(3, {"x", 1}));
	step(&v, view_with(4, s, 64));
	for (size_t i = 0; i < 64; i++) {
		names[i][3] = '\0';
		assert_true(view_dir_of(v, view_find(v, names[i]))->gone == 1);
	}
	view_unref(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_node, setup, teardown),
		cmocka_unit_test_setup_teardown(spelled_otherwise, setup, teardown),
		cmocka_unit_test_setup_teardown(below_another, setup, teardown),
		cmocka_unit_test_setup_teardown(times, setup, teardown),
		cmocka_unit_test_setup_teardown(no_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
