/* SPDX-License-Identifier: ISC */
/*
 * Who may open what.  On the way of every open(2): nothing here allocates.
 *
 * Rules:
 * 1. A section decides for the secrets of its own scope, or, as [secret NAME] and [default], for
 *    any; never for another scope's.
 * 2. deny overrides allow, and the denials of all sections that speak for a secret add up: a more
 *    specific section never takes one back.  Where allow stands, nobody else gets in, root included.
 * 3. What is not known yet is never taken for permission.
 */
#include <string.h>

#include "policy.h"
#include "policy_model.h"

static const struct policy_list nobody;

/* Takes from s what more specific sections left open, and its denials in any case. */
static void take(struct policy_access *a, unsigned *open, const struct policy_section *s)
{
	unsigned found;

	if (!s)
		return;
	found = s->keys & *open;
	if (found & POLICY_KEY_MODE) {
		a->mode = s->mode;
		a->mode_line = s->line;
	}
	if (found & POLICY_KEY_OWNER)
		a->owner = s->owner;
	if (found & POLICY_KEY_GROUP)
		a->group = s->group;
	if (found & POLICY_KEY_ALLOW) {
		a->allow = s->allow;
		a->line = s->line;
	}
	if (s->keys & POLICY_KEY_DENY)
		a->deny[a->ndeny++] = (struct policy_deny){s->deny, s->line};
	*open &= ~found;
}

static void take_mount(struct policy_access *a, unsigned *open, const struct policy_mount *m)
{
	if (!m)
		return;
	if (m->has_mode && (*open & POLICY_KEY_MODE)) {
		a->mode = m->mode;
		a->mode_line = m->line;
		*open &= ~(unsigned)POLICY_KEY_MODE;
	}
	if (m->has_owner && (*open & POLICY_KEY_OWNER)) {
		a->owner = m->owner;
		*open &= ~(unsigned)POLICY_KEY_OWNER;
	}
}

struct policy_mount policy_mount_for(const struct policy *p, const char *path, uid_t owner)
{
	const struct policy_mount *m = policy_mount_at(p, path);
	struct policy_mount out = m ? *m : (struct policy_mount){.path = "", .bundle = ""};

	if (!out.has_owner)
		out.owner = owner;
	return out;
}

void policy_access(const struct policy *p, const struct scope *secret_scope, const char *name,
		   const struct policy_mount *m, struct policy_access *out)
{
	struct policy_access a = {.mode = 0400};
	struct policy_id id = {.kind = POLICY_SECRET, .scope = *secret_scope};
	unsigned open = ~0u;
	char folded[NAME_SIZE];

	if (strnlen(name, NAME_SIZE) > NAME_MAX_LEN) {
		/* No name of ours: no section can speak for it. */
		*out = (struct policy_access){.allow = &nobody};
		return;
	}
	name_fold(name, folded, sizeof(folded));
	id.name = folded;
	take(&a, &open, policy_find(p, &id));
	id.anywhere = true;
	id.scope = (struct scope){{0}, {0}};
	take(&a, &open, policy_find(p, &id));
	id = (struct policy_id){.kind = POLICY_SCOPE, .scope = *secret_scope, .name = ""};
	take(&a, &open, policy_find(p, &id));
	take_mount(&a, &open, m);
	id = (struct policy_id){.kind = POLICY_DEFAULT, .name = ""};
	take(&a, &open, policy_find(p, &id));
	if (m && (open & POLICY_KEY_OWNER))
		a.owner = m->owner;
	if (!a.allow && a.ndeny)
		a.line = a.deny[0].line;
	*out = a;
}

enum match { NO, MAYBE, YES }; /* MAYBE: a supplementary group may be listed */

struct who {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
};

static enum match in_list(const struct policy_list *l, const struct who *w, const char **how,
			  const char *const words[static 3])
{
	*how = words[0];
	if (l->all)
		return YES;
	*how = words[1];
	if (policy_list_has(l, POLICY_UID, w->uid))
		return YES;
	*how = words[2];
	if (policy_list_has(l, POLICY_GID, w->gid))
		return YES;
	if (l->ids[POLICY_GID].n == 0)
		return NO;
	if (!w->groups)
		return MAYBE;
	for (size_t i = 0; i < w->ngroups; i++)
		if (policy_list_has(l, POLICY_GID, w->groups[i]))
			return YES;
	return NO;
}

static enum match in_group(gid_t group, const struct who *w)
{
	if (w->gid == group)
		return YES;
	if (!w->groups)
		return MAYBE;
	for (size_t i = 0; i < w->ngroups; i++)
		if (w->groups[i] == group)
			return YES;
	return NO;
}

static struct policy_decision answer(enum policy_answer answer, unsigned line, const char *reason)
{
	return (struct policy_decision){.answer = answer, .line = line, .reason = reason};
}

static struct policy_decision by_bit(const struct policy_access *a, mode_t bit, const char *yes,
				     const char *no)
{
	return a->mode & bit ? answer(POLICY_ALLOW, a->mode_line, yes)
			     : answer(POLICY_DENY, a->mode_line, no);
}

/* As the kernel reads mode bits: the first class that fits decides. */
static struct policy_decision by_mode(const struct policy_access *a, const struct who *w)
{
	enum match group;

	if (w->uid == 0)
		return answer(POLICY_ALLOW, a->mode_line, "root");
	if (w->uid == a->owner)
		return by_bit(a, 0400, "owner", "mode refuses the owner");
	group = in_group(a->group, w);
	if (group == MAYBE && !(a->mode & 040) == !(a->mode & 04))
		group = NO; /* either way the same */
	if (group == MAYBE)
		return answer(POLICY_ASK_GROUPS, a->mode_line, "the groups decide");
	if (group == YES)
		return by_bit(a, 040, "group", "mode refuses the group");
	return by_bit(a, 04, "others", "neither owner nor group");
}

static struct policy_decision by_allow(const struct policy_access *a, const struct who *w)
{
	static const char *const words[] = {"allowed to all", "allowed by uid", "allowed by gid"};
	const char *how;

	if (!a->allow)
		return by_mode(a, w);
	switch (in_list(a->allow, w, &how, words)) {
	case YES:
		return answer(POLICY_ALLOW, a->line, how);
	case MAYBE:
		return answer(POLICY_ASK_GROUPS, a->line, "the groups decide");
	case NO:
		break;
	}
	return answer(POLICY_DENY, a->line, "not in allow");
}

/* YES with *line and *how: some section denies. */
static enum match in_deny(const struct policy_access *a, const struct who *w, unsigned *line,
			  const char **how)
{
	static const char *const words[] = {"denied to all", "denied by uid", "denied by gid"};
	enum match found = NO;

	for (size_t i = 0; i < a->ndeny; i++) {
		enum match m = in_list(a->deny[i].list, w, how, words);

		*line = a->deny[i].line;
		if (m == YES)
			return YES;
		if (m == MAYBE)
			found = MAYBE;
	}
	return found;
}

struct policy_decision policy_decide(const struct policy_access *a, uid_t uid, gid_t gid,
				     const gid_t *groups, size_t ngroups)
{
	const struct who w = {.uid = uid, .gid = gid, .groups = groups, .ngroups = ngroups};
	struct policy_decision d;
	const char *how = NULL;
	unsigned line = 0;
	enum match denied = in_deny(a, &w, &line, &how);

	if (denied == YES)
		return answer(POLICY_DENY, line, how);
	d = by_allow(a, &w);
	if (denied == MAYBE && d.answer == POLICY_ALLOW)
		return answer(POLICY_ASK_GROUPS, a->line, "the groups decide");
	return d;
}
