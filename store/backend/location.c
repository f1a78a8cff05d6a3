/* SPDX-License-Identifier: ISC */
#include "location.h"

#include <string.h>

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

bool location_is_url(const char *location)
{
	size_t scheme = strspn(location, "abcdefghijklmnopqrstuvwxyz");

	return scheme > 1 && strncmp(location + scheme, "://", 3) == 0;
}

int location_open(const char *location, int create, struct backend **out,
		  char reason[static LOCATION_REASON])
{
	reason[0] = '\0';
	if (!location_is_url(location))
		return backend_dir_open(location, create, out);
	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++)
		if (strncmp(location, engines[i].scheme, strlen(engines[i].scheme)) == 0)
			return engines[i].open(location, create, out, reason);
	return ERR_INVAL;
}
