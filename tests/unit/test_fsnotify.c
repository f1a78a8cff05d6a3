/* SPDX-License-Identifier: ISC */
/*
 * Events: in which order the helper is asked for them, what it is shown, and that nobody else may
 * change anything by them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fsnotify.h"

#define HELPER 100
#define STRANGER 200

static const uint8_t key[VIEW_KEY_SIZE] = "node id test key";

struct fixture {
	struct view *old, *new;
	struct fsnotify *ev;
	struct event_list changes;
	int channel[2];
};

static void add(struct view *v, const char *name, uint32_t len)
{
	static struct record r;

	memset(&r, 0, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	r.nversions = 1;
	r.versions[0].len = len;
	r.versions[0].set_epoch = len;
	assert_int_equal(view_add(v, SCOPE_ORGANIZATION, &r), 0);
}

static void note(void *arg, const struct view_entry *was, const struct view_entry *is)
{
	struct fixture *f = arg;

	assert_int_equal(fsnotify_note(&f->changes, f->old, was, f->new, is), 0);
}

static void ignore(void *arg, uint64_t node)
{
	(void)arg;
	(void)node;
}

static int set_up(void **state)
{
	static struct fixture f;
	const struct view_changes changes = {note, ignore, &f};

	memset(&f, 0, sizeof(f));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, f.channel), 0);
	assert_int_equal(view_new(key, &f.old), 0);
	add(f.old, "g/GONE", 1);
	add(f.old, "KEY", 2);
	assert_int_equal(view_finish(f.old), 0);
	assert_int_equal(view_new(key, &f.new), 0);
	add(f.new, "KEY", 3);
	add(f.new, "n/NEW", 4);
	assert_int_equal(view_finish(f.new), 0);
	assert_int_equal(fsnotify_open(f.channel[0], &f.ev), 0);
	view_diff(f.old, f.new, &changes);
	fsnotify_add(f.ev, &f.changes, f.new);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fsnotify_close(f->ev);
	view_unref(f->old);
	view_unref(f->new);
	close(f->channel[0]);
	close(f->channel[1]);
	return 0;
}

static struct event_order order(const struct fixture *f, enum event_kind kind, const char *path)
{
	struct event_order o;

	assert_int_equal(recv(f->channel[1], &o, sizeof(o), 0), sizeof(o));
	assert_int_equal(o.kind, kind);
	assert_string_equal(o.path, path);
	return o;
}

static enum event_lookup look(const struct fixture *f, pid_t pid, uint64_t parent, const char *name,
			      uint64_t *node)
{
	const struct view_entry *e = NULL;
	struct event_old old = {0};
	enum event_lookup l = fsnotify_lookup(f->ev, f->new, pid, parent, name, &e, &old);

	*node = l == EVENT_NEW ? view_node(f->new, e) : old.node;
	return l;
}

static uint64_t node_of(const struct view *v, const char *path)
{
	return view_node(v, view_find(v, path));
}

static const char *with(const struct event_order *o, const char *what)
{
	static char name[64];

	snprintf(name, sizeof(name), ".%s%s", o->token, what);
	return name;
}

static void announce(const struct fixture *f, const struct event_order *o, const char *what)
{
	uint64_t node;

	assert_int_equal(look(f, HELPER, VIEW_ROOT_INO, with(o, what), &node), EVENT_NOTHING);
}

static void in_order(void **state)
{
	const struct fixture *f = *state;
	uint64_t g = view_find(f->old, "g")->ino, n = view_find(f->new, "n")->ino, node;
	struct event_order o = order(f, EVENT_UNLINK, "g/GONE");

	announce(f, &o, "b");
	/* the group goes later, and is there for the helper until then */
	assert_int_equal(look(f, HELPER, VIEW_ROOT_INO, "g", &node), EVENT_OLD);
	assert_int_equal(look(f, HELPER, g, "GONE", &node), EVENT_OLD);
	assert_int_equal(node, node_of(f->old, "g/GONE"));
	assert_true(fsnotify_remove(f->ev, f->new, HELPER, g, "GONE"));
	assert_false(fsnotify_remove(f->ev, f->new, HELPER, g, "GONE"));
	announce(f, &o, "f");

	o = order(f, EVENT_RMDIR, "g");
	announce(f, &o, "b");
	assert_int_equal(look(f, HELPER, VIEW_ROOT_INO, "g", &node), EVENT_OLD);
	assert_true(fsnotify_remove(f->ev, f->new, HELPER, VIEW_ROOT_INO, "g"));
	announce(f, &o, "f");

	o = order(f, EVENT_PUT, "KEY");
	announce(f, &o, "b");
	assert_int_equal(look(f, HELPER, VIEW_ROOT_INO, with(&o, ""), &node), EVENT_NEW);
	assert_int_equal(node, node_of(f->new, "KEY"));
	assert_int_equal(look(f, HELPER, VIEW_ROOT_INO, "KEY", &node), EVENT_OLD);
	assert_int_equal(node, node_of(f->old, "KEY"));
	assert_true(fsnotify_rename(f->ev, f->new, HELPER, VIEW_ROOT_INO, with(&o, ""),
				    VIEW_ROOT_INO, "KEY"));
	assert_int_equal(look(f, HELPER, VIEW_ROOT_INO, "KEY", &node), EVENT_USUAL);
	announce(f, &o, "f");

	o = order(f, EVENT_MKDIR, "n");
	announce(f, &o, "b");
	assert_int_equal(look(f, HELPER, VIEW_ROOT_INO, "n", &node), EVENT_NOTHING);
	assert_ptr_equal(fsnotify_mkdir(f->ev, f->new, HELPER, VIEW_ROOT_INO, "n"),
			 view_find(f->new, "n"));
	announce(f, &o, "f");

	o = order(f, EVENT_PUT, "n/NEW");
	announce(f, &o, "b");
	assert_int_equal(look(f, HELPER, n, with(&o, ""), &node), EVENT_NEW);
	assert_int_equal(look(f, HELPER, n, "NEW", &node), EVENT_NOTHING);
	assert_false(fsnotify_settled(f->ev));
	/* done or not: the helper says that it has finished */
	announce(f, &o, "f");
	assert_true(fsnotify_settled(f->ev));
}

/* Who knows no token changes nothing and is shown nothing else than everybody. */
static void strangers(void **state)
{
	const struct fixture *f = *state;
	struct event_order o = order(f, EVENT_UNLINK, "g/GONE");
	uint64_t g = view_find(f->old, "g")->ino, node;

	/* before the helper came */
	assert_false(fsnotify_remove(f->ev, f->new, STRANGER, g, "GONE"));
	assert_false(fsnotify_remove(f->ev, f->new, HELPER, g, "GONE"));
	assert_false(fsnotify_remove(f->ev, f->new, 0, g, "GONE"));
	announce(f, &o, "b");
	/* and while it is at it */
	assert_int_equal(look(f, STRANGER, VIEW_ROOT_INO, "g", &node), EVENT_USUAL);
	assert_int_equal(look(f, STRANGER, g, "GONE", &node), EVENT_USUAL);
	assert_int_equal(look(f, STRANGER, VIEW_ROOT_INO, ".00", &node), EVENT_USUAL);
	assert_false(fsnotify_remove(f->ev, f->new, STRANGER, g, "GONE"));
	assert_false(fsnotify_rename(f->ev, f->new, STRANGER, g, with(&o, ""), g, "GONE"));
	/* nor does the helper anything but what it was asked for */
	assert_false(fsnotify_remove(f->ev, f->new, HELPER, VIEW_ROOT_INO, "KEY"));
	assert_false(fsnotify_remove(f->ev, f->new, HELPER, VIEW_ROOT_INO, "g"));
	assert_null(fsnotify_mkdir(f->ev, f->new, HELPER, g, "GONE"));
	assert_false(fsnotify_rename(f->ev, f->new, HELPER, g, with(&o, ""), g, "GONE"));
	assert_true(fsnotify_remove(f->ev, f->new, HELPER, g, "GONE"));
	announce(f, &o, "f");
	/* with the last token, nothing more */
	assert_int_equal(look(f, HELPER, VIEW_ROOT_INO, with(&o, "f"), &node), EVENT_USUAL);
	assert_false(fsnotify_settled(f->ev));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(strangers, set_up, tear_down),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
