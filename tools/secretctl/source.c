/* SPDX-License-Identifier: ISC */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "ui.h"
#include "errmsg.h"

#define GENERATE_DEFAULT 32
#define GENERATE_MAX 4096

static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static const struct {
	const char *name, *set;
} alphabets[] = {
	{"alnum", alnum},
	{"hex", "0123456789abcdef"},
	{"digits", "0123456789"},
	{"base64url", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"},
};

/* Moves the string out of argv, where `ps` shows it. */
static int take_argv(const char *arg, struct secret **out)
{
	char *p = (char *)(uintptr_t)arg; /* argv is writable; getopt only says const */
	size_t len = strlen(p);
	int r = 0;

	if (!*out)
		r = secret_from((const uint8_t *)p, len, out);
	sodium_memzero(p, len);
	return r;
}

static int find_length(const struct call *c, const char *operand, size_t *out)
{
	const char *text = call_flag(c, FLAG_GENERATE);
	unsigned long n;
	char *end;

	if (!*text && operand)
		text = operand;
	if (!*text) {
		*out = GENERATE_DEFAULT;
		return 0;
	}
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n < 1 || n > GENERATE_MAX)
		return ui_usage(c, "--generate takes a length from 1 to %d", GENERATE_MAX);
	*out = n;
	return 0;
}

static int generate(const struct call *c, size_t length, struct secret **out)
{
	const char *set = call_flag(c, FLAG_ALPHABET);
	uint32_t n;
	int r;

	if (!set)
		set = alnum;
	for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++)
		if (strcmp(set, alphabets[i].name) == 0)
			set = alphabets[i].set;
	n = (uint32_t)strlen(set);
	if (n < 2)
		return ui_usage(c, "--alphabet needs two characters at least");
	r = secret_alloc(length, out);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "generate a value"}, r);
	for (size_t i = 0; i < length; i++)
		(*out)->data[i] = (uint8_t)set[randombytes_uniform(n)];
	(*out)->len = length;
	return 0;
}

static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

int source_find(const struct call *c, int index, struct source *out)
{
	const char *operand = c->argc > index ? c->argv[index] : NULL;
	const char *value = call_flag(c, FLAG_VALUE);
	const char *file = call_flag(c, FLAG_FROM_FILE);
	bool generated = call_has(c, FLAG_GENERATE);
	bool dash = operand && strcmp(operand, "-") == 0;
	bool length_given =
		generated && operand && is_number(operand) && !*call_flag(c, FLAG_GENERATE);
	bool in_argv = value || (operand && !dash && !length_given);
	int given = !!value + !!file + generated + (operand && !length_given);
	size_t length = 0;
	int r = 0;

	memset(out, 0, sizeof(*out));
	if (call_has(c, FLAG_PASSWORD))
		r = take_argv(call_flag(c, FLAG_PASSWORD), &out->password);
	if (!r && value)
		r = take_argv(value, &out->value);
	if (!r && operand && !dash && !length_given)
		r = take_argv(operand, &out->value);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "take the value"}, r);
	if (given > 1)
		return ui_usage(
			c, "give the value once: as VALUE, --value, --from-file, - or --generate");
	if (call_has(c, FLAG_ALPHABET) && !generated)
		return ui_usage(c, "--alphabet goes with --generate");
	if (generated) {
		int status = find_length(c, operand, &length);

		out->kind = SOURCE_GENERATE;
		return status ? status : generate(c, length, &out->value);
	}
	if (in_argv) {
		out->kind = SOURCE_ARGV;
		ui_warn("the value stood on the command line, where other users and the shell's history see it");
		return 0;
	}
	if (dash || (file && strcmp(file, "-") == 0))
		out->kind = SOURCE_STDIN;
	else if (file)
		out->kind = SOURCE_FILE;
	out->path = file;
	return 0;
}

static int read_prompt(const char *what, struct secret **out)
{
	SECRET_CLEANUP struct secret *value = NULL;
	char prompt[400], again[400];
	int r;

	snprintf(prompt, sizeof(prompt), "Value of %s: ", what);
	snprintf(again, sizeof(again), "Again: ");
	r = ui_prompt_new(prompt, again, &value);
	if (r == ERR_CONFLICT) {
		ui_error("the two differ; nothing was done");
		return STATUS_FAILED;
	}
	if (r == ERR_TOOBIG) {
		ui_error("too long for a prompt; nothing was done");
		ui_hint("put it in a file and give --from-file");
		return STATUS_FAILED;
	}
	if (r == ERR_NOENT || (!r && value->len == 0)) {
		ui_error("nothing was entered; nothing was done");
		ui_hint("for an empty value give --value ''");
		return STATUS_FAILED;
	}
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "read the value"}, r);
	*out = value;
	value = NULL;
	return 0;
}

int source_file(const char *path, struct secret **out)
{
	FD_CLEANUP int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? ERR_IO : secret_read(fd, out);
}

static int read_file(const char *path, struct secret **out)
{
	struct errmsg w = {.doing = "read the value", .path = path ? path : "standard input"};
	int r = path ? source_file(path, out) : secret_read(STDIN_FILENO, out);

	return r ? errmsg_fail(&w, r) : 0;
}

int source_read(struct source *src, const char *what, struct secret **out)
{
	int status;

	if (src->value) {
		*out = src->value;
		src->value = NULL;
		return 0;
	}
	if (src->kind == SOURCE_NONE && ui_asks())
		return read_prompt(what, out);
	status = read_file(src->kind == SOURCE_FILE ? src->path : NULL, out);
	if (!status && (*out)->len == 0 && src->kind == SOURCE_NONE)
		ui_warn("standard input was empty, and so is the value");
	return status;
}

void source_fini(struct source *src)
{
	secret_free(src->value);
	secret_free(src->password);
	src->value = src->password = NULL;
}
