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

	require(body.data);
	memcpy(body.data, data, size);
	c = page_walk(&body);
	if (page_next(&c, &rec) && page_check(&body, rec.name, NULL, last) == 0)
		walk(&body);
	blob_free(&body);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = {"KEY", "a/b", "a/b2", "a/c/d"};
	ENC_CLEANUP struct enc w = {0};

	(void)argc, (void)argv;
	for (unsigned i = 0; i < 4; i++) {
		struct record rec = {.nversions = 1 + i, .created = 1, .expires = i};

		rec.versions[0] = (struct version){.set_epoch = 7, .time = 8, .gen = 1, .len = 5};
		snprintf(rec.name, sizeof(rec.name), "%s", names[i == 0 ? 3 : i - 1]);
		if (i == 1)
			snprintf(rec.env, sizeof(rec.env), "AN_ENV");
		rec.type = (uint8_t)(i % RECORD_TYPES);
		if (i == 0)
			snprintf(rec.name, sizeof(rec.name), "A");
		page_put(&w, &rec);
	}
	require(judge(w.data, w.len));
	fuzz_specimen(w.data, w.len);
	return 0;
}
