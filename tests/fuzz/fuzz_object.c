/* SPDX-License-Identifier: ISC */
/*
 * The envelope, from outside and from inside: any bytes, and any plaintext under the right key.
 * One that opens has the one form that sealing gives it.
 */
#include "commit.h"
#include "fixture.h"
#include "fuzz.h"
#include "memory.h"
#include "object.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD (4 + NONCE)

static struct fixture *f;
static struct keyring *ring;
static const char *const tags[] = {"sfs1ref ", "sfs2comm", "sfs1page", "sfs1vobj", "sfs2flor"};

/* As object.h has it: generation | nonce | AEAD of what the input says. */
static struct blob seal(unsigned kind, const uint8_t *plain, size_t len)
{
	ENC_CLEANUP struct enc ad = {0};
	struct blob b = {calloc(1, HEAD + len + TAG), HEAD + len + TAG};
	const struct keyring_gen *g;

	require(b.data);
	ok(keyring_at(ring, 1, &g));
	b.data[0] = 1;
	put_bytes(&ad, tags[kind], 8);
	put_bytes(&ad, ring->store_id, STORE_ID_SIZE);
	put_bytes(&ad, ring->scope_id, SCOPE_ID_SIZE);
	put_u32(&ad, 1);
	crypto_aead_xchacha20poly1305_ietf_encrypt(b.data + HEAD, NULL, plain, len, ad.data, ad.len,
						   NULL, b.data + 4, g->meta);
	return b;
}

/* Did it open? */
static bool inside(unsigned kind, const uint8_t *plain, size_t len)
{
	BLOB_CLEANUP struct blob sealed = seal(kind, plain, len), body = {0};
	uint8_t id[HASH_SIZE];
	char key[BACKEND_KEY_SIZE];
	uint32_t gen;
	int r = object_open(ring, (enum object_kind)kind, &sealed, &body, &gen);

	require(r || (gen == 1 && len == object_padded(4 + body.len)));
	require(r || !body.len || memcmp(plain + 4, body.data, body.len) == 0);
	if (kind != OBJECT_REF)
		return r == 0;
	backend_ref_key(ring->scope_id, key);
	memory_set(f->b, key, sealed.data, sealed.len);
	require((ref_get(f->b, ring, 0, id, NULL) == 0) == (r == 0 && body.len == HASH_SIZE));
	return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BLOB_CLEANUP struct blob body = {0};
	struct blob sealed;
	uint32_t gen;
	unsigned kind;

	if (size == 0)
		return 0;
	kind = data[0] / 2 % 5;
	sealed = (struct blob){(uint8_t *)(uintptr_t)data + 1, size - 1};
	if (data[0] & 1)
		(void)inside(kind, sealed.data, sealed.len);
	else
		require(object_open(ring, (enum object_kind)kind, &sealed, &body, &gen) != 0);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	uint8_t plain[1 + 256] = {1 + 2 * OBJECT_REF, HASH_SIZE};

	(void)argc, (void)argv;
	f = fuzz_store(false);
	ring = fixture_ring(f, "alpha", "development");
	for (unsigned kind = 0; kind < 5; kind++)
		require(inside(kind, plain + 1, 256)); /* the tags are right */
	fuzz_specimen(plain, sizeof(plain));
	plain[0] = 1 + 2 * OBJECT_PAGE;
	plain[1] = 252;
	fuzz_specimen(plain, sizeof(plain));
	return 0;
}
