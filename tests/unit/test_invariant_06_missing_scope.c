/* SPDX-License-Identifier: ISC */
/*
 * Invariant 6: a missing narrow scope never exposes a broader value.  No way of taking a scope away, or
 * a part of one, reads as "there is nothing in it"; a mount gets no view then, or keeps its last one;
 * and none lets the admin's tools make the scope anew by the way.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static const char *const scopes[SCOPE_LEVELS][2] = {
	{"", ""}, {"", "development"}, {"alpha", ""}, {"alpha", "development"}};

struct mount {
	struct fixture *f;
	struct bundle *bundle;
	struct backend *whole;
	struct load *running; /* a daemon's, that has a view */
	struct view *view;    /* its last */
};

static void mount_init(struct fixture *f, struct mount *m)
{
	char *text;

	*m = (struct mount){.f = f};
	for (int i = 0; i < SCOPE_LEVELS; i++)
		fixture_put(f, scopes[i][0], scopes[i][1], "token",
			    scope_level_str((enum scope_level)i));
	m->bundle = fixture_reader(f, "alpha", "development", NULL);
	m->whole = memory_copy(f->b);
	ok(fixture_read_all(f->b, m->bundle, NULL, &text));
	assert_non_null(strstr(text, "project+domain"));
	free(text);
	ok(load_open(f->b, m->bundle, NULL, NULL, &m->running));
	ok(load_view(m->running, &m->view, &(struct load_error){0}));
	assert_int_equal(view_find(m->view, "token")->level, SCOPE_PROJECT_DOMAIN);
}

static void mount_fini(struct mount *m)
{
	view_unref(m->view);
	load_close(m->running);
	bundle_free(m->bundle);
	backend_close(m->whole);
}

static void ref_of(const struct mount *m, int level, char *key)
{
	backend_ref_key(m->bundle->rings[level]->scope_id, key);
}

/* A mount that starts now: no view at all, however little is missing.  One that runs: nothing new. */
static int read_mount(struct mount *m)
{
	struct load *starting;
	struct view *view = NULL;
	struct load_error e = {0};
	char *text = NULL;
	int r = fixture_read_all(m->f->b, m->bundle, NULL, &text), by_load;

	free(text);
	ok(load_open(m->f->b, m->bundle, NULL, NULL, &starting));
	by_load = load_view(starting, &view, &e);
	load_close(starting);
	assert_int_equal(by_load < 0, r < 0);
	assert_true(r == 0 || !view);
	view_unref(view);

	view = NULL;
	if (load_view(m->running, &view, &e) == 0 && view) {
		assert_non_null(view_find(view, "token"));
		assert_int_equal(view_find(view, "token")->level, SCOPE_PROJECT_DOMAIN);
	}
	view_unref(view);
	return r;
}

static void a_ref_deleted(void **state)
{
	char key[BACKEND_KEY_SIZE];
	struct mount m;

	mount_init(*state, &m);
	for (int i = 0; i < SCOPE_LEVELS; i++) {
		memory_restore(m.f->b, m.whole);
		ref_of(&m, i, key);
		memory_remove(m.f->b, key);
		fails(ERR_NOENT, read_mount(&m));
	}
	mount_fini(&m);
}

static void a_ref_emptied(void **state)
{
	char key[BACKEND_KEY_SIZE];
	struct mount m;

	mount_init(*state, &m);
	for (int i = 0; i < SCOPE_LEVELS; i++) {
		memory_restore(m.f->b, m.whole);
		ref_of(&m, i, key);
		memory_set(m.f->b, key, (const uint8_t *)"", 0);
		fails(ERR_AUTH, read_mount(&m));
	}
	mount_fini(&m);
}

static void two_refs_exchanged(void **state)
{
	char a[BACKEND_KEY_SIZE], b[BACKEND_KEY_SIZE];
	struct mount m;

	mount_init(*state, &m);
	for (int i = 0; i < SCOPE_LEVELS; i++) {
		for (int j = 0; j < SCOPE_LEVELS; j++) {
			const struct blob *other;

			if (i == j)
				continue;
			memory_restore(m.f->b, m.whole);
			ref_of(&m, i, a);
			ref_of(&m, j, b);
			other = memory_find(m.whole, b);
			memory_set(m.f->b, a, other->data, other->len);
			fails(ERR_AUTH, read_mount(&m));
		}
	}
	mount_fini(&m);
}

static void any_object_deleted(void **state)
{
	size_t refusals = 0;
	struct mount m;

	mount_init(*state, &m);
	for (size_t n = 0; n < memory_count(m.whole); n++) {
		const char *key = memory_key(m.whole, n);

		memory_restore(m.f->b, m.whole);
		memory_remove(m.f->b, key);
		refusals += read_mount(&m) < 0;
	}
	/* A ref, a commit, a page and a value of each scope; first commits and the registry are not
	 * needed. */
	assert_int_equal(refusals, 4 * SCOPE_LEVELS);
	mount_fini(&m);
}

/* Of many values any one, and however much else lies about. */
static void one_value_of_many_deleted(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	char name[16], key[BACKEND_KEY_SIZE];
	struct record rec;
	struct mount m;

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		fixture_put(f, "alpha", "development", name, "value");
	}
	mount_init(f, &m);
	ok(snapshot_open(f->b, admin, NULL, &tip));
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ok(snapshot_find(f->b, admin, tip, name, &rec));
		backend_object_key(admin->scope_id, rec.versions[0].id, key);
		memory_remove(f->b, key);
		key[strlen(key) - 1] ^= 1; /* one that is almost it */
		memory_set(f->b, key, (const uint8_t *)"x", 1);
		fails(ERR_INCOMPLETE, read_mount(&m));
		memory_restore(f->b, m.whole);
		key[strlen(key) - 1] ^= 1;
		memory_find(f->b, key)->len -= 7; /* one that is still being copied */
		fails(ERR_INCOMPLETE, read_mount(&m));
		memory_restore(f->b, m.whole);
	}
	ok(read_mount(&m));
	mount_fini(&m);
}

/* The whole scope, as if it never was. */
static void a_scope_deleted(void **state)
{
	struct mount m;

	mount_init(*state, &m);
	for (int i = 0; i < SCOPE_LEVELS; i++) {
		char hex[2 * SCOPE_ID_SIZE + 1];

		sodium_bin2hex(hex, sizeof(hex), m.bundle->rings[i]->scope_id, SCOPE_ID_SIZE);
		memory_restore(m.f->b, m.whole);
		for (size_t n = 0; n < memory_count(m.whole); n++)
			if (strstr(memory_key(m.whole, n), hex))
				memory_remove(m.f->b, memory_key(m.whole, n));
		fails(ERR_NOENT, read_mount(&m));
	}
	mount_fini(&m);
}

/* Put back to its first, empty commit: an old ref that the root itself has signed. */
static void a_scope_put_back_to_nothing(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	struct apply_result result;
	struct backend *first;
	struct mount m;

	ok(apply_genesis(f->b, admin, &result));
	first = memory_copy(f->b);
	mount_init(f, &m);
	memory_restore(f->b, m.whole);
	for (size_t n = 0; n < memory_count(first); n++) {
		const struct blob *file = memory_find(first, memory_key(first, n));

		memory_set(f->b, memory_key(first, n), file->data, file->len);
	}
	fails(ERR_STALE, read_mount(&m));
	backend_close(first);
	mount_fini(&m);
}

/* A mount that runs serves what it had, to the letter, through all of this and after. */
static void a_running_mount_keeps_its_view(void **state)
{
	struct load_error e = {0};
	struct view *view = NULL;
	char key[BACKEND_KEY_SIZE], scope[SCOPE_STR];
	struct mount m;

	mount_init(*state, &m);
	for (int i = 0; i < SCOPE_LEVELS; i++) {
		memory_restore(m.f->b, m.whole);
		ref_of(&m, i, key);
		memory_remove(m.f->b, key);
		fails(ERR_NOENT, load_view(m.running, &view, &e));
		assert_null(view);
		assert_int_equal(scope_level(&e.scope), i); /* and it says which */
		assert_true(strlen(scope_str(&e.scope, scope)) > 0);
	}
	/* A change of another scope meanwhile is not half adopted. */
	fixture_put(m.f, "", "", "token", "news of the organization");
	fails(ERR_NOENT, load_view(m.running, &view, &e));
	memory_restore(m.f->b, m.whole);
	ok(load_view(m.running, &view, &e));
	assert_null(view); /* nothing has changed since the last one */
	mount_fini(&m);
}

/* The admin's tools: what was seen and is gone is not made anew, whatever is minted. */
static void minting_does_not_paper_over_it(void **state)
{
	struct fixture *f = *state;
	struct scope s = fixture_scope("alpha", "development");
	char key[BACKEND_KEY_SIZE];
	struct bundle *b;
	struct mount m;

	mount_init(f, &m);
	for (int i = 0; i < SCOPE_LEVELS; i++) {
		struct scope at = scope_at(&s, (enum scope_level)i);

		memory_restore(f->b, m.whole);
		ref_of(&m, i, key);
		memory_remove(f->b, key);
		fails(ERR_STALE, bundle_mint_reader(f->b, f->root, f->state, &s, &b));
		fails(ERR_STALE, bundle_mint_writer(f->b, f->root, f->state, &at, "ci", &b));
		assert_null(memory_find(f->b, key));
		fails(ERR_NOENT, read_mount(&m));
	}
	mount_fini(&m);
}

/* Nor by an admin who has no memory of it, while its commits still lie there; a first commit that a
 * killed admin left does not count. */
static void its_commits_are_memory_enough(void **state)
{
	struct fixture *f = *state;
	struct scope s = fixture_scope("alpha", "development");
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "production");
	struct apply_result result;
	char key[BACKEND_KEY_SIZE];
	struct bundle *b = NULL;
	struct mount m;

	mount_init(f, &m);
	for (int i = 0; i < SCOPE_LEVELS; i++) {
		memory_restore(f->b, m.whole);
		ref_of(&m, i, key);
		memory_remove(f->b, key);
		fails(ERR_STALE, bundle_mint_reader(f->b, f->root, "forgetful", &s, &b));
		fails(ERR_STALE, bundle_mint_reader(f->b, f->root, NULL, &s, &b));
		assert_null(memory_find(f->b, key));
	}
	memory_restore(f->b, m.whole);
	memory_fail(f->b, 2, ERR_IO); /* the swap, and the clearing away */
	fails(ERR_IO, apply_genesis(f->b, admin, &result));
	memory_fail(f->b, 0, 0);
	assert_int_equal(memory_count(f->b), memory_count(m.whole) + 1);
	s = fixture_scope("alpha", "production");
	ok(bundle_mint_reader(f->b, f->root, "forgetful", &s, &b));
	bundle_free(b);
	mount_fini(&m);
}

/* Made anew by an admin who has seen nothing of it: the bundles that are out refuse it still. */
static void a_scope_made_anew_is_another(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	struct apply_result result;
	char key[BACKEND_KEY_SIZE];
	struct mount m;

	mount_init(f, &m);
	ref_of(&m, 3, key);
	memory_remove(f->b, key);
	ok(apply_genesis(f->b, admin, &result));
	fails(ERR_STALE, read_mount(&m));
	ok(fixture_set_many(f->b, admin, NULL, "token", 10, NULL));
	fails(ERR_STALE, read_mount(&m));
	mount_fini(&m);
}

static void a_lost_registry_is_not_made_anew(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = NULL;
	struct registry *registry;
	char key[BACKEND_KEY_SIZE];

	ok(keyring_registry(f->root, &k));
	backend_ref_key(k->scope_id, key);
	memory_remove(f->b, key);
	fails(ERR_STALE, registry_create(f->b, f->root, f->state));
	fails(ERR_STALE, registry_load(f->b, f->root, f->state, &registry));
	fails(ERR_STALE, registry_declare(f->b, f->root, f->state, "gamma", NULL));
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(a_ref_deleted),
		in_memory(a_ref_emptied),
		in_memory(two_refs_exchanged),
		in_memory(any_object_deleted),
		in_memory(one_value_of_many_deleted),
		in_memory(a_scope_deleted),
		in_memory(a_scope_put_back_to_nothing),
		in_memory(a_running_mount_keeps_its_view),
		in_memory(minting_does_not_paper_over_it),
		in_memory(its_commits_are_memory_enough),
		in_memory(a_scope_made_anew_is_another),
		in_memory(a_lost_registry_is_not_made_anew),
	};

	return cmocka_run_group_tests_name("a missing scope exposes nothing", tests, NULL, NULL);
}
