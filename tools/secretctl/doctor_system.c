/* SPDX-License-Identifier: ISC */
/*
 * doctor: what mounting needs of the system. Each thing is tried, not looked up.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor.h"
#include "secret.h"

#define ROOM (1u << 20) /* bytes: a value and its commit */

/* By doing what the daemon does, which raises its limit as far as it may. */
static void check_memlock(struct doctor *d)
{
	static const char todo[] =
		"ulimit -l 8192 # a unit: LimitMEMLOCK=8M; docker run --ulimit memlock=8388608";
	struct secret *small = NULL, *large = NULL;
	struct rlimit l;

	getrlimit(RLIMIT_MEMLOCK, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &l);
	if (secret_alloc(16384, &small))
		doctor_say(d, "memlock", STATE_MEND, todo,
			   "no memory can be locked: nothing will open");
	else if (secret_alloc(SECRET_MAX, &large))
		doctor_say(d, "memlock", STATE_MEND, todo,
			   "only %llu KiB of memory may be locked: large secrets will not open",
			   (unsigned long long)l.rlim_max / 1024);
	else
		doctor_say(d, "memlock", STATE_OK, NULL,
			   "memory for the largest secret can be locked");
	secret_free(small);
	secret_free(large);
}

static const char make_device[] =
	"modprobe fuse; [ -e /dev/fuse ] || mknod -m 0666 /dev/fuse c 10 229"
	" # in a container: --device /dev/fuse";

static void check_device(struct doctor *d)
{
	struct stat st;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		doctor_say(d, "/dev/fuse", STATE_OK, NULL, "it opens");
	} else if (stat("/dev/fuse", &st) < 0) {
		doctor_say(d, "/dev/fuse", STATE_MEND, make_device, "it is not there");
	} else {
		doctor_say(d, "/dev/fuse", STATE_MEND,
			   errno == EACCES ? "chmod 0666 /dev/fuse" : make_device,
			   "it does not open: %s", strerror(errno));
	}
}

static bool in_path(const char *program, char out[PATH_MAX])
{
	const char *path = getenv("PATH");

	if (!path || !*path)
		path = "/usr/bin:/bin";
	while (*path) {
		size_t len = strcspn(path, ":");

		snprintf(out, PATH_MAX, "%.*s/%s", (int)len, path, program);
		if (access(out, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* root mounts by itself; everybody else by this program. */
static void check_fusermount(struct doctor *d)
{
	enum state bad = geteuid() == 0 ? STATE_NOTE : STATE_MEND;
	char path[PATH_MAX], todo[DOCTOR_COMMAND];
	struct stat st;

	if (!in_path("fusermount3", path))
		doctor_say(d, "fusermount3", bad, "apt-get install fuse3",
			   "it is not in PATH: only root can mount");
	else if (stat(path, &st) < 0 || st.st_uid != 0 || !(st.st_mode & S_ISUID))
		doctor_say(d, "fusermount3", bad, doctor_command(todo, "chmod 4755 ", path, ""),
			   "%s is not set-user-id root: only root can mount", path);
	else if (access("/etc/mtab", R_OK) < 0) /* which it reads, to see whose a mount is */
		doctor_say(d, "fusermount3", bad, "ln -s ../proc/self/mounts /etc/mtab",
			   "/etc/mtab is not there: only root can unmount");
	else
		doctor_say(d, "fusermount3", STATE_OK, NULL, "%s", path);
}

static void check_allow_other(struct doctor *d)
{
	FILE *f = fopen("/etc/fuse.conf", "re");
	char line[256];
	bool found = false;

	while (f && fgets(line, sizeof(line), f)) {
		char *p = line + strspn(line, " \t");

		p[strcspn(p, " \t\r\n")] = 0;
		found |= strcmp(p, "user_allow_other") == 0;
	}
	if (f)
		fclose(f);
	if (found || geteuid() == 0)
		doctor_say(d, "allow_other", STATE_OK, NULL, "%s",
			   found ? "user_allow_other stands in /etc/fuse.conf" : "root may always");
	else
		doctor_say(
			d, "allow_other", STATE_NOTE, "echo user_allow_other >> /etc/fuse.conf",
			"without user_allow_other in /etc/fuse.conf nobody else, not even root or a "
			"container, can use your mounts");
}

/* What is there is whole when a disk is full; nothing more is accepted. */
void doctor_room(struct doctor *d, const char *path)
{
	char todo[DOCTOR_COMMAND];
	struct statvfs fs;

	if (statvfs(path, &fs) < 0 || (uint64_t)fs.f_bavail * fs.f_frsize >= ROOM)
		return;
	doctor_say(d, "room", STATE_MEND,
		   doctor_command(todo, "df ", path, " # then make room on that file system"),
		   "the file system of %s is full: %llu KiB are left", path,
		   (unsigned long long)fs.f_bavail * fs.f_frsize / 1024);
}

void doctor_system(struct doctor *d)
{
	check_memlock(d);
	check_device(d);
	check_fusermount(d);
	check_allow_other(d);
}
