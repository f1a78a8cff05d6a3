/* SPDX-License-Identifier: ISC */
/* The changes of a scope that only the root can make: who may sign. */
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "txn.h"

enum grant_edit_op { GRANT_ADD, GRANT_REMOVE, GRANT_REPLACE };

struct grant_edit {
	const struct grant_writer *w;
	enum grant_edit_op op;
};

static int fill_grant(struct txn *a, void *arg, size_t *failed)
{
	const struct grant_edit *job = arg;
	struct grant *g = &a->next.grant;
	struct grant_writer *list;
	size_t at = 0;

	(void)failed;
	while (at < g->nwriters && strcmp(g->writers[at].name, job->w->name) != 0)
		at++;
	if (job->op == GRANT_ADD ? at < g->nwriters : at == g->nwriters)
		return job->op == GRANT_ADD ? ERR_EXIST : ERR_NOENT;
	if (job->op != GRANT_ADD &&
	    memcmp(g->writers[at].pk, a->k->root_pk, sizeof(a->k->root_pk)) == 0)
		return ERR_DENIED; /* the admin does not lock itself out */
	if (job->op == GRANT_REPLACE) {
		g->writers[at] = *job->w;
	} else if (job->op == GRANT_REMOVE) {
		memmove(g->writers + at, g->writers + at + 1,
			(--g->nwriters - at) * sizeof(*g->writers));
	} else {
		list = realloc(g->writers, (g->nwriters + 1) * sizeof(*list));
		if (!list)
			return ERR_NOMEM;
		g->writers = list;
		list[g->nwriters++] = *job->w;
	}
	g->epoch++;
	return commit_sign_grant(a->k, &a->next);
}

static int grant_edit(struct backend *b, struct keyring *k, const struct apply_options *opt,
		      struct grant_edit what, struct apply_result *result)
{
	struct txn_job job = {.fill = fill_grant, .arg = &what};

	*result = (struct apply_result){0};
	return k->has_root ? txn_run(b, k, opt, &job, result) : ERR_DENIED;
}

int apply_grant(struct backend *b, struct keyring *k, const struct apply_options *opt,
		const struct grant_writer *w, bool remove, struct apply_result *result)
{
	return grant_edit(b, k, opt, (struct grant_edit){w, remove ? GRANT_REMOVE : GRANT_ADD},
			  result);
}

int apply_regrant(struct backend *b, struct keyring *k, const struct apply_options *opt,
		  const struct grant_writer *w, struct apply_result *result)
{
	return grant_edit(b, k, opt, (struct grant_edit){w, GRANT_REPLACE}, result);
}
