/* SPDX-License-Identifier: ISC */
#include "page.h"

#include <string.h>

/*
 * A record: u8 length | name, u8 type, u8 length | environment name, u64 expires, u64 created,
 * u8 n, n x (id[32], u64 set_epoch, u64 time, u32 gen, u32 len, writer[8]).
 */

const char *record_type_str(unsigned type)
{
	static const char *const names[RECORD_TYPES] = {
		[RECORD_REGULAR] = "regular",
		[RECORD_JSON] = "json",
		[RECORD_IMAGE_PULL] = "image_pull",
	};

	return type < RECORD_TYPES ? names[type] : "unknown";
}

void page_put(struct enc *w, const struct record *rec)
{
	put_str8(w, rec->name);
	put_u8(w, rec->type);
	put_str8(w, rec->env);
	put_u64(w, rec->expires);
	put_u64(w, rec->created);
	put_u8(w, (uint8_t)rec->nversions);
	for (unsigned i = 0; i < rec->nversions; i++) {
		const struct version *v = &rec->versions[i];

		put_bytes(w, v->id, sizeof(v->id));
		put_u64(w, v->set_epoch);
		put_u64(w, v->time);
		put_u32(w, v->gen);
		put_u32(w, v->len);
		put_bytes(w, v->writer, sizeof(v->writer));
	}
}

static void take_version(struct dec *r, struct version *v)
{
	take_copy(r, v->id, sizeof(v->id));
	v->set_epoch = take_u64(r);
	v->time = take_u64(r);
	v->gen = take_u32(r);
	v->len = take_u32(r);
	take_copy(r, v->writer, sizeof(v->writer));
	if (v->gen == 0 || v->set_epoch == 0 || v->len > SECRET_MAX)
		r->failed = true;
}

static void take_record(struct dec *r, struct record *rec)
{
	take_str8(r, rec->name, sizeof(rec->name));
	rec->type = take_u8(r);
	take_str8(r, rec->env, sizeof(rec->env));
	rec->expires = take_u64(r);
	rec->created = take_u64(r);
	rec->nversions = take_u8(r);
	if (rec->nversions == 0 || rec->nversions > VERSIONS_MAX || rec->type >= RECORD_TYPES)
		r->failed = true;
	for (unsigned i = 0; !r->failed && i < rec->nversions; i++)
		take_version(r, &rec->versions[i]);
}

struct page_cursor page_walk(const struct blob *body)
{
	return (struct page_cursor){.r = dec_of(body->data, body->len)};
}

bool page_next(struct page_cursor *c, struct record *out)
{
	if (c->bad || c->r.p == c->r.end)
		return false;
	c->start = c->r.p;
	take_record(&c->r, out);
	if (c->r.failed || name_check(out->name) < 0 ||
	    (out->env[0] && name_check_env(out->env) < 0)) {
		c->bad = true;
		return false;
	}
	c->raw_len = (size_t)(c->r.p - c->start);
	return true;
}

/* b may stand right after a. */
static bool in_order(const char *a, const char *b)
{
	return name_cmp(a, b) < 0 && !name_is_below(b, a);
}

int page_check_place(const struct blob *body, const char *last, const char *first, const char *next)
{
	struct dec r = dec_of(body->data, body->len);
	char begins[NAME_SIZE];

	take_str8(&r, begins, sizeof(begins));
	if (r.failed || strcmp(begins, first) != 0)
		return ERR_AUTH;
	return next && !in_order(last, next) ? ERR_AUTH : 0;
}

int page_check(const struct blob *body, const char *first, const char *next, char *last)
{
	struct page_cursor c = page_walk(body);
	struct record rec;
	size_t n = 0;

	while (page_next(&c, &rec)) {
		if (n && !in_order(last, rec.name))
			return ERR_AUTH;
		memcpy(last, rec.name, NAME_SIZE);
		n++;
	}
	if (c.bad || n == 0 || body->len > PAGE_MAX)
		return ERR_AUTH;
	return page_check_place(body, last, first, next);
}

int page_find(const struct blob *body, const char *name, struct record *out)
{
	struct page_cursor c = page_walk(body);

	while (page_next(&c, out)) {
		int order = name_cmp(out->name, name);

		if (order == 0)
			return 0;
		if (order > 0)
			break;
	}
	return c.bad ? ERR_AUTH : ERR_NOENT;
}
