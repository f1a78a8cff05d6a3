/* SPDX-License-Identifier: ISC */
#include "load.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ancestry.h"
#include "dir_record.h"
#include "shm.h"
#include "snapshot.h"

_Static_assert(SHM_NODE_KEY == VIEW_KEY_SIZE, "key of the node ids");

struct load {
	struct backend *backend;
	struct bundle *bundle;
	char *state_dir; /* NULL: none */
	struct shm *shm; /* NULL: none */
	uint8_t key[VIEW_KEY_SIZE];
	struct floor floors[SCOPE_LEVELS];
	struct scope scopes[SCOPE_LEVELS];
	bool again;
	struct snapshot *accepted[SCOPE_LEVELS]; /* NULL before the first */
};

int load_open(struct backend *b, struct bundle *bundle, const char *state_dir, struct shm *shm,
	      struct load **out)
{
	struct load *l = calloc(1, sizeof(*l));

	if (!l)
		return ERR_NOMEM;
	l->backend = b;
	l->bundle = bundle;
	if (state_dir && !(l->state_dir = strdup(state_dir))) {
		free(l);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < bundle->n; i++) {
		const struct scope *s = &bundle->rings[i]->scope;

		l->floors[i] = bundle->floors[i];
		l->scopes[scope_level(s)] = *s;
	}
	l->shm = shm;
	if (shm)
		memcpy(l->key, shm->node_key, sizeof(l->key));
	else
		randombytes_buf(l->key, sizeof(l->key));
	*out = l;
	return 0;
}

void load_close(struct load *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->bundle->n; i++)
		snapshot_close(l->accepted[i]);
	free(l->state_dir);
	free(l);
}

void load_again(struct load *l)
{
	l->again = true;
}

const struct scope *load_scopes(const struct load *l)
{
	return l->scopes;
}

/*
 * The newest state of scope i, verified; *out is NULL when it is the accepted one.
 *
 * It has to be fresh by the bundle's floor and by the state's, not only by the later of them: a bundle
 * minted by somebody who was shown a fork is later than the state, and on another branch.  Once a view
 * has been accepted it descends from both, and its commit is the floor.
 *
 * The state's floor is read before the ref: whoever commits raises it afterwards, and then it would
 * be ahead of a ref read in between.
 */
static int load_scope(struct load *l, size_t i, struct snapshot **out)
{
	SNAPSHOT_CLEANUP struct snapshot *s = NULL;
	struct keyring *ring = l->bundle->rings[i];
	const struct snapshot *prev = l->accepted[i];
	struct floor state = {0};
	int r = l->state_dir ? floor_load(l->state_dir, ring, &state) : 0;

	if (r == 0)
		r = snapshot_open(l->backend, ring, &l->floors[i], &s);
	if (r == 0)
		r = ancestry_check(l->backend, ring, &state, &s->commit);
	if (r != 0)
		return r;
	if (prev && memcmp(prev->commit.id, s->commit.id, HASH_SIZE) == 0) {
		*out = NULL;
		return 0;
	}
	r = snapshot_load(l->backend, ring, s, prev);
	if (r == 0)
		r = snapshot_complete(l->backend, ring, s, prev);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

struct adding {
	struct view *view;
	enum scope_level level;
};

static int add_record(void *arg, const struct record *rec)
{
	const struct adding *a = arg;

	return view_add(a->view, a->level, rec);
}

static int build(struct load *l, struct snapshot *const snapshots[SCOPE_LEVELS], struct view **out)
{
	VIEW_CLEANUP struct view *v = NULL;
	int r = view_new(l->key, &v);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l->bundle->n; i++) {
		struct keyring *ring = l->bundle->rings[i];
		struct adding a = {v, scope_level(&ring->scope)};

		view_set_commit(v, a.level, snapshots[i]->commit.time, snapshots[i]->commit.epoch,
				snapshots[i]->commit.id);
		r = snapshot_each(l->backend, ring, snapshots[i], add_record, &a);
		if (r < 0)
			return r;
	}
	if ((r = view_finish(v)) < 0)
		return r;
	if (l->shm)
		dir_record_recall(l->shm->dirs, v);
	*out = v;
	v = NULL;
	return 0;
}

static int failed(struct load *l, size_t i, int r, struct load_error *e)
{
	e->saved_errno = errno;
	e->error = r;
	e->scope = l->bundle->rings[i]->scope;
	return r;
}

int load_view(struct load *l, struct view **out, struct load_error *e)
{
	struct snapshot *fresh[SCOPE_LEVELS] = {0}, *all[SCOPE_LEVELS] = {0};
	bool changed = l->again;
	int r = 0;

	for (size_t i = 0; i < l->bundle->n && r == 0; i++) {
		if ((r = load_scope(l, i, &fresh[i])) < 0)
			failed(l, i, r, e);
		all[i] = fresh[i] ? fresh[i] : l->accepted[i];
		changed |= fresh[i] != NULL;
	}
	if (r == 0 && !changed)
		*out = NULL;
	else if (r == 0 && (r = build(l, all, out)) < 0)
		failed(l, 0, r, e);
	if (r == 0)
		l->again = false;
	for (size_t i = 0; i < l->bundle->n; i++) {
		if (r < 0) {
			snapshot_close(fresh[i]);
		} else if (fresh[i]) {
			snapshot_close(l->accepted[i]);
			l->accepted[i] = fresh[i];
			l->floors[i] = floor_of(&fresh[i]->commit);
		}
	}
	return r;
}

int load_earlier(struct load *l, const uint8_t ids[SCOPE_LEVELS][HASH_SIZE], struct view **out)
{
	struct snapshot *all[SCOPE_LEVELS] = {0};
	int r = 0;

	*out = NULL;
	for (size_t i = 0; i < l->bundle->n && r == 0; i++) {
		struct keyring *ring = l->bundle->rings[i];

		r = snapshot_at(l->backend, ring, ids[scope_level(&ring->scope)], &all[i]);
		if (r == 0)
			r = snapshot_load(l->backend, ring, all[i], l->accepted[i]);
	}
	if (r == 0)
		r = build(l, all, out);
	for (size_t i = 0; i < l->bundle->n; i++)
		snapshot_close(all[i]);
	return r == ERR_NOMEM ? r : 0;
}

void load_succeed(const struct load *l, const struct view *was, struct view *v)
{
	if (l->shm)
		dir_record_succeed(l->shm->dirs, was, v);
}

int load_store_floors(struct load *l, struct load_error *e)
{
	for (size_t i = 0; l->state_dir && i < l->bundle->n; i++) {
		int r;

		if (!l->accepted[i])
			continue;
		r = floor_store(l->state_dir, l->bundle->rings[i], &l->floors[i]);
		if (r < 0)
			return failed(l, i, r, e);
	}
	return 0;
}
