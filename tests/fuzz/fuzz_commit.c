/* SPDX-License-Identifier: ISC */
/*
 * Commits and the grants in them, behind their signatures: the grant is signed as the root would, the
 * body as a granted writer would.  One that is taken is written again byte for byte.
 */
#include "commit.h"
#include "fixture.h"
#include "fuzz.h"
#include "memory.h"
#include "object.h"

#define SIGNATURE crypto_sign_BYTES

static struct fixture *f;
static struct keyring *ring;

static void put_signed(struct enc *w, struct enc *message, const uint8_t *sk)
{
	uint8_t sig[SIGNATURE];

	require(!message->failed);
	crypto_sign_detached(sig, NULL, message->data, message->len, sk);
	put_bytes(w, sig, sizeof(sig));
}

static void put_head(struct enc *w, const char *tag)
{
	put_bytes(w, tag, 8);
	put_bytes(w, ring->store_id, STORE_ID_SIZE);
	put_bytes(w, ring->scope_id, SCOPE_ID_SIZE);
}

/* u16 length of the grant's fields | those | body, both without their signatures. */
static void build(struct dec *in, struct blob *plain)
{
	ENC_CLEANUP struct enc w = {0}, grant = {0}, body = {0};
	uint8_t hash[HASH_SIZE];
	size_t len = take_u16(in), rest = (size_t)(in->end - in->p);
	const uint8_t *fields = in->p;

	if (len > rest)
		len = rest;
	put_head(&grant, "sfs2grnt");
	put_bytes(&grant, fields, len);
	put_u32(&w, (uint32_t)(len + SIGNATURE));
	put_bytes(&w, fields, len);
	put_signed(&w, &grant, f->root->sk);
	crypto_generichash(hash, sizeof(hash), w.data + 4, w.len - 4, NULL, 0);
	put_head(&body, "sfs2cmit");
	put_u32(&body, 1);
	put_bytes(&body, hash, sizeof(hash));
	put_bytes(&body, fields + len, rest - len);
	put_bytes(&w, fields + len, rest - len);
	put_signed(&w, &body, ring->writer_sk);
	ok(enc_finish(&w, plain));
}

/* Was it taken? */
static bool judge(const uint8_t *data, size_t size)
{
	BLOB_CLEANUP struct blob plain = {0}, sealed = {0}, again = {0}, opened = {0};
	COMMIT_CLEANUP struct commit c;
	struct dec in = dec_of(data, size);
	uint8_t id[HASH_SIZE];
	char key[BACKEND_KEY_SIZE];
	uint32_t gen;
	int r;

	commit_init(&c);
	build(&in, &plain);
	ok(object_seal(ring, OBJECT_COMMIT, 1, &plain, &sealed));
	object_id(&sealed, id);
	backend_object_key(ring->scope_id, id, key);
	memory_set(f->b, key, sealed.data, sealed.len);
	r = commit_get(f->b, ring, id, &c);
	memory_remove(f->b, key);
	if (r != 0)
		return false;
	require(grant_find(&c.grant, c.writer));
	(void)commit_page_of(&c, "some/name");
	ok(commit_seal(ring, &c, &again));
	ok(object_open(ring, OBJECT_COMMIT, &again, &opened, &gen));
	require(opened.len == plain.len && memcmp(opened.data, plain.data, plain.len) == 0);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 2)
		(void)judge(data, size);
	return 0;
}

/* The newest commit of the scope, without signatures. */
static void specimen(void)
{
	BLOB_CLEANUP struct blob plain = {0};
	ENC_CLEANUP struct enc w = {0};
	uint8_t id[HASH_SIZE];
	struct dec r;
	const uint8_t *grant;
	size_t len;
	uint32_t gen;

	ok(ref_get(f->b, ring, 0, id, NULL));
	ok(object_get(f->b, ring, OBJECT_COMMIT, id, &plain, &gen));
	r = dec_of(plain.data, plain.len);
	len = take_u32(&r);
	grant = take_bytes(&r, len);
	require(!r.failed && gen == 1);
	put_u16(&w, (uint16_t)(len - SIGNATURE));
	put_bytes(&w, grant, len - SIGNATURE);
	put_bytes(&w, r.p, (size_t)(r.end - r.p) - SIGNATURE);
	require(judge(w.data, w.len)); /* the format is still the one that is sealed here */
	fuzz_specimen(w.data, w.len);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	KEYRING_CLEANUP struct keyring *ci = NULL;

	(void)argc, (void)argv;
	f = fuzz_store(false);
	ring = fixture_ring(f, "alpha", "development");
	fixture_put(f, "alpha", "development", "KEY", "v");
	specimen();
	ci = fixture_self_made(ring);
	fixture_grant(f, "alpha", "development", ci, "ci");
	fixture_put(f, "alpha", "development", "a/KEY", "w");
	fixture_put(f, "alpha", "development", "KEY", "x");
	specimen();
	return 0;
}
