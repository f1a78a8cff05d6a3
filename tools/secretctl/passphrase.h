/* SPDX-License-Identifier: ISC */
/*
 * passphrase - what locks an archive: a passphrase, or an identity and its recipient.
 *
 * An identity is a file, mode 0400, with an X25519 secret key in hex; its recipient is the public
 * key in hex, which may be anywhere.
 */
#ifndef PASSPHRASE_H
#define PASSPHRASE_H

#include "archive.h"
#include "command.h"

/* The first line of FILE. Exit status. */
int passphrase_from_file(const char *path, struct secret **out);
/* --passphrase-file, else asked for on a terminal, twice if it is new. Exit status. */
int passphrase_get(const struct call *c, bool new, struct secret **out);

/* A recipient's hex. Exit status. */
int passphrase_recipient(const struct call *c, const char *hex,
			 uint8_t pk[static ARCHIVE_KEY_SIZE]);
/* The secret key in an identity file; free with secret_free. Exit status. */
int passphrase_identity(const char *path, struct secret **sk);

#endif
