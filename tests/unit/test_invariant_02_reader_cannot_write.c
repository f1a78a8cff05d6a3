/* SPDX-License-Identifier: ISC */
/*
 * Invariant 2: a reader cannot write.  It holds the real K_meta and may write the store's files, so
 * it can seal what it likes: here it does, with a key that nobody granted and with pieces of what
 * others have signed.  No honest reader takes any of it.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "value.h"

/* --- the forger ----------------------------------------------------------------------------------- */

struct forger {
	struct fixture *f;
	struct bundle *honest;	/* another mount of the same scopes */
	struct bundle *bundle;	/* the forger's own */
	struct keyring *ring;	/* of alpha+development, with a signing key of the forger's */
	struct backend *before; /* the store as it was */
	struct commit next;	/* follows the tip; to be spoilt */
};

static void forger_init(struct fixture *f, struct forger *x)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;

	*x = (struct forger){.f = f};
	fixture_put(f, "alpha", "development", "token", "true");
	x->honest = fixture_reader(f, "alpha", "development", NULL);
	x->bundle = fixture_reader(f, "alpha", "development", NULL);
	x->ring = fixture_self_made(x->bundle->rings[3]);
	x->before = memory_copy(f->b);
	ok(snapshot_open(f->b, x->ring, NULL, &tip));
	ok(commit_follow(f->b, x->ring, &tip->commit, &x->next));
}

static void forger_fini(struct forger *x)
{
	commit_fini(&x->next);
	keyring_free(x->ring);
	bundle_free(x->honest);
	bundle_free(x->bundle);
	backend_close(x->before);
}

/* Let commit_seal believe that the ring's key is granted; bytes are what goes into the commit. */
static void pretend_grant(struct grant *g, const struct keyring *k)
{
	g->writers = realloc(g->writers, (g->nwriters + 1) * sizeof(*g->writers));
	assert_non_null(g->writers);
	memset(&g->writers[g->nwriters], 0, sizeof(*g->writers));
	memcpy(g->writers[g->nwriters].pk, k->writer_pk, sizeof(k->writer_pk));
	memcpy(g->writers[g->nwriters++].name, "forger", 7);
}

static void put_object(struct forger *x, struct blob *sealed, uint8_t id[static HASH_SIZE])
{
	char key[BACKEND_KEY_SIZE];

	object_id(sealed, id);
	backend_object_key(x->ring->scope_id, id, key);
	memory_set(x->f->b, key, sealed->data, sealed->len);
	blob_free(sealed);
}

static void point_ref(struct forger *x, uint32_t gen, const uint8_t id[static HASH_SIZE])
{
	BLOB_CLEANUP struct blob ref = {0};
	char key[BACKEND_KEY_SIZE];

	ok(ref_seal(x->ring, gen, id, &ref));
	backend_ref_key(x->ring->scope_id, key);
	memory_set(x->f->b, key, ref.data, ref.len);
}

/* Sign and publish x->next with whatever keys ring has. */
static void publish(struct forger *x, struct keyring *ring)
{
	BLOB_CLEANUP struct blob sealed = {0};
	uint8_t id[HASH_SIZE];

	ok(commit_seal(ring, &x->next, &sealed));
	put_object(x, &sealed, id);
	point_ref(x, x->next.gen, id);
}

/* What the honest reader says of the store now; the store is put right again. */
static int verdict(struct forger *x)
{
	char *text = NULL;
	int r = fixture_read(x->f->b, x->honest->rings[3], &x->honest->floors[3], &text);

	free(text);
	memory_restore(x->f->b, x->before);
	return r;
}

/* --- with keys of its own --------------------------------------------------------------------------- */

static void the_library_declines(void **state)
{
	struct fixture *f = *state;
	struct forger x;
	struct floor none = {0};

	forger_init(f, &x);
	fails(ERR_DENIED, fixture_set(f->b, x.bundle->rings[3], &none, "token", "false", NULL));
	fails(ERR_DENIED, fixture_set(f->b, x.ring, &none, "token", "false", NULL));
	ok(verdict(&x));
	forger_fini(&x);
}

static void an_ungranted_key(void **state)
{
	struct forger x;

	forger_init(*state, &x);
	pretend_grant(&x.next.grant, x.ring);
	publish(&x, x.ring);
	fails(ERR_AUTH, verdict(&x));
	forger_fini(&x);
}

static void a_grant_signed_by_oneself(void **state)
{
	struct forger x;

	forger_init(*state, &x);
	crypto_sign_keypair(x.ring->root_pk, x.ring->root_sk);
	x.ring->has_root = true;
	pretend_grant(&x.next.grant, x.ring);
	x.next.grant.epoch++;
	ok(grant_sign(x.ring, &x.next.grant));
	publish(&x, x.ring);
	fails(ERR_AUTH, verdict(&x));
	forger_fini(&x);
}

static void a_grant_with_one_writer_more(void **state)
{
	struct forger x;
	struct blob *bytes;

	forger_init(*state, &x);
	pretend_grant(&x.next.grant, x.ring);
	/* The root's own key overwritten by the forger's, its signature left. */
	bytes = &x.next.grant.bytes;
	for (size_t i = 0; i + 32 <= bytes->len; i++)
		if (memcmp(bytes->data + i, x.ring->root_pk, 32) == 0)
			memcpy(bytes->data + i, x.ring->writer_pk, 32);
	publish(&x, x.ring);
	fails(ERR_AUTH, verdict(&x));
	forger_fini(&x);
}

static void another_writers_name_on_it(void **state)
{
	struct forger x;

	forger_init(*state, &x);
	memcpy(x.ring->writer_pk, x.ring->root_pk, sizeof(x.ring->writer_pk));
	publish(&x, x.ring); /* granted by name, signed by another key */
	fails(ERR_AUTH, verdict(&x));
	forger_fini(&x);
}

/* --- with what the root has signed, in another place ------------------------------------------------- */

static void replace_grant(struct forger *x, struct grant *g)
{
	grant_fini(&x->next.grant);
	x->next.grant = *g;
	*g = (struct grant){0};
}

static void the_grant_of_another_scope(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *beta = fixture_ring(f, "beta", "production");
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	const struct keyring_gen *g;
	struct grant grant;
	struct forger x;

	forger_init(f, &x);
	/* There the forger is a writer, by right. */
	fixture_put(f, "beta", "production", "token", "beta's");
	fixture_grant(f, "beta", "production", x.ring, "forger");
	ok(snapshot_open(f->b, beta, NULL, &tip));
	ok(grant_copy(&tip->commit.grant, &grant));
	replace_grant(&x, &grant);
	publish(&x, x.ring);
	fails(ERR_AUTH, verdict(&x));

	/* Even where both scopes had one key pair. */
	ok(keyring_at(x.ring, 1, &g));
	memcpy(beta->gens[0].pk, g->pk, sizeof(g->pk));
	memcpy(x.next.grant.pk, g->pk, sizeof(g->pk));
	ok(grant_sign(beta, &x.next.grant));
	publish(&x, x.ring);
	fails(ERR_AUTH, verdict(&x));
	forger_fini(&x);
}

static void the_grant_of_another_generation(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	const struct keyring_gen *one, *two;
	struct forger x;

	forger_init(f, &x);
	pretend_grant(&x.next.grant, x.ring);
	ok(keyring_at(admin, 2, &two));
	x.next.grant.gen = 2;
	memcpy(x.next.grant.pk, two->pk, sizeof(two->pk));
	ok(grant_sign(admin, &x.next.grant));
	publish(&x, x.ring); /* the commit is of generation 1 */
	fails(ERR_AUTH, verdict(&x));

	/* Nor with the right number and the other's public key, or the other way round. */
	x.next.grant.gen = 1;
	ok(grant_sign(admin, &x.next.grant));
	publish(&x, x.ring);
	fails(ERR_AUTH, verdict(&x));
	ok(keyring_at(admin, 1, &one));
	x.next.grant.gen = 2;
	memcpy(x.next.grant.pk, one->pk, sizeof(one->pk));
	ok(grant_sign(admin, &x.next.grant));
	publish(&x, x.ring);
	fails(ERR_AUTH, verdict(&x));

	/* With all of it right it would be a commit: the test forges well. */
	x.next.grant.gen = 1;
	x.next.grant.epoch++;
	ok(commit_sign_grant(admin, &x.next));
	publish(&x, x.ring);
	ok(verdict(&x));
	forger_fini(&x);
}

static void the_grant_of_another_store(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *admin = fixture_ring(f, "alpha", "development");
	struct forger x;

	forger_init(f, &x);
	pretend_grant(&x.next.grant, x.ring);
	admin->store_id[0] ^= 1;
	ok(grant_sign(admin, &x.next.grant));
	publish(&x, x.ring);
	fails(ERR_AUTH, verdict(&x));
	forger_fini(&x);
}

/* --- with what others have signed ----------------------------------------------------------------------- */

struct parts { /* of an opened commit */
	struct blob whole;
	size_t body; /* where the body begins; the grant is from 4 to there */
};

static struct parts take_apart(struct forger *x, const uint8_t id[static HASH_SIZE])
{
	struct parts p = {0};
	struct dec r;
	uint32_t gen;

	ok(object_get(x->f->b, x->ring, OBJECT_COMMIT, id, &p.whole, &gen));
	r = dec_of(p.whole.data, p.whole.len);
	p.body = 4 + (size_t)take_u32(&r);
	return p;
}

/* Publish bytes as the tip. */
static void publish_bytes(struct forger *x, const uint8_t *data, size_t len)
{
	struct blob body = {.data = (uint8_t *)data, .len = len}, sealed;
	uint8_t id[HASH_SIZE];

	ok(object_seal(x->ring, OBJECT_COMMIT, 1, &body, &sealed));
	put_object(x, &sealed, id);
	point_ref(x, 1, id);
}

static void publish_spliced(struct forger *x, const struct parts *grant, const struct parts *body)
{
	ENC_CLEANUP struct enc w = {0};

	put_bytes(&w, grant->whole.data, grant->body);
	put_bytes(&w, body->whole.data + body->body, body->whole.len - body->body);
	assert_false(w.failed);
	publish_bytes(x, w.data, w.len);
}

static void a_new_grant_on_an_old_body(void **state)
{
	struct fixture *f = *state;
	struct forger x;
	struct parts old, new;
	struct floor set, granted;

	forger_init(f, &x);
	set = fixture_put(f, "alpha", "development", "token", "old");
	granted = fixture_grant(f, "alpha", "development", x.ring, "other");
	backend_close(x.before);
	x.before = memory_copy(f->b);
	old = take_apart(&x, set.id);
	new = take_apart(&x, granted.id);

	publish_spliced(&x, &new, &old);
	fails(ERR_AUTH, verdict(&x));
	publish_spliced(&x, &old, &new);
	fails(ERR_AUTH, verdict(&x));
	publish_spliced(&x, &old, &old); /* the splicing itself is right, and it is only old */
	ok(verdict(&x));
	publish_spliced(&x, &old, &old);
	x.honest->floors[3] = granted;
	fails(ERR_STALE, verdict(&x));
	blob_free(&old.whole);
	blob_free(&new.whole);
	forger_fini(&x);
}

/* Every bit of a signed commit, resealed under the real key. */
static void every_bit_of_a_commit(void **state)
{
	struct fixture *f = *state;
	struct forger x;
	struct parts p;

	forger_init(f, &x);
	x.honest->floors[3] = (struct floor){0}; /* it is the signature that has to tell */
	p = take_apart(&x, x.bundle->floors[3].id);
	publish_bytes(&x, p.whole.data, p.whole.len);
	ok(verdict(&x));
	for (size_t bit = 0; bit < 8 * p.whole.len; bit++) {
		p.whole.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		publish_bytes(&x, p.whole.data, p.whole.len);
		p.whole.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		fails(ERR_AUTH, verdict(&x));
	}
	for (size_t len = 0; len < p.whole.len; len++) {
		publish_bytes(&x, p.whole.data, len);
		fails(ERR_AUTH, verdict(&x));
	}
	blob_free(&p.whole);
	forger_fini(&x);
}

/* The real commit with pages, values and refs of the forger's. */
static void another_page(void **state)
{
	struct fixture *f = *state;
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	SECRET_CLEANUP struct secret *lie = NULL;
	struct blob page, page_sealed, value;
	ENC_CLEANUP struct enc w = {0};
	char real[BACKEND_KEY_SIZE];
	uint8_t id[HASH_SIZE];
	struct record rec;
	struct forger x;
	struct parts p;

	forger_init(f, &x);
	ok(snapshot_open(f->b, x.ring, NULL, &tip));
	ok(snapshot_find(f->b, x.ring, tip, "token", &rec));
	ok(secret_from((const uint8_t *)"false", 5, &lie));
	ok(value_seal(x.ring, 1, 2, "token", lie, &value, rec.versions[0].id));
	rec.versions[0].len = 5;
	put_object(&x, &value, id);
	page_put(&w, &rec);
	ok(enc_finish(&w, &page));
	ok(object_seal(x.ring, OBJECT_PAGE, 1, &page, &page_sealed));

	/* In the place of the real page. */
	backend_object_key(x.ring->scope_id, tip->commit.pages[0].id, real);
	memory_set(f->b, real, page_sealed.data, page_sealed.len);
	fails(ERR_AUTH, verdict(&x));

	/* Named by the commit in its place. */
	p = take_apart(&x, tip->commit.id);
	put_object(&x, &page_sealed, id);
	for (size_t i = p.body; i + HASH_SIZE <= p.whole.len; i++)
		if (memcmp(p.whole.data + i, tip->commit.pages[0].id, HASH_SIZE) == 0)
			memcpy(p.whole.data + i, id, HASH_SIZE);
	publish_bytes(&x, p.whole.data, p.whole.len);
	fails(ERR_AUTH, verdict(&x));

	/* A value of its own in the place of the real one. */
	backend_object_key(x.ring->scope_id, rec.versions[0].id, real);
	ok(value_seal(x.ring, 1, 2, "token", lie, &value, id));
	ok(snapshot_find(f->b, x.ring, tip, "token", &rec));
	backend_object_key(x.ring->scope_id, rec.versions[0].id, real);
	memory_set(f->b, real, value.data, value.len);
	fails(ERR_AUTH, verdict(&x));
	blob_free(&value);
	blob_free(&page);
	blob_free(&p.whole);
	forger_fini(&x);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(the_library_declines),
		in_memory(an_ungranted_key),
		in_memory(a_grant_signed_by_oneself),
		in_memory(a_grant_with_one_writer_more),
		in_memory(another_writers_name_on_it),
		in_memory(the_grant_of_another_scope),
		in_memory(the_grant_of_another_generation),
		in_memory(the_grant_of_another_store),
		in_memory(a_new_grant_on_an_old_body),
		in_memory(every_bit_of_a_commit),
		in_memory(another_page),
	};

	return cmocka_run_group_tests_name("a reader cannot write", tests, NULL, NULL);
}
