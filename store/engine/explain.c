/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

void engine_explain(char *reason, const char *text)
{
	if (!reason)
		return;
	snprintf(reason, ENGINE_REASON, "%s", text);
	reason[strcspn(reason, "\n")] = '\0';
	for (char *p = reason; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
}
