/* SPDX-License-Identifier: ISC */
#include "retry.h"

#include "view.h"

/* Takes those of this thread and name out.  How many that were. */
static unsigned take(struct shm *s, uint64_t ino, pid_t pid)
{
	unsigned taken = 0, left = 0;

	if (!s->retrying)
		return 0;
	for (size_t i = 0; i < SHM_RETRIES; i++) {
		struct shm_retry *r = &s->retries[i];

		if (r->node == (ino & VIEW_INO_MASK) && r->pid == pid) {
			r->node = 0;
			taken++;
		} else if (r->node) {
			left++;
		}
	}
	s->retrying = left;
	return taken;
}

bool retry_first(struct shm *s, uint64_t ino, pid_t pid)
{
	if (take(s, ino, pid))
		return false;
	s->retrying++; /* too many, when one is overwritten, until the next look */
	s->retries[s->next_retry++ % SHM_RETRIES] = (struct shm_retry){ino & VIEW_INO_MASK, pid};
	return true;
}

void retry_done(struct shm *s, uint64_t ino, pid_t pid)
{
	take(s, ino, pid);
}
