/* SPDX-License-Identifier: ISC */
/* What a mount remembers of a value it remembers for that record: see test_file_other_record.c. */
#include "fixture.h"

#include <string.h>

#include "value_cache.h"
#include "snapshot.h"

static void only_for_the_record_it_was_checked_for(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	KEYRING_CLEANUP struct keyring *org = fixture_ring(f, "", "");
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	uint8_t out[64] = {0};
	struct version claimed;
	struct record rec;
	struct value_cache *c;

	fixture_put(f, "alpha", "development", "token", "narrow");
	ok(snapshot_open(f->b, k, NULL, &s));
	ok(snapshot_find(f->b, k, s, "token", &rec));
	ok(value_cache_open(1 << 20, &c));
	for (int i = 0; i < 3; i++) { /* unsealed, then remembered */
		struct value_cache_source own = {f->b, k, &rec.versions[0],
						 i == 2 ? "TOKEN" : "token", NULL};

		memset(out, 0, sizeof(out));
		ok(value_cache_unseal(c, &own, out));
		assert_memory_equal(out, "narrow\0", 7);
	}
	for (int i = 0; i < 5; i++) {
		struct value_cache_source src = {f->b, i == 0 ? org : k, &claimed,
						 i == 1 ? "token2" : "token", NULL};

		claimed = rec.versions[0];
		claimed.set_epoch += i == 2;
		claimed.len -= i == 3;
		claimed.gen += i == 4;
		memset(out, 0, sizeof(out));
		refused(value_cache_unseal(c, &src, out));
		assert_memory_not_equal(out, "narro", 5);
	}
	value_cache_close(c);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(only_for_the_record_it_was_checked_for),
	};

	return cmocka_run_group_tests_name("remembered values and other records", tests, NULL,
					   NULL);
}
