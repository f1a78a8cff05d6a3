/* SPDX-License-Identifier: ISC */
#include "harden.h"

#include <signal.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct rlimit core;
static mode_t mask;
static struct sigaction pipe_action;

int harden(void)
{
	struct rlimit none;
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	/* the hard limit stays, so that it can be undone */
	getrlimit(RLIMIT_CORE, &core);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = core.rlim_max};
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	mask = umask(022);
	sigaction(SIGPIPE, &ignore, &pipe_action);
	return sodium_init() < 0 ? ERR_IO : 0;
}

void harden_undo(void)
{
	setrlimit(RLIMIT_CORE, &core);
	sigaction(SIGPIPE, &pipe_action, NULL);
	umask(mask);
}
