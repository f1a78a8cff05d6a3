/* SPDX-License-Identifier: ISC */
/*
 * umount: from a mount to none, with its daemon ended.
 */
#include <errno.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount_check.h"
#include "mounts.h"
#include "ui.h"

#define WORD(s) ((char *)(uintptr_t)(s)) /* exec's argv is not const, and not written to */

static int run_fusermount(const char *path, bool lazy)
{
	char *argv[] = {WORD("fusermount3"), WORD("-u"), WORD(lazy ? "-z" : "--"), WORD(path),
			NULL};
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

#define USERS_MAX 8

/* Processes that use it, this one apart, which may stand in it as well. */
static size_t find_users(const char *path, pid_t out[static USERS_MAX])
{
	pid_t found[USERS_MAX + 1];
	size_t n = mounts_users(path, found, USERS_MAX + 1), kept = 0;

	for (size_t i = 0; i < n && kept < USERS_MAX; i++)
		if (found[i] != getpid())
			out[kept++] = found[i];
	return kept;
}

static void say_users(const pid_t *pids, size_t n)
{
	char comm[32];

	for (size_t i = 0; i < n; i++) {
		mounts_comm(pids[i], comm, sizeof(comm));
		ui_hint("in use by process %d (%s)", (int)pids[i], comm);
	}
}

static void say_busy(const char *path)
{
	pid_t pids[USERS_MAX];

	say_users(pids, find_users(path, pids));
	ui_hint("end what uses it, or take it out of the tree now: secretctl umount --lazy %s",
		path);
}

static int find_owner(void *arg, const struct mounts_line *line)
{
	struct mounts_line *want = arg;

	if (strcmp(line->path, want->path) == 0)
		want->owner = line->owner; /* the last one counts */
	return 0;
}

/* What fusermount3 says to somebody else tells nobody whose it is. */
static int check_owner(const char *path)
{
	struct mounts_line line = {.path = path, .owner = geteuid()};
	const struct passwd *pw;

	(void)mounts_each(find_owner, &line);
	if (line.owner == geteuid() || geteuid() == 0)
		return 0;
	/* cppcheck-suppress getpwuidCalled ; there is one thread */
	pw = getpwuid(line.owner);
	if (pw)
		ui_error("%s is the mount of %s, and not yours", path, pw->pw_name);
	else
		ui_error("%s is the mount of user %u, and not yours", path, (unsigned)line.owner);
	ui_hint("only they or root can unmount it: sudo secretctl umount %s", path);
	return STATUS_FAILED;
}

static int take_down(const char *path, bool lazy)
{
	int error;

	if (geteuid() != 0) {
		if (check_owner(path))
			return STATUS_FAILED;
		if (run_fusermount(path, lazy) == 0)
			return 0;
		ui_error("fusermount3 could not unmount %s", path);
		say_busy(path);
		return STATUS_FAILED;
	}
	if (umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	error = errno;
	ui_error("unmount %s: %s", path, strerror(error));
	if (error == EBUSY)
		say_busy(path);
	return STATUS_FAILED;
}

/* It is out of the tree, and served on: to those who had it open, or to another namespace. */
static void say_served(const char *path, pid_t daemon, const pid_t *users, size_t n)
{
	ui_warn("%s is unmounted here, but its daemon (process %d) still serves it", path,
		(int)daemon);
	say_users(users, n);
	ui_hint("%s", n ? "it ends when they close what they have open"
			: "a container or another mount namespace holds it; it ends when they do");
}

int umount_run(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	char *path = NULL;
	pid_t daemons[32], users[USERS_MAX];
	char type[64];
	size_t n = 0, nusers = 0;
	int status = ctx_open(c, &s);

	if (!status)
		status = mount_check_path(&s, &path);
	if (!status && !mounts_find(path, type, sizeof(type))) {
		ui_error("nothing is mounted at %s", path);
		ui_hint("what is mounted: secretctl get mount");
		status = STATUS_FAILED;
	} else if (!status && strcmp(type, "fuse.secretfs") != 0) {
		ui_error("what is mounted at %s is no secretfs: %s", path, type);
		ui_hint("what is: secretctl get mount; to take that away: umount %s", path);
		status = STATUS_FAILED;
	}
	if (!status) {
		n = mounts_daemons(path, daemons, 32);
		nusers = call_has(c, FLAG_LAZY) ? find_users(path, users) : 0;
		status = take_down(path, call_has(c, FLAG_LAZY));
	}
	/* those who have it open are not waited for: they were told to go on */
	if (!status && n && (nusers || !mounts_wait_gone(daemons, n, 10000)))
		say_served(path, daemons[0], users, nusers);
	if (!status)
		printf("unmounted %s\n", path);
	free(path);
	return status;
}

/* The policy's section goes; bundle and mount point stay. */
int umount_delete_mount(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	POLICY_EDIT_CLEANUP struct policy_edit *edit = NULL;
	struct policy_error e = {0};
	char section[PATH_MAX + 16], text[ERRMSG_POLICY];
	char *path = NULL;
	int r, status = ctx_open(c, &s);

	if (!status)
		status = mount_check_path(&s, &path);
	if (!status && mounts_is_ours(path)) {
		ui_error("%s is mounted", path);
		ui_hint("unmount it first: secretctl umount %s", path);
		status = STATUS_FAILED;
	}
	if (status) {
		free(path);
		return status;
	}
	snprintf(section, sizeof(section), "mount %s", path);
	r = policy_edit_open(s.paths[PATH_POLICY], &edit, &e);
	if (!r)
		r = policy_edit_remove(edit, section);
	if (r == ERR_NOENT || r == ERR_INVAL || r == ERR_TOOBIG) {
		ui_error("the policy records no mount at %s", path);
		ui_hint("see: secretctl get mount, and %s", s.paths[PATH_POLICY]);
		status = STATUS_FAILED;
	} else {
		r = r ? r : policy_edit_save(edit, &e);
		if (r)
			ui_error("%s", errmsg_policy(s.paths[PATH_POLICY], &e, r, text));
		else
			printf("deleted the mount %s from %s\n", path, s.paths[PATH_POLICY]);
		status = r ? STATUS_FAILED : 0;
	}
	free(path);
	return status;
}
