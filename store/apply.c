/* SPDX-License-Identifier: ISC */
#include "apply.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "merge.h"
#include "object.h"
#include "sweep.h"
#include "value.h"

#define ATTEMPTS 64
#define BATCH_ITEMS 4096
#define BATCH_BYTES (16u << 20)

/* --- objects of one attempt ------------------------------------------------------------------- */

struct pending { /* sealed, to be put */
	char key[BACKEND_KEY_SIZE];
	struct blob sealed;
};

struct attempt {
	struct backend *b;
	struct keyring *k;
	const struct apply_options *opt;
	struct snapshot *tip;
	struct commit next;
	struct pending *items; /* the first `put` of them lie in the backend */
	size_t n, cap, put, bytes, expected;
};

static void attempt_fini(struct attempt *a)
{
	for (size_t i = 0; i < a->n; i++)
		blob_free(&a->items[i].sealed);
	free(a->items);
	commit_fini(&a->next);
	snapshot_close(a->tip);
}

static int flush(struct attempt *a)
{
	size_t n = a->n - a->put;
	struct backend_item *items = calloc(n ? n : 1, sizeof(*items));
	int r;

	if (!items)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct pending *p = &a->items[a->put + i];

		items[i] = (struct backend_item){p->key, p->sealed.data, p->sealed.len};
	}
	r = n ? a->b->ops->put(a->b, items, n) : 0;
	free(items);
	/* Counted even after a failure: some may be there, and all of them are strays then. */
	for (; a->put < a->n; a->put++)
		blob_free(&a->items[a->put].sealed);
	a->bytes = 0;
	if (r == 0 && a->opt && a->opt->progress)
		a->opt->progress(a->opt->progress_arg, a->put, a->expected);
	return r;
}

/* Takes sealed over; id is its hash. */
static int put_later(struct attempt *a, struct blob *sealed, const uint8_t id[static HASH_SIZE])
{
	if (a->n == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 16;
		void *p = realloc(a->items, cap * sizeof(*a->items));

		if (!p)
			return ERR_NOMEM;
		a->items = p;
		a->cap = cap;
	}
	backend_object_key(a->k->scope_id, id, a->items[a->n].key);
	a->items[a->n++].sealed = *sealed;
	a->bytes += sealed->len;
	*sealed = (struct blob){0};
	if (a->n - a->put >= BATCH_ITEMS || a->bytes >= BATCH_BYTES)
		return flush(a);
	return 0;
}

static void delete_strays(struct attempt *a)
{
	for (size_t i = 0; i < a->put; i++)
		(void)a->b->ops->delete (a->b, a->items[i].key);
}

static int retire(struct commit *c, const uint8_t id[static HASH_SIZE])
{
	/* Grown by doubling at powers of two, so that no capacity need be kept. */
	if ((c->nretired & (c->nretired - 1)) == 0) {
		void *p = realloc(c->retired, (c->nretired ? 2 * c->nretired : 1) * HASH_SIZE);

		if (!p)
			return ERR_NOMEM;
		c->retired = p;
	}
	memcpy(c->retired[c->nretired++], id, HASH_SIZE);
	return 0;
}

/* --- one record and one change ---------------------------------------------------------------- */

static int retire_versions(struct commit *c, struct record *rec, unsigned keep)
{
	for (; rec->nversions > keep; rec->nversions--) {
		int r = retire(c, rec->versions[rec->nversions - 1].id);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_version(struct attempt *a, struct record *rec, const struct secret *value)
{
	BLOB_CLEANUP struct blob sealed = {0};
	unsigned keep = a->opt && a->opt->history ? a->opt->history : VERSIONS_DEFAULT;
	struct version v = {.set_epoch = a->next.epoch,
			    .time = a->next.time,
			    .gen = a->next.gen,
			    .len = (uint32_t)value->len};
	int r;

	if (keep > VERSIONS_MAX)
		return ERR_INVAL;
	memcpy(v.writer, a->k->writer_pk, sizeof(v.writer));
	r = value_seal(a->k, v.gen, v.set_epoch, rec->name, value, &sealed, v.id);
	if (r == 0)
		r = put_later(a, &sealed, v.id);
	if (r == 0)
		r = retire_versions(&a->next, rec, keep - 1);
	if (r < 0)
		return r;
	memmove(rec->versions + 1, rec->versions, rec->nversions * sizeof(v));
	rec->versions[0] = v;
	rec->nversions++;
	return 0;
}

static int set_attributes(struct record *rec, const struct change *c)
{
	if (c->set & CHANGE_SET_TYPE) {
		if (c->type >= RECORD_TYPES)
			return ERR_INVAL;
		rec->type = c->type;
	}
	if (c->set & CHANGE_SET_ENV) {
		const char *env = c->env ? c->env : "";

		if (env[0] && name_check_env(env) < 0)
			return ERR_NAME;
		memcpy(rec->env, env, strlen(env) + 1);
	}
	if (c->set & CHANGE_SET_EXPIRES)
		rec->expires = c->expires;
	return 0;
}

/* rec is the record there is (NULL: none), and becomes what is to stand; *gone: nothing is. */
static int change_record(struct attempt *a, const struct change *c, struct record *rec, bool exists,
			 bool *gone)
{
	int r;

	*gone = false;
	if (c->op == CHANGE_CREATE && exists)
		return ERR_EXIST;
	if ((c->op == CHANGE_UPDATE || c->op == CHANGE_DELETE) && !exists)
		return ERR_NOENT;
	if (c->op == CHANGE_DELETE) {
		*gone = true;
		return retire_versions(&a->next, rec, 0);
	}
	if (!exists) {
		if (!c->value)
			return ERR_INVAL;
		*rec = (struct record){.created = a->next.time};
		memcpy(rec->name, c->name, strlen(c->name) + 1);
	}
	r = set_attributes(rec, c);
	if (r == 0 && c->value)
		r = add_version(a, rec, c->value);
	return r;
}

/* --- one page ---------------------------------------------------------------------------------- */

static int add_changed(struct attempt *a, const struct change *c, struct record *rec, bool exists,
		       struct merge_out *out)
{
	WRITER_CLEANUP struct writer w = {0};
	bool gone;
	int r = change_record(a, c, rec, exists, &gone);

	if (r < 0 || gone)
		return r;
	page_put(&w, rec);
	return w.failed ? ERR_NOMEM : merge_add(out, w.data, w.len);
}

/* Merge the changes order[0..n) into the records of body (may be empty).  *done counts the changes
 * gone through, so that a failure is at order[*done]. */
static int merge_page(struct attempt *a, const struct blob *body, const struct change *const *order,
		      size_t n, struct merge_out *out, size_t *done)
{
	struct page_cursor c = page_walk(body);
	struct record rec, fresh;
	bool more = page_next(&c, &rec);

	for (*done = 0; more || *done < n;) {
		int cmp = !more ? 1 : *done == n ? -1 : name_cmp(rec.name, order[*done]->name);
		int r;

		if (cmp < 0)
			r = merge_add(out, c.start, c.raw_len);
		else if (cmp == 0)
			r = add_changed(a, order[*done], &rec, true, out);
		else
			r = add_changed(a, order[*done], &fresh, false, out);
		if (r < 0)
			return r;
		if (cmp >= 0)
			++*done;
		if (cmp <= 0)
			more = page_next(&c, &rec);
	}
	return 0;
}

static int put_page(struct attempt *a, const struct merge_out *m, size_t i, size_t end,
		    struct commit_page *out)
{
	BLOB_CLEANUP struct blob sealed = {0};
	struct blob body = merge_slice(m, i, end);
	char first[NAME_SIZE];
	int r = object_seal(a->k, OBJECT_PAGE, a->next.gen, &body, &sealed);

	if (r < 0)
		return r;
	object_id(&sealed, out->id);
	merge_name(m, i, first);
	out->first = strdup(first);
	return out->first ? put_later(a, &sealed, out->id) : ERR_NOMEM;
}

/* Replace page `at` (at == npages: add) of a->next by the records of m, in as many pages as it
 * takes.  *made is their number. */
static int replace_page(struct attempt *a, size_t at, const struct merge_out *m, size_t *made)
{
	struct commit *c = &a->next;
	struct commit_page *pages;
	size_t old = at < c->npages, n = 0;
	int r = old ? retire(c, c->pages[at].id) : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < m->n; i = merge_cut(m, i))
		n++;
	pages = realloc(c->pages, (c->npages + n + 1) * sizeof(*pages));
	if (!pages)
		return ERR_NOMEM;
	c->pages = pages;
	if (old)
		free(pages[at].first);
	memmove(pages + at + n, pages + at + old, (c->npages - at - old) * sizeof(*pages));
	memset(pages + at, 0, n * sizeof(*pages));
	c->npages += n - old;
	for (size_t i = 0, p = at; i < m->n; p++) {
		size_t end = merge_cut(m, i);

		r = put_page(a, m, i, end, &pages[p]);
		if (r < 0)
			return r;
		i = end;
	}
	*made = n;
	return 0;
}

/* Where in order[0..n) a change to either name stands. */
static size_t blame(const struct change *const *order, size_t n, const char *a, const char *b)
{
	size_t i = 0;

	while (i < n && name_cmp(order[i]->name, a) != 0 && name_cmp(order[i]->name, b) != 0)
		i++;
	return i < n ? i : 0;
}

/* No path may be file and directory: neighbours tell, for a subtree is one run (name.h).  next: the
 * first name of the page after, or "". */
static int check_paths(const struct merge_out *m, const char *next,
		       const struct change *const *order, size_t n, size_t *failed)
{
	char name[NAME_SIZE], after[NAME_SIZE];

	for (size_t i = 0; i < m->n; i++) {
		merge_name(m, i, name);
		if (i + 1 < m->n)
			merge_name(m, i + 1, after);
		else
			memcpy(after, next, strlen(next) + 1);
		if (name_is_below(after, name)) {
			*failed += blame(order, n, name, after);
			return ERR_NOTDIR;
		}
	}
	return 0;
}

/* --- the whole batch ---------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct change *const *x = a, *const *y = b;

	return name_cmp((*x)->name, (*y)->name);
}

/*
 * Pages from the last to the first, so that the indices of those before stay right and the first
 * name of the page after is already the new one.
 */
static int merge_all(struct attempt *a, const struct change *const *order, size_t n, size_t *failed)
{
	size_t hi = n;

	while (hi) {
		const struct commit *tip = &a->tip->commit;
		size_t at = commit_page_of(tip, order[hi - 1]->name), lo = hi, done = 0, made = 0;
		struct merge_out m = {0};
		const struct page *page = NULL;
		int r = 0;

		while (lo && commit_page_of(tip, order[lo - 1]->name) == at)
			lo--;
		*failed = lo;
		if (at < tip->npages)
			r = snapshot_page(a->b, a->k, a->tip, at, &page);
		if (r == 0)
			r = merge_page(a, page ? &page->body : &(struct blob){0}, order + lo,
				       hi - lo, &m, &done);
		*failed = lo + done;
		if (r == 0) {
			const char *next =
				at + 1 < a->next.npages ? a->next.pages[at + 1].first : "";

			*failed = lo;
			r = check_paths(&m, next, order + lo, hi - lo, failed);
		}
		if (r == 0)
			r = replace_page(a, at, &m, &made);
		merge_fini(&m);
		if (r < 0)
			return r;
		hi = lo;
	}
	*failed = n;
	return 0;
}

static int swap_ref(struct attempt *a)
{
	BLOB_CLEANUP struct blob ref = {0};
	char key[BACKEND_KEY_SIZE];
	int r = ref_seal(a->k, a->next.gen, a->next.id, &ref);

	if (r < 0)
		return r;
	backend_ref_key(a->k->scope_id, key);
	return a->b->ops->swap(a->b, key, a->tip ? &a->tip->ref : NULL, &ref);
}

/* a->next is complete but for its own object. */
static int finish(struct attempt *a)
{
	BLOB_CLEANUP struct blob sealed = {0};
	int r = commit_seal(a->k, &a->next, &sealed);

	if (r == 0)
		r = put_later(a, &sealed, a->next.id);
	if (r == 0)
		r = flush(a);
	return r == 0 ? swap_ref(a) : r;
}

static int begin(struct attempt *a)
{
	uint64_t grace = a->opt && a->opt->grace ? a->opt->grace : SWEEP_GRACE;
	int r = snapshot_open(a->b, a->k, a->opt ? a->opt->floor : NULL, &a->tip);

	if (r < 0)
		return r;
	if (!a->k->has_writer || !grant_find(&a->tip->commit.grant, a->k->writer_pk))
		return ERR_DENIED;
	r = commit_follow(a->b, a->k, &a->tip->commit, &a->next);
	if (r == 0)
		sweep_run(a->b, a->k, &a->tip->commit, grace, &a->next.swept);
	return r;
}

static void pause_after_conflict(unsigned attempt)
{
	unsigned most = attempt < 8 ? 1u << attempt : 256; /* ms */
	struct timespec t = {.tv_nsec = (long)randombytes_uniform(most * 1000) * 1000};

	nanosleep(&t, NULL);
}

struct job { /* what an attempt is to do between begin and finish */
	int (*fill)(struct attempt *a, void *arg, size_t *failed);
	void *arg;
	size_t expected;
};

static int run(struct backend *b, struct keyring *k, const struct apply_options *opt,
	       const struct job *job, struct apply_result *result)
{
	int r = ERR_CONFLICT;

	for (unsigned i = 0; r == ERR_CONFLICT && i < ATTEMPTS; i++) {
		struct attempt a = {.b = b, .k = k, .opt = opt, .expected = job->expected};

		if (i)
			pause_after_conflict(i);
		result->attempts = i + 1;
		r = begin(&a);
		if (r == 0)
			r = job->fill(&a, job->arg, &result->failed);
		if (r == 0)
			r = finish(&a);
		if (r == 0) {
			result->floor = floor_of(&a.next);
			result->time = a.next.time;
		} else if (r != ERR_UNKNOWN) {
			delete_strays(&a); /* the ref does not name them, and nobody else does */
		}
		attempt_fini(&a);
	}
	return r;
}

struct batch {
	const struct change **order;
	size_t n;
};

static int fill_batch(struct attempt *a, void *arg, size_t *failed)
{
	struct batch *batch = arg;

	return merge_all(a, batch->order, batch->n, failed);
}

static int check_changes(struct batch *batch, size_t *failed)
{
	for (*failed = 0; *failed < batch->n; ++*failed)
		if (name_check(batch->order[*failed]->name) < 0)
			return ERR_NAME;
	qsort(batch->order, batch->n, sizeof(struct change *), by_name);
	for (*failed = 1; *failed < batch->n; ++*failed)
		if (name_cmp(batch->order[*failed - 1]->name, batch->order[*failed]->name) == 0)
			return ERR_INVAL;
	return 0;
}

int apply_changes(struct backend *b, struct keyring *k, const struct apply_options *opt,
		  const struct change *changes, size_t n, struct apply_result *result)
{
	struct batch batch = {.order = calloc(n ? n : 1, sizeof(struct change *)), .n = n};
	struct job job = {.fill = fill_batch, .arg = &batch, .expected = n};
	int r;

	*result = (struct apply_result){.failed = n};
	if (!batch.order)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++)
		batch.order[i] = &changes[i];
	r = n ? check_changes(&batch, &result->failed) : ERR_INVAL;
	if (r == 0) {
		result->failed = n;
		r = run(b, k, opt, &job, result);
	}
	/* From the place in the sorted order to the caller's own. */
	if (result->failed < n)
		result->failed = (size_t)(batch.order[result->failed] - changes);
	free(batch.order);
	return r;
}

int apply_genesis(struct backend *b, struct keyring *k, struct apply_result *result)
{
	struct attempt a = {.b = b, .k = k};
	struct grant *g = &a.next.grant;
	const struct keyring_gen *gen;
	struct timespec now;
	int r = k->has_root ? keyring_at(k, 1, &gen) : ERR_DENIED;

	*result = (struct apply_result){.attempts = 1};
	if (r < 0)
		return r;
	clock_gettime(CLOCK_REALTIME, &now);
	a.next.gen = g->gen = 1;
	a.next.epoch = g->epoch = 1;
	a.next.time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	memcpy(g->pk, gen->pk, sizeof(g->pk));
	g->nwriters = 1;
	g->writers = calloc(1, sizeof(*g->writers));
	r = g->writers ? 0 : ERR_NOMEM;
	if (r == 0) {
		memcpy(g->writers[0].pk, k->root_pk, sizeof(g->writers[0].pk));
		memcpy(g->writers[0].name, "root", 5);
		r = grant_sign(k, g);
	}
	if (r == 0)
		r = finish(&a);
	if (r == 0) {
		result->floor = floor_of(&a.next);
		result->time = a.next.time;
	} else if (r != ERR_UNKNOWN) {
		delete_strays(&a);
	}
	attempt_fini(&a);
	return r == ERR_CONFLICT ? ERR_EXIST : r;
}

struct regrant {
	const struct grant_writer *w;
	bool remove;
};

static int fill_grant(struct attempt *a, void *arg, size_t *failed)
{
	const struct regrant *job = arg;
	struct grant *g = &a->next.grant;
	struct grant_writer *list;
	size_t at = 0;

	(void)failed;
	while (at < g->nwriters && strcmp(g->writers[at].name, job->w->name) != 0)
		at++;
	if (job->remove ? at == g->nwriters : at < g->nwriters)
		return job->remove ? ERR_NOENT : ERR_EXIST;
	if (job->remove) {
		if (memcmp(g->writers[at].pk, a->k->root_pk, sizeof(a->k->root_pk)) == 0)
			return ERR_DENIED; /* the admin does not lock itself out */
		memmove(g->writers + at, g->writers + at + 1,
			(--g->nwriters - at) * sizeof(*g->writers));
	} else {
		list = realloc(g->writers, (g->nwriters + 1) * sizeof(*list));
		if (!list)
			return ERR_NOMEM;
		g->writers = list;
		list[g->nwriters++] = *job->w;
	}
	g->epoch++;
	return grant_sign(a->k, g);
}

int apply_grant(struct backend *b, struct keyring *k, const struct apply_options *opt,
		const struct grant_writer *w, bool remove, struct apply_result *result)
{
	struct regrant regrant = {w, remove};
	struct job job = {.fill = fill_grant, .arg = &regrant};

	*result = (struct apply_result){0};
	return k->has_root ? run(b, k, opt, &job, result) : ERR_DENIED;
}
