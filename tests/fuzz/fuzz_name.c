/* SPDX-License-Identifier: ISC */
/* Names, as they come from command lines, records, archives and lookups. */
#include <strings.h>

#include "fuzz.h"
#include "name.h"

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/* One input is two names with a newline between. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[1024], folded[1024], env[ENV_NAME_SIZE], *b;
	bool valid_a, valid_b;

	if (size >= sizeof(text) || memchr(data, 0, size))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	b = strchr(text, '\n');
	if (b)
		*b++ = '\0';
	else
		b = text;
	valid_a = name_check(text) == 0;
	valid_b = name_check(b) == 0;
	require(!valid_a || (strlen(text) <= NAME_MAX_LEN && *text && *text != '.'));
	require(name_check_component(text, 63) != 0 ||
		(valid_a && !strchr(text, '/') && strlen(text) <= 63));
	if (!valid_a || !valid_b)
		return 0;
	name_fold(text, folded, sizeof(folded));
	require(name_check(folded) == 0 && name_cmp(text, folded) == 0);
	require(sign(name_cmp(text, b)) == -sign(name_cmp(b, text)));
	require((name_cmp(text, b) == 0) == (strcasecmp(text, b) == 0));
	require(!name_is_below(text, b) || name_cmp(b, text) < 0);
	require(name_is_below(text, ""));
	require(name_env(text, env) != 0 || name_check_env(env) == 0);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fuzz_specimen("group/Version-1.2/KEY_x\ngroup/version-1.2", 41);
	return 0;
}
