/* SPDX-License-Identifier: ISC */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "handover.h"
#include "io.h"
#include "log.h"

/* ---- what belongs to root, as the server's user sees it ---- */

static bool write_map(pid_t pid, const char *which, unsigned from, unsigned to)
{
	char path[64], line[64];
	FD_CLEANUP int fd = -1;
	int n = snprintf(line, sizeof(line), "%u %u 1\n", from, to);

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, line, (size_t)n) == n;
}

/*
 * The process that a namespace lives in until it is opened.  It holds nothing, and ends with who made it
 * however that ends: one that was left would keep the mount's and the bundle's descriptors for good.
 */
static _Noreturn void stand(pid_t maker)
{
	close_range(0, ~0u, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
		while (getppid() == maker)
			pause();
	_exit(0);
}

/* A user namespace in which owner is uid, and nobody else is anybody.  -1. */
static int open_namespace(const struct stat *owner, uid_t uid, gid_t gid)
{
	pid_t maker = getpid();
	char path[64];
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	int fd = -1;

	if (pid == 0)
		stand(maker);
	if (pid < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	if (write_map(pid, "uid_map", owner->st_uid, uid) &&
	    write_map(pid, "gid_map", owner->st_gid, gid))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

/* A private mount of the directory, with its owner mapped (mount_setattr(2), Linux 5.12). */
static int open_mapped(const char *dir, uint64_t attributes, uid_t uid, gid_t gid)
{
	struct mount_attr a = {.attr_set = (uint64_t)MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID |
					   MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | attributes};
	FD_CLEANUP int namespace = -1;
	struct stat st;
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree >= 0 && fstat(tree, &st) == 0 &&
	    (namespace = open_namespace(&st, uid, gid)) >= 0) {
		a.userns_fd = (uint64_t)(unsigned)namespace;
		if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &a, sizeof(a)) == 0)
			return handover_keep(tree);
	}
	io_close(tree);
	return -1;
}

static bool map_all(struct sandbox *s)
{
	int fd = open_mapped(s->store, MOUNT_ATTR_RDONLY, s->uid, s->gid);

	if (fd < 0)
		return false;
	snprintf(s->store_path, sizeof(s->store_path), "/proc/self/fd/%d", fd);
	if (!s->state)
		return true;
	fd = open_mapped(s->state, 0, s->uid, s->gid);
	if (fd < 0)
		return false;
	snprintf(s->state_path, sizeof(s->state_path), "/proc/self/fd/%d", fd);
	s->state = s->state_path;
	return true;
}

/* sys/mount.h of glibc 2.36 and linux/mount.h have these; neither can be counted on. */
#define PROC_FSOPEN_CLOEXEC 1
#define PROC_SET_STRING 1
#define PROC_CREATE 6

/* One of our own hides nobody, whatever the one at /proc does (hidepid), and nothing can lie over it. */
static int open_proc(void)
{
	FD_CLEANUP int fs = (int)syscall(SYS_fsopen, "proc", PROC_FSOPEN_CLOEXEC);
	int fd = -1;

	if (fs >= 0 && syscall(SYS_fsconfig, fs, PROC_SET_STRING, "subset", "pid", 0) == 0 &&
	    syscall(SYS_fsconfig, fs, PROC_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, fs, PROC_FSOPEN_CLOEXEC,
				  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					  MOUNT_ATTR_NOEXEC);
	return handover_keep(fd >= 0 ? fd : open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

bool sandbox_sees_all(const struct sandbox *s)
{
	FD_CLEANUP int fd = openat(s->proc, "1/status", O_RDONLY | O_CLOEXEC);

	return fd >= 0;
}

void sandbox_prepare(struct sandbox *s)
{
	s->proc = open_proc();
	/* What it loads is there before it is forbidden. */
	tzset();
	if (s->uid && map_all(s)) {
		s->store = s->store_path;
		return;
	}
	if (s->uid)
		log_say(LOGGED_WARNING,
			"%s: cannot be given to another user on this kernel or file system (%s): the server stays root, without its capabilities",
			s->store, strerror(errno));
	s->uid = 0;
}

/* ---- privileges ---- */

/*
 * The capabilities to keep: none.  But where root may not raise limits (without CAP_SYS_RESOURCE, as in
 * containers) the one for locking memory stays, which gives access to nothing: else a few large
 * values are all that may be open.
 */
static uint32_t lock_memory(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct now[2] = {0};
	uint32_t keep = 0;

	bool unlimited = setrlimit(RLIMIT_MEMLOCK, &all) == 0;

	if (!unlimited && syscall(SYS_capget, &h, now) == 0)
		keep = now[0].permitted & 1u << CAP_IPC_LOCK;
	/* Else values alone are locked, as far as the limit goes. */
	if (unlimited || keep)
		mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
	return keep;
}

static bool drop_capabilities(uint32_t keep)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct kept[2] = {{.effective = keep, .permitted = keep}};

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &h, kept) == 0;
}

static bool drop_user(const struct sandbox *s)
{
	return !s->uid || (setgroups(0, NULL) == 0 && setresgid(s->gid, s->gid, s->gid) == 0 &&
			   setresuid(s->uid, s->uid, s->uid) == 0);
}

static bool drop_bounding(void)
{
	for (int cap = 0; cap < 64 && geteuid() == 0; cap++)
		if (prctl(PR_CAPBSET_READ, cap) == 1 && prctl(PR_CAPBSET_DROP, cap) != 0)
			return false;
	return true;
}

int sandbox_drop(const struct sandbox *s)
{
	uint32_t keep = lock_memory();

	if (keep && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return ERR_IO;
	if (!drop_bounding() || !drop_user(s) || !drop_capabilities(keep) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return ERR_IO;
	/* Changing the user has made it traceable again. */
	return prctl(PR_SET_DUMPABLE, 0) == 0 ? 0 : ERR_IO;
}

/* ---- Landlock (linux/landlock.h; of newer versions than the header may know) ---- */

struct ruleset {
	uint64_t fs, net, scoped;
};
struct rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_TRUNCATE (1ull << 14)
#define READS (FS_READ_FILE | FS_READ_DIR)
#define CREATES (READS | FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_TRUNCATE)

static uint64_t known_fs(int abi)
{
	const unsigned bits[] = {0, 13, 14, 15, 15, 16};

	return (1ull << bits[abi < 5 ? abi : 5]) - 1;
}

static void allow(int ruleset, const char *path, uint64_t access)
{
	struct rule r = {.allowed = access, .parent = open(path, O_PATH | O_CLOEXEC)};

	if (r.parent < 0 || syscall(SYS_landlock_add_rule, ruleset, 1, &r, 0) != 0)
		log_say(LOGGED_DEBUG, "sandbox: %s: %s", path, strerror(errno));
	io_close(r.parent);
}

static void allow_store(int ruleset, const struct sandbox *s, const char *const *scopes, size_t n)
{
	char path[PATH_MAX];

	allow(ruleset, s->store, FS_READ_DIR);
	snprintf(path, sizeof(path), "%s/refs", s->store);
	allow(ruleset, path, READS);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/objects/%s", s->store, scopes[i]);
		allow(ruleset, path, READS);
	}
}

/* The floors of its own scopes, no other mount's (floor.h). */
static void allow_state(int ruleset, const struct sandbox *s, const char *store_id,
			const char *const *scopes, size_t n, uint64_t access)
{
	char path[PATH_MAX];

	for (size_t i = 0; s->state && i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", s->state, store_id, scopes[i]);
		allow(ruleset, path, access);
	}
}

/* False, and errno: there is none. */
static bool confine_files(const struct sandbox *s, const char *store_id, const char *const *scopes,
			  size_t n)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	struct ruleset r = {.net = abi >= 4 ? 3 : 0, .scoped = abi >= 6 ? 3 : 0};
	char proc[64];
	FD_CLEANUP int fd = -1;

	if (abi < 1)
		return false;
	r.fs = known_fs(abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, abi < 4 ? 8 : abi < 6 ? 16 : 24, 0);
	if (fd < 0)
		return false;
	allow_store(fd, s, scopes, n);
	allow_state(fd, s, store_id, scopes, n, CREATES & r.fs);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", s->proc);
	allow(fd, proc, FS_READ_FILE); /* groups of callers */
	return syscall(SYS_landlock_restrict_self, fd, 0) == 0;
}

int sandbox_files(const struct sandbox *s, const char *store_id, const char *const *scopes,
		  size_t n)
{
	if (confine_files(s, store_id, scopes, n))
		return 0;
	if (s->uid)
		log_say(LOGGED_WARNING,
			"no Landlock (%s): the server is kept from other files by its user alone",
			strerror(errno));
	else
		log_say(s->any ? LOGGED_WARNING : LOGGED_ERROR,
			"no Landlock (%s), and no user of its own: nothing keeps the server from other files, the root key among them%s",
			strerror(errno),
			s->any ? "" : "; it does not start so, unless told: -o sandbox=any");
	return s->uid || s->any ? 0 : ERR_IO;
}

/* ---- system calls ---- */

#define CALL(name) SCMP_SYS(name)

static const int allowed[] = {
	/* serving */
	CALL(read),
	CALL(write),
	CALL(writev),
	CALL(poll),
	CALL(ppoll),
	CALL(futex),
	CALL(clock_gettime),
	CALL(clock_nanosleep),
	CALL(nanosleep),
	CALL(getrandom),
	CALL(getrusage),
	CALL(sched_getaffinity),
	CALL(sched_yield),
	CALL(setpriority), /* without a capability it can only be lowered */
	CALL(restart_syscall),
	CALL(rt_sigreturn),
	CALL(rt_sigprocmask),
	CALL(rt_sigaction),
	/* memory */
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	CALL(mlock),
	CALL(mlock2),
	CALL(munlock),
	/* reading the store, the policy, the state; writing the state */
	CALL(openat),
	CALL(openat2),
	CALL(close),
	CALL(fstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(pread64),
	CALL(lseek),
	CALL(getdents64),
	CALL(fsync),
	CALL(fdatasync),
	CALL(flock),
	CALL(renameat),
	CALL(renameat2),
	CALL(rename),
	CALL(unlink),
	CALL(unlinkat),
	CALL(mkdir),
	CALL(mkdirat),
	CALL(fchmod),
	CALL(readlink),
	CALL(readlinkat),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(pwrite64),
	CALL(umask),
	/* watching them, and talking to supervisor and helper */
	CALL(inotify_init1),
	CALL(inotify_add_watch),
	CALL(inotify_rm_watch),
	CALL(eventfd2),
	CALL(sendmsg),
	CALL(recvmsg),
	CALL(sendto),
	CALL(recvfrom),
	CALL(fcntl),
	CALL(dup2),
	CALL(dup3),
	/* threads, and the end */
	CALL(set_robust_list),
	CALL(rseq),
	CALL(getpid),
	CALL(gettid),
	CALL(geteuid),
	CALL(getuid),
	CALL(getegid),
	CALL(getgid),
	CALL(sysinfo),
	CALL(uname),
	CALL(exit),
	CALL(exit_group),
};

static int add_rules(scmp_filter_ctx c)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && r == 0; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, allowed[i], 0);
	/* No code that was not there; no process, threads only (clone3 cannot be looked into: libc
	 * falls back on clone). */
	r |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(mmap), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	r |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(mprotect), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	r |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(clone), 1,
			      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	r |= seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
	/* What libc tries by itself and does without: another syslog, the sizes of stacks. */
	r |= seccomp_rule_add(c, SCMP_ACT_ERRNO(EACCES), CALL(socket), 0);
	r |= seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
	return r;
}

int sandbox_calls(void)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = c ? add_rules(c) : -1;

	if (r == 0)
		r = seccomp_load(c);
	seccomp_release(c);
	return r == 0 ? 0 : ERR_IO;
}
