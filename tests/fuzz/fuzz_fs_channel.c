/* SPDX-License-Identifier: ISC */
/*
 * What a server that has been broken into may send: to the supervisor, with descriptors, and to the
 * helper, which is privileged.  Nothing outside the helper's root is touched, and no descriptor stays.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "event_maker.h"
#include "fuzz.h"
#include "handover.h"
#include "inval_maker.h"
#include "log.h"

static int channel[2], root, null;

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	require(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* One datagram with so many descriptors. */
static void send_with(const void *data, size_t size, unsigned fds)
{
	union {
		char space[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)data, size};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (fds) {
		h.msg_control = control.space;
		h.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (unsigned i = 0; i < fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &null, sizeof(int));
	}
	require(sendmsg(channel[0], &h, MSG_DONTWAIT) == (ssize_t)size);
}

static void to_supervisor(const uint8_t *data, size_t size, unsigned fds)
{
	unsigned before = descriptors();
	struct message m, copy = {0};
	int fd;

	memcpy(&copy, data, size < sizeof(copy) ? size : sizeof(copy));
	send_with(&copy, size > sizeof(copy) ? sizeof(copy) : size, fds);
	while (message_receive(channel[1], &m, &fd)) {
		require(memchr(m.scope.project, 0, sizeof(m.scope.project)));
		require(memchr(m.scope.domain, 0, sizeof(m.scope.domain)));
		if (fd >= 0)
			close(fd);
	}
	require(descriptors() == before);
}

static void to_helper(const uint8_t *data, size_t size)
{
	union {
		struct helper_message head;
		struct event_order order;
		uint8_t bytes[sizeof(struct helper_message) + HELPER_MESSAGE_MAX];
	} m = {.head = {HANDOVER_VERSION, HELPER_EVENT, 0}};
	struct stat st;

	memcpy((uint8_t *)&m + sizeof(m.head), data,
	       size < HELPER_MESSAGE_MAX ? size : HELPER_MESSAGE_MAX);
	event_maker_run(root, &m, sizeof(struct event_order));
	inval_maker_do(null, &m, sizeof(m.head) + (size < 300 ? size : 300));
	require(stat("decoy/KEY", &st) == 0 && st.st_size == 5 && st.st_nlink == 1);
	require(stat("decoy/group", &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char said[4096];

	fuzz_catch();
	if (size < 2)
		return 0;
	if (data[0] & 1)
		to_supervisor(data + 1, size - 1, data[0] / 2 % 8);
	else
		to_helper(data + 1, size - 1);
	(void)fuzz_said(said, sizeof(said));
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct event_order o = {.kind = EVENT_UNLINK, .path = "../decoy/KEY"};
	struct message m = {.type = MESSAGE_SERVING, .pid = 1};
	uint8_t bytes[1 + sizeof(m) + sizeof(o)] = {0};

	(void)argc, (void)argv;
	fuzz_store(false); /* for its directory */
	log_open(&(struct log_options){.debug = true});
	require(mkdir("root", 0700) == 0 && mkdir("decoy", 0700) == 0 &&
		mkdir("decoy/group", 0700) == 0);
	fixture_spit("decoy/KEY", (const uint8_t *)"decoy", 5);
	root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	require(root >= 0 && null >= 0);
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == 0);
	memset(o.token, 'a', sizeof(o.token) - 1);
	memcpy(bytes + 1, (uint8_t *)&o + sizeof(o.head), sizeof(o) - sizeof(o.head));
	fuzz_specimen(bytes, 1 + sizeof(o) - sizeof(o.head));
	memcpy(o.token, "/../decoy/KEY", 14);
	o.kind = EVENT_PUT;
	snprintf(o.path, sizeof(o.path), "x");
	memcpy(bytes + 1, (uint8_t *)&o + sizeof(o.head), sizeof(o) - sizeof(o.head));
	fuzz_specimen(bytes, 1 + sizeof(o) - sizeof(o.head));
	bytes[0] = 5;
	memcpy(bytes + 1, &m, sizeof(m));
	fuzz_specimen(bytes, 1 + sizeof(m));
	return 0;
}
