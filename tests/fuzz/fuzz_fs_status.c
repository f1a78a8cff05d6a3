/* SPDX-License-Identifier: ISC */
/*
 * What the server writes into the memory it shares with the supervisor, as the supervisor reads it for
 * who asks how the mount is: one line of JSON, printable, whatever stands there.
 */
#include <jansson.h>

#include "fuzz.h"
#include "status_socket.h"

static struct shm *shared;
static struct mount_config config = {.mountpoint = "/m"};
static struct control control = {.since = 1};

/* The input is laid over what is read, again and again. */
static void lay(struct dec *in)
{
	struct stats *s = &shared->status;
	size_t len = (size_t)(in->end - in->p);
	uint8_t *to = (uint8_t *)s;

	shared->handles_high = take_u32(in);
	shared->answered = take_u64(in);
	for (size_t i = 0; len && i < sizeof(*s); i++)
		to[i] = in->p[i % (size_t)(in->end - in->p + !(in->end - in->p))];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dec in = dec_of(data, size);
	struct status_socket r = {.c = &config, .control = &control, .server = 7};
	char *text;
	json_t *j;

	if (size < 16)
		return 0;
	r.state = (enum status_socket_state)(take_u8(&in) % 4);
	lay(&in);
	r.shared = shared;
	text = status_socket_text(&r);
	require(text && strlen(text) < 16384);
	for (const char *p = text; *p; p++)
		require(*p == '\n' ? !p[1] : *p >= 0x20 && *p < 0x7f);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	require(j);
	json_decref(j);
	free(text);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd;

	(void)argc, (void)argv;
	require(shm_new(&fd) == 0 && shm_map(fd, &shared) == 0);
	fuzz_specimen("\1\2\0\0\0\7\0\0\0\0\0\0\0project\"\\\x1b[31m", 28);
	return 0;
}
