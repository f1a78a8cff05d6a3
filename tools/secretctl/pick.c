/* SPDX-License-Identifier: ISC */
#include "pick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "scopes.h"
#include "ui.h"

bool pick_is_group(const char *arg)
{
	char name[NAME_SIZE];
	size_t len = strlen(arg);

	return len && arg[len - 1] == '/' &&
	       snprintf(name, sizeof(name), "%sx", arg) < (int)sizeof(name) &&
	       name_check(name) == 0;
}

void pick_fini(struct pick *x)
{
	free(x->names);
}

static int add(struct pick *x, const char *name)
{
	void *more;

	for (size_t i = 0; i < x->n; i++)
		if (strcasecmp(x->names[i], name) == 0)
			return 0;
	/* grown at powers of two */
	if ((x->n & (x->n - 1)) == 0) {
		more = reallocarray(x->names, x->n ? 2 * x->n : 1, sizeof(*x->names));
		if (!more)
			return ERR_NOMEM;
		x->names = more;
	}
	snprintf(x->names[x->n++], NAME_SIZE, "%s", name);
	return 0;
}

struct below {
	struct pick *x;
	const char *group;
	bool found;
};

static int add_below(void *arg, const struct record *rec)
{
	struct below *b = arg;

	if (strncasecmp(rec->name, b->group, strlen(b->group)) != 0)
		return 0;
	b->found = true;
	return add(b->x, rec->name);
}

/* Exit status. */
static int add_group(struct ctx *s, struct scope_ctx *p, const char *group, struct pick *x)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct below b = {.x = x, .group = group};
	char scope[SCOPE_STR], flags[ERRMSG_FLAGS];
	int r = ctx_snapshot(s, p, &snap);

	if (!r)
		r = snapshot_each(s->backend, p->ring, snap, add_below, &b);
	if (r && r != ERR_NOENT)
		return errmsg_fail(&(struct errmsg){.doing = "look into", .scope = &p->scope}, r);
	x->groups = true;
	if (b.found)
		return 0;
	ui_error("no secret below %s is in (%s)", group, scope_str(&p->scope, scope));
	ui_hint("see: secretctl get secret%s", errmsg_flags(&p->scope, flags));
	return STATUS_FAILED;
}

static int add_name(struct ctx *s, struct scope_ctx *p, const char *name, struct pick *x)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct record rec;
	int status;

	if (name_check(name)) {
		errmsg_fail(&(struct errmsg){.doing = "find", .path = name}, ERR_NAME);
		return STATUS_USAGE;
	}
	status = scopes_find(s, p, name, &snap, &rec);
	if (status)
		return status;
	return add(x, rec.name)
		       ? errmsg_fail(&(struct errmsg){.doing = "find", .name = name}, ERR_NOMEM)
		       : 0;
}

int pick_find(struct ctx *s, struct scope_ctx *p, char *const *args, size_t nargs, struct pick *out)
{
	int status = 0;

	for (size_t i = 0; !status && i < nargs; i++)
		status = pick_is_group(args[i]) ? add_group(s, p, args[i], out)
						: add_name(s, p, args[i], out);
	if (status && nargs > 1)
		ui_hint("nothing was done");
	return status;
}
