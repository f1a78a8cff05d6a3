/* SPDX-License-Identifier: ISC */
#include "mount_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "mounts.h"

void mount_list_fini(struct mount_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		free(l->v[i].bundle);
	}
	free(l->v);
	*l = (struct mount_list){0};
}

static struct mount_entry *find_or_add(struct mount_list *l, const char *path)
{
	struct mount_entry *more;

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].path, path) == 0)
			return &l->v[i];
	more = reallocarray(l->v, l->n + 1, sizeof(*more));
	if (!more)
		return NULL;
	l->v = more;
	more += l->n;
	*more = (struct mount_entry){.path = strdup(path)};
	if (!more->path)
		return NULL;
	l->n++;
	return more;
}

/* The value of key in the text behind -o, where a backslash keeps a comma; heap or NULL. */
static char *option(const char *opts, const char *key)
{
	size_t len = strlen(key);

	while (*opts) {
		bool found = strncmp(opts, key, len) == 0 && opts[len] == '=';
		char *value = found ? calloc(1, strlen(opts)) : NULL, *to = value;

		for (opts += found ? len + 1 : 0; *opts && *opts != ','; opts++) {
			if (*opts == '\\' && opts[1])
				opts++;
			if (to)
				*to++ = *opts;
		}
		if (found)
			return value;
		opts += *opts == ',';
	}
	return NULL;
}

/* From the daemon's command line, which names its bundle unless the policy does. */
static char *daemon_option(pid_t pid, const char *key)
{
	char name[64], *arg = NULL, *found = NULL;
	bool options = false;
	size_t size = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/cmdline", (int)pid);
	f = fopen(name, "re");
	while (f && !found && getdelim(&arg, &size, 0, f) > 0) {
		if (options)
			found = option(arg, key);
		else if (strncmp(arg, "-o", 2) == 0 && arg[2])
			found = option(arg + 2, key);
		options = strcmp(arg, "-o") == 0;
	}
	free(arg);
	if (f)
		fclose(f);
	return found;
}

/* A bind of one that is listed already says nothing new. */
static bool is_bind(const struct mount_list *l, const struct mounts_line *line)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].mounted && l->v[i].major == line->major && l->v[i].minor == line->minor)
			return true;
	return false;
}

static int add_mounted(void *arg, const struct mounts_line *line)
{
	struct mount_list *l = arg;
	struct mount_entry *s;

	if (strcmp(line->type, "fuse.secretfs") != 0 || is_bind(l, line))
		return 0;
	s = find_or_add(l, line->path);
	if (!s)
		return ERR_NOMEM;
	s->mounted = true;
	s->shared = line->shared;
	s->major = line->major;
	s->minor = line->minor;
	if (mounts_daemons(line->path, &s->pid, 1) == 1) {
		char *bundle = daemon_option(s->pid, "bundle");

		if (bundle) {
			free(s->bundle);
			s->bundle = bundle;
		}
	}
	return 0;
}

int mount_list_load(const struct policy *policy, struct mount_list *out)
{
	struct mount_list l = {0};
	const struct policy_mount *m;
	int r = 0;

	for (size_t i = 0; r == 0 && policy && (m = policy_mount(policy, i)); i++) {
		struct mount_entry *s = find_or_add(&l, m->path);

		if (!s) {
			r = ERR_NOMEM;
			break;
		}
		s->recorded = true;
		s->has_scope = true;
		s->scope = m->scope;
		if (m->bundle[0])
			s->bundle = strdup(m->bundle);
	}
	if (r == 0)
		r = mounts_each(add_mounted, &l);
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		BUNDLE_CLEANUP struct bundle *b = NULL;
		struct mount_entry *s = &l.v[i];

		if (!s->bundle || bundle_open(s->bundle, &b) || b->kind != BUNDLE_READER)
			continue;
		s->has_scope = s->has_store = true;
		s->scope = b->scope;
		memcpy(s->store_id, b->rings[0]->store_id, STORE_ID_SIZE);
	}
	if (r) {
		mount_list_fini(&l);
		return r;
	}
	*out = l;
	return 0;
}

bool mount_list_sees(const struct mount_entry *s, const struct scope *scope,
		     const uint8_t store_id[static STORE_ID_SIZE])
{
	struct scope at = scope_at(&s->scope, scope_level(scope));

	return s->has_scope && scope_eq(&at, scope) &&
	       (!s->has_store || memcmp(s->store_id, store_id, STORE_ID_SIZE) == 0);
}
