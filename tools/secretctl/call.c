/* SPDX-License-Identifier: ISC */
/*
 * The verb and the noun are found first, with every flag known that could stand before them; then
 * the whole line is parsed with the flags of that one command.  getopt's own messages would echo a
 * mistyped --valu=SECRET, so they are off.
 */
#include "command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui.h"
#include "version.h"

#define VAL(f) (256 + (int)(f))
#define OPTS_SIZE (FLAGS + 1)

struct opts {
	struct option longs[OPTS_SIZE];
	char shorts[2 + 3 * FLAGS + 1];
	size_t n;
	bool has[FLAGS];
};

static void opts_add(struct opts *o, unsigned f)
{
	const struct flag_def *d = &flag_defs[f];
	static const int has_arg[] = {no_argument, required_argument, optional_argument};

	if (o->has[f])
		return;
	o->has[f] = true;
	o->longs[o->n++] = (struct option){d->name, has_arg[d->arg], NULL, VAL(f)};
	if (d->letter && !strchr(o->shorts + 2, d->letter)) {
		size_t len = strlen(o->shorts);

		o->shorts[len++] = d->letter;
		for (int i = 0; i < (int)d->arg; i++)
			o->shorts[len++] = ':';
		o->shorts[len] = 0;
	}
}

/* prefix "+:" stops at the first operand, "-:" hands operands over as they come. */
static void opts_init(struct opts *o, const char *prefix)
{
	memset(o, 0, sizeof(*o));
	memcpy(o->shorts, prefix, 2);
	for (unsigned f = 0; f < FLAG_GLOBAL_END; f++)
		if (f != FLAG_VERSION)
			opts_add(o, f);
}

static void opts_add_command(struct opts *o, const struct command *cmd)
{
	for (const unsigned char *f = cmd->flags; f && *f != FLAG_END; f++)
		opts_add(o, *f);
}

static bool opts_takes(const struct command *cmd, enum flag f)
{
	for (const unsigned char *i = cmd->flags; i && *i != FLAG_END; i++)
		if (*i == (unsigned char)f)
			return true;
	return false;
}

static enum flag opts_flag(const struct command *cmd, int val)
{
	if (val >= 256)
		return (enum flag)(val - 256);
	for (unsigned f = 0; f < FLAG_GLOBAL_END; f++)
		if (flag_defs[f].letter == val)
			return (enum flag)f;
	for (const unsigned char *f = cmd ? cmd->flags : NULL; f && *f != FLAG_END; f++)
		if (flag_defs[*f].letter == val)
			return (enum flag) * f;
	return FLAGS;
}

/* The nth operand of the line (0: verb, 1: noun), as the commands of verb (NULL: all) read it. */
static const char *find_word(int argc, char **argv, const char *verb, int nth)
{
	struct opts o;
	int c;

	opts_init(&o, "-:");
	for (const struct command *cmd = commands; cmd->verb; cmd++)
		if (!verb || strcmp(cmd->verb, verb) == 0)
			opts_add_command(&o, cmd);
	optind = 0;
	while ((c = getopt_long(argc, argv, o.shorts, o.longs, NULL)) != -1)
		if (c == 1 && nth-- == 0)
			return optarg;
	return NULL;
}

static bool is_word(const char *word, const char *noun)
{
	size_t n = strlen(noun);

	return strncmp(word, noun, n) == 0 && (word[n] == 0 || strcmp(word + n, "s") == 0);
}

/* What other programs call a verb; NULL when it is no such word. */
static const char *verb_of_others(const char *word)
{
	static const char *const words[][2] = {
		{"list", "get"},     {"ls", "get"},	    {"show", "get"},
		{"describe", "get"}, {"set", "update"},	    {"edit", "update"},
		{"add", "create"},   {"new", "create"},	    {"remove", "delete"},
		{"rm", "delete"},    {"rename", "move"},    {"mv", "move"},
		{"cp", "copy"},	     {"unmount", "umount"}, {"why", "explain"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i][0]) == 0)
			return words[i][1];
	return NULL;
}

/* What a verb can be said of: "secret", or all its nouns. */
static void hint_nouns(const char *verb)
{
	char text[200] = "";
	size_t n = 0, len = 0;
	const char *operands = "";

	for (const struct command *c = commands; c->verb; c++) {
		if (strcmp(c->verb, verb) != 0 || !c->noun || len >= sizeof(text))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", n ? "|" : "",
					c->noun);
		operands = c->operands;
		n++;
	}
	ui_hint("it is: secretctl %s %s%s%s", verb, text, n == 1 ? " " : "",
		n == 1 ? operands : "");
}

static int unknown(const char *what, const char *word, const char *verb)
{
	const char *list[64];
	const char *near;
	size_t n = 0;

	for (const struct command *c = commands; c->verb && n < 63; c++) {
		const char *w = verb ? c->noun : c->verb;

		if (w && (!verb || strcmp(c->verb, verb) == 0) &&
		    (n == 0 || strcmp(list[n - 1], w) != 0))
			list[n++] = w;
	}
	list[n] = NULL;
	near = verb ? NULL : verb_of_others(word);
	if (!near)
		near = help_nearest(word, list);
	ui_error("no such %s: %.40s", what, word);
	if (near)
		ui_hint("did you mean: secretctl %s%s%s", verb ? verb : near, verb ? " " : "",
			verb ? near : "");
	else if (verb)
		hint_nouns(verb);
	else
		ui_hint("see: secretctl --help");
	return STATUS_USAGE;
}

static bool wants(int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

static bool wants_help(int argc, char **argv)
{
	return wants(argc, argv, "--help") || wants(argc, argv, "-h");
}

/* help [VERB [NOUN]]. -1, or STATUS_USAGE. */
static int help_about(const char *verb, const char *noun)
{
	const struct command *found = NULL;

	if (!verb) {
		help_all();
		return -1;
	}
	for (const struct command *c = commands; c->verb; c++)
		if (strcmp(c->verb, verb) == 0 &&
		    (!found || (c->noun && noun && is_word(noun, c->noun))))
			found = c;
	if (!found)
		return unknown("command", verb, NULL);
	if (found->noun && noun && !is_word(noun, found->noun))
		return unknown("thing", noun, verb);
	if (found->noun && !noun)
		help_verb(verb);
	else
		help_command(found);
	return -1;
}

/* 0 and the row; STATUS_USAGE; -1 when help or the version was printed. */
static int find_command(int argc, char **argv, const struct command **out)
{
	const char *verb = find_word(argc, argv, NULL, 0);
	const char *noun = verb ? find_word(argc, argv, verb, 1) : NULL;
	bool known = false;

	if ((argc > 1 && strcmp(argv[1], "--version") == 0) ||
	    (!verb && wants(argc, argv, "--version"))) {
		printf("secretctl %s\n", SECRETFS_VERSION);
		return -1;
	}
	if (!verb) {
		if (wants_help(argc, argv)) {
			help_all();
			return -1;
		}
		return ui_usage(NULL, "what shall be done?");
	}
	for (const struct command *c = commands; c->verb; c++) {
		if (strcmp(c->verb, verb) != 0)
			continue;
		known = true;
		if (!c->noun || (noun && is_word(noun, c->noun))) {
			*out = c;
			return 0;
		}
	}
	if (!known && strcmp(verb, "help") == 0)
		return help_about(noun, noun ? find_word(argc, argv, verb, 2) : NULL);
	if (!known)
		return unknown("command", verb, NULL);
	if (!noun && wants_help(argc, argv)) {
		help_verb(verb);
		return -1;
	}
	if (!noun) {
		ui_error("%s what?", verb);
		hint_nouns(verb);
		return STATUS_USAGE;
	}
	return unknown("thing", noun, verb);
}

/* What getopt refused, without what follows a '=' . */
static int refused(const struct call *c, int code, const char *arg)
{
	enum flag f = optopt ? opts_flag(c->command, optopt) : FLAGS;

	if (code == ':' && f < FLAGS)
		return ui_usage(c, "--%s needs %s", flag_defs[f].name, flag_defs[f].metavar);
	if (f < FLAGS && flag_defs[f].arg == ARG_NONE)
		return ui_usage(c, "--%s takes no value", flag_defs[f].name);
	if (optopt && optopt < 256)
		return ui_usage(c, "no such flag: -%c", optopt);
	if (arg && strncmp(arg, "--", 2) == 0) {
		char word[40];
		const char *list[FLAGS + 1];
		const char *near;
		size_t n = 0;

		snprintf(word, sizeof(word), "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
		if (strcmp(word, "version") == 0)
			return ui_usage(c, "--version stands before the verb, alone%s",
					opts_takes(c->command, FLAG_AT)
						? "; an older version is --at VERSION"
						: "");
		for (unsigned i = 0; i < FLAG_VERSION; i++)
			list[n++] = flag_defs[i].name;
		for (const unsigned char *i = c->command->flags; i && *i != FLAG_END; i++)
			list[n++] = flag_defs[*i].name;
		list[n] = NULL;
		near = help_nearest(word, list);
		if (near)
			return ui_usage(c, "no such flag: --%s; did you mean --%s?", word, near);
		return ui_usage(c, "no such flag: --%s", word);
	}
	return ui_usage(c, "no such flag");
}

static int call_add(struct call *c, enum flag f, const char *value)
{
	const char **more;

	if (c->nvalues[f] && !flag_defs[f].repeat)
		return ui_usage(c, "--%s is given twice", flag_defs[f].name);
	more = reallocarray(c->values[f], c->nvalues[f] + 1, sizeof(*more));
	if (!more) {
		ui_error("no memory");
		return STATUS_FAILED;
	}
	more[c->nvalues[f]++] = value ? value : "";
	c->values[f] = more;
	return 0;
}

static int check_operands(const struct call *c)
{
	const struct command *cmd = c->command;

	if (c->argc < cmd->min)
		return ui_usage(c, "%s%s%s needs %s", cmd->verb, cmd->noun ? " " : "",
				cmd->noun ? cmd->noun : "", cmd->operands);
	if (cmd->max == 0 && c->argc > 0)
		return ui_usage(c, "%s%s%s takes no name", cmd->verb, cmd->noun ? " " : "",
				cmd->noun ? cmd->noun : "");
	if (!cmd->noun && cmd->max == 1 && c->argc == 2 && c->argv[0] &&
	    is_word(c->argv[0], "secret"))
		return ui_usage(c, "leave out the word secret: secretctl %s %s", cmd->verb,
				cmd->operands);
	if (cmd->max >= 0 && c->argc > cmd->max)
		return ui_usage(c, "too many words: it takes %s", cmd->operands);
	return 0;
}

int call_parse(int argc, char **argv, struct call *c)
{
	struct opts o;
	int code, r;
	int words;

	memset(c, 0, sizeof(*c));
	c->dashes = -1;
	opterr = 0;
	r = find_command(argc, argv, &c->command);
	if (r)
		return r;
	words = c->command->noun ? 2 : 1;
	c->argv = calloc((size_t)argc + 1, sizeof(*c->argv));
	if (!c->argv) {
		ui_error("no memory");
		return STATUS_FAILED;
	}
	opts_init(&o, "-:");
	opts_add_command(&o, c->command);
	optind = 0;
	for (;;) {
		/* the argument being read, for a message; getopt moves on while it reads */
		int at = optind ? optind : 1;

		code = getopt_long(argc, argv, o.shorts, o.longs, NULL);
		if (code == -1)
			break;
		if (code == '?' || code == ':')
			return refused(c, code, at < argc ? argv[at] : NULL);
		if (code == 1) {
			if (words > 0)
				words--;
			else
				c->argv[c->argc++] = optarg;
			continue;
		}
		r = call_add(c, opts_flag(c->command, code), optarg);
		if (r)
			return r;
	}
	c->dashes = optind < argc ? c->argc : -1;
	for (; optind < argc; optind++)
		c->argv[c->argc++] = argv[optind];
	if (call_has(c, FLAG_HELP)) {
		help_command(c->command);
		return -1;
	}
	return check_operands(c);
}

void call_fini(struct call *c)
{
	for (unsigned f = 0; f < FLAGS; f++)
		free(c->values[f]);
	free(c->argv);
	memset(c, 0, sizeof(*c));
}

bool call_has(const struct call *c, enum flag f)
{
	return c->nvalues[f] > 0;
}

const char *call_flag(const struct call *c, enum flag f)
{
	return c->nvalues[f] ? c->values[f][0] : NULL;
}
