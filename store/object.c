/* SPDX-License-Identifier: ISC */
#include "object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD (4 + NONCE)
#define PAD_FLOOR 256

#define AD_SIZE (8 + STORE_ID_SIZE + SCOPE_ID_SIZE + 4)

static const char *const tags[] = {
	[OBJECT_REF] = "sfs1ref ",   [OBJECT_COMMIT] = "sfs2comm", [OBJECT_PAGE] = "sfs1page",
	[OBJECT_VALUE] = "sfs1vobj", [OBJECT_FLOOR] = "sfs2flor",
};
/* Tags of formats gone by, to tell such a file from one that was altered; NULL: it never changed. */
static const char *const old_tags[] = {
	[OBJECT_COMMIT] = "sfs1comm",
	[OBJECT_FLOOR] = "sfs1flor",
};

size_t object_padded(size_t len)
{
	unsigned e = 0, s = 0;
	size_t mask;

	if (len <= PAD_FLOOR)
		return PAD_FLOOR;
	for (size_t v = len; v > 1; v >>= 1)
		e++; /* floor(log2 len) */
	for (unsigned v = e; v; v >>= 1)
		s++; /* floor(log2 e) + 1 */
	mask = ((size_t)1 << (e - s)) - 1;
	return (len + mask) & ~mask;
}

size_t object_sealed(size_t len)
{
	return HEAD + object_padded(4 + len) + TAG;
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void additional_data(const struct keyring *k, const char *tag, uint32_t gen,
			    uint8_t ad[static AD_SIZE])
{
	memcpy(ad, tag, 8);
	memcpy(ad + 8, k->store_id, STORE_ID_SIZE);
	memcpy(ad + 8 + STORE_ID_SIZE, k->scope_id, SCOPE_ID_SIZE);
	put_le32(ad + 8 + STORE_ID_SIZE + SCOPE_ID_SIZE, gen);
}

int object_seal(struct keyring *k, enum object_kind kind, uint32_t gen, const struct blob *body,
		struct blob *out)
{
	const struct keyring_gen *g;
	uint8_t ad[AD_SIZE];
	size_t padded = object_padded(4 + body->len);
	uint8_t *p, *plain;
	int r = keyring_at(k, gen, &g);

	if (r < 0)
		return r;
	if (body->len > OBJECT_MAX || HEAD + padded + TAG > OBJECT_MAX)
		return ERR_TOOBIG;
	p = calloc(1, HEAD + padded + TAG);
	if (!p)
		return ERR_NOMEM;
	put_le32(p, gen);
	randombytes_buf(p + 4, NONCE);
	plain = p + HEAD; /* sealed in place: libsodium allows it */
	put_le32(plain, (uint32_t)body->len);
	if (body->len)
		memcpy(plain + 4, body->data, body->len);
	additional_data(k, tags[kind], gen, ad);
	crypto_aead_xchacha20poly1305_ietf_encrypt(plain, NULL, plain, padded, ad, sizeof(ad), NULL,
						   p + 4, g->meta);
	*out = (struct blob){.data = p, .len = HEAD + padded + TAG};
	return 0;
}

/* The framing inside the AEAD: exact length, then nothing but zeros up to exactly the padded size. */
static int unpad(struct blob *b)
{
	size_t len;

	if (b->len < PAD_FLOOR)
		return ERR_AUTH;
	len = get_le32(b->data);
	if (len > b->len - 4 || object_padded(4 + len) != b->len ||
	    !sodium_is_zero(b->data + 4 + len, b->len - 4 - len))
		return ERR_AUTH;
	memmove(b->data, b->data + 4, len);
	b->len = len;
	return 0;
}

static bool decrypt(const struct keyring *k, const struct keyring_gen *g, const char *tag,
		    const struct blob *sealed, uint8_t *plain)
{
	uint8_t ad[AD_SIZE];

	additional_data(k, tag, g->gen, ad);
	return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed->data + HEAD,
							  sealed->len - HEAD, ad, sizeof(ad),
							  sealed->data + 4, g->meta) == 0;
}

/* Sealed with our keys under the tag that the kind had once? */
static bool is_old(const struct keyring *k, const struct keyring_gen *g, enum object_kind kind,
		   const struct blob *sealed, uint8_t *plain)
{
	const size_t n = sizeof(old_tags) / sizeof(old_tags[0]);

	return (size_t)kind < n && old_tags[kind] && decrypt(k, g, old_tags[kind], sealed, plain);
}

int object_open(struct keyring *k, enum object_kind kind, const struct blob *sealed,
		struct blob *body, uint32_t *gen)
{
	BLOB_CLEANUP struct blob plain = {0};
	const struct keyring_gen *g;
	uint32_t stated;
	int r;

	if (sealed->len < HEAD + TAG + PAD_FLOOR || sealed->len > OBJECT_MAX)
		return ERR_AUTH;
	stated = get_le32(sealed->data);
	r = keyring_at(k, stated, &g);
	if (r < 0)
		return r;
	plain.data = malloc(sealed->len);
	if (!plain.data)
		return ERR_NOMEM;
	plain.len = sealed->len - HEAD - TAG;
	if (!decrypt(k, g, tags[kind], sealed, plain.data))
		return is_old(k, g, kind, sealed, plain.data) ? ERR_VERSION : ERR_AUTH;
	r = unpad(&plain);
	if (r < 0)
		return r;
	*body = plain;
	*gen = stated;
	plain = (struct blob){0};
	return 0;
}

void object_id(const struct blob *sealed, uint8_t id[static HASH_SIZE])
{
	crypto_generichash(id, HASH_SIZE, sealed->data, sealed->len, NULL, 0);
}

/* The bytes, whatever they are. */
static int read_object(struct backend *b, const struct keyring *k,
		       const uint8_t id[static HASH_SIZE], struct blob *sealed)
{
	char key[BACKEND_KEY_SIZE];
	int r;

	backend_object_key(k->scope_id, id, key);
	r = b->ops->get(b, key, OBJECT_MAX, 0, sealed);
	return r == ERR_TOOBIG ? ERR_AUTH : r; /* none of ours is that large */
}

int object_size(struct backend *b, const struct keyring *k, const uint8_t id[static HASH_SIZE],
		size_t *out)
{
	struct blob found;
	char key[BACKEND_KEY_SIZE];
	int r;

	backend_object_key(k->scope_id, id, key);
	r = b->ops->get(b, key, OBJECT_MAX, BACKEND_SIZE, &found);
	if (r == 0)
		*out = found.len;
	return r == ERR_TOOBIG ? ERR_AUTH : r;
}

int object_fetch(struct backend *b, const struct keyring *k, const uint8_t id[static HASH_SIZE],
		 struct blob *sealed)
{
	BLOB_CLEANUP struct blob got = {0};
	uint8_t actual[HASH_SIZE];
	int r = read_object(b, k, id, &got);

	if (r < 0)
		return r;
	object_id(&got, actual);
	if (memcmp(actual, id, HASH_SIZE) != 0)
		return ERR_AUTH;
	*sealed = got;
	got = (struct blob){0};
	return 0;
}

int object_get(struct backend *b, struct keyring *k, enum object_kind kind,
	       const uint8_t id[static HASH_SIZE], struct blob *body, uint32_t *gen)
{
	BLOB_CLEANUP struct blob sealed = {0};
	int r = object_fetch(b, k, id, &sealed);

	if (r < 0)
		return r;
	return object_open(k, kind, &sealed, body, gen);
}
