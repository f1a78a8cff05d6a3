/* SPDX-License-Identifier: ISC */
/*
 * Editing a policy in place: the items of allow and deny, each on the line where it stands.
 */
#include <string.h>

#include "policy_edit_impl.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct item {
	struct policy_text_line line;
	size_t off, end;     /* of the item */
	size_t prev, follow; /* end of the one before it and start of the one behind it, on its
				line; 0 = none */
};

/*
 * Calls fn for every item of a key's value until it returns nonzero, and returns that.
 */
static int each_item(const struct policy_text *t, const struct policy_text_key *k,
		     int (*fn)(const struct policy_text *t, const struct item *it, void *arg),
		     void *arg)
{
	struct item it;
	int r = 0;

	for (size_t off = k->line.off; !r && off < k->end && policy_text_line(t, off, &it.line);
	     off = it.line.next) {
		const char *p, *end = t->s + it.line.end, *s, *ahead;
		size_t len, ahead_len;

		if (it.line.kind != POLICY_LINE_PAIR && it.line.kind != POLICY_LINE_MORE)
			continue;
		p = t->s + policy_text_value(t, &it.line);
		it.prev = 0;
		while (!r && policy_entity_next(&p, end, &s, &len) > 0) {
			const char *q = p;

			it.off = (size_t)(s - t->s);
			it.end = it.off + len;
			it.follow = policy_entity_next(&q, end, &ahead, &ahead_len) > 0
					    ? (size_t)(ahead - t->s)
					    : 0;
			r = fn(t, &it, arg);
			it.prev = it.end;
		}
	}
	return r;
}

struct search {
	struct policy_entity want;
	struct item found;
};

enum { ITEM_SAME = 1, ITEM_COVERS, ITEM_OVERLAPS };

static bool parse_item(const struct policy_text *t, const struct item *it,
		       struct policy_entity *out)
{
	const char *why;

	return !policy_entity_parse(NULL, t->s + it->off, it->end - it->off, out, &why);
}

static bool same(const struct policy_entity *a, const struct policy_entity *b)
{
	return a->kind == b->kind && a->lo == b->lo && a->hi == b->hi;
}

static int find_cover(const struct policy_text *t, const struct item *it, void *arg)
{
	const struct search *s = arg;
	struct policy_entity have;

	if (!parse_item(t, it, &have))
		return 0;
	return have.kind == POLICY_ALL || (have.kind == s->want.kind && have.lo <= s->want.lo &&
					   have.hi >= s->want.hi)
		       ? ITEM_COVERS
		       : 0;
}

static int find_overlap(const struct policy_text *t, const struct item *it, void *arg)
{
	const struct search *s = arg;
	struct policy_entity have;

	if (s->want.kind == POLICY_ALL || !parse_item(t, it, &have) || same(&have, &s->want))
		return 0;
	return policy_entity_overlap(&have, &s->want) ? ITEM_OVERLAPS : 0;
}

static int find_same(const struct policy_text *t, const struct item *it, void *arg)
{
	struct search *s = arg;
	struct policy_entity have;

	if (!parse_item(t, it, &have) || !same(&have, &s->want))
		return 0;
	s->found = *it;
	return ITEM_SAME;
}

static int cut_item(struct policy_text *t, const struct item *it)
{
	size_t off;

	if (it->follow)
		return policy_text_splice(t, it->off, it->follow - it->off, NULL, 0);
	if (it->prev)
		return policy_text_splice(t, it->prev, it->line.end - it->prev, NULL, 0);
	if (it->line.kind == POLICY_LINE_MORE)
		return policy_text_splice(t, it->line.off, it->line.next - it->line.off, NULL, 0);
	off = it->off; /* alone on the key's line: nobody is listed now */
	while (is_blank(t->s[off - 1]))
		off--;
	return policy_text_splice(t, off, it->line.end - off, NULL, 0);
}

static int take_from(struct policy_text *t, const struct policy_text_section *p, const char *key,
		     struct search *s)
{
	struct policy_text_key k;

	if (!policy_text_key(t, p, key, &k))
		return 0;
	if (each_item(t, &k, find_overlap, s))
		return ERR_EXIST;
	while (policy_text_key(t, p, key, &k) && each_item(t, &k, find_same, s)) {
		int r = cut_item(t, &s->found);

		if (r)
			return r;
	}
	return 0;
}

static int append(struct policy_text *t, const struct policy_text_key *k, const char *item)
{
	struct policy_edit_lines b POLICY_EDIT_LINES_CLEANUP = {0};
	struct policy_text_line l, last = k->line;
	size_t end, start;

	for (size_t off = k->line.off; off < k->end && policy_text_line(t, off, &l); off = l.next)
		if (l.kind == POLICY_LINE_PAIR || l.kind == POLICY_LINE_MORE)
			last = l;
	start = policy_text_value(t, &last);
	end = last.end;
	while (end > start && is_blank(t->s[end - 1]))
		end--;
	if (end == start) { /* "allow =" */
		if (start == last.off || !is_blank(t->s[start - 1]))
			policy_edit_put(&b, " ", 1);
	} else if (end - last.off + 2 + strlen(item) > POLICY_EDIT_WRAP) {
		if (t->s[end - 1] != ',' && end - last.off < POLICY_LINE_MAX)
			policy_edit_put(&b, ",", 1);
		policy_edit_put(&b, "\n\t", 2);
	} else {
		policy_edit_put(&b, ", ", 2);
		if (t->s[end - 1] == ',')
			end--;
	}
	policy_edit_put(&b, item, strlen(item));
	if (b.failed)
		return ERR_NOMEM;
	return policy_text_splice(t, end, last.end - end, b.s, b.len);
}

static int add_to(struct policy_text *t, const struct policy_edit_section *sec, const char *key,
		  const char *item, struct search *s)
{
	struct policy_text_section p;
	struct policy_text_key k;

	if (!policy_text_section(t, &sec->id, &p) || !policy_text_key(t, &p, key, &k))
		return policy_edit_set_in(t, sec, key, item);
	return each_item(t, &k, find_cover, s) ? 0 : append(t, &k, item);
}

int policy_edit_list(struct policy_edit *ed, const char *section, const char *key, const char *item,
		     bool add)
{
	struct policy_text_section p;
	struct search search = {0};
	struct policy_text t;
	struct policy_edit_section s;
	const char *why;
	int r = policy_edit_parse_section(section, &s);

	if (r)
		return r;
	if (!policy_key_is_list(key) || strlen(item) > POLICY_LINE_MAX - 16 ||
	    !policy_edit_value_ok(item) || strpbrk(item, " \t,"))
		return ERR_INVAL;
	r = policy_entity_parse(NULL, item, strlen(item), &search.want, &why);
	if (r)
		return r == ERR_FORMAT ? ERR_INVAL : r;
	r = policy_edit_copy(&ed->text, &t);
	if (r)
		return r;
	if (add)
		r = add_to(&t, &s, key, item, &search);
	else if (policy_text_section(&t, &s.id, &p))
		r = take_from(&t, &p, key, &search);
	return policy_edit_keep(ed, &t, r);
}
