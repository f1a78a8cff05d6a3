/* SPDX-License-Identifier: ISC */
/*
 * source - where a value comes from: argument, --value, file, standard input, prompt, generated.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include "command.h"
#include "secret.h"

enum source_kind {
	SOURCE_NONE, /* none was named: prompt or standard input */
	SOURCE_ARGV,
	SOURCE_FILE,
	SOURCE_STDIN,
	SOURCE_GENERATE,
	SOURCE_DOCKER, /* logins of registries, see docker.h */
};

struct source {
	enum source_kind kind;
	struct secret *value;	 /* SOURCE_ARGV, SOURCE_GENERATE */
	const char *path;	 /* SOURCE_FILE */
	struct secret *password; /* of a registry, from argv */
};

/*
 * Find out which source the command line names, the operand at index being VALUE or "-".  A value
 * in argv is taken and overwritten there first of all.  Exit status.
 */
int source_find(const struct call *c, int index, struct source *out);
/* Read the value; what names it in the prompt.  Exit status. */
int source_read(struct source *src, const char *what, struct secret **out);
/* The whole of a file, up to what a value may have.  A
 * library error, with errno. */
WUR int source_file(const char *path, struct secret **out);
void source_fini(struct source *src);
#define SOURCE_CLEANUP __attribute__((cleanup(source_fini)))

#endif
