/* SPDX-License-Identifier: ISC */
/*
 * replicate - a store copied into another, once or for as long as it runs.  It needs no key, and
 * nobody has to trust it: whoever reads the copy verifies it as he would the original.
 *
 * Sound without keys because of an order.  A writer puts every object that a ref leads to before
 * the ref, so: read the refs, then copy every object that is there, then write the refs that were
 * read.  The copy is whole at every moment, and is a state that the original had.
 *
 * An object in TO counts as there when its bytes hash to its name: a copy that was killed, or a power
 * cut, leaves torn ones under their names (backend_dir.c), which are deleted and copied again.
 *
 * Nothing else is deleted.  When the engine was put back from a backup, the hosts' floors refuse its
 * refs, and go on with what they have: that must stay.
 */
#include <errno.h>
#include <poll.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctx.h"
#include "location.h"
#include "object.h"
#include "ui.h"

#define BATCH_ITEMS 512
#define BATCH_BYTES (8u << 20)
#define REF_MAX (64u * 1024u)
#define RETRY_MS 1000
#define POLL_MS 60000 /* also without being told */

struct ref {
	char key[BACKEND_KEY_SIZE];
	struct blob value, copied; /* copied: what TO has of it, as far as known */
	bool checked;		   /* what TO has of its objects */
};

struct batch {
	struct backend_item items[BATCH_ITEMS];
	size_t n, bytes;
};

struct replica {
	struct backend *from, *to;
	struct ref *refs;
	size_t nrefs;
	void *have;    /* tsearch(3): the keys of objects that TO has */
	char **listed; /* what is yet to be checked, or copied */
	size_t nlisted, room;
	struct batch batch;
	size_t copied, altered;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* ---- which objects ---- */

static int remember(struct replica *r, const char *key)
{
	char *copy = strdup(key);
	void *node = copy ? tsearch(copy, &r->have, by_key) : NULL;

	if (!node) {
		free(copy);
		return ERR_NOMEM;
	}
	if (*(char **)node != copy)
		free(copy);
	return 0;
}

static int note_listed(void *arg, const char *key)
{
	struct replica *r = arg;

	if (tfind(key, &r->have, by_key))
		return 0;
	if (r->nlisted == r->room) {
		size_t room = r->room ? 2 * r->room : 1024;
		char **p = realloc(r->listed, room * sizeof(*p));

		if (!p)
			return ERR_NOMEM;
		r->listed = p;
		r->room = room;
	}
	r->listed[r->nlisted] = strdup(key);
	return r->listed[r->nlisted++] ? 0 : ERR_NOMEM;
}

static void forget_listed(struct replica *r)
{
	for (size_t i = 0; i < r->nlisted; i++)
		free(r->listed[i]);
	r->nlisted = 0;
}

/* Its name is the hash of its bytes. */
static bool is_itself(const char *key, const struct blob *data)
{
	uint8_t id[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];

	object_id(data, id);
	sodium_bin2hex(hex, sizeof(hex), id, sizeof(id));
	return strcmp(strrchr(key, '/') + 1, hex) == 0;
}

static int check_object(struct replica *r, const char *key)
{
	BLOB_CLEANUP struct blob data = {0};
	int e = r->to->ops->get(r->to, key, OBJECT_MAX, BACKEND_DURABLE, &data);

	if (e == ERR_NOENT)
		return 0;
	if (!e && is_itself(key, &data))
		return remember(r, key);
	if (e && e != ERR_TOOBIG && e != ERR_AUTH)
		return e;
	return r->to->ops->delete (r->to, key);
}

/* What TO has of a scope, once. */
static int check_objects(struct replica *r, const char *prefix)
{
	int e = r->to->ops->list(r->to, prefix, note_listed, r);

	for (size_t i = 0; !e && i < r->nlisted; i++) {
		e = check_object(r, r->listed[i]);
		if (r->nlisted > BATCH_ITEMS)
			ui_progress("checking what is there", i + 1, r->nlisted);
	}
	ui_progress("", 0, 0);
	forget_listed(r);
	return e;
}

/* ---- copying them ---- */

static void empty_batch(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free((void *)(uintptr_t)b->items[i].key);
		free((void *)(uintptr_t)b->items[i].data);
	}
	b->n = b->bytes = 0;
}

/* One by one where some are there: of an earlier run that nobody saw the end of. */
static int put_singly(struct replica *r)
{
	int e = 0;

	for (size_t i = 0; !e && i < r->batch.n; i++) {
		e = r->to->ops->put(r->to, &r->batch.items[i], 1);
		if (e == ERR_EXIST)
			e = 0;
	}
	return e;
}

static int flush_batch(struct replica *r)
{
	struct batch *b = &r->batch;
	int e = b->n ? r->to->ops->put(r->to, b->items, b->n) : 0;

	if (e == ERR_EXIST)
		e = put_singly(r);
	for (size_t i = 0; !e && i < b->n; i++)
		e = remember(r, b->items[i].key);
	if (!e)
		r->copied += b->n;
	empty_batch(b);
	return e;
}

static int copy_object(struct replica *r, const char *key)
{
	struct batch *b = &r->batch;
	struct blob data = {0};
	int e = r->from->ops->get(r->from, key, OBJECT_MAX, 0, &data);

	if (e == ERR_NOENT) /* retired meanwhile: no ref of now leads there */
		return 0;
	/* what was altered is not passed on */
	if (e == ERR_TOOBIG || e == ERR_AUTH || (!e && !is_itself(key, &data))) {
		blob_free(&data);
		r->altered++;
		return 0;
	}
	if (e)
		return e;
	b->items[b->n] = (struct backend_item){strdup(key), data.data, data.len};
	if (!b->items[b->n].key) {
		blob_free(&data);
		return ERR_NOMEM;
	}
	b->bytes += data.len;
	return ++b->n == BATCH_ITEMS || b->bytes >= BATCH_BYTES ? flush_batch(r) : 0;
}

static int copy_objects(struct replica *r)
{
	int e = 0;

	for (size_t i = 0; !e && i < r->nlisted; i++) {
		e = copy_object(r, r->listed[i]);
		if (r->nlisted > BATCH_ITEMS)
			ui_progress("copying", i + 1, r->nlisted);
	}
	ui_progress("", 0, 0);
	return e ? e : flush_batch(r);
}

/* ---- refs ---- */

static int note_ref(void *arg, const char *key)
{
	struct replica *r = arg;
	struct ref *p;

	for (size_t i = 0; i < r->nrefs; i++)
		if (strcmp(r->refs[i].key, key) == 0)
			return 0;
	p = realloc(r->refs, (r->nrefs + 1) * sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	r->refs = p;
	r->refs[r->nrefs] = (struct ref){0};
	snprintf(r->refs[r->nrefs++].key, BACKEND_KEY_SIZE, "%s", key);
	return 0;
}

/* "refs/<scope>": "objects/<scope>" */
static void objects_of(const struct ref *ref, char out[static BACKEND_KEY_SIZE])
{
	snprintf(out, BACKEND_KEY_SIZE, "objects/%.*s", BACKEND_KEY_SIZE - 16, ref->key + 5);
}

static int read_refs(struct replica *r)
{
	char prefix[BACKEND_KEY_SIZE];
	int e = r->from->ops->list(r->from, "refs", note_ref, r);

	for (size_t i = 0; !e && i < r->nrefs; i++) {
		if (r->refs[i].checked)
			continue;
		objects_of(&r->refs[i], prefix);
		e = check_objects(r, prefix);
		r->refs[i].checked = !e;
	}
	for (size_t i = 0; !e && i < r->nrefs; i++) {
		blob_free(&r->refs[i].value);
		e = r->from->ops->get(r->from, r->refs[i].key, REF_MAX, 0, &r->refs[i].value);
		if (e == ERR_NOENT)
			e = 0;
	}
	return e;
}

static int write_ref(struct replica *r, struct ref *ref)
{
	BLOB_CLEANUP struct blob old = {0};
	int e = r->to->ops->get(r->to, ref->key, REF_MAX, BACKEND_DURABLE, &old);
	bool absent = e == ERR_NOENT;

	if (e && !absent)
		return e;
	if (absent || !blob_eq(&old, &ref->value)) {
		e = r->to->ops->swap(r->to, ref->key, absent ? NULL : &old, &ref->value);
		if (e)
			return e;
	}
	blob_free(&ref->copied);
	ref->copied = ref->value;
	ref->value = (struct blob){0};
	return 0;
}

static bool is_new(const struct ref *ref)
{
	return ref->value.data && (!ref->copied.data || !blob_eq(&ref->value, &ref->copied));
}

/* ---- one pass ---- */

static int pass(struct replica *r)
{
	char prefix[BACKEND_KEY_SIZE];
	int e = read_refs(r);

	for (size_t i = 0; !e && i < r->nrefs; i++) {
		if (!is_new(&r->refs[i]))
			continue;
		objects_of(&r->refs[i], prefix);
		e = r->from->ops->list(r->from, prefix, note_listed, r);
	}
	if (!e)
		e = copy_objects(r);
	forget_listed(r);
	for (size_t i = 0; !e && i < r->nrefs; i++)
		if (is_new(&r->refs[i]))
			e = write_ref(r, &r->refs[i]);
	return e;
}

static void warn_altered(const struct replica *r)
{
	if (r->altered)
		ui_warn("%zu objects are not what their name says and were not copied", r->altered);
}

/* Until it is killed, which it may be at any moment. */
static int follow(struct replica *r)
{
	struct pollfd p = {.fd = -1, .events = POLLIN};
	bool failing = false;
	int e = r->from->ops->watch(r->from, &p.fd);

	if (e)
		return e;
	for (;;) {
		int now = pass(r);

		if (now && !failing)
			ui_warn("cannot copy: %s; trying again until it works",
				now == ERR_IO ? strerror(errno) : err_str(now));
		else if (!now && failing)
			ui_warn("copying again");
		failing = now;
		if (poll(&p, 1, failing ? RETRY_MS : POLL_MS) > 0)
			r->from->ops->watch_clear(r->from);
	}
}

static int open_at(const char *location, int create, struct backend **out)
{
	char reason[LOCATION_REASON];
	int e = location_open(location, create, out, reason);

	if (e && *reason)
		ui_error("%s: %s", location, reason);
	return e ? errmsg_fail(&(struct errmsg){.doing = "open the store", .path = location}, e)
		 : STATUS_DONE;
}

static void replica_fini(struct replica *r)
{
	empty_batch(&r->batch);
	forget_listed(r);
	free(r->listed);
	tdestroy(r->have, free);
	for (size_t i = 0; i < r->nrefs; i++) {
		blob_free(&r->refs[i].value);
		blob_free(&r->refs[i].copied);
	}
	free(r->refs);
	backend_close(r->from);
	backend_close(r->to);
}

static int replicate(struct call *c, struct replica *r)
{
	int status = open_at(c->argv[0], 0, &r->from), e;

	if (!status)
		status = open_at(c->argv[1], 1, &r->to);
	if (status)
		return status;
	e = call_has(c, FLAG_FOLLOW) ? follow(r) : pass(r);
	warn_altered(r);
	if (e)
		return errmsg_fail(&(struct errmsg){.doing = "replicate", .path = c->argv[0]}, e);
	printf("copied %zu object%s of %zu scope%s\n", r->copied, ui_s(r->copied), r->nrefs,
	       ui_s(r->nrefs));
	return STATUS_DONE;
}

int replicate_run(struct call *c)
{
	struct replica *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return errmsg_fail(&(struct errmsg){.doing = "replicate"}, ERR_NOMEM);
	status = replicate(c, r);
	replica_fini(r);
	free(r);
	return status;
}
