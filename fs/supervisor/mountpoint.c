/* SPDX-License-Identifier: ISC */
#include "mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

#define SUBTYPE "secretfs"
#define TYPE "fuse." SUBTYPE
#define FUSE_CONF "/etc/fuse.conf"
#define HELPER "fusermount3"

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
			path, geteuid() ? HELPER " -u -z" : "umount -l", path);
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

static bool is_fuse_root(int fd)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(fd, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC && fstat(fd, &st) == 0 &&
	       st.st_ino == 1;
}

/* mountinfo writes blanks and backslashes as \ooo (proc(5)). */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

bool mountpoint_device(const char *path, char device[static MOUNTPOINT_DEVICE])
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *where = NULL, *type = NULL, *dev = NULL;
	bool ours = false;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		/* id parent major:minor root path options tags... - type source options */
		const char *dash = strstr(line, " - ");

		if (dash && sscanf(line, "%*s %*s %ms %*s %ms", &dev, &where) == 2) {
			unescape(where);
			if (strcmp(where, path) == 0 && sscanf(dash, " - %ms", &type) == 1) {
				ours = strcmp(type, TYPE) == 0;
				snprintf(device, MOUNTPOINT_DEVICE, "%s", dev);
				free(type);
			}
			free(where);
			free(dev);
		}
	}
	free(line);
	if (f)
		fclose(f);
	return ours;
}

static bool is_ours(const char *path)
{
	char device[MOUNTPOINT_DEVICE];

	return mountpoint_device(path, device);
}

/* Left by a daemon all of whose processes were killed: everything there fails, for good. */
static bool replace_dead(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 || errno != ENOTCONN || !is_ours(path))
		return false;
	log_say(LOGGED_WARNING,
		"%s: a dead mount is there, left by a daemon that was killed; replacing it", path);
	mountpoint_unmount(path);
	return true;
}

static bool check_once(const struct mountpoint_options *o)
{
	int fd = open(o->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	bool ok = true;

	/* O_PATH does not ask a dead mount anything, stat does. */
	if (fd < 0 && errno == ENOTDIR)
		return refuse(o->path, "not a directory; a mount point has to be one");
	if (fd < 0 || fstat(fd, &st) != 0) {
		ok = refuse_errno(o->path);
	} else if (!o->may_be_nonempty && is_fuse_root(fd)) {
		log_say(LOGGED_ERROR,
			"%s: something is mounted here already; take it off with: umount %s",
			o->path, o->path);
		ok = false;
	} else if (!o->may_be_nonempty && !is_empty(fd)) {
		ok = refuse(o->path,
			    "not empty, and what is in it would be hidden; mount on an empty "
			    "directory, or say -o nonempty");
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

bool mountpoint_check(const struct mountpoint_options *o)
{
	/* One may lie on another. */
	for (int i = 0; i < 16 && replace_dead(o->path); i++)
		;
	return check_once(o);
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
		{"source", o->source}, {"subtype", SUBTYPE}, {"fd", fd},
		{"rootmode", "40000"}, {"user_id", uid},     {"group_id", gid},
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

/* mnt: its root.  Of the server nothing may be asked here: it may not answer yet. */
static void find_mounted(int mnt, const char *path, struct mountpoint_mounted *out)
{
	struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
	struct statx st = {0};

	if (statx(mnt, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) == 0 &&
	    (st.stx_mask & STATX_MNT_ID))
		out->id = st.stx_mnt_id;
	out->private_fd = open_tree(mnt, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (out->private_fd < 0 ||
	    mount_setattr(out->private_fd, "", AT_EMPTY_PATH, &writable, sizeof(writable)) != 0)
		log_say(LOGGED_WARNING, "%s: watchers will not hear of changes: %s", path,
			strerror(errno));
}

void mountpoint_find(const char *path, struct mountpoint_mounted *out)
{
	int mnt = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	*out = (struct mountpoint_mounted){.fuse_fd = -1, .private_fd = -1};
	if (mnt < 0)
		return;
	if (geteuid() == 0)
		find_mounted(mnt, path, out);
	close(mnt);
}

/* Read-only from the first moment, and in every place it propagates to. */
static bool attach(const struct mountpoint_options *o, int fs, struct mountpoint_mounted *out)
{
	int mnt = fsmount(fs, FSMOUNT_CLOEXEC,
			  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				  MOUNT_ATTR_NOEXEC | (o->noatime ? MOUNT_ATTR_NOATIME : 0));

	if (mnt < 0)
		return refuse_mount(o->path);
	if (move_mount(mnt, "", AT_FDCWD, o->path, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
		refuse_mount(o->path);
		close(mnt);
		return false;
	}
	find_mounted(mnt, o->path, out);
	close(mnt);
	return true;
}

static bool mount_as_root(const struct mountpoint_options *o, struct mountpoint_mounted *out)
{
	int fd, fs;
	bool ok;

	if (!open_device(&fd))
		return false;
	fs = make_filesystem(o, fd);
	ok = fs >= 0 ? attach(o, fs, out) : refuse_mount(o->path);
	if (fs >= 0)
		close(fs);
	if (ok)
		out->fuse_fd = fd;
	else
		close(fd);
	return ok;
}

/* ---- everyone else ---- */

/* The descriptor that fusermount3 passes (its man page; message of one byte with SCM_RIGHTS). */
static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* posix_spawn, since it copies no memory: a fork would copy secrets out of their locked pages. */
static bool run_helper(char *const argv[], int socket, int *status)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;
	int e;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&actions);
	if (socket >= 0)
		posix_spawn_file_actions_adddup2(&actions, socket,
						 socket); /* clears close-on-exec */
	e = posix_spawnp(&pid, argv[0], &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (e) {
		log_say(LOGGED_ERROR, "%s: %s; install the package fuse3", argv[0], strerror(e));
		return false;
	}
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

/*
 * Not read-only, which would hold for the file system and not only for the mount: watchers hear of
 * changes that are made through it.  Who tries to change something gets the same answer.
 */
static bool mount_as_user(const struct mountpoint_options *o, struct mountpoint_mounted *out)
{
	char helper[] = HELPER, dash_o[] = "-o", end[] = "--", number[16];
	char *options, *path = strdup(o->path);
	int pair[2], status = -1, fd = -1;

	if (!path || asprintf(&options, "nosuid,nodev,noexec%s,subtype=secretfs,fsname=%s%s",
			      o->noatime ? ",noatime" : "", o->source,
			      o->allow_other ? ",allow_other" : "") < 0) {
		free(path);
		return refuse(o->path, "out of memory");
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		char *argv[] = {helper, dash_o, options, end, path, NULL};

		snprintf(number, sizeof(number), "%d", pair[0]);
		setenv("_FUSE_COMMFD", number, 1);
		if (run_helper(argv, pair[0], &status) && status == 0)
			fd = receive_fd(pair[1]);
		unsetenv("_FUSE_COMMFD");
		close(pair[0]);
		close(pair[1]);
	}
	free(options);
	free(path);
	if (fd < 0)
		return refuse(o->path,
			      "fusermount3 did not mount it (what it says stands above); the "
			      "directory must be yours and /dev/fuse accessible");
	out->fuse_fd = fd;
	return true;
}

bool mountpoint_mount(const struct mountpoint_options *o, struct mountpoint_mounted *out)
{
	*out = (struct mountpoint_mounted){.fuse_fd = -1, .private_fd = -1};
	return geteuid() == 0 ? mount_as_root(o, out) : mount_as_user(o, out);
}

bool mountpoint_is_there(int mountinfo, uint64_t id)
{
	int copy = dup(mountinfo);
	FILE *f = copy >= 0 ? fdopen(copy, "re") : NULL;
	char *line = NULL;
	bool there = !f;
	size_t cap = 0;

	if (!f && copy >= 0)
		close(copy);
	if (f)
		rewind(f);
	while (!there && getline(&line, &cap, f) > 0)
		there = strtoull(line, NULL, 10) == id;
	free(line);
	if (f)
		fclose(f);
	return there;
}

void mountpoint_unmount(const char *path)
{
	char helper[] = HELPER, u[] = "-u", q[] = "-q", z[] = "-z", end[] = "--", *copy;
	int status;

	if (geteuid() == 0) {
		if (umount2(path, UMOUNT_NOFOLLOW) != 0)
			umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH);
		return;
	}
	if ((copy = strdup(path))) {
		char *argv[] = {helper, u, q, z, end, copy, NULL};

		run_helper(argv, -1, &status);
	}
	free(copy);
}
