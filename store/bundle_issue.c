/* SPDX-License-Identifier: ISC */
/* Minting of bundles: the part of bundle.h that holds the root and reads the store. */
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "bundle.h"

/* The admin's snapshot of a scope, made if it was never there. */
static int open_or_create(struct backend *b, struct keyring *k, const char *state_dir,
			  struct snapshot **out)
{
	struct apply_result result;
	struct floor floor = {0};
	int r = state_dir ? floor_load(state_dir, k, &floor) : 0;

	if (r != 0)
		return r;
	r = snapshot_open_judged(b, k, &floor, out);
	if (r != ERR_NOENT)
		return r;
	r = apply_genesis(b, k, &result);
	if (r < 0 && r != ERR_EXIST)
		return r;
	return snapshot_open_judged(b, k, &floor, out);
}

/* ring gets what a bundle of that kind may hold of admin's keys, at the commit's generation. */
static int hand_over(struct keyring *admin, const struct commit *c, enum bundle_kind kind,
		     struct keyring **out)
{
	/* While a rotation is under way the coming generation too, newest first. */
	uint32_t newest = c->gen + ((c->grant.flags & GRANT_ROTATING) ? 1 : 0);
	const struct keyring_gen *g;
	struct keyring *k;
	int r = keyring_alloc(&k);

	for (uint32_t gen = newest; r == 0 && gen >= c->gen; gen--) {
		r = keyring_at(admin, gen, &g);
		if (r != 0) {
			keyring_free(k);
			return r;
		}
		k->gens[newest - gen] = *g;
		if (kind == BUNDLE_WRITER) {
			sodium_memzero(k->gens[newest - gen].sk, sizeof(g->sk));
			k->gens[newest - gen].has_sk = false;
		}
	}
	if (r != 0)
		return r;
	memcpy(k->root_pk, admin->root_pk, sizeof(k->root_pk));
	memcpy(k->store_id, admin->store_id, sizeof(k->store_id));
	memcpy(k->scope_id, admin->scope_id, sizeof(k->scope_id));
	k->scope = admin->scope;
	*out = k;
	return 0;
}

/* writer_pk: to be granted, or NULL. */
static int mint_ring(struct backend *b, const struct root_keys *root, const char *state_dir,
		     const struct scope *s, const uint8_t *writer_pk, struct bundle *bundle)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	KEYRING_CLEANUP struct keyring *admin = NULL;
	int r = keyring_from_root(root, s, &admin);

	if (r == 0)
		r = open_or_create(b, admin, state_dir, &snap);
	if (r == 0 && writer_pk && !grant_find(&snap->commit.grant, writer_pk))
		r = ERR_DENIED;
	if (r == 0)
		r = hand_over(admin, &snap->commit, bundle->kind, &bundle->rings[bundle->n]);
	if (r != 0)
		return r;
	bundle->floors[bundle->n] = floor_of(&snap->commit);
	bundle->n++;
	return state_dir ? floor_store(state_dir, admin, &bundle->floors[bundle->n - 1]) : 0;
}

int bundle_mint_reader(struct backend *b, const struct root_keys *root, const char *state_dir,
		       const struct scope *s, struct bundle **out)
{
	BUNDLE_CLEANUP struct bundle *bundle = NULL;
	enum scope_level top = scope_level(s);

	if (top != SCOPE_ORGANIZATION && top != SCOPE_PROJECT_DOMAIN)
		return ERR_INVAL;
	bundle = calloc(1, sizeof(*bundle));
	if (!bundle)
		return ERR_NOMEM;
	bundle->kind = BUNDLE_READER;
	bundle->scope = *s;
	for (int level = 0; level <= (int)top; level++) {
		struct scope at = scope_at(s, (enum scope_level)level);
		int r = mint_ring(b, root, state_dir, &at, NULL, bundle);

		if (r < 0)
			return r;
	}
	*out = bundle;
	bundle = NULL;
	return 0;
}

static int grant_new(struct backend *b, struct keyring *admin, const char *state_dir, bool replace,
		     struct bundle *bundle)
{
	struct grant_writer w = {0};
	struct apply_result result;
	struct apply_options opt = {0};
	struct floor floor = {0};
	struct keyring *k = bundle->rings[0];
	int r = state_dir ? floor_load(state_dir, admin, &floor) : 0;

	if (r != 0)
		return r;
	crypto_sign_keypair(k->writer_pk, k->writer_sk);
	k->has_writer = true;
	memcpy(w.pk, k->writer_pk, sizeof(w.pk));
	memcpy(w.name, bundle->name, sizeof(w.name));
	opt.floor = &floor;
	r = replace ? apply_regrant(b, admin, &opt, &w, &result)
		    : apply_grant(b, admin, &opt, &w, false, &result);
	/* The floor is the commit that grants it: this writer never signs on anything older. */
	if (r == 0)
		bundle->floors[0] = result.floor;
	return r;
}

static int mint_writer(struct backend *b, const struct root_keys *root, const char *state_dir,
		       const struct scope *s, const char *name, bool replace, struct bundle **out)
{
	KEYRING_CLEANUP struct keyring *admin = NULL;
	BUNDLE_CLEANUP struct bundle *bundle = calloc(1, sizeof(*bundle));
	int r;

	if (!bundle)
		return ERR_NOMEM;
	if (name_check_component(name, WRITER_NAME_MAX) < 0)
		return ERR_NAME;
	bundle->kind = BUNDLE_WRITER;
	bundle->scope = *s;
	memcpy(bundle->name, name, strlen(name) + 1);
	r = mint_ring(b, root, state_dir, s, NULL, bundle);
	if (r == 0)
		r = keyring_from_root(root, s, &admin);
	if (r == 0)
		r = grant_new(b, admin, state_dir, replace, bundle);
	if (r == 0 && state_dir)
		r = floor_store(state_dir, admin, &bundle->floors[0]);
	if (r != 0)
		return r;
	*out = bundle;
	bundle = NULL;
	return 0;
}

int bundle_mint_writer(struct backend *b, const struct root_keys *root, const char *state_dir,
		       const struct scope *s, const char *name, struct bundle **out)
{
	return mint_writer(b, root, state_dir, s, name, false, out);
}

int bundle_rotate_writer(struct backend *b, const struct root_keys *root, const char *state_dir,
			 const struct scope *s, const char *name, struct bundle **out)
{
	return mint_writer(b, root, state_dir, s, name, true, out);
}

static int remint_writer(struct backend *b, const struct root_keys *root, const char *state_dir,
			 const struct bundle *old, struct bundle **out)
{
	BUNDLE_CLEANUP struct bundle *bundle = calloc(1, sizeof(*bundle));
	const struct keyring *from = old->rings[0];
	struct keyring *to;
	int r;

	if (!bundle)
		return ERR_NOMEM;
	bundle->kind = BUNDLE_WRITER;
	bundle->scope = old->scope;
	memcpy(bundle->name, old->name, sizeof(bundle->name));
	r = mint_ring(b, root, state_dir, &old->scope, from->writer_pk, bundle);
	to = bundle->rings[0];
	if (r < 0 || !to)
		return r < 0 ? r : ERR_INVAL;
	memcpy(to->writer_pk, from->writer_pk, sizeof(to->writer_pk));
	memcpy(to->writer_sk, from->writer_sk, sizeof(to->writer_sk));
	to->has_writer = true;
	*out = bundle;
	bundle = NULL;
	return 0;
}

int bundle_remint(struct backend *b, const struct root_keys *root, const char *state_dir,
		  const struct bundle *old, struct bundle **out)
{
	if (memcmp(old->rings[0]->root_pk, root->pk, sizeof(root->pk)) != 0)
		return ERR_INVAL;
	if (old->kind == BUNDLE_READER)
		return bundle_mint_reader(b, root, state_dir, &old->scope, out);
	return remint_writer(b, root, state_dir, old, out);
}
