/* SPDX-License-Identifier: ISC */
#include "ui.h"

#include <bsd/readpassphrase.h>
#include <ctype.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "io.h"

/* A terminal's line holds 4095 bytes and what is over is lost without a sign: so stay below. */
#define PROMPT_MAX 4000

static bool bar_shown;

void ui_printable(char *s)
{
	for (unsigned char *p = (unsigned char *)s; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* C1, as UTF-8 */
			*p = p[1] = '?';
	}
}

static void message(const char *prefix, const char *fmt, va_list ap)
{
	char *text = NULL;

	fflush(stdout);
	if (bar_shown)
		ui_progress("", 0, 0);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	else
		ui_printable(text);
	fprintf(stderr, "%s%s\n", prefix, text ? text : "no memory");
	free(text);
}

void ui_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("secretctl: ", fmt, ap);
	va_end(ap);
}

void ui_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("secretctl: warning: ", fmt, ap);
	va_end(ap);
}

void ui_hint(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("  ", fmt, ap);
	va_end(ap);
}

int ui_usage(const struct call *c, const char *fmt, ...)
{
	const struct command *cmd = c ? c->command : NULL;
	va_list ap;

	va_start(ap, fmt);
	message("secretctl: ", fmt, ap);
	va_end(ap);
	if (cmd)
		ui_hint("see: secretctl %s%s%s --help", cmd->verb, cmd->noun ? " " : "",
			cmd->noun ? cmd->noun : "");
	else
		ui_hint("see: secretctl --help");
	return STATUS_USAGE;
}

bool ui_asks(void)
{
	return isatty(STDIN_FILENO) == 1;
}

bool ui_yes(const char *fmt, ...)
{
	char answer[16] = "";
	char question[512];
	va_list ap;

	if (!ui_asks())
		return false;
	va_start(ap, fmt);
	vsnprintf(question, sizeof(question), fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "%s [y/N] ", question);
	if (!fgets(answer, sizeof(answer), stdin)) {
		fputc('\n', stderr);
		return false;
	}
	answer[strcspn(answer, "\r\n")] = 0;
	return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

int ui_agree(const struct call *c, const char *fmt, ...)
{
	char effect[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(effect, sizeof(effect), fmt, ap);
	va_end(ap);
	if (call_has(c, FLAG_YES)) {
		ui_warn("%s", effect);
		return 0;
	}
	if (!ui_asks()) {
		ui_error("%s", effect);
		ui_hint("nothing was done; if that is meant, give --yes");
		return STATUS_FAILED;
	}
	if (ui_yes("%c%s. Go on?", toupper((unsigned char)effect[0]), effect + 1))
		return 0;
	ui_error("nothing was done");
	return STATUS_FAILED;
}

int ui_prompt(const char *prompt, struct secret **out)
{
	SECRET_CLEANUP struct secret *line = NULL;
	int r = secret_alloc(PROMPT_MAX + 2, &line);

	if (r)
		return r;
	fflush(stdout);
	if (!readpassphrase(prompt, (char *)line->data, PROMPT_MAX + 2,
			    RPP_ECHO_OFF | RPP_REQUIRE_TTY))
		return ERR_NOENT;
	line->len = strlen((const char *)line->data);
	if (line->len > PROMPT_MAX)
		return ERR_TOOBIG;
	*out = line;
	line = NULL;
	return 0;
}

int ui_prompt_new(const char *prompt, const char *again, struct secret **out)
{
	SECRET_CLEANUP struct secret *one = NULL, *two = NULL;
	int r = ui_prompt(prompt, &one);

	if (!r && one->len)
		r = ui_prompt(again, &two);
	if (r)
		return r;
	if (two && (one->len != two->len || sodium_memcmp(one->data, two->data, one->len) != 0))
		return ERR_CONFLICT;
	*out = one;
	one = NULL;
	return 0;
}

int ui_write(int fd, const void *data, size_t len)
{
	fflush(stdout);
	return io_write(fd, data, len);
}

void ui_progress(const char *what, size_t done, size_t total)
{
	static struct timespec last;
	struct timespec now;
	const int width = 30;
	int full;

	if (isatty(STDERR_FILENO) != 1)
		return;
	if (total == 0) {
		if (bar_shown)
			fputs("\r\033[K", stderr);
		bar_shown = false;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (bar_shown && done < total &&
	    (now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000 < 50)
		return;
	last = now;
	full = (int)(done * (size_t)width / total);
	fprintf(stderr, "\r\033[K%s [%.*s%*s] %zu/%zu", what, full,
		"##############################", width - full, "", done, total);
	fflush(stderr);
	bar_shown = true;
}
