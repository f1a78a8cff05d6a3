/* SPDX-License-Identifier: ISC */
/* A reader that runs, and shares pages with the commit before, judges like one that starts. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void judge(struct backend *b, struct bundle *mount, struct snapshot *prev, int wanted)
{
	SNAPSHOT_CLEANUP struct snapshot *running = NULL, *starting = NULL;
	struct keyring *k = mount->rings[3];

	ok(snapshot_open(b, k, &mount->floors[3], &running));
	ok(snapshot_open(b, k, &mount->floors[3], &starting));
	fixture_is(wanted, snapshot_load(b, k, starting, NULL), "starting", __FILE__, __LINE__);
	fixture_is(wanted, snapshot_load(b, k, running, prev), "running", __FILE__, __LINE__);
}

static void between_new_neighbours(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *m = NULL, *mount = NULL;
	SNAPSHOT_CLEANUP struct snapshot *prev = NULL;
	COMMIT_CLEANUP struct commit next;
	struct commit_page *pages;

	commit_init(&next);
	fixture_put(f, "alpha", "development", "b/token", "good");
	fixture_put(f, "alpha", "development", "c", "good");
	m = fixture_writer(f, "alpha", "development", "mallory", NULL);
	mount = fixture_reader(f, "alpha", "development", NULL);
	ok(snapshot_open(f->b, mount->rings[3], &mount->floors[3], &prev));
	ok(snapshot_load(f->b, mount->rings[3], prev, NULL));
	ok(commit_follow(f->b, m->rings[0], &prev->commit, &next));
	fixture_publish(f->b, m->rings[0], &next);
	judge(f->b, mount, prev, 0);

	/* The page starts with b/token. */
	free(next.pages[0].first);
	next.pages[0].first = strdup("bzzz");
	fixture_publish(f->b, m->rings[0], &next);
	judge(f->b, mount, prev, ERR_AUTH);

	/* It ends with c, and the next one begins before that. */
	free(next.pages[0].first);
	next.pages[0].first = strdup("b/token");
	pages = realloc(next.pages, 2 * sizeof(*pages));
	assert_non_null(pages);
	next.pages = pages;
	next.pages[1] = next.pages[0];
	next.pages[1].first = strdup("bzzz");
	next.npages = 2;
	fixture_publish(f->b, m->rings[0], &next);
	judge(f->b, mount, prev, ERR_AUTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(between_new_neighbours, fixture_memory,
						fixture_end),
	};

	return cmocka_run_group_tests_name("shared pages", tests, NULL, NULL);
}
