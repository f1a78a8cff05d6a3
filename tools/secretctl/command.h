/* SPDX-License-Identifier: ISC */
/*
 * command - the one table of commands and flags, and one parsed command line.
 *
 * Dispatch, --help at every level and completion are read from the table; a command is added by
 * adding a row. A command returns its exit status, having printed what went wrong.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

enum flag {
	/* every command takes these */
	FLAG_ROOT_KEY,
	FLAG_POLICY,
	FLAG_BUNDLES,
	FLAG_STORE,
	FLAG_STATE,
	FLAG_MOUNT,
	FLAG_RUN,
	FLAG_WRITER_BUNDLE,
	FLAG_YES,
	FLAG_HELP,
	FLAG_VERSION, /* but this one before the verb only */
	FLAG_GLOBAL_END,

	FLAG_PROJECT = FLAG_GLOBAL_END,
	FLAG_DOMAIN,
	FLAG_VALUE,
	FLAG_FROM_FILE,
	FLAG_GENERATE,
	FLAG_ALPHABET,
	FLAG_REPLACE,
	FLAG_TYPE,
	FLAG_ENV,
	FLAG_EXPIRES,
	FLAG_OUTPUT,
	FLAG_OUTPUT_MOUNT,
	FLAG_REVEAL,
	FLAG_AT,
	FLAG_OUT,
	FLAG_FOREGROUND,
	FLAG_OWNER,
	FLAG_OPTIONS,
	FLAG_LAZY,
	FLAG_ALL,
	FLAG_EXPIRING,
	FLAG_TO,
	FLAG_TO_PROJECT,
	FLAG_TO_DOMAIN,
	FLAG_TO_ORGANIZATION,
	FLAG_UID,
	FLAG_GID,
	FLAG_EVERYONE,
	FLAG_REMOVE,
	FLAG_DRAFT,
	FLAG_SECRET,
	FLAG_SET_ENV,
	FLAG_BUNDLE,
	FLAG_REGISTRY,
	FLAG_USERNAME,
	FLAG_PASSWORD,
	FLAG_FROM_DOCKER_CONFIG,
	FLAG_DOCKER_CONFIG_PATH,
	FLAG_REGISTRIES,
	FLAG_FORMAT,
	FLAG_GROUP,
	FLAG_DRY_RUN,
	FLAG_RECIPIENT,
	FLAG_IDENTITY,
	FLAG_FROM,
	FLAG_PASSPHRASE_FILE,
	FLAG_ACCEPT,
	FLAG_KEEP_WRITER,
	FLAG_LABEL,
	FLAG_WAIT,
	FLAG_FOLLOW,
	FLAG_NOW,
	FLAG_PRUNE,
	FLAG_OLDER_THAN,
	FLAG_BEGIN,
	FLAG_FINISH,
	FLAG_FORCE,
	FLAG_PURGE,
	FLAGS,
};
#define FLAG_END 255

enum flag_arg { ARG_NONE, ARG_REQUIRED, ARG_OPTIONAL };

struct flag_def {
	const char *name; /* without the dashes */
	char letter;	  /* or 0; two flags may share one if no command takes both */
	enum flag_arg arg;
	const char *metavar; /* "FILE" */
	const char *about;
	bool repeat; /* may be given more than once */
};
extern const struct flag_def flag_defs[FLAGS];

struct call;

struct command {
	const char *verb;
	const char *noun; /* NULL: the verb stands alone */
	int (*run)(struct call *c);
	const char *operands;	    /* "NAME [VALUE]" */
	int min, max;		    /* how many operands; max -1: any number */
	const char *about;	    /* one line, lower case, no full stop */
	const unsigned char *flags; /* ends with FLAG_END; NULL: none but the global ones */
	const char *more;	    /* further text for --help, or NULL */
};
extern const struct command commands[]; /* ends with verb NULL; rows of one verb stand together */

/* One command line. */
struct call {
	const struct command *command;
	const char **values[FLAGS]; /* what was given, in order; "" for a flag without argument */
	size_t nvalues[FLAGS];
	int argc; /* operands, after verb and noun */
	char **argv;
	int dashes; /* index of the first operand after "--", or -1 */
};

/* Parses. STATUS_DONE; STATUS_USAGE after a message; -1 when help or the version was printed. */
int call_parse(int argc, char **argv, struct call *c);
void call_fini(struct call *c);

bool call_has(const struct call *c, enum flag f);
const char *call_flag(const struct call *c, enum flag f); /* the (first) value, or NULL */

/* help.c */
void help_all(void);
void help_verb(const char *verb);
void help_command(const struct command *cmd);
/* Is candidate near to word, and nearer than *best (SIZE_MAX at first), which it then becomes? */
bool help_nearer(const char *word, const char *candidate, size_t *best);
/* The word of the list (ends with NULL) nearest to word, or NULL when none is near. */
const char *help_nearest(const char *word, const char *const *list);

/* The commands, one family a file. */
int init_run(struct call *c);
int secret_cmd_create(struct call *c);
int secret_cmd_update(struct call *c);
int secret_cmd_delete(struct call *c);
int show_secret(struct call *c);
int declare_create_project(struct call *c);
int declare_create_domain(struct call *c);
int declare_get_project(struct call *c);
int declare_get_domain(struct call *c);
int declare_delete_project(struct call *c);
int declare_delete_domain(struct call *c);
int bundle_cmd_create(struct call *c);
int bundle_cmd_get(struct call *c);
int bundle_cmd_delete(struct call *c);
int mount_run(struct call *c);
int umount_run(struct call *c);
int umount_delete_mount(struct call *c);
int mount_get(struct call *c);
int check_run(struct call *c);
int history_run(struct call *c);
int rollback_run(struct call *c);
int copy_cmd(struct call *c);
int move_cmd(struct call *c);
int access_cmd_run(struct call *c);
int explain_run(struct call *c);
int writer_cmd_create(struct call *c);
int writer_cmd_get(struct call *c);
int writer_cmd_delete(struct call *c);
int run_run(struct call *c);
int import_run(struct call *c);
int export_run(struct call *c);
int restore_run(struct call *c);
int identity_create(struct call *c);
int slot_cmd_create(struct call *c);
int slot_cmd_get(struct call *c);
int slot_cmd_delete(struct call *c);
int watch_run(struct call *c);
int replicate_run(struct call *c);
int rotate_cmd_scope(struct call *c);
int writer_cmd_rotate(struct call *c);
int doctor_run(struct call *c);
int completion_run(struct call *c);

#endif
