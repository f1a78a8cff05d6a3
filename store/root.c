/* SPDX-License-Identifier: ISC */
/*
 * The slot table, all integers little-endian:
 *
 *	"sfs1slot" | u8 n | n slots | mac[32]
 *	slot: u8 type | u8 length, label | u64 created | u16 length, payload
 *
 *	FILE        key[32] | nonce[24] | box(root)[48]
 *	PASSPHRASE  salt[16] | u64 opslimit | u64 memlimit | nonce[24] | box(root)[48]
 *	RECOVERY    public key[32] | crypto_box_seal(root)[80]
 *
 * box is XChaCha20-Poly1305 with additional data "sfs1slot" | type | label; a passphrase becomes its
 * key by Argon2id 1.3, the seed of a recovery code its pair by crypto_box_seed_keypair.  mac is
 * BLAKE2b-256 over all before it, under the root's key for slots.
 *
 * A table holds its file slots' keys in the clear, so it is kept in locked memory like a key.
 */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "blob.h"
#include "io.h"
#include "name.h"
#include "paths.h"

#define MAGIC "sfs1slot"
#define MAGIC_SIZE 8
#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define KEY_SIZE crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define BOX_SIZE (ROOT_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES)
#define MAC_SIZE 32

#define FILE_SIZE (KEY_SIZE + NONCE_SIZE + BOX_SIZE)
#define PASSPHRASE_SIZE (crypto_pwhash_SALTBYTES + 8 + 8 + NONCE_SIZE + BOX_SIZE)
#define RECOVERY_SIZE (crypto_box_PUBLICKEYBYTES + ROOT_SIZE + crypto_box_SEALBYTES)
#define PAYLOAD_MAX RECOVERY_SIZE

_Static_assert(FILE_SIZE == 104 && PASSPHRASE_SIZE == 104 && RECOVERY_SIZE == 112, "the format");
_Static_assert(RECOVERY_SEED_SIZE == crypto_box_SEEDBYTES, "the code is the pair's seed");

#define SLOT_BYTES_MAX (1 + 1 + SLOT_LABEL + 8 + 2 + PAYLOAD_MAX)
#define TABLE_MAX (MAGIC_SIZE + 1 + SLOT_MAX * SLOT_BYTES_MAX + MAC_SIZE)

/* What an altered table may ask of this machine before its mac can be checked. */
#define OPSLIMIT_MAX 64
#define MEMLIMIT_MAX (UINT64_C(4) << 30)

struct slot {
	struct slot_info info;
	uint8_t payload[PAYLOAD_MAX];
};

struct root { /* in locked memory */
	uint8_t key[ROOT_SIZE];
	size_t n;
	struct slot slots[SLOT_MAX];
};

struct work { /* in locked memory: what opening a slot leaves lying about */
	uint8_t key[KEY_SIZE];
	uint8_t seed[RECOVERY_SEED_SIZE];
	uint8_t pk[crypto_box_PUBLICKEYBYTES];
	uint8_t sk[crypto_box_SECRETKEYBYTES];
};

static void work_cleanup(struct work **w)
{
	secret_delete(*w);
}
#define WORK_CLEANUP __attribute__((cleanup(work_cleanup)))

static void root_cleanup(struct root **r)
{
	root_close(*r);
}
#define ROOT_CLEANUP __attribute__((cleanup(root_cleanup)))

static size_t payload_size(unsigned type)
{
	switch (type) {
	case SLOT_FILE:
		return FILE_SIZE;
	case SLOT_PASSPHRASE:
		return PASSPHRASE_SIZE;
	case SLOT_RECOVERY:
		return RECOVERY_SIZE;
	default:
		return 0;
	}
}

/* --- wrapping ------------------------------------------------------------- */

static size_t slot_ad(const struct slot_info *info, uint8_t ad[static MAGIC_SIZE + 1 + SLOT_LABEL])
{
	size_t len = strlen(info->label);

	memcpy(ad, MAGIC, MAGIC_SIZE);
	ad[MAGIC_SIZE] = (uint8_t)info->type;
	memcpy(ad + MAGIC_SIZE + 1, info->label, len);
	return MAGIC_SIZE + 1 + len;
}

/* at: nonce | box, both written here. */
static void wrap(const struct root *r, const struct slot_info *info, const uint8_t *key,
		 uint8_t *at)
{
	uint8_t ad[MAGIC_SIZE + 1 + SLOT_LABEL];
	size_t ad_len = slot_ad(info, ad);

	randombytes_buf(at, NONCE_SIZE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(at + NONCE_SIZE, NULL, r->key, ROOT_SIZE, ad,
						   ad_len, NULL, at, key);
}

static int unwrap(const struct slot_info *info, const uint8_t *key, const uint8_t *at,
		  uint8_t out[static ROOT_SIZE])
{
	uint8_t ad[MAGIC_SIZE + 1 + SLOT_LABEL];
	size_t ad_len = slot_ad(info, ad);

	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, at + NONCE_SIZE,
							  BOX_SIZE, ad, ad_len, at, key) == 0
		       ? 0
		       : ERR_PASSPHRASE;
}

/* at: salt | opslimit | memlimit. */
static int stretch(const struct secret *phrase, const uint8_t *at, uint8_t key[static KEY_SIZE])
{
	struct dec limits = dec_of(at + crypto_pwhash_SALTBYTES, 16);
	uint64_t ops = take_u64(&limits);
	uint64_t mem = take_u64(&limits);

	if (crypto_pwhash(key, KEY_SIZE, (const char *)phrase->data, phrase->len, at, ops,
			  (size_t)mem, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return ERR_NOMEM;
	return 0;
}

static bool limits_bearable(const uint8_t *at)
{
	struct dec limits = dec_of(at + crypto_pwhash_SALTBYTES, 16);
	uint64_t ops = take_u64(&limits);
	uint64_t mem = take_u64(&limits);

	return ops >= crypto_pwhash_OPSLIMIT_MIN && ops <= OPSLIMIT_MAX &&
	       mem >= crypto_pwhash_MEMLIMIT_MIN && mem <= MEMLIMIT_MAX;
}

/* --- the table ------------------------------------------------------------ */

static int table_mac(const struct root *r, const struct secret *table, size_t len,
		     uint8_t mac[static MAC_SIZE])
{
	KEYS_CLEANUP struct root_keys *keys = NULL;
	int e = keys_open(r->key, &keys);

	if (e)
		return e;
	crypto_generichash(mac, MAC_SIZE, table->data, len, keys->slots, sizeof(keys->slots));
	return 0;
}

static int table_build(const struct root *r, struct secret **out)
{
	SECRET_CLEANUP struct secret *table = NULL;
	uint8_t mac[MAC_SIZE];
	struct enc w;
	int e = secret_alloc(TABLE_MAX, &table);

	if (e)
		return e;
	w = enc_over(table->data, table->cap);
	put_bytes(&w, MAGIC, MAGIC_SIZE);
	put_u8(&w, (uint8_t)r->n);
	for (size_t i = 0; i < r->n; i++) {
		const struct slot *s = &r->slots[i];
		size_t len = payload_size(s->info.type);

		put_u8(&w, (uint8_t)s->info.type);
		put_str8(&w, s->info.label);
		put_u64(&w, s->info.created);
		put_u16(&w, (uint16_t)len);
		put_bytes(&w, s->payload, len);
	}
	e = table_mac(r, table, w.len, mac);
	if (e)
		return e;
	put_bytes(&w, mac, MAC_SIZE);
	if (w.failed)
		return ERR_INVAL;
	table->len = w.len;
	*out = table;
	table = NULL;
	return 0;
}

static bool slot_parse(struct dec *in, struct slot *s)
{
	unsigned type = take_u8(in);
	size_t len;

	take_str8(in, s->info.label, sizeof(s->info.label));
	s->info.created = take_u64(in);
	len = take_u16(in);
	if (in->failed || len == 0 || len != payload_size(type))
		return false;
	s->info.type = type;
	take_copy(in, s->payload, len);
	if (name_check_component(s->info.label, SLOT_LABEL) != 0)
		return false;
	return !in->failed && (type != SLOT_PASSPHRASE || limits_bearable(s->payload));
}

static int table_parse(const struct secret *table, struct root *r)
{
	struct dec in = dec_of(table->data, table->len);
	const uint8_t *magic = take_bytes(&in, MAGIC_SIZE);
	size_t n = take_u8(&in);

	if (!magic || memcmp(magic, MAGIC, MAGIC_SIZE) != 0 || n < 1 || n > SLOT_MAX)
		return ERR_FORMAT;
	for (r->n = 0; r->n < n; r->n++)
		if (!slot_parse(&in, &r->slots[r->n]))
			return ERR_FORMAT;
	take_bytes(&in, MAC_SIZE);
	return dec_done(&in) ? 0 : ERR_FORMAT;
}

static int table_verify(const struct root *r, const struct secret *table)
{
	uint8_t mac[MAC_SIZE];
	size_t len = table->len - MAC_SIZE;
	int e = table_mac(r, table, len, mac);

	if (e)
		return e;
	return sodium_memcmp(mac, table->data + len, MAC_SIZE) == 0 ? 0 : ERR_AUTH;
}

/* Checks made on the descriptor that is read, not on a path that may change in between. */
static int table_read(const char *path, struct secret **out)
{
	FD_CLEANUP int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	SECRET_CLEANUP struct secret *table = NULL;
	struct stat st;
	int e;

	if (fd < 0 && errno == ENOENT)
		return ERR_NOENT;
	if (fd < 0)
		return errno == ELOOP ? ERR_MODE : ERR_IO;
	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode))
		return ERR_FORMAT;
	if ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0))
		return ERR_MODE;
	e = secret_alloc(TABLE_MAX + 1, &table);
	if (!e)
		e = io_read(fd, table->data, table->cap, &table->len);
	if (e)
		return e;
	if (table->len > TABLE_MAX)
		return ERR_FORMAT;
	*out = table;
	table = NULL;
	return 0;
}

/* --- opening -------------------------------------------------------------- */

static int open_file(struct root *r, const struct slot *s)
{
	return unwrap(&s->info, s->payload, s->payload + KEY_SIZE, r->key);
}

static int open_passphrase(struct root *r, const struct slot *s, const struct secret *phrase,
			   struct work *w)
{
	int e = stretch(phrase, s->payload, w->key);

	return e ? e : unwrap(&s->info, w->key, s->payload + crypto_pwhash_SALTBYTES + 16, r->key);
}

/* w holds the pair of the code that was typed. */
static int open_recovery(struct root *r, const struct slot *s, const struct work *w)
{
	if (sodium_memcmp(s->payload, w->pk, sizeof(w->pk)) != 0)
		return ERR_PASSPHRASE;
	if (crypto_box_seal_open(r->key, s->payload + sizeof(w->pk),
				 ROOT_SIZE + crypto_box_SEALBYTES, w->pk, w->sk) != 0)
		return ERR_PASSPHRASE;
	return 0;
}

/* A file slot's key lies beside it: where there are some, and none opens, they were altered. */
static int open_slots(struct root *r, enum slot_type type, const struct secret *phrase,
		      struct work *w)
{
	int e = ERR_PASSPHRASE;
	bool tried = false;

	for (size_t i = 0; i < r->n && e == ERR_PASSPHRASE; i++) {
		const struct slot *s = &r->slots[i];

		if (s->info.type != type)
			continue;
		tried = true;
		if (type == SLOT_FILE)
			e = open_file(r, s);
		else if (type == SLOT_PASSPHRASE)
			e = open_passphrase(r, s, phrase, w);
		else
			e = open_recovery(r, s, w);
	}
	return e == ERR_PASSPHRASE && type == SLOT_FILE && tried ? ERR_AUTH : e;
}

/* What is a well-formed code costs nothing to try, so it goes before the passphrases. */
static int unlock(struct root *r, const struct secret *phrase)
{
	WORK_CLEANUP struct work *w = NULL;
	int e = secret_new(sizeof(*w), (void **)&w);

	if (e)
		return e;
	if (!phrase)
		return open_slots(r, SLOT_FILE, NULL, w);
	e = recovery_decode(phrase, w->seed);
	if (!e) {
		crypto_box_seed_keypair(w->pk, w->sk, w->seed);
		e = open_slots(r, SLOT_RECOVERY, phrase, w);
	}
	return e == ERR_PASSPHRASE ? open_slots(r, SLOT_PASSPHRASE, phrase, w) : e;
}

int root_open(const char *path, const struct secret *phrase, struct root **out)
{
	SECRET_CLEANUP struct secret *table = NULL;
	ROOT_CLEANUP struct root *r = NULL;
	int e = table_read(path, &table);

	if (!e)
		e = secret_new(sizeof(*r), (void **)&r);
	if (!e)
		e = table_parse(table, r);
	if (!e)
		e = unlock(r, phrase);
	if (!e)
		e = table_verify(r, table);
	if (e)
		return e;
	*out = r;
	r = NULL;
	return 0;
}

int root_generate(struct root **out)
{
	struct root *r;
	int e = secret_new(sizeof(*r), (void **)&r);

	if (e)
		return e;
	randombytes_buf(r->key, sizeof(r->key));
	*out = r;
	return 0;
}

void root_close(struct root *r)
{
	secret_delete(r);
}

/* --- slots ---------------------------------------------------------------- */

/* A slot for label at the table's end; it counts once slot_commit has been called. */
static int slot_new(struct root *r, enum slot_type type, const char *label, struct slot **out)
{
	struct slot *s = &r->slots[r->n];

	if (r->n == SLOT_MAX)
		return ERR_TOOBIG;
	if (name_check_component(label, SLOT_LABEL) != 0)
		return ERR_NAME;
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->slots[i].info.label, label) == 0)
			return ERR_EXIST;
	memset(s, 0, sizeof(*s));
	s->info.type = type;
	s->info.created = (uint64_t)time(NULL);
	memcpy(s->info.label, label, strlen(label));
	*out = s;
	return 0;
}

static void slot_commit(struct root *r)
{
	r->n++;
}

int root_add_file(struct root *r, const char *label)
{
	struct slot *s;
	int e = slot_new(r, SLOT_FILE, label, &s);

	if (e)
		return e;
	randombytes_buf(s->payload, KEY_SIZE);
	wrap(r, &s->info, s->payload, s->payload + KEY_SIZE);
	slot_commit(r);
	return 0;
}

int root_add_passphrase(struct root *r, const char *label, const struct secret *phrase)
{
	WORK_CLEANUP struct work *work = NULL;
	struct enc limits;
	struct slot *s;
	int e;

	if (phrase->len == 0)
		return ERR_INVAL;
	e = slot_new(r, SLOT_PASSPHRASE, label, &s);
	if (!e)
		e = secret_new(sizeof(*work), (void **)&work);
	if (e)
		return e;
	randombytes_buf(s->payload, crypto_pwhash_SALTBYTES);
	limits = enc_over(s->payload + crypto_pwhash_SALTBYTES, 16);
	put_u64(&limits, crypto_pwhash_OPSLIMIT_MODERATE);
	put_u64(&limits, crypto_pwhash_MEMLIMIT_MODERATE);
	e = stretch(phrase, s->payload, work->key);
	if (e)
		return e;
	wrap(r, &s->info, work->key, s->payload + crypto_pwhash_SALTBYTES + 16);
	slot_commit(r);
	return 0;
}

int root_add_recovery(struct root *r, const char *label, struct secret **code)
{
	WORK_CLEANUP struct work *w = NULL;
	struct slot *s;
	int e = slot_new(r, SLOT_RECOVERY, label, &s);

	if (!e)
		e = secret_new(sizeof(*w), (void **)&w);
	if (e)
		return e;
	randombytes_buf(w->seed, sizeof(w->seed));
	crypto_box_seed_keypair(w->pk, w->sk, w->seed);
	memcpy(s->payload, w->pk, sizeof(w->pk));
	if (crypto_box_seal(s->payload + sizeof(w->pk), r->key, ROOT_SIZE, w->pk) != 0)
		return ERR_INVAL;
	e = recovery_encode(w->seed, code);
	if (e)
		return e;
	slot_commit(r);
	return 0;
}

int root_remove(struct root *r, size_t index)
{
	if (index >= r->n)
		return ERR_NOENT;
	if (r->n == 1)
		return ERR_INVAL;
	r->n--;
	memmove(&r->slots[index], &r->slots[index + 1], (r->n - index) * sizeof(r->slots[0]));
	sodium_memzero(&r->slots[r->n], sizeof(r->slots[0]));
	return 0;
}

size_t root_slots(const struct root *r)
{
	return r->n;
}

struct slot_info root_slot(const struct root *r, size_t index)
{
	return index < r->n ? r->slots[index].info : (struct slot_info){0};
}

/* --- the rest ------------------------------------------------------------- */

int root_save(const struct root *r, const char *path, bool excl)
{
	SECRET_CLEANUP struct secret *table = NULL;
	int e;

	if (r->n == 0)
		return ERR_INVAL;
	e = table_build(r, &table);
	return e ? e : paths_write(path, table->data, table->len, 0400, excl);
}

int root_keys(const struct root *r, struct root_keys **out)
{
	return keys_open(r->key, out);
}
