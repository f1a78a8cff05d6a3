/* SPDX-License-Identifier: ISC */
#include "mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mount_user.h"

#define FUSE_CONF "/etc/fuse.conf"

static bool refuse(const char *path, const char *what)
{
	log_say(LOGGED_ERROR, "%s: %s", path, what);
	return false;
}

static bool refuse_errno(const char *path)
{
	int e = errno;

	if (e == ENOTCONN || e == ECONNABORTED)
		log_say(LOGGED_ERROR,
			"%s: a dead mount is there, left by a daemon that was killed; take it off with: %s %s",
			path, geteuid() ? MOUNT_USER_HELPER " -u -z" : "umount -l", path);
	else if (e == ENOENT)
		log_say(LOGGED_ERROR, "%s: there is no such directory; make it with: mkdir -p %s",
			path, path);
	else
		log_say(LOGGED_ERROR, "%s: %s", path, strerror(e));
	return false;
}

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *e;
	bool empty = true;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return true; /* not readable: the mount will tell what is wrong */
	}
	while (empty && (e = readdir(d)))
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(d);
	return empty;
}

/* ---- what is there ---- */

enum there {
	THERE_USABLE, /* a directory to mount on */
	THERE_DEAD, /* a mount of ours that nobody answers, and nobody will: it is to be replaced */
	THERE_NO,   /* told */
};

/* The mount that fd is the root of.  Asks it nothing. */
static bool is_mount_root(int fd, struct mount_entry *e)
{
	struct mount_id m;
	struct statx st = {0};

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) && mount_id_of(fd, &m) &&
	       mount_id_find(&m, e);
}

/* Left by a daemon all of whose processes were killed: everything there fails, for good. */
static bool is_dead(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &st) != 0 &&
	       (errno == ENOTCONN || errno == ECONNABORTED);
}

static enum there refuse_mounted(const struct mountpoint_options *o)
{
	log_say(LOGGED_ERROR, "%s: something is mounted here already; take it off with: umount %s",
		o->path, o->path);
	return THERE_NO;
}

/* *fd: what was looked at, the caller's to close; -1 with THERE_NO. */
static enum there look(const struct mountpoint_options *o, int *fd)
{
	int dir = open(o->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum there there = THERE_USABLE;
	struct mount_entry e = {0};

	*fd = -1;
	if (dir < 0 && errno == ENOTDIR)
		refuse(o->path, "not a directory; a mount point has to be one");
	else if (dir < 0)
		refuse_errno(o->path);
	if (dir < 0)
		return THERE_NO;
	if (is_mount_root(dir, &e) && strncmp(e.type, "fuse", 4) == 0) {
		if (strcmp(e.type, MOUNTPOINT_TYPE) == 0 && is_dead(dir))
			there = THERE_DEAD;
		else if (!o->may_be_nonempty)
			there = refuse_mounted(o);
	} else if (!o->may_be_nonempty && !is_empty(dir)) {
		there = THERE_NO;
		refuse(o->path, "not empty, and what is in it would be hidden; mount on an empty "
				"directory, or say -o nonempty");
	}
	if (there == THERE_NO)
		close(dir);
	else
		*fd = dir;
	return there;
}

bool mountpoint_check(const struct mountpoint_options *o)
{
	int fd;
	enum there there = look(o, &fd);

	if (fd >= 0)
		close(fd);
	return there != THERE_NO;
}

/* ---- unmounting ---- */

static bool leave(const char *path, const char *why)
{
	log_say(LOGGED_ERROR,
		"%s: %s: this mount is left there, dead; take that off, then: umount %s", path, why,
		path);
	return false;
}

/*
 * By the descriptor, since another mount may be at the path by now; lazily, since the descriptor keeps it
 * busy.  A lazy umount takes what is mounted inside along, so there must be nothing.
 */
bool mountpoint_unmount(const struct mount_id *m)
{
	struct mount_entry e;
	char path[64];
	int fd;
	bool done = true;

	if (!m->id || !mount_id_find(m, &e))
		return true; /* it is gone */
	fd = e.path[0] ? mount_id_open(e.path, m) : -1;
	if (fd < 0)
		return leave(e.path, "another mount lies over it, or its path is out of reach");
	if (mount_id_has_children(m)) {
		close(fd);
		return leave(e.path, "another mount lies in it");
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (geteuid() == 0)
		done = umount2(path, MNT_DETACH) == 0;
	if (!done)
		log_say(LOGGED_ERROR, "%s: umount: %s", e.path, strerror(errno));
	close(fd);
	if (geteuid() != 0)
		mount_user_unmount(e.path);
	return done;
}

/* fuse.conf(5): the word on a line by itself. */
bool mountpoint_may_allow_other(void)
{
	char line[256];
	bool may = false;
	FILE *f;

	if (geteuid() == 0)
		return true;
	f = fopen(FUSE_CONF, "re");
	while (f && !may && fgets(line, sizeof(line), f)) {
		char word[64] = "";

		may = sscanf(line, " %63s", word) == 1 && strcmp(word, "user_allow_other") == 0;
	}
	if (f)
		fclose(f);
	return may;
}

/* ---- root ---- */

static bool open_device(int *fd)
{
	*fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (*fd >= 0)
		return true;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return refuse("/dev/fuse",
			      "this kernel has no FUSE device here; load it with: modprobe "
			      "fuse (a container needs --device /dev/fuse)");
	log_say(LOGGED_ERROR,
		"/dev/fuse: %s; a container needs --device /dev/fuse, a user read and write access to it",
		strerror(errno));
	return false;
}

static bool refuse_mount(const char *path)
{
	if (errno == EPERM)
		log_say(LOGGED_ERROR,
			"%s: mounting is not permitted; a container needs --cap-add SYS_ADMIN",
			path);
	else if (errno == ENODEV)
		log_say(LOGGED_ERROR, "%s: this kernel knows no FUSE; load it with: modprobe fuse",
			path);
	else if (errno == ENOSYS)
		log_say(LOGGED_ERROR, "%s: this kernel is too old; Linux 5.12 is needed", path);
	else
		log_say(LOGGED_ERROR, "%s: mount: %s", path, strerror(errno));
	return false;
}

/* The file system; -1 and errno. */
static int make_filesystem(const struct mountpoint_options *o, int fuse_fd)
{
	int fs = fsopen("fuse", FSOPEN_CLOEXEC), e;
	char fd[16], uid[16], gid[16];
	const char *const options[][2] = {
		{"source", o->source},
		{"subtype", MOUNTPOINT_SUBTYPE},
		{"fd", fd},
		{"rootmode", "40000"},
		{"user_id", uid},
		{"group_id", gid},
	};
	bool ok = fs >= 0;

	snprintf(fd, sizeof(fd), "%d", fuse_fd);
	snprintf(uid, sizeof(uid), "%u", getuid());
	snprintf(gid, sizeof(gid), "%u", getgid());
	for (size_t i = 0; ok && i < sizeof(options) / sizeof(options[0]); i++)
		ok = fsconfig(fs, FSCONFIG_SET_STRING, options[i][0], options[i][1], 0) == 0;
	if (ok && o->allow_other)
		ok = fsconfig(fs, FSCONFIG_SET_FLAG, "allow_other", NULL, 0) == 0;
	if (ok && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		return fs;
	e = errno;
	if (fs >= 0)
		close(fs);
	errno = e;
	return -1;
}

/* Of the server nothing may be asked here: it may not answer yet. */
int mountpoint_private(int mount, const char *path)
{
	struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
	int fd = open_tree(mount, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd >= 0 && mount_setattr(fd, "", AT_EMPTY_PATH, &writable, sizeof(writable)) == 0)
		return fd;
	log_say(LOGGED_WARNING, "%s: watchers will not hear of changes: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Read-only from the first moment, and in every place it propagates to. */
static bool attach(const struct mountpoint_options *o, int at, int fs,
		   struct mountpoint_mounted *out)
{
	int mnt = fsmount(fs, FSMOUNT_CLOEXEC,
			  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				  MOUNT_ATTR_NOEXEC | (o->noatime ? MOUNT_ATTR_NOATIME : 0));

	if (mnt < 0)
		return refuse_mount(o->path);
	if (move_mount(mnt, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
		refuse_mount(o->path);
		close(mnt);
		return false;
	}
	(void)mount_id_of(mnt, &out->mount);
	out->private_fd = mountpoint_private(mnt, o->path);
	close(mnt);
	return true;
}

static bool mount_as_root(const struct mountpoint_options *o, int at,
			  struct mountpoint_mounted *out)
{
	int fd, fs;
	bool ok;

	if (!open_device(&fd))
		return false;
	fs = make_filesystem(o, fd);
	ok = fs >= 0 ? attach(o, at, fs, out) : refuse_mount(o->path);
	if (fs >= 0)
		close(fs);
	if (ok)
		out->fuse_fd = fd;
	else
		close(fd);
	return ok;
}

/* ---- everyone else ---- */

/* What fusermount3 has mounted, by a path. */
static void find_mounted(const struct mountpoint_options *o, struct mountpoint_mounted *out)
{
	int fd = open(o->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct mount_entry e;

	if (fd >= 0 && is_mount_root(fd, &e) && strcmp(e.type, MOUNTPOINT_TYPE) == 0 &&
	    strcmp(e.path, o->path) == 0)
		(void)mount_id_of(fd, &out->mount);
	else
		log_say(LOGGED_WARNING,
			"%s: what is mounted there cannot be told apart: watchers will not hear of changes, and it is not unmounted at the end",
			o->path);
	if (fd >= 0)
		close(fd);
}

/* ---- both ---- */

/* Dead ones may lie on each other. */
static int look_and_replace(const struct mountpoint_options *o)
{
	struct mount_id m;
	int fd;

	for (int i = 0; i < 16; i++) {
		if (look(o, &fd) != THERE_DEAD)
			return fd;
		log_say(LOGGED_WARNING,
			"%s: a dead mount is there, left by a daemon that was killed; replacing it",
			o->path);
		if (!mount_id_of(fd, &m))
			m = (struct mount_id){0};
		close(fd);
		if (!mountpoint_unmount(&m))
			return -1;
	}
	refuse(o->path, "too many dead mounts lie on each other there");
	return -1;
}

/*
 * Not read-only, which would hold for the file system and not only for the mount: watchers hear of
 * changes that are made through it.  Who tries to change something gets the same answer.
 */
static int mount_as_user(const struct mountpoint_options *o)
{
	char *options;
	int fd;

	if (asprintf(&options, "nosuid,nodev,noexec%s,subtype=" MOUNTPOINT_SUBTYPE ",fsname=%s%s",
		     o->noatime ? ",noatime" : "", o->source,
		     o->allow_other ? ",allow_other" : "") < 0) {
		log_say(LOGGED_ERROR, "out of memory");
		return -1;
	}
	fd = mount_user_mount(o->path, options);
	free(options);
	return fd;
}

bool mountpoint_mount(const struct mountpoint_options *o, struct mountpoint_mounted *out)
{
	int at = look_and_replace(o);
	bool ok;

	*out = (struct mountpoint_mounted){.fuse_fd = -1, .private_fd = -1};
	if (at < 0)
		return false;
	if (geteuid() == 0) {
		ok = mount_as_root(o, at, out);
	} else {
		out->fuse_fd = mount_as_user(o);
		ok = out->fuse_fd >= 0;
		if (ok)
			find_mounted(o, out);
	}
	close(at);
	return ok;
}
