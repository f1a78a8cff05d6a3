/* SPDX-License-Identifier: ISC */
#include "file.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "pool.h"
#include "secret.h"
#include "view.h"

#define BUCKETS 4096u /* powers of two */
#define UID_BUCKETS 256u
#define HOLDERS_USUAL 2
#define SPARE_FILES 64u /* structs kept for the next open, which then allocates nothing */

struct account { /* of a uid with something open */
	uid_t uid;
	unsigned handles;
	size_t bytes;
	struct account *chain;
};

struct holder { /* of one open version */
	uid_t uid;
	unsigned handles;
};

struct file {
	uint64_t node; /* its own; it may be open by that of an older version too */
	uint8_t id[HASH_SIZE];
	uint64_t set_epoch; /* with the level, the record that has been checked */
	uint8_t level;
	uint32_t version; /* row of the shared memory */
	size_t len;
	struct pool_buffer
		buffer; /* no data: not read since it was opened, from a predecessor or later */
	struct holder *holders; /* usual, or the heap when there are more */
	unsigned nholders, holders_cap;
	struct holder usual[HOLDERS_USUAL];
	struct file *chain;
};

struct rows { /* free ones below the high-water mark */
	uint32_t *free;
	uint32_t n, cap;
};

struct files {
	struct shared *shared;
	struct rows free_handles, free_versions;
	struct pool *pool;
	struct sealed *sealed;
	size_t handles, bytes;
	struct file *buckets[BUCKETS];
	struct account *accounts[UID_BUCKETS];
	struct file *spare;
	unsigned nspare;
	struct account *spare_account;
};

static int restore(struct files *f);

int files_open(struct shared *shared, struct files **out)
{
	struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return ERR_NOMEM;
	f->shared = shared;
	r = pool_open(&f->pool);
	if (r == 0)
		r = sealed_open(FILE_SEALED_BYTES, &f->sealed);
	if (r == 0)
		r = restore(f);
	if (r < 0) {
		files_close(f);
		return r;
	}
	*out = f;
	return 0;
}

static struct file *new_file(struct files *f)
{
	struct file *file = f->spare;

	if (!file)
		return calloc(1, sizeof(*file));
	f->spare = file->chain;
	f->nspare--;
	*file = (struct file){0};
	return file;
}

static void free_file(struct files *f, struct file *file)
{
	if (file->buffer.data)
		pool_put(f->pool, &file->buffer);
	if (file->holders != file->usual)
		free(file->holders);
	if (f->nspare == SPARE_FILES) {
		free(file);
		return;
	}
	file->chain = f->spare;
	f->spare = file;
	f->nspare++;
}

void files_close(struct files *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct file *file = f->buckets[i], *next; file; file = next) {
			next = file->chain;
			free_file(f, file);
		}
	}
	for (size_t i = 0; i < UID_BUCKETS; i++) {
		for (struct account *a = f->accounts[i], *next; a; a = next) {
			next = a->chain;
			free(a);
		}
	}
	for (struct file *file = f->spare, *next; file; file = next) {
		next = file->chain;
		free(file);
	}
	free(f->spare_account);
	pool_close(f->pool);
	sealed_close(f->sealed);
	free(f->free_handles.free);
	free(f->free_versions.free);
	free(f);
}

size_t files_handles(const struct files *f)
{
	return f->handles;
}

/* ---- accounts ---- */

static struct account **account_slot(struct files *f, uid_t uid)
{
	struct account **p = &f->accounts[uid & (UID_BUCKETS - 1)];

	while (*p && (*p)->uid != uid)
		p = &(*p)->chain;
	return p;
}

static struct account *new_account(struct files *f)
{
	struct account *a = f->spare_account;

	if (!a)
		return calloc(1, sizeof(*a));
	f->spare_account = NULL;
	*a = (struct account){0};
	return a;
}

static void account_drop_if_empty(struct files *f, struct account **p)
{
	struct account *a = *p;

	if (a->handles || a->bytes)
		return;
	*p = a->chain;
	free(f->spare_account);
	f->spare_account = a;
}

int file_charge(struct files *f, uid_t uid)
{
	struct account **p = account_slot(f, uid);

	if (f->handles >= FILE_HANDLES)
		return ENFILE;
	if (!*p && !(*p = new_account(f)))
		return ENOMEM;
	(*p)->uid = uid;
	if ((*p)->handles >= FILE_HANDLES_PER_UID)
		return EMFILE;
	(*p)->handles++;
	f->handles++;
	return 0;
}

void file_discharge(struct files *f, uid_t uid)
{
	struct account **p = account_slot(f, uid);

	if (!*p || !(*p)->handles)
		return;
	(*p)->handles--;
	f->handles--;
	account_drop_if_empty(f, p);
}

/* ---- rows of the shared memory ---- */

static int give_row(struct rows *r, uint32_t row)
{
	if (r->n == r->cap) {
		uint32_t cap = r->cap ? r->cap * 2 : 64;
		void *p = reallocarray(r->free, cap, sizeof(*r->free));

		if (!p)
			return ENOMEM; /* the row is lost until the next process looks */
		r->free = p;
		r->cap = cap;
	}
	r->free[r->n++] = row;
	return 0;
}

static int take_row(struct rows *r, uint32_t *high, uint32_t limit, uint32_t *row)
{
	if (r->n)
		*row = r->free[--r->n];
	else if (*high < limit)
		*row = (*high)++;
	else
		return ENFILE;
	return 0;
}

static struct version version_of(const struct shared_version *row)
{
	struct version v = {
		.set_epoch = row->set_epoch, .time = row->time, .gen = row->gen, .len = row->len};

	memcpy(v.id, row->id, HASH_SIZE);
	return v;
}

static void write_version(struct shared_version *row, const struct file_opener *by,
			  const struct sealed_source *src)
{
	const struct version *v = src->version;

	*row = (struct shared_version){
		.node = by->node,
		.set_epoch = v->set_epoch,
		.time = v->time,
		.gen = v->gen,
		.len = (uint32_t)v->len,
		.level = by->level,
	};
	memcpy(row->id, v->id, HASH_SIZE);
	memcpy(row->name, src->name, strnlen(src->name, sizeof(row->name) - 1));
}

/* ---- versions ---- */

static bool same_name(uint64_t a, uint64_t b)
{
	return ((a ^ b) & VIEW_INO_MASK) == 0;
}

/*
 * All versions of a name are in one chain.  The object alone does not say what a version is: a writer
 * of a broader scope may list one of a narrower scope, whose ids the store shows, under the same name.
 */
static struct file **file_slot(struct files *f, uint64_t node, const struct version *v,
			       uint8_t level)
{
	struct file **p = &f->buckets[node & (BUCKETS - 1)];

	while (*p && (!same_name((*p)->node, node) || (*p)->level != level ||
		      (*p)->set_epoch != v->set_epoch || (*p)->len != v->len ||
		      memcmp((*p)->id, v->id, HASH_SIZE) != 0))
		p = &(*p)->chain;
	return p;
}

static struct file **slot_of_row(struct files *f, const struct shared_handle *h)
{
	const struct shared_version *row = &f->shared->versions[h->version];
	const struct version v = version_of(row);

	return file_slot(f, h->node, &v, row->level);
}

static const struct shared_handle *row_of(const struct files *f, uint64_t ino, uint64_t handle)
{
	const struct shared_handle *h;

	if (handle >= f->shared->handles_high || handle >= SHARED_HANDLES)
		return NULL;
	h = &f->shared->handles[handle];
	if (!h->unique || !same_name(h->node, ino) || h->version >= SHARED_VERSIONS)
		return NULL;
	return h;
}

static struct file *file_of(struct files *f, const struct shared_handle *h)
{
	return *slot_of_row(f, h);
}

static int unseal(struct files *f, const struct sealed_source *src, struct file *file)
{
	const struct version *v = src->version;
	struct pool_buffer buffer;
	int r;

	if (v->len > SECRET_MAX)
		return ERR_AUTH;
	if ((r = pool_get(f->pool, (size_t)v->len + 1, &buffer)) < 0)
		return r;
	if ((r = sealed_unseal(f->sealed, src, buffer.data)) < 0)
		pool_put(f->pool, &buffer);
	else
		file->buffer = buffer;
	return r;
}

static int add_file(struct files *f, struct file **slot, uint64_t node, uint32_t version,
		    const struct version *v, uint8_t level)
{
	struct file *file = new_file(f);

	if (!file)
		return ENOMEM;
	file->holders = file->usual;
	file->holders_cap = HOLDERS_USUAL;
	file->node = node;
	file->version = version;
	file->set_epoch = v->set_epoch;
	file->level = level;
	memcpy(file->id, v->id, HASH_SIZE);
	file->len = v->len;
	f->bytes += file->len;
	*slot = file;
	return 0;
}

/* Takes a file that nobody holds out again. */
static void drop_file(struct files *f, struct file **slot)
{
	struct file *file = *slot;

	*slot = file->chain;
	f->bytes -= file->len;
	give_row(&f->free_versions, file->version);
	free_file(f, file);
}

/* A version nobody has open yet goes into *slot. */
static int load(struct files *f, struct file **slot, const struct file_opener *by,
		const struct sealed_source *src, int *store_error)
{
	uint32_t row;
	int r;

	if (f->bytes + src->version->len > FILE_BYTES)
		return ENFILE;
	r = take_row(&f->free_versions, &f->shared->versions_high, SHARED_VERSIONS, &row);
	if (r)
		return r;
	write_version(&f->shared->versions[row], by, src);
	if ((r = add_file(f, slot, by->node, row, src->version, by->level))) {
		give_row(&f->free_versions, row);
		return r;
	}
	if (by->later && sealed_has(f->sealed, src))
		return 0;
	if ((r = unseal(f, src, *slot)) < 0) {
		drop_file(f, slot);
		*store_error = r;
		return access_errno(r);
	}
	return 0;
}

static struct holder *holder_of(struct file *file, uid_t uid)
{
	for (unsigned i = 0; i < file->nholders; i++)
		if (file->holders[i].uid == uid)
			return &file->holders[i];
	return NULL;
}

static bool more_holders(struct file *file)
{
	unsigned cap = file->holders_cap * 2;
	bool heap = file->holders != file->usual;
	struct holder *p = reallocarray(heap ? file->holders : NULL, cap, sizeof(*p));

	if (!p)
		return false;
	if (!heap)
		memcpy(p, file->usual, sizeof(file->usual));
	file->holders = p;
	file->holders_cap = cap;
	return true;
}

/* The uid has an account. */
static int add_holder(struct files *f, struct file *file, uid_t uid)
{
	struct account *a = *account_slot(f, uid);

	if (a->bytes + file->len > FILE_BYTES_PER_UID)
		return ENFILE;
	if (file->nholders == file->holders_cap && !more_holders(file))
		return ENOMEM;
	file->holders[file->nholders++] = (struct holder){.uid = uid, .handles = 1};
	a->bytes += file->len;
	return 0;
}

static void drop_holder(struct files *f, struct file *file, struct holder *h)
{
	struct account *a = *account_slot(f, h->uid);

	if (a)
		a->bytes -= file->len;
	*h = file->holders[--file->nholders];
}

static int hold(struct files *f, struct file **slot, uid_t uid)
{
	struct holder *h = *slot ? holder_of(*slot, uid) : NULL;
	int e = 0;

	if (!*slot)
		return EBADF;
	if (h)
		h->handles++;
	else
		e = add_holder(f, *slot, uid);
	if (e && !(*slot)->nholders)
		drop_file(f, slot);
	return e;
}

/* True when the last handle went. */
static bool let_go(struct files *f, struct file **slot, uid_t uid)
{
	struct holder *h = holder_of(*slot, uid);

	if (h && --h->handles == 0)
		drop_holder(f, *slot, h);
	if ((*slot)->nholders)
		return false;
	drop_file(f, slot);
	return true;
}

/* ---- what a predecessor had open ---- */

static int restore_handle(struct files *f, struct shared_handle *h)
{
	const struct shared_version *row = &f->shared->versions[h->version % SHARED_VERSIONS];
	struct version v = version_of(row);
	struct file **slot = file_slot(f, h->node, &v, row->level);
	int e = 0;

	if (h->version >= SHARED_VERSIONS || row->node != h->node || v.len > SECRET_MAX)
		return EBADF;
	if ((e = file_charge(f, h->uid)))
		return e;
	if (!*slot)
		e = add_file(f, slot, h->node, h->version, &v, row->level);
	if (!e)
		e = hold(f, slot, h->uid);
	if (e)
		file_discharge(f, h->uid);
	return e;
}

static int restore(struct files *f)
{
	struct shared *s = f->shared;
	bool *used;

	if (s->handles_high > SHARED_HANDLES || s->versions_high > SHARED_VERSIONS)
		return ERR_FORMAT;
	used = calloc(SHARED_VERSIONS, sizeof(*used));
	if (!used)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < s->handles_high; i++) {
		struct shared_handle *h = &s->handles[i];

		if (h->unique && restore_handle(f, h) == 0) {
			used[h->version] = true;
		} else {
			h->unique = 0;
			give_row(&f->free_handles, i);
		}
	}
	for (uint32_t i = 0; i < s->versions_high; i++)
		if (!used[i])
			give_row(&f->free_versions, i);
	free(used);
	return 0;
}

/* The handle that a predecessor made for this request, before it died. */
static bool find_unique(const struct files *f, uint64_t unique, uint64_t *handle)
{
	for (uint32_t i = 0; i < f->shared->handles_high; i++)
		if (f->shared->handles[i].unique == unique) {
			*handle = i;
			return true;
		}
	return false;
}

bool file_knows(const struct files *f, uint64_t unique)
{
	uint64_t handle;

	return find_unique(f, unique, &handle);
}

/* ---- handles ---- */

int file_open(struct files *f, const struct file_opener *by, const struct sealed_source *src,
	      uint64_t *handle, int *store_error)
{
	struct file **slot = file_slot(f, by->node, src->version, by->level);
	struct shared_handle *h;
	uint32_t row;
	int e;

	*store_error = 0;
	if (by->again && find_unique(f, by->unique, handle))
		return 0;
	if ((e = file_charge(f, by->uid)))
		return e;
	e = take_row(&f->free_handles, &f->shared->handles_high, SHARED_HANDLES, &row);
	if (e) {
		file_discharge(f, by->uid);
		return e;
	}
	if (!*slot)
		e = load(f, slot, by, src, store_error);
	if (!e)
		e = hold(f, slot, by->uid);
	if (e) {
		give_row(&f->free_handles, row);
		file_discharge(f, by->uid);
		return e;
	}
	h = &f->shared->handles[row];
	h->node = by->node;
	h->uid = by->uid;
	h->version = (*slot)->version;
	atomic_store(&h->unique, by->unique);
	*handle = row;
	return 0;
}

const struct shared_version *file_missing(struct files *f, uint64_t ino, uint64_t handle)
{
	const struct shared_handle *h = row_of(f, ino, handle);
	const struct file *file = h ? file_of(f, h) : NULL;

	return file && !file->buffer.data ? &f->shared->versions[h->version] : NULL;
}

int file_fetch(struct files *f, uint64_t ino, uint64_t handle, const struct sealed_source *src,
	       int *store_error)
{
	const struct shared_handle *h = row_of(f, ino, handle);
	const struct version v = version_of(&f->shared->versions[h->version]);
	struct sealed_source from = *src;

	from.version = &v;
	*store_error = unseal(f, &from, file_of(f, h));
	return access_errno(*store_error);
}

bool file_data(struct files *f, uint64_t ino, uint64_t handle, struct file_data *out)
{
	const struct shared_handle *h = row_of(f, ino, handle);
	const struct file *file = h ? file_of(f, h) : NULL;

	if (!file || !file->buffer.data)
		return false;
	out->data = file->buffer.data;
	out->len = file->len;
	return true;
}

bool file_size(struct files *f, uint64_t node, size_t *len)
{
	const struct file *file = f->buckets[node & (BUCKETS - 1)];

	while (file && file->node != node)
		file = file->chain;
	if (file)
		*len = file->len;
	return file;
}

bool file_mark_cached(struct files *f, uint64_t ino, uint64_t handle)
{
	const struct shared_handle *h = row_of(f, ino, handle);

	if (!h || h->node != ino)
		return false;
	f->shared->versions[h->version].cached = true;
	return true;
}

uint64_t file_release(struct files *f, uint64_t ino, uint64_t handle)
{
	const struct shared_handle *h = row_of(f, ino, handle);
	const struct shared_version *version;
	struct file **slot;
	uint64_t node;
	uid_t uid;

	if (!h)
		return 0;
	uid = h->uid;
	node = h->node;
	version = &f->shared->versions[h->version];
	slot = slot_of_row(f, h);
	atomic_store(&f->shared->handles[handle].unique, 0);
	give_row(&f->free_handles, (uint32_t)handle);
	file_discharge(f, uid);
	return *slot && let_go(f, slot, uid) && version->cached ? node : 0;
}
