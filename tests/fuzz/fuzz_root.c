/* SPDX-License-Identifier: ISC */
/*
 * The slot table, behind its authentication: slots as the input says, a file slot with the root
 * wrapped rightly if the input says so, and the table authenticated by that root.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "fuzz.h"
#include "root.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

static const uint8_t root[ROOT_SIZE] = "the root of this target, 32 byte";
static struct root_keys *keys;
static struct secret *phrase;

static void put_file_payload(struct enc *w, uint8_t type, const char *label)
{
	uint8_t key[32] = {1}, nonce[NONCE] = {2}, ad[64], box[ROOT_SIZE + 16];
	struct enc a = enc_over(ad, sizeof(ad));

	put_bytes(&a, "sfs1slot", 8);
	put_u8(&a, type);
	put_bytes(&a, label, strlen(label));
	crypto_aead_xchacha20poly1305_ietf_encrypt(box, NULL, root, sizeof(root), ad, a.len, NULL,
						   nonce, key);
	put_bytes(w, key, sizeof(key));
	put_bytes(w, nonce, sizeof(nonce));
	put_bytes(w, box, sizeof(box));
}

/* What Argon2id is to spend is small, or more than is borne. */
static void put_passphrase_payload(struct enc *w, struct dec *in)
{
	uint8_t rest[16 + NONCE + ROOT_SIZE + 16];
	uint8_t big = take_u8(in);

	take_copy(in, rest, sizeof(rest));
	put_bytes(w, rest, 16);
	put_u64(w, big & 1 ? UINT64_MAX : 1);
	put_u64(w, big & 2 ? UINT64_MAX - 1 : 8192);
	put_bytes(w, rest + 16, sizeof(rest) - 16);
}

static void put_slot(struct enc *w, struct dec *in)
{
	uint8_t type = take_u8(in) % 5, how = take_u8(in), bytes[112];
	char label[40];

	take_str8(in, label, sizeof(label));
	put_u8(w, type);
	put_str8(w, label);
	put_u64(w, take_u64(in));
	put_u16(w, how & 2 ? take_u16(in) : type == SLOT_RECOVERY ? 112 : 104);
	if (type == SLOT_FILE && (how & 1)) {
		put_file_payload(w, type, label);
	} else if (type == SLOT_PASSPHRASE) {
		put_passphrase_payload(w, in);
	} else {
		take_copy(in, bytes, sizeof(bytes));
		put_bytes(w, bytes, type == SLOT_RECOVERY ? 112 : 104);
	}
}

static void check(struct root *r, const struct secret *with)
{
	KEYS_CLEANUP struct root_keys *k = NULL;
	struct root *again = NULL;

	ok(root_keys(r, &k));
	require(memcmp(k->pk, keys->pk, sizeof(k->pk)) == 0);
	require(root_slots(r) >= 1 && root_slots(r) <= SLOT_MAX);
	for (size_t i = 0; i < root_slots(r); i++)
		require(strnlen(root_slot(r, i).label, SLOT_LABEL + 1) <= SLOT_LABEL);
	ok(root_save(r, "again", false));
	require(root_open("again", with, &again) == 0);
	root_close(again);
	root_close(r);
}

/* Did the table open? */
static bool judge(const uint8_t *data, size_t size)
{
	ENC_CLEANUP struct enc w = {0};
	struct dec in = dec_of(data, size);
	struct root *r;
	uint8_t mac[32], count = take_u8(&in) % (SLOT_MAX + 2), how = take_u8(&in);

	put_bytes(&w, "sfs1slot", 8);
	put_u8(&w, count);
	for (unsigned i = 0; i < count; i++)
		put_slot(&w, &in);
	put_bytes(&w, in.p, (size_t)(in.end - in.p)); /* mostly nothing */
	crypto_generichash(mac, sizeof(mac), w.data, w.len, keys->slots, sizeof(keys->slots));
	put_bytes(&w, mac, sizeof(mac));
	fixture_spit("table", w.data, w.len);
	if (root_open("table", how & 1 ? phrase : NULL, &r) != 0)
		return false;
	check(r, how & 1 ? phrase : NULL);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)judge(data, size);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fuzz_store(false);
	ok(keys_open(root, &keys));
	ok(secret_from((const uint8_t *)"a phrase", 8, &phrase));
	require(judge((const uint8_t *)"\1\0\1\1\4file\0\0\0\0\0\0\0\0", 17));
	fuzz_specimen("\1\0\1\1\4file\0\0\0\0\0\0\0\0", 17);
	fuzz_specimen("\2\1\2\0\1p\0\0\0\0\0\0\0\0", 14);
	return 0;
}
