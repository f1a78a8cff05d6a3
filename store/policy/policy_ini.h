/* SPDX-License-Identifier: ISC */
/*
 * policy_ini - a strict front of inih.
 *
 * inih 55 takes the tail of a line over 200 bytes for a line of its own, cuts section names at 49
 * bytes, takes an indented "k = v" for a continuation, accepts "k: v", strips " ; comments" and
 * goes on after errors.  So every line is judged here first; inih sees only lines that it cannot
 * misread, sections as their ordinal, and what it makes of a line must be what the front made of it.
 */
#ifndef POLICY_INI_H
#define POLICY_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "policy_types.h"

enum policy_line {
	POLICY_LINE_BLANK,
	POLICY_LINE_COMMENT, /* the first nonblank byte is # or ; */
	POLICY_LINE_SECTION, /* [ in the first column */
	POLICY_LINE_PAIR,    /* key = value, the key in the first column */
	POLICY_LINE_MORE,    /* indented: goes on with the value above */
};
enum policy_line policy_ini_kind(const char *line, size_t len);

struct policy_ini_events {
	/* text: between the brackets, runs of blanks squeezed to one, none at the ends. */
	int (*section)(void *arg, unsigned line, const char *text);
	/* more: value goes on with the value of the pair before; key is the same. */
	int (*pair)(void *arg, unsigned line, const char *key, const char *value, bool more);
};

/*
 * Calls the events in order; stops at the first nonzero and returns it.  ERR_FORMAT fills *e.
 */
WUR int policy_ini_read(const char *text, size_t len, const struct policy_ini_events *events,
			void *arg, struct policy_error *e);

/* The text of a section line, squeezed.  ERR_FORMAT sets *why (static). */
WUR int policy_ini_section(const char *line, size_t len, char out[static POLICY_LINE_MAX + 1],
			   const char **why);

/* Fills *e (may be NULL) and returns r. */
__attribute__((format(printf, 4, 5))) int policy_fail(struct policy_error *e, int r, unsigned line,
						      const char *fmt, ...);

#endif
