/* SPDX-License-Identifier: ISC */
/*
 * phrase - what locks an archive: a passphrase, or an identity and its recipient.
 *
 * An identity is a file, mode 0400, with an X25519 secret key in hex; its recipient is the public
 * key in hex, which may be anywhere.
 */
#ifndef PHRASE_H
#define PHRASE_H

#include "archive.h"
#include "command.h"

/* The first line of FILE. Exit status. */
int phrase_from_file(const char *path, struct secret **out);
/* --passphrase-file, else asked for on a terminal, twice if it is new. Exit status. */
int phrase_get(const struct call *c, bool new, struct secret **out);

/* A recipient's hex. Exit status. */
int phrase_recipient(const struct call *c, const char *hex, uint8_t pk[static ARCHIVE_KEY_SIZE]);
/* The secret key in an identity file; free with secret_free. Exit status. */
int phrase_identity(const char *path, struct secret **sk);

#endif
