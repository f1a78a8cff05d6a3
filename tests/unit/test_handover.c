/* SPDX-License-Identifier: ISC */
/* Messages between the processes of a mount: who sends more descriptors than one fills no table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover.h"

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void send_with(int channel, size_t fds)
{
	union {
		char space[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct message m = {.type = MESSAGE_SERVING, .secrets = 7};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space};
	struct cmsghdr *c;

	h.msg_controllen = CMSG_SPACE(fds * sizeof(int));
	c = CMSG_FIRSTHDR(&h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(fds * sizeof(int));
	for (size_t i = 0; i < fds; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){STDERR_FILENO}, sizeof(int));
	assert_int_equal(sendmsg(channel, &h, 0), sizeof(m));
}

static void descriptors_beyond_the_first_are_closed(void **state)
{
	int channel[2], fd;
	unsigned before;
	struct message m;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
	before = open_descriptors();
	for (size_t fds = 1; fds <= 8; fds++) {
		send_with(channel[0], fds);
		assert_true(message_receive(channel[1], &m, &fd));
		assert_int_equal(m.secrets, 7);
		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(open_descriptors(), before);
	}
	close(channel[0]);
	close(channel[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_beyond_the_first_are_closed),
	};

	return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
