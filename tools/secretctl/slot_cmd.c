/* SPDX-License-Identifier: ISC */
/*
 * create, get and delete slot: the ways into the root key file.
 *
 * The file is replaced as a whole; a slot is taken away only while another one is left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "passphrase.h"
#include "ctx.h"
#include "show.h"
#include "table.h"
#include "ui.h"

static const char *type_str(enum slot_type type)
{
	switch (type) {
	case SLOT_FILE:
		return "file";
	case SLOT_PASSPHRASE:
		return "passphrase";
	case SLOT_RECOVERY:
		return "recovery";
	}
	return "unknown";
}

static int open_table(const struct call *c, struct ctx *s, struct root **root)
{
	int status = ctx_open(c, s);

	return status ? status : ctx_open_root(s, root);
}

static int save(const struct ctx *s, const struct root *root)
{
	int r = root_save(root, s->paths[PATH_ROOT_KEY], false);

	return r ? errmsg_fail(&(struct errmsg){.doing = "write the root key file",
						.path = s->paths[PATH_ROOT_KEY]},
			       r)
		 : 0;
}

/* After it is saved: a code that was printed must be one that works. */
static int print_code(const struct secret *code)
{
	static const char before[] = "Recovery code, printed this once:\n\n    ";
	int r = ui_write(STDOUT_FILENO, before, sizeof(before) - 1);

	if (!r)
		r = ui_write(STDOUT_FILENO, code->data, strlen((const char *)code->data));
	if (!r)
		r = ui_write(STDOUT_FILENO, "\n\n", 2);
	return r ? errmsg_fail(&(struct errmsg){.doing = "print the code"}, r) : 0;
}

int slot_cmd_create(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	SECRET_CLEANUP struct secret *phrase = NULL, *code = NULL;
	const char *type = c->argv[0], *label = call_flag(c, FLAG_LABEL);
	struct root *root = NULL;
	int r = 0, status;

	if (strcmp(type, "file") != 0 && strcmp(type, "passphrase") != 0 &&
	    strcmp(type, "recovery") != 0)
		return ui_usage(c, "a slot is file, passphrase or recovery");
	if (!label)
		label = type;
	if (strlen(label) > SLOT_LABEL)
		return ui_usage(c, "a label has up to %d bytes", SLOT_LABEL);
	status = open_table(c, &s, &root);
	if (!status && strcmp(type, "passphrase") == 0)
		status = passphrase_get(c, true, &phrase);
	if (status) {
		root_close(root);
		return status;
	}
	if (phrase)
		r = root_add_passphrase(root, label, phrase);
	else if (strcmp(type, "file") == 0)
		r = root_add_file(root, label);
	else
		r = root_add_recovery(root, label, &code);
	status = r ? errmsg_fail(&(struct errmsg){.doing = "add a slot"}, r) : save(&s, root);
	if (!status)
		printf("added slot %zu: %s (%s)\n", root_slots(root), label, type);
	if (!status && code) {
		fflush(stdout);
		status = print_code(code);
	}
	root_close(root);
	return status;
}

int slot_cmd_get(struct call *c)
{
	static const char *const head[] = {"SLOT", "TYPE", "LABEL", "CREATED"};
	CTX_CLEANUP struct ctx s = {0};
	TABLE_CLEANUP struct table t = {0};
	struct root *root = NULL;
	json_t *list = json_array();
	bool json;
	int status = show_format(c, &json);

	if (!status)
		status = open_table(c, &s, &root);
	table_init(&t, 4, head);
	for (size_t i = 0; !status && i < root_slots(root); i++) {
		const struct slot_info slot = root_slot(root, i);
		char number[24], created[32];
		const char *cells[] = {number, type_str(slot.type), slot.label, created};
		json_t *o = json_object();
		json_t *when = json_time(slot.created);

		snprintf(number, sizeof(number), "%zu", i + 1);
		snprintf(created, sizeof(created), "%s",
			 json_is_string(when) ? json_string_value(when) : "-");
		table_row(&t, cells);
		json_object_set_new(o, "slot", json_integer((json_int_t)i + 1));
		json_object_set_new(o, "type", json_string(type_str(slot.type)));
		json_object_set_new(o, "label", json_string(slot.label));
		json_object_set_new(o, "created", when);
		json_array_append_new(list, o);
	}
	root_close(root);
	if (!status && json)
		return json_print(list);
	json_decref(list);
	if (!status && table_print(&t))
		status = errmsg_fail(&(struct errmsg){.doing = "list"}, ERR_NOMEM);
	return status;
}

int slot_cmd_delete(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	struct root *root = NULL;
	char *end;
	unsigned long n = strtoul(c->argv[0], &end, 10);
	struct slot_info slot = {0};
	int r, status;

	if (*end || n < 1 || n > SLOT_MAX)
		return ui_usage(c, "give the slot's number, as get slot shows it");
	status = open_table(c, &s, &root);
	if (status || !root)
		return status;
	if (n <= root_slots(root))
		slot = root_slot(root, n - 1);
	r = n <= root_slots(root) ? root_remove(root, n - 1) : ERR_NOENT;
	if (r == ERR_INVAL) {
		ui_error("slot %lu is the only one left", n);
		ui_hint("add another one first: secretctl create slot passphrase");
		status = STATUS_FAILED;
	} else if (r) {
		ui_error("there is no slot %lu", n);
		ui_hint("see: secretctl get slot");
		status = STATUS_FAILED;
	} else {
		status = save(&s, root);
	}
	if (!status)
		printf("deleted slot %lu: %s (%s)\n", n, slot.label, type_str(slot.type));
	root_close(root);
	return status;
}
