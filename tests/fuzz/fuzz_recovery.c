/* SPDX-License-Identifier: ISC */
/* A recovery code as somebody types it: one that is taken is printed the same, however it was typed. */
#include "fixture.h"
#include "fuzz.h"
#include "recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SECRET_CLEANUP struct secret *typed = NULL, *code = NULL;
	uint8_t seed[RECOVERY_SEED_SIZE], again[RECOVERY_SEED_SIZE];

	ok(secret_from(data, size, &typed));
	if (recovery_decode(typed, seed) != 0)
		return 0;
	ok(recovery_encode(seed, &code));
	require(code->len == strlen((const char *)code->data));
	ok(recovery_decode(code, again));
	require(memcmp(seed, again, sizeof(seed)) == 0);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	SECRET_CLEANUP struct secret *code = NULL;
	uint8_t seed[RECOVERY_SEED_SIZE] = {1, 2, 3};

	(void)argc, (void)argv;
	require(sodium_init() >= 0);
	ok(recovery_encode(seed, &code));
	fuzz_specimen(code->data, code->len);
	return 0;
}
