/* SPDX-License-Identifier: ISC */
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

/* Where a person's own files go: XDG Base Directory Specification 0.8. */
enum base { BASE_CONFIG, BASE_DATA, BASE_MOUNT, BASE_RUN };

static const struct {
	const char *env;
	const char *system;
	enum base base;
	const char *own;
} table[PATHS] = {
	[PATH_ROOT_KEY] = {"SECRETFS_ROOT_KEY", "/etc/secretfs/root.key", BASE_CONFIG, "root.key"},
	[PATH_POLICY] = {"SECRETFS_POLICY", "/etc/secretfs/policy.ini", BASE_CONFIG, "policy.ini"},
	[PATH_BUNDLES] = {"SECRETFS_BUNDLES", "/etc/secretfs/bundles", BASE_CONFIG, "bundles"},
	[PATH_STORE] = {"SECRETFS_STORE", "/var/lib/secretfs/store", BASE_DATA, "store"},
	[PATH_STATE] = {"SECRETFS_STATE", "/var/lib/secretfs/state", BASE_DATA, "state"},
	[PATH_MOUNT] = {"SECRETFS_MOUNT", "/etc/flyte/secrets", BASE_MOUNT, "mnt"},
	[PATH_RUN] = {"SECRETFS_RUN", "/run/secretfs", BASE_RUN, "run"},
};

static int join(const char *a, const char *b, const char *c, char **out)
{
	char *s;

	if (asprintf(&s, "%s%s%s", a, b, c) < 0)
		return ERR_NOMEM;
	*out = s;
	return 0;
}

/* An environment variable that holds something; with absolute, nothing but an absolute path. */
static const char *env(const char *name, bool absolute)
{
	const char *v = secure_getenv(name);

	return v && *v && (!absolute || *v == '/') ? v : NULL;
}

static int own_path(enum base base, const char *name, char **out)
{
	static const char *const var[] = {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
					  "XDG_RUNTIME_DIR"};
	static const char *const dir[] = {"/.config/secretfs/", "/.local/share/secretfs/",
					  "/.local/share/secretfs/", "/.local/share/secretfs/"};
	const char *v = env(var[base], true);

	if (v && base == BASE_MOUNT)
		return join(v, "/secretfs", "", out);
	if (v && base == BASE_RUN) /* beside the mount */
		return join(v, "/secretfs.run", "", out);
	if (v)
		return join(v, "/secretfs/", name, out);
	v = env("HOME", true);
	return v ? join(v, dir[base], name, out) : ERR_INVAL;
}

static int make_absolute(const char *path, char **out)
{
	char *cwd;
	int r;

	if (*path == '/')
		return join(path, "", "", out);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return errno == ENOMEM ? ERR_NOMEM : ERR_INVAL;
	r = join(strcmp(cwd, "/") == 0 ? "" : cwd, "/", path, out);
	free(cwd);
	return r;
}

const char *paths_env(enum path which)
{
	return table[which].env;
}

bool paths_is_url(const char *path)
{
	size_t scheme = strspn(path, "abcdefghijklmnopqrstuvwxyz");

	return scheme > 1 && strncmp(path + scheme, "://", 3) == 0;
}

int paths_get(enum path which, const char *flag, char **out)
{
	const char *given = flag ? flag : env(table[which].env, false);

	if (given && which == PATH_STORE && paths_is_url(given))
		return join(given, "", "", out);
	if (given)
		return *given ? make_absolute(given, out) : ERR_INVAL;
	if (geteuid() == 0)
		return join(table[which].system, "", "", out);
	return own_path(table[which].base, table[which].own, out);
}

void paths_socket(const char *mountpoint, char out[static PATHS_SOCKET])
{
	uint8_t hash[16];
	char hex[2 * sizeof(hash) + 1];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)mountpoint, strlen(mountpoint),
			   NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	snprintf(out, PATHS_SOCKET, "%s.sock", hex);
}

/* Open the directory name in at; make it durably, with exactly that mode, when it is not there. */
static int step(int at, const char *name, mode_t mode, int *out)
{
	FD_CLEANUP int fd = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	FD_CLEANUP int parent = -1;

	if (fd < 0 && errno != ENOENT)
		return ERR_IO;
	if (fd < 0 && mkdirat(at, name, mode & 0700) == 0) {
		/* Not subject to the umask: others may have to pass through it. */
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fchmod(fd, mode) != 0)
			return ERR_IO;
		parent = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0 || fsync(fd) != 0 || fsync(parent) != 0)
			return ERR_IO;
	} else if (fd < 0) {
		if (errno == EEXIST) /* somebody else just made it */
			fd = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return ERR_IO;
	}
	*out = fd;
	fd = -1;
	return 0;
}

int paths_mkdir(const char *path, unsigned mode)
{
	FD_CLEANUP int at = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];

	if (at < 0)
		return ERR_IO;
	for (const char *p = path + strspn(path, "/"); *p; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/");
		int next = -1, r;

		if (len >= sizeof(name)) {
			errno = ENAMETOOLONG;
			return ERR_IO;
		}
		memcpy(name, p, len);
		name[len] = '\0';
		r = step(at, name, mode, &next);
		if (r)
			return r;
		io_close(at);
		at = next;
		p += len;
	}
	return 0;
}

/* The directory of path, opened so that it can be fsynced, and the name in it. */
static int open_parent(const char *path, int *dir, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *parent;

	*name = slash ? slash + 1 : path;
	if (!**name)
		return ERR_INVAL;
	parent = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
	if (!parent)
		return ERR_NOMEM;
	*dir = open(*parent ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (*dir < 0)
		return errno == ENOENT ? ERR_NOENT : ERR_IO;
	return 0;
}

static int temp_write(int dir, const char *temp, const void *data, size_t len, mode_t mode)
{
	FD_CLEANUP int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return ERR_IO;
	r = io_write(fd, data, len);
	if (!r && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		r = ERR_IO;
	if (r)
		io_unlinkat(dir, temp);
	return r;
}

int paths_write(const char *path, const void *data, size_t len, unsigned mode, bool excl)
{
	FD_CLEANUP int dir = -1;
	char temp[NAME_MAX + 1];
	const char *name;
	int n, r;

	r = open_parent(path, &dir, &name);
	if (r)
		return r;
	n = snprintf(temp, sizeof(temp), ".%s.%08x.new", name, randombytes_random());
	if (n < 0 || (size_t)n >= sizeof(temp)) {
		errno = ENAMETOOLONG;
		return ERR_IO;
	}
	r = temp_write(dir, temp, data, len, mode);
	if (!r)
		r = io_rename_temp(dir, temp, name, excl);
	if (r)
		return r;
	return fsync(dir) == 0 ? 0 : ERR_UNKNOWN;
}
