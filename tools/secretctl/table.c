/* SPDX-License-Identifier: ISC */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui.h"

void table_init(struct table *t, size_t columns, const char *const *head)
{
	memset(t, 0, sizeof(*t));
	t->columns = columns;
	table_row(t, head);
}

void table_row(struct table *t, const char *const *cells)
{
	char **more = reallocarray(t->cells, (t->rows + 1) * t->columns, sizeof(*more));

	if (!more) {
		t->failed = true;
		return;
	}
	t->cells = more;
	for (size_t i = 0; i < t->columns; i++) {
		char *copy = strdup(cells[i]);

		if (!copy)
			t->failed = true;
		else
			ui_printable(copy);
		more[t->rows * t->columns + i] = copy;
	}
	t->rows++;
}

int table_print(const struct table *t)
{
	size_t width[TABLE_COLUMNS] = {0};

	if (t->failed)
		return ERR_NOMEM;
	for (size_t i = 0; i < t->rows * t->columns; i++) {
		size_t n = strlen(t->cells[i]);

		if (n > width[i % t->columns])
			width[i % t->columns] = n;
	}
	for (size_t row = 0; row < t->rows; row++) {
		char **cell = t->cells + row * t->columns;

		for (size_t i = 0; i + 1 < t->columns; i++)
			printf("%-*s  ", (int)width[i], cell[i]);
		printf("%s\n", cell[t->columns - 1]);
	}
	return 0;
}

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	memset(t, 0, sizeof(*t));
}
