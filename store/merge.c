/* SPDX-License-Identifier: ISC */
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#define FILL (PAGE_MAX * 3 / 4) /* bytes in a page of several */

void merge_fini(struct merge_out *m)
{
	enc_free(&m->raw);
	free(m->starts);
	*m = (struct merge_out){0};
}

int merge_add(struct merge_out *m, const uint8_t *raw, size_t len)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 256;
		void *p = realloc(m->starts, cap * sizeof(*m->starts));

		if (!p)
			return ERR_NOMEM;
		m->starts = p;
		m->cap = cap;
	}
	m->starts[m->n] = m->raw.len;
	put_bytes(&m->raw, raw, len);
	if (m->raw.failed)
		return ERR_NOMEM;
	m->n++;
	return 0;
}

void merge_name(const struct merge_out *m, size_t i, char *out)
{
	size_t at = m->starts[i], len = m->raw.data[at];

	memcpy(out, m->raw.data + at + 1, len);
	out[len] = '\0';
}

static size_t end_of(const struct merge_out *m, size_t i)
{
	return i + 1 < m->n ? m->starts[i + 1] : m->raw.len;
}

size_t merge_cut(const struct merge_out *m, size_t i)
{
	size_t left = m->raw.len - m->starts[i], pages = (left + FILL - 1) / FILL;
	size_t end = i, goal = left / pages;

	if (left <= PAGE_MAX)
		return m->n;
	while (end < m->n && end_of(m, end) - m->starts[i] <= goal)
		end++;
	return end > i ? end : i + 1;
}

struct blob merge_slice(const struct merge_out *m, size_t i, size_t end)
{
	return (struct blob){.data = m->raw.data + m->starts[i],
			     .len = end_of(m, end - 1) - m->starts[i]};
}
