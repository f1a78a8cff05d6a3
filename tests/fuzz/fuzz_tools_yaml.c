/* SPDX-License-Identifier: ISC */
/* Kubernetes Secrets as YAML, to be imported. */
#include "fuzz.h"
#include "json.h"
#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SECRET_CLEANUP struct secret *text = NULL;
	BATCH_CLEANUP struct batch batch = {0};
	const struct parse p = {.batch = &batch, .path = "a.yaml"};

	fuzz_catch();
	if (secret_from(data, size, &text) != 0)
		return 0;
	(void)!parse_yaml(&p, text);
	fuzz_check_said();
	for (size_t i = 0; i < batch.n; i++)
		require(name_check(batch.items[i].name) == 0);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char specimen[] =
		"---\napiVersion: v1\nkind: Secret\nmetadata: {name: db, labels: [a, b]}\ntype: Opaque\n"
		"data:\n  password: aHVudGVyMg==\nstringData:\n  user: |\n    admin\n"
		"  other: \"\\u00e9 \\x41\"\n--- # next\nkind: List\nitems:\n"
		"- apiVersion: v1\n  kind: Secret\n  metadata: {name: x}\n  data: {a: Yg==}\n...\n";

	(void)argc, (void)argv;
	json_init();
	fuzz_specimen(specimen, sizeof(specimen) - 1);
	return 0;
}
