/* SPDX-License-Identifier: ISC */
#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"

#define PROJECT "project/"
#define DOMAIN "domain/"

void registry_free(struct registry *r)
{
	if (!r)
		return;
	free(r->projects);
	free(r->domains);
	free(r);
}

static int append(char (**list)[SCOPE_PART_MAX + 1], size_t *n, const char *name)
{
	void *p = realloc(*list, (*n + 1) * sizeof(**list));

	if (!p)
		return ERR_NOMEM;
	*list = p;
	if (strlen(name) > SCOPE_PART_MAX)
		return ERR_AUTH;
	name_fold(name, (*list)[(*n)++], SCOPE_PART_MAX + 1);
	return 0;
}

static int collect(void *arg, const struct record *rec)
{
	struct registry *r = arg;

	if (strncmp(rec->name, PROJECT, strlen(PROJECT)) == 0)
		return append(&r->projects, &r->nprojects, rec->name + strlen(PROJECT));
	if (strncmp(rec->name, DOMAIN, strlen(DOMAIN)) == 0)
		return append(&r->domains, &r->ndomains, rec->name + strlen(DOMAIN));
	return ERR_AUTH;
}

/* The registry's ring and its newest snapshot, checked against the floor and made the floor. */
static int open_newest(struct backend *b, const struct root_keys *root, const char *state_dir,
		       struct floor *floor, struct keyring **k, struct snapshot **snap)
{
	int r = keyring_registry(root, k);

	*floor = (struct floor){0};
	if (r == 0 && state_dir)
		r = floor_load(state_dir, *k, floor);
	if (r == 0)
		r = snapshot_open_judged(b, *k, floor, snap);
	if (r == 0)
		*floor = floor_of(&(*snap)->commit);
	if (r == 0 && state_dir)
		r = floor_store(state_dir, *k, floor);
	return r;
}

int registry_create(struct backend *b, const struct root_keys *root, const char *state_dir)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	KEYRING_CLEANUP struct keyring *k = NULL;
	struct apply_result result;
	struct floor floor;
	int r = open_newest(b, root, state_dir, &floor, &k, &snap);

	if (r != ERR_NOENT)
		return r;
	r = apply_genesis(b, k, &result);
	return r == ERR_EXIST ? 0 : r;
}

int registry_load(struct backend *b, const struct root_keys *root, const char *state_dir,
		  struct registry **out)
{
	REGISTRY_CLEANUP struct registry *reg = NULL;
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	KEYRING_CLEANUP struct keyring *k = NULL;
	struct floor floor;
	int r = open_newest(b, root, state_dir, &floor, &k, &snap);

	if (r < 0)
		return r;
	reg = calloc(1, sizeof(*reg));
	if (!reg)
		return ERR_NOMEM;
	r = snapshot_each(b, k, snap, collect, reg);
	if (r < 0)
		return r;
	*out = reg;
	reg = NULL;
	return 0;
}

static bool has(char (*list)[SCOPE_PART_MAX + 1], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (name_cmp(list[i], name) == 0)
			return true;
	return false;
}

bool registry_has_project(const struct registry *r, const char *project)
{
	return has(r->projects, r->nprojects, project);
}

bool registry_has_domain(const struct registry *r, const char *domain)
{
	return has(r->domains, r->ndomains, domain);
}

static int change(struct backend *b, const struct root_keys *root, const char *state_dir,
		  enum change_op op, const char *project, const char *domain)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	KEYRING_CLEANUP struct keyring *k = NULL;
	SECRET_CLEANUP struct secret *empty = NULL;
	char names[2][NAME_SIZE];
	struct change changes[2];
	struct apply_options opt = {.history = 1};
	struct apply_result result;
	struct record rec;
	struct floor floor;
	size_t n = 0;
	int r = open_newest(b, root, state_dir, &floor, &k, &snap);

	if (r == 0)
		r = secret_alloc(0, &empty);
	for (int i = 0; r == 0 && i < 2; i++) {
		const char *name = i ? domain : project;

		if (!name)
			continue;
		if (name_check_component(name, SCOPE_PART_MAX) < 0)
			return ERR_NAME;
		snprintf(names[n], sizeof(names[n]), "%s%s", i ? DOMAIN : PROJECT, name);
		name_fold(names[n], names[n], sizeof(names[n]));
		r = snapshot_find(b, k, snap, names[n], &rec);
		if (op == CHANGE_CREATE && r == 0)
			continue; /* declared already */
		if (r < 0 && (r != ERR_NOENT || op == CHANGE_DELETE))
			return r;
		r = 0;
		changes[n] = (struct change){
			.op = op, .name = names[n], .value = op == CHANGE_DELETE ? NULL : empty};
		n++;
	}
	if (r < 0 || n == 0)
		return r;
	opt.floor = &floor;
	r = apply_changes(b, k, &opt, changes, n, &result);
	/* Done is done: a floor that cannot be stored now is stored by the next to open the registry,
	 * or stops that one. */
	if (r == 0 && state_dir && floor_store(state_dir, k, &result.floor) < 0)
		return 0;
	return r;
}

int registry_declare(struct backend *b, const struct root_keys *root, const char *state_dir,
		     const char *project, const char *domain)
{
	/* Lost to somebody who declared the same: then it is declared. */
	int r = change(b, root, state_dir, CHANGE_CREATE, project, domain);

	return r == ERR_EXIST ? 0 : r;
}

int registry_remove(struct backend *b, const struct root_keys *root, const char *state_dir,
		    const char *project, const char *domain)
{
	return change(b, root, state_dir, CHANGE_DELETE, project, domain);
}
