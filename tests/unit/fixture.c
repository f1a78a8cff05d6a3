/* SPDX-License-Identifier: ISC */
#include "fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "value.h"

void fixture_is(int wanted, int r, const char *expr, const char *file, int line)
{
	if (r == wanted)
		return;
	print_error("%s\n  wanted: %s\n  got:    %s\n", expr, err_str(wanted), err_str(r));
	_fail(file, line);
}

int fixture_refused(int r, const char *expr, const char *file, int line)
{
	if (r < 0)
		return r;
	print_error("%s\n  wanted: an error\n  got:    %d\n", expr, r);
	_fail(file, line);
	return r;
}

/* --- setup ------------------------------------------------------------------------------------ */

static int begin(void **state, bool memory)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t root[ROOT_SIZE];

	if (!f || sodium_init() < 0)
		return -1;
	scratch_enter();
	f->state = "state";
	if (memory)
		f->b = memory_new();
	else
		ok(backend_dir_open("store", 1, &f->b));
	randombytes_buf(root, sizeof(root));
	ok(keys_open(root, &f->root));
	ok(registry_create(f->b, f->root, f->state));
	ok(registry_declare(f->b, f->root, f->state, "alpha", "development"));
	ok(registry_declare(f->b, f->root, f->state, "beta", "production"));
	*state = f;
	return 0;
}

int fixture_memory(void **state)
{
	return begin(state, true);
}

int fixture_directory(void **state)
{
	return begin(state, false);
}

int fixture_end(void **state)
{
	struct fixture *f = *state;

	backend_close(f->b);
	keys_close(f->root);
	free(f);
	scratch_leave();
	return 0;
}

/* --- the admin -------------------------------------------------------------------------------- */

struct scope fixture_scope(const char *project, const char *domain)
{
	struct scope s;

	ok(scope_set(&s, project, domain));
	return s;
}

struct keyring *fixture_ring(struct fixture *f, const char *project, const char *domain)
{
	struct scope s = fixture_scope(project, domain);
	struct keyring *k = NULL;

	ok(keyring_from_root(f->root, &s, &k));
	return k;
}

int fixture_set(struct backend *b, struct keyring *k, const struct floor *floor, const char *name,
		const char *value, struct floor *out)
{
	SECRET_CLEANUP struct secret *v = NULL;
	struct apply_options opt = {.floor = floor};
	struct change c = {.op = CHANGE_REPLACE, .name = name};
	struct apply_result result;
	int r = secret_from((const uint8_t *)value, strlen(value), &v);

	c.value = v;
	if (r == 0)
		r = apply_changes(b, k, &opt, &c, 1, &result);
	if (r == 0 && out)
		*out = result.floor;
	return r;
}

int fixture_set_many(struct backend *b, struct keyring *k, const struct floor *floor,
		     const char *name, unsigned count, struct floor *out)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < count; i++) {
		char value[32];

		snprintf(value, sizeof(value), "%u", i);
		r = fixture_set(b, k, floor, name, value, out);
	}
	return r;
}

struct floor fixture_put(struct fixture *f, const char *project, const char *domain,
			 const char *name, const char *value)
{
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, project, domain);
	struct apply_result result;
	struct floor floor = {0};
	int r;

	ok(floor_load(f->state, k, &floor));
	r = fixture_set(f->b, k, &floor, name, value, &floor);
	if (r == ERR_NOENT) {
		ok(apply_genesis(f->b, k, &result));
		r = fixture_set(f->b, k, &result.floor, name, value, &floor);
	}
	ok(r);
	ok(floor_store(f->state, k, &floor));
	return floor;
}

static struct floor grant_edit(struct fixture *f, const char *project, const char *domain,
			       const struct grant_writer *w, bool remove)
{
	KEYRING_CLEANUP struct keyring *k = fixture_ring(f, project, domain);
	struct apply_result result;
	struct floor floor = {0};
	struct apply_options opt = {.floor = &floor};

	ok(floor_load(f->state, k, &floor));
	ok(apply_grant(f->b, k, &opt, w, remove, &result));
	ok(floor_store(f->state, k, &result.floor));
	return result.floor;
}

struct floor fixture_grant(struct fixture *f, const char *project, const char *domain,
			   const struct keyring *writer, const char *name)
{
	struct grant_writer w = {0};

	memcpy(w.pk, writer->writer_pk, sizeof(w.pk));
	snprintf(w.name, sizeof(w.name), "%s", name);
	return grant_edit(f, project, domain, &w, false);
}

struct floor fixture_revoke(struct fixture *f, const char *project, const char *domain,
			    const char *name)
{
	struct grant_writer w = {0};

	snprintf(w.name, sizeof(w.name), "%s", name);
	return grant_edit(f, project, domain, &w, true);
}

/* Through its file, so that what a bundle holds is what its format says. */
static struct bundle *through_file(struct fixture *f, struct bundle *b, const char **path)
{
	static char name[32];
	struct bundle *read = NULL;

	snprintf(name, sizeof(name), "bundle.%u", f->files++);
	ok(bundle_save(b, name));
	bundle_free(b);
	ok(bundle_open(name, &read));
	if (path)
		*path = name;
	return read;
}

struct bundle *fixture_reader(struct fixture *f, const char *project, const char *domain,
			      const char **path)
{
	struct scope s = fixture_scope(project, domain);
	struct bundle *b = NULL;

	ok(bundle_mint_reader(f->b, f->root, f->state, &s, &b));
	return through_file(f, b, path);
}

struct bundle *fixture_writer(struct fixture *f, const char *project, const char *domain,
			      const char *name, const char **path)
{
	struct scope s = fixture_scope(project, domain);
	struct bundle *b = NULL;

	ok(bundle_mint_writer(f->b, f->root, f->state, &s, name, &b));
	return through_file(f, b, path);
}

struct keyring *fixture_self_made(const struct keyring *k)
{
	struct keyring *made = NULL;

	ok(keyring_alloc(&made));
	memcpy(made, k, sizeof(*made));
	crypto_sign_keypair(made->writer_pk, made->writer_sk);
	made->has_writer = true;
	return made;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
	struct backend *b;
	struct keyring *k;
	FILE *to;
};

static int print_version(const struct reading *r, const char *name, const struct version *v)
{
	SECRET_CLEANUP struct secret *s = NULL;
	int e = value_get(r->b, r->k, v, name, &s);

	if (e < 0)
		return e;
	fprintf(r->to, " [%llu %llu %u %u %.*s]", (unsigned long long)v->set_epoch,
		(unsigned long long)v->time, v->gen, v->len, (int)s->len, (const char *)s->data);
	return 0;
}

static int print_record(void *arg, const struct record *rec)
{
	const struct reading *r = arg;
	int e = 0;

	fprintf(r->to, "%d %s type %u env '%s' expires %llu created %llu",
		(int)scope_level(&r->k->scope), rec->name, rec->type, rec->env,
		(unsigned long long)rec->expires, (unsigned long long)rec->created);
	for (unsigned i = 0; e == 0 && i < rec->nversions; i++)
		e = print_version(r, rec->name, &rec->versions[i]);
	fputc('\n', r->to);
	return e;
}

static int read_to(struct backend *b, struct keyring *k, const struct floor *floor, FILE *to)
{
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct reading reading = {b, k, to};
	int r = snapshot_open(b, k, floor, &s);

	if (r == 0)
		r = snapshot_load(b, k, s, NULL);
	if (r == 0)
		r = snapshot_complete(b, k, s, NULL);
	if (r == 0)
		r = snapshot_each(b, k, s, print_record, &reading);
	return r;
}

int fixture_read(struct backend *b, struct keyring *k, const struct floor *floor, char **out)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	int r = to ? read_to(b, k, floor, to) : ERR_NOMEM;

	if (to)
		fclose(to);
	if (r == 0)
		*out = text;
	else
		free(text);
	return r;
}

int fixture_read_all(struct backend *b, struct bundle *bundle, const char *state, char **out)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	int r = to ? 0 : ERR_NOMEM;

	for (size_t i = 0; r == 0 && i < bundle->n; i++) {
		struct floor floor = bundle->floors[i];

		if (state)
			r = floor_load(state, bundle->rings[i], &floor);
		if (r == 0)
			r = read_to(b, bundle->rings[i], &floor, to);
	}
	if (to)
		fclose(to);
	if (r == 0)
		*out = text;
	else
		free(text);
	return r;
}

void fixture_set_ref(struct backend *b, struct keyring *k, uint32_t gen,
		     const uint8_t id[static HASH_SIZE])
{
	BLOB_CLEANUP struct blob ref = {0};
	char key[BACKEND_KEY_SIZE];

	ok(ref_seal(k, gen, id, &ref));
	backend_ref_key(k->scope_id, key);
	memory_set(b, key, ref.data, ref.len);
}

void fixture_publish(struct backend *b, struct keyring *k, struct commit *c)
{
	BLOB_CLEANUP struct blob sealed = {0};
	char key[BACKEND_KEY_SIZE];

	ok(commit_seal(k, c, &sealed));
	backend_object_key(k->scope_id, c->id, key);
	memory_set(b, key, sealed.data, sealed.len);
	fixture_set_ref(b, k, c->gen, c->id);
}

/* --- files ------------------------------------------------------------------------------------ */

struct blob fixture_slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct blob b = {0};
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	b.len = (size_t)st.st_size;
	b.data = malloc(b.len + 1);
	assert_non_null(b.data);
	assert_int_equal(read(fd, b.data, b.len + 1), (ssize_t)b.len);
	close(fd);
	return b;
}

void fixture_spit(const char *path, const uint8_t *data, size_t len)
{
	int fd;

	(void)chmod(path, 0600);
	/* Not O_TRUNC: ext4 writes back at once what was truncated to nothing before. */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

/* nftw has no argument of the caller's. */
static void (*each_fn)(void *arg, const char *path);
static void *each_arg;

static int each(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_F)
		each_fn(each_arg, path);
	return 0;
}

void fixture_files(const char *dir, void (*fn)(void *arg, const char *path), void *arg)
{
	each_fn = fn;
	each_arg = arg;
	assert_int_equal(nftw(dir, each, 16, FTW_PHYS), 0);
}
