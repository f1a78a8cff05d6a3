/* SPDX-License-Identifier: ISC */
#include "location.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "paths.h"

void location_explain(char *reason, const char *text)
{
	if (!reason)
		return;
	snprintf(reason, LOCATION_REASON, "%s", text);
	reason[strcspn(reason, "\n")] = '\0';
	for (char *p = reason; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
}

static const struct engine {
	const char *scheme;
	int (*open)(const char *location, int create, struct backend **out,
		    char reason[static LOCATION_REASON]);
} engines[] = {
	{"etcd://", etcd_open},
	{"etcds://", etcd_open},
	{"postgresql://", postgres_open},
	{"postgres://", postgres_open},
};

int location_open(const char *location, int create, struct backend **out,
		  char reason[static LOCATION_REASON])
{
	reason[0] = '\0';
	if (!paths_is_url(location))
		return backend_dir_open(location, create, out);
	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++)
		if (strncmp(location, engines[i].scheme, strlen(engines[i].scheme)) == 0)
			return engines[i].open(location, create, out, reason);
	return ERR_INVAL;
}
