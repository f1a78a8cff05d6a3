/* SPDX-License-Identifier: ISC */
/* docker's file of logins: read by --from-docker-config, and checked as a value. */
#include <unistd.h>

#include "docker.h"
#include "fuzz.h"
#include "json.h"
#include "source.h"

static const char *image_pull[] = {"image_pull"}, *registries[] = {"a.example,b.example"};

/* What the file holds, of all registries or of two. */
static void read_it(const char *path, bool some)
{
	SOURCE_CLEANUP struct source src = {0};
	const char *paths[] = {path};
	struct call c = {0};

	c.values[FLAG_TYPE] = image_pull;
	c.values[FLAG_DOCKER_CONFIG_PATH] = paths;
	c.values[FLAG_REGISTRIES] = registries;
	c.nvalues[FLAG_TYPE] = c.nvalues[FLAG_DOCKER_CONFIG_PATH] = 1;
	c.nvalues[FLAG_REGISTRIES] = some;
	if (docker_find(&c, &src) == 0)
		require(docker_check(src.value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SECRET_CLEANUP struct secret *value = NULL;
	char path[32];
	int fd;

	fuzz_catch();
	if (secret_from(data, size, &value) != 0)
		return 0;
	(void)!docker_check(value);
	fd = fuzz_file(data, size);
	read_it(fuzz_path(fd, path), false);
	read_it(fuzz_path(fd, path), true);
	close(fd);
	fuzz_check_said();
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char specimen[] =
		"{\"auths\": {\"a.example\": {\"auth\": \"dTpw\"}, \"b.example\": {}}, \"credsStore\": \"x\"}";

	(void)argc, (void)argv;
	json_init();
	fuzz_specimen(specimen, sizeof(specimen) - 1);
	fuzz_specimen(
		"{\"auths\": {\"b.example\": {\"auth\": \"dTpw\"}, \"a.example\": {\"x\": 1}}}",
		66);
	return 0;
}
