/* SPDX-License-Identifier: ISC */
/* Dotenv files to be imported. */
#include "fuzz.h"
#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SECRET_CLEANUP struct secret *text = NULL;
	BATCH_CLEANUP struct batch batch = {0};
	const struct parse p = {.batch = &batch, .path = ".env"};

	fuzz_catch();
	if (secret_from(data, size, &text) != 0)
		return 0;
	(void)!parse_dotenv(&p, text);
	fuzz_check_said();
	for (size_t i = 0; i < batch.n; i++)
		require(name_check(batch.items[i].name) == 0 &&
			batch.items[i].value.len <= text->len);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char specimen[] =
		"# of\nA=b\nexport B='c d' # e\nC=\"f\\n\\\"g\ng\"\n\nD= h \n";

	(void)argc, (void)argv;
	fuzz_specimen(specimen, sizeof(specimen) - 1);
	return 0;
}
