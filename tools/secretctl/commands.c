/* SPDX-License-Identifier: ISC */
#include "command.h"

const struct flag_def flag_defs[FLAGS] = {
	[FLAG_ROOT_KEY] = {"root-key", 0, ARG_REQUIRED, "FILE", "root key file", false},
	[FLAG_POLICY] = {"policy", 0, ARG_REQUIRED, "FILE", "policy file", false},
	[FLAG_BUNDLES] = {"bundles", 0, ARG_REQUIRED, "DIR", "directory of bundles", false},
	[FLAG_STORE] = {"store", 0, ARG_REQUIRED, "PLACE",
			"the encrypted store: a directory, etcd://, etcds:// or postgresql://",
			false},
	[FLAG_STATE] = {"state", 0, ARG_REQUIRED, "DIR", "what this host has accepted so far",
			false},
	[FLAG_MOUNT] = {"mount", 0, ARG_REQUIRED, "DIR", "default mount point", false},
	[FLAG_RUN] = {"run", 0, ARG_REQUIRED, "DIR", "directory of the status sockets", false},
	[FLAG_WRITER_BUNDLE] = {"writer-bundle", 0, ARG_REQUIRED, "FILE",
				"act as the writer of this bundle instead of as the root", false},
	[FLAG_YES] = {"yes", 0, ARG_NONE, NULL,
		      "yes to what it would ask: what destroys or widens who can read", false},
	[FLAG_HELP] = {"help", 'h', ARG_NONE, NULL, "this help", false},
	[FLAG_VERSION] = {"version", 0, ARG_NONE, NULL,
			  "before the verb: print secretctl's version", false},

	[FLAG_PROJECT] = {"project", 'p', ARG_REQUIRED, "P", "the project; without: any", false},
	[FLAG_DOMAIN] = {"domain", 'd', ARG_REQUIRED, "D", "the domain; without: any", false},
	[FLAG_VALUE] = {"value", 0, ARG_REQUIRED, "V",
			"the value itself (other users may see it while it is typed)", false},
	[FLAG_FROM_FILE] = {"from-file", 'f', ARG_REQUIRED, "FILE",
			    "read the value from FILE, byte for byte; - is standard input", false},
	[FLAG_GENERATE] = {"generate", 0, ARG_OPTIONAL, "LENGTH",
			   "make a random value, 32 characters unless told; it is not printed",
			   false},
	[FLAG_ALPHABET] =
		{"alphabet", 0, ARG_REQUIRED, "SET",
		 "for --generate: alnum, hex, digits, base64url, or the characters themselves",
		 false},
	[FLAG_REPLACE] = {"replace", 0, ARG_NONE, NULL, "replace what is there already", false},
	[FLAG_TYPE] = {"type", 0, ARG_REQUIRED, "TYPE", "regular, json or image_pull", false},
	[FLAG_ENV] = {"env", 0, ARG_REQUIRED, "NAME",
		      "environment name; \"\" for the one that follows from the name", false},
	[FLAG_EXPIRES] = {"expires", 0, ARG_REQUIRED, "T",
			  "when it ends: 30d, 12h, 15m, 2030-01-31, RFC 3339, or never", false},
	[FLAG_OUTPUT] = {"output", 'o', ARG_REQUIRED, "FORMAT", "table, json or yaml", false},
	[FLAG_OUTPUT_MOUNT] = {"output", 'o', ARG_REQUIRED, "FORMAT",
			       "table, json, yaml or prometheus", false},
	[FLAG_REVEAL] = {"reveal", 0, ARG_NONE, NULL, "print the value", false},
	[FLAG_AT] = {"at", 0, ARG_REQUIRED, "VERSION", "an older version, as history shows it",
		     false},
	[FLAG_OUT] = {"out", 0, ARG_REQUIRED, "FILE", "write the bundle there", false},
	[FLAG_FOREGROUND] = {"foreground", 'f', ARG_NONE, NULL, "serve in the foreground", false},
	[FLAG_OWNER] = {"owner", 0, ARG_REQUIRED, "UID",
			"the user the files belong to; recorded in the policy", false},
	[FLAG_OPTIONS] = {"options", 'o', ARG_REQUIRED, "OPTS",
			  "further mount options for secretfs", true},
	[FLAG_LAZY] = {"lazy", 'l', ARG_NONE, NULL,
		       "take it out of the tree now, even while it is in use", false},
	[FLAG_ALL] = {"all", 'A', ARG_NONE, NULL, "of every scope", false},
	[FLAG_EXPIRING] = {"expiring", 0, ARG_REQUIRED, "DURATION",
			   "only what has expired or will within it: 7d, 12h", false},
	[FLAG_TO] = {"to", 0, ARG_REQUIRED, "VERSION",
		     "the version, as history shows it; without: the one before", false},
	[FLAG_TO_PROJECT] = {"to-project", 0, ARG_REQUIRED, "P",
			     "the project it goes to; \"\": to any", false},
	[FLAG_TO_DOMAIN] = {"to-domain", 0, ARG_REQUIRED, "D",
			    "the domain it goes to; \"\": to any", false},
	[FLAG_TO_ORGANIZATION] = {"to-organization", 0, ARG_NONE, NULL,
				  "it goes to the organization", false},
	[FLAG_UID] = {"uid", 0, ARG_REQUIRED, "U", "a user, by number or name", true},
	[FLAG_GID] = {"gid", 0, ARG_REQUIRED, "G", "a group, by number or name", true},
	[FLAG_EVERYONE] = {"everyone", 0, ARG_NONE, NULL, "every user", false},
	[FLAG_REMOVE] = {"remove", 0, ARG_NONE, NULL, "take them off the list instead", false},
	[FLAG_DRAFT] = {"draft", 0, ARG_REQUIRED, "FILE",
			"a policy not yet in force: say what it would change", false},
	[FLAG_SECRET] = {"secret", 0, ARG_REQUIRED, "[ENV=]NAME",
			 "put the secret's value into the variable ENV", true},
	[FLAG_SET_ENV] = {"env", 0, ARG_REQUIRED, "K=V", "set a variable that is no secret", true},
	[FLAG_BUNDLE] = {"bundle", 0, ARG_REQUIRED, "FILE", "read with the keys of this bundle",
			 false},
	[FLAG_REGISTRY] = {"registry", 0, ARG_REQUIRED, "HOST",
			   "image_pull: the registry of --username and --password", false},
	[FLAG_USERNAME] = {"username", 0, ARG_REQUIRED, "NAME", "image_pull: the user there",
			   false},
	[FLAG_PASSWORD] = {"password", 0, ARG_REQUIRED, "V",
			   "image_pull: the password; without it a terminal is asked", false},
	[FLAG_FROM_DOCKER_CONFIG] = {"from-docker-config", 0, ARG_NONE, NULL,
				     "image_pull: take the logins of ~/.docker/config.json", false},
	[FLAG_DOCKER_CONFIG_PATH] = {"docker-config-path", 0, ARG_REQUIRED, "FILE",
				     "image_pull: take the logins of this file", false},
	[FLAG_REGISTRIES] = {"registries", 0, ARG_REQUIRED, "HOST,...",
			     "image_pull: of that file only these registries", true},
	[FLAG_FORMAT] = {"format", 0, ARG_REQUIRED, "FORMAT",
			 "dotenv, json, kubernetes or directory; without: by what it looks like",
			 false},
	[FLAG_GROUP] = {"group", 0, ARG_REQUIRED, "GROUP", "put every name below GROUP/", false},
	[FLAG_DRY_RUN] = {"dry-run", 'n', ARG_NONE, NULL, "say what would be done, do nothing",
			  false},
	[FLAG_RECIPIENT] = {"recipient", 0, ARG_REQUIRED, "KEY",
			    "lock it to this public key, see create identity", false},
	[FLAG_IDENTITY] = {"identity", 0, ARG_REQUIRED, "FILE",
			   "the secret key that an archive is locked to", false},
	[FLAG_FROM] = {"from", 0, ARG_REQUIRED, "STORE",
		       "the store whose root signed the archive, as export shows it", false},
	[FLAG_PASSPHRASE_FILE] = {"passphrase-file", 0, ARG_REQUIRED, "FILE",
				  "take the passphrase from FILE's first line", false},
	[FLAG_ACCEPT] = {"accept", 0, ARG_NONE, NULL,
			 "the store is an older one, from a backup: go on from it", false},
	[FLAG_KEEP_WRITER] = {"keep-writer", 0, ARG_REQUIRED, "NAME",
			      "a writer that may go on writing; the others may not", true},
	[FLAG_LABEL] = {"label", 0, ARG_REQUIRED, "TEXT", "what the slot is called", false},
	[FLAG_WAIT] = {"wait", 0, ARG_NONE, NULL,
		       "return when the mounts of this host show it, or fail after 10 s", false},
	[FLAG_FOLLOW] = {"follow", 0, ARG_NONE, NULL, "go on, and copy each change as it comes",
			 false},
	[FLAG_NOW] = {"now", 0, ARG_NONE, NULL, "run it at the start as well", false},
	[FLAG_PRUNE] = {"prune", 0, ARG_NONE, NULL,
			"delete strays that an earlier check has seen 24 h ago or more", false},
	[FLAG_OLDER_THAN] = {"older-than", 0, ARG_REQUIRED, "DURATION",
			     "for --prune: another time than 24 h", false},
	[FLAG_BEGIN] = {"begin", 0, ARG_NONE, NULL,
			"make the next keys known: bundles are minted with both", false},
	[FLAG_FINISH] = {"finish", 0, ARG_NONE, NULL,
			 "seal every kept version anew, and switch to the next keys", false},
	[FLAG_FORCE] = {"force", 0, ARG_NONE, NULL,
			"even if bundles or mounts of this host lack the next keys", false},
	[FLAG_PURGE] = {"purge", 0, ARG_NONE, NULL,
			"with all its versions at once, so that nothing brings it back", false},
};

#define LIST(...) ((const unsigned char[]){__VA_ARGS__, FLAG_END})
#define SCOPE FLAG_PROJECT, FLAG_DOMAIN
#define SOURCE FLAG_VALUE, FLAG_FROM_FILE, FLAG_GENERATE, FLAG_ALPHABET
#define DOCKER                                                                                     \
	FLAG_REGISTRY, FLAG_USERNAME, FLAG_PASSWORD, FLAG_FROM_DOCKER_CONFIG,                      \
		FLAG_DOCKER_CONFIG_PATH, FLAG_REGISTRIES
#define ATTRIBUTES FLAG_TYPE, FLAG_ENV, FLAG_EXPIRES

#define SOURCE_TEXT                                                                                \
	"The value comes from one of: VALUE or --value (seen by other users while it is\n"         \
	"typed, so it warns), --from-file, - (standard input), --generate. With none of\n"         \
	"them a terminal is asked twice without echo, anything else is read to its end.\n"

const struct command commands[] = {
	{"init", NULL, init_run, "", 0, 0, "make a root key, a store and a starter policy", NULL,
	 "Prints the recovery code once: it opens the root key file when its other ways in\n"
	 "are gone. Keep a copy of that file too; without it nothing can be read again.\n"},

	{"create", "secret", secret_cmd_create, "NAME [VALUE | -]", 1, 2, "store a new secret",
	 LIST(SCOPE, SOURCE, FLAG_REPLACE, ATTRIBUTES, DOCKER, FLAG_WAIT), SOURCE_TEXT},
	{"create", "project", declare_create_project, "NAME", 1, 1, "declare a project", NULL,
	 NULL},
	{"create", "domain", declare_create_domain, "NAME", 1, 1, "declare a domain", NULL, NULL},
	{"create", "writer", writer_cmd_create, "NAME", 1, 1,
	 "make a key for CI, which may list, set and delete in one scope, and read nothing",
	 LIST(SCOPE, FLAG_OUT),
	 "The key is written to the directory of bundles, or to --out. CI uses it by\n"
	 "SECRETFS_WRITER_BUNDLE or --writer-bundle, needs no root key and no policy, and may\n"
	 "leave out -p and -d.\n"},
	{"create", "bundle", bundle_cmd_create, "[NAME]", 0, 1,
	 "mint the key file of a mount: of one project and domain, or of the organization",
	 LIST(SCOPE, FLAG_OUT), NULL},
	{"create", "slot", slot_cmd_create, "file|passphrase|recovery", 1, 1,
	 "add a way into the root key file", LIST(FLAG_LABEL, FLAG_PASSPHRASE_FILE),
	 "Nothing else changes. To make the file need a passphrase, add that slot and then\n"
	 "delete the file slot. A recovery code is printed once. A slot goes by its label, which\n"
	 "is its type unless told.\n"},
	{"create", "identity", identity_create, "FILE", 1, 1,
	 "make a key pair that archives can be locked to", NULL,
	 "FILE gets the secret key, mode 0400; the recipient that is printed is for export.\n"},

	{"get", "secret", show_secret, "[NAME | GROUP/]", 0, 1,
	 "list the secrets of exactly one scope or of a group in it, or show one of them",
	 LIST(SCOPE, FLAG_ALL, FLAG_EXPIRING, FLAG_OUTPUT, FLAG_REVEAL, FLAG_AT),
	 "Without -p and -d: the organization's. No value is shown without --reveal.\n"},
	{"get", "project", declare_get_project, "", 0, 0, "list the declared projects",
	 LIST(FLAG_OUTPUT), NULL},
	{"get", "domain", declare_get_domain, "", 0, 0, "list the declared domains",
	 LIST(FLAG_OUTPUT), NULL},
	{"get", "writer", writer_cmd_get, "", 0, 0, "list the writers that are granted",
	 LIST(FLAG_OUTPUT), NULL},
	{"get", "bundle", bundle_cmd_get, "", 0, 0, "list the bundles of this host",
	 LIST(FLAG_OUTPUT), NULL},
	{"get", "mount", mount_get, "[PATH]", 0, 1,
	 "list the mounts that live here, and how each of them is", LIST(FLAG_OUTPUT_MOUNT),
	 "By asking their daemons. EPOCH counts the changes of each scope that a mount shows,\n"
	 "the broadest first. For Prometheus' node exporter:\n"
	 "secretctl get mount -o prometheus > F.$$ && mv F.$$ F, where F ends with .prom.\n"},
	{"get", "slot", slot_cmd_get, "", 0, 0, "list the ways into the root key file",
	 LIST(FLAG_OUTPUT), NULL},

	{"update", "secret", secret_cmd_update, "NAME [VALUE | -]", 1, 2,
	 "give a secret of exactly this scope a new value",
	 LIST(SCOPE, SOURCE, ATTRIBUTES, DOCKER, FLAG_WAIT),
	 SOURCE_TEXT "With only --type, --env or --expires and no source, the value stays.\n"
		     "A mount shows it at the next open.\n"},

	{"delete", "secret", secret_cmd_delete, "NAME...", 1, -1,
	 "delete secrets of exactly this scope", LIST(SCOPE, FLAG_PURGE, FLAG_WAIT),
	 "A NAME with / at its end is a group: all that is below it. Several go in one commit: a\n"
	 "mount shows all of them or none. For a group it asks, or wants --yes. For a day at least\n"
	 "rollback brings each back, unless --purge takes the versions of one NAME at once.\n"},
	{"delete", "project", declare_delete_project, "NAME", 1, 1,
	 "strike out a project that has no secrets and no writers", NULL, NULL},
	{"delete", "domain", declare_delete_domain, "NAME", 1, 1,
	 "strike out a domain that has no secrets and no writers", NULL, NULL},
	{"delete", "writer", writer_cmd_delete, "NAME", 1, 1,
	 "take a writer's grant away, in one scope or in all", LIST(SCOPE), NULL},
	{"delete", "bundle", bundle_cmd_delete, "NAME", 1, 1, "delete a bundle of this host", NULL,
	 NULL},
	{"delete", "mount", umount_delete_mount, "[PATH]", 0, 1,
	 "strike a mount from the policy; its bundle stays", NULL, NULL},
	{"delete", "slot", slot_cmd_delete, "SLOT", 1, 1, "take a way into the root key file away",
	 NULL, NULL},

	{"copy", "secret", copy_cmd, "NAME [NEW]", 1, 2,
	 "copy a secret to another scope, another name, or both",
	 LIST(SCOPE, FLAG_TO_PROJECT, FLAG_TO_DOMAIN, FLAG_TO_ORGANIZATION, FLAG_REPLACE),
	 "-p and -d say where it is. What no --to flag names stays: project, domain, name.\n"
	 "Where others could read it afterwards it asks, or wants --yes. Type, environment\n"
	 "name and expiry go along, older versions do not.\n"},
	{"move", "secret", move_cmd, "NAME [NEW]", 1, 2,
	 "move a secret to another scope, another name, or both",
	 LIST(SCOPE, FLAG_TO_PROJECT, FLAG_TO_DOMAIN, FLAG_TO_ORGANIZATION, FLAG_REPLACE),
	 "-p and -d say where it is. What no --to flag names stays: project, domain, name.\n"
	 "Where others could read it afterwards it asks, or wants --yes. Type, environment\n"
	 "name and expiry go along, older versions do not.\n"},
	{"history", "secret", history_run, "NAME", 1, 1, "list the versions that are kept",
	 LIST(SCOPE, FLAG_OUTPUT),
	 "The newest ten. A scope counts all its changes with one number, so the versions of a\n"
	 "secret go up in steps. Also of a deleted secret, for a day at least.\n"},
	{"rollback", "secret", rollback_run, "NAME", 1, 1, "make an older version the current one",
	 LIST(SCOPE, FLAG_TO),
	 "The older value becomes a new version; nothing is lost. A deleted secret comes back\n"
	 "with its versions, as long as history shows them.\n"},
	{"allow", "secret", access_cmd_run, "NAME", 1, 1, "let users read a secret",
	 LIST(SCOPE, FLAG_UID, FLAG_GID, FLAG_EVERYONE, FLAG_REMOVE),
	 "Edits the policy in place. Where an allow list stands, only those on it may read: not\n"
	 "even root or the owner of the mount, unless they are on it too.\n"},
	{"deny", "secret", access_cmd_run, "NAME", 1, 1, "keep users from reading a secret",
	 LIST(SCOPE, FLAG_UID, FLAG_GID, FLAG_EVERYONE, FLAG_REMOVE),
	 "Edits the policy in place. Deny beats allow.\n"},
	{"explain", NULL, explain_run, "NAME", 1, 1,
	 "say which scope wins, what is shadowed, who may read it and why not",
	 LIST(SCOPE, FLAG_UID, FLAG_GID, FLAG_DRAFT, FLAG_OUTPUT),
	 "-p and -d are those of the mount. With --uid: whether that user may read it, and which\n"
	 "line of the policy says so.\n"},
	{"run", NULL, run_run, "-- CMD [ARG...]", 1, -1,
	 "run a command with secrets in its environment",
	 LIST(FLAG_SECRET, FLAG_SET_ENV, SCOPE, FLAG_BUNDLE),
	 "Only what --secret names is put there. The values are read from the mount, if there\n"
	 "is one, or with --bundle, or with the root key in the scopes that a mount of -p and\n"
	 "-d shows. Without ENV the variable follows from the name by Flyte's rule:\n"
	 "group/my-key becomes GROUP_MY_KEY.\n"},
	{"watch", NULL, watch_run, "NAME -- CMD [ARG...]", 2, -1,
	 "run a command on every change of a secret", LIST(SCOPE, FLAG_BUNDLE, FLAG_NOW),
	 "Watches the mount, if there is one, or with --bundle, or with the root key what a\n"
	 "mount of -p and -d shows. One command runs at a time; changes meanwhile are counted\n"
	 "in SECRETFS_MISSED of the next one, whose SECRETFS_VERSION is 0 if NAME is gone.\n"},
	{"import", NULL, import_run, "[FILE | DIR | -]", 0, 1,
	 "take over a .env file, JSON, Kubernetes Secrets or a directory",
	 LIST(SCOPE, FLAG_FORMAT, FLAG_GROUP, FLAG_REPLACE, FLAG_DRY_RUN),
	 "All of it goes into one scope, or nothing does. --dry-run lists the names first.\n"},
	{"export", NULL, export_run, "FILE | -", 1, 1,
	 "write secrets with their history into one encrypted archive",
	 LIST(SCOPE, FLAG_RECIPIENT, FLAG_PASSPHRASE_FILE, FLAG_REPLACE),
	 "Of every scope, or of the one that -p and -d name. Locked with a passphrase, which\n"
	 "is asked for, or to a --recipient. The policy is not in it, nor are keys: restore\n"
	 "puts it into a store of its own. It is signed by this store's root.\n"},
	{"restore", NULL, restore_run, "[ARCHIVE]", 0, 1,
	 "bring back an archive, or accept a store from a backup",
	 LIST(FLAG_IDENTITY, FLAG_FROM, FLAG_PASSPHRASE_FILE, FLAG_REPLACE, FLAG_DRY_RUN,
	      FLAG_ACCEPT, FLAG_KEEP_WRITER, FLAG_TO, SCOPE),
	 "An archive is restored into any store, with history; it is verified to its end\n"
	 "before anything is written, and so is who signed it: for another store than this one\n"
	 "give it with --from, or agree when asked. --accept is for a store directory that was put back from\n"
	 "a backup: hosts refuse it as older than what they have seen, until the root says that\n"
	 "history goes on from there. It is for a scope that a writer has ruined, too: history\n"
	 "goes on from the newest state that can be trusted, or from the one before it that --to\n"
	 "names. Writers stay only if --keep-writer names them.\n"},
	{"mount", NULL, mount_run, "[PATH]", 0, 1,
	 "mount the secrets of a project and domain, or of the organization",
	 LIST(SCOPE, FLAG_FOREGROUND, FLAG_OWNER, FLAG_OPTIONS),
	 "Mints the bundle, makes the mount point, records the mount in the policy, starts\n"
	 "secretfs and returns when it answers. PATH alone mounts again what the policy has\n"
	 "recorded, after a boot say.\n"},
	{"umount", NULL, umount_run, "[PATH]", 0, 1, "unmount, and wait for the daemon to end",
	 LIST(FLAG_LAZY), NULL},

	{"check", NULL, check_run, "", 0, 0, "verify every scope, every page and every value",
	 LIST(FLAG_OUTPUT, FLAG_PRUNE, FLAG_OLDER_THAN),
	 "Strays are leftovers of interrupted writes, or objects of a write under way; every\n"
	 "check remembers when it first saw each, so that --prune spares the latter.\n"},
	{"replicate", NULL, replicate_run, "FROM TO", 2, 2,
	 "copy a store into another, without any key", LIST(FLAG_FOLLOW),
	 "FROM and TO are directories or URLs. What is in TO already is not copied again, and TO\n"
	 "is whole at every moment. Nothing in TO is deleted.\n"},
	{"rotate", "scope", rotate_cmd_scope, "", 0, 0,
	 "give a scope new keys, in two steps, while it is in use",
	 LIST(SCOPE, FLAG_BEGIN, FLAG_FINISH, FLAG_FORCE),
	 "--begin, then bring the bundles minted anew to where they are used, then --finish.\n"
	 "With neither it says where a rotation stands. After a crash run the same again.\n"},
	{"rotate", "writer", writer_cmd_rotate, "NAME", 1, 1,
	 "give a writer of exactly this scope a new key; the old one is out", LIST(SCOPE, FLAG_OUT),
	 NULL},
	{"doctor", NULL, doctor_run, "", 0, 0,
	 "find what keeps this host from working, and say how to fix it", LIST(FLAG_OUTPUT),
	 "Exits with 1 if something has to be mended. Asks for nothing and changes nothing.\n"},
	{"completion", NULL, completion_run, "bash|zsh|fish", 1, 1,
	 "print the completion script of a shell", NULL,
	 "bash: . <(secretctl completion bash)\n"
	 "zsh:  . <(secretctl completion zsh), after compinit\n"
	 "fish: secretctl completion fish | source\n"},
	{NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL},
};
