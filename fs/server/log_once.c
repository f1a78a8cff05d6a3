/* SPDX-License-Identifier: ISC */
#include "log_once.h"

bool log_once_before(struct log_once *s, uint64_t ino, int error)
{
	for (unsigned i = 0; i < s->used; i++)
		if (s->rows[i].ino == ino && s->rows[i].error == error)
			return true;
	s->rows[s->next].ino = ino;
	s->rows[s->next].error = error;
	s->next = (s->next + 1) % LOG_ONCE_ROWS;
	if (s->used < LOG_ONCE_ROWS)
		s->used++;
	return false;
}

void log_once_forget(struct log_once *s, uint64_t ino)
{
	bool any = false;

	for (unsigned i = 0; i < s->used; i++) {
		if (s->rows[i].ino == ino)
			s->rows[i].ino = 0;
		any |= s->rows[i].ino != 0;
	}
	if (!any)
		s->used = s->next = 0;
}
