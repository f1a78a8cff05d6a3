/* SPDX-License-Identifier: ISC */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#include "object.h"

#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define EPK crypto_kx_PUBLICKEYBYTES
#define AD_MAX (8 + STORE_ID_SIZE + SCOPE_ID_SIZE + 4 + 8 + NAME_MAX_LEN)

/* The key is used for one message only, so the nonce need not vary. */
static const uint8_t zero_nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];

static size_t additional_data(const struct keyring *k, uint32_t gen, uint64_t set_epoch,
			      const char *name, uint8_t ad[static AD_MAX])
{
	struct enc w = enc_over(ad, AD_MAX);
	char folded[NAME_SIZE];

	name_fold(name, folded, sizeof(folded));
	put_bytes(&w, "sfs1valu", 8);
	put_bytes(&w, k->store_id, STORE_ID_SIZE);
	put_bytes(&w, k->scope_id, SCOPE_ID_SIZE);
	put_u32(&w, gen);
	put_u64(&w, set_epoch);
	put_bytes(&w, folded, strlen(folded));
	return w.len;
}

size_t value_sealed(uint32_t len)
{
	return object_sealed(EPK + (size_t)len + TAG);
}

int value_seal(struct keyring *k, uint32_t gen, uint64_t set_epoch, const char *name,
	       const struct secret *value, struct blob *sealed, uint8_t id[static HASH_SIZE])
{
	BLOB_CLEANUP struct blob body = {0};
	const struct keyring_gen *g;
	uint8_t ad[AD_MAX], epk[EPK], esk[crypto_kx_SECRETKEYBYTES];
	uint8_t rx[crypto_kx_SESSIONKEYBYTES], tx[crypto_kx_SESSIONKEYBYTES];
	size_t ad_len;
	int r = keyring_at(k, gen, &g);

	if (r < 0)
		return r;
	if (value->len > SECRET_MAX)
		return ERR_TOOBIG;
	crypto_kx_keypair(epk, esk);
	r = crypto_kx_client_session_keys(rx, tx, epk, esk, g->pk) == 0 ? 0 : ERR_AUTH;
	sodium_memzero(esk, sizeof(esk));
	sodium_memzero(rx, sizeof(rx));
	if (r < 0)
		return r;
	body = (struct blob){.data = malloc(EPK + value->len + TAG), .len = EPK + value->len + TAG};
	r = body.data ? 0 : ERR_NOMEM;
	if (r == 0) {
		memcpy(body.data, epk, EPK);
		ad_len = additional_data(k, gen, set_epoch, name, ad);
		crypto_aead_xchacha20poly1305_ietf_encrypt(body.data + EPK, NULL, value->data,
							   value->len, ad, ad_len, NULL, zero_nonce,
							   tx);
		r = object_seal(k, OBJECT_VALUE, gen, &body, sealed);
	}
	sodium_memzero(tx, sizeof(tx));
	if (r == 0)
		object_id(sealed, id);
	return r;
}

/* The session key of the body's ephemeral public key, into rx. */
static int agree(const struct keyring_gen *g, const struct blob *body, uint8_t *rx)
{
	uint8_t tx[crypto_kx_SESSIONKEYBYTES];
	int r = crypto_kx_server_session_keys(rx, tx, g->pk, g->sk, body->data);

	sodium_memzero(tx, sizeof(tx));
	return r == 0 ? 0 : ERR_AUTH;
}

/* Everything but the cipher: the body within the envelope, and the session key into rx. */
static int open_body(struct keyring *k, const struct version *v, const struct blob *sealed,
		     struct blob *body, uint8_t *rx)
{
	const struct keyring_gen *g;
	uint32_t gen;
	int r = object_open(k, OBJECT_VALUE, sealed, body, &gen);

	if (r < 0)
		return r;
	if (gen != v->gen || body->len != EPK + v->len + TAG)
		return ERR_AUTH;
	r = keyring_at(k, gen, &g);
	if (r < 0)
		return r;
	return g->has_sk ? agree(g, body, rx) : ERR_DENIED;
}

static int decrypt(const struct keyring *k, const struct version *v, const char *name,
		   const struct blob *body, const uint8_t *rx, uint8_t *out)
{
	uint8_t ad[AD_MAX];
	size_t ad_len = additional_data(k, v->gen, v->set_epoch, name, ad);

	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, body->data + EPK,
						       body->len - EPK, ad, ad_len, zero_nonce,
						       rx) == 0)
		return 0;
	sodium_memzero(out, v->len);
	return ERR_AUTH;
}

int value_open_into(struct keyring *k, const struct version *v, const char *name,
		    const struct blob *sealed, uint8_t *out)
{
	BLOB_CLEANUP struct blob body = {0};
	uint8_t rx[crypto_kx_SESSIONKEYBYTES];
	int r = open_body(k, v, sealed, &body, rx);

	if (r == 0)
		r = decrypt(k, v, name, &body, rx, out);
	sodium_memzero(rx, sizeof(rx));
	return r;
}

/* The cipher text alone, in the body's memory: what is too much of that goes back. */
static int keep(struct blob *body, const uint8_t *rx, uint8_t *key, struct blob *cipher)
{
	size_t len = body->len - EPK - TAG;
	uint8_t *smaller;

	memmove(body->data, body->data + EPK, len);
	smaller = realloc(body->data, len ? len : 1);
	if (!smaller)
		return ERR_NOMEM;
	*cipher = (struct blob){.data = smaller, .len = len};
	*body = (struct blob){0};
	/* XChaCha20 is ChaCha20 under a key made of the first 16 bytes of its nonce
	 * (draft-irtf-cfrg-xchacha, section 2.3). */
	crypto_core_hchacha20(key, zero_nonce, rx, NULL);
	return 0;
}

int value_open_keep(struct keyring *k, const struct version *v, const char *name,
		    const struct blob *sealed, uint8_t *out, uint8_t key[static VALUE_KEY_SIZE],
		    struct blob *cipher)
{
	BLOB_CLEANUP struct blob body = {0};
	uint8_t rx[crypto_kx_SESSIONKEYBYTES];
	int r = open_body(k, v, sealed, &body, rx);

	if (r == 0)
		r = decrypt(k, v, name, &body, rx, out);
	if (r == 0)
		r = keep(&body, rx, key, cipher);
	sodium_memzero(rx, sizeof(rx));
	return r;
}

void value_decrypt_cached(const uint8_t key[static VALUE_KEY_SIZE], const struct blob *cipher,
			  uint8_t *out)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];

	/* Block 0 of the stream is the authenticator's key (RFC 8439, section 2.8). */
	crypto_stream_chacha20_ietf_xor_ic(out, cipher->data, cipher->len, nonce, 1, key);
}

int value_open(struct keyring *k, const struct version *v, const char *name,
	       const struct blob *sealed, struct secret **out)
{
	SECRET_CLEANUP struct secret *s = NULL;
	int r = v->len <= SECRET_MAX ? secret_alloc(v->len, &s) : ERR_AUTH;

	if (r == 0)
		r = value_open_into(k, v, name, sealed, s->data);
	if (r < 0)
		return r;
	s->len = v->len;
	*out = s;
	s = NULL;
	return 0;
}

int value_get(struct backend *b, struct keyring *k, const struct version *v, const char *name,
	      struct secret **out)
{
	BLOB_CLEANUP struct blob sealed = {0};
	int r = object_fetch(b, k, v->id, &sealed);

	if (r < 0)
		return r == ERR_NOENT ? ERR_INCOMPLETE : r;
	return value_open(k, v, name, &sealed, out);
}
