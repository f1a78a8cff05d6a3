/* SPDX-License-Identifier: ISC */
/* Pages and their records: one that passes can be walked, searched, and written again the same. */
#include "fuzz.h"
#include "page.h"

static void walk(const struct blob *body)
{
	ENC_CLEANUP struct enc w = {0};
	struct page_cursor c = page_walk(body);
	struct record rec, found;

	while (page_next(&c, &rec)) {
		require(name_check(rec.name) == 0 && rec.type < RECORD_TYPES);
		require(rec.nversions >= 1 && rec.nversions <= VERSIONS_MAX);
		require(page_find(body, rec.name, &found) == 0);
		require(strcmp(rec.name, found.name) == 0);
		page_put(&w, &rec);
	}
	require(!c.bad && !w.failed);
	require(w.len == body->len && (!w.len || memcmp(w.data, body->data, w.len) == 0));
}

/* Was it taken? */
static bool judge(const uint8_t *data, size_t size)
{
	struct blob body = {malloc(size + 1), size};
	struct page_cursor c;
	struct record rec;
	char last[NAME_SIZE];
	bool taken;

	require(body.data);
	memcpy(body.data, data, size);
	c = page_walk(&body);
	taken = page_next(&c, &rec) && page_check(&body, rec.name, NULL, last) == 0;
	if (taken)
		walk(&body);
	blob_free(&body);
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)judge(data, size);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = {"a/b", "a/c/D", "A0", "KEY"};
	ENC_CLEANUP struct enc w = {0};

	(void)argc, (void)argv;
	for (unsigned i = 0; i < 4; i++) {
		struct record rec = {.nversions = 1 + i, .created = 1, .expires = i};

		for (unsigned v = 0; v <= i; v++)
			rec.versions[v] = (struct version){
				.set_epoch = 9 - v, .time = 9 - v, .gen = 1, .len = 5};
		snprintf(rec.name, sizeof(rec.name), "%s", names[i]);
		if (i == 1)
			snprintf(rec.env, sizeof(rec.env), "AN_ENV");
		rec.type = (uint8_t)(i % RECORD_TYPES);
		page_put(&w, &rec);
	}
	require(judge(w.data, w.len));
	fuzz_specimen(w.data, w.len);
	return 0;
}
