/* SPDX-License-Identifier: ISC */
/*
 * value - one value sealed to a scope's public key, so that who writes it cannot read it.
 *
 *	ephemeral public key[32] | XChaCha20-Poly1305(value)
 *
 * The key is the client's transmit key of crypto_kx between a fresh pair and the scope's, used
 * once, with a zero nonce; additional data: "sfs1valu" | store_id | scope_id | gen | set_epoch |
 * folded name.  The whole then goes into an envelope like everything else, which pads it.
 */
#ifndef VALUE_H
#define VALUE_H

#include "backend.h"
#include "keys.h"
#include "page.h"
#include "secret.h"

/* Seal for set_epoch under generation gen; sealed is the object, id its hash. */
WUR int value_seal(struct keyring *k, uint32_t gen, uint64_t set_epoch, const char *name,
		   const struct secret *value, struct blob *sealed, uint8_t id[static HASH_SIZE]);

/* The size of the object that holds a value of len bytes. */
size_t value_sealed(uint32_t len);

/* Open sealed bytes, already checked against v->id or not: checks everything.  ERR_AUTH,
 * ERR_DENIED (this ring has no secret key), ERR_GENERATION. */
WUR int value_open(struct keyring *k, const struct version *v, const char *name,
		   const struct blob *sealed, struct secret **out);

/* The same into memory of the caller's: out must be locked and hold v->len + 1 bytes at least. */
WUR int value_open_into(struct keyring *k, const struct version *v, const char *name,
			const struct blob *sealed, uint8_t *out);

/*
 * For whoever opens one value again and again: what is left to do once everything is checked.  The
 * key is the cipher's own for this one message, the cipher text is the value's alone.
 */
#define VALUE_KEY_SIZE crypto_stream_chacha20_ietf_KEYBYTES

/* As value_open_into, and hands over what value_decrypt_cached takes.  key must be locked memory. */
WUR int value_open_keep(struct keyring *k, const struct version *v, const char *name,
			const struct blob *sealed, uint8_t *out, uint8_t key[static VALUE_KEY_SIZE],
			struct blob *cipher);
/* The value once more, without any check: cipher must be the caller's own, unaltered since.  out
 * must be locked and hold cipher->len bytes. */
void value_decrypt_cached(const uint8_t key[static VALUE_KEY_SIZE], const struct blob *cipher,
			  uint8_t *out);

/* Fetch and open. */
WUR int value_get(struct backend *b, struct keyring *k, const struct version *v, const char *name,
		  struct secret **out);

#endif
