/* SPDX-License-Identifier: ISC */
#include "policy_errmsg.h"

#include <stdio.h>

const char *policy_errmsg(const char *path, int error, const struct policy_error *e,
			  char out[static POLICY_ERRMSG_SIZE])
{
	const char *reason = *e->text ? e->text : err_str(error);

	if (error == ERR_NOENT)
		snprintf(out, POLICY_ERRMSG_SIZE,
			 "%s: no such policy; make one with: secretctl init", path);
	else if (e->line)
		snprintf(out, POLICY_ERRMSG_SIZE, "%s:%u: %s", path, e->line, reason);
	else
		snprintf(out, POLICY_ERRMSG_SIZE, "%s: %s", path, reason);
	return out;
}
