/* SPDX-License-Identifier: ISC */
#include "backend.h"

#include <sodium.h>
#include <string.h>

void backend_ref_key(const uint8_t scope_id[static 16], char *out)
{
	memcpy(out, "refs/", 5);
	sodium_bin2hex(out + 5, BACKEND_KEY_SIZE - 5, scope_id, 16);
}

void backend_object_key(const uint8_t scope_id[static 16], const uint8_t id[static 32], char *out)
{
	memcpy(out, "objects/", 8);
	sodium_bin2hex(out + 8, BACKEND_KEY_SIZE - 8, scope_id, 16);
	out[8 + 32] = '/';
	sodium_bin2hex(out + 8 + 33, BACKEND_KEY_SIZE - 8 - 33, id, 32);
}
