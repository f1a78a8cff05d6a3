/* SPDX-License-Identifier: ISC */
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy_ini.h"

#define KEY_MAX 32 /* inih remembers 49 bytes of a key for its continuation lines */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int policy_fail(struct policy_error *e, int r, unsigned line, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return r;
	e->line = line;
	va_start(ap, fmt);
	/* A message may be cut. */
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return r;
}

enum policy_line policy_ini_kind(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && is_blank(line[i]))
		i++;
	if (i == len)
		return POLICY_LINE_BLANK;
	if (line[i] == '#' || line[i] == ';')
		return POLICY_LINE_COMMENT;
	if (i > 0)
		return POLICY_LINE_MORE;
	return line[0] == '[' ? POLICY_LINE_SECTION : POLICY_LINE_PAIR;
}

int policy_ini_section(const char *line, size_t len, char out[static POLICY_LINE_MAX + 1],
		       const char **why)
{
	size_t n = 0;

	while (len > 0 && is_blank(line[len - 1]))
		len--;
	if (len > POLICY_LINE_MAX || len < 2 || line[0] != '[' || line[len - 1] != ']') {
		*why = "a section is [text], alone on its line";
		return ERR_FORMAT;
	}
	for (size_t i = 1; i < len - 1; i++) {
		char c = line[i];

		if (strchr("[];#\"", c)) {
			*why = "a section's text has none of [ ] ; # \" in it";
			return ERR_FORMAT;
		}
		if (!is_blank(c))
			out[n++] = c;
		else if (n > 0 && out[n - 1] != ' ')
			out[n++] = ' ';
	}
	if (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	if (n > 0)
		return 0;
	*why = "a section has no text";
	return ERR_FORMAT;
}

struct front {
	const char *p, *end;
	unsigned line, sections;
	const struct policy_ini_events *events;
	void *arg;
	struct policy_error *e;
	int r;

	bool open_value; /* an indented line may follow */
	char key[KEY_MAX + 1];
	/* What inih must make of the line it was given last. */
	bool expect, more;
	const char *value;
	size_t value_len;
};

static int front_fail(struct front *f, const char *why)
{
	return policy_fail(f->e, ERR_FORMAT, f->line, "%s", why);
}

static int check_bytes(struct front *f, const char *line, size_t len)
{
	if (f->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
		return front_fail(f, "the file starts with a byte order mark");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c == '\r')
			return front_fail(f, "a carriage return: lines must end in LF alone");
		if (c == '\0')
			return front_fail(f, "a NUL byte");
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return policy_fail(f->e, ERR_FORMAT, f->line,
					   "a control character (0x%02x)", c);
	}
	if (len > POLICY_LINE_MAX)
		return policy_fail(
			f->e, ERR_FORMAT, f->line,
			"the line has %zu bytes, at most %d are taken (allow and deny may go on "
			"over indented lines)",
			len, POLICY_LINE_MAX);
	return 0;
}

/* Takes the value in [p, end), for inih to find as well. */
static int expect_value(struct front *f, const char *p, const char *end, bool more)
{
	for (const char *q = p; q + 1 < end; q++)
		if (is_blank(q[0]) && (q[1] == ';' || q[1] == '#'))
			return front_fail(f, "a comment must stand on a line of its own");
	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	f->value = p;
	f->value_len = (size_t)(end - p);
	f->more = more;
	f->expect = true;
	return 0;
}

static int take_pair(struct front *f, const char *line, size_t len)
{
	size_t n = 0, i;

	if (f->sections == 0)
		return front_fail(f, "a key before the first [section]");
	while (n < len && ((line[n] >= 'a' && line[n] <= 'z') || line[n] == '_'))
		n++;
	for (i = n; i < len && is_blank(line[i]); i++)
		;
	if (n == 0 || i == len || line[i] != '=')
		return front_fail(f, "neither [section], nor key = value, nor # comment");
	if (n > KEY_MAX)
		return front_fail(f, "no key is that long");
	memcpy(f->key, line, n);
	f->key[n] = '\0';
	f->open_value = true;
	return expect_value(f, line + i + 1, line + len, false);
}

static int take_more(struct front *f, const char *line, size_t len)
{
	size_t i = 0;

	while (is_blank(line[i]))
		i++;
	if (!f->open_value || line[i] == '[' || memchr(line, '=', len))
		return front_fail(
			f,
			"an indented line goes on with the list right above it; sections and keys "
			"start in the first column");
	return expect_value(f, line, line + len, true);
}

static int take_section(struct front *f, const char *line, size_t len)
{
	char text[POLICY_LINE_MAX + 1];
	const char *why;

	if (policy_ini_section(line, len, text, &why))
		return front_fail(f, why);
	f->open_value = false;
	f->sections++;
	return f->events->section(f->arg, f->line, text);
}

/* Judges one line and writes what inih shall see of it. */
static int take_line(struct front *f, const char *line, size_t len, char *str, size_t cap)
{
	int r = check_bytes(f, line, len);

	if (r)
		return r;
	if (cap <= len || cap < 16)
		return front_fail(f, "this build of inih takes no line that long");
	str[0] = '\0';
	switch (policy_ini_kind(line, len)) {
	case POLICY_LINE_BLANK:
		f->open_value = false;
		return 0;
	case POLICY_LINE_COMMENT:
		return 0;
	case POLICY_LINE_SECTION:
		r = take_section(f, line, len);
		if (!r)
			(void)snprintf(str, cap, "[%u]", f->sections);
		return r;
	case POLICY_LINE_PAIR:
		r = take_pair(f, line, len);
		break;
	case POLICY_LINE_MORE:
		r = take_more(f, line, len);
		break;
	}
	memcpy(str, line, len);
	str[len] = '\0';
	return r;
}

static int disagree(struct front *f)
{
	return front_fail(f, "the line can be read in two ways");
}

static char *read_line(char *str, int num, void *stream)
{
	struct front *f = stream;
	const char *line = f->p, *nl;
	size_t len;

	if (!f->r && f->expect)
		f->r = disagree(f);
	if (f->r || f->p == f->end)
		return NULL;
	nl = memchr(line, '\n', (size_t)(f->end - line));
	len = (size_t)((nl ? nl : f->end) - line);
	f->p = nl ? nl + 1 : f->end;
	f->line++;
	f->r = take_line(f, line, len, str, num > 0 ? (size_t)num : 0);
	return f->r ? NULL : str;
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct front *f = user;
	char ordinal[16];

	if (f->r)
		return 0;
	(void)snprintf(ordinal, sizeof(ordinal), "%u", f->sections);
	if (!f->expect || !value || strcmp(section, ordinal) != 0 || strcmp(name, f->key) != 0 ||
	    strlen(value) != f->value_len || memcmp(value, f->value, f->value_len) != 0) {
		f->r = disagree(f);
		return 0;
	}
	f->expect = false;
	f->r = f->events->pair(f->arg, f->line, name, value, f->more);
	return f->r == 0;
}

int policy_ini_read(const char *text, size_t len, const struct policy_ini_events *events, void *arg,
		    struct policy_error *e)
{
	struct front f = {.p = text, .end = text + len, .events = events, .arg = arg, .e = e};
	int r = ini_parse_stream(read_line, &f, handle, &f);

	if (f.r)
		return f.r;
	if (r == -2)
		return policy_fail(e, ERR_NOMEM, 0, "%s", err_str(ERR_NOMEM));
	if (r || f.expect || f.p != f.end)
		return disagree(&f);
	return 0;
}
