/* SPDX-License-Identifier: ISC */
#include "passphrase.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "paths.h"
#include "source.h"
#include "ui.h"
#include "errmsg.h"

#define HEX (2 * ARCHIVE_KEY_SIZE)

int passphrase_from_file(const char *path, struct secret **out)
{
	const uint8_t *end;
	int r = source_file(path, out);

	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = path}, r);
	end = memchr((*out)->data, '\n', (*out)->len);
	if (end)
		(*out)->len = (size_t)(end - (*out)->data);
	if ((*out)->len)
		return 0;
	ui_error("%s: its first line is empty", path);
	return STATUS_FAILED;
}

int passphrase_get(const struct call *c, bool new, struct secret **out)
{
	const char *file = call_flag(c, FLAG_PASSPHRASE_FILE);
	int r;

	if (file)
		return passphrase_from_file(file, out);
	r = new ? ui_prompt_new("Passphrase: ", "Again: ", out) : ui_prompt("Passphrase: ", out);
	if (!r && (*out)->len)
		return 0;
	if (r == ERR_CONFLICT)
		ui_error("the two differ; nothing was done");
	else
		ui_error("a passphrase is needed; nothing was done");
	if (r == ERR_NOENT)
		ui_hint("without a terminal give --passphrase-file FILE");
	return STATUS_FAILED;
}

static int from_hex(const char *hex, size_t len, uint8_t *out)
{
	size_t got;

	return len == HEX &&
			       sodium_hex2bin(out, ARCHIVE_KEY_SIZE, hex, len, NULL, &got, NULL) ==
				       0 &&
			       got == ARCHIVE_KEY_SIZE
		       ? 0
		       : ERR_FORMAT;
}

int passphrase_recipient(const struct call *c, const char *hex, uint8_t pk[static ARCHIVE_KEY_SIZE])
{
	if (from_hex(hex, strlen(hex), pk) == 0)
		return 0;
	return ui_usage(c, "a recipient is %d hex digits, as create identity prints them", HEX);
}

int passphrase_identity(const char *path, struct secret **sk)
{
	SECRET_CLEANUP struct secret *line = NULL;
	int r, status = passphrase_from_file(path, &line);

	if (status || !line)
		return status;
	r = secret_alloc(ARCHIVE_KEY_SIZE, sk);
	if (!r) {
		(*sk)->len = ARCHIVE_KEY_SIZE;
		r = from_hex((const char *)line->data, line->len, (*sk)->data);
	}
	return r ? errmsg_fail(&(struct errmsg){.doing = "read the identity", .path = path}, r) : 0;
}

int identity_create(struct call *c)
{
	SECRET_CLEANUP struct secret *text = NULL;
	struct keys {
		uint8_t pk[ARCHIVE_KEY_SIZE], sk[ARCHIVE_KEY_SIZE];
	} * keys;
	char hex[HEX + 1];
	int r = secret_new(sizeof(*keys), (void **)&keys);

	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "make a key"}, r);
	crypto_box_keypair(keys->pk, keys->sk);
	r = secret_alloc(HEX + 1, &text);
	if (!r) {
		sodium_bin2hex((char *)text->data, text->cap, keys->sk, sizeof(keys->sk));
		text->data[HEX] = '\n';
		r = paths_write(c->argv[0], text->data, HEX + 1, 0400, true);
	}
	sodium_bin2hex(hex, sizeof(hex), keys->pk, sizeof(keys->pk));
	secret_delete(keys);
	if (r)
		return errmsg_fail(
			&(struct errmsg){.doing = "write the identity", .path = c->argv[0]}, r);
	printf("identity   %s (keep it where archives are to be restored)\nrecipient  %s\n",
	       c->argv[0], hex);
	return 0;
}
