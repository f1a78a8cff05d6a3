/* SPDX-License-Identifier: ISC */
#include "complete.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "complete_names.h"

#define WORDS 256

struct complete {
	char *words[WORDS]; /* the last one is being typed */
	size_t n;
	const char *verb;
	const struct command *command; /* NULL: not known yet */
	int operands;		       /* whole ones before the cursor */
	const char *values[FLAGS];     /* the last one given */
	bool given[FLAGS];
	enum flag pending;  /* whose value is being typed; FLAGS: none */
	const char *prefix; /* of what is being typed: stays in front */
	size_t prefix_len;
	const char *typed;
};

/* --- the line so far --------------------------------------------------------------------- */

static void read_words(struct complete *x)
{
	size_t size = 0;
	char *word = NULL;

	while (x->n < WORDS && getdelim(&word, &size, 0, stdin) >= 0) {
		x->words[x->n++] = word;
		word = NULL;
		size = 0;
	}
	free(word);
}

static bool takes(const struct complete *x, unsigned f)
{
	if (f < FLAG_GLOBAL_END)
		return true;
	for (const struct command *c = commands; c->verb; c++) {
		if (x->command ? c != x->command : x->verb && strcmp(c->verb, x->verb) != 0)
			continue;
		for (const unsigned char *i = c->flags; i && *i != FLAG_END; i++)
			if (*i == f)
				return true;
	}
	return false;
}

/* "--name", "--name=…", "-x", "-xVALUE". *value: behind it in the same word, or NULL. */
static enum flag find_flag(const struct complete *x, const char *word, const char **value)
{
	bool lengthy = word[1] == '-';
	size_t len = lengthy ? strcspn(word + 2, "=") : 0;

	for (unsigned f = 0; f < FLAGS; f++) {
		const struct flag_def *d = &flag_defs[f];

		if (lengthy ? strlen(d->name) != len || strncmp(d->name, word + 2, len) != 0
			    : !d->letter || d->letter != word[1])
			continue;
		if (!takes(x, f))
			continue;
		*value = lengthy ? (word[2 + len] ? word + 3 + len : NULL)
				 : (word[2] ? word + 2 : NULL);
		return (enum flag)f;
	}
	return FLAGS;
}

static void take_operand(struct complete *x, const char *word)
{
	if (!x->verb) {
		x->verb = word;
		for (const struct command *c = commands; c->verb; c++)
			if (strcmp(c->verb, word) == 0 && !c->noun)
				x->command = c;
		return;
	}
	if (x->command) {
		x->operands++;
		return;
	}
	for (const struct command *c = commands; c->verb; c++) {
		size_t len = c->noun ? strlen(c->noun) : 0;

		if (strcmp(c->verb, x->verb) != 0 || !c->noun || strncmp(word, c->noun, len) != 0)
			continue;
		if (!word[len] || strcmp(word + len, "s") == 0)
			x->command = c;
	}
}

/* False behind "--", where everything is another program's. */
static bool parse(struct complete *x)
{
	x->pending = FLAGS;
	for (size_t i = 0; i + 1 < x->n; i++) {
		const char *word = x->words[i], *value = NULL;
		enum flag f;

		if (strcmp(word, "=") == 0 && x->pending != FLAGS)
			continue; /* bash makes three words of --flag=value */
		if (x->pending != FLAGS) {
			x->values[x->pending] = word;
			x->pending = FLAGS;
			continue;
		}
		if (strcmp(word, "--") == 0)
			return false;
		if (word[0] != '-' || !word[1]) {
			take_operand(x, word);
			continue;
		}
		f = find_flag(x, word, &value);
		if (f == FLAGS)
			continue;
		x->given[f] = true;
		if (value)
			x->values[f] = value;
		else if (flag_defs[f].arg == ARG_REQUIRED)
			x->pending = f;
	}
	return true;
}

/* --- what could stand there ---------------------------------------------------------------- */

static void offer(const struct complete *x, const char *word, const char *about)
{
	if (strncasecmp(word, x->typed, strlen(x->typed)) != 0)
		return;
	printf("%.*s%s%s%s\n", (int)x->prefix_len, x->prefix, word, about ? "\t" : "",
	       about ? about : "");
}

static void offer_name(void *arg, const char *name)
{
	offer(arg, name, NULL);
}

/* "a|b|c" */
static void offer_each(const struct complete *x, const char *list)
{
	char word[32];

	while (*list) {
		size_t len = strcspn(list, "|");

		snprintf(word, sizeof(word), "%.*s", (int)len, list);
		offer(x, word, NULL);
		list += len + (list[len] == '|');
	}
}

static struct complete_names names_of(struct complete *x, struct ctx *s)
{
	return (struct complete_names){
		.s = s,
		.project = x->values[FLAG_PROJECT],
		.domain = x->values[FLAG_DOMAIN],
		.bundle = x->values[FLAG_BUNDLE],
		.writer = x->values[FLAG_WRITER_BUNDLE] ? x->values[FLAG_WRITER_BUNDLE]
							: getenv("SECRETFS_WRITER_BUNDLE"),
	};
}

static void offer_flag_value(struct complete *x, struct ctx *s)
{
	const struct complete_names n = names_of(x, s);
	const char *metavar = flag_defs[x->pending].metavar, *eq;

	switch (x->pending) {
	case FLAG_PROJECT:
	case FLAG_TO_PROJECT:
	case FLAG_DOMAIN:
	case FLAG_TO_DOMAIN:
		complete_names_declared(&n,
					x->pending == FLAG_PROJECT || x->pending == FLAG_TO_PROJECT,
					offer_name, x);
		break;
	case FLAG_SECRET:
		eq = strchr(x->typed, '=');
		if (eq) {
			if (!x->prefix_len)
				x->prefix = x->typed;
			x->prefix_len = (size_t)(eq + 1 - x->prefix);
			x->typed = eq + 1;
		}
		complete_names_secrets(&n, true, offer_name, x);
		break;
	case FLAG_TYPE:
		offer_each(x, "regular|json|image_pull");
		break;
	case FLAG_OUTPUT:
		offer_each(x, "table|json|yaml");
		break;
	case FLAG_OUTPUT_MOUNT:
		offer_each(x, "table|json|yaml|prometheus");
		break;
	case FLAG_FORMAT:
		offer_each(x, "dotenv|json|kubernetes|directory");
		break;
	case FLAG_ALPHABET:
		offer_each(x, "alnum|hex|digits|base64url");
		break;
	case FLAG_EXPIRES:
		offer_each(x, "never");
		break;
	default:
		if (metavar && (strcmp(metavar, "FILE") == 0 || strcmp(metavar, "DIR") == 0))
			puts(":files");
	}
}

static void offer_flags(const struct complete *x)
{
	char word[64];

	for (unsigned f = 0; f < FLAGS; f++) {
		if (!takes(x, f) || (x->given[f] && !flag_defs[f].repeat) ||
		    (!x->command && f >= FLAG_GLOBAL_END) || (x->command && f == FLAG_VERSION))
			continue;
		snprintf(word, sizeof(word), "--%s", flag_defs[f].name);
		offer(x, word, flag_defs[f].about);
	}
}

static void offer_verbs(const struct complete *x)
{
	for (const struct command *c = commands; c->verb; c++)
		if (c == commands || strcmp(c[-1].verb, c->verb) != 0)
			offer(x, c->verb, c->noun ? NULL : c->about);
}

static void offer_nouns(const struct complete *x)
{
	for (const struct command *c = commands; c->verb; c++)
		if (strcmp(c->verb, x->verb) == 0 && c->noun)
			offer(x, c->noun, c->about);
}

/* The operand as the table writes it: "NAME [VALUE | -]" has NAME and [VALUE | -]. */
static void operand_text(const struct command *c, int at, char *out, size_t cap)
{
	const char *p = c->operands;
	size_t len = 0;

	for (; *p; p += len + strspn(p + len, " ")) {
		const char *end = *p == '[' ? strchr(p, ']') : NULL;

		len = end ? (size_t)(end + 1 - p) : strcspn(p, " ");
		if (at-- == 0)
			break;
	}
	snprintf(out, cap, "%.*s", *p ? (int)len : 0, p);
}

/* "bash|zsh|fish": the words themselves. */
static bool is_choice(const char *text)
{
	return *text >= 'a' && *text <= 'z';
}

static void offer_operand(struct complete *x, struct ctx *s)
{
	const struct complete_names n = names_of(x, s);
	const struct command *c = x->command;
	const char *noun = c->noun ? c->noun : "secret";
	bool creates = strcmp(c->verb, "create") == 0;
	char text[64];

	operand_text(c, x->operands, text, sizeof(text));
	if (is_choice(text)) {
		offer_each(x, text);
	} else if (strstr(text, "PATH")) {
		complete_names_mounts(&n, offer_name, x);
		puts(":files");
	} else if (strstr(text, "FILE") || strstr(text, "DIR") || strstr(text, "ARCHIVE") ||
		   strstr(c->operands, "FILE |")) {
		puts(":files");
	} else if (creates || !strstr(text, "NAME")) {
		return;
	} else if (strcmp(noun, "secret") == 0) {
		complete_names_secrets(&n, !c->noun, offer_name, x);
	} else if (strcmp(noun, "project") == 0 || strcmp(noun, "domain") == 0) {
		complete_names_declared(&n, *noun == 'p', offer_name, x);
	} else if (strcmp(noun, "bundle") == 0) {
		complete_names_bundles(&n, offer_name, x);
	} else if (strcmp(noun, "writer") == 0) {
		complete_names_writers(&n, offer_name, x);
	}
}

/* --- all of it -------------------------------------------------------------------------- */

/* As if the command had been called with the flags so far, so that the paths are right. */
static int open_session(struct complete *x, struct call *c, struct ctx *s)
{
	for (unsigned f = 0; f < FLAG_GLOBAL_END; f++) {
		if (!x->values[f])
			continue;
		c->values[f] = &x->values[f];
		c->nvalues[f] = 1;
	}
	return ctx_open(c, s);
}

static void find_all(struct complete *x, struct ctx *s)
{
	const char *value = NULL;
	enum flag f;

	x->typed = x->words[x->n - 1];
	if (strcmp(x->typed, "=") == 0 && x->pending != FLAGS)
		x->typed = "";
	if (x->pending == FLAGS && x->typed[0] == '-' && x->typed[1]) {
		f = find_flag(x, x->typed, &value);
		if (f == FLAGS || !value || flag_defs[f].arg == ARG_NONE) {
			offer_flags(x);
			return;
		}
		x->prefix = x->typed;
		x->prefix_len = (size_t)(value - x->typed);
		x->typed = value;
		x->pending = f;
	}
	if (x->pending != FLAGS)
		offer_flag_value(x, s);
	else if (!x->verb)
		offer_verbs(x);
	else if (!x->command)
		offer_nouns(x);
	else
		offer_operand(x, s);
}

int complete_run(void)
{
	CTX_CLEANUP struct ctx s = {0};
	struct complete x = {.prefix = ""};
	struct call c = {0};
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

	/* nothing of this is worth a message in the middle of somebody's line */
	if (quiet >= 0)
		dup2(quiet, STDERR_FILENO);
	read_words(&x);
	if (x.n && parse(&x) && open_session(&x, &c, &s) == 0)
		find_all(&x, &s);
	for (size_t i = 0; i < x.n; i++)
		free(x.words[i]);
	if (quiet >= 0)
		close(quiet);
	return 0;
}
