/* SPDX-License-Identifier: ISC */
#include "service_manager.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "mountpoint.h"
#include "shm.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define MAX_FDS 512
#define SEND_SECONDS 2

enum kept { KEPT_FUSE, KEPT_SHARED, KEPT_MOUNT };
static const char *const names[MANAGER_KEPT] = {
	[KEPT_FUSE] = "secretfs-fuse",
	[KEPT_SHARED] = "secretfs-shared",
	[KEPT_MOUNT] = "secretfs-mount", /* struct kept_mount */
};

struct kept_mount { /* what the other two are of */
	uint32_t version;
	struct mount_id mount;
	char mountpoint[PATH_MAX];
};

/* ---- telling ---- */

static bool address(struct sockaddr_un *to, socklen_t *size)
{
	const char *path = secure_getenv("NOTIFY_SOCKET");
	size_t len;

	if (!path || (path[0] != '/' && path[0] != '@'))
		return false;
	len = strlen(path);
	if (len >= sizeof(to->sun_path))
		return false;
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(to->sun_path, path, len);
	if (path[0] == '@')
		to->sun_path[0] = '\0'; /* the abstract namespace */
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static void attach(struct msghdr *h, void *space, size_t size, int fd)
{
	struct cmsghdr *c;

	h->msg_control = space;
	h->msg_controllen = size;
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

/* fd -1: none.  Who has not taken one message in time is not waited for with the next. */
static void tell(const char *message, int fd)
{
	static bool slow;
	const struct timeval patience = {.tv_sec = SEND_SECONDS};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)message, strlen(message)};
	struct sockaddr_un to;
	struct msghdr h = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1};
	int s;

	if (!address(&to, &h.msg_namelen))
		return;
	if (fd >= 0)
		attach(&h, control.space, sizeof(control.space), fd);
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return;
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	slow = sendmsg(s, &h, MSG_NOSIGNAL | (slow ? MSG_DONTWAIT : 0)) < 0;
	if (slow)
		log_say(LOGGED_DEBUG, "NOTIFY_SOCKET: %s", strerror(errno));
	close(s);
}

void service_manager_notify(const char *message)
{
	tell(message, -1);
}

/* ---- keeping ---- */

static int describe(const char *mountpoint, const struct mount_id *mount)
{
	struct kept_mount k = {.version = HANDOVER_VERSION, .mount = *mount};
	int n = snprintf(k.mountpoint, sizeof(k.mountpoint), "%s", mountpoint);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(k.mountpoint) || !mount->id)
		return -1;
	fd = memfd_create("secretfs mount", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 && pwrite(fd, &k, sizeof(k), 0) == (ssize_t)sizeof(k) &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return handover_keep(fd);
	if (fd >= 0)
		close(fd);
	return -1;
}

void service_manager_forget(void)
{
	char message[64];

	for (int i = 0; i < MANAGER_KEPT; i++) {
		snprintf(message, sizeof(message), "FDSTOREREMOVE=1\nFDNAME=%s", names[i]);
		tell(message, -1);
	}
}

void service_manager_keep(const char *mountpoint, const struct mount_id *mount,
			  const struct handover *h)
{
	int fd[MANAGER_KEPT] = {h->fd[HANDOVER_FUSE], h->fd[HANDOVER_SHARED], -1};
	char message[64];

	if (!secure_getenv("NOTIFY_SOCKET"))
		return;
	service_manager_forget(); /* of another life */
	fd[KEPT_MOUNT] = describe(mountpoint, mount);
	if (fd[KEPT_MOUNT] < 0)
		return;
	for (int i = 0; i < MANAGER_KEPT; i++) {
		snprintf(message, sizeof(message), "FDSTORE=1\nFDNAME=%s", names[i]);
		tell(message, fd[i]);
	}
	close(fd[KEPT_MOUNT]);
}

/* ---- taking ---- */

static void take(struct service_manager *m, int fd, const char *name, size_t len)
{
	for (int i = 0; i < MANAGER_KEPT; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
			if (m->fd[i] >= 0)
				close(m->fd[i]);
			m->fd[i] = handover_keep(fd);
			fcntl(m->fd[i], F_SETFD, FD_CLOEXEC);
			return;
		}
	close(fd);
}

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

void service_manager_take(struct service_manager *m)
{
	const char *name = getenv("LISTEN_FDNAMES");
	long n = number("LISTEN_FDS");

	for (int i = 0; i < MANAGER_KEPT; i++)
		m->fd[i] = -1;
	if (number("LISTEN_PID") == getpid() && n > 0 && n <= MAX_FDS)
		for (int fd = FIRST_FD; fd < FIRST_FD + (int)n; fd++) {
			size_t len = name ? strcspn(name, ":") : 0;

			take(m, fd, name ? name : "", len);
			if (name)
				name += len + (name[len] == ':');
		}
	/* They mean this process alone. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

/* ---- believing ---- */

/* NULL: it is sealed, and what fits this program. */
static const char *doubt_shared(int fd)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	const struct shm *s;
	const char *doubt = NULL;
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size != (off_t)sizeof(*s) ||
	    (fcntl(fd, F_GET_SEALS) & seals) != seals)
		return "its memory is of another version";
	s = mmap(NULL, sizeof(*s), PROT_READ, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return "its memory cannot be mapped";
	if (s->version != HANDOVER_VERSION)
		doubt = "its memory is of another version";
	else if (s->init_len > sizeof(s->init) || (s->init_answered && !s->init_len) ||
		 shm_pending(s) > SHM_SLOT_SIZE)
		doubt = "its memory makes no sense";
	munmap((void *)(uintptr_t)s, sizeof(*s));
	return doubt;
}

static const char *doubt_fuse(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(10, 229))
		return "that is not /dev/fuse";
	if (poll(&p, 1, 0) < 0 || (p.revents & (POLLERR | POLLHUP | POLLNVAL)))
		return "the mount is over";
	return NULL;
}

/* *mount: what was kept, if it is what is mounted there now; the living mount is asked nothing, since
 * nobody would answer. */
static const char *doubt_mount(int fd, const char *mountpoint, struct mount_id *mount)
{
	struct kept_mount k;
	int there;

	if (pread(fd, &k, sizeof(k), 0) != (ssize_t)sizeof(k))
		return "its description is of another version";
	k.mountpoint[sizeof(k.mountpoint) - 1] = '\0';
	if (strcmp(k.mountpoint, mountpoint) != 0)
		return "it is of another mount point";
	there = mount_id_open(mountpoint, &k.mount);
	if (there < 0)
		return "it is mounted there no more";
	close(there);
	*mount = k.mount;
	return k.version == HANDOVER_VERSION ? NULL : "it is of another version";
}

static const char *doubt_all(const struct service_manager *m, const char *mountpoint,
			     struct mount_id *mount)
{
	const char *doubt;

	*mount = (struct mount_id){0};
	for (int i = 0; i < MANAGER_KEPT; i++)
		if (m->fd[i] < 0)
			return "it is not whole";
	doubt = doubt_fuse(m->fd[KEPT_FUSE]);
	if (!doubt)
		doubt = doubt_mount(m->fd[KEPT_MOUNT], mountpoint, mount);
	return doubt ? doubt : doubt_shared(m->fd[KEPT_SHARED]);
}

static void drop(struct service_manager *m)
{
	for (int i = 0; i < MANAGER_KEPT; i++) {
		if (m->fd[i] >= 0)
			close(m->fd[i]);
		m->fd[i] = -1;
	}
}

bool service_manager_adopt(struct service_manager *m, const char *mountpoint, struct handover *h,
			   struct mount_id *mount)
{
	const char *doubt;
	bool given = false;

	for (int i = 0; i < MANAGER_KEPT; i++)
		given |= m->fd[i] >= 0;
	if (!given)
		return false;
	doubt = doubt_all(m, mountpoint, mount);
	if (!doubt) {
		h->fd[HANDOVER_FUSE] = m->fd[KEPT_FUSE];
		h->fd[HANDOVER_SHARED] = m->fd[KEPT_SHARED];
		m->fd[KEPT_FUSE] = m->fd[KEPT_SHARED] = -1;
		drop(m);
		return true;
	}
	log_say(LOGGED_WARNING,
		"%s: the state kept by the service manager is unusable (%s); mounting anew",
		mountpoint, doubt);
	(void)mountpoint_unmount(mount);
	*mount = (struct mount_id){0};
	service_manager_forget();
	drop(m);
	return false;
}
