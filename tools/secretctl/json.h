/* SPDX-License-Identifier: ISC */
/*
 * json - JSON to programs. Memory that jansson frees is wiped, and output passes through no buffer
 * of stdio's, since --reveal puts values here.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdint.h>

#include "err.h"
#include "scope.h"
#include "secret.h"

void json_init(void);

/* Whatever is printed from now on is YAML of the same shape. */
void json_as_yaml(void);
/* Prints and releases j (NULL: out of memory). Exit status. */
int json_print(json_t *j);

/* Adds "project" and "domain", null for any. */
void json_put_scope(json_t *obj, const struct scope *s);
/* RFC 3339 in UTC; null for 0. */
json_t *json_time(uint64_t seconds);
/* Adds "value" (null unless it is UTF-8 text) and "value_base64". */
WUR int json_put_value(json_t *obj, const struct secret *value);

/* 0, or ERR_FORMAT with the place and the reason, which quotes nothing of the text. */
WUR int json_check(const struct secret *text, int *line, int *column, const char **reason);

#endif
