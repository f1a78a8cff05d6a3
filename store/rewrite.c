/* SPDX-License-Identifier: ISC */
#include "rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "object.h"

static int put_page(struct txn *a, const struct merge_out *m, size_t i, size_t end,
		    struct commit_page *out)
{
	BLOB_CLEANUP struct blob sealed = {0};
	struct blob body = merge_slice(m, i, end);
	char first[NAME_SIZE];
	int r = object_seal(a->k, OBJECT_PAGE, a->next.gen, &body, &sealed);

	if (r < 0)
		return r;
	object_id(&sealed, out->id);
	merge_name(m, i, first);
	out->first = strdup(first);
	return out->first ? txn_put(a, &sealed, out->id) : ERR_NOMEM;
}

int rewrite_page(struct txn *a, size_t at, const struct merge_out *m, size_t *made)
{
	struct commit *c = &a->next;
	struct commit_page *pages;
	size_t old = at < c->npages, n = 0;
	int r = old ? txn_retire(c, c->pages[at].id) : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < m->n; i = merge_cut(m, i))
		n++;
	if (c->npages - old + n > COMMIT_PAGES_MAX)
		return ERR_TOOBIG;
	pages = realloc(c->pages, (c->npages + n + 1) * sizeof(*pages));
	if (!pages)
		return ERR_NOMEM;
	c->pages = pages;
	if (old)
		free(pages[at].first);
	memmove(pages + at + n, pages + at + old, (c->npages - at - old) * sizeof(*pages));
	memset(pages + at, 0, n * sizeof(*pages));
	c->npages += n - old;
	for (size_t i = 0, p = at; i < m->n; p++) {
		size_t end = merge_cut(m, i);

		r = put_page(a, m, i, end, &pages[p]);
		if (r < 0)
			return r;
		i = end;
	}
	*made = n;
	return 0;
}
