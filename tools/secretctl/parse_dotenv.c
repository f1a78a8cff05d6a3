/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "parse.h"
#include "ui.h"

struct cursor {
	const uint8_t *p, *end;
	unsigned line;
};

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && blank(*c->p))
		c->p++;
}

static void skip_line(struct cursor *c)
{
	while (c->p < c->end && *c->p != '\n')
		c->p++;
	if (c->p < c->end)
		c->p++;
	c->line++;
}

static int refuse(const struct parse *p, unsigned line, const char *what)
{
	ui_error("%s:%u: %s; nothing was done", p->path, line, what);
	ui_hint("if it is no dotenv file: secretctl import --help");
	return STATUS_FAILED;
}

static int take_name(const struct parse *p, struct cursor *c, char *name)
{
	const uint8_t *start = c->p;
	size_t len;

	while (c->p < c->end && *c->p != '=' && *c->p != '\n' && !blank(*c->p))
		c->p++;
	len = (size_t)(c->p - start);
	if (len == 6 && memcmp(start, "export", 6) == 0 && c->p < c->end && blank(*c->p)) {
		skip_blanks(c);
		return take_name(p, c, name);
	}
	skip_blanks(c);
	if (c->p == c->end || *c->p != '=')
		return refuse(p, c->line, "expected NAME=VALUE");
	if (len == 0 || len >= NAME_SIZE)
		return refuse(p, c->line, "not a valid name before '='");
	memcpy(name, start, len);
	name[len] = '\0';
	c->p++;
	return 0;
}

static uint8_t unescape(uint8_t c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	default:
		return c;
	}
}

/* Behind the opening quote; into out, which is as large as the text. */
static int take_quoted(const struct parse *p, struct cursor *c, uint8_t quote, struct secret *out)
{
	unsigned start = c->line;

	for (; c->p < c->end && *c->p != quote; c->p++) {
		uint8_t byte = *c->p;

		if (byte == '\n')
			c->line++;
		if (byte == '\\' && quote == '"' && c->p + 1 < c->end &&
		    memchr("ntr\"\\$", c->p[1], 6))
			byte = unescape(*++c->p);
		out->data[out->len++] = byte;
	}
	if (c->p == c->end)
		return refuse(p, start, "this quote is not closed");
	c->p++;
	skip_blanks(c);
	if (c->p < c->end && *c->p != '\n' && *c->p != '#')
		return refuse(p, c->line, "something stands behind the closing quote");
	return 0;
}

static void take_plain(struct cursor *c, struct secret *out)
{
	const uint8_t *start = c->p, *end;

	while (c->p < c->end && *c->p != '\n' &&
	       !(*c->p == '#' && (c->p == start || blank(c->p[-1]))))
		c->p++;
	for (end = c->p; end > start && blank(end[-1]);)
		end--;
	memcpy(out->data, start, (size_t)(end - start));
	out->len = (size_t)(end - start);
}

int parse_dotenv(const struct parse *p, const struct secret *text)
{
	SECRET_CLEANUP struct secret *value = NULL;
	struct cursor c = {text->data, text->data + text->len, 1};
	int r = secret_alloc(text->len, &value);

	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = p->path}, r);
	if (text->len >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0)
		c.p += 3; /* a byte order mark, from an editor of another system */
	while (c.p < c.end) {
		struct batch_item *item;
		char name[NAME_SIZE];
		unsigned line = c.line;
		int status;

		skip_blanks(&c);
		if (c.p == c.end || *c.p == '\n' || *c.p == '#') {
			skip_line(&c);
			continue;
		}
		status = take_name(p, &c, name);
		if (status)
			return status;
		skip_blanks(&c);
		value->len = 0;
		if (c.p < c.end && (*c.p == '"' || *c.p == '\'')) {
			uint8_t quote = *c.p++;

			status = take_quoted(p, &c, quote, value);
		} else {
			take_plain(&c, value);
		}
		if (!status)
			status = parse_add(p, name, value->data, value->len, line, &item);
		if (status)
			return status;
		skip_line(&c);
	}
	return 0;
}
