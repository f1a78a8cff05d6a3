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

/* A slot goes by its label, which is its alone and stays when others go. */
static size_t find_slot(const struct root *root, const char *label)
{
	size_t i = 0;

	while (i < root_slots(root) && strcmp(root_slot(root, i).label, label) != 0)
		i++;
	return i;
}

/* "passphrase", or with one there, "passphrase-2", … */
static const char *free_label(const struct root *root, const char *type,
			      char out[static SLOT_LABEL + 1])
{
	snprintf(out, SLOT_LABEL + 1, "%s", type);
	for (unsigned n = 2; find_slot(root, out) < root_slots(root); n++)
		snprintf(out, SLOT_LABEL + 1, "%.20s-%u", type, n);
	return out;
}

int slot_cmd_create(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	SECRET_CLEANUP struct secret *phrase = NULL, *code = NULL;
	const char *type = c->argv[0], *label = call_flag(c, FLAG_LABEL);
	struct root *root = NULL;
	char made[SLOT_LABEL + 1];
	int r = 0, status;

	if (strcmp(type, "file") != 0 && strcmp(type, "passphrase") != 0 &&
	    strcmp(type, "recovery") != 0)
		return ui_usage(c, "a slot is file, passphrase or recovery");
	if (label && strlen(label) > SLOT_LABEL)
		return ui_usage(c, "a label has up to %d bytes", SLOT_LABEL);
	status = open_table(c, &s, &root);
	if (!status && !label)
		label = free_label(root, type, made);
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
		printf("added slot %s (%s)\n", label, type);
	if (!status && code) {
		fflush(stdout);
		status = print_code(code);
	}
	root_close(root);
	return status;
}

int slot_cmd_get(struct call *c)
{
	static const char *const head[] = {"SLOT", "TYPE", "CREATED"};
	CTX_CLEANUP struct ctx s = {0};
	TABLE_CLEANUP struct table t = {0};
	struct root *root = NULL;
	json_t *list = json_array();
	bool json;
	int status = show_format(c, &json);

	if (!status)
		status = open_table(c, &s, &root);
	table_init(&t, 3, head);
	for (size_t i = 0; !status && i < root_slots(root); i++) {
		const struct slot_info slot = root_slot(root, i);
		char created[32];
		const char *cells[] = {slot.label, type_str(slot.type), created};
		json_t *o = json_object();
		json_t *when = json_time(slot.created);

		snprintf(created, sizeof(created), "%s",
			 json_is_string(when) ? json_string_value(when) : "-");
		table_row(&t, cells);
		json_object_set_new(o, "slot", json_string(slot.label));
		json_object_set_new(o, "type", json_string(type_str(slot.type)));
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

static int no_such_slot(const char *label)
{
	ui_error("there is no slot %.40s", label);
	if (*label && strspn(label, "0123456789") == strlen(label))
		ui_hint("a slot goes by its label, not by a number");
	ui_hint("see: secretctl get slot");
	return STATUS_FAILED;
}

/* What opens the file once the slot is gone, for people. */
static void list_others(const struct root *root, size_t but, char *out, size_t cap)
{
	size_t len = 0;

	for (size_t i = 0; i < root_slots(root) && len < cap; i++) {
		const struct slot_info s = root_slot(root, i);

		if (i == but)
			continue;
		if (strcmp(s.label, type_str(s.type)) == 0)
			len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? ", " : "",
						s.label);
		else
			len += (size_t)snprintf(out + len, cap - len, "%s%s (%s)", len ? ", " : "",
						s.label, type_str(s.type));
	}
}

static int remove_slot(const struct call *c, struct root *root, const char *label)
{
	size_t i = find_slot(root, label);
	char left[400] = "";
	int r, status;

	if (i == root_slots(root))
		return no_such_slot(label);
	if (root_slots(root) == 1) {
		ui_error("slot %s is the only one left: without it nothing opens the root key",
			 label);
		ui_hint("add another one first: secretctl create slot passphrase");
		return STATUS_FAILED;
	}
	list_others(root, i, left, sizeof(left));
	status = ui_agree(c, "slot %s will open the root key no more; left to open it: %s", label,
			  left);
	if (status)
		return status;
	r = root_remove(root, i);
	return r ? errmsg_fail(&(struct errmsg){.doing = "delete the slot"}, r) : 0;
}

int slot_cmd_delete(struct call *c)
{
	CTX_CLEANUP struct ctx s = {0};
	struct root *root = NULL;
	int status = open_table(c, &s, &root);

	if (!status)
		status = remove_slot(c, root, c->argv[0]);
	if (!status)
		status = save(&s, root);
	if (!status)
		printf("deleted slot %s\n", c->argv[0]);
	root_close(root);
	return status;
}
