/* SPDX-License-Identifier: ISC */
/* Sealed values: as somebody seals them who has the metadata key, or the public key too. */
#include "fixture.h"
#include "fuzz.h"
#include "object.h"
#include "value.h"

static struct keyring *ring;

/* Sealed rightly; opened for whatever version the input says.  Only the right one may open. */
static void told_otherwise(struct dec *r)
{
	SECRET_CLEANUP struct secret *value = NULL, *out = NULL;
	BLOB_CLEANUP struct blob sealed = {0};
	struct version v = {.gen = 1 + take_u8(r) % 2};
	uint64_t epoch = take_u8(r);
	size_t len;
	int e;

	v.set_epoch = take_u8(r);
	v.len = take_u16(r);
	len = (size_t)(r->end - r->p);
	ok(secret_from(r->p, len, &value));
	ok(value_seal(ring, 1, epoch, "a/KEY", value, &sealed, v.id));
	e = value_open(ring, &v, "A/key", &sealed, &out);
	require((e == 0) == (v.gen == 1 && v.set_epoch == epoch && v.len == len));
	require(e || (out->len == len && memcmp(out->data, value->data, len) == 0));
}

/* In a right envelope, anything. */
static void anything(struct dec *r)
{
	SECRET_CLEANUP struct secret *out = NULL;
	BLOB_CLEANUP struct blob sealed = {0};
	struct version v = {.gen = 1, .set_epoch = 1, .len = take_u16(r)};
	struct blob body = {(uint8_t *)(uintptr_t)r->p, (size_t)(r->end - r->p)};

	ok(object_seal(ring, OBJECT_VALUE, 1, &body, &sealed));
	object_id(&sealed, v.id);
	require(value_open(ring, &v, "KEY", &sealed, &out) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dec r = dec_of(data, size);

	if (take_u8(&r) & 1)
		told_otherwise(&r);
	else
		anything(&r);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	ring = fixture_ring(fuzz_store(false), "alpha", "development");
	fuzz_specimen("\1\0\7\7\5\0value", 11);
	fuzz_specimen("\0\5\0 an ephemeral key of 32 bytes.   and a cipher text with its tag", 66);
	return 0;
}
