/* SPDX-License-Identifier: ISC */
/*
 * delete secret with several names, or a group: all of them in one commit, or none.
 */
#include "delete_several.h"

#include <stdio.h>
#include <stdlib.h>

#include "pick.h"
#include "scopes.h"
#include "ui.h"

/* A program that names each is taken at its word; what a group holds it may not know. */
static int agree(const struct call *c, const struct scope *scope, const struct pick *x)
{
	char text[SCOPE_STR];

	if (!x->groups && !ui_asks())
		return 0;
	for (size_t i = 0; i < x->n; i++)
		printf("%s\n", x->names[i]);
	fflush(stdout);
	return ui_agree(c, "%zu secret%s of (%s) will be gone", x->n, ui_s(x->n),
			scope_str(scope, text));
}

static int apply(struct ctx *s, struct scope_ctx *p, const struct pick *x,
		 struct apply_result *result)
{
	struct change *changes = calloc(x->n, sizeof(*changes));
	struct errmsg w = {.doing = "delete secret", .scope = &p->scope};
	int r = changes ? 0 : ERR_NOMEM;

	for (size_t i = 0; !r && i < x->n; i++)
		changes[i] = (struct change){.op = CHANGE_DELETE, .name = x->names[i]};
	if (!r)
		r = ctx_apply(s, p, changes, x->n, result);
	if (r && changes && result->failed < x->n)
		w.name = x->names[result->failed];
	free(changes);
	return r ? errmsg_fail(&w, r) : 0;
}

static int delete_all(struct ctx *s, struct scope_ctx *p, const struct pick *x, struct wait *w)
{
	struct apply_result result = {.failed = SIZE_MAX};
	char text[SCOPE_STR], flags[ERRMSG_FLAGS];
	int r, status = agree(s->call, &p->scope, x);

	if (!status)
		status = apply(s, p, x, &result);
	if (status)
		return status;
	printf("deleted %zu secret%s (%s)\n", x->n, ui_s(x->n), scope_str(&p->scope, text));
	ui_hint("for a day each can be brought back: secretctl rollback secret NAME%s",
		errmsg_flags(&p->scope, flags));
	/* they go together: who shows one gone shows all gone */
	r = call_has(s->call, FLAG_WAIT) ? wait_for(s, p, x->names[0], result.floor.epoch, w) : 0;
	return r ? errmsg_fail(&(struct errmsg){.doing = "wait", .scope = &p->scope}, r) : 0;
}

int delete_several(struct call *c, struct wait *w)
{
	CTX_CLEANUP struct ctx s = {.call = c};
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	PICK_CLEANUP struct pick x = {0};
	struct scope scope;
	int status = 0;

	if (call_has(c, FLAG_PURGE))
		return ui_usage(c, "--purge takes one NAME, since it cannot be undone");
	status = ctx_any(c, &s, &scope);
	if (!status)
		status = scopes_require(&s, &scope, false);
	if (!status)
		status = scope_ctx_open(&s, &scope, &place);
	if (!status)
		status = pick_find(&s, &place, c->argv, (size_t)c->argc, &x);
	return status ? status : delete_all(&s, &place, &x, w);
}
