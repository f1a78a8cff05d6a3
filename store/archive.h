/* SPDX-License-Identifier: ISC */
/*
 * archive - secrets with their history in one encrypted, signed file, for another host.
 *
 *	"sfs2arch" | u8 kind | (1: salt[16], u64 opslimit, u64 memlimit; 2: sealed key[80]) |
 *	stream header[24] | chunks
 *	chunk: u32 length of what follows | one crypto_secretstream_xchacha20poly1305 message
 *
 * Kind 1: the stream's key is Argon2id13 of a passphrase.  Kind 2: it is random and in a
 * crypto_box_seal to an X25519 public key.  The first message has BLAKE2b-256 of everything before
 * the chunks as additional data.  A message is u8 what | fields:
 *	1 project or domain declared:  u8 length | project, u8 length | domain (one of them empty)
 *	2 scope:   u8 length | project, u8 length | domain; the secrets that follow are in it
 *	3 secret:  u8 length | name, u8 type, u8 length | environment name, u64 expires (s),
 *		   u64 created (ns), u8 number of versions that follow, newest first
 *	4 version: u64 time (ns), writer[8], the value
 *	5 end:     u64 number of messages before it, root public key[32], signature[64]; with the
 *		   stream's FINAL tag, and nothing after it
 * The store's root signs "sfs2asig" | its public key | the number | BLAKE2b-256 of the file before the
 * last chunk.  That is of the bytes as they stand, key and all: who may open an archive can make
 * another, but not one that this root has signed for somebody else.
 * All are padded to nothing: an archive tells an outsider its size, and the sizes of the values in it.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "archive_item.h"
#include "keys.h"
#include "secret.h"

#define ARCHIVE_KEY_SIZE 32 /* an X25519 public or secret key */

struct archive;

/* Write to fd (borrowed).  One of phrase and pk. */
WUR int archive_create(int fd, const struct secret *phrase, const uint8_t *pk,
		       struct archive **out);
WUR int archive_put(struct archive *a, const struct archive_item *item);
/* Write the end, signed by this store's root, and make it durable. */
WUR int archive_finish(struct archive *a, const struct root_keys *from);

/* Read from fd (borrowed).  ERR_FORMAT: not an archive; ERR_VERSION: another version's; ERR_PASSPHRASE: the other kind of key is
 * asked for, or it is the wrong one. */
WUR int archive_open(int fd, const struct secret *phrase, const uint8_t *sk, struct archive **out);
/* True when the archive opens with a passphrase; look before asking for one.  Rewinds fd. */
WUR int archive_wants_phrase(int fd, bool *yes);
/* The next item; after ARCHIVE_END there is none, and before it nothing is proved to be of the
 * store that ARCHIVE_END names.  ERR_AUTH: altered, cut short, or not signed. */
WUR int archive_next(struct archive *a, struct archive_item *out);

void archive_close(struct archive *a); /* NULL is fine */

#endif
