/* SPDX-License-Identifier: ISC */
/*
 * The state: what a host has accepted of a scope.  A first byte of 0: the rest is the file, as whoever
 * writes there leaves it.  Else it is sealed as who has the scope's key would: what is taken is a floor
 * that is written again byte for byte, and is never lowered.
 */
#include <fcntl.h>
#include <unistd.h>

#include "fixture.h"
#include "floor.h"
#include "fuzz.h"
#include "object.h"

static struct fixture *f;
static struct keyring *ring;
static char *file;

static void write_file(const uint8_t *data, size_t size)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static void check_taken(const uint8_t *data, size_t size, const struct floor *taken)
{
	ENC_CLEANUP struct enc again = {0};
	struct floor lower = *taken, now = {0};

	floor_put(&again, taken);
	require(!again.failed && again.len == size && memcmp(again.data, data, size) == 0);
	lower.epoch = lower.epoch ? lower.epoch - 1 : 0;
	lower.gen = 1;
	ok(floor_store(f->state, ring, &lower));
	ok(floor_load(f->state, ring, &now));
	require(now.epoch == taken->epoch && now.grant_epoch == taken->grant_epoch);
}

static int load(const uint8_t *data, size_t size, struct floor *out)
{
	BLOB_CLEANUP struct blob sealed = {0};
	const struct blob body = {(uint8_t *)(uintptr_t)data, size};

	ok(object_seal(ring, OBJECT_FLOOR, 1, &body, &sealed));
	write_file(sealed.data, sealed.len);
	return floor_load(f->state, ring, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct floor taken = {0};

	if (!size || size > 4000)
		return 0;
	if (!data[0]) {
		write_file(data + 1, size - 1);
		(void)floor_load(f->state, ring, &taken);
	} else if (load(data + 1, size - 1, &taken) == 0 && (taken.epoch || taken.grant_epoch)) {
		check_taken(data + 1, size - 1, &taken);
	}
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	ENC_CLEANUP struct enc w = {0};
	struct floor put;
	char *dir;

	(void)argc, (void)argv;
	f = fuzz_store(false);
	ring = fixture_ring(f, "alpha", "development");
	put = fixture_put(f, "alpha", "development", "KEY", "v");
	ok(floor_prepare(f->state, ring, &dir));
	require(asprintf(&file, "%s/floor", dir) > 0);
	free(dir);
	put_u8(&w, 1);
	floor_put(&w, &put);
	fuzz_specimen(w.data, w.len);
	require(load(w.data + 1, w.len - 1, &put) == 0);
	return 0;
}
