/* SPDX-License-Identifier: ISC */
/*
 * Invariant 1: no altered byte is accepted.  Flip every bit of every file, truncate everywhere: what
 * is read is right, or it is an error.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "object.h"
#include "root.h"
#include "value.h"

/* --- a store in memory, one reader of each of its scopes --------------------------------------- */

#define RINGS 3

struct readers {
	struct keyring *rings[RINGS];
	struct floor floors[RINGS]; /* old ones, so that history is walked too */
	char *right[RINGS];
};

/* Old floors of everything, then more commits, versions, records. */
static void populate(struct fixture *f, struct readers *r)
{
	struct bundle *reader;

	*r = (struct readers){0};
	fixture_put(f, "alpha", "development", "token", "first value");
	fixture_put(f, "", "", "token", "organization's");
	reader = fixture_reader(f, "alpha", "development", NULL);
	for (int i = 0; i < 2; i++) {
		r->rings[i] = reader->rings[i ? 3 : 0];
		r->floors[i] = reader->floors[i ? 3 : 0];
		reader->rings[i ? 3 : 0] = NULL;
	}
	bundle_free(reader);
	ok(keyring_registry(f->root, &r->rings[2]));
	ok(floor_load(f->state, r->rings[2], &r->floors[2]));
	fixture_put(f, "alpha", "development", "group/1/key", "");
	fixture_put(f, "alpha", "development", "TOKEN", "second value");
	fixture_put(f, "", "", "another", "more");
	ok(registry_declare(f->b, f->root, f->state, "gamma", "staging"));
	for (int i = 0; i < RINGS; i++)
		ok(fixture_read(f->b, r->rings[i], &r->floors[i], &r->right[i]));
	assert_non_null(strstr(r->right[1], "second value"));
	assert_non_null(strstr(r->right[1], "first value"));
}

static void readers_fini(struct readers *r)
{
	for (int i = 0; i < RINGS; i++) {
		keyring_free(r->rings[i]);
		free(r->right[i]);
	}
}

/* The ring whose scope key belongs to. */
static int owner_of(const struct readers *r, const char *key)
{
	char hex[2 * SCOPE_ID_SIZE + 1];

	for (int i = 0; i < RINGS; i++) {
		sodium_bin2hex(hex, sizeof(hex), r->rings[i]->scope_id, SCOPE_ID_SIZE);
		if (strstr(key, hex))
			return i;
	}
	return -1;
}

/* Right or an error; true when it was an error. */
static bool right_or_refused(struct backend *b, struct readers *r, int i, const char *what,
			     const char *key)
{
	char *got = NULL;
	int e = fixture_read(b, r->rings[i], &r->floors[i], &got);

	if (e < 0)
		return true;
	if (strcmp(got, r->right[i]) != 0) {
		print_error("%s of %s was accepted:\n%s  instead of\n%s", what, key, got,
			    r->right[i]);
		fail();
	}
	free(got);
	return false;
}

/* Of a file that is read every alteration is refused.  Others (old pages, commits that a jump passes
 * over) do not count, and could hold anything. */
static void judge(bool read, size_t refusals, size_t n, const char *what, const char *key)
{
	if (refusals == (read ? n : 0))
		return;
	print_error("%s: %zu of %zu %ss were refused\n", key, refusals, n, what);
	fail();
}

/* Notes which files a right reading of everything reads. */
static void learn_what_is_read(struct fixture *f, struct readers *r)
{
	memory_forget(f->b);
	for (int i = 0; i < RINGS; i++)
		assert_false(right_or_refused(f->b, r, i, "nothing", "an unaltered store"));
}

static void every_bit_flipped(void **state)
{
	struct fixture *f = *state;
	struct readers r;
	size_t files = 0;

	populate(f, &r);
	learn_what_is_read(f, &r);
	for (size_t i = 0; i < memory_count(f->b); i++) {
		const char *key = memory_key(f->b, i);
		struct blob *file = memory_find(f->b, key);
		bool read = memory_was_read(f->b, key);
		/* One bit will do for what nobody reads. */
		size_t refusals = 0, bits = read ? 8 * file->len : 1;
		int owner = owner_of(&r, key);

		if (owner < 0) /* of the mount's two other, empty scopes */
			continue;
		for (size_t bit = 0; bit < bits; bit++) {
			file->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			refusals += right_or_refused(f->b, &r, owner, "a flipped bit", key);
			file->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		judge(read, refusals, bits, "flipped bit", key);
		files += read;
	}
	/* 3 refs, 3 tips, 3 pages, 7 values at the least, and commits on the way to the floors. */
	assert_in_range(files, 18, 30);
	readers_fini(&r);
}

static void every_length(void **state)
{
	struct fixture *f = *state;
	struct readers r;

	populate(f, &r);
	learn_what_is_read(f, &r);
	for (size_t i = 0; i < memory_count(f->b); i++) {
		const char *key = memory_key(f->b, i);
		struct blob *file = memory_find(f->b, key);
		size_t len = file->len, refusals = 0;
		int owner = owner_of(&r, key);

		if (owner < 0)
			continue;
		file->data = realloc(file->data, len + 40);
		assert_non_null(file->data);
		memset(file->data + len, 0, 40); /* longer ones end in zeros */
		for (file->len = 0; file->len < len + 40; file->len++)
			if (file->len != len)
				refusals += right_or_refused(f->b, &r, owner, "a length", key);
		file->len = len;
		judge(memory_was_read(f->b, key), refusals, len + 39, "length", key);
	}
	readers_fini(&r);
}

/* Every file in the place of every other. */
static void every_file_swapped(void **state)
{
	struct fixture *f = *state;
	struct backend *whole;
	struct readers r;

	populate(f, &r);
	whole = memory_copy(f->b);
	for (size_t i = 0; i < memory_count(whole); i++) {
		const char *key = memory_key(whole, i);
		int owner = owner_of(&r, key);
		const struct blob *own;

		for (size_t j = 0; owner >= 0 && j < memory_count(whole); j++) {
			const struct blob *other = memory_find(whole, memory_key(whole, j));

			if (i == j)
				continue;
			memory_set(f->b, key, other->data, other->len);
			right_or_refused(f->b, &r, owner, "another file", key);
		}
		own = memory_find(whole, key);
		memory_set(f->b, key, own->data, own->len);
	}
	backend_close(whole);
	readers_fini(&r);
}

static void every_file_gone(void **state)
{
	struct fixture *f = *state;
	struct backend *whole;
	struct readers r;

	populate(f, &r);
	whole = memory_copy(f->b);
	for (size_t i = 0; i < memory_count(whole); i++) {
		const char *key = memory_key(whole, i);
		int owner = owner_of(&r, key);

		memory_restore(f->b, whole);
		memory_remove(f->b, key);
		if (owner >= 0 && right_or_refused(f->b, &r, owner, "absence", key))
			continue;
		assert_true(strncmp(key, "refs/", 5) != 0 || owner < 0);
	}
	backend_close(whole);
	readers_fini(&r);
}

/* --- each layer alone --------------------------------------------------------------------------- */

/* Objects are found by their hash, so that the envelope below is never put to the test above. */
static void envelope_alone(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	struct blob body = {.data = (uint8_t *)"what is inside", .len = 14}, sealed;
	uint32_t gen;

	for (int kind = OBJECT_REF; kind <= OBJECT_FLOOR; kind++) {
		ok(object_seal(k, (enum object_kind)kind, 1, &body, &sealed));
		for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
			struct blob opened = {0};

			sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			refused(object_open(k, (enum object_kind)kind, &sealed, &opened, &gen));
			sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		/* Nor as another kind of thing. */
		for (int other = OBJECT_REF; other <= OBJECT_FLOOR; other++) {
			struct blob opened = {0};

			if (other != kind)
				fails(ERR_AUTH, object_open(k, (enum object_kind)other, &sealed,
							    &opened, &gen));
		}
		blob_free(&sealed);
	}
}

/* A holder of K_meta can open and re-make the envelope, but not alter the sealed value in it. */
static void value_alone(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	SECRET_CLEANUP struct secret *value = NULL;
	struct version v = {.set_epoch = 5, .gen = 1, .len = 5};
	struct blob sealed, body, again;
	uint32_t gen;

	ok(secret_from((const uint8_t *)"value", 5, &value));
	ok(value_seal(k, 1, 5, "name", value, &sealed, v.id));
	ok(object_open(k, OBJECT_VALUE, &sealed, &body, &gen));
	for (size_t bit = 0; bit < 8 * body.len; bit++) {
		struct secret *got = NULL;

		body.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ok(object_seal(k, OBJECT_VALUE, 1, &body, &again));
		fails(ERR_AUTH, value_open(k, &v, "name", &again, &got));
		blob_free(&again);
		body.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	blob_free(&body);
	blob_free(&sealed);
}

/* Padding is zero to the last byte, and as long as it has to be: no room for two spellings. */
static void padding_alone(void **state)
{
	struct fixture *f = *state;
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	const struct keyring_gen *g;
	uint8_t plain[512], ad[8 + STORE_ID_SIZE + SCOPE_ID_SIZE + 4], out[4 + 24 + 512 + 16] = {1};

	ok(keyring_at(k, 1, &g));
	memcpy(ad, "sfs1page", 8);
	memcpy(ad + 8, k->store_id, STORE_ID_SIZE);
	memcpy(ad + 8 + STORE_ID_SIZE, k->scope_id, SCOPE_ID_SIZE);
	memcpy(ad + sizeof(ad) - 4, "\1\0\0\0", 4);
	for (int bad = 0; bad < 6; bad++) {
		struct blob sealed = {.data = out}, opened = {0};
		size_t len = bad == 3 ? 512 : bad == 4 ? 255 : 256;
		unsigned long long made;
		uint32_t gen;

		memset(plain, 0, sizeof(plain));
		plain[0] = bad == 5 ? 253 : 10; /* u32 length */
		plain[3] = bad == 5 ? 0xff : 0;
		if (bad == 1)
			plain[255] = 1;
		if (bad == 2)
			plain[14] = 0x80;
		crypto_aead_xchacha20poly1305_ietf_encrypt(out + 28, &made, plain, len, ad,
							   sizeof(ad), NULL, out + 4, g->meta);
		sealed.len = 28 + (size_t)made;
		fixture_is(bad ? ERR_AUTH : 0, object_open(k, OBJECT_PAGE, &sealed, &opened, &gen),
			   bad ? "wrong padding" : "right padding", __FILE__, __LINE__);
		blob_free(&opened);
	}
}

/* --- files outside the store, and the store as a directory ---------------------------------------- */

static int open_bundle(struct fixture *f, const char *path)
{
	struct bundle *b = NULL;
	int r = bundle_open(path, &b);

	(void)f;
	bundle_free(b);
	return r;
}

static int open_root(struct fixture *f, const char *path)
{
	struct root *r = NULL;
	int e = root_open(path, NULL, &r);

	(void)f;
	if (e == 0)
		root_close(r);
	return e;
}

static int open_state(struct fixture *f, const char *path)
{
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
	struct floor floor = {0};

	(void)path;
	return floor_load(f->state, k, &floor);
}

/* Every flipped bit and every other length of the file at path is refused. */
static void open_file_altered(struct fixture *f, const char *path,
			      int (*open_it)(struct fixture *f, const char *path))
{
	struct blob whole = fixture_slurp(path);
	uint8_t *copy = malloc(whole.len + 40);

	assert_non_null(copy);
	memcpy(copy, whole.data, whole.len);
	memset(copy + whole.len, 0, 40);
	ok(open_it(f, path));
	for (size_t bit = 0; bit < 8 * whole.len; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		fixture_spit(path, copy, whole.len);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (open_it(f, path) == 0) {
			print_error("%s: bit %zu flipped was accepted\n", path, bit);
			fail();
		}
	}
	for (size_t len = 0; len < whole.len + 40; len++) {
		fixture_spit(path, copy, len);
		if (len != whole.len && open_it(f, path) == 0) {
			print_error("%s: length %zu was accepted\n", path, len);
			fail();
		}
	}
	fixture_spit(path, whole.data, whole.len);
	ok(open_it(f, path));
	free(copy);
	blob_free(&whole);
}

static void bundles(void **state)
{
	struct fixture *f = *state;
	const char *path;

	bundle_free(fixture_reader(f, "alpha", "development", &path));
	open_file_altered(f, path, open_bundle);
	bundle_free(fixture_writer(f, "alpha", "development", "ci", &path));
	open_file_altered(f, path, open_bundle);
}

static void root_slots_file(void **state)
{
	struct secret *code;
	struct root *root;

	ok(root_generate(&root));
	ok(root_add_file(root, "file"));
	ok(root_add_recovery(root, "recovery", &code));
	ok(root_save(root, "root.key", true));
	secret_free(code);
	root_close(root);
	open_file_altered(*state, "root.key", open_root);
}

static void state_path(void *arg, const char *path)
{
	snprintf(arg, 256, "%s", path);
}

static void state_file(void **state)
{
	struct fixture *f = *state;
	char path[256] = "";

	f->state = "other-state"; /* only one file in it */
	fixture_put(f, "alpha", "development", "token", "value");
	fixture_files(f->state, state_path, path);
	open_file_altered(f, path, open_state);
	f->state = "state";
}

struct on_disk {
	struct fixture *f;
	struct readers *r;
	size_t refusals;
};

static void altered_on_disk(void *arg, const char *path)
{
	struct on_disk *d = arg;
	struct blob whole = fixture_slurp(path);
	const size_t lengths[] = {0, 1, 4, 28, whole.len / 2, whole.len - 1, whole.len + 1};
	uint8_t *copy = calloc(1, whole.len + 1);
	int owner = owner_of(d->r, path);

	assert_non_null(copy);
	for (size_t i = 0; owner >= 0 && i < sizeof(lengths) / sizeof(*lengths); i++) {
		memcpy(copy, whole.data, whole.len);
		fixture_spit(path, copy, lengths[i]);
		d->refusals += right_or_refused(d->f->b, d->r, owner, "a length", path);
		copy[randombytes_uniform((uint32_t)whole.len)] ^= 0x10;
		fixture_spit(path, copy, whole.len);
		d->refusals += right_or_refused(d->f->b, d->r, owner, "a flipped bit", path);
	}
	fixture_spit(path, whole.data, whole.len);
	blob_free(&whole);
	free(copy);
}

/* The same through the directory backend, a few of each: it hands on what it finds. */
static void directory(void **state)
{
	struct fixture *f = *state;
	struct readers r;
	struct on_disk d = {.f = f, .r = &r};

	populate(f, &r);
	fixture_files("store", altered_on_disk, &d);
	assert_true(d.refusals > 100);
	for (int i = 0; i < RINGS; i++)
		assert_false(right_or_refused(f->b, &r, i, "nothing", "a store put right again"));
	readers_fini(&r);
}

/* What is no file at all. */
static void not_a_file(void **state)
{
	struct fixture *f = *state;
	char ref[BACKEND_KEY_SIZE], path[BACKEND_KEY_SIZE + 8];
	struct readers r;
	char *text;

	populate(f, &r);
	backend_ref_key(r.rings[1]->scope_id, ref);
	snprintf(path, sizeof(path), "store/%s", ref);
	assert_int_equal(rename(path, "saved"), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	fails(ERR_AUTH, fixture_read(f->b, r.rings[1], &r.floors[1], &text));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../../saved", path), 0);
	fails(ERR_AUTH, fixture_read(f->b, r.rings[1], &r.floors[1], &text));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	refused(fixture_read(f->b, r.rings[1], &r.floors[1], &text));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename("saved", path), 0);
	assert_false(right_or_refused(f->b, &r, 1, "nothing", "a store put right again"));
	readers_fini(&r);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)
#define on_disk(test) cmocka_unit_test_setup_teardown(test, fixture_directory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(every_bit_flipped),
		in_memory(every_length),
		in_memory(every_file_swapped),
		in_memory(every_file_gone),
		in_memory(envelope_alone),
		in_memory(value_alone),
		in_memory(padding_alone),
		in_memory(bundles),
		in_memory(root_slots_file),
		in_memory(state_file),
		on_disk(directory),
		on_disk(not_a_file),
	};

	return cmocka_run_group_tests_name("no altered byte is accepted", tests, NULL, NULL);
}
