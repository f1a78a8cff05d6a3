/* SPDX-License-Identifier: ISC */
/*
 * Editing a policy in place: who may open one secret.
 *
 * Rules, which the tests hold against random policies:
 * 1. To allow somebody lets in that one and nobody else, and keeps out nobody whom a list let in.
 * 2. To take somebody off the allow list, or to deny somebody, lets in nobody.
 */
#include <string.h>

#include "policy_edit_impl.h"

/* One edit of the allow list of one secret in one scope. */
struct edit {
	struct policy_edit work; /* a copy of the text, to be changed */
	struct policy_edit_section section;
	const char *text, *item; /* as the caller gave them */
	struct policy *p;	 /* work, read */
	struct policy_access a;	 /* what stands there for the secret */
};

static int begin(const struct policy_edit *ed, const char *section, const char *item,
		 struct edit *e)
{
	int r = policy_edit_parse_section(section, &e->section);

	if (!r && (e->section.id.kind != POLICY_SECRET || e->section.id.anywhere))
		r = ERR_INVAL;
	if (r)
		return r;
	e->text = section;
	e->item = item;
	return policy_edit_copy(&ed->text, &e->work.text);
}

static int finish(struct policy_edit *ed, struct edit *e, int r)
{
	policy_free(e->p);
	return e->work.text.s ? policy_edit_keep(ed, &e->work.text, r) : r;
}

static int look(struct edit *e)
{
	int r = policy_parse(e->work.text.s, e->work.text.len, &e->p, NULL);

	if (!r)
		policy_access(e->p, &e->section.id.scope, e->section.id.name, NULL, &e->a);
	return r;
}

static bool covers(const struct policy_list *l, const struct policy_entity *want)
{
	const struct policy_ranges *r;
	uint64_t next = want->lo; /* the first that is not found yet */

	if (l->all || want->kind == POLICY_ALL)
		return l->all;
	r = &l->ids[want->kind];
	for (size_t i = 0; i < r->n && r->v[i].lo <= next && next <= want->hi; i++)
		if (r->v[i].hi >= next)
			next = (uint64_t)r->v[i].hi + 1;
	return next > want->hi;
}

/* ERR_DENIED when some list of denials names all of the item. */
static int check_denials(const struct edit *e, unsigned *line)
{
	struct policy_entity want;
	const char *why;
	int r = policy_entity_parse(NULL, e->item, strlen(e->item), &want, &why);

	if (r)
		return r == ERR_FORMAT ? ERR_INVAL : r;
	for (size_t i = 0; i < e->a.ndeny; i++) {
		if (!covers(e->a.deny[i].list, &want))
			continue;
		*line = e->a.deny[i].line;
		return ERR_DENIED;
	}
	return 0;
}

/* The items of the key as they are written, separated by blanks. */
static void put_items(const struct policy_text *t, const struct policy_text_key *k,
		      struct policy_edit_lines *out)
{
	struct policy_text_line l;

	for (size_t off = k->line.off; off < k->end && policy_text_line(t, off, &l); off = l.next) {
		size_t start = policy_text_value(t, &l), end = l.end;

		if (l.kind != POLICY_LINE_PAIR && l.kind != POLICY_LINE_MORE)
			continue;
		while (end > start && strchr(" \t", t->s[end - 1]))
			end--;
		if (end > start && out->len)
			policy_edit_put(out, " ", 1);
		policy_edit_put(out, t->s + start, end - start);
	}
}

/* The allow list that stands for the secret becomes its own section's, if it is a broader one's. */
static int inherit(struct edit *e)
{
	const struct policy_id *own = &e->section.id;
	const struct policy_id ids[] = {
		*own,
		{.kind = POLICY_SECRET, .anywhere = true, .name = own->name},
		{.kind = POLICY_SCOPE, .scope = own->scope, .name = ""},
		{.kind = POLICY_DEFAULT, .name = ""},
	};
	struct policy_edit_lines b POLICY_EDIT_LINES_CLEANUP = {0};
	struct policy_text_section p;
	struct policy_text_key k;
	size_t i = 0;

	_Static_assert(sizeof(ids) / sizeof(*ids) == POLICY_LAYERS, "one for each section");
	while (!policy_text_section(&e->work.text, &ids[i], &p) ||
	       !policy_text_key(&e->work.text, &p, "allow", &k))
		if (++i == POLICY_LAYERS)
			return 0;
	if (i == 0)
		return 0;
	put_items(&e->work.text, &k, &b);
	policy_edit_put(&b, "", 1);
	if (b.failed)
		return ERR_NOMEM;
	return policy_edit_set_in(&e->work.text, &e->section, "allow", b.s);
}

int policy_edit_allow(struct policy_edit *ed, const char *section, const char *item, unsigned *line)
{
	struct edit e = {0};
	int r = begin(ed, section, item, &e);

	if (!r)
		r = policy_edit_list(&e.work, section, "deny", item, false);
	if (!r)
		r = look(&e);
	if (!r)
		r = check_denials(&e, line);
	if (!r)
		r = inherit(&e);
	if (!r)
		r = policy_edit_list(&e.work, section, "allow", item, true);
	return finish(ed, &e, r);
}

int policy_edit_disallow(struct policy_edit *ed, const char *section, const char *item)
{
	struct edit e = {0};
	int r = begin(ed, section, item, &e);

	if (!r)
		r = look(&e);
	if (!r && e.a.allow)
		r = inherit(&e);
	if (!r && e.a.allow)
		r = policy_edit_list(&e.work, section, "allow", item, false);
	return finish(ed, &e, r);
}
