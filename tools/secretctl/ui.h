/* SPDX-License-Identifier: ISC */
/*
 * ui - talking to people: messages, questions, prompts, progress.
 *
 * No function here is ever given a value to print, but ui_write, which uses no buffer of stdio's.
 */
#ifndef UI_H
#define UI_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "secret.h"

#define UI_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* What could move a terminal's cursor, or worse, becomes '?'. Every message goes through it. */
void ui_printable(char *s);

/* "secretctl: …" on standard error. */
void ui_error(const char *fmt, ...) UI_PRINTF(1, 2);
void ui_warn(const char *fmt, ...) UI_PRINTF(1, 2);
/* An indented line that goes on from the message: the next step. */
void ui_hint(const char *fmt, ...) UI_PRINTF(1, 2);
/* A message and "see secretctl VERB NOUN --help"; returns STATUS_USAGE. */
struct call;
int ui_usage(const struct call *c, const char *fmt, ...) UI_PRINTF(2, 3);

/* "" for one, else "s". */
static inline const char *ui_s(size_t n)
{
	return n == 1 ? "" : "s";
}

/* True when a person can be asked: standard input is a terminal. */
bool ui_asks(void);

/* "question [y/N] " on the terminal; false when nobody can be asked. */
bool ui_yes(const char *fmt, ...) UI_PRINTF(1, 2);

/*
 * The one gate before what destroys something or widens who can read: says the effect, one sentence
 * without its full stop, then asks on a terminal, takes --yes for an answer, and refuses without
 * either. 0, or an exit status.
 */
WUR int ui_agree(const struct call *c, const char *fmt, ...) UI_PRINTF(2, 3);

/* One line without echo. ERR_NOENT when there is no terminal or it was ended, ERR_TOOBIG. */
WUR int ui_prompt(const char *prompt, struct secret **out);
/* The same, asked twice unless nothing was entered. ERR_CONFLICT when the two differ. */
WUR int ui_prompt_new(const char *prompt, const char *again, struct secret **out);

/* Writes all of it to the descriptor. ERR_IO. */
WUR int ui_write(int fd, const void *data, size_t len);

/* A bar on standard error, only if that is a terminal; total 0 takes it away. */
void ui_progress(const char *what, size_t done, size_t total);

#endif
