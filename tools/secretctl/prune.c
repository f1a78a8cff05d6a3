/* SPDX-License-Identifier: ISC */
#include "prune.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "paths.h"

static int add(struct prune *p, const char *key, uint64_t first, bool now)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		void *more = reallocarray(p->v, cap, sizeof(*p->v));

		if (!more)
			return ERR_NOMEM;
		p->v = more;
		p->cap = cap;
	}
	p->v[p->n] = (struct prune_stray){.first = first, .now = now};
	memcpy(p->v[p->n++].key, key, strlen(key) + 1);
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct prune_stray *)a)->key, ((const struct prune_stray *)b)->key);
}

static int read_line(struct prune *p, char *line)
{
	char *end;
	unsigned long long first = strtoull(line, &end, 10);

	line[strcspn(line, "\n")] = 0;
	if (end == line || *end != ' ' || strncmp(end + 1, "objects/", 8) != 0 ||
	    strlen(end + 1) >= BACKEND_KEY_SIZE)
		return 0;
	return add(p, end + 1, first, false);
}

int prune_open(struct prune *p, const char *state_dir, const uint8_t store_id[static STORE_ID_SIZE])
{
	char hex[2 * STORE_ID_SIZE + 1], *line = NULL;
	size_t size = 0;
	FILE *f;
	int r = 0;

	*p = (struct prune){0};
	sodium_bin2hex(hex, sizeof(hex), store_id, STORE_ID_SIZE);
	if (asprintf(&p->path, "%s/%s/strays", state_dir, hex) < 0) {
		p->path = NULL;
		return ERR_NOMEM;
	}
	f = fopen(p->path, "re");
	if (!f)
		return errno == ENOENT ? 0 : ERR_IO;
	while (r == 0 && getline(&line, &size, f) > 0)
		r = read_line(p, line);
	free(line);
	fclose(f);
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_key);
	p->sorted = p->n;
	return r;
}

int prune_see(struct prune *p, const char *key, uint64_t now)
{
	struct prune_stray wanted = {.first = 0}, *found;

	if (strlen(key) >= sizeof(wanted.key))
		return 0;
	memcpy(wanted.key, key, strlen(key) + 1);
	found = p->sorted ? bsearch(&wanted, p->v, p->sorted, sizeof(*p->v), by_key) : NULL;
	if (!found) {
		p->changed = true;
		return add(p, key, now, true);
	}
	found->now = true;
	if (found->first > now) { /* by a clock that was ahead */
		found->first = now;
		p->changed = true;
	}
	return 0;
}

void prune_settle(struct prune *p, const char *prefix)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; i < p->n; i++) {
		struct prune_stray *s = &p->v[i];

		if (s->now || strncmp(s->key, prefix, len) != 0 || s->key[len] != '/')
			continue;
		s->first = 0; /* prune_save leaves it out */
		p->changed = true;
	}
}

int prune_save(struct prune *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int r = 0;

	if (!p->changed)
		return 0;
	f = open_memstream(&text, &len);
	if (!f)
		return ERR_NOMEM;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].first)
			fprintf(f, "%llu %s\n", (unsigned long long)p->v[i].first, p->v[i].key);
	if (fclose(f) != 0)
		r = ERR_NOMEM;
	if (!r)
		r = paths_write(p->path, text, len, 0600, false);
	free(text);
	return r;
}

void prune_close(struct prune *p)
{
	free(p->path);
	free(p->v);
	*p = (struct prune){0};
}
