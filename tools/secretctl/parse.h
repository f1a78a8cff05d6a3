/* SPDX-License-Identifier: ISC */
/*
 * parse - what others keep secrets in, read into a batch: dotenv, JSON, Kubernetes, a directory.
 *
 * Each says what is wrong, with a line where there is one and never with a value, and returns an
 * exit status.
 */
#ifndef PARSE_H
#define PARSE_H

#include "batch.h"

struct parse {
	struct batch *batch;
	const char *path;  /* for messages */
	const char *group; /* put before every name, with '/'; or NULL */
};

/* Adds one, naming what is wrong with it; line 0: none. */
int parse_add(const struct parse *p, const char *name, const uint8_t *data, size_t len,
	      unsigned line, struct batch_item **out);

/* KEY=VALUE lines: comments, "export", '…' as it stands, "…" with \n \t \r \" \\ \$, which may go
 * on over lines. Nothing is expanded. */
int parse_dotenv(const struct parse *p, const struct secret *text);
/* An object: strings as they are, anything else as its JSON text, of type json. A Kubernetes
 * Secret, or a list of them, is taken as such. */
int parse_json(const struct parse *p, const struct secret *text);
/* Kubernetes Secret as YAML, several documents at will. */
int parse_yaml(const struct parse *p, const struct secret *text);
/* Every plain file below path, which dir is open on; names that start with a dot are left out, and
 * counted. A link that leads out is refused. */
int parse_directory(const struct parse *p, int dir, size_t *left_out);

/* kubernetes.c: a Secret or a List; false when it is neither. */
struct json_t;
bool kubernetes_is(const struct json_t *doc);
int kubernetes_add(const struct parse *p, struct json_t *const *docs, size_t n);

#endif
