/* SPDX-License-Identifier: ISC */
/*
 * object - the envelope around everything in the store, and objects found by their hash.
 *
 *	u32 generation | nonce[24] | XChaCha20-Poly1305( u32 length | body | zeros )
 *
 * under K_meta of that generation, with additional data tag | store_id | scope_id | generation.
 * What is inside the AEAD is padded to Padmé's size, 256 bytes at least.
 * Padmé: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
 * PURBs", PETS 2019.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include "backend.h"
#include "blob.h"
#include "keys.h"

enum object_kind {
	OBJECT_REF,
	OBJECT_COMMIT,
	OBJECT_PAGE,
	OBJECT_VALUE,
	OBJECT_FLOOR,
};

/* Cap on the size of a sealed object, bytes; a value of SECRET_MAX fits. */
#define OBJECT_MAX (1400u * 1024u)

/* The padded size of len bytes. */
size_t object_padded(size_t len);
/* The size of the object that a body of len bytes is sealed into. */
size_t object_sealed(size_t len);

/* Seal body under generation gen. */
WUR int object_seal(struct keyring *k, enum object_kind kind, uint32_t gen, const struct blob *body,
		    struct blob *out);
/* Open; *gen is the authenticated generation.  ERR_AUTH, ERR_GENERATION, ERR_VERSION. */
WUR int object_open(struct keyring *k, enum object_kind kind, const struct blob *sealed,
		    struct blob *body, uint32_t *gen);

/* BLAKE2b-256 of the sealed bytes. */
void object_id(const struct blob *sealed, uint8_t id[static HASH_SIZE]);

/* How long the sealed object is that lies there, unread.  ERR_NOENT, ERR_AUTH, ERR_IO. */
WUR int object_size(struct backend *b, const struct keyring *k, const uint8_t id[static HASH_SIZE],
		    size_t *out);
/* Get the sealed bytes of object id and check the hash.  ERR_NOENT, ERR_AUTH, ERR_IO. */
WUR int object_fetch(struct backend *b, const struct keyring *k, const uint8_t id[static HASH_SIZE],
		     struct blob *sealed);
/* Fetch and open. */
WUR int object_get(struct backend *b, struct keyring *k, enum object_kind kind,
		   const uint8_t id[static HASH_SIZE], struct blob *body, uint32_t *gen);

#endif
