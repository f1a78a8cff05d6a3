/* SPDX-License-Identifier: ISC */
#include "retry.h"

#include "clock.h"
#include "view.h"

/* The rows that this thread and name may have. */
static struct shm_retry *set_of(struct shm *s, uint64_t node, pid_t pid)
{
	uint64_t h = (node ^ (uint64_t)(uint32_t)pid) * 0x9e3779b97f4a7c15u; /* Knuth, 6.4 */

	return &s->retries[(h >> 32) % SHM_RETRY_SETS * SHM_RETRY_WAYS];
}

/* Takes the one of this thread and name out.  Was there one? */
static bool take(struct shm *s, uint64_t ino, pid_t pid)
{
	uint64_t node = ino & VIEW_INO_MASK;
	struct shm_retry *set = set_of(s, node, pid);

	for (struct shm_retry *r = set; s->retrying && r < set + SHM_RETRY_WAYS; r++) {
		if (r->node != node || r->pid != pid)
			continue;
		r->node = 0;
		s->retrying--;
		return true;
	}
	return false;
}

/* A row that uid may have; NULL. */
static struct shm_retry *find_room(struct shm_retry *set, uid_t uid, int64_t now)
{
	struct shm_retry *room = NULL;
	unsigned own = 0;

	for (struct shm_retry *r = set; r < set + SHM_RETRY_WAYS; r++) {
		if (!r->node || now - r->since >= RETRY_MS)
			room = r;
		else
			own += r->uid == uid;
	}
	return own < SHM_RETRY_WAYS / 2 ? room : NULL;
}

bool retry_first(struct shm *s, uint64_t ino, uid_t uid, pid_t pid)
{
	uint64_t node = ino & VIEW_INO_MASK;
	int64_t now = clock_tick_ms();
	struct shm_retry *room;

	if (!pid || take(s, ino, pid))
		return false;
	room = find_room(set_of(s, node, pid), uid, now);
	if (!room)
		return false;
	if (!room->node)
		s->retrying++; /* before the row: never too few */
	*room = (struct shm_retry){.node = node, .since = now, .pid = pid, .uid = uid};
	return true;
}

void retry_done(struct shm *s, uint64_t ino, pid_t pid)
{
	take(s, ino, pid);
}
