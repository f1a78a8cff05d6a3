/* SPDX-License-Identifier: ISC */
#include "archive_item.h"

#include <string.h>

#include "keys.h"
#include "name.h"

void archive_item_put(struct enc *w, const struct archive_item *item)
{
	const struct record *rec = &item->secret;

	put_u8(w, (uint8_t)item->what);
	switch (item->what) {
	case ARCHIVE_DECLARED:
	case ARCHIVE_SCOPE:
		put_str8(w, item->scope.project);
		put_str8(w, item->scope.domain);
		break;
	case ARCHIVE_SECRET:
		put_str8(w, rec->name);
		put_u8(w, rec->type);
		put_str8(w, rec->env);
		put_u64(w, rec->expires);
		put_u64(w, rec->created);
		put_u8(w, (uint8_t)rec->nversions);
		break;
	case ARCHIVE_VERSION:
		put_u64(w, item->version.time);
		put_bytes(w, item->version.writer, WRITER_TAG);
		put_bytes(w, item->value->data, item->value->len);
		break;
	case ARCHIVE_END:
		w->failed = true;
		break;
	}
}

static int take_scope(struct dec *r, struct scope *s)
{
	char project[SCOPE_PART_MAX + 1], domain[SCOPE_PART_MAX + 1];

	take_str8(r, project, sizeof(project));
	take_str8(r, domain, sizeof(domain));
	/* as it is written: folded */
	return !r->failed && scope_set(s, project, domain) == 0 &&
			       strcmp(s->project, project) == 0 && strcmp(s->domain, domain) == 0
		       ? 0
		       : ERR_AUTH;
}

static void take_secret(struct dec *r, struct record *rec)
{
	take_str8(r, rec->name, sizeof(rec->name));
	rec->type = take_u8(r);
	take_str8(r, rec->env, sizeof(rec->env));
	rec->expires = take_u64(r);
	rec->created = take_u64(r);
	rec->nversions = take_u8(r);
	if (name_check(rec->name) < 0 || rec->type >= RECORD_TYPES || rec->nversions == 0 ||
	    rec->nversions > VERSIONS_MAX || (rec->env[0] && name_check_env(rec->env) < 0))
		r->failed = true;
}

static int take_version(struct dec *r, struct archive_item *item)
{
	size_t len;

	item->version.time = take_u64(r);
	take_copy(r, item->version.writer, WRITER_TAG);
	len = (size_t)(r->end - r->p);
	if (r->failed || len > SECRET_MAX)
		return ERR_AUTH;
	item->version.len = (uint32_t)len;
	return secret_from(take_bytes(r, len), len, &item->value);
}

int archive_item_take(struct dec *r, struct archive_item *item)
{
	if (item->what == ARCHIVE_DECLARED || item->what == ARCHIVE_SCOPE)
		return take_scope(r, &item->scope);
	if (item->what == ARCHIVE_VERSION)
		return take_version(r, item);
	if (item->what != ARCHIVE_SECRET)
		return ERR_AUTH;
	take_secret(r, &item->secret);
	return 0;
}
