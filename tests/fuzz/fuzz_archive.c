/* SPDX-License-Identifier: ISC */
/*
 * Archives.  A first byte of 0: the rest is the file, as a stranger hands it over.  Else it is messages,
 * each u16 length | bytes, sealed and signed as who may open and make archives would: one that is taken
 * is written again byte for byte.
 */
#include <unistd.h>

#include "archive.h"
#include "archive_item.h"
#include "fixture.h"
#include "fuzz.h"

#define STREAM_TAG crypto_secretstream_xchacha20poly1305_ABYTES
#define MESSAGES_MAX 64

static uint8_t pk[ARCHIVE_KEY_SIZE], sk[ARCHIVE_KEY_SIZE];
static struct root_keys *sender;

/* A file that is being made. */
struct made {
	struct enc w;
	crypto_secretstream_xchacha20poly1305_state stream;
	uint8_t ad[HASH_SIZE];
	uint64_t count;
};

static void begin(struct made *m)
{
	uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES] = {7}, sealed[80],
		header[crypto_secretstream_xchacha20poly1305_HEADERBYTES];

	require(crypto_box_seal(sealed, key, sizeof(key), pk) == 0);
	crypto_secretstream_xchacha20poly1305_init_push(&m->stream, header, key);
	put_bytes(&m->w, "sfs2arch", 8);
	put_u8(&m->w, 2);
	put_bytes(&m->w, sealed, sizeof(sealed));
	put_bytes(&m->w, header, sizeof(header));
	crypto_generichash(m->ad, sizeof(m->ad), m->w.data, m->w.len, NULL, 0);
}

static void push(struct made *m, const uint8_t *message, size_t len, uint8_t tag)
{
	uint8_t chunk[UINT16_MAX + STREAM_TAG];
	size_t ad = m->count++ ? 0 : sizeof(m->ad);

	crypto_secretstream_xchacha20poly1305_push(&m->stream, chunk, NULL, message, len, m->ad, ad,
						   tag);
	put_u32(&m->w, (uint32_t)(len + STREAM_TAG));
	put_bytes(&m->w, chunk, len + STREAM_TAG);
}

static void finish(struct made *m)
{
	ENC_CLEANUP struct enc claim = {0}, end = {0};
	uint8_t hash[HASH_SIZE], sig[crypto_sign_BYTES];

	require(!m->w.failed);
	crypto_generichash(hash, sizeof(hash), m->w.data, m->w.len, NULL, 0);
	put_bytes(&claim, "sfs2asig", 8);
	put_bytes(&claim, sender->pk, sizeof(sender->pk));
	put_u64(&claim, m->count);
	put_bytes(&claim, hash, sizeof(hash));
	crypto_sign_detached(sig, NULL, claim.data, claim.len, sender->sk);
	put_u8(&end, ARCHIVE_END);
	put_u64(&end, m->count);
	put_bytes(&end, sender->pk, sizeof(sender->pk));
	put_bytes(&end, sig, sizeof(sig));
	push(m, end.data, end.len, crypto_secretstream_xchacha20poly1305_TAG_FINAL);
}

/* The next message of the input; false at its end. */
static bool next(struct dec *in, const uint8_t **message, size_t *len)
{
	size_t left;

	if (in->end - in->p < 2)
		return false;
	*len = take_u16(in);
	left = (size_t)(in->end - in->p);
	*len = *len < left ? *len : left;
	*message = take_bytes(in, *len);
	return true;
}

/* How many messages are taken until the end, or until one is refused; whole: the end is among them. */
static size_t read_all(int fd, struct dec *in, bool *whole)
{
	struct archive *a = NULL;
	struct archive_item item;
	size_t n = 0;

	*whole = false;
	if (archive_open(fd, NULL, sk, &a) != 0)
		return 0;
	while (!*whole && archive_next(a, &item) == 0) {
		ENC_CLEANUP struct enc again = {0};
		const uint8_t *message;
		size_t len;

		*whole = item.what == ARCHIVE_END;
		n++;
		if (in && !*whole) {
			require(next(in, &message, &len));
			archive_item_put(&again, &item);
			require(!again.failed && again.len == len &&
				memcmp(again.data, message, len) == 0);
		}
		secret_free(item.value);
	}
	require(!*whole || archive_next(a, &item) == ERR_NOENT);
	archive_close(a);
	return n;
}

static void raw(const uint8_t *data, size_t size)
{
	int fd = fuzz_file(data, size);
	bool phrase, whole;

	(void)archive_wants_phrase(fd, &phrase);
	(void)lseek(fd, 0, SEEK_SET);
	(void)read_all(fd, NULL, &whole);
	close(fd);
}

/* Was all of it taken? */
static bool sealed(const uint8_t *data, size_t size)
{
	struct dec in = dec_of(data, size), told = in;
	struct made m = {0};
	const uint8_t *message;
	size_t len, n = 0;
	bool whole;
	int fd;

	begin(&m);
	while (n < MESSAGES_MAX && next(&in, &message, &len)) {
		push(&m, message, len, 0);
		n++;
	}
	finish(&m);
	fd = fuzz_file(m.w.data, m.w.len);
	require(read_all(fd, &told, &whole) <= n + 1);
	close(fd);
	enc_free(&m.w);
	return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0])
		(void)sealed(data + 1, size - 1);
	else if (size)
		raw(data + 1, size - 1);
	return 0;
}

static void put_item(struct enc *w, const struct archive_item *item)
{
	ENC_CLEANUP struct enc one = {0};

	archive_item_put(&one, item);
	require(!one.failed);
	put_u16(w, (uint16_t)one.len);
	put_bytes(w, one.data, one.len);
}

static void specimens(void)
{
	SECRET_CLEANUP struct secret *value = NULL;
	ENC_CLEANUP struct enc w = {0};
	struct archive_item items[] = {
		{.what = ARCHIVE_DECLARED, .scope = {.project = "alpha"}},
		{.what = ARCHIVE_SCOPE, .scope = {.project = "alpha", .domain = "development"}},
		{.what = ARCHIVE_SECRET,
		 .secret = {.name = "group/Key",
			    .type = RECORD_JSON,
			    .env = "GROUP_KEY",
			    .expires = 7,
			    .created = 8,
			    .nversions = 1}},
		{.what = ARCHIVE_VERSION, .version = {.time = 9, .writer = "writer8"}},
	};

	ok(secret_from((const uint8_t *)"the value", 9, &value));
	items[3].value = value;
	put_u8(&w, 1);
	for (size_t i = 0; i < 4; i++)
		put_item(&w, &items[i]);
	require(sealed(w.data + 1, w.len - 1)); /* the format is still the one that is made here */
	fuzz_specimen(w.data, w.len);
	fuzz_specimen("\0sfs2arch\2", 10);
	fuzz_specimen("\0sfs2arch\1", 10);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	require(sodium_init() >= 0);
	require(crypto_box_seed_keypair(pk, sk, (const uint8_t[32]){5}) == 0);
	ok(keys_open((const uint8_t[ROOT_SIZE]){1}, &sender));
	specimens();
	return 0;
}
