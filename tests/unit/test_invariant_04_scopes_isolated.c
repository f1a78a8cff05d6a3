/* SPDX-License-Identifier: ISC */
/*
 * Invariant 4: scopes are isolated.  A (project, domain) bundle against every other scope, and names
 * that run together: ("a","bc") against ("ab","c").
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

/* --- ids and keys ------------------------------------------------------------------------------------ */

#define PARTS 14
static const char *const parts[PARTS] = {"",  "a",  "b",  "c",	 "ab",	"bc",  "abc",
					 "1", "1a", "a1", "a-b", "a_b", "a.b", "aa"};

struct identity {
	uint8_t id[SCOPE_ID_SIZE], meta[32], pk[32], base[32];
	char what[64];
};

static void identify(struct keyring *k, const char *project, const char *domain,
		     struct identity *out)
{
	const struct keyring_gen *g;

	ok(keyring_at(k, 1, &g));
	memcpy(out->id, k->scope_id, sizeof(out->id));
	memcpy(out->base, k->base, sizeof(out->base));
	memcpy(out->meta, g->meta, sizeof(out->meta));
	memcpy(out->pk, g->pk, sizeof(out->pk));
	snprintf(out->what, sizeof(out->what), "(%s,%s)", project, domain);
	keyring_free(k);
}

static void every_scope_has_keys_of_its_own(void **state)
{
	static struct identity all[PARTS * PARTS + 1];
	struct fixture *f = *state;
	struct keyring *registry;
	size_t n = 0;

	for (int p = 0; p < PARTS; p++)
		for (int d = 0; d < PARTS; d++)
			identify(fixture_ring(f, parts[p], parts[d]), parts[p], parts[d],
				 &all[n++]);
	ok(keyring_registry(f->root, &registry));
	identify(registry, "the", "registry", &all[n++]);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (memcmp(all[i].id, all[j].id, sizeof(all[i].id)) != 0 &&
			    memcmp(all[i].base, all[j].base, 32) != 0 &&
			    memcmp(all[i].meta, all[j].meta, 32) != 0 &&
			    memcmp(all[i].pk, all[j].pk, 32) != 0)
				continue;
			print_error("%s and %s share a key\n", all[i].what, all[j].what);
			fail();
		}
	}
}

static void generations_have_keys_of_their_own(void **state)
{
	KEYRING_CLEANUP struct keyring *k = fixture_ring(*state, "a", "b");
	const struct keyring_gen *g;
	struct keyring_gen seen[16];

	for (uint32_t i = 0; i < 16; i++) {
		ok(keyring_at(k, i + 1, &g));
		seen[i] = *g;
		for (uint32_t j = 0; j < i; j++) {
			assert_memory_not_equal(seen[i].meta, seen[j].meta, sizeof(g->meta));
			assert_memory_not_equal(seen[i].pk, seen[j].pk, sizeof(g->pk));
		}
	}
}

static void another_root_is_another_store(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "a", "b");
	KEYRING_CLEANUP struct keyring *other = NULL;
	struct scope s = fixture_scope("a", "b");
	uint8_t root[ROOT_SIZE] = {1};
	struct root_keys *keys;

	ok(keys_open(root, &keys));
	ok(keyring_from_root(keys, &s, &other));
	keys_close(keys);
	assert_memory_not_equal(k->store_id, other->store_id, STORE_ID_SIZE);
	assert_memory_not_equal(k->scope_id, other->scope_id, SCOPE_ID_SIZE);
	assert_memory_not_equal(k->base, other->base, 32);
}

/* Case is no difference, as for names. */
static void case_is_no_scope_of_its_own(void **state)
{
	KEYRING_CLEANUP struct keyring *a = fixture_ring(*state, "Alpha", "DEVELOPMENT");
	KEYRING_CLEANUP struct keyring *b = fixture_ring(*state, "alpha", "development");

	assert_memory_equal(a->scope_id, b->scope_id, SCOPE_ID_SIZE);
}

/* --- a bundle against the rest of the store ------------------------------------------------------------ */

static bool belongs(const struct bundle *b, const char *key)
{
	char hex[2 * SCOPE_ID_SIZE + 1];

	for (size_t i = 0; i < b->n; i++) {
		sodium_bin2hex(hex, sizeof(hex), b->rings[i]->scope_id, SCOPE_ID_SIZE);
		if (strstr(key, hex))
			return true;
	}
	return false;
}

/* Does any key of the bundle open these bytes as anything?  Also with the scope's id forged. */
static bool opens(struct bundle *b, const char *key, const struct blob *sealed)
{
	for (size_t i = 0; i < b->n; i++) {
		for (int forged = 0; forged < 2; forged++) {
			KEYRING_CLEANUP struct keyring *k = NULL;
			const char *hex = strchr(key, '/') + 1;

			ok(keyring_alloc(&k));
			memcpy(k, b->rings[i], sizeof(*k));
			if (forged)
				sodium_hex2bin(k->scope_id, SCOPE_ID_SIZE, hex, 2 * SCOPE_ID_SIZE,
					       NULL, NULL, NULL);
			for (int kind = OBJECT_REF; kind <= OBJECT_FLOOR; kind++) {
				BLOB_CLEANUP struct blob body = {0};
				uint32_t gen;

				if (object_open(k, (enum object_kind)kind, sealed, &body, &gen) ==
				    0)
					return true;
			}
		}
	}
	return false;
}

static void judge(struct fixture *f, struct bundle *b, size_t own)
{
	size_t opened = 0, shut = 0;

	for (size_t i = 0; i < memory_count(f->b); i++) {
		const char *key = memory_key(f->b, i);
		bool open = opens(b, key, memory_find(f->b, key));

		if (open != belongs(b, key)) {
			print_error("%s: %s\n", key, open ? "opened" : "did not open");
			fail();
		}
		opened += open;
		shut += !open;
	}
	assert_true(opened >= own);
	assert_true(shut >= 20);
}

/* The scopes next to alpha+development, and those that look like it. */
static void fill(struct fixture *f)
{
	static const char *const scopes[][2] = {
		{"", ""},
		{"alpha", ""},
		{"", "development"},
		{"beta", ""},
		{"", "production"},
		{"alpha", "production"},
		{"beta", "development"},
		{"beta", "production"},
		{"alph", "adevelopment"},
		{"alphad", "evelopment"},
		{"development", "alpha"},
		{"alphadevelopment", ""},
	};

	for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++)
		fixture_put(f, scopes[i][0], scopes[i][1], "token", "value");
	fixture_put(f, "alpha", "development", "token", "value");
}

static void a_bundle_opens_its_scopes_only(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *mount = NULL, *org = NULL, *writer = NULL;

	fill(f);
	mount = fixture_reader(f, "alpha", "development", NULL);
	org = fixture_reader(f, "", "", NULL);
	writer = fixture_writer(f, "alpha", "production", "ci", NULL);
	assert_int_equal(mount->n, 4);
	assert_int_equal(org->n, 1);
	judge(f, mount, 4 * 5);
	judge(f, org, 5);
	judge(f, writer, 5);
}

/* Another scope's files in the place of one's own: by whoever writes the store. */
static void anothers_files_in_ones_own_place(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *mount = NULL, *other = NULL;
	struct backend *whole;
	char *text = NULL;

	fill(f);
	mount = fixture_reader(f, "alpha", "development", NULL);
	other = fixture_reader(f, "beta", "production", NULL);
	ok(fixture_read_all(f->b, mount, NULL, &text));
	free(text);
	whole = memory_copy(f->b);
	for (size_t own = 0; own < 4; own++) {
		for (size_t i = 0; i < 8; i++) {
			const struct bundle *b = i < 4 ? mount : other;
			const struct keyring *from = b->rings[i % 4], *to = mount->rings[own];
			char hex[2][2 * SCOPE_ID_SIZE + 1];

			if (memcmp(from->scope_id, to->scope_id, SCOPE_ID_SIZE) == 0)
				continue;
			sodium_bin2hex(hex[0], sizeof(hex[0]), from->scope_id, SCOPE_ID_SIZE);
			sodium_bin2hex(hex[1], sizeof(hex[1]), to->scope_id, SCOPE_ID_SIZE);
			memory_restore(f->b, whole);
			for (size_t n = 0; n < memory_count(whole); n++) {
				const struct blob *file = memory_find(whole, memory_key(whole, n));
				char key[BACKEND_KEY_SIZE], *at;

				snprintf(key, sizeof(key), "%s", memory_key(whole, n));
				if (!(at = strstr(key, hex[0])))
					continue;
				memcpy(at, hex[1], 2 * SCOPE_ID_SIZE);
				memory_set(f->b, key, file->data, file->len);
			}
			fails(ERR_AUTH, fixture_read_all(f->b, mount, NULL, &text));
		}
	}
	backend_close(whole);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(every_scope_has_keys_of_its_own),
		in_memory(generations_have_keys_of_their_own),
		in_memory(another_root_is_another_store),
		in_memory(case_is_no_scope_of_its_own),
		in_memory(a_bundle_opens_its_scopes_only),
		in_memory(anothers_files_in_ones_own_place),
	};

	return cmocka_run_group_tests_name("scopes are isolated", tests, NULL, NULL);
}
