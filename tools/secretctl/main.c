/* SPDX-License-Identifier: ISC */
/*
 * secretctl - the admin's tool.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "complete.h"
#include "harden.h"
#include "json.h"
#include "ui.h"

int main(int argc, char **argv)
{
	struct call call;
	int status;

	json_init();
	if (harden()) {
		ui_error("the cryptographic library does not start");
		return STATUS_FAILED;
	}
	/* what the scripts of completion call; no command, so that no help shows it */
	if (argc == 2 && strcmp(argv[1], "__complete") == 0)
		return complete_run();
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
