/* SPDX-License-Identifier: ISC */
/* A large object is held to its id as a small one is. */
#include <string.h>

#include "fixture.h"
#include "object.h"
#include "value_cache.h"
#include "value.h"

#define LARGE (300u * 1024)

static void put_at(struct backend *b, const struct keyring *k, const uint8_t *id,
		   const struct blob *bytes)
{
	char key[BACKEND_KEY_SIZE];
	struct backend_item item = {key, bytes->data, bytes->len};

	backend_object_key(k->scope_id, id, key);
	ok(b->ops->put(b, &item, 1));
}

static void its_id_and_no_other(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	SECRET_CLEANUP struct secret *value = NULL, *out = NULL;
	BLOB_CLEANUP struct blob right = {0}, other = {0};
	struct version v = {.set_epoch = 3, .gen = 1, .len = LARGE}, w = v;
	struct value_cache_source src = {f->b, k, &v, "key", NULL};
	struct value_cache *c;

	ok(secret_alloc(LARGE, &value));
	ok(secret_alloc(LARGE, &out));
	randombytes_buf(value->data, LARGE);
	value->len = LARGE;
	ok(value_seal(k, 1, 3, "key", value, &right, v.id));
	ok(value_seal(k, 1, 3, "key", value, &other, w.id));
	put_at(f->b, k, v.id, &right);
	put_at(f->b, k, w.id, &right); /* opens, but is not what the page names */
	ok(value_cache_open(1 << 20, &c));
	for (int i = 0; i < 3; i++) {
		memset(out->data, 0, LARGE);
		ok(value_cache_unseal(c, &src, out->data));
		assert_memory_equal(out->data, value->data, LARGE);
	}
	src.version = &w;
	for (int i = 0; i < 3; i++) {
		memset(out->data, 1, LARGE);
		fails(ERR_AUTH, value_cache_unseal(c, &src, out->data));
	}
	value_cache_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_id_and_no_other, fixture_memory, fixture_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
