/* SPDX-License-Identifier: ISC */
/*
 * Invariant 8, the part that needs no disk: every write command, with the backend failing at its
 * first, second, third … write and ever after.  What stands then is the old or the new, never
 * neither, nothing is lost, and the command can be given again.  (SIGKILL, EIO and ENOSPC at system
 * calls: tests/fault.)
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rotate.h"

struct job {
	const char *name;
	int (*run)(struct fixture *f, struct keyring *k);
	int again; /* what it says when it has been done already */
};

static int one(struct fixture *f, struct keyring *k, enum change_op op, const char *name)
{
	SECRET_CLEANUP struct secret *v = NULL;
	struct change c = {.op = op, .name = name};
	struct apply_options opt = {.grace = 1};
	struct apply_result result;

	ok(secret_from((const uint8_t *)"fresh", 5, &v));
	c.value = op == CHANGE_DELETE ? NULL : v;
	return apply_changes(f->b, k, &opt, &c, 1, &result);
}

static int create(struct fixture *f, struct keyring *k)
{
	return one(f, k, CHANGE_CREATE, "new");
}

static int update(struct fixture *f, struct keyring *k)
{
	return one(f, k, CHANGE_UPDATE, "token");
}

static int delete (struct fixture *f, struct keyring *k)
{
	return one(f, k, CHANGE_DELETE, "other");
}

static int batch(struct fixture *f, struct keyring *k)
{
	SECRET_CLEANUP struct secret *v = NULL;
	struct apply_result result;
	struct change c[3] = {{.op = CHANGE_CREATE, .name = "batch/a"},
			      {.op = CHANGE_UPDATE, .name = "token"},
			      {.op = CHANGE_CREATE, .name = "batch/b"}};

	ok(secret_from((const uint8_t *)"fresh", 5, &v));
	c[0].value = c[1].value = c[2].value = v;
	return apply_changes(f->b, k, NULL, c, 3, &result);
}

static int grant(struct fixture *f, struct keyring *k)
{
	struct grant_writer w = {.pk = {1}, .name = "new"};
	struct apply_result result;

	return apply_grant(f->b, k, NULL, &w, false, &result);
}

static int revoke(struct fixture *f, struct keyring *k)
{
	struct grant_writer w = {.name = "ci"};
	struct apply_result result;

	return apply_grant(f->b, k, NULL, &w, true, &result);
}

static int rotation_begins(struct fixture *f, struct keyring *k)
{
	struct apply_result result;

	return rotate_begin(f->b, k, NULL, &result);
}

static int rotation(struct fixture *f, struct keyring *k)
{
	struct apply_result result;
	int r = rotate_begin(f->b, k, NULL, &result);

	return r == 0 || r == ERR_EXIST ? rotate_finish(f->b, k, NULL, &result) : r;
}

static int restart(struct fixture *f, struct keyring *k)
{
	struct floor passed = {.grant_epoch = 7};
	struct apply_result result;

	return apply_discontinuity(f->b, k, &passed, &result);
}

static int declare(struct fixture *f, struct keyring *k)
{
	(void)k;
	return registry_declare(f->b, f->root, NULL, "gamma", "staging");
}

static int mint_elsewhere(struct fixture *f, struct keyring *k)
{
	struct scope s = fixture_scope("gamma", "staging");
	struct bundle *b = NULL;
	int r = bundle_mint_reader(f->b, f->root, NULL, &s, &b);

	(void)k;
	bundle_free(b);
	return r;
}

static int mint_writer(struct fixture *f, struct keyring *k)
{
	struct bundle *b = NULL;
	int r = bundle_mint_writer(f->b, f->root, NULL, &k->scope, "another", &b);

	bundle_free(b);
	return r;
}

/* --- what stands afterwards ------------------------------------------------------------------------ */

static unsigned occurrences(const char *text, const char *word)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
		n++;
	return n;
}

/* How many of the job's values there are: all or none. */
static void judge(struct fixture *f, const struct job *job, struct keyring *k, const char *old,
		  int r)
{
	struct registry *registry;
	unsigned fresh, want = job->run == batch ? 3 : 1;
	char *text;

	ok(fixture_read(f->b, k, NULL, &text));
	fresh = occurrences(text, "fresh");
	if (fresh != 0 && fresh != want) {
		print_error("%s: half of it stands:\n%s", job->name, text);
		fail();
	}
	/* An error other than "unknown" means that nothing was changed. */
	if (r < 0 && r != ERR_UNKNOWN && job->run != rotation && strcmp(text, old) != 0) {
		print_error("%s failed (%s), and yet:\n%s", job->name, err_str(r), text);
		fail();
	}
	assert_non_null(strstr(text, "old value")); /* as a version of history, if nothing else */
	free(text);
	ok(registry_load(f->b, f->root, NULL, &registry));
	assert_true(registry_has_project(registry, "alpha"));
	registry_free(registry);
}

static void fill(struct fixture *f)
{
	for (int i = 0; i < 4; i++)
		fixture_put(f, "alpha", "development", "token", "old value");
	fixture_put(f, "alpha", "development", "other", "old value");
	bundle_free(fixture_writer(f, "alpha", "development", "ci", NULL));
}

/* Returns how many writes the job takes. */
static size_t at_every_write(struct fixture *f, const struct job *job, int error)
{
	struct backend *before = memory_copy(f->b);
	size_t nth = 0;
	bool hit = true;

	while (hit) {
		KEYRING_CLEANUP struct keyring *k = fixture_ring(f, "alpha", "development");
		char *old;
		int r;

		memory_restore(f->b, before);
		ok(fixture_read(f->b, k, NULL, &old));
		memory_fail(f->b, ++nth, error);
		r = job->run(f, k);
		hit = memory_failed(f->b);
		memory_fail(f->b, 0, 0);
		if (!hit)
			ok(r);
		else
			judge(f, job, k, old, r);
		free(old);
		if (hit && r < 0) {
			int again = job->run(f, k);

			if (again != job->again)
				ok(again);
			/* After "unknown" an update may stand twice. */
			if (r != ERR_UNKNOWN)
				judge(f, job, k, "", 0);
		}
		assert_true(nth < 100);
	}
	memory_restore(f->b, before);
	backend_close(before);
	return nth - 1;
}

static void every_command(void **state)
{
	static const struct job jobs[] = {
		{"create", create, ERR_EXIST},
		{"update", update, 0},
		{"delete", delete, ERR_NOENT},
		{"batch", batch, ERR_EXIST},
		{"grant", grant, ERR_EXIST},
		{"revoke", revoke, ERR_NOENT},
		{"rotate begin", rotation_begins, ERR_EXIST},
		{"rotate", rotation, 0},
		{"restore", restart, 0},
		{"declare", declare, 0},
		{"mint", mint_elsewhere, 0},
		{"mint a writer", mint_writer, ERR_EXIST},
	};
	struct fixture *f = *state;

	fill(f);
	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++) {
		/* A put and a swap at the least: a fault that never fires proves nothing. */
		assert_true(at_every_write(f, &jobs[i], ERR_IO) >= 2);
		assert_true(at_every_write(f, &jobs[i], ERR_UNKNOWN) >= 2);
		assert_true(at_every_write(f, &jobs[i], ERR_TIMEOUT) >= 2);
	}
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_memory(every_command),
	};

	return cmocka_run_group_tests_name("old or new, never neither", tests, NULL, NULL);
}
