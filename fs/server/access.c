/* SPDX-License-Identifier: ISC */
#include "access.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */
#define GROUPS_USUAL 64

static struct policy_decision decide_by_groups(const struct policy_access *a,
					       const struct access_caller *c)
{
	gid_t usual[GROUPS_USUAL], *groups = usual, *many = NULL;
	int n = c->groups(c->arg, usual, GROUPS_USUAL);
	struct policy_decision d;

	if (n > GROUPS_USUAL && n <= GROUPS_MAX && (many = calloc((size_t)n, sizeof(*many)))) {
		int cap = n;

		groups = many;
		n = c->groups(c->arg, many, cap);
		if (n > cap)
			n = cap;
	} else if (n > GROUPS_USUAL) {
		n = -1;
	}
	/*
	 * Unknown groups (the caller is gone, or outside this pid namespace) could be a group that is
	 * denied, or one whose mode bits allow less than those of others.
	 */
	if (n < 0)
		d = (struct policy_decision){POLICY_DENY, a->line, "groups unknown"};
	else
		d = policy_decide(a, c->uid, c->gid, groups, (size_t)n);
	free(many);
	return d;
}

struct policy_decision access_decide(const struct policy_access *a, const struct access_caller *c)
{
	struct policy_decision d = policy_decide(a, c->uid, c->gid, NULL, 0);

	if (d.answer == POLICY_ASK_GROUPS)
		d = decide_by_groups(a, c);
	if (d.answer == POLICY_ASK_GROUPS)
		d.answer = POLICY_DENY;
	return d;
}

bool access_expired(uint64_t expires, uint64_t commit_time)
{
	struct timespec now;
	uint64_t s;

	if (!expires)
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	s = now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
	if (commit_time / 1000000000 > s)
		s = commit_time / 1000000000;
	return s >= expires;
}

bool access_is_alarming(int r)
{
	return r == ERR_AUTH || r == ERR_STALE || r == ERR_GENERATION;
}

int access_errno(int r)
{
	switch (r) {
	case 0:
		return 0;
	case ERR_NOMEM:
	case ERR_MLOCK:
		return ENOMEM;
	case ERR_AUTH:
	case ERR_FORMAT:
	case ERR_STALE:
		return EBADMSG;
	case ERR_GENERATION:
	case ERR_DENIED:
		return ENOKEY;
	default:
		return EIO;
	}
}
