/* SPDX-License-Identifier: ISC */
/*
 * import: what others keep secrets in becomes secrets of one scope, in one commit.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch.h"
#include "heap.h"
#include "name.h"
#include "parse.h"
#include "scopes.h"
#include "ctx.h"
#include "ui.h"

enum format { FORMAT_GUESS, FORMAT_DOTENV, FORMAT_JSON, FORMAT_KUBERNETES, FORMAT_DIRECTORY };

static const char *const formats[] = {"", "dotenv", "json", "kubernetes", "directory"};

#define TEXT_MAX (64u << 20) /* of a file with many secrets */

static int find_format(const struct call *c, enum format *out)
{
	const char *name = call_flag(c, FLAG_FORMAT);

	*out = FORMAT_GUESS;
	for (int f = FORMAT_DOTENV; name && f <= FORMAT_DIRECTORY; f++)
		if (strcmp(name, formats[f]) == 0)
			*out = (enum format)f;
	if (name && *out == FORMAT_GUESS)
		return ui_usage(c, "--format is dotenv, json, kubernetes or directory");
	return 0;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static enum format guess(const char *path, const struct secret *text)
{
	const char *first = (const char *)text->data;
	size_t at = 0;

	if (ends_with(path, ".yaml") || ends_with(path, ".yml"))
		return FORMAT_KUBERNETES;
	while (at < text->len && strchr(" \t\r\n", first[at]))
		at++;
	if (at < text->len && first[at] == '{')
		return FORMAT_JSON;
	if (text->len - at > 11 && memcmp(first + at, "apiVersion:", 11) == 0)
		return FORMAT_KUBERNETES;
	return FORMAT_DOTENV;
}

static int parse_text(const struct parse *p, enum format format, const struct secret *text)
{
	if (format == FORMAT_GUESS)
		format = guess(p->path, text);
	if (format == FORMAT_JSON)
		return parse_json(p, text);
	/* JSON is YAML, but jansson reads it better. */
	if (format == FORMAT_KUBERNETES && guess("", text) == FORMAT_JSON)
		return parse_json(p, text);
	return format == FORMAT_KUBERNETES ? parse_yaml(p, text) : parse_dotenv(p, text);
}

static int read_source(const struct call *c, struct parse *p)
{
	SECRET_CLEANUP struct secret *text = NULL;
	bool standard = strcmp(p->path, "-") == 0;
	enum format format;
	struct stat st;
	size_t left_out;
	int fd, r, status = find_format(c, &format);

	if (status)
		return status;
	fd = standard ? STDIN_FILENO : open(p->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0) {
		status = errmsg_fail(&(struct errmsg){.doing = "read", .path = p->path}, ERR_IO);
		goto out;
	}
	if (S_ISDIR(st.st_mode) != (format == FORMAT_DIRECTORY) && format != FORMAT_GUESS) {
		ui_error("%s is %sa directory", p->path, S_ISDIR(st.st_mode) ? "" : "not ");
		status = STATUS_FAILED;
	} else if (S_ISDIR(st.st_mode)) {
		status = parse_directory(p, fd, &left_out);
		if (!status && left_out)
			ui_warn("%zu left out: names that start with a dot, or no plain files",
				left_out);
	} else {
		r = secret_read_max(fd, TEXT_MAX, &text);
		if (standard)
			p->path = "standard input";
		status = r ? errmsg_fail(&(struct errmsg){.doing = "read", .path = p->path}, r)
			   : parse_text(p, format, text);
	}
out:
	if (fd >= 0 && !standard)
		close(fd);
	return status;
}

static int check_group(const struct call *c, const char *group)
{
	return group && name_check(group) ? ui_usage(c, "not a valid group: %.80s", group) : 0;
}

/* Elsewhere than in the organization's scope docker's logins are a secret like any other. */
static void settle_types(struct batch *b, const struct scope *scope)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].type == RECORD_IMAGE_PULL &&
		    scope_level(scope) != SCOPE_ORGANIZATION)
			b->items[i].type = RECORD_REGULAR;
}

static void say(const struct batch *b, const struct batch_counts *n, const struct scope *scope,
		bool dry)
{
	char text[SCOPE_STR];

	for (size_t i = 0; dry && i < b->n; i++)
		printf("%s\n", b->items[i].name);
	printf("%s %zu secret%s (%s): %zu new, %zu replaced\n", dry ? "would import" : "imported",
	       b->n, ui_s(b->n), scope_str(scope, text), n->created, n->replaced);
}

int import_run(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	BATCH_CLEANUP struct batch batch = {0};
	struct parse p = {.batch = &batch,
			  .path = c->argc ? c->argv[0] : "-",
			  .group = call_flag(c, FLAG_GROUP)};
	bool replace = call_has(c, FLAG_REPLACE), dry = call_has(c, FLAG_DRY_RUN);
	struct batch_counts counts;
	struct scope scope;
	int status = check_group(c, p.group);

	if (!status)
		status = ctx_any(c, &s, &scope);
	if (!status && !s.writer)
		status = scopes_require(&s, &scope, !dry);
	heap_lock();
	if (!status)
		status = read_source(c, &p);
	if (!status)
		status = scope_ctx_open(&s, &scope, &place);
	settle_types(&batch, &scope);
	if (!status)
		status = batch_check(&s, &place, &batch, replace, &counts);
	if (!status && !dry)
		status = batch_commit(&s, &place, &batch, replace, "import");
	if (!status)
		say(&batch, &counts, &scope, dry);
	return status;
}
