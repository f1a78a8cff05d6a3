/* SPDX-License-Identifier: ISC */
/*
 * The real code against tests/vectors/vectors.json, which was made without it from what
 * secretfs-store(5) says.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "backend.h"
#include "bundle.h"
#include "floor.h"
#include "keys.h"
#include "name.h"
#include "object.h"
#include "paths.h"
#include "recovery.h"
#include "root.h"
#include "snapshot.h"
#include "value.h"

#include "scratch.h"

static json_t *vectors;

/* --- reading the file -------------------------------------------------------------------------- */

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	assert_non_null(s);
	return s;
}

static uint64_t num(const json_t *o, const char *key)
{
	const json_t *n = json_object_get(o, key);

	assert_true(json_is_integer(n));
	return (uint64_t)json_integer_value(n);
}

static const json_t *list(const json_t *o, const char *key)
{
	const json_t *a = json_object_get(o, key);

	assert_true(json_is_array(a));
	assert_true(json_array_size(a) > 0);
	return a;
}

/* NULL past the end. */
static const json_t *item(const json_t *a, size_t i)
{
	return json_array_get(a, i);
}

static struct blob hex(const json_t *o, const char *key)
{
	const char *s = str(o, key);
	size_t len = strlen(s) / 2, got;
	struct blob b = {.data = malloc(len + 1), .len = len};

	assert_non_null(b.data);
	assert_int_equal(sodium_hex2bin(b.data, len + 1, s, strlen(s), NULL, &got, NULL), 0);
	assert_int_equal(got, len);
	return b;
}

static void assert_hex(const json_t *o, const char *key, const void *data, size_t len)
{
	BLOB_CLEANUP struct blob want = hex(o, key);

	assert_int_equal(want.len, len);
	assert_memory_equal(want.data, data, len);
}

static const json_t *store(void)
{
	return json_object_get(vectors, "store");
}

/* --- rings and the store on disk --------------------------------------------------------------- */

static struct root_keys *root_of_vectors(void)
{
	BLOB_CLEANUP struct blob root = hex(vectors, "root");
	struct root_keys *k;

	assert_int_equal(root.len, ROOT_SIZE);
	assert_int_equal(keys_open(root.data, &k), 0);
	return k;
}

static struct keyring *ring_of_store(void)
{
	KEYS_CLEANUP struct root_keys *root = root_of_vectors();
	struct keyring *k;
	struct scope s;

	assert_int_equal(scope_set(&s, str(store(), "project"), str(store(), "domain")), 0);
	assert_int_equal(keyring_from_root(root, &s, &k), 0);
	return k;
}

static struct backend *lay_out_store(const struct keyring *k)
{
	BLOB_CLEANUP struct blob ref = hex(json_object_get(store(), "ref"), "sealed");
	char key[BACKEND_KEY_SIZE];
	struct backend *b;
	const json_t *o;

	assert_int_equal(backend_dir_open("store", 1, &b), 0);
	for (size_t i = 0; (o = item(list(store(), "objects"), i)); i++) {
		BLOB_CLEANUP struct blob id = hex(o, "id"), sealed = hex(o, "sealed");
		struct backend_item put = {key, sealed.data, sealed.len};

		backend_object_key(k->scope_id, id.data, key);
		assert_int_equal(b->ops->put(b, &put, 1), 0);
	}
	backend_ref_key(k->scope_id, key);
	assert_int_equal(b->ops->swap(b, key, NULL, &ref), 0);
	return b;
}

static enum object_kind kind_of(const json_t *o)
{
	const char *kind = str(o, "kind");

	if (strcmp(kind, "commit") == 0)
		return OBJECT_COMMIT;
	if (strcmp(kind, "page") == 0)
		return OBJECT_PAGE;
	assert_string_equal(kind, "value");
	return OBJECT_VALUE;
}

/* --- keys ---------------------------------------------------------------------------------------- */

static void check_ring(const json_t *o, struct keyring *k)
{
	const json_t *g;

	assert_hex(o, "base", k->base, sizeof(k->base));
	assert_hex(o, "scope_id", k->scope_id, SCOPE_ID_SIZE);
	for (size_t i = 0; (g = item(list(o, "generations"), i)); i++) {
		const struct keyring_gen *gen;

		assert_int_equal(keyring_at(k, (uint32_t)num(g, "gen"), &gen), 0);
		assert_hex(g, "K_meta", gen->meta, sizeof(gen->meta));
		assert_hex(g, "sk", gen->sk, sizeof(gen->sk));
		assert_hex(g, "pk", gen->pk, sizeof(gen->pk));
	}
}

static void test_root_keys(void **state)
{
	KEYS_CLEANUP struct root_keys *root = root_of_vectors();

	(void)state;
	assert_hex(vectors, "root_pk", root->pk, sizeof(root->pk));
	assert_hex(vectors, "store_id", root->store_id, STORE_ID_SIZE);
	assert_hex(vectors, "K", root->scopes, sizeof(root->scopes));
	assert_hex(vectors, "K_reg", root->registry, sizeof(root->registry));
	assert_hex(vectors, "K_slots", root->slots, sizeof(root->slots));
}

static void test_scope_keys(void **state)
{
	KEYS_CLEANUP struct root_keys *root = root_of_vectors();
	const json_t *o;

	(void)state;
	assert_int_equal(json_array_size(list(vectors, "scopes")), SCOPE_LEVELS);
	for (size_t i = 0; (o = item(list(vectors, "scopes"), i)); i++) {
		KEYRING_CLEANUP struct keyring *k = NULL;
		struct scope s;

		assert_int_equal(scope_set(&s, str(o, "project"), str(o, "domain")), 0);
		assert_int_equal(keyring_from_root(root, &s, &k), 0);
		check_ring(o, k);
	}
}

static void test_registry_keys(void **state)
{
	KEYS_CLEANUP struct root_keys *root = root_of_vectors();
	KEYRING_CLEANUP struct keyring *k = NULL;

	(void)state;
	assert_int_equal(keyring_registry(root, &k), 0);
	check_ring(json_object_get(vectors, "registry"), k);
}

/* --- small rules --------------------------------------------------------------------------------- */

static void test_padding(void **state)
{
	const json_t *o;

	(void)state;
	for (size_t i = 0; (o = item(list(vectors, "padded"), i)); i++) {
		size_t len = (size_t)json_integer_value(json_array_get(o, 0));
		size_t want = (size_t)json_integer_value(json_array_get(o, 1));

		assert_int_equal(object_padded(len), want);
	}
}

static void test_name_order(void **state)
{
	const json_t *names = list(vectors, "name_order");

	(void)state;
	for (size_t i = 1; i < json_array_size(names); i++) {
		const char *a = json_string_value(json_array_get(names, i - 1));
		const char *b = json_string_value(json_array_get(names, i));

		assert_true(name_cmp(a, b) < 0);
		assert_true(name_cmp(b, a) > 0);
	}
}

/* --- sealed things ------------------------------------------------------------------------------- */

static void check_envelope(struct keyring *k, enum object_kind kind, const json_t *o)
{
	BLOB_CLEANUP struct blob sealed = hex(o, "sealed"), body = {0}, none = {0};
	uint32_t gen;

	assert_int_equal(object_open(k, kind, &sealed, &body, &gen), 0);
	assert_int_equal(gen, num(o, "gen"));
	assert_hex(o, "body", body.data, body.len);
	for (int other = OBJECT_REF; other <= OBJECT_FLOOR; other++)
		if (other != (int)kind)
			assert_int_equal(
				object_open(k, (enum object_kind)other, &sealed, &none, &gen),
				ERR_AUTH);
}

static void test_envelopes(void **state)
{
	KEYRING_CLEANUP struct keyring *k = ring_of_store();
	const json_t *o;

	(void)state;
	check_envelope(k, OBJECT_REF, json_object_get(store(), "ref"));
	check_envelope(k, OBJECT_FLOOR, json_object_get(store(), "floor"));
	for (size_t i = 0; (o = item(list(store(), "objects"), i)); i++) {
		BLOB_CLEANUP struct blob sealed = hex(o, "sealed");
		uint8_t id[HASH_SIZE];

		object_id(&sealed, id);
		assert_hex(o, "id", id, sizeof(id));
		check_envelope(k, kind_of(o), o);
	}
}

static void test_values(void **state)
{
	KEYRING_CLEANUP struct keyring *k = ring_of_store();
	const json_t *o;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; (o = item(list(store(), "objects"), i)); i++) {
		SECRET_CLEANUP struct secret *value = NULL;
		BLOB_CLEANUP struct blob sealed = hex(o, "sealed");
		struct version v = {0};

		if (kind_of(o) != OBJECT_VALUE)
			continue;
		n++;
		v.gen = (uint32_t)num(o, "gen");
		v.set_epoch = num(o, "set_epoch");
		v.len = (uint32_t)strlen(str(o, "value")) / 2;
		assert_int_equal(value_open(k, &v, str(o, "name"), &sealed, &value), 0);
		assert_hex(o, "value", value->data, value->len);
		secret_free(value);
		value = NULL;
		assert_int_equal(value_open(k, &v, "other", &sealed, &value), ERR_AUTH);
		v.set_epoch++;
		assert_int_equal(value_open(k, &v, str(o, "name"), &sealed, &value), ERR_AUTH);
	}
	assert_int_equal(n, 6);
}

static void check_latest(struct backend *b, struct keyring *k, struct snapshot *s, const json_t *o)
{
	SECRET_CLEANUP struct secret *value = NULL;
	static struct record rec;

	assert_int_equal(snapshot_find(b, k, s, str(o, "name"), &rec), 0);
	assert_string_equal(rec.name, str(o, "name"));
	assert_string_equal(record_type_str(rec.type), str(o, "type"));
	assert_string_equal(rec.env, str(o, "env"));
	assert_int_equal(rec.expires, num(o, "expires"));
	assert_int_equal(rec.nversions, num(o, "versions"));
	assert_int_equal(value_get(b, k, &rec.versions[0], rec.name, &value), 0);
	assert_hex(o, "value", value->data, value->len);
}

static void check_snapshot(struct backend *b, struct keyring *k, const struct floor *f)
{
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	const json_t *o;

	assert_int_equal(snapshot_open(b, k, f, &s), 0);
	assert_hex(json_object_get(store(), "ref"), "body", s->commit.id, HASH_SIZE);
	assert_int_equal(s->commit.epoch, 6);
	assert_int_equal(s->commit.gen, 2);
	assert_int_equal(s->commit.jump_epoch, 5);
	assert_int_equal(s->commit.nretired, 4);
	assert_int_equal(s->commit.grant.epoch, 4);
	assert_int_equal(s->commit.grant.nwriters, 2);
	assert_memory_equal(s->commit.writer, k->root_pk, sizeof(k->root_pk));
	assert_string_equal(s->commit.grant.writers[1].name, "ci");
	assert_int_equal(snapshot_load(b, k, s, NULL), 0);
	assert_int_equal(snapshot_complete(b, k, s, NULL), 0);
	for (size_t i = 0; (o = item(list(store(), "latest"), i)); i++)
		check_latest(b, k, s, o);
}

static void write_state(const struct keyring *k)
{
	BLOB_CLEANUP struct blob sealed = hex(json_object_get(store(), "floor"), "sealed");
	char path[160], *dir;

	assert_int_equal(floor_prepare("state", k, &dir), 0);
	snprintf(path, sizeof(path), "%s/floor", dir);
	assert_int_equal(paths_write(path, sealed.data, sealed.len, 0600, false), 0);
	free(dir);
}

static void check_grant_hash(const struct floor *f)
{
	BLOB_CLEANUP struct blob grant = hex(store(), "grant2");
	uint8_t hash[HASH_SIZE];

	crypto_generichash(hash, sizeof(hash), grant.data, grant.len, NULL, 0);
	assert_memory_equal(f->grant, hash, HASH_SIZE);
}

static void test_store(void **state)
{
	KEYRING_CLEANUP struct keyring *k = ring_of_store();
	BACKEND_CLEANUP struct backend *b = NULL;
	struct floor f = {0};

	(void)state;
	scratch_enter();
	b = lay_out_store(k);
	write_state(k);
	check_snapshot(b, k, NULL);
	assert_int_equal(floor_load("state", k, &f), 0);
	assert_int_equal(f.epoch, 2);
	assert_int_equal(f.grant_epoch, 2);
	check_grant_hash(&f);
	check_snapshot(b, k, &f);
	scratch_leave();
}

/* --- capabilities and the root -------------------------------------------------------------------- */

static struct bundle *read_bundle(const char *which)
{
	BLOB_CLEANUP struct blob bytes = hex(json_object_get(vectors, "bundles"), which);
	struct bundle *out;
	int fd = memfd_create("bundle", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.data, bytes.len), bytes.len);
	assert_int_equal(bundle_read(fd, 0, &out), 0);
	close(fd);
	return out;
}

static void test_reader_bundle(void **state)
{
	BUNDLE_CLEANUP struct bundle *bundle = read_bundle("reader");
	KEYRING_CLEANUP struct keyring *admin = ring_of_store();
	BACKEND_CLEANUP struct backend *b = NULL;

	(void)state;
	assert_int_equal(bundle->kind, BUNDLE_READER);
	assert_int_equal(bundle->n, SCOPE_LEVELS);
	scratch_enter();
	b = lay_out_store(admin);
	check_snapshot(b, bundle->rings[3], &bundle->floors[3]);
	assert_int_equal(bundle->rings[3]->gens[1].gen, 1);
	scratch_leave();
}

static void test_writer_bundle(void **state)
{
	BUNDLE_CLEANUP struct bundle *bundle = read_bundle("writer");
	KEYRING_CLEANUP struct keyring *admin = ring_of_store();
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	BACKEND_CLEANUP struct backend *b = NULL;
	SECRET_CLEANUP struct secret *value = NULL;
	static struct record rec;

	(void)state;
	assert_int_equal(bundle->kind, BUNDLE_WRITER);
	assert_string_equal(bundle->name, "ci");
	scratch_enter();
	b = lay_out_store(admin);
	assert_int_equal(snapshot_open(b, bundle->rings[0], &bundle->floors[0], &s), 0);
	assert_non_null(grant_find(&s->commit.grant, bundle->rings[0]->writer_pk));
	assert_int_equal(snapshot_find(b, bundle->rings[0], s, "token", &rec), 0);
	assert_int_equal(value_get(b, bundle->rings[0], &rec.versions[0], rec.name, &value),
			 ERR_DENIED);
	scratch_leave();
}

static void check_root_opens(const struct secret *phrase)
{
	KEYS_CLEANUP struct root_keys *keys = NULL;
	struct root *r;

	assert_int_equal(root_open("root.key", phrase, &r), 0);
	assert_int_equal(root_slots(r), 3);
	assert_int_equal(root_keys(r, &keys), 0);
	assert_hex(vectors, "root_pk", keys->pk, sizeof(keys->pk));
	root_close(r);
}

static void test_slots(void **state)
{
	const json_t *o = json_object_get(vectors, "slots");
	BLOB_CLEANUP struct blob table = hex(o, "table");
	SECRET_CLEANUP struct secret *phrase = NULL, *typed = NULL, *again = NULL;
	const char *code = str(o, "code");
	uint8_t seed[RECOVERY_SEED_SIZE];

	(void)state;
	scratch_enter();
	assert_int_equal(paths_write("root.key", table.data, table.len, 0400, true), 0);
	check_root_opens(NULL);
	assert_int_equal(secret_from((const uint8_t *)str(o, "passphrase"),
				     strlen(str(o, "passphrase")), &phrase),
			 0);
	check_root_opens(phrase);
	assert_int_equal(secret_from((const uint8_t *)code, strlen(code), &typed), 0);
	check_root_opens(typed);
	assert_int_equal(recovery_decode(typed, seed), 0);
	assert_int_equal(recovery_encode(seed, &again), 0);
	assert_string_equal((const char *)again->data, code);
	scratch_leave();
}

static int load(void **state)
{
	json_error_t e;

	(void)state;
	vectors = json_load_file("tests/vectors/vectors.json", 0, &e);
	if (!vectors)
		print_error("%s:%d: %s\n", e.source, e.line, e.text);
	return vectors && sodium_init() >= 0 ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_keys),     cmocka_unit_test(test_scope_keys),
		cmocka_unit_test(test_registry_keys), cmocka_unit_test(test_padding),
		cmocka_unit_test(test_name_order),    cmocka_unit_test(test_envelopes),
		cmocka_unit_test(test_values),	      cmocka_unit_test(test_store),
		cmocka_unit_test(test_reader_bundle), cmocka_unit_test(test_writer_bundle),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
