/* SPDX-License-Identifier: ISC */
#include "file.h"

#include <errno.h>
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
	uint32_t tag;  /* first bytes of id */
	bool cached;   /* the kernel may hold pages of it */
	uint8_t id[HASH_SIZE];
	const struct keyring *ring; /* with the epoch, the record that has been checked */
	uint64_t set_epoch;
	size_t len;
	struct pool_buffer buffer;
	struct holder *holders; /* usual, or the heap when there are more */
	unsigned nholders, holders_cap;
	struct holder usual[HOLDERS_USUAL];
	struct file *chain;
};

struct files {
	struct pool *pool;
	struct sealed *sealed;
	size_t handles, bytes;
	struct file *buckets[BUCKETS];
	struct account *accounts[UID_BUCKETS];
	struct file *spare;
	unsigned nspare;
	struct account *spare_account;
};

int files_open(struct files **out)
{
	struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return ERR_NOMEM;
	r = pool_open(&f->pool);
	if (r == 0)
		r = sealed_open(FILE_SEALED_BYTES, &f->sealed);
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

/* ---- versions ---- */

static uint32_t tag_of(const uint8_t *id)
{
	return id[0] | (uint32_t)id[1] << 8 | (uint32_t)id[2] << 16 | (uint32_t)id[3] << 24;
}

static bool same_name(uint64_t a, uint64_t b)
{
	return ((a ^ b) & VIEW_INO_MASK) == 0;
}

/* All versions of a name are in one chain. */
static struct file **file_slot(struct files *f, uint64_t ino, uint32_t tag)
{
	struct file **p = &f->buckets[ino & (BUCKETS - 1)];

	while (*p && (!same_name((*p)->node, ino) || (*p)->tag != tag))
		p = &(*p)->chain;
	return p;
}

static uint64_t make_handle(uid_t uid, uint32_t tag)
{
	return (uint64_t)uid << 32 | tag;
}

static struct file *file_of(struct files *f, uint64_t ino, uint64_t handle)
{
	return *file_slot(f, ino, (uint32_t)handle);
}

static int unseal(struct files *f, const struct sealed_source *src, struct file *file)
{
	const struct version *v = src->version;
	int r;

	if (v->len > SECRET_MAX)
		return ERR_AUTH;
	if ((r = pool_get(f->pool, (size_t)v->len + 1, &file->buffer)) < 0)
		return r;
	file->len = v->len;
	return sealed_unseal(f->sealed, src, file->buffer.data);
}

/* A version nobody has open yet goes into *slot. */
static int load(struct files *f, struct file **slot, uint64_t node, const struct sealed_source *src,
		int *store_error)
{
	struct file *file;
	int r;

	if (f->bytes + src->version->len > FILE_BYTES)
		return ENFILE;
	file = new_file(f);
	if (!file)
		return ENOMEM;
	file->holders = file->usual;
	file->holders_cap = HOLDERS_USUAL;
	file->node = node;
	file->tag = tag_of(src->version->id);
	memcpy(file->id, src->version->id, HASH_SIZE);
	file->ring = src->ring;
	file->set_epoch = src->version->set_epoch;
	if ((r = unseal(f, src, file)) < 0) {
		free_file(f, file);
		*store_error = r;
		return access_errno(r);
	}
	f->bytes += file->len;
	*slot = file;
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

static void unload_if_unused(struct files *f, struct file **slot)
{
	struct file *file = *slot;

	if (file->nholders)
		return;
	*slot = file->chain;
	f->bytes -= file->len;
	free_file(f, file);
}

/*
 * Is file what src names?  The object alone does not say: a writer of a broader scope may list one of
 * a narrower scope, whose ids the store shows, under the same name.
 */
static bool is_version(const struct file *file, const struct sealed_source *src)
{
	const struct version *v = src->version;

	return memcmp(file->id, v->id, HASH_SIZE) == 0 && file->ring == src->ring &&
	       file->set_epoch == v->set_epoch && file->len == v->len;
}

static int hold(struct files *f, uint64_t node, uid_t uid, const struct sealed_source *src,
		int *store_error)
{
	struct file **slot = file_slot(f, node, tag_of(src->version->id));
	struct holder *h;
	int e = 0;

	if (!*slot)
		e = load(f, slot, node, src, store_error);
	else if (!is_version(*slot, src))
		e = EBUSY; /* one of 2^32, or a forgery: the handle could not tell the two apart */
	if (e || !*slot)
		return e ? e : EIO;
	if ((h = holder_of(*slot, uid))) {
		h->handles++;
		return 0;
	}
	e = add_holder(f, *slot, uid);
	if (e)
		unload_if_unused(f, slot);
	return e;
}

int file_open(struct files *f, uint64_t node, uid_t uid, const struct sealed_source *src,
	      uint64_t *handle, int *store_error)
{
	int e;

	*store_error = 0;
	if ((e = file_charge(f, uid)))
		return e;
	if ((e = hold(f, node, uid, src, store_error))) {
		file_discharge(f, uid);
		return e;
	}
	*handle = make_handle(uid, tag_of(src->version->id));
	return 0;
}

bool file_data(struct files *f, uint64_t ino, uint64_t handle, struct file_data *out)
{
	const struct file *file = file_of(f, ino, handle);

	if (!file)
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
	struct file *file = file_of(f, ino, handle);

	if (!file || file->node != ino)
		return false;
	file->cached = true;
	return true;
}

uint64_t file_release(struct files *f, uint64_t ino, uint64_t handle)
{
	struct file **slot = file_slot(f, ino, (uint32_t)handle);
	uid_t uid = (uid_t)(handle >> 32);
	struct holder *h = *slot ? holder_of(*slot, uid) : NULL;
	uint64_t pages = 0;

	if (!h)
		return 0;
	if (--h->handles == 0)
		drop_holder(f, *slot, h);
	if (!(*slot)->nholders) {
		pages = (*slot)->cached ? (*slot)->node : 0;
		unload_if_unused(f, slot);
	}
	file_discharge(f, uid);
	return pages;
}
