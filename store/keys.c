/* SPDX-License-Identifier: ISC */
#include "keys.h"

#include <string.h>

_Static_assert(ROOT_SIZE == crypto_kdf_KEYBYTES, "the root is a kdf key");
_Static_assert(META_KEY_SIZE == 32 && crypto_kx_SEEDBYTES == 32, "subkeys are 32 bytes");
_Static_assert(crypto_kx_SESSIONKEYBYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	       "a kx session key is an AEAD key");

/* ctx is one of libsodium's 8-byte contexts; len is valid by construction, so this cannot fail. */
static void kdf(uint8_t *out, size_t len, uint64_t id, const char *ctx, const uint8_t *key)
{
	(void)crypto_kdf_derive_from_key(out, len, id, ctx, key);
}

void keys_store_id(const uint8_t root_pk[static 32], uint8_t out[static STORE_ID_SIZE])
{
	crypto_generichash(out, STORE_ID_SIZE, root_pk, crypto_sign_PUBLICKEYBYTES, NULL, 0);
}

int keys_open(const uint8_t root[static ROOT_SIZE], struct root_keys **out)
{
	struct root_keys *k;
	uint8_t seed[crypto_sign_SEEDBYTES];
	int r = secret_new(sizeof(*k), (void **)&k);

	if (r < 0)
		return r;
	kdf(seed, sizeof(seed), 1, "sfs1root", root);
	crypto_sign_seed_keypair(k->pk, k->sk, seed);
	sodium_memzero(seed, sizeof(seed));
	keys_store_id(k->pk, k->store_id);
	kdf(k->scopes, sizeof(k->scopes), 2, "sfs1root", root);
	kdf(k->registry, sizeof(k->registry), 3, "sfs1root", root);
	kdf(k->slots, sizeof(k->slots), 4, "sfs1root", root);
	*out = k;
	return 0;
}

void keys_close(struct root_keys *k)
{
	secret_delete(k);
}

int keyring_alloc(struct keyring **out)
{
	return secret_new(sizeof(struct keyring), (void **)out);
}

void keyring_free(struct keyring *k)
{
	secret_delete(k);
}

/* base must be set; everything else of the admin's ring follows. */
static void fill(struct keyring *k, const struct root_keys *root)
{
	k->has_base = k->has_root = k->has_writer = true;
	kdf(k->scope_id, SCOPE_ID_SIZE, 0, "sfs1scid", k->base);
	memcpy(k->root_pk, root->pk, sizeof(k->root_pk));
	memcpy(k->root_sk, root->sk, sizeof(k->root_sk));
	memcpy(k->writer_pk, root->pk, sizeof(k->writer_pk));
	memcpy(k->writer_sk, root->sk, sizeof(k->writer_sk));
	memcpy(k->store_id, root->store_id, sizeof(k->store_id));
}

int keyring_from_root(const struct root_keys *root, const struct scope *s, struct keyring **out)
{
	uint8_t label[2 * (1 + SCOPE_PART_MAX)];
	size_t plen = strlen(s->project), dlen = strlen(s->domain);
	struct keyring *k;
	int r = keyring_alloc(&k);

	if (r < 0)
		return r;
	label[0] = (uint8_t)plen;
	memcpy(label + 1, s->project, plen);
	label[1 + plen] = (uint8_t)dlen;
	memcpy(label + 2 + plen, s->domain, dlen);
	crypto_generichash(k->base, sizeof(k->base), label, 2 + plen + dlen, root->scopes,
			   sizeof(root->scopes));
	k->scope = *s;
	fill(k, root);
	*out = k;
	return 0;
}

int keyring_registry(const struct root_keys *root, struct keyring **out)
{
	struct keyring *k;
	int r = keyring_alloc(&k);

	if (r < 0)
		return r;
	memcpy(k->base, root->registry, sizeof(k->base));
	fill(k, root);
	*out = k;
	return 0;
}

static void derive(const struct keyring *k, uint32_t gen, struct keyring_gen *g)
{
	uint8_t seed[crypto_kx_SEEDBYTES];

	kdf(g->meta, sizeof(g->meta), gen, "sfs1meta", k->base);
	kdf(seed, sizeof(seed), gen, "sfs1seal", k->base);
	crypto_kx_seed_keypair(g->pk, g->sk, seed);
	sodium_memzero(seed, sizeof(seed));
	g->has_sk = true;
	g->gen = gen;
}

int keyring_at(struct keyring *k, uint32_t gen, const struct keyring_gen **out)
{
	if (gen == 0)
		return ERR_AUTH; /* generations count from 1 */
	for (size_t i = 0; i < KEYRING_GENS; i++) {
		if (k->gens[i].gen == gen) {
			*out = &k->gens[i];
			return 0;
		}
	}
	if (!k->has_base)
		return ERR_GENERATION;
	/* The admin's: derived when asked for, the two last ones kept. */
	k->gens[1] = k->gens[0];
	derive(k, gen, &k->gens[0]);
	*out = &k->gens[0];
	return 0;
}
