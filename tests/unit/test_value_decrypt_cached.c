/* SPDX-License-Identifier: ISC */
/* A value that is kept opens as it did when everything was checked, at any length. */
#include <string.h>

#include "fixture.h"
#include "object.h"
#include "value.h"

static void opens_alike(struct fixture *f, struct keyring *k, size_t len)
{
	SECRET_CLEANUP struct secret *value = NULL, *first = NULL, *again = NULL, *key = NULL;
	BLOB_CLEANUP struct blob sealed = {0}, cipher = {0};
	struct version v = {.set_epoch = 7, .gen = 1, .len = (uint32_t)len};

	(void)f;
	ok(secret_alloc(len, &value));
	ok(secret_alloc(len, &first));
	ok(secret_alloc(len, &again));
	ok(secret_alloc(VALUE_KEY_SIZE, &key));
	randombytes_buf(value->data, len);
	value->len = len;
	ok(value_seal(k, 1, 7, "key", value, &sealed, v.id));
	ok(value_open_keep(k, &v, "KEY", &sealed, first->data, key->data, &cipher));
	assert_memory_equal(first->data, value->data, len);
	assert_int_equal(cipher.len, len);
	value_decrypt_cached(key->data, &cipher, again->data);
	assert_memory_equal(again->data, value->data, len);
	/* What is kept is not the value. */
	if (len >= 16)
		assert_memory_not_equal(cipher.data, value->data, len);
}

static void at_any_length(void **state)
{
	static const size_t lengths[] = {0, 1, 15, 64, 255, 256, 4096, 65537, SECRET_MAX};
	KEYRING_CLEANUP struct keyring *k = fixture_ring(*state, "alpha", "development");

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		opens_alike(*state, k, lengths[i]);
}

/* Nothing is handed over of what does not open. */
static void nothing_of_another(void **state)
{
	KEYRING_CLEANUP struct keyring *k = fixture_ring(*state, "alpha", "development");
	SECRET_CLEANUP struct secret *value = NULL, *key = NULL;
	BLOB_CLEANUP struct blob sealed = {0}, cipher = {0};
	struct version v = {.set_epoch = 7, .gen = 1, .len = 5};
	uint8_t out[6] = {0};
	static const uint8_t zero[VALUE_KEY_SIZE];

	ok(secret_from((const uint8_t *)"value", 5, &value));
	ok(secret_alloc(VALUE_KEY_SIZE, &key));
	ok(value_seal(k, 1, 7, "key", value, &sealed, v.id));
	fails(ERR_AUTH, value_open_keep(k, &v, "other", &sealed, out, key->data, &cipher));
	v.set_epoch = 8;
	fails(ERR_AUTH, value_open_keep(k, &v, "key", &sealed, out, key->data, &cipher));
	assert_null(cipher.data);
	assert_memory_equal(key->data, zero, sizeof(zero));
	assert_memory_equal(out, zero, sizeof(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(at_any_length, fixture_memory, fixture_end),
		cmocka_unit_test_setup_teardown(nothing_of_another, fixture_memory, fixture_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
