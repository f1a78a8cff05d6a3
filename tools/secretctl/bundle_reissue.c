/* SPDX-License-Identifier: ISC */
#include "bundle_reissue.h"

#include <stdio.h>
#include <string.h>

#include "bundles.h"
#include "ui.h"

struct bundle_reissue {
	struct ctx *s;
	const struct scope_ctx *place;
	uint32_t gen;  /* of now */
	bool rotating; /* gen + 1 is known */
};

static size_t index_of(const struct scope_ctx *p, const struct bundle *b)
{
	size_t i = 0;

	while (i < b->n &&
	       (memcmp(b->rings[i]->root_pk, p->ring->root_pk, sizeof(p->ring->root_pk)) != 0 ||
		memcmp(b->rings[i]->scope_id, p->ring->scope_id, SCOPE_ID_SIZE) != 0))
		i++;
	return i;
}

const struct keyring *bundle_reissue_ring(const struct scope_ctx *p, const struct bundle *b)
{
	size_t i = index_of(p, b);

	return i < b->n ? b->rings[i] : NULL;
}

/* It has all generations there are and no other, and knows the writers. */
static bool is_fresh(const struct bundle_reissue *re, const struct bundle *b, size_t i)
{
	const struct keyring *k = b->rings[i];
	uint32_t newest = re->gen + (re->rotating ? 1 : 0);
	bool both = k->gens[0].gen && k->gens[1].gen;

	return (k->gens[0].gen == re->gen || k->gens[1].gen == re->gen) &&
	       (k->gens[0].gen == newest || k->gens[1].gen == newest) && both == re->rotating &&
	       b->floors[i].grant_epoch >= re->place->floor.grant_epoch;
}

static int remint(void *arg, const char *name, const char *path)
{
	struct bundle_reissue *re = arg;
	BUNDLE_CLEANUP struct bundle *old = NULL, *new = NULL;
	int r = bundle_open(path, &old);
	size_t i;

	(void)name;
	if (r) {
		ui_warn("%s: %s: left as it is", path, err_str(r));
		return 0;
	}
	i = index_of(re->place, old);
	if (i == old->n || is_fresh(re, old, i))
		return 0;
	r = bundle_remint(re->s->backend, re->s->keys, re->s->paths[PATH_STATE], old, &new);
	if (r == ERR_DENIED) {
		ui_warn("%s: writer %s is granted no more: left as it is", path, old->name);
		return 0;
	}
	if (!r)
		r = bundle_save(new, path);
	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "mint the bundle anew", .path = path},
				   r);
	printf("minted %s anew\n", path);
	return 0;
}

int bundle_reissue_bundles(struct ctx *s, struct scope_ctx *p)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct bundle_reissue re = {.s = s, .place = p};
	int r = ctx_snapshot(s, p, &snap);

	if (r)
		return errmsg_fail(
			&(struct errmsg){.doing = "mint bundles anew", .scope = &p->scope}, r);
	re.gen = snap->commit.gen;
	re.rotating = snap->commit.grant.flags & GRANT_ROTATING;
	return bundles_each(s, remint, &re);
}
