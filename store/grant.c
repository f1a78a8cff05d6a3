/* SPDX-License-Identifier: ISC */
#include "grant.h"

#include <stdlib.h>
#include <string.h>

#define SIGNATURE crypto_sign_BYTES

void grant_fini(struct grant *g)
{
	free(g->writers);
	blob_free(&g->bytes);
	*g = (struct grant){0};
}

int grant_copy(const struct grant *from, struct grant *to)
{
	struct grant made = *from;

	made.writers = calloc(from->nwriters ? from->nwriters : 1, sizeof(*made.writers));
	made.bytes = (struct blob){.data = malloc(from->bytes.len ? from->bytes.len : 1),
				   .len = from->bytes.len};
	if (!made.writers || !made.bytes.data) {
		grant_fini(&made);
		return ERR_NOMEM;
	}
	memcpy(made.writers, from->writers, from->nwriters * sizeof(*made.writers));
	memcpy(made.bytes.data, from->bytes.data, from->bytes.len);
	*to = made;
	return 0;
}

static void take_hash(struct grant *g)
{
	crypto_generichash(g->hash, sizeof(g->hash), g->bytes.data, g->bytes.len, NULL, 0);
}

/* What the root signs; fields are the grant's own. */
static void put_message(struct enc *w, const struct keyring *k, const uint8_t *fields, size_t len)
{
	put_bytes(w, "sfs2grnt", 8);
	put_bytes(w, k->store_id, STORE_ID_SIZE);
	put_bytes(w, k->scope_id, SCOPE_ID_SIZE);
	put_bytes(w, fields, len);
}

static void put_fields(struct enc *w, const struct grant *g)
{
	put_u32(w, g->gen);
	put_bytes(w, g->pk, sizeof(g->pk));
	put_u64(w, g->epoch);
	put_bytes(w, g->after, sizeof(g->after));
	put_u8(w, g->flags);
	if (g->flags & GRANT_DISCONTINUITY) {
		put_bytes(w, g->base, sizeof(g->base));
		put_u64(w, g->base_epoch);
		put_u64(w, g->since);
	}
	put_u16(w, (uint16_t)g->nwriters);
	for (size_t i = 0; i < g->nwriters; i++) {
		put_bytes(w, g->writers[i].pk, sizeof(g->writers[i].pk));
		put_str8(w, g->writers[i].name);
	}
}

int grant_sign(const struct keyring *k, struct grant *g)
{
	ENC_CLEANUP struct enc fields = {0}, message = {0};
	struct blob bytes;
	uint8_t sig[SIGNATURE];
	int r;

	if (!k->has_root)
		return ERR_DENIED;
	if (g->nwriters > GRANT_WRITERS_MAX)
		return ERR_TOOBIG;
	put_fields(&fields, g);
	put_message(&message, k, fields.data, fields.len);
	if (fields.failed || message.failed)
		return ERR_NOMEM;
	crypto_sign_detached(sig, NULL, message.data, message.len, k->root_sk);
	put_bytes(&fields, sig, sizeof(sig));
	r = enc_finish(&fields, &bytes);
	if (r < 0)
		return r;
	blob_free(&g->bytes);
	g->bytes = bytes;
	take_hash(g);
	return 0;
}

static int parse(struct grant *g)
{
	struct dec r = dec_of(g->bytes.data, g->bytes.len - SIGNATURE);

	g->gen = take_u32(&r);
	take_copy(&r, g->pk, sizeof(g->pk));
	g->epoch = take_u64(&r);
	take_copy(&r, g->after, sizeof(g->after));
	g->flags = take_u8(&r);
	if (g->flags & GRANT_DISCONTINUITY) {
		take_copy(&r, g->base, sizeof(g->base));
		g->base_epoch = take_u64(&r);
		g->since = take_u64(&r);
	}
	g->nwriters = take_u16(&r);
	if (r.failed || g->flags & ~(GRANT_DISCONTINUITY | GRANT_ROTATING) ||
	    g->nwriters > GRANT_WRITERS_MAX)
		return ERR_AUTH;
	g->writers = calloc(g->nwriters ? g->nwriters : 1, sizeof(*g->writers));
	if (!g->writers)
		return ERR_NOMEM;
	for (size_t i = 0; i < g->nwriters; i++) {
		take_copy(&r, g->writers[i].pk, sizeof(g->writers[i].pk));
		take_str8(&r, g->writers[i].name, sizeof(g->writers[i].name));
	}
	return dec_done(&r) ? 0 : ERR_AUTH;
}

int grant_parse(const struct keyring *k, const uint8_t *bytes, size_t len, struct grant *out)
{
	ENC_CLEANUP struct enc message = {0};
	struct grant g = {0};
	int r;

	if (len < SIGNATURE)
		return ERR_AUTH;
	put_message(&message, k, bytes, len - SIGNATURE);
	if (message.failed)
		return ERR_NOMEM;
	if (crypto_sign_verify_detached(bytes + len - SIGNATURE, message.data, message.len,
					k->root_pk) != 0)
		return ERR_AUTH;
	g.bytes = (struct blob){.data = malloc(len), .len = len};
	if (!g.bytes.data)
		return ERR_NOMEM;
	memcpy(g.bytes.data, bytes, len);
	take_hash(&g);
	r = parse(&g);
	if (r < 0)
		grant_fini(&g);
	else
		*out = g;
	return r;
}

const struct grant_writer *grant_find(const struct grant *g, const uint8_t pk[static 32])
{
	for (size_t i = 0; i < g->nwriters; i++)
		if (memcmp(g->writers[i].pk, pk, sizeof(g->writers[i].pk)) == 0)
			return &g->writers[i];
	return NULL;
}

const struct grant_writer *grant_find_tag(const struct grant *g, const uint8_t tag[static 8])
{
	for (size_t i = 0; i < g->nwriters; i++)
		if (memcmp(g->writers[i].pk, tag, 8) == 0)
			return &g->writers[i];
	return NULL;
}
