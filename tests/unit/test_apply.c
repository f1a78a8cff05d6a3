/* SPDX-License-Identifier: ISC */
/* The write path: batches, pages, history, conflicts, sweeping, grants, rotation, restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ancestry.h"
#include "apply.h"
#include "bundle.h"
#include "object.h"
#include "registry.h"
#include "rotate.h"
#include "scratch.h"
#include "value.h"

struct world {
	struct backend *b;
	struct root_keys *root;
	struct scope scope;
	struct keyring *admin;
};

static int setup(void **state)
{
	static const uint8_t root[ROOT_SIZE] = {7};
	struct world *w = calloc(1, sizeof(*w));
	struct apply_result result;

	scratch_enter();
	assert_int_equal(backend_dir_open("store", 1, &w->b), 0);
	assert_int_equal(keys_open(root, &w->root), 0);
	assert_int_equal(scope_set(&w->scope, "flytesnacks", "development"), 0);
	assert_int_equal(keyring_from_root(w->root, &w->scope, &w->admin), 0);
	assert_int_equal(apply_genesis(w->b, w->admin, &result), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	keyring_free(w->admin);
	keys_close(w->root);
	backend_close(w->b);
	free(w);
	scratch_leave();
	return 0;
}

static struct secret *text(const char *s)
{
	struct secret *v;

	assert_int_equal(secret_from((const uint8_t *)s, strlen(s), &v), 0);
	return v;
}

static int set(struct world *w, enum change_op op, const char *name, const char *value,
	       const struct apply_options *opt)
{
	SECRET_CLEANUP struct secret *v = value ? text(value) : NULL;
	struct change c = {.op = op, .name = name, .value = v};
	struct apply_result result;

	return apply_changes(w->b, w->admin, opt, &c, 1, &result);
}

static struct snapshot *newest(struct world *w)
{
	struct snapshot *s;

	assert_int_equal(snapshot_open(w->b, w->admin, NULL, &s), 0);
	assert_int_equal(snapshot_load(w->b, w->admin, s, NULL), 0);
	assert_int_equal(snapshot_complete(w->b, w->admin, s, NULL), 0);
	return s;
}

static void assert_value(struct world *w, struct keyring *k, const char *name, const char *value)
{
	SNAPSHOT_CLEANUP struct snapshot *s = newest(w);
	SECRET_CLEANUP struct secret *v = NULL;
	struct record rec;

	assert_int_equal(snapshot_find(w->b, k, s, name, &rec), 0);
	assert_int_equal(value_get(w->b, k, &rec.versions[0], name, &v), 0);
	assert_int_equal(v->len, strlen(value));
	assert_memory_equal(v->data, value, v->len);
}

static void names_are_one_in_any_case(void **state)
{
	struct world *w = *state;
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct record rec;

	assert_int_equal(set(w, CHANGE_CREATE, "MyKey", "a", NULL), 0);
	assert_int_equal(set(w, CHANGE_CREATE, "mykey", "b", NULL), ERR_EXIST);
	assert_int_equal(set(w, CHANGE_UPDATE, "MYKEY", "c", NULL), 0);
	assert_int_equal(set(w, CHANGE_UPDATE, "other", "c", NULL), ERR_NOENT);
	assert_int_equal(set(w, CHANGE_DELETE, "other", NULL, NULL), ERR_NOENT);
	s = newest(w);
	assert_int_equal(snapshot_find(w->b, w->admin, s, "mYkEY", &rec), 0);
	assert_string_equal(rec.name, "MyKey");
	assert_int_equal(rec.nversions, 2);
	assert_value(w, w->admin, "mykey", "c");
}

static void a_path_is_file_or_directory(void **state)
{
	struct world *w = *state;
	SECRET_CLEANUP struct secret *v = text("v");
	struct change batch[] = {
		{.op = CHANGE_DELETE, .name = "a/b"},
		{.op = CHANGE_CREATE, .name = "A", .value = v},
	};
	struct apply_result result;

	assert_int_equal(set(w, CHANGE_CREATE, "a/b", "v", NULL), 0);
	assert_int_equal(set(w, CHANGE_CREATE, "a-b", "v", NULL), 0);
	assert_int_equal(set(w, CHANGE_CREATE, "a.b", "v", NULL), 0);
	assert_int_equal(set(w, CHANGE_CREATE, "A", "v", NULL), ERR_NOTDIR);
	assert_int_equal(set(w, CHANGE_CREATE, "a/B/c", "v", NULL), ERR_NOTDIR);
	assert_int_equal(set(w, CHANGE_CREATE, "a-b/c", "v", NULL), ERR_NOTDIR);
	/* One batch may turn the one into the other. */
	assert_int_equal(apply_changes(w->b, w->admin, NULL, batch, 2, &result), 0);
	assert_value(w, w->admin, "a", "v");
}

static void a_batch_is_all_or_nothing(void **state)
{
	struct world *w = *state;
	SECRET_CLEANUP struct secret *v = text("v");
	struct change batch[] = {
		{.op = CHANGE_CREATE, .name = "one", .value = v},
		{.op = CHANGE_UPDATE, .name = "missing", .value = v},
		{.op = CHANGE_CREATE, .name = "two", .value = v},
	};
	struct apply_result result;
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct record rec;

	assert_int_equal(apply_changes(w->b, w->admin, NULL, batch, 3, &result), ERR_NOENT);
	assert_int_equal(result.failed, 1);
	s = newest(w);
	assert_int_equal(s->commit.epoch, 1);
	assert_int_equal(snapshot_find(w->b, w->admin, s, "one", &rec), ERR_NOENT);
	batch[1].name = "ONE";
	assert_int_equal(apply_changes(w->b, w->admin, NULL, batch, 3, &result), ERR_INVAL);
	batch[1].name = ".hidden";
	assert_int_equal(apply_changes(w->b, w->admin, NULL, batch, 3, &result), ERR_NAME);
	assert_int_equal(result.failed, 1);
}

/* A failed batch leaves no object behind. */
static int count_key(void *arg, const char *key)
{
	(void)key;
	++*(size_t *)arg;
	return 0;
}

static size_t objects(struct world *w)
{
	char prefix[BACKEND_KEY_SIZE] = "objects/";
	size_t n = 0;

	sodium_bin2hex(prefix + 8, sizeof(prefix) - 8, w->admin->scope_id, SCOPE_ID_SIZE);
	assert_int_equal(w->b->ops->list(w->b, prefix, count_key, &n), 0);
	return n;
}

static void a_failed_batch_leaves_no_strays(void **state)
{
	struct world *w = *state;
	SECRET_CLEANUP struct secret *v = text("v");
	struct change batch[] = {
		{.op = CHANGE_CREATE, .name = "zzz", .value = v},
		{.op = CHANGE_UPDATE, .name = "aaa", .value = v},
	};
	struct apply_result result;
	size_t before = objects(w);

	assert_int_equal(apply_changes(w->b, w->admin, NULL, batch, 2, &result), ERR_NOENT);
	assert_int_equal(objects(w), before);
}

#define MANY 3000

static void pages_split_and_stay_in_order(void **state)
{
	struct world *w = *state;
	SECRET_CLEANUP struct secret *v = text("v");
	struct change *batch = calloc(MANY, sizeof(*batch));
	char(*names)[32] = calloc(MANY, sizeof(*names));
	struct apply_result result;
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	char last[NAME_SIZE] = "";
	size_t n = 0;

	for (size_t i = 0; i < MANY; i++) { /* out of order on purpose: 7919 is prime to MANY */
		snprintf(names[i], sizeof(names[i]), "group%zu/key-%04zu", i % 3,
			 (i * 7919) % MANY);
		batch[i] = (struct change){.op = CHANGE_CREATE, .name = names[i], .value = v};
	}
	assert_int_equal(apply_changes(w->b, w->admin, NULL, batch, MANY, &result), 0);
	for (size_t i = 0; i < MANY; i += 2)
		batch[i].op = CHANGE_REPLACE;
	for (size_t i = 1; i < MANY; i += 2)
		batch[i] = (struct change){.op = CHANGE_DELETE, .name = names[i]};
	assert_int_equal(apply_changes(w->b, w->admin, NULL, batch, MANY, &result), 0);
	s = newest(w);
	assert_true(s->commit.npages > 1);
	for (size_t i = 0; i < s->commit.npages; i++) {
		struct page_cursor c = page_walk(&s->pages[i]->body);
		struct record rec;

		assert_true(s->pages[i]->body.len <= PAGE_MAX);
		while (page_next(&c, &rec)) {
			assert_true(name_cmp(last, rec.name) < 0);
			memcpy(last, rec.name, sizeof(last));
			assert_int_equal(rec.nversions, 2);
			n++;
		}
	}
	assert_int_equal(n, MANY / 2);
	free(names);
	free(batch);
}

static void history_is_kept_and_no_more(void **state)
{
	struct world *w = *state;
	struct apply_options opt = {.history = 3};
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	SECRET_CLEANUP struct secret *v = NULL;
	struct record rec;
	char value[] = "0";

	assert_int_equal(set(w, CHANGE_CREATE, "k", value, &opt), 0);
	for (value[0] = '1'; value[0] <= '5'; value[0]++)
		assert_int_equal(set(w, CHANGE_UPDATE, "k", value, &opt), 0);
	s = newest(w);
	assert_int_equal(snapshot_find(w->b, w->admin, s, "k", &rec), 0);
	assert_int_equal(rec.nversions, 3);
	assert_int_equal(value_get(w->b, w->admin, &rec.versions[2], "k", &v), 0);
	assert_int_equal(v->data[0], '3');
	assert_true(rec.versions[0].time > rec.versions[1].time);
}

/* Two processes write the same scope at once: both win in the end, every update is there. */
static void concurrent_writers_lose_nothing(void **state)
{
	struct world *w = *state;
	enum { EACH = 60 };
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct record rec;
	pid_t pids[2];
	int status;

	for (int p = 0; p < 2; p++) {
		pids[p] = fork();
		if (pids[p] == 0) {
			/* Locks and descriptors of the parent are not the child's: open anew. */
			static const uint8_t root[ROOT_SIZE] = {7};
			struct world own = {.scope = w->scope};
			int r = backend_dir_open("store", 0, &own.b);

			if (r == 0)
				r = keys_open(root, &own.root);
			if (r == 0)
				r = keyring_from_root(own.root, &own.scope, &own.admin);
			for (int i = 0; r == 0 && i < EACH; i++) {
				char name[32];

				snprintf(name, sizeof(name), "p%d-%d", p, i);
				r = set(&own, CHANGE_CREATE, name, "v", NULL);
			}
			_exit(r == 0 ? 0 : 1);
		}
	}
	for (int p = 0; p < 2; p++) {
		assert_int_equal(waitpid(pids[p], &status, 0), pids[p]);
		assert_int_equal(status, 0);
	}
	s = newest(w);
	assert_int_equal(s->commit.epoch, 1 + 2 * EACH);
	for (int p = 0; p < 2; p++) {
		char name[32];

		snprintf(name, sizeof(name), "p%d-%d", p, EACH - 1);
		assert_int_equal(snapshot_find(w->b, w->admin, s, name, &rec), 0);
	}
}

/* Every ancestor is found through the jump pointers, and is the one that was. */
static void every_ancestor_is_reached(void **state)
{
	struct world *w = *state;
	enum { N = 70 };
	uint8_t ids[N + 1][HASH_SIZE];
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;

	for (int i = 1; i <= N; i++) {
		SNAPSHOT_CLEANUP struct snapshot *at = newest(w);

		assert_int_equal(at->commit.epoch, i);
		memcpy(ids[i], at->commit.id, HASH_SIZE);
		assert_int_equal(set(w, CHANGE_REPLACE, "k", "v", NULL), 0);
	}
	s = newest(w);
	for (int i = 1; i <= N; i++) {
		COMMIT_CLEANUP struct commit at;

		commit_init(&at);
		assert_int_equal(ancestry_at(w->b, w->admin, &s->commit, (uint64_t)i, &at), 0);
		assert_memory_equal(at.id, ids[i], HASH_SIZE);
	}
}

static bool there(struct world *w, const uint8_t id[static HASH_SIZE])
{
	BLOB_CLEANUP struct blob sealed = {0};

	return object_fetch(w->b, w->admin, id, &sealed) == 0;
}

static void retired_objects_go_after_the_grace(void **state)
{
	struct world *w = *state;
	struct apply_options keep = {.history = 1}, soon = {.history = 1, .grace = 1};
	struct record rec;
	uint8_t first[HASH_SIZE];
	struct snapshot *s;

	assert_int_equal(set(w, CHANGE_CREATE, "k", "one", &keep), 0);
	s = newest(w);
	assert_int_equal(snapshot_find(w->b, w->admin, s, "k", &rec), 0);
	memcpy(first, rec.versions[0].id, HASH_SIZE);
	snapshot_close(s);
	for (int i = 0; i < 40; i++)
		assert_int_equal(set(w, CHANGE_UPDATE, "k", "two", &keep), 0);
	assert_true(there(w, first)); /* retired, but within the grace time */
	sleep(3);
	assert_int_equal(set(w, CHANGE_UPDATE, "k", "three", &soon), 0);
	assert_false(there(w, first));
	assert_value(w, w->admin, "k", "three");
}

static void a_writer_writes_its_scope_and_reads_nothing(void **state)
{
	struct world *w = *state;
	BUNDLE_CLEANUP struct bundle *ci = NULL;
	SECRET_CLEANUP struct secret *v = text("from ci"), *got = NULL;
	struct change c = {.op = CHANGE_CREATE, .name = "ci", .value = v};
	struct grant_writer gone = {.name = "ci"};
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct apply_result result;
	struct record rec;

	assert_int_equal(bundle_mint_writer(w->b, w->root, "state", &w->scope, "ci", &ci), 0);
	assert_int_equal(bundle_save(ci, "ci.bundle"), 0);
	bundle_free(ci);
	assert_int_equal(bundle_open("ci.bundle", &ci), 0);
	assert_int_equal(apply_changes(w->b, ci->rings[0], NULL, &c, 1, &result), 0);
	assert_value(w, w->admin, "ci", "from ci");
	assert_int_equal(snapshot_open(w->b, ci->rings[0], &ci->floors[0], &s), 0);
	assert_int_equal(snapshot_find(w->b, ci->rings[0], s, "ci", &rec), 0);
	assert_int_equal(value_get(w->b, ci->rings[0], &rec.versions[0], "ci", &got), ERR_DENIED);
	assert_int_equal(apply_grant(w->b, w->admin, NULL, &gone, true, &result), 0);
	c.op = CHANGE_UPDATE;
	assert_int_equal(apply_changes(w->b, ci->rings[0], NULL, &c, 1, &result), ERR_DENIED);
	memcpy(gone.name, "root", 5);
	assert_int_equal(apply_grant(w->b, w->admin, NULL, &gone, true, &result), ERR_DENIED);
}

static void rotation_in_two_phases(void **state)
{
	struct world *w = *state;
	BUNDLE_CLEANUP struct bundle *old = NULL, *both = NULL, *new = NULL;
	SECRET_CLEANUP struct secret *got = NULL;
	struct apply_result result;
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct record rec;

	assert_int_equal(set(w, CHANGE_CREATE, "k", "one", NULL), 0);
	assert_int_equal(set(w, CHANGE_UPDATE, "k", "two", NULL), 0);
	assert_int_equal(rotate_finish(w->b, w->admin, NULL, &result), ERR_NOENT);
	assert_int_equal(bundle_mint_reader(w->b, w->root, NULL, &w->scope, &old), 0);
	assert_int_equal(rotate_begin(w->b, w->admin, NULL, &result), 0);
	assert_int_equal(rotate_begin(w->b, w->admin, NULL, &result), ERR_EXIST);
	assert_int_equal(bundle_mint_reader(w->b, w->root, NULL, &w->scope, &both), 0);
	assert_int_equal(bundle_save(both, "both"), 0);
	bundle_free(both);
	assert_int_equal(bundle_open("both", &both), 0);
	assert_value(w, old->rings[SCOPE_PROJECT_DOMAIN], "k", "two");
	assert_value(w, both->rings[SCOPE_PROJECT_DOMAIN], "k", "two");
	assert_int_equal(rotate_finish(w->b, w->admin, NULL, &result), 0);
	assert_int_equal(bundle_mint_reader(w->b, w->root, NULL, &w->scope, &new), 0);
	assert_value(w, both->rings[SCOPE_PROJECT_DOMAIN], "k", "two");
	assert_value(w, new->rings[SCOPE_PROJECT_DOMAIN], "k", "two");
	assert_int_equal(snapshot_open(w->b, old->rings[SCOPE_PROJECT_DOMAIN], NULL, &s),
			 ERR_GENERATION);
	/* The past came along, and the one with both generations has no gap to walk over. */
	assert_int_equal(snapshot_open(w->b, both->rings[SCOPE_PROJECT_DOMAIN],
				       &both->floors[SCOPE_PROJECT_DOMAIN], &s),
			 0);
	assert_int_equal(snapshot_find(w->b, both->rings[SCOPE_PROJECT_DOMAIN], s, "k", &rec), 0);
	assert_int_equal(rec.nversions, 2);
	assert_int_equal(rec.versions[1].gen, 2);
	assert_int_equal(
		value_get(w->b, new->rings[SCOPE_PROJECT_DOMAIN], &rec.versions[1], "k", &got), 0);
	assert_memory_equal(got->data, "one", 3);
}

static void past_versions_come_along(void **state)
{
	struct world *w = *state;
	SECRET_CLEANUP struct secret *now = text("now"), *then = text("then"), *got = NULL;
	struct change_past past = {.value = then, .time = 5000, .writer = "someone"};
	struct change c = {.op = CHANGE_CREATE,
			   .name = "k",
			   .value = now,
			   .past = &past,
			   .npast = 1,
			   .created = 4000};
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct apply_result result;
	struct record rec;

	assert_int_equal(apply_changes(w->b, w->admin, NULL, &c, 1, &result), 0);
	s = newest(w);
	assert_int_equal(snapshot_find(w->b, w->admin, s, "k", &rec), 0);
	assert_int_equal(rec.nversions, 2);
	assert_int_equal(rec.created, 4000);
	assert_int_equal(rec.versions[1].time, 5000);
	assert_int_equal(value_get(w->b, w->admin, &rec.versions[1], "k", &got), 0);
	assert_memory_equal(got->data, "then", 4);
}

static void copy_tree(const char *from, const char *to)
{
	char cp[] = "cp", flag[] = "-a";
	char *argv[] = {cp, flag, (char *)(uintptr_t)from, (char *)(uintptr_t)to, NULL};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp("cp", argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_restored_backup_needs_the_roots_word(void **state)
{
	struct world *w = *state;
	struct floor passed;
	struct apply_result result;
	SNAPSHOT_CLEANUP struct snapshot *s = NULL, *after = NULL;
	struct floor fork;

	assert_int_equal(set(w, CHANGE_CREATE, "k", "one", NULL), 0);
	copy_tree("store", "backup");
	assert_int_equal(set(w, CHANGE_UPDATE, "k", "two", NULL), 0);
	s = newest(w);
	passed = floor_of(&s->commit);
	snapshot_close(s);
	s = NULL;
	backend_close(w->b);
	assert_int_equal(rename("store", "later"), 0);
	assert_int_equal(rename("backup", "store"), 0);
	assert_int_equal(backend_dir_open("store", 0, &w->b), 0);
	assert_int_equal(snapshot_open(w->b, w->admin, &passed, &s), ERR_STALE);
	assert_int_equal(apply_discontinuity(w->b, w->admin, &passed, &result), 0);
	assert_int_equal(snapshot_open(w->b, w->admin, &passed, &s), 0);
	assert_value(w, w->admin, "k", "one");
	/* Whoever has followed once is past it: a floor from the restart on is a floor like any. */
	fork = result.floor;
	fork.id[0] ^= 1;
	assert_int_equal(snapshot_open(w->b, w->admin, &fork, &after), ERR_STALE);
	assert_int_equal(set(w, CHANGE_UPDATE, "k", "three", NULL), 0);
	assert_int_equal(snapshot_open(w->b, w->admin, &passed, &after), 0);
	snapshot_close(after);
	after = NULL;
	assert_int_equal(snapshot_open(w->b, w->admin, &result.floor, &after), 0);
}

static void registry_declares_once(void **state)
{
	struct world *w = *state;
	REGISTRY_CLEANUP struct registry *reg = NULL;

	assert_int_equal(registry_create(w->b, w->root, "state"), 0);
	assert_int_equal(registry_create(w->b, w->root, "state"), 0);
	assert_int_equal(registry_declare(w->b, w->root, "state", "P", "d"), 0);
	assert_int_equal(registry_declare(w->b, w->root, "state", "p", "e"), 0);
	assert_int_equal(registry_remove(w->b, w->root, "state", NULL, "d"), 0);
	assert_int_equal(registry_remove(w->b, w->root, "state", NULL, "d"), ERR_NOENT);
	assert_int_equal(registry_load(w->b, w->root, "state", &reg), 0);
	assert_int_equal(reg->nprojects, 1);
	assert_int_equal(reg->ndomains, 1);
	assert_true(registry_has_project(reg, "P"));
	assert_false(registry_has_domain(reg, "d"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(names_are_one_in_any_case),
		T(a_path_is_file_or_directory),
		T(a_batch_is_all_or_nothing),
		T(a_failed_batch_leaves_no_strays),
		T(pages_split_and_stay_in_order),
		T(history_is_kept_and_no_more),
		T(concurrent_writers_lose_nothing),
		T(every_ancestor_is_reached),
		T(retired_objects_go_after_the_grace),
		T(a_writer_writes_its_scope_and_reads_nothing),
		T(rotation_in_two_phases),
		T(past_versions_come_along),
		T(a_restored_backup_needs_the_roots_word),
		T(registry_declares_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
