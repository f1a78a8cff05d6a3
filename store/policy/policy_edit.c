/* SPDX-License-Identifier: ISC */
/*
 * Editing a policy in place: sections and keys.
 *
 * Rules, for the policy_edit*.c files together:
 * 1. What is not asked for stays as it is, byte for byte.
 * 2. What a caller gives goes in only if it reads back as itself: no line break, bracket or comment
 *    comes in with a name or a value.
 * 3. The file is replaced whole, by a text that loads, and only while it is the file that was read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_edit_impl.h"

/* Lines being put together */

void policy_edit_lines_free(struct policy_edit_lines *b)
{
	free(b->s);
}

void policy_edit_put(struct policy_edit_lines *b, const char *s, size_t n)
{
	if (b->failed || n == 0)
		return;
	if (b->cap - b->len < n) {
		size_t cap = (b->len + n) * 2;
		char *grown = realloc(b->s, cap);

		if (!grown) {
			b->failed = true;
			return;
		}
		b->s = grown;
		b->cap = cap;
	}
	memcpy(b->s + b->len, s, n);
	b->len += n;
}

static size_t column(const struct policy_edit_lines *b)
{
	const char *nl = b->len ? memrchr(b->s, '\n', b->len) : NULL;

	return nl ? (size_t)(b->s + b->len - nl - 1) : b->len;
}

static int put_items(struct policy_edit_lines *b, const char *value)
{
	const char *p = value, *end = value + strlen(value), *item;
	bool first = true;
	size_t len;
	int r;

	while ((r = policy_entity_next(&p, end, &item, &len)) > 0) {
		size_t want = column(b) + 2 + len + 1;

		if (len > POLICY_LINE_MAX - 2)
			return ERR_TOOBIG;
		if (!first)
			policy_edit_put(b, ",", 1);
		if (want > (first ? POLICY_LINE_MAX : POLICY_EDIT_WRAP))
			policy_edit_put(b, "\n\t", 2);
		else if (!first)
			policy_edit_put(b, " ", 1);
		policy_edit_put(b, item, len);
		first = false;
	}
	return r ? ERR_INVAL : 0;
}

/* "prefix value\n", over several lines where it must be and may be. */
static int put_pair(struct policy_edit_lines *b, const char *prefix, size_t prefix_len, bool list,
		    const char *value)
{
	size_t len = prefix_len + strlen(value);
	int r = 0;

	policy_edit_put(b, prefix, prefix_len);
	if (len <= (list ? POLICY_EDIT_WRAP : POLICY_LINE_MAX))
		policy_edit_put(b, value, strlen(value));
	else if (list)
		r = put_items(b, value);
	else
		r = ERR_TOOBIG;
	policy_edit_put(b, "\n", 1);
	if (!r && b->failed)
		r = ERR_NOMEM;
	return r;
}

/* What callers give */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* That inih and its front take it as it stands. */
bool policy_edit_value_ok(const char *value)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)value[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
		if ((c == ';' || c == '#') && (i == 0 || is_blank(value[i - 1])))
			return false;
	}
	return n == 0 || (!is_blank(value[0]) && !is_blank(value[n - 1]));
}

static bool key_ok(const char *key)
{
	size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz_");

	return n > 0 && n <= 32 && key[n] == '\0';
}

int policy_edit_parse_section(const char *section, struct policy_edit_section *out)
{
	char raw[POLICY_LINE_MAX + 1], text[POLICY_LINE_MAX + 1];
	const char *why;
	int n = snprintf(raw, sizeof(raw), "[%s]", section);

	if (n < 0 || (size_t)n >= sizeof(raw))
		return ERR_TOOBIG;
	if (strpbrk(section, "\r\n") || policy_ini_section(raw, (size_t)n, text, &why) ||
	    policy_section_parse(text, out->name, &out->id, &why))
		return ERR_INVAL;
	n = snprintf(out->line, sizeof(out->line), "[%s]\n", text);
	if (n < 0 || (size_t)n >= sizeof(out->line))
		return ERR_TOOBIG;
	return 0;
}

/* Sections and keys */

/* Ends the text with a newline, so that something can come behind. */
static int end_line(struct policy_text *t)
{
	if (t->len == 0 || t->s[t->len - 1] == '\n')
		return 0;
	return policy_text_splice(t, t->len, 0, "\n", 1);
}

/*
 * A new section goes behind the last one of its kind, else to the end, with a blank line before it;
 * only lists of projects and of domains are kept close.
 */
static int add_section(struct policy_text *t, const struct policy_edit_section *s)
{
	struct policy_edit_lines b POLICY_EDIT_LINES_CLEANUP = {0};
	struct policy_text_section twin;
	size_t off;
	bool found;
	int r = end_line(t);

	if (r)
		return r;
	found = policy_text_kind(t, s->id.kind, &twin);
	off = found ? twin.last : t->len;
	if ((!found || !(s->id.kind & (POLICY_PROJECT | POLICY_DOMAIN))) && off > 1 &&
	    t->s[off - 2] != '\n')
		policy_edit_put(&b, "\n", 1);
	policy_edit_put(&b, s->line, strlen(s->line));
	if (found && off < t->len && t->s[off] == '[' &&
	    !(s->id.kind & (POLICY_PROJECT | POLICY_DOMAIN)))
		policy_edit_put(&b, "\n", 1);
	if (b.failed)
		return ERR_NOMEM;
	return policy_text_splice(t, off, 0, b.s, b.len);
}

static int need_section(struct policy_text *t, const struct policy_edit_section *s,
			struct policy_text_section *out)
{
	int r;

	if (policy_text_section(t, &s->id, out))
		return 0;
	r = add_section(t, s);
	if (r)
		return r;
	return policy_text_section(t, &s->id, out) ? 0 : ERR_INVAL;
}

static int add_key(struct policy_text *t, const struct policy_text_section *p, const char *key,
		   const char *value)
{
	struct policy_edit_lines b POLICY_EDIT_LINES_CLEANUP = {0};
	char prefix[40];
	int n = snprintf(prefix, sizeof(prefix), *value ? "%s = " : "%s =", key), r;

	if (n < 0 || (size_t)n >= sizeof(prefix))
		return ERR_INVAL;
	r = put_pair(&b, prefix, (size_t)n, policy_key_is_list(key), value);
	return r ? r : policy_text_splice(t, p->last, 0, b.s, b.len);
}

/* The lines of a key become one value; comments between them stay behind it. */
static int replace_key(struct policy_text *t, const struct policy_text_key *k, const char *key,
		       const char *value)
{
	struct policy_edit_lines b POLICY_EDIT_LINES_CLEANUP = {0},
				   prefix POLICY_EDIT_LINES_CLEANUP = {0};
	size_t start = policy_text_value(t, &k->line);
	struct policy_text_line l;
	int r;

	policy_edit_put(&prefix, t->s + k->line.off, start - k->line.off);
	if (*value && !prefix.failed && start == k->line.end && prefix.len > 1 &&
	    prefix.s[prefix.len - 1] == '=' && is_blank(prefix.s[prefix.len - 2]))
		policy_edit_put(&prefix, " ", 1);
	if (prefix.failed)
		return ERR_NOMEM;
	r = put_pair(&b, prefix.s, prefix.len, policy_key_is_list(key), value);
	for (size_t off = k->line.next; off < k->end && policy_text_line(t, off, &l); off = l.next)
		if (l.kind == POLICY_LINE_COMMENT)
			policy_edit_put(&b, t->s + l.off, l.next - l.off);
	if (!r && b.failed)
		r = ERR_NOMEM;
	return r ? r : policy_text_splice(t, k->line.off, k->end - k->line.off, b.s, b.len);
}

/* Calls that change more than once change a copy, so that a failure leaves nothing half done. */
int policy_edit_copy(const struct policy_text *from, struct policy_text *to)
{
	char *s = malloc(from->len + 1);

	if (!s)
		return ERR_NOMEM;
	memcpy(s, from->s, from->len + 1);
	to->s = s;
	to->len = from->len;
	return 0;
}

int policy_edit_keep(struct policy_edit *ed, struct policy_text *t, int r)
{
	if (r) {
		free(t->s);
		return r;
	}
	free(ed->text.s);
	ed->text = *t;
	return 0;
}

int policy_edit_set_in(struct policy_text *t, const struct policy_edit_section *s, const char *key,
		       const char *value)
{
	struct policy_text_section p;
	struct policy_text_key k;
	int r = end_line(t);

	if (!r)
		r = need_section(t, s, &p);
	if (r || !key)
		return r;
	if (policy_text_key(t, &p, key, &k))
		return replace_key(t, &k, key, value);
	return add_key(t, &p, key, value);
}

int policy_edit_set(struct policy_edit *ed, const char *section, const char *key, const char *value)
{
	struct policy_text t;
	struct policy_edit_section s;
	int r = policy_edit_parse_section(section, &s);

	if (r)
		return r;
	if (key && (!value || !key_ok(key) || !policy_edit_value_ok(value)))
		return ERR_INVAL;
	r = policy_edit_copy(&ed->text, &t);
	if (r)
		return r;
	return policy_edit_keep(ed, &t, policy_edit_set_in(&t, &s, key, value));
}

static int unset(struct policy_text *t, const struct policy_text_key *k)
{
	struct policy_edit_lines b POLICY_EDIT_LINES_CLEANUP = {0};
	struct policy_text_line l;

	for (size_t off = k->line.next; off < k->end && policy_text_line(t, off, &l); off = l.next)
		if (l.kind == POLICY_LINE_COMMENT)
			policy_edit_put(&b, t->s + l.off, l.next - l.off);
	if (b.failed)
		return ERR_NOMEM;
	return policy_text_splice(t, k->line.off, k->end - k->line.off, b.s, b.len);
}

int policy_edit_unset(struct policy_edit *ed, const char *section, const char *key)
{
	struct policy_text_section p;
	struct policy_text_key k;
	struct policy_edit_section s;
	int r = policy_edit_parse_section(section, &s);

	if (r)
		return r;
	if (!policy_text_section(&ed->text, &s.id, &p) || !policy_text_key(&ed->text, &p, key, &k))
		return ERR_NOENT;
	return unset(&ed->text, &k);
}

static bool blank_at(const struct policy_text *t, size_t off)
{
	struct policy_text_line l;

	return policy_text_line(t, off, &l) && l.kind == POLICY_LINE_BLANK;
}

int policy_edit_remove(struct policy_edit *ed, const char *section)
{
	struct policy_text *t = &ed->text;
	struct policy_text_section p;
	struct policy_text_line l;
	struct policy_edit_section s;
	int r = policy_edit_parse_section(section, &s);

	if (r)
		return r;
	if (!policy_text_section(t, &s.id, &p))
		return ERR_NOENT;
	/* Of the blank lines around it, one is enough. */
	if ((p.off == 0 || (p.off > 1 && t->s[p.off - 1] == '\n' && t->s[p.off - 2] == '\n')) &&
	    blank_at(t, p.last) && policy_text_line(t, p.last, &l))
		p.last = l.next;
	return policy_text_splice(t, p.off, p.last - p.off, NULL, 0);
}

const char *policy_edit_text(const struct policy_edit *ed, size_t *len)
{
	*len = ed->text.len;
	return ed->text.s;
}
