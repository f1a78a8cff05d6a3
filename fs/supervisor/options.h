/* SPDX-License-Identifier: ISC */
/*
 * options - the command line, in both forms it comes in:
 *
 *	secretfs [-f] [-d] [-o OPTIONS] MOUNTPOINT
 *	secretfs NAME MOUNTPOINT [-o OPTIONS]		as mount(8) calls it
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

enum options_do { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_WRONG };

struct options {
	char *mountpoint;		       /* as given */
	char *source;			       /* shown by mount(8) */
	char *bundle, *store, *policy, *state; /* NULL: not given */
	char *run;
	char *user; /* of the server */
	bool no_state;
	bool foreground, debug, nonempty, noatime, no_resend, sandbox_any;
	bool allow_other, no_allow_other; /* asked for, asked not to */
	bool log_given, log_syslog, log_json;
	unsigned poll_seconds, hang_seconds;
	unsigned cache_seconds; /* 0: no -o cache */
};

/* What is wrong has been said through log_say when the answer is OPTIONS_WRONG. */
enum options_do options_parse(int argc, char **argv, struct options *o);
void options_free(struct options *o);
void options_help(void); /* to standard output */

#endif
