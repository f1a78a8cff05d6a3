/* SPDX-License-Identifier: ISC */
/*
 * json_yaml - what would be printed as JSON, as YAML: blocks whose scalars are JSON's own, which YAML 1.2
 * takes as they are, so that no text is mistaken for a number, a date or a truth.
 */
#ifndef JSON_YAML_H
#define JSON_YAML_H

#include <jansson.h>

/* By dump, as json_dump_callback(3) does; -1 when that, or memory, fails. */
int json_yaml_dump(const json_t *j, json_dump_callback_t dump, void *data);

#endif
