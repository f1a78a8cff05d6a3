/* SPDX-License-Identifier: ISC */
/* Bundles, behind their checksum: what is read is written again byte for byte. */
#include <unistd.h>

#include "fixture.h"
#include "fuzz.h"

#define SUM HASH_SIZE

/* Was it taken? */
static bool judge(const uint8_t *data, size_t size)
{
	BUNDLE_CLEANUP struct bundle *b = NULL;
	uint8_t whole[8192];
	struct blob again;
	int fd;

	memcpy(whole, data, size);
	crypto_generichash(whole + size, SUM, data, size, NULL, 0);
	fd = fuzz_file(whole, size + SUM);
	if (bundle_read(fd, 0, &b) == 0) {
		ok(bundle_save(b, "again"));
		again = fixture_slurp("again");
		require(again.len == size + SUM && memcmp(again.data, whole, again.len) == 0);
		blob_free(&again);
	}
	close(fd);
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= 4096)
		(void)judge(data, size);
	return 0;
}

static void specimen(struct bundle *b, const char *path)
{
	struct blob bytes = fixture_slurp(path);

	require(judge(bytes.data, bytes.len - SUM));
	fuzz_specimen(bytes.data, bytes.len - SUM);
	blob_free(&bytes);
	bundle_free(b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct fixture *f = fuzz_store(false);
	const char *path;

	(void)argc, (void)argv;
	specimen(fixture_reader(f, "alpha", "development", &path), path);
	specimen(fixture_reader(f, "", "", &path), path);
	specimen(fixture_writer(f, "alpha", "", "ci", &path), path);
	return 0;
}
