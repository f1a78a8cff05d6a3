/* SPDX-License-Identifier: ISC */
#include "access.h"

#include <errno.h>
#include <time.h>

/*
 * Unknown groups (the caller is gone, or outside this pid namespace, or has more of them than are
 * looked at) could be a group that is denied, or one whose mode bits allow less than those of others.
 */
struct policy_decision access_decide_groups(const struct policy_access *a, uid_t uid, gid_t gid,
					    const gid_t *groups, int n, int max)
{
	struct policy_decision d;

	if (n < 0)
		return (struct policy_decision){POLICY_DENY, a->line, "groups unknown"};
	if (n > max)
		return (struct policy_decision){POLICY_DENY, a->line, "too many groups"};
	d = policy_decide(a, uid, gid, groups, (size_t)n);
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
