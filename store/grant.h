/* SPDX-License-Identifier: ISC */
/*
 * grant - the root's word on who may sign for a scope, carried by every commit.
 *
 *	gen u32, pk[32], epoch u64, after[32], flags u8, (base[32], base epoch u64, since u64 if
 *	discontinuity), u16 n, n x (public key[32], u8 length | name), root signature[64] over
 *	"sfs2grnt" | store_id | scope_id | the fields before it
 *
 * after ties a grant to one place in the history: it can be brought in by a successor of that commit
 * and nowhere else, so that who holds an old grant, or one from a fork, cannot carry it to where it
 * would let somebody in again.
 */
#ifndef GRANT_H
#define GRANT_H

#include "blob.h"
#include "keys.h"

#define GRANT_WRITERS_MAX 256
#define WRITER_NAME_MAX 63
#define GRANT_DISCONTINUITY 1
#define GRANT_ROTATING 2 /* the next key generation is being handed out (rotate.h) */

struct grant_writer {
	uint8_t pk[crypto_sign_PUBLICKEYBYTES];
	char name[WRITER_NAME_MAX + 1];
};

struct grant {
	uint32_t gen;
	uint8_t pk[crypto_kx_PUBLICKEYBYTES];
	uint64_t epoch;
	uint8_t after[HASH_SIZE]; /* the predecessor of the commit that brought it; zeros: none */
	uint8_t flags;
	/* GRANT_DISCONTINUITY: history goes on from commit base, declared by the grant with epoch
	 * since; later grants carry it along, so that whoever missed it can still follow. */
	uint8_t base[HASH_SIZE];
	uint64_t base_epoch, since;
	size_t nwriters;
	struct grant_writer *writers; /* heap */
	struct blob bytes;	      /* as signed, with the signature */
	uint8_t hash[HASH_SIZE];      /* BLAKE2b-256 of bytes */
};

void grant_fini(struct grant *g);
WUR int grant_copy(const struct grant *from, struct grant *to); /* deep; to is overwritten */

/* Verify the root's signature over bytes and parse them; *out is overwritten.  ERR_AUTH. */
WUR int grant_parse(const struct keyring *k, const uint8_t *bytes, size_t len, struct grant *out);
/* Root-sign g for k's scope: fills bytes and hash.  ERR_DENIED without the root key. */
WUR int grant_sign(const struct keyring *k, struct grant *g);
const struct grant_writer *grant_find(const struct grant *g, const uint8_t pk[static 32]);
/* The writer whose key starts with tag, or NULL. */
const struct grant_writer *grant_find_tag(const struct grant *g, const uint8_t tag[static 8]);

#endif
