/* SPDX-License-Identifier: ISC */
#include "recovery.h"

#include <sodium.h>
#include <string.h>

#define CHECK_SIZE 2
#define BYTES (RECOVERY_SEED_SIZE + CHECK_SIZE)
#define DIGITS ((BYTES * 8 + 4) / 5)
#define GROUP 5

_Static_assert(DIGITS + DIGITS / GROUP == RECOVERY_CODE_SIZE, "dashes between, and a NUL");

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void checksum(const uint8_t seed[static RECOVERY_SEED_SIZE], uint8_t out[static CHECK_SIZE])
{
	crypto_generichash_state st;
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash_init(&st, NULL, 0, sizeof(hash));
	crypto_generichash_update(&st, (const uint8_t *)"sfs1code", 8);
	crypto_generichash_update(&st, seed, RECOVERY_SEED_SIZE);
	crypto_generichash_final(&st, hash, sizeof(hash));
	memcpy(out, hash, CHECK_SIZE);
	sodium_memzero(&st, sizeof(st)); /* its block buffer holds the seed */
}

int recovery_encode(const uint8_t seed[static RECOVERY_SEED_SIZE], struct secret **code)
{
	struct secret *s;
	uint8_t check[CHECK_SIZE];
	unsigned bits = 0, have = 0;
	size_t digits = 0;
	int r;

	r = secret_alloc(RECOVERY_CODE_SIZE, &s);
	if (r)
		return r;
	checksum(seed, check);
	for (size_t i = 0; i < BYTES + 1; i++) { /* one byte more, for the zero bits */
		unsigned byte = 0;

		if (i < BYTES)
			byte = i < RECOVERY_SEED_SIZE ? seed[i] : check[i - RECOVERY_SEED_SIZE];
		bits = (bits << 8 | byte) & 0xfff;
		for (have += 8; have >= 5 && digits < DIGITS; have -= 5) {
			if (digits > 0 && digits % GROUP == 0)
				s->data[s->len++] = '-';
			s->data[s->len++] = (uint8_t)alphabet[bits >> (have - 5) & 31];
			digits++;
		}
	}
	s->data[s->len] = '\0';
	*code = s;
	return 0;
}

/* 0 to 31, or -1. */
static int digit_of(uint8_t c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

/* The digits as bytes, zero bits and all. */
static int decode(const struct secret *typed, uint8_t out[static BYTES])
{
	unsigned bits = 0, have = 0;
	size_t n = 0, digits = 0;

	for (size_t i = 0; i < typed->len; i++) {
		int digit;

		if (memchr("- \t\r\n", typed->data[i], 5))
			continue;
		digit = digit_of(typed->data[i]);
		if (digit < 0 || digits++ == DIGITS)
			return ERR_PASSPHRASE;
		bits = (bits << 5 | (unsigned)digit) & 0xfff;
		have += 5;
		if (have >= 8) {
			have -= 8;
			if (n < BYTES)
				out[n++] = (uint8_t)(bits >> have);
		}
	}
	if (digits != DIGITS || (bits & ((1U << have) - 1)) != 0)
		return ERR_PASSPHRASE;
	return 0;
}

int recovery_decode(const struct secret *typed, uint8_t seed[static RECOVERY_SEED_SIZE])
{
	SECRET_CLEANUP struct secret *bytes = NULL;
	uint8_t check[CHECK_SIZE];
	int r;

	r = secret_alloc(BYTES, &bytes);
	if (!r)
		r = decode(typed, bytes->data);
	if (r)
		return r;
	checksum(bytes->data, check);
	if (sodium_memcmp(check, bytes->data + RECOVERY_SEED_SIZE, CHECK_SIZE) != 0)
		return ERR_PASSPHRASE;
	memcpy(seed, bytes->data, RECOVERY_SEED_SIZE);
	return 0;
}
