/* SPDX-License-Identifier: ISC */
/*
 * table - aligned columns for people.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define TABLE_COLUMNS 10

struct table {
	size_t columns, rows;
	char **cells; /* rows * columns */
	bool failed;
};

/* The head: columns strings, upper case. */
void table_init(struct table *t, size_t columns, const char *const *head);
/* Copies. */
void table_row(struct table *t, const char *const *cells);
/* Prints; only the head when there is no row. ERR_NOMEM. */
WUR int table_print(const struct table *t);
void table_fini(struct table *t);
#define TABLE_CLEANUP __attribute__((cleanup(table_fini)))

#endif
