/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "policy_text.h"

int policy_text_splice(struct policy_text *t, size_t off, size_t del, const char *ins, size_t n)
{
	size_t len = t->len - del + n;
	char *s;

	if (len > POLICY_FILE_MAX)
		return ERR_TOOBIG;
	s = malloc(len + 1);
	if (!s)
		return ERR_NOMEM;
	memcpy(s, t->s, off);
	if (n > 0)
		memcpy(s + off, ins, n);
	memcpy(s + off + n, t->s + off + del, t->len - off - del);
	s[len] = '\0';
	free(t->s);
	t->s = s;
	t->len = len;
	return 0;
}

bool policy_text_line(const struct policy_text *t, size_t off, struct policy_text_line *out)
{
	const char *nl;

	if (off >= t->len)
		return false;
	nl = memchr(t->s + off, '\n', t->len - off);
	out->off = off;
	out->end = nl ? (size_t)(nl - t->s) : t->len;
	out->next = nl ? out->end + 1 : t->len;
	out->kind = policy_ini_kind(t->s + off, out->end - off);
	return true;
}

size_t policy_text_value(const struct policy_text *t, const struct policy_text_line *l)
{
	size_t off = l->off;

	if (l->kind == POLICY_LINE_PAIR) {
		while (off < l->end && t->s[off] != '=')
			off++;
		off += off < l->end;
	}
	while (off < l->end && (t->s[off] == ' ' || t->s[off] == '\t'))
		off++;
	return off;
}

static bool parse_line(const struct policy_text *t, const struct policy_text_line *l,
		       char name[static NAME_SIZE], struct policy_id *id)
{
	char text[POLICY_LINE_MAX + 1];
	const char *why;

	return l->kind == POLICY_LINE_SECTION &&
	       !policy_ini_section(t->s + l->off, l->end - l->off, text, &why) &&
	       !policy_section_parse(text, name, id, &why);
}

static void place_at(const struct policy_text *t, const struct policy_text_line *section,
		     struct policy_text_section *out)
{
	struct policy_text_section p = {section->off, section->next, section->next, section->next};
	struct policy_text_line l;

	while (policy_text_line(t, p.end, &l) && l.kind != POLICY_LINE_SECTION) {
		p.end = l.next;
		if (l.kind == POLICY_LINE_PAIR || l.kind == POLICY_LINE_MORE)
			p.last = l.next;
	}
	*out = p;
}

bool policy_text_section(const struct policy_text *t, const struct policy_id *id,
			 struct policy_text_section *out)
{
	struct policy_text_line l;
	struct policy_id found;
	char name[NAME_SIZE];

	for (size_t off = 0; policy_text_line(t, off, &l); off = l.next) {
		if (parse_line(t, &l, name, &found) && policy_section_eq(&found, id)) {
			place_at(t, &l, out);
			return true;
		}
	}
	return false;
}

bool policy_text_kind(const struct policy_text *t, enum policy_kind kind,
		      struct policy_text_section *out)
{
	struct policy_text_line l, last = {0};
	struct policy_id found;
	char name[NAME_SIZE];
	bool any = false;

	for (size_t off = 0; policy_text_line(t, off, &l); off = l.next) {
		if (parse_line(t, &l, name, &found) && found.kind == kind) {
			last = l;
			any = true;
		}
	}
	if (any)
		place_at(t, &last, out);
	return any;
}

bool policy_text_key(const struct policy_text *t, const struct policy_text_section *p,
		     const char *key, struct policy_text_key *out)
{
	size_t n = strlen(key);
	bool found = false;
	struct policy_text_line l;

	for (size_t off = p->body; off < p->last && policy_text_line(t, off, &l); off = l.next) {
		const char *s = t->s + l.off;

		if (l.kind == POLICY_LINE_PAIR && found)
			break;
		if (l.kind == POLICY_LINE_PAIR && l.end - l.off > n && memcmp(s, key, n) == 0 &&
		    (s[n] == '=' || s[n] == ' ' || s[n] == '\t')) {
			found = true;
			out->line = l;
			out->end = l.next;
		} else if (l.kind == POLICY_LINE_MORE && found) {
			out->end = l.next;
		}
	}
	return found;
}
