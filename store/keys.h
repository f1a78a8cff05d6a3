/* SPDX-License-Identifier: ISC */
/*
 * keys - the key hierarchy, and what one party knows of one scope.
 *
 *	root (32 bytes)
 *	  kdf(1,"sfs1root") -> Ed25519 root key; store_id = BLAKE2b-128(root public key)
 *	  kdf(2,"sfs1root") -> K;  base = BLAKE2b-256(key K, u8 len|project|u8 len|domain)
 *	  kdf(3,"sfs1root") -> base of the registry
 *	  kdf(4,"sfs1root") -> key of the slot table's authentication
 *	base
 *	  kdf(0,"sfs1scid") -> scope_id[16]
 *	  kdf(g,"sfs1meta") -> K_meta of generation g
 *	  kdf(g,"sfs1seal") -> seed of the X25519 pair of generation g (crypto_kx_seed_keypair)
 *
 * kdf is libsodium's crypto_kdf_derive_from_key.
 */
#ifndef KEYS_H
#define KEYS_H

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "scope.h"
#include "secret.h"

#define ROOT_SIZE 32
#define STORE_ID_SIZE 16
#define SCOPE_ID_SIZE 16
#define META_KEY_SIZE crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define HASH_SIZE 32 /* BLAKE2b-256: object ids */
#define KEYRING_GENS 2

/* What the root yields; in locked memory (keys_open/keys_close). */
struct root_keys {
	uint8_t pk[crypto_sign_PUBLICKEYBYTES];
	uint8_t sk[crypto_sign_SECRETKEYBYTES];
	uint8_t store_id[STORE_ID_SIZE];
	uint8_t scopes[32];   /* K */
	uint8_t registry[32]; /* base of the registry */
	uint8_t slots[32];
};

WUR int keys_open(const uint8_t root[static ROOT_SIZE], struct root_keys **out);
void keys_close(struct root_keys *k);
void keys_store_id(const uint8_t root_pk[static 32], uint8_t out[static STORE_ID_SIZE]);

struct keyring_gen {
	uint32_t gen; /* from 1; 0 = slot unused */
	bool has_sk;
	uint8_t meta[META_KEY_SIZE];
	uint8_t pk[crypto_kx_PUBLICKEYBYTES];
	uint8_t sk[crypto_kx_SECRETKEYBYTES];
};

/*
 * One scope as one party knows it, in locked memory.  A reader has sk, a CI writer has none but a
 * signing key, the admin has the base, from which any generation follows, and the root key.
 */
struct keyring {
	uint8_t root_pk[crypto_sign_PUBLICKEYBYTES];
	uint8_t store_id[STORE_ID_SIZE];
	uint8_t scope_id[SCOPE_ID_SIZE];
	struct scope scope; /* for messages; the registry's is empty */
	bool has_base, has_root, has_writer;
	uint8_t base[32];
	uint8_t root_sk[crypto_sign_SECRETKEYBYTES];
	uint8_t writer_pk[crypto_sign_PUBLICKEYBYTES];
	uint8_t writer_sk[crypto_sign_SECRETKEYBYTES];
	struct keyring_gen gens[KEYRING_GENS]; /* newest first */
};

WUR int keyring_alloc(struct keyring **out); /* zeroed */
void keyring_free(struct keyring *k);

/* The admin's keyring of a scope, or of the registry; writes are signed with the root key. */
WUR int keyring_from_root(const struct root_keys *root, const struct scope *s,
			  struct keyring **out);
WUR int keyring_registry(const struct root_keys *root, struct keyring **out);

/* The keys of generation gen; valid until the next call.  ERR_GENERATION when this party has none. */
WUR int keyring_at(struct keyring *k, uint32_t gen, const struct keyring_gen **out);

static inline void keyring_cleanup(struct keyring **k)
{
	keyring_free(*k);
}
#define KEYRING_CLEANUP __attribute__((cleanup(keyring_cleanup)))
static inline void keys_cleanup(struct root_keys **k)
{
	keys_close(*k);
}
#define KEYS_CLEANUP __attribute__((cleanup(keys_cleanup)))

#endif
