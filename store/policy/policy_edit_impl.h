/* SPDX-License-Identifier: ISC */
/*
 * policy_edit_impl - what the policy_edit*.c files share.
 */
#ifndef POLICY_EDIT_IMPL_H
#define POLICY_EDIT_IMPL_H

#include "policy.h"
#include "policy_text.h"

#define POLICY_EDIT_WRAP 80 /* columns to wrap lists at */

struct policy_edit {
	char *path; /* resolved: a link is not replaced by a file */
	struct policy_text text;
	struct policy_text before; /* as read */
};

/* Bytes being put together. */
struct policy_edit_lines {
	char *s;
	size_t len, cap;
	bool failed;
};
void policy_edit_put(struct policy_edit_lines *b, const char *s, size_t n);
void policy_edit_lines_free(struct policy_edit_lines *b);
#define POLICY_EDIT_LINES_CLEANUP __attribute__((cleanup(policy_edit_lines_free)))

/* What a caller names a section by. */
struct policy_edit_section {
	char line[POLICY_LINE_MAX + 2]; /* "[text]" and a newline */
	char name[NAME_SIZE];
	struct policy_id id; /* borrows name */
};
WUR int policy_edit_parse_section(const char *section, struct policy_edit_section *out);

/* True when inih and its front take value as it stands. */
bool policy_edit_value_ok(const char *value);

/* As policy_edit_set, on a text; a failure may leave it half done. */
WUR int policy_edit_set_in(struct policy_text *t, const struct policy_edit_section *s,
			   const char *key, const char *value);

/* A text to change, and what becomes of it: kept if r is 0, else dropped; returns r. */
WUR int policy_edit_copy(const struct policy_text *from, struct policy_text *to);
WUR int policy_edit_keep(struct policy_edit *ed, struct policy_text *t, int r);

#endif
