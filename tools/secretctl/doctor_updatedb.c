/* SPDX-License-Identifier: ISC */
/*
 * doctor: locate(1) keeps the names of all files where everybody may search them, and on the disk; what
 * is mounted here is left out only where its configuration says so.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doctor.h"

#define CONF "/etc/updatedb.conf"
#define TYPE "fuse.secretfs"

/* Is TYPE one of the words in NAME = "…"? */
static bool has_type(char *words)
{
	char *rest = NULL;

	for (char *w = strtok_r(words, " \t\"\r\n", &rest); w;
	     w = strtok_r(NULL, " \t\"\r\n", &rest))
		if (strcasecmp(w, TYPE) == 0)
			return true;
	return false;
}

/* The value of PRUNEFS in a line, or NULL. */
static char *value_in(char *line)
{
	char *p = line + strspn(line, " \t");

	if (strncmp(p, "PRUNEFS", strlen("PRUNEFS")) != 0)
		return NULL;
	p += strlen("PRUNEFS");
	p += strspn(p, " \t");
	return *p == '=' ? p + 1 : NULL;
}

void doctor_updatedb(struct doctor *d)
{
	bool there = false, pruned = false;
	char line[4096], *value;
	FILE *f = fopen(CONF, "re");

	if (!f) {
		doctor_say(d, "updatedb", STATE_OK, NULL, CONF " is not there");
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (!(value = value_in(line)))
			continue;
		there = true;
		pruned = has_type(value);
	}
	fclose(f);
	if (pruned)
		doctor_say(d, "updatedb", STATE_OK, NULL, "it leaves secretfs out");
	else
		doctor_say(
			d, "updatedb", STATE_NOTE,
			there ? "sed -i 's/^[[:space:]]*PRUNEFS[[:space:]]*=[[:space:]]*\"/&" TYPE
				" /' " CONF
			      : "echo 'PRUNEFS=\"" TYPE "\"' >>" CONF,
			"it writes the names of secrets that are mounted to its database");
}
