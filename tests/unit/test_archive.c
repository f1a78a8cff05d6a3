/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "scratch.h"

static uint8_t pk[ARCHIVE_KEY_SIZE], sk[ARCHIVE_KEY_SIZE];
static struct root_keys *sender;

static int enter(void **state)
{
	(void)state;
	scratch_enter();
	assert_true(sodium_init() >= 0);
	assert_int_equal(keys_open((const uint8_t[ROOT_SIZE]){1}, &sender), 0);
	return crypto_box_keypair(pk, sk);
}

static int leave(void **state)
{
	(void)state;
	keys_close(sender);
	scratch_leave();
	return 0;
}

static struct secret *text(const char *s)
{
	struct secret *v;

	assert_int_equal(secret_from((const uint8_t *)s, strlen(s), &v), 0);
	return v;
}

static void write_one(const char *path, const struct secret *phrase, const uint8_t *key)
{
	SECRET_CLEANUP struct secret *value = text("the value");
	struct archive_item declared = {.what = ARCHIVE_DECLARED, .scope = {.project = "p"}};
	struct archive_item scope = {.what = ARCHIVE_SCOPE,
				     .scope = {.project = "p", .domain = "d"}};
	struct archive_item secret = {.what = ARCHIVE_SECRET,
				      .secret = {.name = "group/Key",
						 .type = RECORD_JSON,
						 .env = "GROUP_KEY",
						 .expires = 7,
						 .created = 8,
						 .nversions = 1}};
	struct archive_item version = {.what = ARCHIVE_VERSION,
				       .version = {.time = 9, .writer = "writer8"},
				       .value = value};
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct archive *a;

	assert_true(fd >= 0);
	assert_int_equal(archive_create(fd, phrase, key, &a), 0);
	assert_int_equal(archive_put(a, &declared), 0);
	assert_int_equal(archive_put(a, &scope), 0);
	assert_int_equal(archive_put(a, &secret), 0);
	assert_int_equal(archive_put(a, &version), 0);
	assert_int_equal(archive_finish(a, sender), 0);
	archive_close(a);
	close(fd);
}

/* Reads to the end; the first error, or 0 with every field as written. */
static int read_one(const char *path, const struct secret *phrase, const uint8_t *key)
{
	static const enum archive_what order[] = {ARCHIVE_DECLARED, ARCHIVE_SCOPE, ARCHIVE_SECRET,
						  ARCHIVE_VERSION, ARCHIVE_END};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct archive *a = NULL;
	int r = archive_open(fd, phrase, key, &a);

	for (size_t i = 0; r == 0 && i < sizeof(order) / sizeof(order[0]); i++) {
		struct archive_item item;

		r = archive_next(a, &item);
		if (r < 0)
			break;
		assert_int_equal(item.what, order[i]);
		if (item.what == ARCHIVE_SCOPE)
			assert_string_equal(item.scope.domain, "d");
		if (item.what == ARCHIVE_SECRET) {
			assert_string_equal(item.secret.name, "group/Key");
			assert_string_equal(item.secret.env, "GROUP_KEY");
			assert_int_equal(item.secret.type, RECORD_JSON);
			assert_int_equal(item.secret.expires, 7);
			assert_int_equal(item.secret.created, 8);
		}
		if (item.what == ARCHIVE_VERSION) {
			assert_int_equal(item.version.time, 9);
			assert_int_equal(item.value->len, 9);
			assert_memory_equal(item.value->data, "the value", 9);
			secret_free(item.value);
		}
		if (item.what == ARCHIVE_END) {
			assert_memory_equal(item.from, sender->pk, sizeof(item.from));
			assert_int_equal(archive_next(a, &item), ERR_NOENT);
		}
	}
	archive_close(a);
	close(fd);
	return r;
}

static void to_a_public_key(void **state)
{
	uint8_t other[ARCHIVE_KEY_SIZE];
	bool phrase;
	int fd;

	(void)state;
	write_one("a", NULL, pk);
	assert_int_equal(read_one("a", NULL, sk), 0);
	randombytes_buf(other, sizeof(other));
	assert_int_equal(read_one("a", NULL, other), ERR_PASSPHRASE);
	fd = open("a", O_RDONLY | O_CLOEXEC);
	assert_int_equal(archive_wants_phrase(fd, &phrase), 0);
	assert_false(phrase);
	close(fd);
}

static void to_a_passphrase(void **state)
{
	SECRET_CLEANUP struct secret *right = text("correct horse"), *wrong = text("battery");

	(void)state;
	write_one("a", right, NULL);
	assert_int_equal(read_one("a", right, NULL), 0);
	assert_int_equal(read_one("a", wrong, NULL), ERR_PASSPHRASE);
	assert_int_equal(read_one("a", NULL, sk), ERR_PASSPHRASE);
}

static void rewrite(const uint8_t *data, size_t len)
{
	int fd = open("b", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void no_altered_bit_is_accepted(void **state)
{
	uint8_t data[2048];
	ssize_t got;
	size_t len;
	int fd;

	(void)state;
	write_one("a", NULL, pk);
	fd = open("a", O_RDONLY | O_CLOEXEC);
	got = read(fd, data, sizeof(data) - 1);
	close(fd);
	assert_true(got > 0 && (size_t)got < sizeof(data) - 1);
	len = (size_t)got;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		rewrite(data, len);
		assert_true(read_one("b", NULL, sk) < 0);
		data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	for (size_t cut = 0; cut < len; cut++) {
		rewrite(data, cut);
		assert_true(read_one("b", NULL, sk) < 0);
	}
	data[len] = 0;
	rewrite(data, len + 1);
	assert_true(read_one("b", NULL, sk) < 0);
	rewrite(data, len);
	assert_int_equal(read_one("b", NULL, sk), 0);
}

/*
 * What a recipient, or whoever knows the passphrase, can make of an archive: they have the stream's
 * key, so every message is theirs to choose, and only the signature is not.
 */
enum forgery { HONEST, OTHER_VALUE, OTHER_RECIPIENT, UNSIGNED, OWN_NAME };

static void seal(int fd, crypto_secretstream_xchacha20poly1305_state *stream, const uint8_t *m,
		 size_t len, const uint8_t *ad, uint8_t tag)
{
	uint8_t sealed[512], size[4] = {(uint8_t)(len + 17), 0, 0, 0};

	crypto_secretstream_xchacha20poly1305_push(stream, sealed, NULL, m, len, ad, ad ? 32 : 0,
						   tag);
	assert_int_equal(write(fd, size, 4), 4);
	assert_int_equal(write(fd, sealed, len + 17), (ssize_t)len + 17);
}

/* Reads to the end, whatever is in it; the first error, or 0. */
static int verdict(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct archive_item item = {0};
	struct archive *a = NULL;
	int r = archive_open(fd, NULL, sk, &a);

	while (r == 0 && item.what != ARCHIVE_END) {
		r = archive_next(a, &item);
		if (r == 0)
			secret_free(item.value);
	}
	archive_close(a);
	close(fd);
	return r;
}

/* "a" opened with sk and made again as "b". */
static int forge(enum forgery how)
{
	crypto_secretstream_xchacha20poly1305_state in, out;
	struct root_keys *other;
	uint8_t data[2048], key[32], head[8 + 1 + 80 + 24], ad[32];
	int fd = open("a", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, data, sizeof(data));

	close(fd);
	assert_true(len > (ssize_t)sizeof(head));
	memcpy(head, data, sizeof(head));
	assert_int_equal(crypto_box_seal_open(key, head + 9, 80, pk, sk), 0);
	crypto_secretstream_xchacha20poly1305_init_pull(&in, head + 89, key);
	if (how == OTHER_RECIPIENT)
		crypto_box_seal(head + 9, key, 32, pk);
	if (how == OTHER_VALUE || how == UNSIGNED || how == OWN_NAME)
		crypto_secretstream_xchacha20poly1305_init_push(&out, head + 89, key);
	else
		crypto_secretstream_xchacha20poly1305_init_pull(&out, head + 89, key);
	crypto_generichash(ad, sizeof(ad), head, sizeof(head), NULL, 0);
	fd = open("b", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	for (ssize_t at = sizeof(head), n = 0; at < len; n++) {
		uint8_t m[512], tag, was[32];
		unsigned long long mlen;
		size_t chunk = data[at] | (size_t)data[at + 1] << 8;

		crypto_generichash(was, sizeof(was), data, sizeof(head), NULL, 0);
		assert_int_equal(crypto_secretstream_xchacha20poly1305_pull(
					 &in, m, &mlen, &tag, data + at + 4, chunk, n ? NULL : was,
					 n ? 0 : 32),
				 0);
		at += 4 + (ssize_t)chunk;
		if (how == OTHER_VALUE && m[0] == ARCHIVE_VERSION)
			m[mlen - 1] ^= 1;
		if (how == UNSIGNED && m[0] == ARCHIVE_END)
			mlen = 9;
		if (how == OWN_NAME && m[0] == ARCHIVE_END) {
			assert_int_equal(keys_open((const uint8_t[ROOT_SIZE]){2}, &other), 0);
			memcpy(m + 9, other->pk, 32);
			keys_close(other);
		}
		seal(fd, &out, m, (size_t)mlen, n ? NULL : ad, tag);
	}
	close(fd);
	return verdict("b");
}

static void who_can_open_it_cannot_sign_it(void **state)
{
	(void)state;
	write_one("a", NULL, pk);
	assert_int_equal(forge(HONEST), 0);
	assert_int_equal(forge(OTHER_VALUE), ERR_AUTH);
	assert_int_equal(forge(OTHER_RECIPIENT), ERR_AUTH);
	assert_int_equal(forge(UNSIGNED), ERR_AUTH);
	assert_int_equal(forge(OWN_NAME), ERR_AUTH);
}

static void one_of_another_version_is_named_as_such(void **state)
{
	bool phrase;
	int fd;

	(void)state;
	write_one("a", NULL, pk);
	fd = open("a", O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "1", 1, 3), 1);
	assert_int_equal(archive_wants_phrase(fd, &phrase), ERR_VERSION);
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(to_a_public_key),
		T(to_a_passphrase),
		T(no_altered_bit_is_accepted),
		T(who_can_open_it_cannot_sign_it),
		T(one_of_another_version_is_named_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
