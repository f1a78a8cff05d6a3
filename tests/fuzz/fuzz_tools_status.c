/* SPDX-License-Identifier: ISC */
/* The answer of a mount's status socket, as secretctl reads it. */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"
#include "fuzz.h"
#include "mount_query.h"
#include "paths.h"

static struct {
	int listens;
	const uint8_t *data;
	size_t size;
} told;

static void *tell(void *arg)
{
	int fd = accept(told.listens, NULL, NULL);

	require(fd >= 0);
	(void)!send(fd, told.data, told.size, MSG_NOSIGNAL);
	close(fd);
	return arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pthread_t thread;
	json_t *facts;

	told.data = data;
	told.size = size;
	require(pthread_create(&thread, NULL, tell, NULL) == 0);
	facts = mount_query_ask(".", "/m");
	pthread_join(thread, NULL);
	if (!facts)
		return 0;
	require(*mount_query_text(facts, "path", NULL) || 1);
	(void)mount_query_number(facts, "secrets", NULL);
	(void)mount_query_text(facts, "text", "alarm");
	(void)mount_query_number(facts, "server", "pid");
	(void)mount_query_stands(facts, "alarm");
	json_decref(facts);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char specimen[] = "{\"path\": \"/m\", \"state\": \"serving\", \"secrets\": 3,"
				       " \"alarm\": {\"text\": \"x\", \"standing\": true},"
				       " \"server\": {\"pid\": 7, \"restarts\": 0}}\n";
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)argc, (void)argv;
	fuzz_store(false); /* for its directory */
	paths_socket("/m", a.sun_path);
	told.listens = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(bind(told.listens, (struct sockaddr *)&a, sizeof(a)) == 0);
	require(listen(told.listens, 8) == 0);
	fuzz_specimen(specimen, sizeof(specimen) - 1);
	return 0;
}
