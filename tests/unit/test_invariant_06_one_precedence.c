/* SPDX-License-Identifier: ISC */
/*
 * Invariant 6, one precedence: for random secrets in the four scopes, what a mount shows under any
 * name is what explain and run find there, secret or nothing.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "view.h"

#define ROUNDS 300

static const char *const projects[] = {"", "alpha", "", "alpha"};
static const char *const domains[] = {"", "", "development", "development"};

static const char *component(void)
{
	static const char *const words[] = {"a", "A", "b", "a-b", "B.c"};

	return words[randombytes_uniform(5)];
}

static void random_name(char out[static NAME_SIZE])
{
	size_t n = 0;

	for (uint32_t depth = randombytes_uniform(3) + 1; depth > 0; depth--)
		n += (size_t)snprintf(out + n, NAME_SIZE - n, "%s%s", n ? "/" : "", component());
}

/* A scope refuses names that are file and group at once: then there is one fewer. */
static void fill(struct fixture *f, struct keyring *k)
{
	for (uint32_t n = randombytes_uniform(5); n > 0; n--) {
		char name[NAME_SIZE];
		int r;

		random_name(name);
		r = fixture_set(f->b, k, NULL, name, "x", NULL);
		if (r != ERR_NOTDIR)
			ok(r);
	}
}

static int add(void *arg, const struct record *rec)
{
	struct view *const *at = arg;

	return view_add(at[0], (enum scope_level)(uintptr_t)at[1], rec);
}

static void compare(const struct view *v, struct fixture *f, struct keyring *const k[],
		    struct snapshot *const s[], const char *name)
{
	const struct view_entry *e = view_find(v, name);
	const struct view_file *file = e && e->kind == VIEW_FILE ? view_file_of(v, e) : NULL;
	static struct lookup l;

	lookup_init(&l, name);
	for (int level = 0; level < SCOPE_LEVELS; level++)
		ok(lookup_add(&l, (enum scope_level)level, f->b, k[level], s[level]));
	lookup_judge(&l);
	if (!file && l.wins < 0)
		return;
	if (!file || l.wins != e->level ||
	    memcmp(file->id, l.records[l.wins].versions[0].id, HASH_SIZE) != 0) {
		print_error("%s: the mount shows level %d, the lookup finds level %d\n", name,
			    file ? e->level : -1, l.wins);
		fail();
	}
}

static void one_round(struct fixture *f)
{
	struct keyring *k[SCOPE_LEVELS];
	struct snapshot *s[SCOPE_LEVELS];
	uint8_t key[VIEW_KEY_SIZE] = {0};
	struct view *v;

	ok(view_new(key, &v));
	for (int level = 0; level < SCOPE_LEVELS; level++) {
		struct apply_result result;
		struct view *arg[] = {v, (struct view *)(uintptr_t)level};

		k[level] = fixture_ring(f, projects[level], domains[level]);
		ok(apply_genesis(f->b, k[level], &result));
		fill(f, k[level]);
		ok(snapshot_open(f->b, k[level], NULL, &s[level]));
		ok(snapshot_each(f->b, k[level], s[level], add, arg));
	}
	ok(view_finish(v));
	for (int i = 0; i < 60; i++) {
		char name[NAME_SIZE];

		random_name(name);
		compare(v, f, k, s, name);
	}
	view_unref(v);
	for (int level = 0; level < SCOPE_LEVELS; level++) {
		snapshot_close(s[level]);
		keyring_free(k[level]);
	}
}

static void mount_and_lookup_agree(void **state)
{
	struct fixture *f = *state;
	struct backend *empty = memory_copy(f->b);

	for (int i = 0; i < ROUNDS; i++) {
		memory_restore(f->b, empty);
		one_round(f);
	}
	backend_close(empty);
}

/* The case that was met: a narrow secret hides what a broader scope has below its name. */
static void below_a_narrow_secret(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *broad = fixture_ring(f, "", ""),
				       *narrow = fixture_ring(f, "alpha", "development");
	SNAPSHOT_CLEANUP struct snapshot *b = NULL, *n = NULL;
	static struct lookup l;

	fixture_put(f, "", "", "db/password", "broad");
	fixture_put(f, "alpha", "development", "db", "narrow");
	ok(snapshot_open(f->b, broad, NULL, &b));
	ok(snapshot_open(f->b, narrow, NULL, &n));
	lookup_init(&l, "db/password");
	ok(lookup_add(&l, SCOPE_ORGANIZATION, f->b, broad, b));
	ok(lookup_add(&l, SCOPE_PROJECT_DOMAIN, f->b, narrow, n));
	lookup_judge(&l);
	assert_int_equal(l.wins, -1);
	assert_int_equal(l.hidden_by, SCOPE_PROJECT_DOMAIN);
	assert_true(l.there[SCOPE_ORGANIZATION]);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(below_a_narrow_secret),
		in_memory(mount_and_lookup_agree),
	};

	return cmocka_run_group_tests_name("one precedence", tests, NULL, NULL);
}
