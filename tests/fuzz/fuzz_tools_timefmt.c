/* SPDX-License-Identifier: ISC */
/* Durations and moments as people type them. */
#include "fuzz.h"
#include "timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256], out[TIMEFMT_SIZE];
	uint64_t seconds = 0, again = 0;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)!timefmt_duration(text, &seconds);
	if (timefmt_parse(text, 1700000000, &seconds) != 0 || !seconds)
		return 0;
	require(seconds > 1700000000);
	require(strlen(timefmt_local(seconds, out)) < TIMEFMT_SIZE);
	if (strlen(timefmt_utc(seconds, out)) == 20) { /* of a year with four digits */
		require(timefmt_parse(out, 1700000000, &again) == 0);
		require(again == seconds);
	}
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("TZ", "Europe/Berlin", 1);
	fuzz_specimen("12h30m", 6);
	fuzz_specimen("2036-02-29", 10);
	fuzz_specimen("2036-02-29T12:30:00+02:00", 25);
	return 0;
}
