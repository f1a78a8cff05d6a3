/* SPDX-License-Identifier: ISC */
/*
 * policy_text - a policy as text, for policy_edit: lines, sections and keys found by their place.
 *
 * The text has loaded once, so that every line is of one of the kinds that policy_ini knows.
 */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include "policy_ini.h"
#include "policy_model.h"

struct policy_text {
	char *s; /* heap, NUL behind */
	size_t len;
};

struct policy_text_line { /* bytes [off, end), the next line starting at next */
	size_t off, end, next;
	enum policy_line kind;
};

struct policy_text_section {
	size_t off;  /* of its line */
	size_t body; /* behind its line */
	size_t last; /* behind its last key, or its line */
	size_t end;  /* the next section, or the end */
};

struct policy_text_key {
	struct policy_text_line line;
	size_t end; /* behind the last line that goes on with it */
};

/* Replace del bytes at off by n bytes of ins, which is none of t's.  ERR_NOMEM, ERR_TOOBIG. */
WUR int policy_text_splice(struct policy_text *t, size_t off, size_t del, const char *ins,
			   size_t n);

/* The line at off; false at the end. */
bool policy_text_line(const struct policy_text *t, size_t off, struct policy_text_line *out);
/* Offset of the value in a pair or indented line, the blanks before it skipped. */
size_t policy_text_value(const struct policy_text *t, const struct policy_text_line *l);

bool policy_text_section(const struct policy_text *t, const struct policy_id *id,
			 struct policy_text_section *out);
/* The last section of that kind. */
bool policy_text_kind(const struct policy_text *t, enum policy_kind kind,
		      struct policy_text_section *out);
bool policy_text_key(const struct policy_text *t, const struct policy_text_section *p,
		     const char *key, struct policy_text_key *out);

#endif
