/* SPDX-License-Identifier: ISC */
#include "mount_check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundles.h"
#include "mounts.h"
#include "ui.h"

int mount_check_path(const struct ctx *s, char **out)
{
	const struct call *c = s->call;

	*out = mounts_path(c->argc ? c->argv[0] : s->paths[PATH_MOUNT]);
	return *out ? 0 : errmsg_fail(&(struct errmsg){.doing = "find the mount point"}, ERR_NOMEM);
}

/* --- the bundle ------------------------------------------------------------------------------ */

/* The file lies in the directory of bundles itself. */
static bool is_in_bundles(const struct ctx *s, const char *path)
{
	char *dir, *where = mounts_path(path);
	const char *slash = where ? strrchr(where, '/') : NULL;
	bool in = false;

	dir = realpath(s->paths[PATH_BUNDLES], NULL);
	if (!dir) /* not made yet */
		dir = mounts_path(s->paths[PATH_BUNDLES]);
	if (dir && slash)
		in = strlen(dir) == (size_t)(slash - where) &&
		     strncmp(dir, where, strlen(dir)) == 0;
	free(dir);
	free(where);
	return in;
}

struct known {
	const struct ctx *s;
	const struct scope *scope;
};

/* 1: it is a mount's bundle of that scope and root. */
static int is_of_scope(void *arg, const char *name, const char *path)
{
	const struct known *k = arg;
	BUNDLE_CLEANUP struct bundle *b = NULL;

	(void)name;
	return bundle_open(path, &b) == 0 && b->kind == BUNDLE_READER &&
	       scope_eq(&b->scope, k->scope) &&
	       memcmp(b->rings[0]->root_pk, k->s->keys->pk, sizeof(k->s->keys->pk)) == 0;
}

/*
 * The policy's editor chooses among the scopes that this host has; another one is root's to give.  So
 * one that stands in the policy alone, and that no bundle here is of, is agreed to first.
 */
static int agree(struct ctx *s, const struct mount_check *p)
{
	const struct policy_mount *m = s->policy ? policy_mount_at(s->policy, p->path) : NULL;
	struct known known = {s, &p->scope};
	char text[SCOPE_STR];

	if (p->asked || !m || scope_level(&p->scope) == SCOPE_ORGANIZATION ||
	    bundles_each(s, is_of_scope, &known) == 1)
		return 0;
	return ui_agree(s->call, "%s:%u gives %s to (%s), of which this host has no bundle yet",
			s->paths[PATH_POLICY], m->line, p->path, scope_str(&p->scope, text));
}

/* A bundle elsewhere is somebody else's: it is used as it is, if it is of that scope. */
static int check_elsewhere(const struct mount_check *p)
{
	BUNDLE_CLEANUP struct bundle *b = NULL;
	char has[SCOPE_STR], wanted[SCOPE_STR], flags[ERRMSG_FLAGS];
	int r = bundle_open(p->bundle, &b);

	if (!r && b->kind == BUNDLE_READER && scope_eq(&b->scope, &p->scope))
		return 0;
	if (r && r != ERR_NOENT)
		return errmsg_fail(&(struct errmsg){.doing = "open the bundle", .path = p->bundle},
				   r);
	if (r)
		ui_error(
			"the bundle %s is not there, and mount makes none outside the directory of bundles",
			p->bundle);
	else
		ui_error("the bundle %s is of (%s), and the mount of (%s)", p->bundle,
			 scope_str(&b->scope, has), scope_str(&p->scope, wanted));
	ui_hint("if the policy is right: secretctl create bundle%s --out %s",
		errmsg_flags(&p->scope, flags), p->bundle);
	return STATUS_FAILED;
}

int mount_check_bundle(struct ctx *s, const struct mount_check *p)
{
	int status;

	if (!is_in_bundles(s, p->bundle))
		return check_elsewhere(p);
	if (p->mounted && access(p->bundle, F_OK) == 0)
		return 0;
	status = agree(s, p);
	return status ? status : bundles_mint(s, &p->scope, p->bundle);
}

/* --- the mount point ---------------------------------------------------------------------------- */

/* path is dir, or below it. */
static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == 0 || path[n] == '/' || n == 1);
}

/* Over what secretfs itself lives on, or in it, a mount would cut its own branch off. */
int mount_check_point(const struct ctx *s, const struct mount_check *p)
{
	static const enum path ours[] = {PATH_STORE, PATH_STATE,    PATH_BUNDLES,
					 PATH_RUN,   PATH_ROOT_KEY, PATH_POLICY};
	bool bad = false;

	for (size_t i = 0; !bad && i < sizeof(ours) / sizeof(*ours); i++) {
		char *real = mounts_path(s->paths[ours[i]]);

		bad = real && (is_below(p->path, real) || is_below(real, p->path));
		if (bad)
			ui_error("%s cannot be a mount point: %s is %s it", p->path, real,
				 is_below(p->path, real) ? "above" : "below");
		free(real);
	}
	if (bad)
		ui_hint("choose a directory of its own, such as /etc/flyte/secrets");
	return bad ? STATUS_FAILED : 0;
}
