/* SPDX-License-Identifier: ISC */
#include "location.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"

#ifndef LIBDIR
#define LIBDIR "/usr/local/lib/secretfs"
#endif

static const struct {
	const char *scheme, *module;
} engines[] = {
	{"etcd://", "secretfs-etcd.so"},
	{"etcds://", "secretfs-etcd.so"},
	{"postgresql://", "secretfs-postgres.so"},
	{"postgres://", "secretfs-postgres.so"},
};

#define TEXT_OF(name) #name
#define SYMBOL(name) TEXT_OF(name)

/* Beside the program, as it is built; else where modules are installed.  A whole path is loaded, so
 * no directory of the environment is searched. */
static bool find(const char *module, char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	size_t room = strlen(module) + 1;

	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n > 0 && (size_t)n + room <= PATH_MAX) {
		memcpy(path + n, module, room);
		if (access(path, R_OK) == 0)
			return true;
	}
	return snprintf(path, PATH_MAX, LIBDIR "/%s", module) < PATH_MAX;
}

/* It stays loaded. */
static engine_open_fn *load(const char *module, char reason[static LOCATION_REASON])
{
	char path[PATH_MAX];
	void *m = find(module, path) ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	engine_open_fn *open = m ? (engine_open_fn *)dlsym(m, SYMBOL(ENGINE_OPEN)) : NULL;

	if (!open)
		engine_explain(reason, dlerror());
	return open;
}

int location_open(const char *location, int create, struct backend **out,
		  char reason[static LOCATION_REASON])
{
	engine_open_fn *open;

	reason[0] = '\0';
	if (!paths_is_url(location))
		return backend_dir_open(location, create, out);
	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++) {
		if (strncmp(location, engines[i].scheme, strlen(engines[i].scheme)) != 0)
			continue;
		open = load(engines[i].module, reason);
		return open ? open(location, create, out, reason) : ERR_IO;
	}
	return ERR_INVAL;
}
