/* SPDX-License-Identifier: ISC */
/*
 * allow and deny: who may read a secret, as a section of the policy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "name.h"
#include "ctx.h"
#include "ui.h"

#define ITEM_SIZE 80
#define SECTION_SIZE (NAME_SIZE + SCOPE_STR)

/* "uid:1000", "user:alice". */
static int find_item(const struct call *c, enum flag f, const char *value, char out[ITEM_SIZE])
{
	bool user = f == FLAG_UID;
	bool number = *value && strspn(value, "0123456789") == strlen(value);
	int n = snprintf(out, ITEM_SIZE, "%s:%s",
			 number ? (user ? "uid" : "gid") : (user ? "user" : "group"), value);

	if (!*value || n >= ITEM_SIZE)
		return ui_usage(c, "--%s takes a number or a name", flag_defs[f].name);
	return 0;
}

static int say_edit(const struct ctx *s, const struct policy_error *e, const char *item, int r)
{
	const char *path = s->paths[PATH_POLICY];
	char text[ERRMSG_POLICY];

	if (r == ERR_DENIED && item) {
		ui_error(
			"%s:%u: a deny list of that section keeps %s out, and nothing narrower overrides it",
			path, e->line, item);
		ui_hint("nothing was changed; take it off there if it is to be let in");
		return STATUS_FAILED;
	}

	if (r == ERR_NOENT && item) {
		ui_error("there is no %.*s %s", (int)strcspn(item, ":"), item,
			 strchr(item, ':') ? strchr(item, ':') + 1 : "");
		ui_hint("it goes by the names that this host knows, or by number");
		return STATUS_FAILED;
	}
	if (r == ERR_EXIST) {
		ui_error("%s cannot be taken from the list: a wider item there covers it", item);
		ui_hint("edit %s by hand", path);
		return STATUS_FAILED;
	}
	if (r == ERR_NOENT) {
		ui_error("there is no policy at %s", path);
		ui_hint("make one: secretctl init; or say where it is: --policy");
		return STATUS_FAILED;
	}
	ui_error("%s", errmsg_policy(path, e, r, text));
	return STATUS_FAILED;
}

/* What a list does that its verb alone does not tell. */
static void say_effect(const struct call *c)
{
	bool allow = strcmp(c->command->verb, "allow") == 0;

	if (allow && call_has(c, FLAG_REMOVE))
		printf("an allow list that is empty now keeps everybody out, root too; to be without a\n"
		       "list, strike its line out by hand\n");
	else if (allow && !call_has(c, FLAG_EVERYONE))
		printf("only who is on its allow list may read it now: root and the mount's owner too\n"
		       "only if they are on it\n");
}

/* One item: onto the list of the verb or, with --remove, off it. */
static int edit_item(const struct ctx *s, struct policy_edit *edit, const char *section,
		     const char *item)
{
	bool remove = call_has(s->call, FLAG_REMOVE);
	struct policy_error e = {0};
	int r;

	if (strcmp(s->call->command->verb, "deny") == 0)
		r = policy_edit_list(edit, section, "deny", item, !remove);
	else if (remove)
		r = policy_edit_disallow(edit, section, item);
	else
		r = policy_edit_allow(edit, section, item, &e.line);
	return r ? say_edit(s, &e, item, r) : 0;
}

static int edit_items(const struct ctx *s, struct policy_edit *edit, const char *section)
{
	static const enum flag flags[] = {FLAG_UID, FLAG_GID};
	const struct call *c = s->call;
	char item[ITEM_SIZE];
	int status = 0;

	for (size_t f = 0; f < 2; f++) {
		for (size_t i = 0; !status && i < c->nvalues[flags[f]]; i++) {
			status = find_item(c, flags[f], c->values[flags[f]][i], item);
			if (!status)
				status = edit_item(s, edit, section, item);
		}
	}
	if (!status && call_has(c, FLAG_EVERYONE))
		status = edit_item(s, edit, section, "*");
	return status;
}

static void find_section(const struct scope *s, const char *name, char out[SECTION_SIZE])
{
	bool organization = scope_level(s) == SCOPE_ORGANIZATION;

	snprintf(out, SECTION_SIZE, "secret %s%s%s%s%s%s", name,
		 organization ? " organization" : "", s->project[0] ? " project=" : "", s->project,
		 s->domain[0] ? " domain=" : "", s->domain);
}

/* Everybody onto the list of those let in, or off the list of those kept out. */
static int agree(const struct call *c, const struct scope *scope, const char *name)
{
	bool allow = strcmp(c->command->verb, "allow") == 0;
	char text[SCOPE_STR];

	if (!call_has(c, FLAG_EVERYONE) || allow == call_has(c, FLAG_REMOVE))
		return 0;
	if (allow)
		return ui_agree(c,
				"every user of a host that shows it will be able to read %s (%s)",
				name, scope_str(scope, text));
	return ui_agree(c, "whoever nothing else keeps out will be able to read %s (%s)", name,
			scope_str(scope, text));
}

int access_cmd_run(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	POLICY_EDIT_CLEANUP struct policy_edit *edit = NULL;
	struct policy_error e = {0};
	const char *name = c->argv[0];
	char section[SECTION_SIZE], flags[ERRMSG_FLAGS];
	struct scope scope;
	char *before;
	size_t len;
	bool same;
	int r, status = ctx_scope(c, &scope);

	if (!status && name_check(name)) {
		errmsg_fail(&(struct errmsg){.doing = c->command->verb}, ERR_NAME);
		status = STATUS_USAGE;
	}
	if (!status && !call_has(c, FLAG_UID) && !call_has(c, FLAG_GID) &&
	    !call_has(c, FLAG_EVERYONE))
		status = ui_usage(c, "whom? give --uid, --gid or --everyone");
	if (!status)
		status = ctx_open(c, &s);
	if (status)
		return status;
	r = policy_edit_open(s.paths[PATH_POLICY], &edit, &e);
	if (r)
		return say_edit(&s, &e, NULL, r);
	find_section(&scope, name, section);
	before = strdup(policy_edit_text(edit, &len));
	status = before ? edit_items(&s, edit, section)
			: errmsg_fail(&(struct errmsg){.doing = "edit the policy"}, ERR_NOMEM);
	same = !status && before && strcmp(before, policy_edit_text(edit, &len)) == 0;
	free(before);
	if (status)
		return status;
	if (same) {
		printf("it is so already: nothing was changed in %s\n", s.paths[PATH_POLICY]);
		return 0;
	}
	status = agree(c, &scope, name);
	if (status)
		return status;
	r = policy_edit_save(edit, &e);
	if (r)
		return say_edit(&s, &e, NULL, r);
	printf("[%s] in %s\n", section, s.paths[PATH_POLICY]);
	say_effect(c);
	if (!scope.project[0] == !scope.domain[0])
		printf("see who may read it now: secretctl explain %s%s\n", name,
		       errmsg_flags(&scope, flags));
	return 0;
}
