/* SPDX-License-Identifier: ISC */
#include "errmsg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"
#include "ui.h"

const char *errmsg_flags(const struct scope *s, char out[ERRMSG_FLAGS])
{
	snprintf(out, ERRMSG_FLAGS, "%s%s%s%s", s->project[0] ? " -p " : "", s->project,
		 s->domain[0] ? " -d " : "", s->domain);
	return out;
}

const char *errmsg_policy(const char *path, const struct policy_error *e, int r,
			  char out[ERRMSG_POLICY])
{
	const char *text = e->text[0] ? e->text : err_str(r);

	if (e->line)
		snprintf(out, ERRMSG_POLICY, "%s:%u: %s", path, e->line, text);
	else
		snprintf(out, ERRMSG_POLICY, "%s: %s", path, text);
	return out;
}

static void hint_io(const struct errmsg *w, int error)
{
	if (error == EACCES || error == EPERM)
		ui_hint("%s", geteuid() == 0 ? "see its owner and mode"
					     : "run it as root, or with paths of your own");
	else if (error == ENOSPC || error == EDQUOT)
		ui_hint("make room and run it again: what was there is whole");
	else if (error == ENOENT && w->path)
		ui_hint("is the path right? see: secretctl --help");
	else if (error == EISDIR)
		ui_hint("name a file; a directory of values is for: secretctl import %s",
			w->path ? w->path : "DIR");
	else if (error == ENOTDIR)
		ui_hint("a file stands where a directory is needed: choose another path");
	else if (error == EROFS)
		ui_hint("it is mounted read-only: choose another path, or mount it anew");
	else
		ui_hint("what else is amiss here: secretctl doctor");
}

/* Whose it is comes first: a mode is the owner's to change. */
static void hint_mode(const char *path)
{
	struct stat st;

	if (path && stat(path, &st) == 0 && st.st_uid != geteuid() && st.st_uid != 0)
		ui_hint("it belongs to user %u: chown %u %s && chmod 0400 %s", (unsigned)st.st_uid,
			(unsigned)geteuid(), path, path);
	else
		ui_hint("only its owner may read it: chmod 0400 %s", path ? path : "FILE");
}

static void hint(const struct errmsg *w, int r)
{
	char flags[ERRMSG_FLAGS] = "";

	if (w->scope)
		errmsg_flags(w->scope, flags);
	switch (r) {
	case ERR_MLOCK:
		ui_hint("raise the limit of locked memory: ulimit -l 8192, or LimitMEMLOCK=8M");
		break;
	case ERR_EXIST:
		if (w->name)
			ui_hint("to change it: secretctl update secret %s%s, or give --replace",
				w->name, flags);
		else
			ui_hint("choose another name, or move away what has this one");
		break;
	case ERR_CHANGED:
		ui_hint("look at it, and run it again: secretctl history secret %s%s",
			w->name ? w->name : "NAME", flags);
		break;
	case ERR_CONFLICT:
		ui_hint("run it again");
		break;
	case ERR_AUTH:
		ui_hint("the store was altered, or belongs to another root key; see: secretctl check");
		ui_hint("if a writer has ruined it, go on from before that: secretctl restore --accept");
		break;
	case ERR_GENERATION:
		ui_hint("mint the bundle again: secretctl create bundle%s", flags);
		break;
	case ERR_STALE:
		ui_hint("nothing older than this host has accepted is taken, since it could be an attack;");
		ui_hint("if a backup was put back on purpose: secretctl restore --accept");
		break;
	case ERR_NAME:
		ui_hint("names are letters, digits, '_', '-' and '.' (not first), 253 bytes at most;");
		ui_hint("up to two groups before it: group/KEY, group/version/KEY");
		break;
	case ERR_NOTDIR:
		ui_hint("one path cannot be a secret and a group; see: secretctl get secret%s",
			flags);
		break;
	case ERR_TOOBIG:
		ui_hint("a value holds 1 MiB at most, a scope 64 MiB of names and versions");
		break;
	case ERR_DENIED:
		ui_hint("a writer lists, sets and deletes in its scope, and reads no value; the root key can");
		break;
	case ERR_INCOMPLETE:
		ui_hint("is the store being copied? see: secretctl check");
		break;
	case ERR_UNKNOWN:
		ui_hint("look before running it again: secretctl get secret%s", flags);
		break;
	case ERR_PASSPHRASE:
		ui_hint("give the passphrase or the recovery code on a terminal");
		break;
	case ERR_MODE:
		hint_mode(w->path);
		break;
	case ERR_NOENT:
		if (w->path)
			ui_hint("is the path right? see: secretctl --help");
		else
			ui_hint("see what there is: secretctl get secret%s", flags);
		break;
	case ERR_FORMAT:
		ui_hint("it is another kind of file, or a damaged one: give the right one, or a copy of it");
		break;
	case ERR_VERSION:
		ui_hint("use the secretfs that wrote it to export, and this one to restore");
		break;
	case ERR_TIMEOUT:
		ui_hint("is its disk or network well? nothing was changed; run it again then");
		break;
	case ERR_INVAL:
		ui_hint("that is a defect of secretctl: please report it, with what you typed");
		break;
	case ERR_NOMEM: /* nothing to be done that is not known */
	default:
		break;
	}
}

int errmsg_fail(const struct errmsg *w, int r)
{
	int error = errno;
	char scope[SCOPE_STR];
	char text[600];
	size_t n = 0;

#define ADD(...)                                                                                   \
	do {                                                                                       \
		if (n < sizeof(text))                                                              \
			n += (size_t)snprintf(text + n, sizeof(text) - n, __VA_ARGS__);            \
	} while (0)
	text[0] = 0;
	if (w->doing)
		ADD("%s", w->doing);
	if (w->name)
		ADD("%s%s", n ? " " : "", w->name);
	if (w->scope)
		ADD("%s(%s)", n ? " " : "", scope_str(w->scope, scope));
	if (w->path)
		ADD("%s%s", n ? ": " : "", w->path);
#undef ADD
	if (r == ERR_IO && error)
		ui_error("%s: %s", text, strerror(error));
	else
		ui_error("%s: %s", text, err_str(r));
	if (r == ERR_IO)
		hint_io(w, error);
	else
		hint(w, r);
	return STATUS_FAILED;
}
