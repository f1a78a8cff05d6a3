/* SPDX-License-Identifier: ISC */
/* What the supervisor tells of a mount is whole and bounded, whatever the server has written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "stats.h"
#include "load.h"
#include "log.h"
#include "paths.h"
#include "status_socket.h"
#include "scratch.h"

static struct mount_config config;
static struct control control;
static struct shm *shared;
static int shm_fd;
static const struct status_socket report = {.c = &config, .control = &control, .server = 7};

static int make(void **state)
{
	(void)state;
	config = (struct mount_config){.mountpoint = "/m"};
	control = (struct control){.since = 1};
	if (shm_new(&shm_fd) < 0 || shm_map(shm_fd, &shared) < 0)
		return -1;
	return stats_attach(shm_fd, offsetof(struct shm, status));
}

static int end(void **state)
{
	(void)state;
	shm_unmap(shared);
	close(shm_fd);
	return 0;
}

static json_t *told(void)
{
	struct status_socket r = report;
	char *text;
	json_t *j;

	r.shared = shared;
	text = status_socket_text(&r);
	assert_non_null(text);
	assert_in_range(strlen(text), 100, 16384);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	for (const char *p = text; *p != '\n'; p++)
		assert_in_range(*p, 0x20, 0x7e);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	free(text);
	return j;
}

/* A text, a number or a truth as text, by "key" or "key.key". */
static void assert_told(const char *path, const char *expected)
{
	json_t *j = told(), *v = j;
	char copy[64], *save = NULL, *got;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *k = strtok_r(copy, ".", &save); k; k = strtok_r(NULL, ".", &save))
		v = json_object_get(v, k);
	got = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	assert_non_null(got);
	assert_string_equal(got, expected);
	free(got);
	json_decref(j);
}

static void before_anything(void **state)
{
	(void)state;
	assert_told("path", "\"/m\"");
	assert_told("state", "\"starting\"");
	assert_told("alarm", "null");
	assert_told("scopes", "[]");
	assert_told("reloaded", "null");
	assert_told("helper.pid", "null");
	assert_told("server.pid", "7");
}

static void garbage(void **state)
{
	uint8_t *bytes = (uint8_t *)&shared->status;

	(void)state;
	for (unsigned seed = 0; seed < 300; seed++) {
		srandom(seed);
		for (size_t i = 0; i < sizeof(shared->status); i++)
			bytes[i] = seed == 0 ? 0xff : (uint8_t)random();
		shared->handles_high = seed == 0 ? UINT32_MAX : (uint32_t)random();
		shared->answered = seed == 0 ? UINT64_MAX : (uint64_t)random();
		json_decref(told());
	}
	/* the path of a mount is nobody's to choose but root's; yet it may be no UTF-8 */
	snprintf(config.mountpoint, sizeof(config.mountpoint), "/\xff\n\"x");
	memset(bytes, 0, sizeof(shared->status));
	assert_told("path", "\"/??\\\"x\"");
}

static void faults(void **state)
{
	const struct load_error tampered = {.error = ERR_AUTH, .scope = {.project = "p"}};
	const struct load_error away = {.error = ERR_IO, .saved_errno = ENOENT};

	(void)state;
	stats_store(&tampered);
	assert_told("store_fault.text", "\"scope project p: failed authentication\"");
	assert_told("store_fault.standing", "true");
	stats_store(&tampered); /* tried again: the same fault */
	assert_told("store_fault.count", "1");
	stats_store(&away);
	assert_told("store_fault.count", "2");
	assert_told("store_fault.text", "\"scope organization: No such file or directory\"");
	assert_told("store_fault.standing", "true");
	stats_store(NULL);
	assert_told("store_fault.standing", "false");
	stats_store(&away); /* once more */
	assert_told("store_fault.count", "3");
	stats_store(NULL);
	stats_policy("unknown key", 7);
	assert_told("policy_fault.text", "\"line 7: unknown key\"");
	assert_told("policy_fault.standing", "true");
	stats_policy(NULL, 0);
	assert_told("policy_fault.standing", "false");
	assert_told("alarm", "null");
}

static void an_alarm_stands_until_all_is_well(void **state)
{
	const struct load_error tampered = {.error = ERR_AUTH}, away = {.error = ERR_IO};
	const uint8_t id[HASH_SIZE] = {1};

	(void)state;
	log_say(LOGGED_ALARM, "first\x1b[31m");
	assert_told("alarm.text", "\"first?[31m\"");
	assert_told("alarm.standing", "false");
	stats_store(&tampered);
	assert_told("alarm.standing", "true");
	stats_store(&away); /* not there is no alarm of its own, but nothing has healed */
	assert_told("alarm.standing", "true");
	stats_value(20, id, EBADMSG, ERR_AUTH);
	stats_value(20, id, EBADMSG, ERR_AUTH);
	stats_value(21, id, EBADMSG, ERR_AUTH);
	stats_store(NULL);
	assert_told("alarm.standing", "true");
	stats_value(20, id, 0, 0);
	stats_value(21, id, EMFILE, 0); /* did not get that far */
	stats_value(22, id, 0, 0);
	assert_told("alarm.standing", "true");
	stats_value(21, id, 0, 0);
	assert_told("alarm.standing", "false");
	for (uint64_t ino = 100; ino < 200; ino++)
		stats_value(ino, id, EBADMSG, ERR_AUTH);
	assert_told("alarm.standing", "true");
	for (uint64_t ino = 100; ino < 200; ino++)
		stats_value(ino, id, 0, 0);
	assert_told("alarm.standing", "false");
	log_say(LOGGED_ALARM, "second");
	log_say(LOGGED_ERROR, "no alarm");
	assert_told("alarm.text", "\"second\"");
	assert_told("alarm.count", "2");
}

static void deaths(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		report_death(&control);
	assert_told("server.restarts", "100");
	assert_told("server.restarts_lately", "16");
	for (int i = 0; i < 16; i++)
		control.died[i] -= 11 * 60 * 1000;
	assert_told("server.restarts_lately", "0");
}

/* As long as a directory's name may be. */
static void a_socket_at_a_long_path(void **state)
{
	struct handover h;
	char name[PATHS_SOCKET], part[101], got[8];
	struct stat st;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int client;

	(void)state;
	scratch_enter();
	for (int i = 0; i < HANDOVER_FDS; i++)
		h.fd[i] = -1;
	memset(part, 'x', 100);
	part[100] = '\0';
	assert_non_null(getcwd(config.run, 1000));
	strncat(config.run, "/", sizeof(config.run) - 1000);
	strncat(config.run, part, sizeof(config.run) - 1000);
	status_socket_listen(&h, &config, &control);
	assert_true(h.fd[HANDOVER_STATUS] >= 0);
	paths_socket("/m", name);
	assert_int_equal(chdir(part), 0);
	assert_int_equal(lstat(name, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", name);
	assert_int_equal(connect(client, (const struct sockaddr *)&a, sizeof(a)), 0);
	status_socket_answer(
		h.fd[HANDOVER_STATUS],
		&(struct status_socket){.c = &config, .control = &control, .shared = shared});
	assert_int_equal(recv(client, got, 7, 0), 7);
	assert_memory_equal(got, "{\"path\"", 7);
	close(client);
	/* one that another daemon has put there since is not this one's to take away */
	assert_int_equal(rename(name, "mine"), 0);
	assert_int_equal(symlink("/", name), 0);
	status_socket_end(&config, &control);
	assert_int_equal(lstat(name, &st), 0);
	assert_int_equal(rename("mine", name), 0);
	status_socket_end(&config, &control);
	assert_int_equal(lstat(name, &st), -1);
	close(h.fd[HANDOVER_STATUS]);
	assert_int_equal(chdir(".."), 0);
	scratch_leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(before_anything, make, end),
		cmocka_unit_test_setup_teardown(garbage, make, end),
		cmocka_unit_test_setup_teardown(faults, make, end),
		cmocka_unit_test_setup_teardown(an_alarm_stands_until_all_is_well, make, end),
		cmocka_unit_test_setup_teardown(deaths, make, end),
		cmocka_unit_test_setup_teardown(a_socket_at_a_long_path, make, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
