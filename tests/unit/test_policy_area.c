/* SPDX-License-Identifier: ISC */
/*
 * Invariant 17 of the policy that is handed over: the server knows when it is behind, a bad text leaves
 * the last good one, names come with their numbers, and who may read may not write.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "policy_area.h"

#define BOB "[secret KEY]\nallow = user:bob\n"

struct area {
	int rw, ro;
	struct policy_area *writes, *reads;
};

static struct area new_area(void)
{
	struct area a;

	ok(policy_area_new(&a.rw, &a.ro));
	ok(policy_area_map(a.rw, true, &a.writes));
	ok(policy_area_map(a.ro, false, &a.reads));
	return a;
}

static void publish(const struct area *a, const char *text, uint32_t bob)
{
	const struct policy_area_name names[] = {{.id = bob, .name = "bob"}};

	policy_area_publish(a->writes, text, strlen(text), names, 1);
}

static bool allows(const struct policy *p, uid_t uid)
{
	const struct scope organization = {0};
	struct policy_access access;

	policy_access(p, &organization, "KEY", NULL, &access);
	return policy_decide(&access, uid, 1, NULL, 0).answer == POLICY_ALLOW;
}

static void test_names_come_with_their_numbers(void **state)
{
	struct area a = new_area();
	struct policy_area_news n;

	(void)state;
	fails(ERR_NOENT, policy_area_load(a.reads, &n));
	publish(&a, BOB, 4711);
	ok(policy_area_load(a.reads, &n));
	assert_int_equal(n.error, 0);
	assert_true(allows(n.policy, 4711));
	assert_false(allows(n.policy, 4712));
	policy_free(n.policy);
	publish(&a, BOB, 4712);
	ok(policy_area_load(a.reads, &n));
	assert_true(allows(n.policy, 4712));
	policy_free(n.policy);
}

static void test_a_bad_text_leaves_the_last_good_one(void **state)
{
	const struct policy_error e = {7, "it is bad"};
	struct area a = new_area();
	struct policy_area_news good, bad, again;

	(void)state;
	publish(&a, BOB, 1);
	ok(policy_area_load(a.reads, &good));
	for (int i = 0; i < 3; i++) /* both places have been written */
		policy_area_fail(a.writes, ERR_FORMAT, &e);
	ok(policy_area_load(a.reads, &bad));
	assert_int_equal(bad.error, ERR_FORMAT);
	assert_int_equal(bad.e.line, 7);
	assert_string_equal(bad.e.text, "it is bad");
	assert_int_equal(bad.text_from, good.text_from);
	assert_int_not_equal(bad.number, good.number);
	assert_true(allows(bad.policy, 1));
	publish(&a, "", 1);
	ok(policy_area_load(a.reads, &again));
	assert_int_not_equal(again.text_from, good.text_from);
	assert_false(allows(again.policy, 1));
	policy_free(good.policy);
	policy_free(bad.policy);
	policy_free(again.policy);
}

static void test_invariant_17_the_server_knows_that_it_is_behind(void **state)
{
	struct area a = new_area();
	int watch = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); /* polls as inotify does */
	uint64_t count = 1;

	(void)state;
	assert_int_equal(policy_area_needed(a.reads, watch), 0);
	assert_int_equal(write(watch, &count, sizeof(count)), sizeof(count)); /* the file changes */
	assert_int_equal(policy_area_needed(a.reads, watch), 1);
	policy_area_start(a.writes);
	assert_int_equal(read(watch, &count, sizeof(count)), sizeof(count));
	assert_int_equal(policy_area_needed(a.reads, watch), 1); /* seen, and not published */
	publish(&a, BOB, 1);
	policy_area_finish(a.writes);
	assert_int_equal(policy_area_needed(a.reads, watch), 0);
	close(watch);
}

static void test_who_reads_does_not_write(void **state)
{
	struct area a = new_area();
	char path[64];

	(void)state;
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, a.ro, 0), MAP_FAILED);
	if (geteuid() == 0 && seteuid(65534) == 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", a.ro);
		assert_int_equal(open(path, O_RDWR | O_CLOEXEC), -1);
		assert_int_equal(seteuid(0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_come_with_their_numbers),
		cmocka_unit_test(test_a_bad_text_leaves_the_last_good_one),
		cmocka_unit_test(test_invariant_17_the_server_knows_that_it_is_behind),
		cmocka_unit_test(test_who_reads_does_not_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
