/* SPDX-License-Identifier: ISC */
#include "batch.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ui.h"

#define KEY crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SAY_MAX 10 /* names that a message lists */

void batch_fini(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		for (size_t j = 0; j < b->items[i].npast; j++)
			free((void *)(uintptr_t)b->items[i].past[j].value); /* bytes: values */
		free(b->items[i].past);
	}
	for (size_t i = 0; i < b->nvalues; i++)
		free(b->values[i]);
	secret_free(b->key);
	free(b->items);
	free(b->values);
	memset(b, 0, sizeof(*b));
}

static int make_key(struct batch *b)
{
	int r = secret_alloc(KEY, &b->key);

	if (r)
		return r;
	b->key->len = KEY;
	randombytes_buf(b->key->data, KEY);
	return 0;
}

static int grow_values(struct batch *b)
{
	size_t cap = b->values_cap ? 2 * b->values_cap : 64;
	void *more = reallocarray(b->values, cap, sizeof(*b->values));

	if (!more)
		return ERR_NOMEM;
	b->values = more;
	b->values_cap = cap;
	return 0;
}

static int keep(struct batch *b, const uint8_t *data, size_t len, struct secret *out)
{
	int r = b->key ? 0 : make_key(b);
	uint8_t *box;

	if (!r && b->nvalues == b->values_cap)
		r = grow_values(b);
	if (r)
		return r;
	box = malloc(NONCE + TAG + len);
	if (!box)
		return ERR_NOMEM;
	randombytes_buf(box, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE, NULL, data, len, NULL, 0, NULL, box,
						   b->key->data);
	b->values[b->nvalues++] = box;
	*out = (struct secret){.data = box, .len = len, .cap = NONCE + TAG + len};
	return 0;
}

/* As apply's open. */
static int open_value(void *arg, const struct secret *value, struct secret **out)
{
	const struct batch *b = arg;
	int r = secret_alloc(value->len, out);

	if (r)
		return r;
	(*out)->len = value->len;
	return crypto_aead_xchacha20poly1305_ietf_decrypt((*out)->data, NULL, NULL,
							  value->data + NONCE, TAG + value->len,
							  NULL, 0, value->data, b->key->data)
		       ? ERR_AUTH
		       : 0;
}

int batch_add(struct batch *b, const char *name, const uint8_t *data, size_t len,
	      struct batch_item **out)
{
	struct batch_item *item;
	int r;

	if (name_check(name))
		return ERR_NAME;
	if (len > SECRET_MAX)
		return ERR_TOOBIG;
	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 64;
		void *more = reallocarray(b->items, cap, sizeof(*b->items));

		if (!more)
			return ERR_NOMEM;
		b->items = more;
		b->cap = cap;
	}
	item = &b->items[b->n];
	memset(item, 0, sizeof(*item));
	memcpy(item->name, name, strlen(name) + 1);
	r = keep(b, data, len, &item->value);
	if (r)
		return r;
	b->n++;
	*out = item;
	return 0;
}

int batch_add_past(struct batch *b, const uint8_t *data, size_t len, uint64_t time,
		   const uint8_t writer[static WRITER_TAG])
{
	struct batch_item *item = &b->items[b->n - 1];
	struct change_past *past = reallocarray(item->past, item->npast + 1, sizeof(*past));
	struct secret *value;

	if (!past)
		return ERR_NOMEM;
	item->past = past;
	past += item->npast;
	memset(past, 0, sizeof(*past));
	/* Not in the list itself, which moves as it grows. */
	value = calloc(1, sizeof(*value));
	if (!value)
		return ERR_NOMEM;
	past->value = value;
	item->npast++;
	past->time = time;
	memcpy(past->writer, writer, WRITER_TAG);
	return keep(b, data, len, value);
}

static int by_name(const void *a, const void *b)
{
	const struct batch_item *x = a, *y = b;

	return name_cmp(x->name, y->name);
}

static int refuse_twice(const struct batch_item *a, const struct batch_item *b)
{
	ui_error("%s and %s are one secret", a->name, b->name);
	ui_hint("names are the same in any case; keep one of them");
	return STATUS_FAILED;
}

int batch_check(struct ctx *s, struct scope_ctx *p, struct batch *b, bool replace,
		struct batch_counts *out)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct errmsg w = {.doing = "look at what is there", .scope = &p->scope};
	char text[SCOPE_STR];
	int r;

	*out = (struct batch_counts){0};
	if (b->n)
		qsort(b->items, b->n, sizeof(*b->items), by_name);
	for (size_t i = 1; i < b->n; i++)
		if (name_cmp(b->items[i - 1].name, b->items[i].name) == 0)
			return refuse_twice(&b->items[i - 1], &b->items[i]);
	r = ctx_snapshot(s, p, &snap);
	if (r && r != ERR_NOENT)
		return errmsg_fail(&w, r);
	for (size_t i = 0; i < b->n; i++) {
		struct record rec;

		r = snap ? snapshot_find(s->backend, p->ring, snap, b->items[i].name, &rec)
			 : ERR_NOENT;
		if (r && r != ERR_NOENT)
			return errmsg_fail(&w, r);
		if (r) {
			out->created++;
			continue;
		}
		if (!replace && out->replaced == 0)
			ui_error("some are there already (%s):", scope_str(&p->scope, text));
		if (!replace && out->replaced < SAY_MAX)
			ui_hint("%s", rec.name);
		out->replaced++;
	}
	if (replace || !out->replaced)
		return 0;
	if (out->replaced > SAY_MAX)
		ui_hint("… and %zu more", out->replaced - SAY_MAX);
	ui_hint("give --replace to give them new versions; nothing was done");
	return STATUS_FAILED;
}

static void show_progress(void *arg, size_t done, size_t total)
{
	ui_progress(arg, done, total > done ? total : done);
}

static struct change change_of(const struct batch_item *item, bool replace)
{
	return (struct change){
		.op = replace ? CHANGE_REPLACE : CHANGE_CREATE,
		.name = item->name,
		.value = &item->value,
		.set = item->set,
		.type = item->type,
		.env = item->env,
		.expires = item->expires,
		.past = item->past,
		.npast = item->npast,
		.created = item->created,
	};
}

int batch_commit(struct ctx *s, struct scope_ctx *p, const struct batch *b, bool replace,
		 const char *what)
{
	struct change *changes;
	struct apply_result result;
	struct errmsg w = {.doing = what, .scope = &p->scope};
	int r;

	if (!b->n)
		return 0;
	changes = calloc(b->n, sizeof(*changes));
	if (!changes)
		return errmsg_fail(&w, ERR_NOMEM);
	for (size_t i = 0; i < b->n; i++)
		changes[i] = change_of(&b->items[i], replace);
	s->progress = show_progress;
	s->progress_arg = (void *)(uintptr_t)what;
	s->open = open_value;
	s->open_arg = (void *)(uintptr_t)b;
	r = ctx_apply(s, p, changes, b->n, &result);
	s->progress = NULL;
	s->open = NULL;
	ui_progress("", 0, 0);
	free(changes);
	if (!r)
		return 0;
	w.name = result.failed < b->n ? b->items[result.failed].name : NULL;
	errmsg_fail(&w, r);
	ui_hint("nothing was done");
	return STATUS_FAILED;
}
