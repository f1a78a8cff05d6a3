/* SPDX-License-Identifier: ISC */
/*
 * Invariant 9: nothing telling at rest.  A store is searched, files and their names, for every name,
 * project, domain, value and writer, as they are, folded, in hex and in base64; and sizes tell of a
 * value's length no more than Padmé's classes do.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "value.h"

/* --- the search ----------------------------------------------------------------------------------------- */

#define FORMS 7 /* as it is, lower, upper, hex, base64 at three offsets */

struct needle {
	const char *what;
	char forms[FORMS][256];
};

static void set_case(char *s, bool upper)
{
	for (; *s; s++) {
		if (upper && *s >= 'a' && *s <= 'z')
			*s = (char)(*s - 'a' + 'A');
		if (!upper && *s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
	}
}

/* The part of base64 that is the same whatever stands around the text. */
static void base64_core(const char *text, size_t shift, char *out, size_t cap)
{
	uint8_t in[128] = {0};
	size_t len = strlen(text), from = (shift * 8 + 5) / 6, to = (shift + len) * 8 / 6;
	char all[256];

	memcpy(in + shift, text, len);
	sodium_bin2base64(all, sizeof(all), in, shift + len + 3, sodium_base64_VARIANT_ORIGINAL);
	snprintf(out, cap, "%.*s", (int)(to - from), all + from);
}

static struct needle needle_of(const char *what)
{
	struct needle n = {.what = what};

	assert_in_range(strlen(what), 5, 60);
	for (int i = 0; i < 3; i++)
		snprintf(n.forms[i], sizeof(n.forms[i]), "%s", what);
	set_case(n.forms[1], false);
	set_case(n.forms[2], true);
	sodium_bin2hex(n.forms[3], sizeof(n.forms[3]), (const uint8_t *)what, strlen(what));
	for (size_t i = 0; i < 3; i++)
		base64_core(what, i, n.forms[4 + i], sizeof(n.forms[4 + i]));
	return n;
}

static bool finds(const struct needle *n, const void *data, size_t len)
{
	for (int i = 0; i < FORMS; i++)
		if (memmem(data, len, n->forms[i], strlen(n->forms[i])))
			return true;
	return false;
}

#define NEEDLES 20

struct search {
	struct needle needles[NEEDLES];
	size_t n, files, found;
	bool quiet;
};

static void look_into(void *arg, const char *path)
{
	struct search *s = arg;
	struct blob file = fixture_slurp(path);

	s->files++;
	for (size_t i = 0; i < s->n; i++) {
		if (!finds(&s->needles[i], path, strlen(path)) &&
		    !finds(&s->needles[i], file.data, file.len))
			continue;
		s->found++;
		if (!s->quiet)
			print_error("'%s' is found in %s\n", s->needles[i].what, path);
	}
	blob_free(&file);
}

/* The search finds what is there, in all its forms. */
static void the_search_finds(void **state)
{
	static const char *const texts[] = {"xx Confidential yy",  "confidential",
					    "\1\2\3CONFIDENTIAL",  "436f6e666964656e7469616c",
					    "Q29uZmlkZW50aWFs",	   "AENvbmZpZGVudGlhbA==",
					    "AABDb25maWRlbnRpYWw="};
	struct search s = {.needles = {needle_of("Confidential")}, .n = 1, .quiet = true};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		fixture_spit("a-file", (const uint8_t *)texts[i], strlen(texts[i]));
		look_into(&s, "a-file");
		assert_int_equal(s.found, i + 1);
	}
}

/* --- a store with something to find ----------------------------------------------------------------------- */

static const char *const telling[] = {
	/* projects, domains */
	"NorthwindProj",
	"StagingDomain",
	"alpha",
	"development",
	"production",
	/* secrets' names and groups, environment names, values */
	"PaymentGateway",
	"DatabaseGroup",
	"ApiCredential",
	"SHOWN_AS_ENV",
	"hunter2hunter2",
	"correct horse battery staple",
	"renamed-later",
	/* writers, and what the format calls things */
	"github-actions-bot",
	"project/",
	"domain/",
};

static void fill(struct fixture *f)
{
	KEYRING_CLEANUP struct keyring *k = NULL;
	SECRET_CLEANUP struct secret *value = NULL;
	BLOB_CLEANUP struct blob sealed = {0};
	struct change c = {.op = CHANGE_CREATE,
			   .name = "DatabaseGroup/v1/ApiCredential",
			   .set = CHANGE_SET_ENV | CHANGE_SET_TYPE | CHANGE_SET_EXPIRES,
			   .type = RECORD_JSON,
			   .expires = 4102444800u,
			   .env = "SHOWN_AS_ENV"};
	struct apply_result result;
	struct bundle *ci;

	ok(registry_declare(f->b, f->root, f->state, "NorthwindProj", "StagingDomain"));
	fixture_put(f, "NorthwindProj", "StagingDomain", "PaymentGateway", "hunter2hunter2");
	fixture_put(f, "NorthwindProj", "", "PaymentGateway", "hunter2hunter2");
	fixture_put(f, "", "StagingDomain", "renamed-later", "correct horse battery staple");
	fixture_put(f, "", "", "renamed-later", "correct horse battery staple");
	k = fixture_ring(f, "NorthwindProj", "StagingDomain");
	ok(secret_from((const uint8_t *)"{\"hunter2hunter2\":1}", 20, &value));
	c.value = value;
	ok(apply_changes(f->b, k, NULL, &c, 1, &result));
	bundle_free(fixture_reader(f, "NorthwindProj", "StagingDomain", NULL));
	ci = fixture_writer(f, "NorthwindProj", "", "github-actions-bot", NULL);
	ok(fixture_set(f->b, ci->rings[0], &ci->floors[0], "renamed-later", "hunter2hunter2",
		       NULL));
	bundle_free(ci);
}

static void a_store_searched(void **state)
{
	struct fixture *f = *state;
	struct search s = {.n = sizeof(telling) / sizeof(*telling)};
	char hex[2 * SCOPE_ID_SIZE + 1];

	for (size_t i = 0; i < s.n; i++)
		s.needles[i] = needle_of(telling[i]);
	fill(f);
	fixture_files("store", look_into, &s);
	fixture_files("state", look_into, &s);
	assert_in_range(s.files, 25, 200);
	assert_int_equal(s.found, 0);

	/* There is one thing to be found: the scopes' ids. */
	{
		KEYRING_CLEANUP struct keyring *k =
			fixture_ring(f, "NorthwindProj", "StagingDomain");
		struct search ids = {.n = 1, .quiet = true};

		sodium_bin2hex(hex, sizeof(hex), k->scope_id, SCOPE_ID_SIZE);
		ids.needles[0] = needle_of(hex);
		fixture_files("store", look_into, &ids);
		assert_true(ids.found >= 5);
	}
}

/* Nor keys, by chance or mistake. */
static void no_key_lies_there(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = NULL;
	const struct keyring_gen *g;
	struct search s = {0};

	fill(f);
	k = fixture_ring(f, "NorthwindProj", "StagingDomain");
	ok(keyring_at(k, 1, &g));
	/* As needles of bytes: only the form "as it is", cut at a NUL, which is seldom. */
	for (int i = 0; i < 6; i++) {
		const uint8_t *key = i == 0   ? k->base
				     : i == 1 ? g->meta
				     : i == 2 ? g->sk
				     : i == 3 ? f->root->sk
				     : i == 4 ? f->root->scopes
					      : g->pk;
		struct needle *n = &s.needles[s.n++];

		n->what = "a key";
		for (int form = 0; form < FORMS; form++)
			sodium_bin2hex(n->forms[form], sizeof(n->forms[form]), key, 32);
		memcpy(n->forms[0], key, 32);
		n->forms[0][32] = '\0';
		if (strlen(n->forms[0]) < 5)
			s.n--;
	}
	fixture_files("store", look_into, &s);
	fixture_files("state", look_into, &s);
	assert_int_equal(s.found, 0);
}

/* --- sizes --------------------------------------------------------------------------------------------------- */

/* Padmé's sizes as its paper defines them, reckoned here with logarithms by hand: the lower
 * E - S bits are zero, E = floor(log2 L), S = floor(log2 E) + 1. */
static bool is_padme(size_t size)
{
	size_t e = 0, s = 1;

	if (size < 256)
		return false;
	while ((size_t)2 << e <= size)
		e++;
	while ((size_t)2 << (s - 1) <= e)
		s++;
	return size % ((size_t)1 << (e - s)) == 0;
}

static void check_size(void *arg, const char *path)
{
	struct blob file = fixture_slurp(path);

	if (strcmp(path, "store/lock") != 0) {
		/* Without generation, nonce and tag. */
		assert_true(file.len > 4 + 24 + 16);
		if (!is_padme(file.len - 4 - 24 - 16)) {
			print_error("%s has %zu bytes\n", path, file.len);
			fail();
		}
		++*(size_t *)arg;
	}
	blob_free(&file);
}

static void only_padme_sizes(void **state)
{
	struct fixture *f = *state;
	size_t n = 0;

	fill(f);
	for (size_t len = 0; len < 3000; len += 1 + len / 6) {
		char value[3001];

		memset(value, 'v', len);
		value[len] = '\0';
		fixture_put(f, "alpha", "development", "grows", value);
	}
	fixture_files("store", check_size, &n);
	assert_true(n > 50);
}

static size_t value_cache_size(struct keyring *k, size_t len, const char *name)
{
	static uint8_t bytes[SECRET_MAX];
	SECRET_CLEANUP struct secret *v = NULL;
	BLOB_CLEANUP struct blob sealed = {0};
	uint8_t id[HASH_SIZE];

	ok(secret_from(bytes, len, &v));
	ok(value_seal(k, 1, 1, name, v, &sealed, id));
	return sealed.len;
}

static void small_values_are_all_alike(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "", "");
	size_t first = value_cache_size(k, 0, "a"), classes = 0, last = 0;

	for (size_t len = 0; len <= 200; len++)
		assert_int_equal(value_cache_size(k, len, len % 2 ? "a" : "a-rather-longer-name"),
				 first);
	/* Up to a mebibyte: some hundreds of classes, and never more than an eighth in vain. */
	for (size_t len = 201; len <= SECRET_MAX; len += 1 + len / 300) {
		size_t size = value_cache_size(k, len, "a");

		classes += size != last;
		last = size;
		assert_true(size - len <= 52 + 28 + 16 + 4 + 256 + len / 8);
	}
	assert_in_range(classes, 20, 400);
}

/* The same value, sealed twice, is not seen to be the same. */
static void nothing_is_sealed_twice_alike(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "", "");
	SECRET_CLEANUP struct secret *v = NULL;
	struct blob a, b;
	uint8_t ida[HASH_SIZE], idb[HASH_SIZE];
	size_t same = 0;

	ok(secret_from((const uint8_t *)"value", 5, &v));
	ok(value_seal(k, 1, 1, "name", v, &a, ida));
	ok(value_seal(k, 1, 1, "name", v, &b, idb));
	assert_int_equal(a.len, b.len);
	for (size_t i = 4; i < a.len; i++)
		same += a.data[i] == b.data[i];
	assert_true(same < a.len / 16);
	blob_free(&a);
	blob_free(&b);
}

#define on_disk(test) cmocka_unit_test_setup_teardown(test, fixture_directory, fixture_end)
#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(the_search_finds),
		on_disk(a_store_searched),
		on_disk(no_key_lies_there),
		on_disk(only_padme_sizes),
		in_memory(small_values_are_all_alike),
		in_memory(nothing_is_sealed_twice_alike),
	};

	return cmocka_run_group_tests_name("nothing telling at rest", tests, NULL, NULL);
}
