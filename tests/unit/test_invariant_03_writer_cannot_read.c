/* SPDX-License-Identifier: ISC */
/*
 * Invariant 3: a writer cannot read.  Its bundle unseals nothing, and a sealed object copied to
 * another name, scope, generation or epoch opens for nobody.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "value.h"

/* --- the bundle ------------------------------------------------------------------------------------- */

struct opening {
	struct backend *b;
	struct keyring *ring;
	size_t tried;
};

static int open_versions(void *arg, const struct record *rec)
{
	struct opening *o = arg;

	for (unsigned i = 0; i < rec->nversions; i++, o->tried++) {
		SECRET_CLEANUP struct secret *s = NULL;

		fails(ERR_DENIED, value_get(o->b, o->ring, &rec->versions[i], rec->name, &s));
	}
	return 0;
}

static void its_bundle_unseals_nothing(void **state)
{
	struct fixture *f = *state;
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	BUNDLE_CLEANUP struct bundle *w = NULL;
	struct opening o = {.b = f->b};

	fixture_put(f, "alpha", "development", "before", "set before it was minted");
	w = fixture_writer(f, "alpha", "development", "ci", NULL);
	fixture_put(f, "alpha", "development", "after", "set after that");
	ok(fixture_set(f->b, w->rings[0], &w->floors[0], "its-own", "set by itself", NULL));
	ok(fixture_set(f->b, w->rings[0], &w->floors[0], "before", "replaced by itself", NULL));
	ok(snapshot_open(f->b, w->rings[0], &w->floors[0], &s));
	o.ring = w->rings[0];
	ok(snapshot_each(f->b, w->rings[0], s, open_versions, &o));
	assert_int_equal(o.tried, 4);
}

/* Not hidden in it either: no 32 bytes of the file are a secret key, a base or a root of anything. */
static void no_key_hides_in_its_file(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	const struct keyring_gen *g;
	struct blob file;
	const char *path;

	ok(keyring_at(admin, 1, &g));
	bundle_free(fixture_writer(f, "alpha", "development", "ci", &path));
	file = fixture_slurp(path);
	for (size_t i = 0; i + 32 <= file.len; i++) {
		const uint8_t *p = file.data + i;
		uint8_t pk[32], id[SCOPE_ID_SIZE], seed[32], sk[32];

		assert_int_equal(crypto_scalarmult_base(pk, p), 0);
		assert_memory_not_equal(pk, g->pk, sizeof(pk));
		crypto_kdf_derive_from_key(id, sizeof(id), 0, "sfs1scid", p); /* a base */
		assert_memory_not_equal(id, admin->scope_id, sizeof(id));
		crypto_kx_seed_keypair(pk, sk, p); /* the seed of the pair */
		assert_memory_not_equal(pk, g->pk, sizeof(pk));
		crypto_kdf_derive_from_key(seed, sizeof(seed), 1, "sfs1root", p); /* the root */
		crypto_sign_seed_keypair(pk, (uint8_t[64]){0}, seed);
		assert_memory_not_equal(pk, f->root->pk, sizeof(pk));
		crypto_sign_seed_keypair(pk, (uint8_t[64]){0}, p); /* the root's signing key */
		assert_memory_not_equal(pk, f->root->pk, sizeof(pk));
		assert_memory_not_equal(p, f->root->scopes, 32);
	}
	blob_free(&file);
}

/* A reader's bundle opens its scopes as they are, and holds nothing to write or widen them with. */
static void nor_in_a_readers(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	const struct keyring_gen *g;
	struct blob file;
	const char *path;
	size_t found = 0;

	ok(keyring_at(admin, 1, &g));
	bundle_free(fixture_reader(f, "alpha", "development", &path));
	file = fixture_slurp(path);
	for (size_t i = 0; i + 32 <= file.len; i++) {
		const uint8_t *p = file.data + i;
		uint8_t pk[32], id[SCOPE_ID_SIZE];

		found += memcmp(p, g->sk, 32) == 0;
		crypto_kdf_derive_from_key(id, sizeof(id), 0, "sfs1scid", p);
		assert_memory_not_equal(id, admin->scope_id, sizeof(id));
		crypto_sign_seed_keypair(pk, (uint8_t[64]){0}, p);
		assert_memory_not_equal(pk, f->root->pk, sizeof(pk));
		assert_memory_not_equal(p, f->root->scopes, 32);
	}
	assert_int_equal(found, 1); /* the search finds what is there */
	blob_free(&file);
}

/* Whoever seals knows what is sealed, but the session key serves that once: no two are alike. */
static void one_ephemeral_key_each(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "", "");
	SECRET_CLEANUP struct secret *value = NULL;
	uint8_t seen[64][32], id[HASH_SIZE];

	ok(secret_from((const uint8_t *)"same", 4, &value));
	for (size_t i = 0; i < 64; i++) {
		BLOB_CLEANUP struct blob sealed = {0}, body = {0};
		uint32_t gen;

		ok(value_seal(k, 1, 1, "same", value, &sealed, id));
		ok(object_open(k, OBJECT_VALUE, &sealed, &body, &gen));
		memcpy(seen[i], body.data, 32);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(seen[i], seen[j], 32);
	}
}

/* --- copies ------------------------------------------------------------------------------------------- */

/* Open body as a value of k, in a fresh envelope, as a holder of K_meta would wrap it. */
static int open_rewrapped(struct keyring *k, const struct version *v, const char *name,
			  const struct blob *body)
{
	BLOB_CLEANUP struct blob sealed = {0};
	SECRET_CLEANUP struct secret *s = NULL;

	ok(object_seal(k, OBJECT_VALUE, v->gen, body, &sealed));
	return value_open(k, v, name, &sealed, &s);
}

static struct keyring *same_keys(const struct keyring *k)
{
	struct keyring *made = NULL;

	ok(keyring_alloc(&made));
	memcpy(made, k, sizeof(*made));
	made->has_base = false;
	return made;
}

static void a_sealed_value_elsewhere(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	KEYRING_CLEANUP struct keyring *other = NULL;
	SECRET_CLEANUP struct secret *value = NULL;
	struct version v = {.set_epoch = 7, .gen = 1, .len = 5}, w;
	struct blob sealed, body;
	uint32_t gen;

	ok(secret_from((const uint8_t *)"value", 5, &value));
	ok(value_seal(k, 1, 7, "db/password", value, &sealed, v.id));
	ok(object_open(k, OBJECT_VALUE, &sealed, &body, &gen));
	ok(open_rewrapped(k, &v, "db/password", &body));
	ok(open_rewrapped(k, &v, "DB/Password", &body)); /* one name */

	/* To another name. */
	fails(ERR_AUTH, open_rewrapped(k, &v, "db/passwore", &body));
	fails(ERR_AUTH, open_rewrapped(k, &v, "db/passwor", &body));
	fails(ERR_AUTH, open_rewrapped(k, &v, "db/password2", &body));
	fails(ERR_AUTH, open_rewrapped(k, &v, "db", &body));
	fails(ERR_AUTH, open_rewrapped(k, &v, "dbpassword", &body));
	/* To another time. */
	w = v;
	w.set_epoch = 8;
	fails(ERR_AUTH, open_rewrapped(k, &w, "db/password", &body));
	/* Under another length. */
	w = v;
	w.len = 4;
	fails(ERR_AUTH, open_rewrapped(k, &w, "db/password", &body));
	w.len = 6;
	fails(ERR_AUTH, open_rewrapped(k, &w, "db/password", &body));

	/* To another scope, another store, another generation, be the keys the same. */
	other = same_keys(k);
	other->scope_id[15] ^= 1;
	fails(ERR_AUTH, open_rewrapped(other, &v, "db/password", &body));
	other->scope_id[15] ^= 1;
	other->store_id[0] ^= 1;
	fails(ERR_AUTH, open_rewrapped(other, &v, "db/password", &body));
	other->store_id[0] ^= 1;
	ok(open_rewrapped(other, &v, "db/password", &body));
	other->gens[0].gen = 2;
	w = v;
	w.gen = 2;
	fails(ERR_AUTH, open_rewrapped(other, &w, "db/password", &body));
	/* And with another key pair of course. */
	ok(keyring_at(k, 2, &(const struct keyring_gen *){0}));
	fails(ERR_AUTH, open_rewrapped(k, &w, "db/password", &body));
	blob_free(&body);
	blob_free(&sealed);
}

/* An envelope of one scope, store, generation or kind is not one of another, be the keys the same. */
static void an_object_elsewhere(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	KEYRING_CLEANUP struct keyring *other = NULL;
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	const enum object_kind kinds[] = {OBJECT_COMMIT, OBJECT_PAGE};
	const uint8_t *ids[2];

	fixture_put(f, "alpha", "development", "token", "value");
	ok(snapshot_open(f->b, k, NULL, &tip));
	ids[0] = tip->commit.id;
	ids[1] = tip->commit.pages[0].id;
	other = same_keys(k);
	for (int i = 0; i < 2; i++) {
		BLOB_CLEANUP struct blob sealed = {0}, body = {0};
		uint32_t gen;

		ok(object_fetch(f->b, k, ids[i], &sealed));
		ok(object_open(other, kinds[i], &sealed, &body, &gen));
		other->scope_id[0] ^= 1;
		fails(ERR_AUTH, object_open(other, kinds[i], &sealed, &body, &gen));
		other->scope_id[0] ^= 1;
		other->store_id[0] ^= 1;
		fails(ERR_AUTH, object_open(other, kinds[i], &sealed, &body, &gen));
		other->store_id[0] ^= 1;
		other->gens[1] = other->gens[0];
		other->gens[1].gen = 2;
		sealed.data[0] = 2; /* the clear generation */
		fails(ERR_AUTH, object_open(other, kinds[i], &sealed, &body, &gen));
	}
}

/* A signed commit, re-wrapped for a scope whose K_meta one holds too, is none of that scope's. */
static void a_commit_in_another_scope(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *alpha = fixture_ring(f, "alpha", "development");
	KEYRING_CLEANUP struct keyring *org = fixture_ring(f, "", "");
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	BLOB_CLEANUP struct blob body = {0}, sealed = {0}, ref = {0};
	struct floor from = fixture_put(f, "", "", "token", "organization's");
	char key[BACKEND_KEY_SIZE];
	uint8_t id[HASH_SIZE];
	uint32_t gen;

	fixture_put(f, "alpha", "development", "token", "alpha's");
	ok(object_get(f->b, org, OBJECT_COMMIT, from.id, &body, &gen));
	ok(object_seal(alpha, OBJECT_COMMIT, 1, &body, &sealed));
	object_id(&sealed, id);
	backend_object_key(alpha->scope_id, id, key);
	memory_set(f->b, key, sealed.data, sealed.len);
	ok(ref_seal(alpha, 1, id, &ref));
	backend_ref_key(alpha->scope_id, key);
	memory_set(f->b, key, ref.data, ref.len);
	fails(ERR_AUTH, snapshot_open(f->b, alpha, NULL, &tip));
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(its_bundle_unseals_nothing), in_memory(no_key_hides_in_its_file),
		in_memory(nor_in_a_readers),	       in_memory(one_ephemeral_key_each),
		in_memory(a_sealed_value_elsewhere),   in_memory(an_object_elsewhere),
		in_memory(a_commit_in_another_scope),
	};

	return cmocka_run_group_tests_name("a writer cannot read", tests, NULL, NULL);
}
