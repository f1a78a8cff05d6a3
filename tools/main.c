/* SPDX-License-Identifier: ISC */
/*
 * secretctl - the admin's tool.
 */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "command.h"
#include "json.h"
#include "ui.h"

/* No core, no debugger, no group-writable file; a closed pipe is an error and not an end. */
static int harden(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	json_init();
	return sodium_init() < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct call call;
	int status;

	if (harden()) {
		ui_error("the cryptographic library does not start");
		return STATUS_FAILED;
	}
	status = call_parse(argc, argv, &call);
	if (status == STATUS_DONE)
		status = call.command->run(&call);
	call_fini(&call);
	if (status < 0)
		status = STATUS_DONE;
	if (fflush(stdout) != 0 && status == STATUS_DONE) {
		ui_error("standard output cannot be written");
		status = STATUS_FAILED;
	}
	return status;
}
