/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define POLL_MAX 86400
#define CACHE_USUAL 5

static bool wrong(const char *what, const char *which)
{
	log_say(LOGGED_ERROR, "%s: %s; see secretfs --help", which, what);
	return false;
}

/* ---- what stands after -o ---- */

static bool set_text(char **field, const char *name, const char *value)
{
	if (!value || !*value)
		return wrong("needs a value", name);
	if (*field)
		return wrong("given twice", name);
	*field = strdup(value);
	return *field || wrong("out of memory", name);
}

static bool set_state(struct options *o, const char *name, const char *value)
{
	o->no_state = value && strcmp(value, "none") == 0;
	return o->no_state || set_text(&o->state, name, value);
}

static bool set_log(struct options *o, const char *name, const char *value)
{
	o->log_given = true;
	o->log_syslog = value && strcmp(value, "syslog") == 0;
	if (!o->log_syslog && (!value || strcmp(value, "stderr") != 0))
		return wrong("is stderr or syslog", name);
	return true;
}

static bool set_log_format(struct options *o, const char *name, const char *value)
{
	o->log_json = value && strcmp(value, "json") == 0;
	if (!o->log_json && (!value || strcmp(value, "text") != 0))
		return wrong("is text or json", name);
	return true;
}

static bool set_seconds(unsigned *out, const char *name, const char *value)
{
	char *end;
	unsigned long n = value ? strtoul(value, &end, 10) : 0;

	if (!value || value[0] < '0' || value[0] > '9' || *end || n > POLL_MAX)
		return wrong("is a number of seconds", name);
	*out = (unsigned)n;
	return true;
}

static bool set_poll(struct options *o, const char *name, const char *value)
{
	return set_seconds(&o->poll_seconds, name, value);
}

static bool set_hang(struct options *o, const char *name, const char *value)
{
	return set_seconds(&o->hang_seconds, name, value);
}

static bool set_cache(struct options *o, const char *name, const char *value)
{
	o->cache_seconds = CACHE_USUAL;
	if (value && !set_seconds(&o->cache_seconds, name, value))
		return false;
	return o->cache_seconds || wrong("is a number of seconds, 1 at least", name);
}

static bool set_resend(struct options *o, const char *name, const char *value)
{
	o->no_resend = value && strcmp(value, "off") == 0;
	if (!o->no_resend && (!value || strcmp(value, "on") != 0))
		return wrong("is on or off", name);
	return true;
}

static bool set_sandbox(struct options *o, const char *name, const char *value)
{
	o->sandbox_any = value && strcmp(value, "any") == 0;
	if (!o->sandbox_any && (!value || strcmp(value, "required") != 0))
		return wrong("is required or any", name);
	return true;
}

/* fstab's own "user" takes no value. */
static bool set_user(struct options *o, const char *name, const char *value)
{
	return !value || set_text(&o->user, name, value);
}

#define FIELD(f) offsetof(struct options, f)

static const struct {
	const char *name;
	bool (*set)(struct options *o, const char *name, const char *value);
	size_t field; /* without set: a text, or with flag a bool */
	bool flag;
	const char *help; /* NULL: not listed */
} table[] = {
	{"bundle", NULL, FIELD(bundle), false, "=FILE      the reader bundle of this mount"},
	{"store", NULL, FIELD(store), false, "=DIR        the store"},
	{"policy", NULL, FIELD(policy), false, "=FILE      who may open what"},
	{"state", set_state, 0, false, "=DIR|none   where it is remembered what was accepted"},
	{"run", NULL, FIELD(run), false, "=DIR          where it is asked how it is"},
	{"log", set_log, 0, false, "=stderr|syslog"},
	{"log_format", set_log_format, 0, false, "=text|json"},
	{"poll", set_poll, 0, false,
	 "=SECONDS     look for changes that often, for network file systems"},
	{"hang", set_hang, 0, false,
	 "=SECONDS     replace a server that has not answered for so long (5; 0: never)"},
	{"cache", set_cache, 0, false,
	 "[=SECONDS]  let the kernel keep values until then after the last open (5)"},
	{"user", set_user, 0, false,
	 "=NAME        whose rights the server has, when root mounts (secretfs)"},
	{"sandbox", set_sandbox, 0, false,
	 "=required|any  any: start even where nothing keeps the server from other files"},
	{"allow_other", NULL, FIELD(allow_other), true,
	 "           let other users in (the default for root)"},
	{"noallow_other", NULL, FIELD(no_allow_other), true, "         do not"},
	{"resend", set_resend, 0, false,
	 "=on|off    after a server's death let the kernel send its requests again (on)"},
	{"nonempty", NULL, FIELD(nonempty), true, "              mount over what is there"},
	{"noatime", NULL, FIELD(noatime), true, NULL},
	{"fsname", NULL, FIELD(source), false, "=NAME      what mount(8) shows"},
};

/* From fstab and mount(8): what is so anyway, or theirs to know. */
static const char *const tolerated[] = {
	"ro",	      "rw",	     "suid",	      "nosuid",	  "dev",
	"nodev",      "exec",	     "noexec",	      "atime",	  "relatime",
	"norelatime", "strictatime", "nostrictatime", "diratime", "nodiratime",
	"lazytime",   "nolazytime",  "sync",	      "async",	  "dirsync",
	"auto",	      "noauto",	     "user",	      "nouser",	  "users",
	"owner",      "group",	     "defaults",      "_netdev",  "nofail",
	"silent",     "loud",	     "subtype=",      "x-",	  "X-",
	"comment=",   "uhelper=",    "helper=",
};

static bool is_tolerated(const char *s)
{
	for (size_t i = 0; i < sizeof(tolerated) / sizeof(tolerated[0]); i++) {
		const char *t = tolerated[i];
		size_t n = strlen(t);
		bool prefix = t[n - 1] == '=' || t[n - 1] == '-';

		if (prefix ? strncmp(s, t, n) == 0 : strcmp(s, t) == 0)
			return true;
	}
	return false;
}

static bool set_one(struct options *o, size_t i, const char *value)
{
	void *field = (char *)o + table[i].field;

	if (table[i].set)
		return table[i].set(o, table[i].name, value);
	if (!table[i].flag)
		return set_text(field, table[i].name, value);
	if (value)
		return wrong("takes no value", table[i].name);
	*(bool *)field = true;
	return true;
}

static bool take_option(struct options *o, char *text)
{
	char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : strlen(text);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].name) == len && strncmp(table[i].name, text, len) == 0)
			return set_one(o, i, value ? value + 1 : NULL);
	return is_tolerated(text) || wrong("unknown option", text);
}

/* Commas separate; one that belongs to a path is written "\,", as libfuse has it. */
static bool take_list(struct options *o, const char *list)
{
	char *copy = malloc(strlen(list) + 1), *to = copy;
	bool ok = copy != NULL;

	for (const char *p = list; ok; p++) {
		if (*p == '\\' && p[1]) {
			*to++ = *++p;
		} else if (*p != ',' && *p) {
			*to++ = *p;
		} else {
			*to = '\0';
			to = copy;
			ok = !*copy || take_option(o, copy);
			if (!*p)
				break;
		}
	}
	free(copy);
	return ok;
}

/* ---- the command line ---- */

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"foreground", no_argument, NULL, 'f'},
	{"debug", no_argument, NULL, 'd'},
	{0},
};

static bool take_operands(struct options *o, int argc, char **argv)
{
	if (argc < 1)
		return wrong("where to? A mount point is needed", "usage");
	if (argc > 2)
		return wrong("one mount point only", argv[2]);
	if (argc == 2 && !o->source && !(o->source = strdup(*argv[0] ? argv[0] : "secretfs")))
		return wrong("out of memory", "usage");
	o->mountpoint = strdup(argv[argc - 1]);
	return o->mountpoint || wrong("out of memory", "usage");
}

enum options_do options_parse(int argc, char **argv, struct options *o)
{
	int c;

	*o = (struct options){.hang_seconds = 5};
	/* Options may stand behind the operands: mount(8) puts them there. */
	while ((c = getopt_long(argc, argv, "fdhVo:sn", long_options, NULL)) != -1) {
		switch (c) {
		case 'f':
			o->foreground = true;
			break;
		case 'd':
			o->foreground = o->debug = true;
			break;
		case 'o':
			if (!take_list(o, optarg))
				return OPTIONS_WRONG;
			break;
		case 'h':
			return OPTIONS_HELP;
		case 'V':
			return OPTIONS_VERSION;
		case 's': /* of mount(8): sloppy, and no mtab */
		case 'n':
			break;
		default:
			return OPTIONS_WRONG;
		}
	}
	if (o->allow_other && o->no_allow_other) {
		wrong("and noallow_other exclude each other", "allow_other");
		return OPTIONS_WRONG;
	}
	return take_operands(o, argc - optind, argv + optind) ? OPTIONS_RUN : OPTIONS_WRONG;
}

void options_free(struct options *o)
{
	free(o->mountpoint);
	free(o->source);
	free(o->bundle);
	free(o->store);
	free(o->policy);
	free(o->state);
	free(o->run);
	free(o->user);
	*o = (struct options){0};
}

void options_help(void)
{
	puts("usage: secretfs [-f] [-d] [-o OPTION,...] MOUNTPOINT\n"
	     "       secretfs NAME MOUNTPOINT [-o OPTION,...]     as mount -t fuse.secretfs calls it\n"
	     "\n"
	     "Serve the secrets that a reader bundle opens as read-only files.\n"
	     "\n"
	     "  -f, --foreground   stay in the foreground\n"
	     "  -d, --debug        the same, and say more\n"
	     "  -h, --help         this text\n"
	     "  -V, --version\n");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].help)
			printf("  -o %s%s\n", table[i].name, table[i].help);
	puts("\n"
	     "Unmount with umount(8), or fusermount3 -u when you are not root. See secretfs(8).");
}
