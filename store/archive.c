/* SPDX-License-Identifier: ISC */
#include "archive.h"

#include <errno.h>
#include <sodium.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_item.h"
#include "blob.h"
#include "io.h"
#include "keys.h"

#define STREAM_HEADER crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define STREAM_TAG crypto_secretstream_xchacha20poly1305_ABYTES
#define KEY crypto_secretstream_xchacha20poly1305_KEYBYTES
#define SEALED_KEY (crypto_box_SEALBYTES + KEY)
#define MESSAGE_MAX (SECRET_MAX + 1024u)
#define HEAD_MAX 256
#define CLAIM (8 + crypto_sign_PUBLICKEYBYTES + 8 + HASH_SIZE)
/* What opening will spend at most, whatever the file says. */
#define MEM_MAX (4ull << 30)
#define OPS_MAX 64

enum kind { KIND_PHRASE = 1, KIND_PUBLIC = 2 };

struct keys { /* locked */
	uint8_t key[KEY];
	crypto_secretstream_xchacha20poly1305_state stream;
};

struct archive {
	int fd;
	uint64_t count;		       /* messages gone through */
	uint8_t ad[HASH_SIZE];	       /* of the first message */
	crypto_generichash_state hash; /* of the file up to the chunk at hand */
	struct keys *keys;
	struct secret *plain; /* one message, MESSAGE_MAX */
	uint8_t *cipher;
	bool ended;
};

void archive_close(struct archive *a)
{
	if (!a)
		return;
	secret_delete(a->keys);
	secret_free(a->plain);
	free(a->cipher);
	free(a);
}

static int make(int fd, struct archive **out)
{
	struct archive *a = aligned_alloc(alignof(struct archive), sizeof(*a)); /* the hash's */
	int r;

	if (!a)
		return ERR_NOMEM;
	*a = (struct archive){.fd = fd};
	crypto_generichash_init(&a->hash, NULL, 0, HASH_SIZE);
	a->cipher = malloc(MESSAGE_MAX + STREAM_TAG);
	r = a->cipher ? secret_new(sizeof(*a->keys), (void **)&a->keys) : ERR_NOMEM;
	if (r == 0)
		r = secret_alloc(MESSAGE_MAX, &a->plain);
	if (r < 0)
		archive_close(a);
	else
		*out = a;
	return r;
}

/* 0 at once when there is nothing more; ERR_AUTH when it ends within. */
static int read_exact(int fd, uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return ERR_AUTH;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int derive(struct archive *a, const struct secret *phrase, const uint8_t *salt, uint64_t ops,
		  uint64_t mem)
{
	if (ops > OPS_MAX || mem > MEM_MAX)
		return ERR_FORMAT;
	return crypto_pwhash(a->keys->key, KEY, (const char *)phrase->data, phrase->len, salt, ops,
			     (size_t)mem, crypto_pwhash_ALG_ARGON2ID13) == 0
		       ? 0
		       : ERR_NOMEM;
}

/* What stands before the chunks: the first message has it as additional data. */
static void bind_head(struct archive *a, const uint8_t *head, size_t len)
{
	crypto_generichash(a->ad, sizeof(a->ad), head, len, NULL, 0);
	crypto_generichash_update(&a->hash, head, len);
}

static void hash_chunk(struct archive *a, const uint8_t size[static 4], size_t len)
{
	crypto_generichash_update(&a->hash, size, 4);
	crypto_generichash_update(&a->hash, a->cipher, len);
}

/* --- writing ----------------------------------------------------------------------------------- */

static int put_key(struct archive *a, struct enc *w, const struct secret *phrase, const uint8_t *pk)
{
	uint8_t salt[crypto_pwhash_SALTBYTES], sealed[SEALED_KEY];

	if (phrase) {
		randombytes_buf(salt, sizeof(salt));
		put_u8(w, KIND_PHRASE);
		put_bytes(w, salt, sizeof(salt));
		put_u64(w, crypto_pwhash_OPSLIMIT_MODERATE);
		put_u64(w, crypto_pwhash_MEMLIMIT_MODERATE);
		return derive(a, phrase, salt, crypto_pwhash_OPSLIMIT_MODERATE,
			      crypto_pwhash_MEMLIMIT_MODERATE);
	}
	randombytes_buf(a->keys->key, KEY);
	if (crypto_box_seal(sealed, a->keys->key, KEY, pk) != 0)
		return ERR_INVAL;
	put_u8(w, KIND_PUBLIC);
	put_bytes(w, sealed, sizeof(sealed));
	return 0;
}

int archive_create(int fd, const struct secret *phrase, const uint8_t *pk, struct archive **out)
{
	uint8_t head[HEAD_MAX], stream[STREAM_HEADER];
	struct enc w = enc_over(head, sizeof(head));
	struct archive *a;
	int r = !phrase == !pk ? ERR_INVAL : make(fd, &a);

	if (r < 0)
		return r;
	put_bytes(&w, "sfs2arch", 8);
	r = put_key(a, &w, phrase, pk);
	if (r == 0) {
		crypto_secretstream_xchacha20poly1305_init_push(&a->keys->stream, stream,
								a->keys->key);
		put_bytes(&w, stream, sizeof(stream));
		bind_head(a, head, w.len);
		r = io_write(fd, head, w.len);
	}
	if (r < 0)
		archive_close(a);
	else
		*out = a;
	return r;
}

static int push(struct archive *a, size_t len, uint8_t tag)
{
	uint8_t size[4];
	struct enc w = enc_over(size, sizeof(size));
	size_t ad = a->count ? 0 : sizeof(a->ad);
	int r;

	crypto_secretstream_xchacha20poly1305_push(&a->keys->stream, a->cipher, NULL,
						   a->plain->data, len, a->ad, ad, tag);
	put_u32(&w, (uint32_t)(len + STREAM_TAG));
	hash_chunk(a, size, len + STREAM_TAG);
	r = io_write(a->fd, size, sizeof(size));
	if (r == 0)
		r = io_write(a->fd, a->cipher, len + STREAM_TAG);
	a->count++;
	return r;
}

int archive_put(struct archive *a, const struct archive_item *item)
{
	struct enc w = enc_over(a->plain->data, a->plain->cap);
	int r = item->what == ARCHIVE_END ? ERR_INVAL : 0; /* archive_finish's */

	if (r == 0)
		archive_item_put(&w, item);
	if (r == 0 && w.failed)
		r = ERR_TOOBIG;
	return r < 0 ? r : push(a, w.len, 0);
}

/* What the sender signs: everything before the last chunk, as it stands in the file. */
static void put_claim(struct archive *a, struct enc *w, const uint8_t *from, uint64_t count)
{
	uint8_t hash[HASH_SIZE];

	crypto_generichash_final(&a->hash, hash, sizeof(hash));
	put_bytes(w, "sfs2asig", 8);
	put_bytes(w, from, crypto_sign_PUBLICKEYBYTES);
	put_u64(w, count);
	put_bytes(w, hash, sizeof(hash));
}

int archive_finish(struct archive *a, const struct root_keys *from)
{
	struct enc w = enc_over(a->plain->data, a->plain->cap);
	uint8_t claim[CLAIM], sig[crypto_sign_BYTES];
	struct enc c = enc_over(claim, sizeof(claim));
	int r;

	put_claim(a, &c, from->pk, a->count);
	if (crypto_sign_detached(sig, NULL, claim, c.len, from->sk) != 0)
		return ERR_INVAL;
	put_u8(&w, ARCHIVE_END);
	put_u64(&w, a->count);
	put_bytes(&w, from->pk, sizeof(from->pk));
	put_bytes(&w, sig, sizeof(sig));
	r = push(a, w.len, crypto_secretstream_xchacha20poly1305_TAG_FINAL);
	if (r == 0 && fsync(a->fd) != 0 && errno != EINVAL && errno != EROFS)
		r = ERR_IO; /* EINVAL: a pipe */
	return r;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* The head up to the kind; fd stands behind it. */
static int read_kind(int fd, uint8_t *head, enum kind *kind)
{
	int r = read_exact(fd, head, 9);

	if (r < 0)
		return r == ERR_AUTH ? ERR_FORMAT : r;
	if (memcmp(head, "sfs", 3) == 0 && memcmp(head + 4, "arch", 4) == 0 && head[3] != '2')
		return ERR_VERSION;
	if (memcmp(head, "sfs2arch", 8) != 0 || (head[8] != KIND_PHRASE && head[8] != KIND_PUBLIC))
		return ERR_FORMAT;
	*kind = (enum kind)head[8];
	return 0;
}

int archive_wants_phrase(int fd, bool *yes)
{
	uint8_t head[HEAD_MAX];
	enum kind kind;
	int r = read_kind(fd, head, &kind);

	if (r == 0 && lseek(fd, 0, SEEK_SET) != 0)
		r = ERR_IO;
	if (r == 0)
		*yes = kind == KIND_PHRASE;
	return r;
}

static int take_key(struct archive *a, const uint8_t *fields, const struct secret *phrase,
		    const uint8_t *sk)
{
	struct dec r = dec_of(fields, HEAD_MAX - 9);
	uint8_t pk[ARCHIVE_KEY_SIZE];
	const uint8_t *salt;
	uint64_t ops, mem;

	if (phrase) {
		salt = take_bytes(&r, crypto_pwhash_SALTBYTES);
		ops = take_u64(&r);
		mem = take_u64(&r);
		return derive(a, phrase, salt, ops, mem);
	}
	if (crypto_scalarmult_base(pk, sk) != 0 ||
	    crypto_box_seal_open(a->keys->key, fields, SEALED_KEY, pk, sk) != 0)
		return ERR_PASSPHRASE;
	return 0;
}

static int read_head(struct archive *a, const struct secret *phrase, const uint8_t *sk)
{
	uint8_t head[HEAD_MAX] = {0};
	size_t fields = phrase ? crypto_pwhash_SALTBYTES + 16 : SEALED_KEY;
	enum kind kind;
	int r = read_kind(a->fd, head, &kind);

	if (r < 0)
		return r;
	if ((kind == KIND_PHRASE) != (phrase != NULL))
		return ERR_PASSPHRASE;
	r = read_exact(a->fd, head + 9, fields + STREAM_HEADER);
	if (r == 0)
		r = take_key(a, head + 9, phrase, sk);
	if (r < 0)
		return r == ERR_AUTH ? ERR_FORMAT : r;
	bind_head(a, head, 9 + fields + STREAM_HEADER);
	return crypto_secretstream_xchacha20poly1305_init_pull(&a->keys->stream, head + 9 + fields,
							       a->keys->key) == 0
		       ? 0
		       : ERR_FORMAT;
}

int archive_open(int fd, const struct secret *phrase, const uint8_t *sk, struct archive **out)
{
	struct archive *a;
	int r = !phrase == !sk ? ERR_INVAL : make(fd, &a);

	if (r < 0)
		return r;
	r = read_head(a, phrase, sk);
	if (r < 0)
		archive_close(a);
	else
		*out = a;
	return r;
}

/* The next message into a->plain; *final: it is the stream's last. */
static int pull(struct archive *a, bool *final)
{
	size_t ad = a->count ? 0 : sizeof(a->ad);
	unsigned long long len;
	uint8_t size[4], tag;
	struct dec in;
	size_t chunk;
	int r = read_exact(a->fd, size, sizeof(size));

	if (r < 0)
		return r;
	in = dec_of(size, sizeof(size));
	chunk = take_u32(&in);
	if (chunk < STREAM_TAG || chunk > MESSAGE_MAX + STREAM_TAG)
		return ERR_AUTH;
	r = read_exact(a->fd, a->cipher, chunk);
	if (r < 0)
		return r;
	if (crypto_secretstream_xchacha20poly1305_pull(&a->keys->stream, a->plain->data, &len, &tag,
						       a->cipher, chunk, a->ad, ad) != 0)
		/* The first message is where a wrong key shows. */
		return a->count ? ERR_AUTH : ERR_PASSPHRASE;
	a->plain->len = (size_t)len;
	*final = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
	if (!*final) /* the last one holds the signature over the others */
		hash_chunk(a, size, chunk);
	a->count++;
	return 0;
}

/* The end: how many came before it, and whose word that is. */
static int take_end(struct archive *a, struct dec *r, uint8_t from[static 32])
{
	uint8_t claim[CLAIM];
	struct enc c = enc_over(claim, sizeof(claim));
	uint64_t count = take_u64(r);
	const uint8_t *sig;

	take_copy(r, from, crypto_sign_PUBLICKEYBYTES);
	sig = take_bytes(r, crypto_sign_BYTES);
	if (r->failed || count != a->count - 1)
		return ERR_AUTH;
	put_claim(a, &c, from, count);
	return crypto_sign_verify_detached(sig, claim, c.len, from) == 0 ? 0 : ERR_AUTH;
}

int archive_next(struct archive *a, struct archive_item *out)
{
	struct archive_item item = {0};
	struct dec r;
	uint8_t more;
	bool final;
	int err = a->ended ? ERR_NOENT : pull(a, &final);

	if (err < 0)
		return err;
	r = dec_of(a->plain->data, a->plain->len);
	item.what = (enum archive_what)take_u8(&r);
	if (final != (item.what == ARCHIVE_END))
		err = ERR_AUTH;
	else if (final)
		err = take_end(a, &r, item.from);
	else
		err = archive_item_take(&r, &item);
	if (err == 0 && !dec_done(&r))
		err = ERR_AUTH;
	/* Nothing may come after the end: what is appended is not authenticated. */
	if (err == 0 && final && read_exact(a->fd, &more, 1) != ERR_AUTH)
		err = ERR_AUTH;
	if (err < 0) {
		secret_free(item.value);
		return err;
	}
	a->ended = final;
	*out = item;
	return 0;
}
