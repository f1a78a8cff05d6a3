/* SPDX-License-Identifier: ISC */
#include "command.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "paths.h"

static void flag_print(const struct flag_def *f)
{
	char left[64];
	const char *open = f->arg == ARG_OPTIONAL ? "[=" : f->arg == ARG_REQUIRED ? " " : "";
	const char *close = f->arg == ARG_OPTIONAL ? "]" : "";
	char letter[5] = "    ";

	if (f->letter)
		snprintf(letter, sizeof(letter), "-%c, ", f->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s%s", letter, f->name, open,
		 f->metavar ? f->metavar : "", close);
	printf("  %-26s %s\n", left, f->about);
}

static void print_globals(void)
{
	printf("\nEverywhere:\n");
	for (unsigned i = 0; i < FLAG_VERSION; i++)
		flag_print(&flag_defs[i]);
}

static void print_row(const struct command *cmd)
{
	char left[32];

	snprintf(left, sizeof(left), "%s%s%s", cmd->verb, cmd->noun ? " " : "",
		 cmd->noun ? cmd->noun : "");
	printf("  %-18s %s\n", left, cmd->about);
}

static void print_paths(void)
{
	static const struct {
		enum path path;
		const char *what;
	} rows[] = {
		{PATH_ROOT_KEY, "root key"},  {PATH_POLICY, "policy"}, {PATH_BUNDLES, "bundles"},
		{PATH_STORE, "store"},	      {PATH_STATE, "state"},   {PATH_MOUNT, "mount point"},
		{PATH_RUN, "mounts' status"},
	};

	printf("\nPaths (a flag above, or the environment variable, overrides):\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *p;

		if (paths_get(rows[i].path, NULL, &p))
			continue;
		printf("  %-12s %-20s %s\n", rows[i].what, paths_env(rows[i].path), p);
		free(p);
	}
}

void help_all(void)
{
	printf("usage: secretctl VERB [NOUN] [NAME...] [FLAG...]\n"
	       "Keeps secrets, their scopes and who may read them; secretfs(8) serves them as files.\n\n");
	for (const struct command *c = commands; c->verb; c++)
		print_row(c);
	print_globals();
	flag_print(&flag_defs[FLAG_VERSION]);
	print_paths();
	printf("\n`secretctl VERB NOUN --help` tells more. Exit status: 0 done, 1 failed, 2 usage.\n");
}

void help_verb(const char *verb)
{
	printf("usage: secretctl %s NOUN [NAME...] [FLAG...]\n\n", verb);
	for (const struct command *c = commands; c->verb; c++)
		if (strcmp(c->verb, verb) == 0)
			print_row(c);
	printf("\n`secretctl %s NOUN --help` tells more.\n", verb);
}

void help_command(const struct command *cmd)
{
	/* flags do not stand behind the command that run is given */
	bool flags_first = strncmp(cmd->operands, "--", 2) == 0;

	printf("usage: secretctl %s%s%s%s%s%s%s\n", cmd->verb, cmd->noun ? " " : "",
	       cmd->noun ? cmd->noun : "", cmd->flags && flags_first ? " [FLAG...]" : "",
	       *cmd->operands ? " " : "", cmd->operands,
	       cmd->flags && !flags_first ? " [FLAG...]" : "");
	printf("%c%s.\n", cmd->about[0] - 'a' + 'A', cmd->about + 1);
	if (cmd->more)
		printf("\n%s", cmd->more);
	if (cmd->flags) {
		printf("\nFlags:\n");
		for (const unsigned char *f = cmd->flags; *f != FLAG_END; f++)
			flag_print(&flag_defs[*f]);
	}
	print_globals();
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau-Levenshtein distance (optimal string alignment) in any case, for words below 32 bytes. */
static size_t distance(const char *a, const char *b)
{
	size_t d[33][33];
	size_t na = strlen(a), nb = strlen(b);

	if (na > 32 || nb > 32)
		return 99;
	for (size_t i = 0; i <= na; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			size_t best = d[i - 1][j - 1] + !same_letter(a[i - 1], b[j - 1]);

			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]) && d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[na][nb];
}

bool help_nearer(const char *word, const char *candidate, size_t *best)
{
	size_t limit = strlen(word) / 2 + 1;
	size_t d = distance(word, candidate);

	if (limit > 3)
		limit = 3;
	if (d >= limit || d >= *best)
		return false;
	*best = d;
	return true;
}

const char *help_nearest(const char *word, const char *const *list)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;

	for (; *list; list++)
		if (help_nearer(word, *list, &best))
			nearest = *list;
	return nearest;
}
