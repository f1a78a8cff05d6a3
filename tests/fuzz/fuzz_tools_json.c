/* SPDX-License-Identifier: ISC */
/* JSON to be imported, a Kubernetes Secret among it. */
#include "fuzz.h"
#include "json.h"
#include "parse.h"

static const char plain[] =
	"{\"A\": \"text\", \"g/B\": {\"c\": [1, -2.5e3, null, true]}, \"D\": \"\\u00e9\\n\"}";
static const char secret[] =
	"{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"db\"},"
	" \"type\": \"kubernetes.io/dockerconfigjson\", \"data\": {\".dockerconfigjson\": \"e30=\"},"
	" \"stringData\": {\"a\": \"b\"}}";
static const char list[] =
	"{\"kind\": \"List\", \"items\": [{\"apiVersion\": \"v1\", \"kind\": \"Secret\","
	" \"metadata\": {\"name\": \"db\"}, \"data\": {\"a\": \"Yg==\"}}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SECRET_CLEANUP struct secret *text = NULL;
	BATCH_CLEANUP struct batch batch = {0};
	const struct parse p = {.batch = &batch, .path = "a.json"};

	fuzz_catch();
	if (secret_from(data, size, &text) != 0)
		return 0;
	(void)!parse_json(&p, text);
	fuzz_check_said();
	for (size_t i = 0; i < batch.n; i++)
		require(name_check(batch.items[i].name) == 0);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	json_init();
	fuzz_specimen(plain, sizeof(plain) - 1);
	fuzz_specimen(secret, sizeof(secret) - 1);
	fuzz_specimen(list, sizeof(list) - 1);
	return 0;
}
