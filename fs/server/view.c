/* SPDX-License-Identifier: ISC */
#include "view.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "name.h"

#define REHASH_MAX 8 /* tries to find a free node id; with 52 bits even the second is rare */

_Static_assert(crypto_shorthash_KEYBYTES == VIEW_KEY_SIZE, "key of the node ids");
_Static_assert(NAME_MAX_LEN <= UINT8_MAX, "a path's length fits a byte");

struct range { /* of files */
	uint32_t at, end;
};

struct view {
	atomic_uint refs;
	uint8_t key[VIEW_KEY_SIZE];
	char *names; /* all records' names, NUL-terminated */
	size_t names_len, names_cap;
	struct view_file *files;
	struct view_dir *dirs;
	uint32_t nfiles, files_cap, ndirs, dirs_cap;
	struct range levels[SCOPE_LEVELS];
	uint64_t commit_time[SCOPE_LEVELS], commit_epoch[SCOPE_LEVELS];
	uint8_t commit_id[SCOPE_LEVELS][HASH_SIZE];
	struct view_entry *entries;
	uint32_t nentries, entries_cap, nsecrets;
	uint32_t *table; /* open addressing: index + 1, 0 = free */
	uint32_t table_mask;
};

int view_new(const uint8_t key[static VIEW_KEY_SIZE], struct view **out)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return ERR_NOMEM;
	atomic_init(&v->refs, 1);
	memcpy(v->key, key, VIEW_KEY_SIZE);
	*out = v;
	return 0;
}

struct view *view_ref(struct view *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

void view_unref(struct view *v)
{
	if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(v->names);
	free(v->files);
	free(v->dirs);
	free(v->entries);
	free(v->table);
	free(v);
}

/* Makes room for one more of size bytes; doubles. */
static int grow(void **array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap * 2 : 64;
	void *p;

	if (n < *cap)
		return 0;
	if (want <= *cap)
		return ERR_NOMEM;
	p = reallocarray(*array, want, size);
	if (!p)
		return ERR_NOMEM;
	*array = p;
	*cap = want;
	return 0;
}

static int add_name(struct view *v, const char *name, uint32_t *out)
{
	size_t len = strlen(name) + 1;

	if (v->names_len + len > UINT32_MAX)
		return ERR_NOMEM;
	if (v->names_len + len > v->names_cap) {
		size_t want = v->names_cap ? v->names_cap * 2 : 4096;
		char *p = realloc(v->names, want);

		if (!p)
			return ERR_NOMEM;
		v->names = p;
		v->names_cap = want;
	}
	memcpy(v->names + v->names_len, name, len);
	*out = (uint32_t)v->names_len;
	v->names_len += len;
	return 0;
}

static bool in_order(const struct view *v, enum scope_level level, const char *name)
{
	const struct range *r = &v->levels[level];

	if (r->at == r->end) { /* its first: no broader scope may have come later */
		for (int l = (int)level + 1; l < SCOPE_LEVELS; l++)
			if (v->levels[l].end)
				return false;
		return true;
	}
	return r->end == v->nfiles && name_cmp(v->names + v->files[r->end - 1].name, name) < 0;
}

int view_add(struct view *v, enum scope_level level, const struct record *rec)
{
	const struct version *newest = &rec->versions[0];
	struct range *r = &v->levels[level];
	struct view_file *f;
	uint32_t name;
	int e;

	if (!rec->nversions || name_check(rec->name) < 0 || !in_order(v, level, rec->name))
		return ERR_INVAL;
	if ((e = grow((void **)&v->files, v->nfiles, &v->files_cap, sizeof(*v->files))) < 0)
		return e;
	if ((e = add_name(v, rec->name, &name)) < 0)
		return e;
	if (r->at == r->end)
		r->at = v->nfiles;
	f = &v->files[v->nfiles++];
	r->end = v->nfiles;
	*f = (struct view_file){
		.set_epoch = newest->set_epoch,
		.time = newest->time,
		.created = rec->created,
		.expires = rec->expires,
		.gen = newest->gen,
		.len = newest->len,
		.name = name,
	};
	memcpy(f->id, newest->id, HASH_SIZE);
	return 0;
}

void view_set_commit(struct view *v, enum scope_level level, uint64_t time, uint64_t epoch,
		     const uint8_t id[static HASH_SIZE])
{
	v->commit_time[level] = time;
	v->commit_epoch[level] = epoch;
	memcpy(v->commit_id[level], id, HASH_SIZE);
}

/* ---- merging ---- */

static const char *name_of(const struct view *v, uint32_t file)
{
	return v->names + v->files[file].name;
}

static size_t component_len(const char *s)
{
	return strcspn(s, "/");
}

static int fold(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static int fold_cmp(const char *a, size_t alen, const char *b, size_t blen)
{
	for (size_t i = 0; i < alen && i < blen; i++) {
		int d = fold(a[i]) - fold(b[i]);

		if (d)
			return d;
	}
	return (alen > blen) - (alen < blen);
}

static int component_cmp(const char *a, const char *b)
{
	return fold_cmp(a, component_len(a), b, component_len(b));
}

/* Cuts the run of files that share the first component behind skip off the front of *r. */
static struct range take_run(const struct view *v, struct range *r, const char *component,
			     size_t skip)
{
	struct range run = {r->at, r->at};

	while (run.end < r->end && component_cmp(name_of(v, run.end) + skip, component) == 0)
		run.end++;
	r->at = run.end;
	return run;
}

static bool run_is_file(const struct view *v, struct range run, size_t skip)
{
	const char *c = name_of(v, run.at) + skip;

	return c[component_len(c)] == '\0';
}

/* The smallest next component of the four ranges; NULL when all are empty. */
static const char *next_component(const struct view *v, const struct range in[SCOPE_LEVELS],
				  size_t skip)
{
	const char *least = NULL;

	for (int l = 0; l < SCOPE_LEVELS; l++) {
		if (in[l].at == in[l].end)
			continue;
		const char *c = name_of(v, in[l].at) + skip;
		if (!least || component_cmp(c, least) < 0)
			least = c;
	}
	return least;
}

static int append(struct view *v, const struct view_entry *e)
{
	int r = grow((void **)&v->entries, v->nentries, &v->entries_cap, sizeof(*v->entries));

	if (r < 0)
		return r;
	v->entries[v->nentries++] = *e;
	return 0;
}

static int append_with_dir(struct view *v, const struct view_entry *e)
{
	int r = grow((void **)&v->dirs, v->ndirs, &v->dirs_cap, sizeof(*v->dirs));

	if (r == 0)
		r = append(v, e);
	if (r < 0)
		return r;
	v->entries[v->nentries - 1].data = v->ndirs;
	v->dirs[v->ndirs++] = (struct view_dir){0};
	return 0;
}

static struct view_dir *dir_at(struct view *v, uint32_t entry)
{
	return &v->dirs[v->entries[entry].data];
}

/* A directory is as new as the newest of what is in it. */
static void count_in(struct view *v, uint32_t dir, uint64_t time)
{
	struct view_dir *d = dir_at(v, dir);

	if (d->time < time)
		d->time = time;
}

/* A directory is spelled as its oldest secret spells it, in the scope that decides. */
static uint32_t oldest(const struct view *v, struct range run)
{
	uint32_t best = run.at;

	for (uint32_t i = run.at + 1; i < run.end; i++)
		if (v->files[i].created < v->files[best].created)
			best = i;
	return best;
}

static int merge(struct view *v, uint32_t dir, size_t skip, struct range in[SCOPE_LEVELS]);

static int append_file(struct view *v, uint32_t dir, size_t skip, int level, uint32_t file)
{
	struct view_entry e = {
		.parent = dir,
		.end = v->nentries + 1,
		.data = file,
		.path = v->files[file].name,
		.path_len = (uint8_t)strlen(name_of(v, file)),
		.base = (uint8_t)skip,
		.kind = VIEW_FILE,
		.level = (uint8_t)level,
	};

	v->nsecrets++;
	count_in(v, dir, v->files[file].time);
	return append(v, &e);
}

static int append_dir(struct view *v, uint32_t dir, size_t skip, int level,
		      struct range runs[SCOPE_LEVELS])
{
	uint32_t self = v->nentries, from = oldest(v, runs[level]);
	size_t len = skip + component_len(name_of(v, from) + skip);
	struct view_entry e = {
		.parent = dir,
		.path = v->files[from].name,
		.path_len = (uint8_t)len,
		.base = (uint8_t)skip,
		.kind = VIEW_DIR,
		.level = (uint8_t)level,
	};
	int r = append_with_dir(v, &e);

	if (r < 0)
		return r;
	for (int l = 0; l < SCOPE_LEVELS; l++)
		if (runs[l].at < runs[l].end && run_is_file(v, runs[l], skip))
			runs[l].at = runs[l].end;
	if ((r = merge(v, self, len + 1, runs)) < 0)
		return r;
	v->entries[self].end = v->nentries;
	dir_at(v, dir)->dirs++;
	count_in(v, dir, dir_at(v, self)->time);
	return 0;
}

/* in: per scope the files below dir, whose path and '/' are the first skip bytes of each. */
static int merge(struct view *v, uint32_t dir, size_t skip, struct range in[SCOPE_LEVELS])
{
	const char *component;

	while ((component = next_component(v, in, skip))) {
		enum lookup_kind kinds[SCOPE_LEVELS] = {LOOKUP_NONE};
		struct range runs[SCOPE_LEVELS];
		int decides, r;

		for (int l = 0; l < SCOPE_LEVELS; l++) {
			runs[l] = take_run(v, &in[l], component, skip);
			if (runs[l].at < runs[l].end)
				kinds[l] =
					run_is_file(v, runs[l], skip) ? LOOKUP_FILE : LOOKUP_GROUP;
		}
		decides = lookup_decides(kinds);
		if (decides < 0)
			continue;
		if (kinds[decides] == LOOKUP_FILE)
			r = append_file(v, dir, skip, decides, runs[decides].at);
		else
			r = append_dir(v, dir, skip, decides, runs);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- node ids ---- */

static uint64_t hash_path(const struct view *v, enum view_kind kind, unsigned attempt,
			  const char *path, size_t len)
{
	uint8_t text[2 + NAME_SIZE], out[crypto_shorthash_BYTES];
	uint64_t ino = 0;

	text[0] = (uint8_t)kind;
	text[1] = (uint8_t)attempt;
	for (size_t i = 0; i < len; i++)
		text[2 + i] = (uint8_t)fold(path[i]);
	crypto_shorthash(out, text, 2 + len, v->key);
	for (size_t i = 0; i < sizeof(out); i++)
		ino |= (uint64_t)out[i] << (8 * i);
	ino &= VIEW_INO_MASK;
	return ino > VIEW_RESERVED ? ino : ino + VIEW_RESERVED + 1;
}

/* The slot that holds ino, or the free one where it would go. */
static uint32_t slot_of(const struct view *v, uint64_t ino)
{
	uint32_t i = (uint32_t)(ino ^ (ino >> 32)) & v->table_mask;

	while (v->table[i] && v->entries[v->table[i] - 1].ino != ino)
		i = (i + 1) & v->table_mask;
	return i;
}

static int index_entry(struct view *v, uint32_t i)
{
	struct view_entry *e = &v->entries[i];

	for (unsigned attempt = 0; attempt < REHASH_MAX; attempt++) {
		uint64_t ino = hash_path(v, e->kind, attempt, v->names + e->path, e->path_len);
		uint32_t slot = slot_of(v, ino);

		if (v->table[slot])
			continue;
		e->ino = ino;
		v->table[slot] = i + 1;
		return 0;
	}
	return ERR_AUTH;
}

static int build_table(struct view *v)
{
	uint32_t size = 16;

	while (size < v->nentries * 2)
		size *= 2;
	v->table = calloc(size, sizeof(*v->table));
	if (!v->table)
		return ERR_NOMEM;
	v->table_mask = size - 1;
	v->entries[0].ino = VIEW_ROOT_INO;
	v->table[slot_of(v, VIEW_ROOT_INO)] = 1;
	for (uint32_t i = 1; i < v->nentries; i++) {
		int r = index_entry(v, i);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Gives back what growing by doubling took too much. */
static void trim(struct view *v)
{
	void *p;

	if (v->nfiles && (p = reallocarray(v->files, v->nfiles, sizeof(*v->files)))) {
		v->files = p;
		v->files_cap = v->nfiles;
	}
	if (v->names_len && (p = realloc(v->names, v->names_len))) {
		v->names = p;
		v->names_cap = v->names_len;
	}
	if ((p = reallocarray(v->dirs, v->ndirs, sizeof(*v->dirs)))) {
		v->dirs = p;
		v->dirs_cap = v->ndirs;
	}
	if ((p = reallocarray(v->entries, v->nentries, sizeof(*v->entries)))) {
		v->entries = p;
		v->entries_cap = v->nentries;
	}
}

int view_finish(struct view *v)
{
	struct view_entry root = {.kind = VIEW_DIR};
	struct range in[SCOPE_LEVELS];
	uint32_t unused;
	int r;

	if (!v->names_len && (r = add_name(v, "", &unused)) < 0)
		return r;
	memcpy(in, v->levels, sizeof(in));
	if ((r = append_with_dir(v, &root)) < 0)
		return r;
	if ((r = merge(v, 0, 0, in)) < 0)
		return r;
	if (!v->nsecrets)
		count_in(v, 0, view_time(v));
	v->entries[0].end = v->nentries;
	trim(v);
	return build_table(v);
}

void view_set_dir(struct view *v, uint32_t index, const struct view_dir *d)
{
	*dir_at(v, index) = *d;
}

/* ---- reading ---- */

uint32_t view_count(const struct view *v)
{
	return v->nentries;
}

uint32_t view_secrets(const struct view *v)
{
	return v->nsecrets;
}

uint64_t view_commit_time(const struct view *v, enum scope_level level)
{
	return v->commit_time[level];
}

uint64_t view_commit_epoch(const struct view *v, enum scope_level level)
{
	return v->commit_epoch[level];
}

const uint8_t *view_commit_id(const struct view *v, enum scope_level level)
{
	return v->commit_id[level];
}

uint64_t view_time(const struct view *v)
{
	uint64_t t = 0;

	for (int l = 0; l < SCOPE_LEVELS; l++)
		if (v->commit_time[l] > t)
			t = v->commit_time[l];
	return t;
}

const struct view_entry *view_at(const struct view *v, uint32_t index)
{
	return index < v->nentries ? &v->entries[index] : NULL;
}

uint32_t view_index(const struct view *v, const struct view_entry *e)
{
	return (uint32_t)(e - v->entries);
}

const struct view_file *view_file_of(const struct view *v, const struct view_entry *e)
{
	return &v->files[e->data];
}

const struct view_dir *view_dir_of(const struct view *v, const struct view_entry *e)
{
	return &v->dirs[e->data];
}

uint64_t view_node(const struct view *v, const struct view_entry *e)
{
	uint64_t version;

	if (e->kind == VIEW_DIR)
		return e->ino | (uint64_t)(view_dir_of(v, e)->gone % VIEW_SPELLED)
					<< VIEW_ALIAS_SHIFT;
	/* Never 0, so that no file has the id of a directory; alike only for versions that many
	 * commits apart. */
	version = 1 + (view_file_of(v, e)->set_epoch * SCOPE_LEVELS + e->level) % VIEW_ALIAS_MAX;
	return e->ino | version << VIEW_ALIAS_SHIFT;
}

const struct view_entry *view_by_ino(const struct view *v, uint64_t ino)
{
	uint32_t found = v->table[slot_of(v, ino & VIEW_INO_MASK)];

	return found ? &v->entries[found - 1] : NULL;
}

static const struct view_entry *find_kind(const struct view *v, enum view_kind kind,
					  const char *path, size_t len)
{
	for (unsigned attempt = 0; attempt < REHASH_MAX; attempt++) {
		const struct view_entry *e = view_by_ino(v, hash_path(v, kind, attempt, path, len));

		if (!e)
			return NULL;
		if (e->kind == kind && fold_cmp(v->names + e->path, e->path_len, path, len) == 0)
			return e;
	}
	return NULL;
}

const struct view_entry *view_find(const struct view *v, const char *path)
{
	size_t len = strlen(path);
	const struct view_entry *e;

	if (!len)
		return &v->entries[0];
	if (len > NAME_MAX_LEN)
		return NULL;
	e = find_kind(v, VIEW_FILE, path, len);
	return e ? e : find_kind(v, VIEW_DIR, path, len);
}

const struct view_entry *view_child(const struct view *v, const struct view_entry *dir,
				    const char *name)
{
	size_t at = dir->path_len, len = strlen(name);
	char path[NAME_SIZE];

	if (!len || at + (at > 0) + len > NAME_MAX_LEN || strchr(name, '/'))
		return NULL;
	memcpy(path, v->names + dir->path, at);
	if (at)
		path[at++] = '/';
	memcpy(path + at, name, len + 1);
	return view_find(v, path);
}

uint32_t view_first(const struct view *v, const struct view_entry *dir)
{
	uint32_t i = view_index(v, dir) + 1;

	return i < dir->end ? i : 0;
}

uint32_t view_next(const struct view *v, const struct view_entry *dir, uint32_t i)
{
	uint32_t next = v->entries[i].end;

	return next < dir->end ? next : 0;
}

const char *view_path(const struct view *v, const struct view_entry *e, char *out)
{
	memcpy(out, v->names + e->path, e->path_len);
	out[e->path_len] = '\0';
	return out;
}

const char *view_base(const struct view *v, const struct view_entry *e, char *out)
{
	size_t len = (size_t)e->path_len - e->base;

	memcpy(out, v->names + e->path + e->base, len);
	out[len] = '\0';
	return out;
}

/* ---- comparing ---- */

bool view_same_base(const struct view *a, const struct view_entry *ea, const struct view *b,
		    const struct view_entry *eb)
{
	size_t len = (size_t)ea->path_len - ea->base;

	return len == (size_t)eb->path_len - eb->base &&
	       memcmp(a->names + ea->path + ea->base, b->names + eb->path + eb->base, len) == 0;
}

static bool same_file(const struct view *a, const struct view_entry *ea, const struct view *b,
		      const struct view_entry *eb)
{
	const struct view_file *fa = view_file_of(a, ea), *fb = view_file_of(b, eb);

	return ea->level == eb->level && fa->set_epoch == fb->set_epoch && fa->time == fb->time &&
	       fa->expires == fb->expires && fa->len == fb->len &&
	       memcmp(fa->id, fb->id, HASH_SIZE) == 0;
}

static bool same_entry(const struct view *a, const struct view_entry *ea, const struct view *b,
		       const struct view_entry *eb)
{
	return ea && eb && view_same_base(a, ea, b, eb);
}

void view_diff(const struct view *old, const struct view *new, const struct view_changes *c)
{
	for (uint32_t i = old->nentries; i-- > 1;) {
		const struct view_entry *was = &old->entries[i], *is = view_by_ino(new, was->ino);

		if (!same_entry(old, was, new, is))
			c->entry_changed(c->arg, was, NULL);
		if (was->kind == VIEW_FILE && (!is || !same_file(old, was, new, is)))
			c->attr_changed(c->arg, view_node(old, was));
	}
	for (uint32_t i = 1; i < new->nentries; i++) {
		const struct view_entry *is = &new->entries[i], *was = view_by_ino(old, is->ino);

		if (!same_entry(old, was, new, is))
			c->entry_changed(c->arg, NULL, is);
		else if (view_node(old, was) != view_node(new, is))
			c->entry_changed(c->arg, was, is);
	}
}
