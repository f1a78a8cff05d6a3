/* SPDX-License-Identifier: ISC */
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST 3	 /* the fixed numbers: FIRST + enum handover_fd */
#define ASIDE 32 /* everything else is kept above */
_Static_assert(FIRST + HANDOVER_FDS <= ASIDE, "room for the fixed numbers");

#define BIT(f) (1u << HANDOVER_##f)
#define COMMON (BIT(EXE) | BIT(CONFIG) | BIT(FUSE))

/* Supervisor and helper hold everything, so that either can start the other and a server. */
const unsigned handover_for_supervisor = (1u << HANDOVER_FDS) - 1;
const unsigned handover_for_helper = (1u << HANDOVER_FDS) - 1;
const unsigned handover_for_server = BIT(CONFIG) | BIT(FUSE) | BIT(SHARED) | BIT(BUNDLE) |
				     BIT(BUNDLE_BEFORE) | BIT(SERVER) | BIT(EVENTS_OUT) |
				     BIT(POLICY_READ) | BIT(POLICY_WATCH);
const unsigned handover_for_standin = BIT(CONFIG) | BIT(FUSE) | BIT(SHARED);

static const char *const names[] = {
	[ROLE_SUPERVISOR] = "supervisor",
	[ROLE_SERVER] = "server",
	[ROLE_HELPER] = "helper",
	[ROLE_STANDIN] = "stand-in",
};

/* ---- roles ---- */

enum role handover_role(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[1], "--role") != 0)
		return ROLE_START;
	for (int r = ROLE_SUPERVISOR; r <= ROLE_STANDIN; r++)
		if (strcmp(argv[2], names[r]) == 0)
			return (enum role)r;
	return ROLE_START;
}

int handover_keep(int fd)
{
	int up;

	if (fd < 0 || fd >= ASIDE)
		return fd;
	up = fcntl(fd, F_DUPFD_CLOEXEC, ASIDE);
	close(fd);
	return up;
}

void handover_take(struct handover *h)
{
	for (int i = 0; i < HANDOVER_FDS; i++)
		h->fd[i] = fcntl(FIRST + i, F_GETFD) >= 0 ? handover_keep(FIRST + i) : -1;
	prctl(PR_SET_NAME, "secretfs");
}

void handover_exec(const struct handover *h, unsigned which, int exe, enum role role,
		   const char *mountpoint)
{
	char self[] = "secretfs", flag[] = "--role", name[16], path[PATH_MAX];
	char *argv[] = {self, flag, name, path, NULL};

	snprintf(name, sizeof(name), "%s", names[role]);
	snprintf(path, sizeof(path), "%s", mountpoint);
	exe = fcntl(exe, F_DUPFD_CLOEXEC, ASIDE);
	for (int i = 0; i < HANDOVER_FDS; i++)
		if (!(which & 1u << i) || h->fd[i] < 0 || dup2(h->fd[i], FIRST + i) < 0)
			close(FIRST + i);
	syscall(SYS_close_range, FIRST + HANDOVER_FDS, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
	syscall(SYS_execveat, exe, "", argv, environ, AT_EMPTY_PATH);
}

pid_t handover_spawn(const struct handover *h, unsigned which, int exe, enum role role,
		     const char *mountpoint)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	handover_exec(h, which, exe, role, mountpoint);
	_exit(127);
}

/* ---- memory ---- */

static int new_memory(const char *name, size_t size, int *fd)
{
	int new = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (new < 0 || ftruncate(new, (off_t)size) != 0) {
		if (new >= 0)
			close(new);
		return ERR_IO;
	}
	*fd = handover_keep(new);
	return 0;
}

int handover_save_config(const struct mount_config *c, int *out)
{
	int fd, r = new_memory("secretfs config", sizeof(*c), &fd);

	if (r < 0)
		return r;
	if (pwrite(fd, c, sizeof(*c), 0) != (ssize_t)sizeof(*c) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		close(fd);
		return ERR_IO;
	}
	*out = fd;
	return 0;
}

static int map(int fd, size_t size, int prot, void **out)
{
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) != 0)
		return ERR_IO;
	if (st.st_size != (off_t)size)
		return ERR_FORMAT;
	p = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return ERR_IO;
	*out = p;
	return 0;
}

int handover_map_config(int fd, const struct mount_config **out)
{
	void *p;
	int r = map(fd, sizeof(struct mount_config), PROT_READ, &p);
	const struct mount_config *c = r < 0 ? NULL : p;

	if (r < 0)
		return r;
	if (c->version != HANDOVER_VERSION || c->size != sizeof(*c))
		return ERR_FORMAT;
	*out = c;
	return 0;
}

int handover_new_control(const struct mount_id *mount, int *fd)
{
	const struct control c = {.version = HANDOVER_VERSION, .mount = *mount};
	int r = new_memory("secretfs control", sizeof(c), fd);

	if (r == 0 && pwrite(*fd, &c, sizeof(c), 0) != (ssize_t)sizeof(c))
		r = ERR_IO;
	return r;
}

int handover_map_control(int fd, struct control **out)
{
	void *p;
	int r = map(fd, sizeof(struct control), PROT_READ | PROT_WRITE, &p);

	if (r == 0 && ((struct control *)p)->version != HANDOVER_VERSION)
		r = ERR_FORMAT;
	if (r == 0)
		*out = p;
	return r;
}

/* ---- locks ---- */

static struct flock byte(int which)
{
	return (struct flock){
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = which, .l_len = 1};
}

int handover_lock(int fd, int which, bool wait)
{
	struct flock l = byte(which);
	int r;

	do
		r = fcntl(fd, wait ? F_SETLKW : F_SETLK, &l);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? ERR_CONFLICT : ERR_IO;
}

pid_t handover_holder(int fd, int which)
{
	struct flock l = byte(which);

	if (fcntl(fd, F_GETLK, &l) != 0 || l.l_type == F_UNLCK)
		return 0;
	return l.l_pid;
}

/* ---- messages ---- */

bool message_send(int channel, const struct message *m, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)m, sizeof(*m)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control.space;
		h.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(channel, &h, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(*m);
}

/* The first of those that came.  The space that alignment adds to one has room for a second: who sends
 * two is not to fill our table. */
static int take_descriptor(const struct cmsghdr *c)
{
	int fd, first = -1;

	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		if (first < 0)
			first = fd;
		else
			close(fd);
	}
	return handover_keep(first);
}

bool message_receive(int channel, struct message *m, int *fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	/* cppcheck-suppress ctuuninitvar ; it is what recvmsg fills */
	struct iovec iov = {m, sizeof(*m)};
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n = recvmsg(channel, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;

	*fd = c ? take_descriptor(c) : -1;
	if (n == (ssize_t)sizeof(*m)) {
		m->scope.project[sizeof(m->scope.project) - 1] = '\0';
		m->scope.domain[sizeof(m->scope.domain) - 1] = '\0';
		return true;
	}
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return false;
}
