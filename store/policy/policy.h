/* SPDX-License-Identifier: ISC */
/*
 * policy - the host's INI file: what is declared, what is mounted, who may open what.
 *
 * It can only narrow: the visible set is the bundle's, whatever stands here.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "policy_types.h"
#include "scope.h"

struct policy; /* immutable once loaded */

/*
 * Load, all or nothing.  ERR_FORMAT, ERR_NOENT, ERR_IO, ERR_TOOBIG, ERR_NOMEM; ERR_MODE: everyone may
 * write it, or, root's own or read by root, its group may.  Every error fills *e (which may be NULL).
 */
WUR int policy_load(const char *path, struct policy **out, struct policy_error *e);
/* The same from memory, for edits not yet saved and for tests. */
WUR int policy_parse(const char *text, size_t len, struct policy **out, struct policy_error *e);

/* A find that asks the system; arg is not used. */
WUR int policy_account_find(void *arg, bool group, const char *name, uint32_t *id);
/* As policy_parse, with names looked up there. */
WUR int policy_parse_with(const char *text, size_t len, const struct policy_accounts *accounts,
			  struct policy **out, struct policy_error *e);
/* The text of a policy, checked as policy_load does, not parsed.  *text is heap. */
WUR int policy_load_text(const char *path, char **text, size_t *len, struct policy_error *e);
void policy_free(struct policy *p);

/* Declared projects and domains, folded, in file order; NULL past the end. */
const char *policy_project(const struct policy *p, size_t i);
const char *policy_domain(const struct policy *p, size_t i);
bool policy_has_project(const struct policy *p, const char *project);
bool policy_has_domain(const struct policy *p, const char *domain);

const struct policy_writer *policy_writer(const struct policy *p, size_t i);

const struct policy_mount *policy_mount(const struct policy *p, size_t i);
const struct policy_mount *policy_mount_at(const struct policy *p, const char *path);

/*
 * The mount at path as it stands: its section, or, with line 0, what goes without one.  owner is
 * whose it is unless the policy says: who mounts it.
 */
struct policy_mount policy_mount_for(const struct policy *p, const char *path, uid_t owner);

#define POLICY_LAYERS 4 /* sections that can speak for one secret */

/* What stands for one secret of one scope on one mount (m may be NULL).  Borrows from p. */
struct policy_access {
	mode_t mode; /* 0400 unless said */
	uid_t owner; /* the mount's unless said */
	gid_t group;
	const struct policy_list *allow; /* of the most specific section that has one, or NULL */
	struct policy_deny {
		const struct policy_list *list;
		unsigned line; /* of its section */
	} deny[POLICY_LAYERS]; /* of every section that speaks for it: they add up */
	size_t ndeny;
	unsigned line;	    /* of allow's section, else of the first deny's; 0 = none */
	unsigned mode_line; /* of the section or mount that mode comes from; 0 = none */
};
void policy_access(const struct policy *p, const struct scope *secret_scope, const char *name,
		   const struct policy_mount *m, struct policy_access *out);

enum policy_answer {
	POLICY_ALLOW,
	POLICY_DENY,
	POLICY_ASK_GROUPS, /* only with groups NULL: the supplementary groups decide */
};
struct policy_decision {
	enum policy_answer answer;
	unsigned line;	    /* of the section that decided; 0 = the default */
	const char *reason; /* static, value-free: "denied by uid", "not in allow", "owner", … */
};
/* groups NULL: not known yet. */
struct policy_decision policy_decide(const struct policy_access *a, uid_t uid, gid_t gid,
				     const gid_t *groups, size_t ngroups);

/*
 * Editing in place: comments, order and blank lines stay.  Each call works on the text in memory, and
 * a call that fails leaves it as it was; policy_edit_save parses the result and replaces the file
 * atomically, keeping its mode and owner.  section is the text between the brackets; sections are
 * compared as the policy compares them, names folded and a scope's parts in any order.
 *
 * ERR_INVAL: section, key, value or item would not read back as itself.  ERR_TOOBIG: one would not
 * fit on a line (allow and deny are wrapped), or the text into a file.
 */
struct policy_edit;
/* ERR_FORMAT when the file as it stands does not load; as policy_load otherwise. */
WUR int policy_edit_open(const char *path, struct policy_edit **out, struct policy_error *e);
void policy_edit_close(struct policy_edit *ed);
/* Set key in section, both made when missing; NULL key: the section alone. */
WUR int policy_edit_set(struct policy_edit *ed, const char *section, const char *key,
			const char *value);
WUR int policy_edit_unset(struct policy_edit *ed, const char *section,
			  const char *key); /* ERR_NOENT */
/* With the comments between its keys; those above it and behind its last key stay.  ERR_NOENT */
WUR int policy_edit_remove(struct policy_edit *ed, const char *section);
/*
 * Add item to, or take it from, the list key (allow, deny); no-op when it is so already.  Items are
 * compared by what they mean: user:root is uid:0, and what a range or * covers is not added.  A list
 * that loses its last item stays, empty: nobody is listed.  ERR_NOENT: there is no such user or
 * group.  ERR_EXIST: it is to be taken from the list, but a wider item there would still list it.
 */
WUR int policy_edit_list(struct policy_edit *ed, const char *section, const char *key,
			 const char *item, bool add);
/*
 * Let item in to the secret whose section this is ("secret NAME SCOPE"), and nobody else: it is added to the allow list in force, which the section copies from a broader one when it
 * has none of its own, and is taken off the section's own deny list.  ERR_INVAL: not a secret's
 * section.  ERR_EXIST: as policy_edit_list, of its deny list.  ERR_DENIED: the deny list of a section,
 * at *line, keeps all of item out.  ERR_NOENT as policy_edit_list.
 */
WUR int policy_edit_allow(struct policy_edit *ed, const char *section, const char *item,
			  unsigned *line);
/* Take item off the allow list in force for that secret, likewise; nothing changes without one. */
WUR int policy_edit_disallow(struct policy_edit *ed, const char *section, const char *item);

const char *policy_edit_text(const struct policy_edit *ed, size_t *len);
/* ERR_FORMAT, ERR_CONFLICT (the file is not the one that was opened), ERR_IO: nothing is written. ERR_UNKNOWN:
 * it is, but perhaps not durably.  All fill *e. */
WUR int policy_edit_save(struct policy_edit *ed, struct policy_error *e);

/* The starter policy that init writes: Flyte's domains and flytesnacks, and comments that teach. */
extern const char policy_starter[];

static inline void policy_cleanup(struct policy **p)
{
	policy_free(*p);
}
#define POLICY_CLEANUP __attribute__((cleanup(policy_cleanup)))
static inline void policy_edit_cleanup(struct policy_edit **ed)
{
	policy_edit_close(*ed);
}
#define POLICY_EDIT_CLEANUP __attribute__((cleanup(policy_edit_cleanup)))

#endif
