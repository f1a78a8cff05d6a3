/* SPDX-License-Identifier: ISC */
/*
 * The slot table: each kind opens, and no altered byte of one is taken.
 */
#include <ctype.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "root.h"
#include "scratch.h"

static int setup(void **state)
{
	(void)state;
	scratch_enter();
	return sodium_init() < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_leave();
	return 0;
}

static struct secret *secret_of(const char *text)
{
	struct secret *s = NULL;

	assert_int_equal(secret_from((const uint8_t *)text, strlen(text), &s), 0);
	return s;
}

/* The root public key: the same for the same root. */
static void fingerprint(const struct root *r, uint8_t pk[static crypto_sign_PUBLICKEYBYTES])
{
	struct root_keys *keys = NULL;

	assert_int_equal(root_keys(r, &keys), 0);
	memcpy(pk, keys->pk, crypto_sign_PUBLICKEYBYTES);
	keys_close(keys);
}

static int open_error(const char *path, const char *phrase)
{
	struct secret *s = phrase ? secret_of(phrase) : NULL;
	struct root *r = NULL;
	int e = root_open(path, s, &r);

	if (e)
		assert_null(r);
	root_close(r);
	secret_free(s);
	return e;
}

static void assert_opens(const char *path, const char *phrase, const uint8_t *pk)
{
	struct secret *s = phrase ? secret_of(phrase) : NULL;
	uint8_t got[crypto_sign_PUBLICKEYBYTES];
	struct root *r = NULL;

	assert_int_equal(root_open(path, s, &r), 0);
	fingerprint(r, got);
	assert_memory_equal(got, pk, sizeof(got));
	root_close(r);
	secret_free(s);
}

static void store(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

/* --- round trips ------------------------------------------------------------ */

static void test_file(void **state)
{
	uint8_t pk[crypto_sign_PUBLICKEYBYTES], other[crypto_sign_PUBLICKEYBYTES];
	struct root *r = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(root_generate(&r), 0);
	assert_int_equal(root_save(r, "root.key", true), ERR_INVAL); /* no slot yet */
	assert_int_equal(root_add_file(r, "host"), 0);
	assert_int_equal(root_save(r, "root.key", true), 0);
	assert_int_equal(root_save(r, "root.key", true), ERR_EXIST);
	assert_int_equal(root_save(r, "root.key", false), 0);
	assert_int_equal(stat("root.key", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_size, 8 + 1 + 1 + 1 + 4 + 8 + 2 + 104 + 32);
	fingerprint(r, pk);
	root_close(r);
	assert_opens("root.key", NULL, pk);
	assert_int_equal(open_error("root.key", "a phrase"), ERR_PASSPHRASE);
	assert_int_equal(open_error("absent", NULL), ERR_NOENT);

	assert_int_equal(root_generate(&r), 0);
	fingerprint(r, other);
	assert_memory_not_equal(pk, other, sizeof(pk));
	root_close(r);
}

static void test_all_kinds(void **state)
{
	struct secret *phrase = secret_of("correct horse"), *code = NULL;
	uint8_t pk[crypto_sign_PUBLICKEYBYTES];
	struct root *r = NULL;
	struct slot_info info;

	(void)state;
	assert_int_equal(root_generate(&r), 0);
	fingerprint(r, pk);
	assert_int_equal(root_add_passphrase(r, "me", phrase), 0);
	assert_int_equal(root_add_recovery(r, "recovery", &code), 0);
	assert_int_equal(code->len, RECOVERY_CODE_SIZE - 1);
	assert_int_equal(strlen((char *)code->data), code->len);
	assert_int_equal(root_slots(r), 2);
	info = root_slot(r, 1);
	assert_int_equal(info.type, SLOT_RECOVERY);
	assert_string_equal(info.label, "recovery");
	assert_true(info.created > 1700000000);
	assert_int_equal(root_slot(r, 2).type, 0);
	assert_int_equal(root_save(r, "root.key", true), 0);
	assert_int_equal(open_error("root.key", NULL), ERR_PASSPHRASE);
	assert_int_equal(open_error("root.key", "correct hors"), ERR_PASSPHRASE);
	assert_opens("root.key", "correct horse", pk);
	assert_opens("root.key", (char *)code->data, pk);

	/* A slot that was removed opens nothing; the others stay, and so do the keys. */
	assert_int_equal(root_add_file(r, "host"), 0);
	assert_int_equal(root_remove(r, 3), ERR_NOENT);
	assert_int_equal(root_remove(r, 0), 0);
	assert_string_equal(root_slot(r, 0).label, "recovery");
	assert_int_equal(root_save(r, "root.key", false), 0);
	assert_int_equal(open_error("root.key", "correct horse"), ERR_PASSPHRASE);
	assert_opens("root.key", (char *)code->data, pk);
	assert_opens("root.key", NULL, pk);
	assert_int_equal(root_remove(r, 1), 0);
	assert_int_equal(root_remove(r, 0), ERR_INVAL);
	root_close(r);
	secret_free(code);
	secret_free(phrase);
}

static void test_labels(void **state)
{
	struct secret *empty = secret_of("");
	struct root *r = NULL;
	char label[SLOT_LABEL + 2] = {0};

	(void)state;
	assert_int_equal(root_generate(&r), 0);
	assert_int_equal(root_add_file(r, ""), ERR_NAME);
	assert_int_equal(root_add_file(r, "a b"), ERR_NAME);
	assert_int_equal(root_add_file(r, "\x1b[31m"), ERR_NAME);
	memset(label, 'x', SLOT_LABEL + 1);
	assert_int_equal(root_add_file(r, label), ERR_NAME);
	label[SLOT_LABEL] = '\0';
	assert_int_equal(root_add_file(r, label), 0);
	assert_int_equal(root_add_file(r, label), ERR_EXIST);
	assert_int_equal(root_add_passphrase(r, "p", empty), ERR_INVAL);
	assert_int_equal(root_slots(r), 1);
	for (unsigned i = 1; i < SLOT_MAX; i++) {
		snprintf(label, sizeof(label), "%031u", i);
		assert_int_equal(root_add_file(r, label), 0);
	}
	assert_int_equal(root_add_file(r, "one-too-many"), ERR_TOOBIG);
	assert_int_equal(root_save(r, "root.key", true), 0);
	assert_int_equal(open_error("root.key", NULL), 0);
	root_close(r);
	secret_free(empty);
}

/* --- the file --------------------------------------------------------------- */

static void make_file_slot(const char *path)
{
	struct root *r = NULL;

	assert_int_equal(root_generate(&r), 0);
	assert_int_equal(root_add_file(r, "host"), 0);
	assert_int_equal(root_save(r, path, true), 0);
	root_close(r);
}

static void test_modes(void **state)
{
	static const mode_t bad[] = {0440, 0404, 0420, 0410, 0401, 0660, 0644};

	(void)state;
	make_file_slot("root.key");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(chmod("root.key", bad[i]), 0);
		assert_int_equal(open_error("root.key", NULL), ERR_MODE);
	}
	assert_int_equal(chmod("root.key", 0600), 0);
	assert_int_equal(open_error("root.key", NULL), 0);
	assert_int_equal(symlink("root.key", "link"), 0);
	assert_int_equal(open_error("link", NULL), ERR_MODE);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(open_error("fifo", NULL), ERR_FORMAT);
	assert_int_equal(open_error(".", NULL), ERR_FORMAT);
	assert_int_equal(truncate("root.key", (off_t)2 << 30), 0);
	assert_int_equal(open_error("root.key", NULL), ERR_FORMAT);
}

static void test_owner(void **state)
{
	(void)state;
	make_file_slot("root.key");
	if (geteuid() != 0) {
		print_message("SKIP: only root can give a file away\n");
		skip();
	}
	assert_int_equal(chown("root.key", 1000, (gid_t)-1), 0);
	assert_int_equal(open_error("root.key", NULL), ERR_MODE);
	assert_int_equal(chown("root.key", 0, 1000), 0);
	assert_int_equal(open_error("root.key", NULL), 0);
}

/* --- tables made here, from the description of the format alone -------------- */

struct table {
	uint8_t data[2048];
	size_t len;
	uint8_t root[32];
};

static void add(struct table *t, const void *data, size_t len)
{
	memcpy(t->data + t->len, data, len);
	t->len += len;
}

static void add_le(struct table *t, uint64_t v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		t->data[t->len++] = (uint8_t)(v >> (8 * i));
}

static void table_start(struct table *t, unsigned n)
{
	t->len = 0;
	randombytes_buf(t->root, sizeof(t->root));
	add(t, "sfs1slot", 8);
	add_le(t, n, 1);
}

static void add_slot(struct table *t, unsigned type, const char *label, size_t payload)
{
	add_le(t, type, 1);
	add_le(t, strlen(label), 1);
	add(t, label, strlen(label));
	add_le(t, 1800000000, 8);
	add_le(t, payload, 2);
}

static void add_box(struct table *t, unsigned type, const char *label, const uint8_t *key)
{
	uint8_t nonce[24], box[48], ad[64];

	memcpy(ad, "sfs1slot", 8);
	ad[8] = (uint8_t)type;
	memcpy(ad + 9, label, strlen(label));
	randombytes_buf(nonce, sizeof(nonce));
	crypto_aead_xchacha20poly1305_ietf_encrypt(box, NULL, t->root, 32, ad, 9 + strlen(label),
						   NULL, nonce, key);
	add(t, nonce, sizeof(nonce));
	add(t, box, sizeof(box));
}

static void table_end(struct table *t)
{
	uint8_t key[32], mac[32];

	crypto_kdf_derive_from_key(key, sizeof(key), 4, "sfs1root", t->root);
	crypto_generichash(mac, sizeof(mac), t->data, t->len, key, sizeof(key));
	add(t, mac, sizeof(mac));
}

static void add_file(struct table *t, const char *label)
{
	uint8_t key[32];

	randombytes_buf(key, sizeof(key));
	add_slot(t, 1, label, 104);
	add(t, key, sizeof(key));
	add_box(t, 1, label, key);
}

static void add_passphrase(struct table *t, const char *label, const char *phrase, uint64_t ops,
			   uint64_t mem)
{
	uint8_t key[32] = {0}, salt[16];

	randombytes_buf(salt, sizeof(salt));
	if (mem <= 1 << 20 && ops <= 4 && ops > 0 && mem >= 8192)
		assert_int_equal(crypto_pwhash(key, sizeof(key), phrase, strlen(phrase), salt, ops,
					       mem, crypto_pwhash_ALG_ARGON2ID13),
				 0);
	add_slot(t, 2, label, 104);
	add(t, salt, sizeof(salt));
	add_le(t, ops, 8);
	add_le(t, mem, 8);
	add_box(t, 2, label, key);
}

static void add_recovery(struct table *t, const char *label, const uint8_t *seed)
{
	uint8_t pk[32], sk[32], box[80];

	crypto_box_seed_keypair(pk, sk, seed);
	crypto_box_seal(box, t->root, 32, pk);
	add_slot(t, 3, label, 112);
	add(t, pk, sizeof(pk));
	add(t, box, sizeof(box));
}

/* Opens to t's root. */
static void assert_table(const struct table *t, const char *phrase)
{
	uint8_t pk[crypto_sign_PUBLICKEYBYTES], sk[crypto_sign_SECRETKEYBYTES], seed[32];

	crypto_kdf_derive_from_key(seed, sizeof(seed), 1, "sfs1root", t->root);
	crypto_sign_seed_keypair(pk, sk, seed);
	store("table", t->data, t->len);
	assert_opens("table", phrase, pk);
}

static int table_error(const struct table *t, const char *phrase)
{
	store("table", t->data, t->len);
	return open_error("table", phrase);
}

static const uint8_t seed[32] = "a seed of thirty-two bytes, yes";

static struct secret *code_of_seed(void)
{
	struct secret *code = NULL;

	assert_int_equal(recovery_encode(seed, &code), 0);
	return code;
}

static void make_each(struct table *t)
{
	table_start(t, 3);
	add_file(t, "f");
	add_passphrase(t, "p", "phrase", 1, 8192);
	add_recovery(t, "r", seed);
	table_end(t);
}

static void test_format(void **state)
{
	struct secret *code = code_of_seed();
	struct table t;

	(void)state;
	make_each(&t);
	assert_table(&t, NULL);
	assert_table(&t, "phrase");
	assert_table(&t, (char *)code->data);
	secret_free(code);
}

/* Invariant 1 for the slot table: whatever bit is flipped, whichever way it is opened. */
static void test_every_bit(void **state)
{
	struct secret *code = code_of_seed();
	const char *const phrase[] = {NULL, "phrase", (char *)code->data};
	struct table t;
	size_t memlimit;

	(void)state;
	make_each(&t);
	memlimit = 8 * (9 + (size_t)(12 + 1 + 104) + 12 + 1 + 16 + 8);
	for (size_t bit = 0; bit < t.len * 8; bit++) {
		bool costly = bit >= memlimit + 27 && bit <= memlimit + 32; /* 128 MiB to 4 GiB */

		t.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		for (unsigned i = 0; i < 3; i++) {
			int e;

			if (i == 1 && costly)
				continue;
			e = table_error(&t, phrase[i]);
			assert_true(e == ERR_AUTH || e == ERR_FORMAT || e == ERR_PASSPHRASE);
		}
		t.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_table(&t, NULL);
	secret_free(code);
}

static void test_every_length(void **state)
{
	struct table t, cut;

	(void)state;
	make_each(&t);
	for (size_t len = 0; len < t.len; len++) {
		cut = t;
		cut.len = len;
		assert_int_equal(table_error(&cut, NULL), ERR_FORMAT);
	}
	cut = t;
	add_le(&cut, 0, 1);
	assert_int_equal(table_error(&cut, NULL), ERR_FORMAT);
}

/* Slots in another order, or one of another table of the same root's, are not what was signed. */
static void test_spliced(void **state)
{
	struct table t, u;

	(void)state;
	table_start(&t, 2);
	add_file(&t, "a");
	add_file(&t, "b");
	table_end(&t);
	u = t;
	memcpy(u.data + 9, t.data + 9 + 117, 117);
	memcpy(u.data + 9 + 117, t.data + 9, 117);
	assert_int_equal(table_error(&u, NULL), ERR_AUTH);
	u = t; /* one slot dropped */
	u.data[8] = 1;
	memcpy(u.data + 9 + 117, t.data + t.len - 32, 32);
	u.len = 9 + 117 + 32;
	assert_int_equal(table_error(&u, NULL), ERR_AUTH);
}

/* Limits that would hang or exhaust us are refused before anything is computed. */
static void test_absurd_limits(void **state)
{
	static const uint64_t bad[][2] = {{0, 8192},	  {65, 8192}, {UINT64_MAX, 8192},
					  {1, 8191},	  {1, 0},     {1, (UINT64_C(4) << 30) + 1},
					  {1, UINT64_MAX}};
	struct table t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		table_start(&t, 1);
		add_passphrase(&t, "p", "phrase", bad[i][0], bad[i][1]);
		table_end(&t);
		assert_int_equal(table_error(&t, "phrase"), ERR_FORMAT);
	}
	table_start(&t, 1);
	add_passphrase(&t, "p", "phrase", 2, 65536);
	table_end(&t);
	assert_table(&t, "phrase");
}

static void test_counts(void **state)
{
	struct table t;

	(void)state;
	table_start(&t, 0);
	table_end(&t);
	assert_int_equal(table_error(&t, NULL), ERR_FORMAT);
	table_start(&t, 1);
	add_slot(&t, 4, "future", 10);
	add(&t, "0123456789", 10);
	table_end(&t);
	assert_int_equal(table_error(&t, NULL), ERR_FORMAT);
	table_start(&t, 1);
	add_file(&t, "evil\n");
	table_end(&t);
	assert_int_equal(table_error(&t, NULL), ERR_FORMAT);
}

/* --- the recovery code ------------------------------------------------------- */

static int decode_is_seed(const char *typed)
{
	struct secret *s = secret_of(typed);
	uint8_t out[32];
	int e = recovery_decode(s, out);

	if (!e)
		assert_memory_equal(out, seed, sizeof(out));
	secret_free(s);
	return e;
}

static void test_code_forgives(void **state)
{
	struct secret *code = code_of_seed();
	char typed[200], *p;

	(void)state;
	assert_int_equal(strspn((char *)code->data, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"),
			 code->len);
	assert_int_equal(decode_is_seed((char *)code->data), 0);

	p = typed; /* lower case, blanks for dashes, letters that look like digits */
	for (size_t i = 0; i < code->len; i++) {
		char c = (char)code->data[i];

		if (c == '-')
			p = stpcpy(p, i % 2 ? "  " : "\t");
		else if (c == '0')
			*p++ = i % 2 ? 'o' : 'O';
		else if (c == '1')
			*p++ = "iIlL"[i % 4];
		else
			*p++ = (char)(i % 2 ? tolower(c) : c);
	}
	memcpy(p, " \n", 3);
	assert_int_equal(decode_is_seed(typed), 0);

	p = typed; /* no dashes at all */
	for (size_t i = 0; i < code->len; i++)
		if (code->data[i] != '-')
			*p++ = (char)code->data[i];
	*p = '\0';
	assert_int_equal(strlen(typed), 55);
	assert_int_equal(decode_is_seed(typed), 0);
	secret_free(code);
}

static void test_code_known(void **state)
{
	static const uint8_t zero[32] = {0};
	struct secret *code = NULL;

	(void)state;
	/* 51 zero digits are 255 bits of the seed; the rest follows from BLAKE2b */
	assert_int_equal(recovery_encode(zero, &code), 0);
	assert_memory_equal(code->data,
			    "00000-00000-00000-00000-00000-00000-00000-00000-00000-00000-0", 61);
	secret_free(code);
}

/* One wrong digit, two swapped, one missing, one too many: refused. */
static void test_code_mistyped(void **state)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	struct secret *code = code_of_seed();
	unsigned accepted = 0, tried = 0;
	char typed[100];

	(void)state;
	for (size_t i = 0; i < code->len; i++) {
		memcpy(typed, code->data, code->len + 1);
		if (typed[i] == '-')
			continue;
		for (const char *c = alphabet; *c; c++) {
			uint8_t out[32];
			struct secret *s;

			if (*c == (char)code->data[i])
				continue;
			typed[i] = *c;
			s = secret_of(typed);
			tried++;
			accepted += recovery_decode(s, out) == 0;
			secret_free(s);
		}
		memcpy(typed, code->data, code->len + 1);
		memmove(typed + i, typed + i + 1, code->len - i);
		assert_int_equal(decode_is_seed(typed), ERR_PASSPHRASE);
	}
	assert_int_equal(tried, 55 * 31);
	assert_int_equal(accepted, 0); /* one in 65,536 would pass; for this seed none does */
	snprintf(typed, sizeof(typed), "%s0", (char *)code->data);
	assert_int_equal(decode_is_seed(typed), ERR_PASSPHRASE);
	memcpy(typed, code->data, code->len + 1);
	typed[3] = 'U';
	assert_int_equal(decode_is_seed(typed), ERR_PASSPHRASE);
	assert_int_equal(decode_is_seed(""), ERR_PASSPHRASE);
	assert_int_equal(decode_is_seed("-----"), ERR_PASSPHRASE);
	secret_free(code);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file),	  TEST(test_all_kinds),	    TEST(test_labels),
		TEST(test_modes),	  TEST(test_owner),	    TEST(test_format),
		TEST(test_every_bit),	  TEST(test_every_length),  TEST(test_spliced),
		TEST(test_absurd_limits), TEST(test_counts),	    TEST(test_code_forgives),
		TEST(test_code_known),	  TEST(test_code_mistyped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
