/* SPDX-License-Identifier: ISC */
#include "traces.h"

#include <string.h>

#include "commit.h"

struct traces {
	struct backend *b;
	struct keyring *k;
};

/* A first commit may be what a killed genesis left. */
static int is_later_commit(void *arg, const char *key)
{
	const struct traces *t = arg;
	COMMIT_CLEANUP struct commit c;
	uint8_t id[HASH_SIZE];
	size_t len;

	commit_init(&c);
	if (sodium_hex2bin(id, sizeof(id), strrchr(key, '/') + 1, 2 * HASH_SIZE, NULL, &len, NULL))
		return 0;
	return len == HASH_SIZE && commit_get(t->b, t->k, id, &c) == 0 && c.epoch > 1;
}

int traces_judge(struct backend *b, struct keyring *k, const struct floor *floor)
{
	struct traces t = {b, k};
	char prefix[BACKEND_KEY_SIZE] = "objects/";
	uint8_t id[HASH_SIZE];
	int r;

	if (floor && floor->epoch)
		return ERR_STALE;
	sodium_bin2hex(prefix + 8, sizeof(prefix) - 8, k->scope_id, SCOPE_ID_SIZE);
	r = b->ops->list(b, prefix, is_later_commit, &t);
	if (r <= 0)
		return r < 0 ? r : ERR_NOENT;
	/* Or somebody has just made it. */
	r = ref_get(b, k, 0, id, NULL);
	return r == ERR_NOENT ? ERR_STALE : r;
}
