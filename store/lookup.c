/* SPDX-License-Identifier: ISC */
#include "lookup.h"

#include <string.h>

int lookup_decides(const enum lookup_kind kinds[static SCOPE_LEVELS])
{
	int level = SCOPE_LEVELS - 1;

	while (level >= 0 && kinds[level] == LOOKUP_NONE)
		level--;
	return level;
}

void lookup_init(struct lookup *l, const char *name)
{
	memset(l, 0, sizeof(*l));
	l->name = name;
	l->wins = l->hidden_by = -1;
	for (const char *p = name; p && l->depth < NAME_DEPTH; l->depth++) {
		const char *slash = strchr(p, '/');
		size_t len = slash ? (size_t)(slash - name) : strlen(name);

		memcpy(l->paths[l->depth], name, len);
		p = slash ? slash + 1 : NULL;
	}
}

/* The first record that is not before path: it, or what lies below it, if there is either. */
static int kind_at(struct backend *b, struct keyring *k, struct snapshot *s, const char *path,
		   enum lookup_kind *out)
{
	for (size_t i = commit_page_of(&s->commit, path); i < s->commit.npages; i++) {
		const struct page *page;
		struct page_cursor c;
		struct record rec;
		int r = snapshot_page(b, k, s, i, &page);

		if (r < 0)
			return r;
		c = page_walk(&page->body);
		while (page_next(&c, &rec)) {
			int cmp = name_cmp(rec.name, path);

			if (cmp < 0)
				continue;
			if (cmp == 0)
				*out = LOOKUP_FILE;
			else if (name_is_below(rec.name, path))
				*out = LOOKUP_GROUP;
			return 0;
		}
	}
	return 0;
}

int lookup_add(struct lookup *l, enum scope_level level, struct backend *b, struct keyring *k,
	       struct snapshot *s)
{
	int r = snapshot_find(b, k, s, l->name, &l->records[level]);

	if (r < 0 && r != ERR_NOENT)
		return r;
	l->there[level] = r == 0;
	r = 0;
	for (size_t i = 0; r == 0 && i < l->depth; i++)
		r = kind_at(b, k, s, l->paths[i], &l->kinds[i][level]);
	return r;
}

void lookup_judge(struct lookup *l)
{
	for (size_t step = 0; step < l->depth; step++) {
		bool last = step + 1 == l->depth;
		int level = lookup_decides(l->kinds[step]);

		if (level < 0)
			return;
		if (l->kinds[step][level] != (last ? LOOKUP_FILE : LOOKUP_GROUP)) {
			l->hidden_by = level;
			l->step = step;
			return;
		}
		if (last)
			l->wins = level;
	}
}
