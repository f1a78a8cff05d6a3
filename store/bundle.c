/* SPDX-License-Identifier: ISC */
/*
 * Both kinds: magic[8] | root public key[32] | u8 length | project | u8 length | domain | … |
 * BLAKE2b-256 of all before it[32].  The checksum tells damage; the file's mode is its guard.
 *	reader "sfs2rdr ": u8 n, n x (scope_id[16] | floor | u8 g, g x (u32 gen, K_meta[32], sk[32]))
 *	writer "sfs2wtr ": u8 length | name | scope_id[16] | floor | u8 g, g x (u32 gen, K_meta[32],
 *		pk[32]) | Ed25519 seed[32]
 *	floor: u64 epoch | u64 grant epoch | commit id[32] | BLAKE2b-256 of its grant[32]
 * The digit in the magic is the format's version.
 */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply.h"
#include "paths.h"

#define BUNDLE_MAX 4096u
static const char magic_reader[8] = {'s', 'f', 's', '2', 'r', 'd', 'r', ' '};
static const char magic_writer[8] = {'s', 'f', 's', '2', 'w', 't', 'r', ' '};

void bundle_free(struct bundle *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n; i++)
		keyring_free(b->rings[i]);
	free(b);
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_ring(struct enc *w, const struct bundle *b, size_t i)
{
	const struct keyring *k = b->rings[i];
	const struct floor *f = &b->floors[i];
	uint8_t n = 0;

	put_bytes(w, k->scope_id, SCOPE_ID_SIZE);
	floor_put(w, f);
	for (size_t g = 0; g < KEYRING_GENS; g++)
		n = (uint8_t)(n + (k->gens[g].gen != 0));
	put_u8(w, n);
	for (size_t g = 0; g < n; g++) {
		put_u32(w, k->gens[g].gen);
		put_bytes(w, k->gens[g].meta, META_KEY_SIZE);
		if (b->kind == BUNDLE_READER)
			put_bytes(w, k->gens[g].sk, sizeof(k->gens[g].sk));
		else
			put_bytes(w, k->gens[g].pk, sizeof(k->gens[g].pk));
	}
}

int bundle_save(const struct bundle *b, const char *path)
{
	SECRET_CLEANUP struct secret *s = NULL;
	uint8_t sum[HASH_SIZE];
	struct enc w;
	int r = secret_alloc(BUNDLE_MAX, &s);

	if (r < 0)
		return r;
	w = enc_over(s->data, s->cap);
	put_bytes(&w, b->kind == BUNDLE_READER ? magic_reader : magic_writer, 8);
	put_bytes(&w, b->rings[0]->root_pk, sizeof(b->rings[0]->root_pk));
	put_str8(&w, b->scope.project);
	put_str8(&w, b->scope.domain);
	if (b->kind == BUNDLE_READER)
		put_u8(&w, (uint8_t)b->n);
	else
		put_str8(&w, b->name);
	for (size_t i = 0; i < b->n; i++)
		put_ring(&w, b, i);
	if (b->kind == BUNDLE_WRITER) /* libsodium's secret key begins with its seed */
		put_bytes(&w, b->rings[0]->writer_sk, crypto_sign_SEEDBYTES);
	crypto_generichash(sum, sizeof(sum), w.data, w.len, NULL, 0);
	put_bytes(&w, sum, sizeof(sum));
	if (w.failed)
		return ERR_TOOBIG;
	return paths_write(path, w.data, w.len, 0400, false);
}

/* --- reading --------------------------------------------------------------------------------- */

static int take_ring(struct dec *r, struct bundle *b, const uint8_t root_pk[static 32])
{
	struct floor *f = &b->floors[b->n];
	struct keyring *k;
	size_t n;
	int err = keyring_alloc(&k);

	if (err < 0)
		return err;
	b->rings[b->n++] = k;
	memcpy(k->root_pk, root_pk, sizeof(k->root_pk));
	keys_store_id(root_pk, k->store_id);
	take_copy(r, k->scope_id, SCOPE_ID_SIZE);
	*f = floor_take(r);
	n = take_u8(r);
	if (n < 1 || n > KEYRING_GENS)
		return ERR_FORMAT;
	for (size_t i = 0; i < n; i++) {
		struct keyring_gen *g = &k->gens[i];

		g->gen = take_u32(r);
		if (g->gen == 0 || (i > 0 && g->gen != g[-1].gen - 1))
			return ERR_FORMAT;
		take_copy(r, g->meta, META_KEY_SIZE);
		g->has_sk = b->kind == BUNDLE_READER;
		if (!g->has_sk) {
			take_copy(r, g->pk, sizeof(g->pk));
			continue;
		}
		take_copy(r, g->sk, sizeof(g->sk));
		if (crypto_scalarmult_base(g->pk, g->sk) != 0)
			return ERR_FORMAT;
	}
	return 0;
}

static int parse(struct dec *r, struct bundle *b)
{
	uint8_t root_pk[crypto_sign_PUBLICKEYBYTES], seed[crypto_sign_SEEDBYTES];
	char project[SCOPE_PART_MAX + 1], domain[SCOPE_PART_MAX + 1];
	size_t n = 1;
	int err;

	take_copy(r, root_pk, sizeof(root_pk));
	take_str8(r, project, sizeof(project));
	take_str8(r, domain, sizeof(domain));
	if (b->kind == BUNDLE_READER)
		n = take_u8(r);
	else
		take_str8(r, b->name, sizeof(b->name));
	if (r->failed || scope_set(&b->scope, project, domain) < 0 ||
	    strcmp(project, b->scope.project) != 0 || strcmp(domain, b->scope.domain) != 0)
		return ERR_FORMAT;
	if (b->kind == BUNDLE_READER &&
	    n != (scope_level(&b->scope) == SCOPE_PROJECT_DOMAIN ? SCOPE_LEVELS : 1))
		return ERR_FORMAT;
	for (size_t i = 0; i < n; i++) {
		err = take_ring(r, b, root_pk);
		if (err < 0)
			return err;
		b->rings[i]->scope = b->kind == BUNDLE_READER
					     ? scope_at(&b->scope, (enum scope_level)i)
					     : b->scope;
	}
	if (b->kind == BUNDLE_WRITER) {
		take_copy(r, seed, sizeof(seed));
		crypto_sign_seed_keypair(b->rings[0]->writer_pk, b->rings[0]->writer_sk, seed);
		sodium_memzero(seed, sizeof(seed));
		b->rings[0]->has_writer = true;
	}
	return dec_done(r) ? 0 : ERR_FORMAT;
}

/* ERR_VERSION when only the digit is another. */
static int take_kind(const uint8_t magic[static 8], enum bundle_kind *kind)
{
	char digit_aside[8];

	memcpy(digit_aside, magic, sizeof(digit_aside));
	digit_aside[3] = magic_reader[3];
	if (memcmp(digit_aside, magic_reader, 8) == 0)
		*kind = BUNDLE_READER;
	else if (memcmp(digit_aside, magic_writer, 8) == 0)
		*kind = BUNDLE_WRITER;
	else
		return ERR_FORMAT;
	return (char)magic[3] == magic_reader[3] ? 0 : ERR_VERSION;
}

static int read_all(int fd, struct secret *s)
{
	while (s->len < s->cap) {
		ssize_t n = pread(fd, s->data + s->len, s->cap - s->len, (off_t)s->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return 0;
		s->len += (size_t)n;
	}
	return ERR_FORMAT;
}

int bundle_read(int fd, int check_mode, struct bundle **out)
{
	SECRET_CLEANUP struct secret *s = NULL;
	BUNDLE_CLEANUP struct bundle *b = NULL;
	uint8_t sum[HASH_SIZE];
	struct dec r;
	struct stat st;
	int err;

	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode))
		return ERR_FORMAT;
	if (check_mode && ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0)))
		return ERR_MODE;
	err = secret_alloc(BUNDLE_MAX, &s);
	if (err == 0)
		err = read_all(fd, s);
	if (err < 0)
		return err;
	b = calloc(1, sizeof(*b));
	if (!b)
		return ERR_NOMEM;
	if (s->len < 8 + HASH_SIZE)
		return ERR_FORMAT;
	crypto_generichash(sum, sizeof(sum), s->data, s->len - HASH_SIZE, NULL, 0);
	if (memcmp(sum, s->data + s->len - HASH_SIZE, HASH_SIZE) != 0)
		return ERR_FORMAT;
	err = take_kind(s->data, &b->kind);
	if (err < 0)
		return err;
	r = dec_of(s->data + 8, s->len - 8 - HASH_SIZE);
	err = parse(&r, b);
	if (err < 0)
		return err;
	*out = b;
	b = NULL;
	return 0;
}

int bundle_open(const char *path, struct bundle **out)
{
	int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOENT : errno == ELOOP ? ERR_MODE : ERR_IO;
	r = bundle_read(fd, 1, out);
	close(fd);
	return r;
}
