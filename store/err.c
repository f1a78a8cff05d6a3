/* SPDX-License-Identifier: ISC */
#include "err.h"

static const char *const phrases[] = {
	[-ERR_OK] = "done",
	[-ERR_NOMEM] = "out of memory",
	[-ERR_MLOCK] = "memory for a secret could not be locked (see ulimit -l)",
	[-ERR_IO] = "input/output error",
	[-ERR_NOENT] = "not found",
	[-ERR_EXIST] = "exists already",
	[-ERR_CONFLICT] = "somebody else committed first",
	[-ERR_AUTH] = "failed authentication",
	[-ERR_FORMAT] = "not in the expected format",
	[-ERR_GENERATION] = "sealed under a key generation this bundle does not hold",
	[-ERR_STALE] = "older than, or a fork of, what was accepted before",
	[-ERR_NAME] = "not a valid name",
	[-ERR_NOTDIR] = "a path cannot be secret and group at once",
	[-ERR_TOOBIG] = "too large",
	[-ERR_DENIED] = "not permitted with this key",
	[-ERR_INCOMPLETE] = "the store names an object that is not there",
	[-ERR_UNKNOWN] = "whether it is written, and would survive a power cut, is unknown",
	[-ERR_TIMEOUT] = "no answer in time",
	[-ERR_PASSPHRASE] = "no root slot opened",
	[-ERR_MODE] = "the file is accessible to other users",
	[-ERR_INVAL] = "invalid argument",
	[-ERR_VERSION] = "in the format of another version of secretfs",
	[-ERR_CHANGED] = "somebody else has just changed it",
};

const char *err_str(int r)
{
	int i = -r;

	if (i < 0 || i >= (int)(sizeof(phrases) / sizeof(phrases[0])) || !phrases[i])
		return "unknown error";
	return phrases[i];
}
