/* SPDX-License-Identifier: ISC */
#include "open_file.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "account.h"
#include "inval.h"
#include "pool.h"
#include "secret.h"
#include "view.h"

#define BUCKETS 4096u /* a power of two */
#define HOLDERS_USUAL 2
#define SPARE_FILES 64u /* structs kept for the next open, which then allocates nothing */

struct holder { /* of one open version */
	uid_t uid;
	unsigned handles;
};

struct open_file {
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
	struct open_file *chain;
};

struct rows { /* free ones below the high-water mark */
	uint32_t *free;
	uint32_t n, cap;
};

struct files {
	struct shm *shared;
	struct rows free_handles, free_versions;
	struct pool *pool;
	struct value_cache *sealed;
	struct open_file *buckets[BUCKETS];
	struct accounts *accounts;
	struct open_file *spare;
	unsigned nspare;
};

static int restore(struct files *f);

int files_open(struct shm *shared, struct files **out)
{
	struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return ERR_NOMEM;
	f->shared = shared;
	r = pool_open(&f->pool);
	if (r == 0)
		r = value_cache_open(OPEN_FILE_SEALED_BYTES, &f->sealed);
	if (r == 0)
		r = accounts_open(&f->accounts);
	if (r == 0)
		r = restore(f);
	if (r < 0) {
		files_close(f);
		return r;
	}
	*out = f;
	return 0;
}

static struct open_file *new_file(struct files *f)
{
	struct open_file *file = f->spare;

	if (!file)
		return calloc(1, sizeof(*file));
	f->spare = file->chain;
	f->nspare--;
	*file = (struct open_file){0};
	return file;
}

static void free_file(struct files *f, struct open_file *file)
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
		for (struct open_file *file = f->buckets[i], *next; file; file = next) {
			next = file->chain;
			free_file(f, file);
		}
	}
	for (struct open_file *file = f->spare, *next; file; file = next) {
		next = file->chain;
		free(file);
	}
	accounts_close(f->accounts);
	pool_close(f->pool);
	value_cache_close(f->sealed);
	free(f->free_handles.free);
	free(f->free_versions.free);
	free(f);
}

struct accounts *files_accounts(struct files *f)
{
	return f->accounts;
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

static struct version version_of(const struct shm_version *row)
{
	struct version v = {
		.set_epoch = row->set_epoch, .time = row->time, .gen = row->gen, .len = row->len};

	memcpy(v.id, row->id, HASH_SIZE);
	return v;
}

static void write_version(struct shm_version *row, const struct open_file_opener *by,
			  const struct value_cache_source *src)
{
	const struct version *v = src->version;

	*row = (struct shm_version){
		.node = by->node,
		.set_epoch = v->set_epoch,
		.time = v->time,
		.expires = by->expires,
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
static struct open_file **open_file_slot(struct files *f, uint64_t node, const struct version *v,
					 uint8_t level)
{
	struct open_file **p = &f->buckets[node & (BUCKETS - 1)];

	while (*p && (!same_name((*p)->node, node) || (*p)->level != level ||
		      (*p)->set_epoch != v->set_epoch || (*p)->len != v->len ||
		      memcmp((*p)->id, v->id, HASH_SIZE) != 0))
		p = &(*p)->chain;
	return p;
}

static struct open_file **slot_of_row(struct files *f, const struct shm_handle *h)
{
	const struct shm_version *row = &f->shared->versions[h->version];
	const struct version v = version_of(row);

	return open_file_slot(f, h->node, &v, row->level);
}

static const struct shm_handle *row_of(const struct files *f, uint64_t ino, uint64_t handle)
{
	const struct shm_handle *h;

	if (handle >= f->shared->handles_high || handle >= SHM_HANDLES)
		return NULL;
	h = &f->shared->handles[handle];
	if (!h->unique || !same_name(h->node, ino) || h->version >= SHM_VERSIONS)
		return NULL;
	return h;
}

static struct open_file *open_file_of(struct files *f, const struct shm_handle *h)
{
	return *slot_of_row(f, h);
}

static int unseal(struct files *f, const struct value_cache_source *src, struct open_file *file)
{
	const struct version *v = src->version;
	struct pool_buffer buffer;
	int r;

	if (v->len > SECRET_MAX)
		return ERR_AUTH;
	if ((r = pool_get(f->pool, (size_t)v->len + 1, &buffer)) < 0)
		return r;
	if ((r = value_cache_unseal(f->sealed, src, buffer.data)) < 0)
		pool_put(f->pool, &buffer);
	else
		file->buffer = buffer;
	return r;
}

static int add_file(struct files *f, struct open_file **slot, uint64_t node, uint32_t version,
		    const struct version *v, uint8_t level)
{
	struct open_file *file = new_file(f);

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
	*slot = file;
	return 0;
}

/* Takes a file that nobody holds out again. */
static void drop_file(struct files *f, struct open_file **slot)
{
	struct open_file *file = *slot;

	*slot = file->chain;
	give_row(&f->free_versions, file->version);
	free_file(f, file);
}

/* A version nobody has open yet goes into *slot. */
static int load(struct files *f, struct open_file **slot, const struct open_file_opener *by,
		const struct value_cache_source *src, int *store_error)
{
	uint32_t row;
	int r;

	r = take_row(&f->free_versions, &f->shared->versions_high, SHM_VERSIONS, &row);
	if (r)
		return r;
	write_version(&f->shared->versions[row], by, src);
	if ((r = add_file(f, slot, by->node, row, src->version, by->level))) {
		give_row(&f->free_versions, row);
		return r;
	}
	if (by->later && value_cache_has(f->sealed, src))
		return 0;
	if ((r = unseal(f, src, *slot)) < 0) {
		drop_file(f, slot);
		*store_error = r;
		return access_errno(r);
	}
	return 0;
}

static struct holder *holder_of(struct open_file *file, uid_t uid)
{
	for (unsigned i = 0; i < file->nholders; i++)
		if (file->holders[i].uid == uid)
			return &file->holders[i];
	return NULL;
}

static bool more_holders(struct open_file *file)
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

/* Its bytes are charged. */
static int add_holder(struct open_file *file, uid_t uid)
{
	if (file->nholders == file->holders_cap && !more_holders(file))
		return ENOMEM;
	file->holders[file->nholders++] = (struct holder){.uid = uid, .handles = 1};
	return 0;
}

static void drop_holder(struct files *f, struct open_file *file, struct holder *h)
{
	uid_t uid = h->uid;

	*h = file->holders[--file->nholders];
	account_refund(f->accounts, uid, ACCOUNT_BYTES, file->len, file->nholders ? 0 : file->len);
}

static int hold(struct files *f, struct open_file **slot, uid_t uid)
{
	struct holder *h = *slot ? holder_of(*slot, uid) : NULL;
	int e = 0;

	if (!*slot)
		return EBADF;
	if (h)
		h->handles++;
	else
		e = add_holder(*slot, uid);
	if (e && !(*slot)->nholders)
		drop_file(f, slot);
	return e;
}

/* ---- what a handle is charged with ---- */

struct price {
	uid_t uid;
	size_t bytes; /* of the version, unless the uid holds it already */
	size_t fresh; /* of them, unless anybody does */
};

static struct price price_of(struct open_file *file, uid_t uid, size_t len)
{
	bool holds = file && holder_of(file, uid);

	return (struct price){uid, holds ? 0 : len, file ? 0 : len};
}

static int charge(struct files *f, const struct price *p)
{
	int e = account_charge(f->accounts, p->uid, ACCOUNT_HANDLES, 1, 1);

	if (e)
		return e;
	e = account_charge(f->accounts, p->uid, ACCOUNT_BYTES, p->bytes, p->fresh);
	if (e)
		account_refund(f->accounts, p->uid, ACCOUNT_HANDLES, 1, 1);
	return e == EMFILE ? ENFILE : e;
}

static void refund(struct files *f, const struct price *p)
{
	account_refund(f->accounts, p->uid, ACCOUNT_BYTES, p->bytes, p->fresh);
	account_refund(f->accounts, p->uid, ACCOUNT_HANDLES, 1, 1);
}

/* True when the last handle went. */
static bool let_go(struct files *f, struct open_file **slot, uid_t uid)
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

/* It was permitted when it was opened. */
static int restore_handle(struct files *f, struct shm_handle *h)
{
	const struct shm_version *row = &f->shared->versions[h->version % SHM_VERSIONS];
	struct version v = version_of(row);
	struct open_file **slot = open_file_slot(f, h->node, &v, row->level);
	struct price p = price_of(*slot, h->uid, v.len);
	int e = 0;

	if (h->version >= SHM_VERSIONS || row->node != h->node || v.len > SECRET_MAX)
		return EBADF;
	if ((e = account_add(f->accounts, p.uid, ACCOUNT_HANDLES, 1, 1)))
		return e;
	if ((e = account_add(f->accounts, p.uid, ACCOUNT_BYTES, p.bytes, p.fresh)) == 0 && !*slot)
		e = add_file(f, slot, h->node, h->version, &v, row->level);
	if (!e)
		e = hold(f, slot, h->uid);
	if (e)
		refund(f, &p);
	return e;
}

/* No pages of it any more: those there are, are to be dropped. */
static unsigned take_paged(struct files *f, struct shm_version *v, uint64_t nodes[static SHM_PAGED])
{
	unsigned n = 0;

	for (; n < SHM_PAGED && v->paged[n]; n++) {
		nodes[n] = v->paged[n];
		inval_remember(f->shared, nodes[n]);
	}
	memset(v->paged, 0, sizeof(v->paged));
	return n;
}

/* Of a row that nothing leads to: it may have been released just before the end. */
static void clear_version(struct files *f, uint32_t row)
{
	struct shm_version *v = &f->shared->versions[row];

	uint64_t nodes[SHM_PAGED];

	take_paged(f, v, nodes);
	give_row(&f->free_versions, row);
}

static int restore(struct files *f)
{
	struct shm *s = f->shared;
	bool *used;

	if (s->handles_high > SHM_HANDLES || s->versions_high > SHM_VERSIONS)
		return ERR_FORMAT;
	used = calloc(SHM_VERSIONS, sizeof(*used));
	if (!used)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < s->handles_high; i++) {
		struct shm_handle *h = &s->handles[i];

		if (h->unique && restore_handle(f, h) == 0) {
			used[h->version] = true;
		} else {
			h->unique = 0;
			give_row(&f->free_handles, i);
		}
	}
	for (uint32_t i = 0; i < s->versions_high; i++)
		if (!used[i])
			clear_version(f, i);
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

bool open_file_knows(const struct files *f, uint64_t unique)
{
	uint64_t handle;

	return find_unique(f, unique, &handle);
}

/* ---- handles ---- */

uid_t open_file_owner(const struct files *f, uint64_t handle, uid_t fallback)
{
	const struct shm_handle *h = &f->shared->handles[handle % SHM_HANDLES];

	return handle < f->shared->handles_high && h->unique ? h->uid : fallback;
}

int open_file_open(struct files *f, const struct open_file_opener *by,
		   const struct value_cache_source *src, uint64_t *handle, int *store_error)
{
	struct open_file **slot = open_file_slot(f, by->node, src->version, by->level);
	const struct price p = price_of(*slot, by->uid, src->version->len);
	struct shm_handle *h;
	uint32_t row;
	int e;

	*store_error = 0;
	if (by->again && find_unique(f, by->unique, handle))
		return 0;
	if ((e = charge(f, &p)))
		return e;
	e = take_row(&f->free_handles, &f->shared->handles_high, SHM_HANDLES, &row);
	if (e) {
		refund(f, &p);
		return e;
	}
	if (!*slot)
		e = load(f, slot, by, src, store_error);
	if (!e)
		e = hold(f, slot, by->uid);
	if (e) {
		give_row(&f->free_handles, row);
		refund(f, &p);
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

bool open_file_is_warm(struct files *f, const struct open_file_opener *by,
		       const struct value_cache_source *src)
{
	uint64_t handle;

	return *open_file_slot(f, by->node, src->version, by->level) ||
	       value_cache_has(f->sealed, src) ||
	       (by->again && find_unique(f, by->unique, &handle));
}

bool open_file_can_fetch(struct files *f, uint64_t ino, uint64_t handle,
			 const struct value_cache_source *src)
{
	const struct shm_handle *h = row_of(f, ino, handle);
	const struct version v = version_of(&f->shared->versions[h->version]);
	struct value_cache_source from = *src;

	from.version = &v;
	return value_cache_has(f->sealed, &from);
}

const struct shm_version *open_file_missing(struct files *f, uint64_t ino, uint64_t handle)
{
	const struct shm_handle *h = row_of(f, ino, handle);
	const struct open_file *file = h ? open_file_of(f, h) : NULL;

	return file && !file->buffer.data ? &f->shared->versions[h->version] : NULL;
}

int open_file_fetch(struct files *f, uint64_t ino, uint64_t handle,
		    const struct value_cache_source *src, int *store_error)
{
	const struct shm_handle *h = row_of(f, ino, handle);
	const struct version v = version_of(&f->shared->versions[h->version]);
	struct value_cache_source from = *src;

	from.version = &v;
	*store_error = unseal(f, &from, open_file_of(f, h));
	return access_errno(*store_error);
}

bool open_file_data(struct files *f, uint64_t ino, uint64_t handle, struct open_file_data *out)
{
	const struct shm_handle *h = row_of(f, ino, handle);
	const struct open_file *file = h ? open_file_of(f, h) : NULL;

	if (!file || !file->buffer.data)
		return false;
	out->data = file->buffer.data;
	out->len = file->len;
	return true;
}

static struct open_file *find_node(const struct files *f, uint64_t node)
{
	struct open_file *file = f->buckets[node & (BUCKETS - 1)];

	while (file && file->node != node)
		file = file->chain;
	return file;
}

static struct shm_version *row_of_file(const struct files *f, const struct open_file *file)
{
	return &f->shared->versions[file->version];
}

static bool is_paged(const struct shm_version *v, uint64_t ino)
{
	for (unsigned i = 0; i < SHM_PAGED; i++)
		if (v->paged[i] == ino)
			return true;
	return false;
}

/* All versions of a name are in one chain, and so is a bound inode's. */
static struct shm_version *paged_in(const struct files *f, uint64_t ino)
{
	for (struct open_file *file = f->buckets[ino & (BUCKETS - 1)]; file; file = file->chain)
		if (same_name(file->node, ino) && is_paged(row_of_file(f, file), ino))
			return row_of_file(f, file);
	return NULL;
}

const struct shm_version *open_file_version(const struct files *f, uint64_t node)
{
	const struct open_file *file = find_node(f, node);

	return file ? row_of_file(f, file) : paged_in(f, node);
}

bool open_file_holds(const struct files *f, uint64_t node, uid_t uid)
{
	struct open_file *file = find_node(f, node);

	return file && holder_of(file, uid);
}

bool open_file_mark_paged(struct files *f, uint64_t ino, uint64_t handle)
{
	const struct shm_handle *h = row_of(f, ino, handle);
	struct shm_version *v, *first;

	if (!h || inval_behind(f->shared))
		return false;
	v = &f->shared->versions[h->version];
	first = paged_in(f, ino);
	if (first)
		return first == v;
	if (v->node != ino && (v->barred || find_node(f, ino)))
		return false;
	for (unsigned i = 0; i < SHM_PAGED; i++)
		if (!v->paged[i]) {
			v->paged[i] = ino;
			return true;
		}
	return false;
}

/* Opening drops an inode's pages; others of the name were opened before these will have been. */
static void bar_others(struct files *f, uint64_t node)
{
	for (struct open_file *file = f->buckets[node & (BUCKETS - 1)]; file; file = file->chain)
		if (same_name(file->node, node))
			row_of_file(f, file)->barred = true;
}

unsigned open_file_release(struct files *f, uint64_t ino, uint64_t handle,
			   uint64_t nodes[static SHM_PAGED])
{
	const struct shm_handle *h = row_of(f, ino, handle);
	struct shm_version *version;
	struct open_file **slot;
	unsigned n;
	uid_t uid;

	if (!h)
		return 0;
	uid = h->uid;
	version = &f->shared->versions[h->version];
	slot = slot_of_row(f, h);
	account_refund(f->accounts, uid, ACCOUNT_HANDLES, 1, 1);
	atomic_store(&f->shared->handles[handle].unique, 0);
	give_row(&f->free_handles, (uint32_t)handle);
	if (!*slot || !let_go(f, slot, uid))
		return 0;
	n = take_paged(f, version, nodes);
	if (n)
		bar_others(f, nodes[0]);
	return n;
}
