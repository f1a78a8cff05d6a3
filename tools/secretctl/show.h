/* SPDX-License-Identifier: ISC */
/*
 * show - what the listing commands share.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>

#include "command.h"
#include "commit.h"
#include "json.h"
#include "page.h"

/* --output: table, or json, which yaml is another form of. Exit status. */
int show_format(const struct call *c, bool *json);

/* The writer's name, or the start of its key when it is granted no more. */
#define SHOW_WRITER (WRITER_NAME_MAX + 1)
void show_writer(const struct commit *c, const struct version *v, char out[SHOW_WRITER]);

/* One record without its value; NULL without memory. */
json_t *show_record(const struct scope *scope, const struct commit *c, const struct record *rec);

/* history.c: the kept version that history calls so, or NULL. */
const struct version *history_find(const struct record *rec, const char *label);

#endif
