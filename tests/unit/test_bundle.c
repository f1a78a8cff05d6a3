/* SPDX-License-Identifier: ISC */
/* Bundles with a right checksum that nobody of ours would write. */
#include "fixture.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* How a bundle for project alpha, domain development begins, and its first scope's generations. */
#define PROJECT_AT (8 + 32 + 1)
#define GENS_AT (PROJECT_AT + 5 + 1 + 11 + 1 + SCOPE_ID_SIZE + 8 + 8 + 2 * HASH_SIZE)
#define GEN_SIZE (4 + META_KEY_SIZE + 32)

static int read_with_right_sum(const struct blob *bytes)
{
	BUNDLE_CLEANUP struct bundle *b = NULL;
	uint8_t sum[HASH_SIZE];
	int r, fd = open("edited", O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	crypto_generichash(sum, sizeof(sum), bytes->data, bytes->len - HASH_SIZE, NULL, 0);
	assert_int_equal(write(fd, bytes->data, bytes->len - HASH_SIZE), bytes->len - HASH_SIZE);
	assert_int_equal(write(fd, sum, sizeof(sum)), sizeof(sum));
	r = bundle_read(fd, 0, &b);
	close(fd);
	return r;
}

static struct blob reader(struct fixture *f)
{
	const char *path;

	bundle_free(fixture_reader(f, "alpha", "development", &path));
	return fixture_slurp(path);
}

static void names_are_folded(void **state)
{
	struct blob bytes = reader(*state);

	assert_memory_equal(bytes.data + PROJECT_AT, "alpha", 5);
	ok(read_with_right_sum(&bytes));
	bytes.data[PROJECT_AT] = 'A';
	assert_int_equal(read_with_right_sum(&bytes), ERR_FORMAT);
	blob_free(&bytes);
}

static void generations_go_down_by_one_and_not_to_zero(void **state)
{
	struct blob bytes = reader(*state);
	uint8_t *gen = bytes.data + GENS_AT + 1;
	struct blob two;
	struct enc w = {0};

	assert_int_equal(gen[-1], 1);
	assert_int_equal(gen[0], 1);
	gen[0] = 0;
	assert_int_equal(read_with_right_sum(&bytes), ERR_FORMAT);

	gen[-1] = 2;
	gen[0] = 2;
	put_bytes(&w, bytes.data, GENS_AT + 1 + GEN_SIZE);
	put_bytes(&w, gen, bytes.len - GENS_AT - 1);
	ok(enc_finish(&w, &two));
	for (uint8_t second = 0; second < 4; second++) {
		two.data[GENS_AT + 1 + GEN_SIZE] = second;
		assert_int_equal(read_with_right_sum(&two), second == 1 ? 0 : ERR_FORMAT);
	}
	blob_free(&two);
	blob_free(&bytes);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(names_are_folded),
		in_memory(generations_go_down_by_one_and_not_to_zero),
	};

	return cmocka_run_group_tests_name("bundles", tests, NULL, NULL);
}
