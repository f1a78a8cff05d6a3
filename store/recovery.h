/* SPDX-License-Identifier: ISC */
/*
 * recovery - a key as a code that a person writes down and types.
 *
 *	base32( seed[32] | first 2 bytes of BLAKE2b-256("sfs1code" | seed) | 3 zero bits )
 *
 * in D. Crockford's alphabet (0-9, A-Z without I, L, O, U), most significant bit first, as eleven
 * groups of five with dashes between.  Read in any case, with or without dashes and blanks, O as 0,
 * I and L as 1.
 */
#ifndef RECOVERY_H
#define RECOVERY_H

#include <stdint.h>

#include "err.h"
#include "secret.h"

#define RECOVERY_SEED_SIZE 32
#define RECOVERY_CODE_SIZE 66 /* printed form with NUL */

/* code->data is NUL-terminated; code->len counts without the NUL. */
WUR int recovery_encode(const uint8_t seed[static RECOVERY_SEED_SIZE], struct secret **code);

/* ERR_PASSPHRASE when typed is not such a code, or was mistyped.  seed is the caller's locked memory. */
WUR int recovery_decode(const struct secret *typed, uint8_t seed[static RECOVERY_SEED_SIZE]);

#endif
