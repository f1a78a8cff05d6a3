/* SPDX-License-Identifier: ISC */
/*
 * The merged view: who wins, files against directories, any case, node ids, size and speed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "name.h"
#include "view.h"

static const uint8_t key[VIEW_KEY_SIZE] = "node id test key";

#define ORG SCOPE_ORGANIZATION
#define DOM SCOPE_DOMAIN
#define PRO SCOPE_PROJECT
#define PD SCOPE_PROJECT_DOMAIN

static struct view *start(void)
{
	struct view *v;

	assert_int_equal(view_new(key, &v), 0);
	return v;
}

/* len tells the records apart. */
static int try_add(struct view *v, enum scope_level level, const char *name, uint32_t len,
		   uint64_t created)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	r.nversions = 1;
	r.created = created;
	r.versions[0].len = len;
	r.versions[0].set_epoch = len;
	r.versions[0].id[0] = (uint8_t)len;
	return view_add(v, level, &r);
}

static void add(struct view *v, enum scope_level level, const char *name, uint32_t len)
{
	assert_int_equal(try_add(v, level, name, len, len), 0);
}

static void finish(struct view *v)
{
	assert_int_equal(view_finish(v), 0);
}

static void is_file(const struct view *v, const char *path, enum scope_level level, uint32_t len)
{
	const struct view_entry *e = view_find(v, path);

	assert_non_null(e);
	assert_int_equal(e->kind, VIEW_FILE);
	assert_int_equal(e->level, level);
	assert_int_equal(view_file_of(v, e)->len, len);
}

static const struct view_entry *is_dir(const struct view *v, const char *path)
{
	const struct view_entry *e = view_find(v, path);

	assert_non_null(e);
	assert_int_equal(e->kind, VIEW_DIR);
	return e;
}

static void is_absent(const struct view *v, const char *path)
{
	assert_null(view_find(v, path));
}

/* "a b/ c": the children of dir as shown. */
static void has_children(const struct view *v, const char *dir, const char *wanted)
{
	const struct view_entry *d = is_dir(v, dir);
	char got[1024] = "", base[NAME_SIZE];

	for (uint32_t i = view_first(v, d); i; i = view_next(v, d, i)) {
		const struct view_entry *e = view_at(v, i);

		assert_ptr_equal(view_at(v, e->parent), d);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s%s", *got ? " " : "",
			 view_base(v, e, base), e->kind == VIEW_DIR ? "/" : "");
	}
	assert_string_equal(got, wanted);
}

static void empty(void **state)
{
	struct view *v = start();

	(void)state;
	finish(v);
	assert_int_equal(view_count(v), 1);
	assert_int_equal(view_secrets(v), 0);
	has_children(v, "", "");
	assert_ptr_equal(view_by_ino(v, VIEW_ROOT_INO), view_at(v, 0));
	is_absent(v, "x");
	view_unref(v);
}

static void most_specific_wins(void **state)
{
	struct view *v = start();

	(void)state;
	add(v, ORG, "a", 1);
	add(v, ORG, "b", 2);
	add(v, ORG, "c", 3);
	add(v, ORG, "d", 4);
	add(v, DOM, "B", 5);
	add(v, DOM, "c", 6);
	add(v, DOM, "d", 7);
	add(v, PRO, "C", 8);
	add(v, PRO, "d", 9);
	add(v, PD, "D", 10);
	finish(v);
	assert_int_equal(view_secrets(v), 4);
	is_file(v, "a", ORG, 1);
	is_file(v, "b", DOM, 5);
	is_file(v, "c", PRO, 8);
	is_file(v, "d", PD, 10);
	has_children(v, "", "a B C D");
	view_unref(v);
}

static void groups_merge_across_scopes(void **state)
{
	struct view *v = start();

	(void)state;
	add(v, ORG, "g/a", 1);
	add(v, ORG, "g/v1/k", 2);
	add(v, PRO, "G/b", 3);
	add(v, PD, "g/v1/K2", 4);
	finish(v);
	has_children(v, "", "g/");
	has_children(v, "g", "a b v1/");
	has_children(v, "g/v1", "k K2");
	is_file(v, "g/b", PRO, 3);
	assert_int_equal(view_dir_of(v, is_dir(v, ""))->dirs, 1);
	assert_int_equal(view_dir_of(v, is_dir(v, "g"))->dirs, 1);
	assert_int_equal(view_dir_of(v, is_dir(v, "g/v1"))->dirs, 0);
	view_unref(v);
}

static void narrow_file_hides_broad_directory(void **state)
{
	struct view *v = start();

	(void)state;
	add(v, ORG, "x/a", 1);
	add(v, ORG, "x/b/c", 2);
	add(v, ORG, "y", 3);
	add(v, PRO, "X", 4);
	finish(v);
	is_file(v, "x", PRO, 4);
	is_absent(v, "x/a");
	is_absent(v, "x/b");
	is_absent(v, "x/b/c");
	has_children(v, "", "X y");
	view_unref(v);
}

static void narrow_directory_hides_broad_file(void **state)
{
	struct view *v = start();

	(void)state;
	add(v, ORG, "x/a", 1);
	add(v, DOM, "x", 2);
	add(v, PD, "x/b", 3);
	finish(v);
	/* The most specific says directory: the domain's file is hidden, the organization's
	 * entries below are not. */
	has_children(v, "x", "a b");
	is_file(v, "x/a", ORG, 1);
	is_file(v, "x/b", PD, 3);
	view_unref(v);
}

static void file_decides_over_directories_on_both_sides(void **state)
{
	struct view *v = start();

	(void)state;
	add(v, ORG, "x/a", 1);
	add(v, DOM, "x/b", 2);
	add(v, PRO, "x", 3);
	finish(v);
	is_file(v, "x", PRO, 3);
	is_absent(v, "x/a");
	is_absent(v, "x/b");
	view_unref(v);
}

static void conflict_in_a_deeper_directory(void **state)
{
	struct view *v = start();

	(void)state;
	add(v, ORG, "g/x/a", 1);
	add(v, ORG, "g/y", 2);
	add(v, PRO, "g/x", 3);
	add(v, PRO, "g/y/k", 4);
	finish(v);
	has_children(v, "g", "x y/");
	is_file(v, "g/x", PRO, 3);
	is_file(v, "g/y/k", PRO, 4);
	is_absent(v, "g/x/a");
	view_unref(v);
}

/* '/' counts as the lowest byte: "a", "a/b", "a-b" and not "a", "a-b", "a/b". */
static void subtrees_are_contiguous(void **state)
{
	struct view *v = start();

	(void)state;
	add(v, ORG, "a/b", 1);
	add(v, ORG, "a/z", 2);
	add(v, ORG, "a-b", 3);
	add(v, ORG, "a.b/c", 4);
	add(v, ORG, "a0", 5);
	finish(v);
	has_children(v, "", "a/ a-b a.b/ a0");
	for (uint32_t i = 0; i < view_count(v); i++) {
		const struct view_entry *d = view_at(v, i);
		char dir[NAME_SIZE], name[NAME_SIZE];

		view_path(v, d, dir);
		for (uint32_t j = i + 1; j < view_count(v); j++)
			assert_int_equal(j < d->end && d->kind == VIEW_DIR,
					 name_is_below(view_path(v, view_at(v, j), name), dir));
	}
	view_unref(v);
}

static void any_case(void **state)
{
	struct view *v = start();
	const struct view_entry *g;
	char name[NAME_SIZE];

	(void)state;
	add(v, ORG, "Group/MyKey", 1);
	add(v, ORG, "TOKEN_z", 2);
	finish(v);
	is_file(v, "gROUP/mYkEY", ORG, 1);
	is_file(v, "token_Z", ORG, 2);
	g = view_child(v, view_at(v, 0), "GROUP");
	assert_non_null(g);
	assert_non_null(view_child(v, g, "mykey"));
	assert_null(view_child(v, g, "mykey2"));
	assert_null(view_child(v, g, "x/y"));
	assert_null(view_child(v, g, ""));
	assert_string_equal(view_base(v, view_child(v, g, "MYKEY"), name), "MyKey");
	assert_string_equal(view_path(v, view_child(v, g, "MYKEY"), name), "Group/MyKey");
	view_unref(v);
}

static void directory_is_spelled_as_first_written(void **state)
{
	struct view *v = start();

	(void)state;
	assert_int_equal(try_add(v, ORG, "Late/a", 1, 30), 0);
	assert_int_equal(try_add(v, ORG, "LATE/b", 1, 10), 0);
	assert_int_equal(try_add(v, ORG, "late/c", 1, 20), 0);
	finish(v);
	has_children(v, "", "LATE/");
	view_unref(v);
}

static void order_is_checked(void **state)
{
	struct view *v = start();

	(void)state;
	add(v, PRO, "b", 1);
	assert_int_equal(try_add(v, PRO, "a", 1, 1), ERR_INVAL);
	assert_int_equal(try_add(v, PRO, "B", 1, 1), ERR_INVAL);
	assert_int_equal(try_add(v, ORG, "c", 1, 1), ERR_INVAL);
	assert_int_equal(try_add(v, PD, "../x", 1, 1), ERR_INVAL);
	view_unref(v);
}

static void node_ids_are_stable(void **state)
{
	struct view *a = start(), *b = start();
	const struct view_entry *e;

	(void)state;
	add(a, ORG, "g/Key", 1);
	finish(a);
	add(b, ORG, "aaa", 2);
	add(b, PD, "G/kEY", 3);
	finish(b);
	e = view_find(a, "g/key");
	assert_true(e->ino > VIEW_RESERVED);
	assert_int_equal(e->ino & ~VIEW_INO_MASK, 0);
	assert_int_equal(e->ino, view_find(b, "g/key")->ino);
	assert_int_equal(view_find(a, "g")->ino, view_find(b, "g")->ino);
	assert_ptr_equal(view_by_ino(b, e->ino), view_find(b, "g/key"));
	assert_ptr_equal(view_by_ino(b, e->ino | ~VIEW_INO_MASK), view_find(b, "g/key"));
	assert_null(view_by_ino(a, view_find(b, "aaa")->ino));
	view_unref(a);
	view_unref(b);
}

/* One path as file and as directory are two things: an inode never changes its kind. */
static void kind_is_part_of_the_node_id(void **state)
{
	struct view *a = start(), *b = start();

	(void)state;
	add(a, ORG, "x", 1);
	finish(a);
	add(b, ORG, "x/y", 1);
	finish(b);
	assert_int_not_equal(view_find(a, "x")->ino, view_find(b, "x")->ino);
	view_unref(a);
	view_unref(b);
}

struct diff {
	char entries[512], changed[512];
	const struct view *old, *new;
};

static void on_entry(void *arg, const struct view_entry *was, const struct view_entry *is)
{
	struct diff *d = arg;
	size_t at = strlen(d->entries);
	char path[NAME_SIZE];

	if (is)
		view_path(d->new, is, path);
	else
		view_path(d->old, was, path);
	if (was && is)
		assert_int_not_equal(view_node(d->old, was), view_node(d->new, is));
	snprintf(d->entries + at, sizeof(d->entries) - at, "%s%s ",
		 was && is ? "="
		 : is	   ? "+"
			   : "-",
		 path);
}

static void on_changed(void *arg, uint64_t ino)
{
	struct diff *d = arg;
	char path[NAME_SIZE];

	assert_int_equal(ino, view_node(d->old, view_by_ino(d->old, ino)));
	view_path(d->old, view_by_ino(d->old, ino), path);
	snprintf(d->changed + strlen(d->changed), sizeof(d->changed) - strlen(d->changed), "%s ",
		 path);
}

/* Each version is an inode of its own, also when it comes from another scope at the same epoch. */
static void versions_have_node_ids_of_their_own(void **state)
{
	struct view *v[3];
	uint64_t node[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct view_entry *e;

		v[i] = start();
		add(v[i], i == 2 ? PRO : ORG, "key", i == 0 ? 7 : 8);
		finish(v[i]);
		e = view_find(v[i], "key");
		node[i] = view_node(v[i], e);
		assert_int_equal(node[i] & VIEW_INO_MASK, e->ino);
		assert_int_not_equal(node[i], e->ino);
		assert_ptr_equal(view_by_ino(v[0], node[i]), view_find(v[0], "key"));
	}
	assert_int_not_equal(node[0], node[1]);
	assert_int_not_equal(node[1], node[2]);
	for (int i = 0; i < 3; i++)
		view_unref(v[i]);
}

static void differences(void **state)
{
	struct view *a = start(), *b = start();
	struct diff d = {.old = a, .new = b};
	const struct view_changes c = {on_entry, on_changed, &d};

	(void)state;
	add(a, ORG, "g/deleted", 1);
	add(a, ORG, "kind", 2);
	add(a, ORG, "same", 3);
	add(a, ORG, "spelled", 4);
	add(a, ORG, "updated", 5);
	finish(a);
	add(b, ORG, "kind/below", 6);
	add(b, ORG, "new", 7);
	add(b, ORG, "same", 3);
	add(b, ORG, "Spelled", 4);
	add(b, ORG, "updated", 8);
	finish(b);
	view_diff(a, b, &c);
	/* Children before their directory when they go, after it when they come. */
	assert_string_equal(
		d.entries,
		"-spelled -kind -g/deleted -g +kind +kind/below +new +Spelled =updated ");
	assert_string_equal(d.changed, "updated kind g/deleted ");
	view_unref(a);
	view_unref(b);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define MANY 25000u /* in each of four scopes */

static void hundred_thousand(void **state)
{
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, after;
	double since = seconds();
	struct view *v = start();
	char name[NAME_SIZE];

	(void)state;
	for (int level = 0; level < SCOPE_LEVELS; level++) {
		for (uint32_t i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "service-%02u/secret-%06u", i / 1000,
				 i * 4 + (uint32_t)level);
			add(v, (enum scope_level)level, name, i);
		}
	}
	finish(v);
	since = seconds() - since;
	after = mallinfo2().uordblks + mallinfo2().hblkhd;
	assert_int_equal(view_secrets(v), 4 * MANY);
	assert_int_equal(view_count(v), 4 * MANY + MANY / 1000 + 1);
	is_file(v, "SERVICE-24/secret-099999", PD, MANY - 1);
	for (uint32_t i = 1; i < view_count(v); i++) {
		const struct view_entry *e = view_at(v, i);

		assert_ptr_equal(view_by_ino(v, e->ino), e);
		assert_ptr_equal(view_find(v, view_path(v, e, name)), e);
	}
	print_message("# %u secrets: %.0f ms, %zu bytes each\n", 4 * MANY, since * 1e3,
		      (after - before) / (size_t)(4 * MANY));
	assert_true((after - before) / (size_t)(4 * MANY) < 200);
	view_unref(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(most_specific_wins),
		cmocka_unit_test(groups_merge_across_scopes),
		cmocka_unit_test(narrow_file_hides_broad_directory),
		cmocka_unit_test(narrow_directory_hides_broad_file),
		cmocka_unit_test(file_decides_over_directories_on_both_sides),
		cmocka_unit_test(conflict_in_a_deeper_directory),
		cmocka_unit_test(subtrees_are_contiguous),
		cmocka_unit_test(any_case),
		cmocka_unit_test(directory_is_spelled_as_first_written),
		cmocka_unit_test(order_is_checked),
		cmocka_unit_test(node_ids_are_stable),
		cmocka_unit_test(kind_is_part_of_the_node_id),
		cmocka_unit_test(versions_have_node_ids_of_their_own),
		cmocka_unit_test(differences),
		cmocka_unit_test(hundred_thousand),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
